"""gradient-spike: a single outsized gradient from which the run does not recover."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.gate import FALL, learning
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.sound import collapse_step

MAD = 1.4826  # median absolute deviation to standard deviation, for a normal distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What a spike did to the loss."""

    severity: Severity
    words: str
    loss: float = math.nan  # median after it


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSpike(Rule):
    """In the middle of the run a gradient many times larger than usual is applied, and the loss pays for it.

    What it sees:
        The norm of the gradient that the optimizer applies, against its own history; and the loss before and after.

    Why it matters:
        One step along such a gradient can undo thousands of good ones. Its cause is mostly a bad batch, a division by something
        near zero, or Adam's memory being out of date.

    Formula:
        With m and σ the median and the scaled median deviation of ln ‖g‖ over up to 128 recorded steps before (8 at least), m
        not below the median of the last five: a spike is ln ‖g‖ > m + 6σ and ‖g‖ > 10·eᵐ. Nothing when the loss does not notice;
        info when it recovers; warning when its median over the steps from 3 to
        30 after the spike stays above that of the 30 before by more than 3 standard errors and a tenth of the loss to be gained
        (three recorded losses on either side at least); critical when the run does not learn any more, or turns non-finite within
        30 steps.

    When it is wrong:
        The gradient of a solved task jumps at every hard sample: the scale is the logarithm, the width is measured, and the loss
        must suffer. Clipped spikes are harmless and not seen, because the applied gradient counts. New data (a curriculum) raise
        gradient and loss for good, too; that cannot be told from here. The first steps are history only. A rate that is too high
        explains repeated spikes; then that is the root.

    What to do:
        Look at that step's batch; clip the gradient norm; skip outlier steps; with Adam lower β₂ to 0.95.

    References:
        OLMo-core skips steps beyond 6 standard deviations over 128 steps; taken on the raw norm that flagged 3 of 51 and 5 of 28
        healthy small runs. Chowdhery et al., PaLM, 2022: spikes come with certain batches in certain states, and restarting
        100 steps earlier without them helps. Notes S2, S30.
    """

    code: ClassVar[str] = "TV603"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("global_grad_norm", "loss")
    min_steps: ClassVar[int] = 9
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = False  # the loss is looked at here, before and after the spike
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-high",  # within a step the gradient comes before the update that is made of it
        "non-finite",
        "loss-spike",
        "loss-divergence",
        "loss-oscillation",
        "loss-not-decreasing",
        "dead-relu",
        "dead-filters",
        "saturated-activation",
        "constant-output",
        "representation-collapse",
        "activation-scale-drift",
        "weight-explosion",
    )
    notes: ClassVar[tuple[str, ...]] = ("S2", "S30", "C1e")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a stretch of batches with wrong labels and an outsized weight, which kills the network",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(200)):
                        optimizer.zero_grad()
                        spoilt = 42 <= i < 52
                        (100 * loss_fn(model(x), (y + 1) % 10) if spoilt else loss_fn(model(x), y)).backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="a batch that is divided by next to nothing",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(300)):
                        optimizer.zero_grad()
                        weight = torch.ones(len(y))
                        weight[0] = 1e-4 if i == 200 else 1.0
                        losses = nn.functional.cross_entropy(model(x), y, reduction="none")
                        (losses / weight).mean().backward()
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a solved task with a batch of one",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = digits(300, batch=1)
            """,
        ),
        Case(
            name="an outlier batch that clipping has tamed",
            program="""
                model = mlp(depth=2, activation=nn.Tanh)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(300)):
                        optimizer.zero_grad()
                        (loss_fn(model(x), y) * (1000.0 if i == 200 else 1.0)).backward()
                        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                        optimizer.step()
            """,
        ),
        Case(
            name="warm restarts of the learning rate",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
                scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=100)
            """,
        ),
    )

    sigmas: float = 6.0  # standard deviations of ln ‖g‖ above its median
    times: float = 10.0  # above the median norm: a narrow history makes six sigmas of nothing
    history: int = 8  # recorded steps before, below which nothing is unusual yet
    recent: int = 5  # recorded steps before, of which a gradient that only grows does not stand out
    window: int = 128  # recorded steps before that are looked at
    recovery: int = 30  # steps in which a loss that recovers has recovered
    errors: float = 3.0  # standard errors between the losses before and after

    def check(self, run: Run) -> Outcome:
        """Look for spikes, then at what the loss did."""
        norms, loss = run.scalar("global_grad_norm", "model"), run.scalar("loss", "train")
        if norms is None or loss is None:
            return self.skip("not measured for the first optimizer")
        norms, end = norms.finite(), collapse_step(run)
        norms, loss = (norms, loss.finite()) if end is None else (norms.between(0, end), loss.finite().between(0, end - 1))
        if len(norms) <= self.history or len(loss) <= self.history:
            return self.too_early(f"{len(norms)} recorded gradient norms; more than {self.history} are needed")
        size, usual = self._against_history(norms.value)
        spikes = np.flatnonzero(size > 1)
        if not spikes.size:
            return self.clean(f"no gradient came near {self.times:g} times its usual norm ({np.nanmax(size):.2g} of the way)")
        harms = {int(i): self._harm(run, loss, int(norms.step[i]), end) for i in spikes}
        felt = {i: h for i, h in harms.items() if h is not None}
        if not felt:
            largest = int(spikes[np.argmax(size[spikes])])
            times = norms.value[largest] / usual[largest]
            return self.clean(
                f"at step {norms.step[largest]} the gradient was {times:.2g} times its usual norm; the loss took no harm"
            )
        worst = max(felt, key=lambda i: (felt[i].severity.rank, -i))
        return (self._finding(norms, worst, float(usual[worst]), len(felt), felt[worst]),)

    def _against_history(self, norm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far each norm went towards what counts as a spike (1: there), and the usual norm before it; both (S,)."""
        logs = np.log(np.maximum(norm, 1e-30))
        size, usual = np.full(len(norm), np.nan), np.full(len(norm), np.nan)
        for i in range(self.history, len(norm)):
            before = logs[max(0, i - self.window) : i]
            sigma = MAD * float(np.median(np.abs(before - np.median(before))))
            middle = float(max(np.median(before), np.median(before[-self.recent :])))
            size[i] = (logs[i] - middle) / max(self.sigmas * sigma, math.log(self.times))
            usual[i] = math.exp(middle)
        return size, usual

    def _harm(self, run: Run, loss: Series, step: int, end: int | None) -> Harm | None:
        """What a spike did to the loss; None when nothing, or too little was recorded to tell."""
        if end is not None and step >= end - self.recovery:
            return Harm(severity=Severity.CRITICAL, words=f"the run is not finite from step {end} on")
        earlier, later = loss.between(-np.inf, step - 1), loss.between(step + 3, np.inf)
        # A sparse log has less than three losses in so many steps; then the nearest three count.
        before = earlier.value[-max(3, len(earlier.between(step - self.recovery, step))) :]
        after = later.value[: max(3, len(later.between(step, step + self.recovery)))]
        if len(before) < 3 or len(after) < 3:
            return None
        level, now, state = median(before), median(after), learning(run)
        noise = 1.25 * _spread(before) * (len(before) ** -0.5 + len(after) ** -0.5)  # 1.25: a median for a mean
        limit = level + max(FALL * abs(state.reference), self.errors * noise)
        if not now > limit:
            jumped = bool((loss.between(step, np.inf).value[:3] > limit + self.errors * _spread(before)).any())
            words = f"the loss came back from it ({level:.3g} before, {now:.3g} after)"
            return Harm(severity=Severity.INFO, words=words, loss=now) if jumped else None
        words = f"the loss was at {level:.3g} before and at {now:.3g} in the {self.recovery} steps after"
        return Harm(severity=Severity.WARNING if state.well else Severity.CRITICAL, words=words, loss=now)

    def _finding(self, norms: Series, index: int, usual: float, count: int, harm: Harm) -> Finding:
        step, observed = int(norms.step[index]), float(norms.value[index])
        more = f" It is one of {count}." if count > 1 else ""
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=harm.severity,
            first_step=step,
            last_step=step,
            summary=f"At step {step} the gradient was {observed / usual:,.0f} times its usual norm; {harm.words}.{more}",
            evidence=(
                Evidence(
                    tag="global_grad_norm/model",
                    observed=observed,
                    high=self.times * usual,
                    sentence=f"gradient norm {observed:.3g} at step {step}, usual before it {usual:.2g}",
                ),
                Evidence(tag="loss/train", observed=harm.loss, sentence=harm.words),
            ),
            remedies=(
                Remedy(
                    change=f"Look at the batch of step {step}: outliers, wrong labels, a division by something near zero.",
                    expect="without that batch the gradient norm passes the step at its usual size",
                ),
                Remedy(
                    change=f"Clip the gradient norm at about {3 * usual:.2g}, above what is usual.",
                    expect="clip_ratio is below 1 at the spike alone, and the loss goes on as before",
                ),
                Remedy(
                    change="With Adam and spikes after calm stretches, lower beta2 to 0.95 and warm the learning rate up.",
                    expect="second_moment_rms stays near 1",
                ),
            ),
            notes=self.notes,
        )


def _spread(values: NDArray[np.float64]) -> float:
    return MAD * float(np.median(np.abs(values - np.median(values))))
