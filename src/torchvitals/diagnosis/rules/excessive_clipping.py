"""excessive-clipping: gradient clipping shortens most steps, by much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.layers import after_warmup
from torchvitals.diagnosis.rule import Case, Rule, Stage

# What divides by the size of its gradients takes the same steps whatever constant they are multiplied by.
SCALE_FREE = frozenset(
    {"Adam", "AdamW", "Adamax", "NAdam", "RAdam", "SparseAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop", "Lion", "Adafactor"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessiveClipping(Rule):
    """Clipping is at work in most steps, so that it sets the step size instead of catching outliers.

    What it sees:
        The norm of the gradient as the optimizer applies it over its norm after the backward pass: 1 where nothing was clipped.

    Why it matters:
        When nearly every gradient is cut to one length, the threshold takes the place of the learning rate, the gradient's own
        size no longer counts, and training crawls as if the rate had been divided.

    Formula:
        Found when c = ‖g applied‖/‖g computed‖ < 0.99 in more than half of the steps after the warm-up. Warning when the median
        of c is below 0.5 and the optimizer's step grows with its gradient (SGD); else info.

    When it is wrong:
        Recipes for large language models clip at 1 throughout, with Adam, which divides by the size of its gradients: info. A
        run that learns well is info at most. Clipping of exploding gradients is right; then that is the root. Warm-up steps
        are not counted.

    What to do:
        Set the threshold near the 90th percentile of the norms seen, or lower the learning rate instead.

    References:
        Godbole et al., Deep Learning Tuning Playbook, 2023: more than half of the steps clipped is far too many; a threshold at
        the 90th percentile is advised. Notes S30, S2.
    """

    code: ClassVar[str] = "TV604"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LOOP  # the threshold is a constant of the loop; a rate that looks too low follows from it
    needs: ClassVar[tuple[str, ...]] = ("manifest", "clip_ratio", "grad_norm_before_clipping")
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("learning-rate-too-low", "loss-not-decreasing", "loss-plateau", "underfitting")
    notes: ClassVar[tuple[str, ...]] = ("S30", "S2")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a norm clipped to a thousandth",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

                def train(vitals):
                    for x, y in digits(200):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
                        optimizer.step()
            """,
        ),
        Case(
            name="values clipped far below those of a convolution",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

                def train(vitals):
                    for x, y in digits(200):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        nn.utils.clip_grad_value_(model.parameters(), 1e-5)
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="clipping as a safety belt",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

                def train(vitals):
                    for x, y in digits(300):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
                        optimizer.step()
            """,
        ),
        Case(
            name="clipped hard in the warm-up only",
            program="""
                model = mlp(depth=2, activation=nn.Tanh)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(300)):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        nn.utils.clip_grad_norm_(model.parameters(), 0.1 if i < 30 else 5.0)
                        optimizer.step()
            """,
        ),
    )

    clipped: float = 0.99  # ratio below which a step counts as clipped: the two norms are summed in different orders
    share: float = 0.5  # of the steps after the warm-up
    heavy: float = 0.5  # median ratio below which clipping has at least halved the typical step
    warmup: int = 20  # steps not counted, where there are later ones

    def check(self, run: Run) -> Outcome:
        """Judge the first optimizer that is clipped in most of its steps."""
        assert run.manifest is not None
        ratios = run.by_subject("clip_ratio")
        judged = {name: s for name, s in ratios.items() if len(s) >= self.min_steps}
        if not judged:
            return self.too_early(f"fewer than {self.min_steps} steps with a known norm before clipping")
        shares = {name: float(self._late(s).mean()) for name, s in judged.items()}
        worst = max(shares, key=lambda name: shares[name])
        if not persistent(self._late(judged[worst]), self.share):
            return self.clean(f"{shares[worst]:.0%} of the steps clipped, healthy up to {self.share:.0%}")
        return (self._finding(run, worst, judged[worst], shares[worst]),)

    def _late(self, ratio: Series) -> np.ndarray:
        """Which of the steps after the warm-up were clipped."""
        late: np.ndarray = ratio.value[after_warmup(ratio.step, self.warmup)] < self.clipped
        return late

    def _finding(self, run: Run, name: str, ratio: Series, share: float) -> Finding:
        assert run.manifest is not None
        late = after_warmup(ratio.step, self.warmup)
        observed = median(ratio.value[late])
        before = run.scalar("grad_norm_before_clipping", name)
        norms = before.finite().value if before is not None else np.empty(0)
        high = float(np.percentile(norms, 90)) if norms.size else float("nan")
        harmful = observed < self.heavy and not SCALE_FREE.issuperset(run.manifest.optimizers)
        aside = (
            ""
            if harmful or observed >= self.heavy
            else "; the optimizer divides by the size of its gradients, so little is lost"
        )
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if harmful else Severity.INFO,
            first_step=first_true(ratio.value < self.clipped, ratio.step) or 0,
            last_step=int(ratio.step[-1]),
            summary=f"{share:.0%} of the steps are clipped, the typical one to {observed:.2g} of its length{aside}.",
            evidence=(
                Evidence(
                    tag=f"clip_ratio/{name}",
                    observed=observed,
                    low=self.clipped,
                    high=1.0,
                    unit="fraction",
                    sentence=f"{observed:.2g} of the gradient is left (median); {share:.0%} of the steps clipped, healthy up to {self.share:.0%}",
                ),
                Evidence(
                    tag=f"grad_norm_before_clipping/{name}",
                    observed=high,
                    sentence=f"90 % of the gradient norms are below {high:.2g} before clipping",
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Raise the threshold to about {high:.2g}, the 90th percentile of the norms seen.",
                    expect="clip_ratio is 1 in nine steps of ten and the update ratio lies near 1e-3",
                ),
                Remedy(
                    change="If that makes the loss jump, lower the learning rate, and clip only the outliers.",
                    expect="the loss falls without jumps and less than half of the steps are clipped",
                ),
            ),
            notes=self.notes,
        )
