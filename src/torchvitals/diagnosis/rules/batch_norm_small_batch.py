"""batch-norm-small-batch: batch normalisation over too few samples to estimate a mean and a variance from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.norms import mode_gap
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormSmallBatch(Rule):
    """Batch normalisation takes its statistics over fewer than 16 values a channel.

    What it sees:
        The number of samples times positions over which each batch norm normalised, in training mode.

    Why it matters:
        A standard deviation estimated from n values is off by about 1/√(2n): 18 % at 16, half at 2. Every sample is disturbed by
        those it shares a batch with, the more the deeper the network, and at two samples only the sign of their difference is
        left of a feature. Evaluation, which uses running averages, sees another network.

    Formula:
        N·positions < 16 in at least half of the recorded steps. Warning when the run does not learn, or when the probe batch's
        loss in evaluation mode is more than twice that in training mode; info otherwise.

    When it is wrong:
        Positions count: a convolution over large maps has samples enough at a batch of one. A short last batch does not
        persist. Frozen batch norms (evaluation mode) and those without running statistics are not seen. Small batches cost
        little in many shallow networks: loss in the two modes differed by at most 1.54 times at batch sizes 2 to 64. Hence
        info without sign of harm.

    What to do:
        Larger batches, or a normalisation that does not look across the batch: group norm, layer norm. Accumulating gradients
        does not help, because the statistics are those of the micro-batch.

    References:
        Ioffe & Szegedy, Batch normalization, 2015; Wu & He, Group normalization, 2018 (error rises below a batch of 16 a
        device). Notes S19, S27.
    """

    code: ClassVar[str] = "TV406"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.INIT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "batch_norm_samples")
    min_steps: ClassVar[int] = 2
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "batch-norm-stale",
        "batch-size",
        "train-eval-gap",
        "vanishing-gradient",
        "gradient-spike",
        "loss-spike",
        "loss-oscillation",
        "loss-plateau",
        "loss-not-decreasing",
    )
    notes: ClassVar[tuple[str, ...]] = ("S19", "S27")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="six normalised layers, two samples at a time",
            program="""
                layers = [m for _ in range(6) for m in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())]
                model = nn.Sequential(*layers, nn.Linear(64, 10))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = digits(300, batch=2)
            """,
            module="1",
        ),
        Case(
            name="maps of one pixel and micro-batches of two",
            program="""
                layers = [nn.Unflatten(1, (64, 1, 1))]
                for _ in range(5):
                    layers += [nn.Conv2d(64, 64, 1), nn.BatchNorm2d(64), nn.ReLU()]
                model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 10))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
                accumulate = 2
                batches = digits(300, batch=2)
            """,
            module="2",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="two pictures at a time, with positions enough",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                    nn.Flatten(), nn.Linear(512, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = digits(300, batch=4)
            """,
        ),
        Case(
            name="a short batch now and then",
            program="""
                model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [b for _ in range(30) for b in (*digits(9), *digits(1, batch=5))]
            """,
        ),
    )

    samples: int = 16  # samples × positions of a channel; Wu & He 2018 saw the error rise below
    share: float = 0.5  # of the recorded steps in which it must hold
    gap: float = 2.0  # probe loss in evaluation over training mode; at most 1.54 in good health

    def check(self, run: Run) -> Outcome:
        """Judge every batch norm that was seen in training mode."""
        found = {n: s for n, s in run.by_subject("batch_norm_samples").items() if len(s)}
        if not found:
            return self.skip("no batch norm was seen in training mode")
        small = {n: s for n, s in found.items() if persistent(s.value < self.samples, self.share)}
        if not small:
            least = min(found, key=lambda n: median(found[n].value))
            return self.clean(
                f"at least {median(found[least].value):.0f} samples a channel ({least}), {self.samples} are enough"
            )
        return (self._finding(run, small),)

    def _finding(self, run: Run, small: dict[str, Series]) -> Finding:
        state, gap = learning(run), mode_gap(run)
        harmful = state.status in {"stalled", "diverged"} or gap > self.gap
        name, series = next(iter(small.items()))
        count = median(series.value)
        modes = (
            Evidence(
                tag="loss/probe",
                observed=gap,
                high=self.gap,
                unit="ratio",
                sentence=f"loss of the probe batch in evaluation mode {gap:.2g} times that in training mode",
            ),
        )
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity if harmful else Severity.INFO,
            module=name,
            modules=tuple(small),
            first_step=int(series.step[0]),
            last_step=int(series.step[-1]),
            summary=f"{name} normalises over {count:.0f} values a channel; below {self.samples} that is noise.",
            evidence=(
                Evidence(
                    tag=f"batch_norm_samples/{name}",
                    observed=count,
                    low=float(self.samples),
                    unit="samples",
                    sentence=f"{count:.0f} samples and positions a channel (median), at least {self.samples} are called for",
                ),
                *(modes if gap == gap else ()),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Replace batch norm by nn.GroupNorm (convolutions) or nn.LayerNorm.",
                    expect="the loss falls at the same batch size, and is the same in training and evaluation mode",
                ),
                Remedy(
                    change="Raise the batch size; accumulating gradients does not change what batch norm sees.",
                    expect=f"batch_norm_samples is above {self.samples} and the loss curve is calmer",
                ),
            ),
            notes=self.notes,
        )
