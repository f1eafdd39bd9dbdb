"""loss-spike: the loss jumps far out of its own noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.curves import adversarial, batch_size, finite_loss, latest, noise
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpike(Rule):
    """The training loss jumps far out of its noise, and takes long to come back or does so again and again.

    What it sees:
        Each recorded loss against the median and the scatter of those before it, in the logarithm where losses are positive.

    Why it matters:
        A jump that the next batches do not share was a bad batch. One that they share has changed the weights: steps of work are
        lost, and Adam's second moments stay distorted for as long as they remember.

    Formula:
        z = (ln L − median of the last 16)/max(σ, 0.05), where σ is the noise from loss to loss, 1.4826·median|Δ ln L|/√2, over the
        last 64 recorded losses, at least 40; a spike has z > 6 and rises by
        more than a quarter of the reference loss L_ref, and by more than 4·L_ref/n for n samples a batch. Warning when the losses of
        the next 20 steps are still more than half way up, or at three separate spikes; two are info, a single one that is over
        at once is only mentioned. One that lasts to the end is loss-divergence.

    When it is wrong:
        Near zero a loss jumps by large factors for nothing; the rise must be a quarter of the loss of a constant prediction.
        In small batches a single hard sample is enough for a jump, hence 4·L_ref/n. A short last batch gives a single point. A change of the data looks the same and is one. Between recorded steps spikes are missed, not invented.

    What to do:
        Find out whether the batch or the step did it; skip the batch, clip the gradient, or lower Adam's β₂.

    References:
        OLMo's trainer skips steps at 6 standard deviations over 128; PaLM restarted about 100 steps back and skipped 200 to 500
        batches. Lightning's 2 × mean of 10 fired in 18 of 51 healthy small runs, 6 standard deviations alone in 3. Notes S9.
    """

    code: ClassVar[str] = "TV804"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LOSS
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 44
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ("S9", "S30")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="thirty batches with the wrong labels",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=7e-4)
                batches = [(x, (y + 5) % 10 if 225 <= i < 255 else y) for i, (x, y) in enumerate(digits(300))]
            """,
        ),
        Case(
            name="a file in other units in a regression",
            program="""
                model = mlp(depth=1, width=32, activation=nn.Tanh, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                loss_fn = nn.L1Loss()
                batches = [
                    (x, x[:, 20:40].mean(1, keepdim=True) * (30 if 225 <= i < 255 else 1)) for i, (x, _) in enumerate(digits(300))
                ]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="batches of two",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
                batches = list(digits(300, batch=2))
            """,
        ),
        Case(
            name="a loss that has come down to next to nothing",
            program="""
                model = mlp(depth=2, width=128, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
                batches = list(digits(25)) * 12
            """,
        ),
    )

    sigmas: float = 6.0  # of its own noise above the median of the losses before it
    rise: float = 0.25  # of the reference loss by which it must rise
    sample: float = 4.0  # times the reference loss that one hard sample may have: in a batch of n it makes a rise of 4/n
    floor: float = 0.05  # smallest scatter of ln L that is believed
    window: int = 64  # losses before it whose noise is taken
    recent: int = 16  # of them whose median is the level it jumps from
    history: int = 40  # of them at least
    recovery: int = 20  # steps within which a harmless spike is over
    many: int = 3  # separate spikes that are no accident

    def check(self, run: Run) -> Outcome:
        """Every loss against those before it."""
        loss = finite_loss(run, "train")
        if loss is None or len(loss) < self.min_steps:
            return self.skip(f"fewer than {self.min_steps} finite losses")
        if adversarial(run):
            return self.skip("several optimizers: adversarial losses jump")
        highest, spikes = self._spikes(loss, self._least_rise(run))
        if len(spikes) == 1 and not spikes[0][3]:
            jump = f"{spikes[0][2]:.2g}σ at step {int(loss.step[spikes[0][0]])}"
            return self.clean(f"one jump of {jump}, which was over within {self.recovery} steps")
        if not spikes:
            return self.clean(f"no loss above {self.sigmas:g}σ of those before it that matters; the farthest {highest:.2g}σ")
        return (self._finding(loss, spikes),)

    def _least_rise(self, run: Run) -> float:
        """A rise that neither the noise of small losses nor one hard sample of a small batch makes."""
        scale, n = abs(learning(run).reference), batch_size(run)
        return max(self.rise, self.sample / n if n >= 1 else 0.0) * scale

    def _spikes(self, loss: Series, least: float) -> tuple[float, list[tuple[int, float, float, bool]]]:
        """The largest z, and index, median before, z and whether it lasted of every separate spike."""
        positive = bool((loss.value > 0).all())
        value = np.log(loss.value) if positive else loss.value
        floor = self.floor if positive else self.floor * least / self.rise
        found: list[tuple[int, float, float, bool]] = []
        highest, free, end = 0.0, 0, median(latest(loss, 0.1).value)
        for i in range(self.history, len(loss)):
            spread = max(noise(value[max(0, i - self.window) : i]), floor)
            if spread <= 0:  # a loss that is zero all the time
                continue
            z = float(value[i] - np.median(value[i - self.recent : i])) / spread
            highest = max(highest, z)
            base = float(np.median(loss.value[i - self.recent : i]))
            if loss.step[i] < free or z <= self.sigmas or not loss.value[i] - base > least:
                continue
            free = int(loss.step[i]) + self.recovery + 1
            if end > base + (float(loss.value[i]) - base) / 2:
                continue  # it never came back: a divergence, not a spike
            found.append((i, base, z, self._lasted(loss, i, base)))
        return highest, found

    def _lasted(self, loss: Series, i: int, base: float) -> bool:
        """Whether the losses of the steps after it, three at least, are still more than half way up."""
        near = max(int(np.searchsorted(loss.step, loss.step[i] + self.recovery, side="right")), i + 4)
        after = loss.value[i + 1 : near]
        return len(after) >= 3 and float(np.median(after)) > base + (float(loss.value[i]) - base) / 2

    def _finding(self, loss: Series, spikes: list[tuple[int, float, float, bool]]) -> Finding:
        lasting = [s for s in spikes if s[3]]
        i, base, z, _ = max(lasting or spikes, key=lambda s: s[2])
        peak, step = float(loss.value[i]), int(loss.step[i])
        bad = bool(lasting) or len(spikes) >= self.many
        fate = "and stays up" if lasting else f"; {len(spikes)} such jumps" if bad else "and is back at once"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if bad else Severity.INFO,
            first_step=min(int(loss.step[s[0]]) for s in (lasting or spikes)),
            last_step=int(loss.step[spikes[-1][0]]),
            summary=f"The loss jumps from {base:.3g} to {peak:.3g} at step {step} {fate}.",
            evidence=(
                Evidence(
                    tag="loss/train",
                    observed=z,
                    high=self.sigmas,
                    unit="σ",
                    sentence=f"{peak:.3g} at step {step} lies {z:.2g}σ above the median {base:.3g} of the losses before it",
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Look at the batches from step {step} on: inputs, labels, units.",
                    expect="evaluated with weights from before that step, a sound batch has the usual loss",
                ),
                Remedy(
                    change="Clip the gradient norm at its usual 90th percentile and skip steps whose loss is an outlier.",
                    expect="the losses after such a batch are at the level before it",
                ),
                Remedy(
                    change="If good batches do it, lower the learning rate, or Adam's β₂ to 0.95.",
                    expect="the jumps get smaller and rarer",
                ),
            ),
            notes=self.notes,
        )
