"""train-eval-gap: the same weights and samples give another loss in evaluation mode than in training mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Steps
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.curves import Values
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage

PROBED = """
    x_fixed, y_fixed = next(digits(1, batch=64))

    def train(vitals):
        for step, (x, y) in enumerate(digits(250)):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
            if step % 10 == 0:
                with torch.no_grad():
                    in_training = loss_fn(model(x_fixed), y_fixed)
                    model.eval()
                    vitals.log(**{"loss/probe": loss_fn(model(x_fixed), y_fixed), "loss/probe_train": in_training})
                    model.train()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEvalGap(Rule):
    """In evaluation mode the network is far worse on the very samples on which it does well in training mode.

    What it sees:
        The loss of one fixed batch in both modes, with the same weights: `loss/probe` and `loss/probe_train`, recorded when
        `watch` is given a `probe`.

    Why it matters:
        Only the modes differ, so what differs is not what was learned: running statistics that lag behind, a dropout that does
        not rescale right, a preprocessing that only training has. What is deployed is the evaluation mode.

    Formula:
        r = L_eval/L_train of the same batch; found when r > 2 and L_eval − L_train > 5 % of the reference loss in at least half of
        the probes after step 50, at least three.

    When it is wrong:
        Running statistics with momentum 0.1 need some 50 steps; those are left out. Dropout makes evaluation better, not
        worse. Near zero any ratio happens, hence the share of the reference loss. A validation loss above the training loss
        is another matter: other samples.

    What to do:
        Find the module that behaves differently: batch norm, dropout, anything that asks `self.training`.

    References:
        Measured ratios: at most 1.54 in healthy runs with batch norm (batch sizes 2 to 64), 6.3 with its momentum at 0.001.
        TheDeepChecker accepts 0.5 of relative difference. Notes S27.
    """

    code: ClassVar[str] = "TV913"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.GENERALISATION
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("overfitting", "label-noise")
    notes: ClassVar[tuple[str, ...]] = ("S27",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a dropout by hand that rescales twice",
            program=f"""
    class Drop(nn.Module):
        def forward(self, x):
            return 4 * x * (torch.rand_like(x) > 0.5) if self.training else x

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), Drop(), nn.Linear(128, 128), nn.ReLU(), Drop(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
{PROBED}
""",
        ),
        Case(
            name="pixels inverted in training only",
            program=f"""
    class Invert(nn.Module):
        def forward(self, x):
            return (1 - x if self.training else x).view(-1, 1, 8, 8)

    model = nn.Sequential(Invert(), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
{PROBED}
""",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="batch norm as it comes",
            program=f"""
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
{PROBED}
""",
        ),
        Case(
            name="dropout of a half",
            program=f"""
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
{PROBED}
""",
        ),
    )

    ratio: float = 2.0  # of the losses in both modes; healthy ones were at most 1.54
    share: float = 0.05  # of the reference loss by which they must differ
    probes: float = 0.5  # share of the probes in which both must hold
    warmup: int = 50  # steps: five times 1/momentum of batch norm
    count: int = 3  # probes after the warm-up, at the least

    def check(self, run: Run) -> Outcome:
        """Both modes, probe by probe."""
        step, evaluation, training = self._both(run)
        if len(step) < self.count:
            return self.skip(
                f"fewer than {self.count} losses of a fixed batch in both modes after step {self.warmup}; give `watch` a probe"
            )
        scale = abs(learning(run).reference)
        scale = scale if np.isfinite(scale) else float(np.abs(training).max())
        apart = ~np.isfinite(evaluation) | ((evaluation > self.ratio * training) & (evaluation - training > self.share * scale))
        ratio = evaluation / np.where(training > 0, training, np.nan)
        if not persistent(apart, self.probes):
            return self.clean(
                f"loss in evaluation over training mode {median(ratio):.3g} (median), healthy up to {self.ratio:g}"
            )
        return (self._finding(step, evaluation, training, apart),)

    def _both(self, run: Run) -> tuple[Steps, Values, Values]:
        """Steps of both losses past the warm-up, and the losses; a training loss that is not finite compares with nothing."""
        evaluation, training = run.scalar("loss", "probe"), run.scalar("loss", "probe_train")
        if evaluation is None or training is None:
            return np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
        step, i, j = np.intersect1d(evaluation.step, training.step, return_indices=True)
        keep = (step >= self.warmup) & np.isfinite(training.value[j])
        return step[keep], evaluation.value[i][keep], training.value[j][keep]

    def _finding(self, step: Steps, evaluation: Values, training: Values, apart: np.ndarray) -> Finding:
        there, here = median(evaluation[apart]), median(training[apart])
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=first_true(apart, step) or 0,
            last_step=int(step[-1]),
            summary=f"The same batch and weights: loss {here:.3g} in training mode, {there:.3g} in evaluation mode.",
            evidence=(
                Evidence(
                    tag="loss/probe",
                    observed=there,
                    high=self.ratio * here,
                    sentence=f"{there:.3g} against {here:.3g} (`loss/probe_train`), in {apart.mean():.0%} of {len(step)} probes",
                ),
            ),
            remedies=(
                Remedy(
                    change="Look at every module that asks for `self.training`: both branches must have the same expectation.",
                    expect="the two losses of the probe lie within a factor of 1.5",
                ),
                Remedy(
                    change="Batch norm: momentum 0.1, batches of 16 and more, or group or layer norm instead.",
                    expect="its running mean lies within one standard deviation of the batches' mean",
                ),
                Remedy(
                    change="Put the preprocessing into the data set, where both modes get it.",
                    expect="`loss/probe` follows `loss/probe_train` from the first hundred steps on",
                ),
            ),
            notes=self.notes,
        )
