"""precision-loss: half-precision weights that are too coarse for their updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.wording import listed, modules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionLoss(Rule):
    """Most updates are smaller than the distance to the next number that the weights can hold, and are lost.

    What it sees:
        For weights kept in bfloat16 or float16: the share of the elements with a gradient that a step left exactly where they
        were.

    Why it matters:
        A rounded-away update does not wait for the next one: a hundred of them still add up to nothing. Training stands still at
        a learning rate that would be right in float32.

    Formula:
        r = share of elements with g ≠ 0 and Δw = 0. Found when r > 0.5 for at least half of the half-precision weights, in at
        least half of the recorded steps.

    When it is wrong:
        Weights in half precision that learn well all the same (large steps, stochastic rounding) are info at most: some rounding
        is normal there. Autocast keeps the weights in float32 and is not concerned. At the end of a schedule, or of a solved
        task, small updates are lost in good health; the learning gate covers both.

    What to do:
        Keep float32 weights and use autocast, or an optimizer with float32 master weights or stochastic rounding.

    References:
        bfloat16 keeps 8 significant bits: a change below |w|/512 is lost; float16 11 bits, |w|/4096 (torch.finfo). Micikevicius
        et al., Mixed Precision Training, 2018, keep a float32 copy for this reason. Notes C2c.
    """

    code: ClassVar[str] = "TV102"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.NUMERICS
    needs: ClassVar[tuple[str, ...]] = ("manifest", "rounded_updates")
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "weights-not-updating",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "constant-output",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2c",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="bfloat16 weights at a small rate",
            program="""
                model = mlp(depth=2, activation=nn.ReLU).bfloat16()
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
                batches = [(x.bfloat16(), y) for x, y in digits(200)]
            """,
        ),
        Case(
            name="Adam on a bfloat16 tanh network",
            program="""
                model = mlp(depth=3, activation=nn.Tanh).bfloat16()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
                batches = [(x.bfloat16(), y) for x, y in digits(200)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="autocast with float32 weights",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def train(vitals):
                    for x, y in digits(200):
                        optimizer.zero_grad()
                        with torch.autocast("cpu", dtype=torch.bfloat16):
                            loss = loss_fn(model(x), y)
                        loss.backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="bfloat16 weights with steps that are large enough",
            program="""
                model = mlp(depth=1, activation=nn.ReLU).bfloat16()
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
                batches = [(x.bfloat16(), y) for x, y in digits(200)]
            """,
        ),
    )

    rounded: float = 0.5  # share of a weight's elements that a step left where they were
    share: float = 0.5  # of the recorded steps, and of the half-precision weights, for which it must hold

    def check(self, run: Run) -> Outcome:
        """Judge every weight that is kept in half precision."""
        assert run.manifest is not None
        matrices = {p.name for p in run.manifest.parameters if len(p.shape) >= 2}
        found = run.by_subject("rounded_updates")
        judged = {n: s for n, s in found.items() if n in matrices and len(s) >= self.min_steps // 2} or dict(found)
        lost = {name: s for name, s in judged.items() if persistent(~(s.value <= self.rounded), self.share)}
        typical = median(np.array([median(s.value) for s in judged.values()]))
        if len(lost) < self.share * len(judged):
            return self.clean(f"{typical:.0%} of the updates rounded away in the typical half-precision weight")
        return (self._finding(lost, typical),)

    def _finding(self, lost: dict[str, Series], typical: float) -> Finding:
        names = list(lost)
        worst = max(lost, key=lambda n: median(lost[n].value))
        series = lost[worst]
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            modules=modules_of(names),
            first_step=first_true(~(series.value <= self.rounded), series.step) or 0,
            last_step=int(series.step[-1]),
            summary=f"{typical:.0%} of the updates of the half-precision weights are rounded away ({listed(names)}).",
            evidence=(
                Evidence(
                    tag=f"rounded_updates/{worst}",
                    observed=median(series.value),
                    low=0.0,
                    high=self.rounded,
                    unit="fraction",
                    sentence=f"{median(series.value):.0%} of {worst} have a gradient and do not move (median over the steps)",
                ),
            ),
            remedies=(
                Remedy(
                    change="Keep the weights in float32 and run the forward pass in torch.autocast.",
                    expect="rounded_updates is no longer recorded and the update ratio lies near 1e-3",
                ),
                Remedy(
                    change="Or use an optimizer that keeps float32 master weights, or rounds stochastically.",
                    expect="the loss falls at the same learning rate",
                ),
                Remedy(
                    change="Failing both, raise the learning rate until a step is more than 1/256 of the weights.",
                    expect="the share of rounded updates falls below one half",
                ),
            ),
            notes=self.notes,
        )
