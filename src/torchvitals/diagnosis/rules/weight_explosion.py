"""weight-explosion: weights grow without end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import table, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.wording import listed, modules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightExplosion(Rule):
    """Weights grow to many times the size they began with, keep growing, and nothing is learned by it.

    What it sees:
        The norm of each weight from the beginning to the end of the run.

    Why it matters:
        Growing weights multiply signal and gradient in every layer. They end in saturation or infinity. A loss with no lower
        bound, or one that is climbed instead of descended (a wrong sign), pulls at them for ever.

    Formula:
        G = ‖w‖ at the end / max(‖w‖ at the start, √(n_out/3)), the second being the norm that PyTorch gives a linear layer at
        birth. Found when G > 10 and ‖w‖ grew by more than 2 % in the last quarter of the run.

    When it is wrong:
        Weights that go straight into a normalisation layer are left out: their size changes nothing, and they grow by
        mathematics. Tensors that start near zero (LoRA, heads, gates) are measured against ordinary weights instead. Embeddings
        are left out. A run that learns well is info at most, unless its loss has fallen to less than ten times below where it
        began, under zero, where nothing holds it. Growth that has come to rest is not found.

    What to do:
        Look at the sign and the lower bound of the loss first; then lower the learning rate and add weight decay.

    References:
        TheDeepChecker (Ben Braiek & Khomh, 2022) asks for a doubling in five windows in a row; ×10 over a run is the limit of
        torchmortem's growth check. van Laarhoven, L2 Regularization versus Batch and Weight Normalization, 2017, on
        weights before a norm. Notes C1b, S13.
    """

    code: ClassVar[str] = "TV506"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LEARNING_RATE
    needs: ClassVar[tuple[str, ...]] = ("manifest", "weight_norm")
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = False  # the gate would take a loss that falls for ever as learning
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "exploding-gradient",
        "gradient-spike",
        "saturated-activation",
        "dead-relu",
        "dead-filters",
        "activation-scale-drift",
        "constant-output",
        "loss-divergence",
        "loss-spike",
        "loss-oscillation",
        "loss-not-decreasing",
        "noisy-filters",
        "recurrent-gradient-growth",
    )
    notes: ClassVar[tuple[str, ...]] = ("C1b", "S13")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a decay written by hand with the wrong sign",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=5e-3)

                def train(vitals):
                    for x, y in digits(80):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
                        with torch.no_grad():
                            for p in model.parameters():
                                p.mul_(1 + 0.05)
            """,
        ),
        Case(
            name="a loss that is climbed",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, maximize=True)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a head and an adapter that start at zero",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                nn.init.zeros_(model[4].weight)
                nn.init.normal_(model[2].weight, std=1e-4)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="weights before batch norm without decay",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10),
                )
                nn.init.normal_(model[0].weight, std=1e-3)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            """,
        ),
    )

    growth: float = 10.0  # times the larger of its norm at the start and that of ordinary weights
    onset: float = 1.2  # times its size from which a weight that ends so large is on its way
    going_on: float = 1.02  # growth from three quarters of the run to its end that shows it has not come to rest

    def check(self, run: Run) -> Outcome:
        """Judge every weight whose size has an effect."""
        assert run.manifest is not None
        normed = {m.name for m in run.manifest.modules if m.before_norm}
        layers = [p for p in weights(run) if p.optimized and p.module not in normed]
        steps, norm = table(run, "weight_norm", layers)
        if steps.size < self.min_steps:
            return self.skip("no weight that is trained and not normalised was recorded often enough")
        reference = np.maximum(norm[0], [math.sqrt(p.shape[0] / 3) for p in layers])
        times = norm / reference
        later = steps >= steps[0] + 0.75 * (steps[-1] - steps[0])
        growing = norm[-1] > self.going_on * norm[later][0]
        bad = (times[-1] > self.growth) & growing
        if not bad.any():
            return self.clean(
                f"the fastest weight ended at {np.nanmax(times[-1]):.2g} times its start, healthy to {self.growth:g}"
            )
        found = [p for p, b in zip(layers, bad, strict=True) if b]
        return (self._finding(found, steps, norm[:, bad], times[:, bad], self._severity(run)),)

    def _severity(self, run: Run) -> Severity:
        state = learning(run)
        bottomless = state.current < -self.growth * abs(state.initial)
        return Severity.INFO if state.well and not bottomless else self.severity

    def _finding(
        self,
        found: list[ParameterInfo],
        steps: NDArray[np.int64],
        norm: NDArray[np.float64],
        times: NDArray[np.float64],
        severity: Severity,
    ) -> Finding:
        worst = int(np.argmax(times[-1]))
        names = [p.name for p in found]
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=severity,
            module=modules_of([names[worst]])[0],
            modules=modules_of(names),
            first_step=first_true(times.max(axis=1) > self.onset, steps) or 0,
            last_step=int(steps[-1]),
            summary=f"The weights grow without end: {listed(names)} {median(times[-1]):.2g} times as large as at the start.",
            evidence=(
                Evidence(
                    tag=f"weight_norm/{names[worst]}",
                    observed=float(norm[-1, worst]),
                    high=float(self.growth * norm[-1, worst] / times[-1, worst]),
                    sentence=f"‖w‖ of {names[worst]} went from {norm[0, worst]:.3g} to {norm[-1, worst]:.3g} and still grows",
                ),
            ),
            remedies=(
                Remedy(
                    change="Check the sign of the loss and that it has a lower bound (log-probabilities into NLLLoss, no maximize=True).",
                    expect="the loss falls and levels off above its bound, and the weight norms with it",
                ),
                Remedy(
                    change="Lower the learning rate by 3 to 10.",
                    expect="the weight norms change by less than a factor of two over the run",
                ),
                Remedy(
                    change="Add weight decay (1e-4 for SGD, 1e-2 for AdamW).",
                    expect="the weight norms level off",
                ),
            ),
            notes=self.notes,
        )
