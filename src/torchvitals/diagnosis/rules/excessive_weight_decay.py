"""excessive-weight-decay: the decay pulls harder at the weights than the data do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.layers import row_median, table, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage

DECOUPLED = frozenset({"AdamW", "Lion", "Adafactor"})  # decay the weights themselves, not through the gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessiveWeightDecay(Rule):
    """Weight decay overwhelms the gradient: the weights shrink towards zero, and what was learned goes with them.

    What it sees:
        The pull of the decay against the pull of the data on each weight, for as long as the weights are on their way down.

    Why it matters:
        Decay takes the share η·λ of a weight at every step. Where that is more than the data give back, the layers fade, the
        signal with them, and the network ends as a constant prediction.

    Formula:
        The median weight's norm falls below half of its start, and on at least half of the recorded steps until then the decay
        dominates: λ·‖w‖ ≥ 2·‖g‖ where it goes through the gradient (SGD, Adam), η·λ ≥ 0.8·‖Δw‖/‖w‖ where it is decoupled
        (AdamW), that is, the change measured is the decay and little else.

    When it is wrong:
        A network that fits its data has small gradients, so that decay may dominate in good health: such a run learns well and is
        info at most. Weights before a normalisation layer may shrink freely; the learning gate covers that, too. Of several
        groups the smallest decay above 0 counts.

    What to do:
        Divide the decay by 10 until the weights keep their size; then cross-validate in orders of magnitude.

    References:
        TheDeepChecker (Ben Braiek & Khomh, 2022) takes twice the gradient of the loss as overwhelming. Loshchilov & Hutter,
        Decoupled Weight Decay Regularization, 2019: 1e-2 for AdamW. Notes S15, O8.
    """

    code: ClassVar[str] = "TV505"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LEARNING_RATE
    needs: ClassVar[tuple[str, ...]] = ("manifest", "weight_decay", "learning_rate", "weight_norm", "grad_norm", "update_ratio")
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-high",
        "learning-rate-too-low",
        "vanishing-gradient",
        "zero-gradient",
        "activation-scale-drift",
        "constant-output",
        "representation-collapse",
        "dead-relu",
        "dead-filters",
        "duplicate-filters",
        "adam-epsilon-dominance",
        "loss-not-decreasing",
        "loss-plateau",
        "loss-divergence",
        "underfitting",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S15", "O8")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="SGD with a decay of 0.3",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.3)
            """,
        ),
        Case(
            name="Adam with the decay in the gradient",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=0.1)
            """,
        ),
        Case(
            name="AdamW with a decay of 100",
            program="""
                model = mlp(depth=4, activation=nn.Tanh)
                optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=100.0)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="AdamW with its usual decay",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
            """,
        ),
        Case(
            name="SGD with momentum and 5e-4, fitted until the gradient is small",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
                batches = list(digits(5)) * 60
            """,
        ),
        Case(
            name="decay of the weights before batch norm",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
                    nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10),
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-3)
            """,
        ),
    )

    coupled: float = 2.0  # λ‖w‖/‖g‖ from which decay overwhelms the gradient it is added to
    decoupled: float = 0.8  # ηλ/(‖Δw‖/‖w‖) from which the change measured is the decay and little else
    shrunk: float = 0.5  # of its norm at the start, below which the median weight has faded
    share: float = 0.5  # of the recorded steps until then in which decay must dominate

    def check(self, run: Run) -> Outcome:
        """Follow the weights down, and ask what pulled."""
        assert run.manifest is not None
        decay, rate = self._constants(run)
        layers = [p for p in weights(run) if p.optimized]
        steps, norm = table(run, "weight_norm", layers)
        if not (decay > 0 and rate > 0 and steps.size >= self.min_steps):
            return self.skip("no weight decay above 0 on weights that were recorded")
        left = row_median(np.divide(norm, norm[0], out=np.full_like(norm, math.nan), where=norm[0] > 0))
        apart = bool(DECOUPLED.intersection(run.manifest.optimizers))
        dominance = self._decoupled(run, decay * rate) if apart else self._coupled(run, decay)
        limit = self.decoupled if apart else self.coupled
        faded = first_true(left < self.shrunk, steps)
        until = steps <= (faded if faded is not None else steps[-1])
        if dominance.shape != steps.shape:
            return self.skip("gradients and weights were not recorded on the same steps")
        strong = dominance >= limit
        if faded is None or not persistent(strong[until], self.share):
            what = "ηλ over the update ratio" if apart else "decay over gradient"
            return self.clean(
                f"weights end at {left[-1]:.2g} of their start, {what} {median(dominance):.2g}, healthy below {limit:g}"
            )
        onset = first_true(strong, steps) or 0
        return (self._finding(run, (onset, int(steps[-1])), float(left[-1]), median(dominance[until]), apart=apart),)

    @staticmethod
    def _constants(run: Run) -> tuple[float, float]:
        """The smallest decay above 0, and the typical learning rate of its group; NaN where there is none."""
        found = {group: median(s.value[s.value > 0]) for group, s in run.by_subject("weight_decay").items()}
        groups = sorted((value, group) for group, value in found.items() if value > 0)
        if not groups:
            return math.nan, math.nan
        decay, group = groups[0]
        rate = run.scalar("learning_rate", group)
        return decay, math.nan if rate is None else median(rate.value)

    @staticmethod
    def _coupled(run: Run, decay: float) -> NDArray[np.float64]:
        """λ‖w‖/‖g‖ of the median weight at every step (S,); where there is no gradient the decay is alone: ∞."""
        layers = [p for p in weights(run) if p.optimized]
        _, norm = table(run, "weight_norm", layers)
        _, gradient = table(run, "grad_norm", layers)
        if norm.shape != gradient.shape:
            return np.empty(0)
        pull = np.divide(decay * norm, gradient, out=np.full_like(norm, math.inf), where=gradient != 0)
        middle: NDArray[np.float64] = np.median(np.where(np.isnan(pull), 0.0, pull), axis=1)  # NaN: the decay is not to blame
        return middle

    @staticmethod
    def _decoupled(run: Run, share: float) -> NDArray[np.float64]:
        """ηλ over the measured ‖Δw‖/‖w‖ of the median weight at every step (S,)."""
        ratio = row_median(table(run, "update_ratio", [p for p in weights(run) if p.optimized])[1])
        return np.divide(share, ratio, out=np.zeros_like(ratio), where=ratio > 0)

    def _finding(self, run: Run, span: tuple[int, int], left: float, dominance: float, *, apart: bool) -> Finding:
        decay, rate = self._constants(run)
        heaviest = max((p for p in weights(run) if p.optimized), key=lambda p: p.size)
        norm = run.scalar("weight_norm", heaviest.name)
        assert norm is not None
        what = f"the decay is {dominance:.2g} of the change measured" if apart else f"λ·‖w‖ is {dominance:.2g} times ‖g‖"
        limit = self.decoupled if apart else self.coupled
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=span[0],
            last_step=span[1],
            summary=f"Weight decay of {decay:g} pulls harder than the data: the weights end at {left:.1g} of their size.",
            evidence=(
                Evidence(
                    tag=f"weight_norm/{heaviest.name}",
                    observed=float(norm.value[-1]),
                    low=self.shrunk * float(norm.value[0]),
                    sentence=f"‖w‖ of {heaviest.name} went from {norm.value[0]:.3g} to {norm.value[-1]:.2g}",
                ),
                Evidence(
                    tag="weight_decay/group0",
                    observed=dominance,
                    high=limit,
                    unit="ratio",
                    sentence=f"while the weights shrank {what} (median), healthy below {limit:g}",
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Divide the weight decay by 10 (to {decay / 10:g}), and again until the weights keep their size.",
                    expect="the weight norms stay within a factor of two of their start and the loss falls",
                ),
                Remedy(
                    change=f"Mind the product with the learning rate: it takes {rate * decay:.2g} of every weight at each step.",
                    expect="learning rate times decay is far below the update ratio",
                ),
            ),
            notes=self.notes,
        )
