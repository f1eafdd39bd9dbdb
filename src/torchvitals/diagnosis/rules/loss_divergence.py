"""loss-divergence: the loss loses what it had gained, or climbs far above its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.curves import adversarial, blocks, error_of_median, finite_loss, latest, span
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LossDivergence(Rule):
    """The training loss has risen back to where it started, or far beyond, and stays there.

    What it sees:
        The medians of ten equal stretches of the training loss: the lowest against the last.

    Why it matters:
        The weights of the end are worse than weights the run has had already. What was gained is lost, and steps of this kind
        will not bring it back.

    Formula:
        With L_ref the lower of the initial loss and that of the best constant prediction, L_low the lowest and L_end the last
        stretch: found when L_ref − L_low ≥ 0.1·|L_ref| and L_end − L_low ≥ 0.9·(L_ref − L_low), or when L_end exceeds the initial
        loss by |L_ref|. L_end − L_low must be six standard errors, and four fifths of the last stretch must be high. Found as well
        when the loss is higher in each fifth of the run than in the one before, by 0.05·|L_ref| and six standard errors in all.

    When it is wrong:
        A warm restart or a cyclic learning rate raises the loss for a while; it loses little of the gain, and not at the end for
        a tenth of the run. A curriculum that turns to harder data does what is seen here, on purpose. Losses of several
        optimizers (adversarial training) are not meant to fall and are skipped. Differences, not ratios, are compared, so that
        negative losses (likelihoods, ELBO) are judged like others.

    What to do:
        Look at what changed at the step named: the data, the learning rate, the loss itself. Go back to weights from before it.

    References:
        TheDeepChecker (loss twice its minimum over a window) and the loss cap of llm-foundry are the published forms; comparing
        with what had been gained keeps losses near zero from looking like a divergence. Notes S9.
    """

    code: ClassVar[str] = "TV803"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LOSS
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("loss-not-decreasing", "loss-spike", "loss-oscillation", "loss-plateau")
    notes: ClassVar[tuple[str, ...]] = ("S9",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="labels that are renumbered on the way",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
                batches = [(x, y if i < 230 else (y + 5) % 10) for i, (x, y) in enumerate(digits(270))]
            """,
        ),
        Case(
            name="a regression whose targets turn over",
            program="""
                model = mlp(depth=1, width=16, activation=nn.Tanh, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [
                    (x, (x[:, 20:40].mean(1, keepdim=True) - 0.4) * (5 if i < 250 else -15)) for i, (x, _) in enumerate(digits(300))
                ]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="warm restarts of the learning rate",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
                scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=60)
            """,
        ),
        Case(
            name="a loss that turns negative",
            program="""
                model = mlp(depth=2, activation=nn.Tanh, outputs=2)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def loss_fn(out, y):
                    return (0.5 * (y - out[:, :1]) ** 2 * torch.exp(-out[:, 1:]) + 0.5 * out[:, 1:]).mean()

                batches = [(x, 0.5 * x[:, 20:40].mean(1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    gain: float = 0.1  # of the reference loss that must have been gained before it can be lost; the gate's own share
    lost: float = 0.9  # of the gain that is lost at the end
    errors: float = 6.0  # standard errors of the last stretch by which it must lie above the lowest
    stretches: int = 5  # of the run, in each of which a loss that climbs is higher
    climb: float = 0.05  # of the reference, by which it must rise in all
    share: float = 0.8  # of the last stretch's points that must be more than half way up
    span: int = 40  # steps below which ten stretches mean nothing

    def check(self, run: Run) -> Outcome:
        """The end against the best."""
        loss = finite_loss(run, "train")
        if loss is None or len(loss) < self.min_steps or span(loss) < self.span:
            return self.skip(f"fewer than {self.min_steps} finite losses over {self.span} steps")
        if adversarial(run):
            return self.skip("several optimizers: adversarial losses are not meant to fall")
        initial, reference = median(loss.value[:3]), learning(run).reference
        middles, starts = blocks(loss, 10)
        low, end = float(middles.min()), latest(loss, 0.1)
        final = median(end.value)
        rise, gained, scale = final - low, reference - low, abs(reference)
        back = gained >= self.gain * scale and rise >= self.lost * gained
        beyond = final - initial > scale
        half = low + rise / 2
        lasting = float((end.value > half).mean()) >= self.share and rise > self.errors * error_of_median(end.value)
        climbs = self._climbs(loss, reference)
        if not (climbs or (lasting and (back or beyond))):
            return self.clean(f"loss {final:.3g} at the end, lowest stretch {low:.3g}, reference {reference:.3g}")
        if climbs:
            low = initial
        late = starts[(middles > half) & (np.arange(len(middles)) > int(middles.argmin()))]
        onset = int(late[0]) if late.size else int(loss.step[0])
        return (self._finding(loss, onset, low, final, reference),)

    def _climbs(self, loss: Series, reference: float) -> bool:
        """Whether it has never done anything but rise: from stretch to stretch, and by more than chance."""
        middles, _ = blocks(loss, self.stretches)
        error = error_of_median(latest(loss, 1 / self.stretches).value)
        rise = float(middles[-1] - middles[0])
        steady = len(middles) == self.stretches and bool((np.diff(middles) > 0).all())
        return steady and rise > max(self.climb * abs(reference), self.errors * error)

    def _finding(self, loss: Series, onset: int, low: float, final: float, reference: float) -> Finding:
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=onset,
            last_step=int(loss.step[-1]),
            summary=f"The loss rose from {low:.3g} to {final:.3g}, around step {onset}.",
            evidence=(
                Evidence(
                    tag="loss/train",
                    observed=final,
                    high=low + self.lost * max(reference - low, 0.0),
                    sentence=f"median of the last tenth {final:.3g}, of the best stretch {low:.3g}, reference {reference:.3g}",
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Compare the batches, the labels and the schedules before and after step {onset}.",
                    expect="the same batches give the same loss on both sides of that step",
                ),
                Remedy(
                    change="Go on from a checkpoint from before it, with the learning rate divided by 3.",
                    expect="the loss goes on falling past that step",
                ),
                Remedy(
                    change="Clip the gradient norm at what its 90th percentile was before that step.",
                    expect="the loss no longer climbs; if it does, the data has changed and not the optimisation",
                ),
            ),
            notes=self.notes,
        )
