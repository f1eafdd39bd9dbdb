"""constant-output: the network says the same whatever it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import after_warmup
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantOutput(Rule):
    """The outputs of all samples of a batch are equal but for rounding, so the input plays no part in them.

    What it sees:
        The standard deviation of the outputs over the samples of a batch, against the size of the outputs.

    Why it matters:
        Such a network predicts the mean of the targets or the most frequent class. Its loss stands at the trivial prediction,
        and accuracy on unequal classes may still look respectable.

    Formula:
        mean_c std_n(z_nc) ≤ 1e-4 · RMS(z) in at least half of the recorded steps after the first ten.

    When it is wrong:
        A head that starts at zero has outputs of exactly 0 at first; they are not looked at. If the samples of a batch are equal
        themselves, the outputs must be. Batches of one are skipped. Where another finding explains it (dead or saturated units, a
        vanishing signal, equal inputs, a learning rate that threw the weights away), it stands below that one. A run that learns
        is only told (info).

    What to do:
        Follow the input through the network and find the module at which the samples become equal: an average over the batch, a
        norm over a single feature, a layer of dead units.

    References:
        TheDeepChecker has an output-constant check; the line is 1e-4 of the outputs' size. In 72 healthy small runs the
        least was 1.9e-3 (eight layers deep, at the first step), 2.6e-2 without those.
        Notes C3d, C2e.
    """

    code: ClassVar[str] = "TV207"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss", "output_spread", "output_mean", "output_std")
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "learning-rate-too-low",
        "adam-epsilon-dominance",
    )
    notes: ClassVar[tuple[str, ...]] = ("C3d", "C2e")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="global pooling over the batch as well",
            program="""
                class Pooled(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.conv, self.head = nn.Conv2d(1, 8, 3), nn.Linear(8, 10)

                    def forward(self, x):
                        maps = torch.relu(self.conv(x.reshape(-1, 1, 8, 8)))
                        return self.head(maps.mean(dim=(0, 2, 3))).expand(len(x), -1)

                model = Pooled()
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = digits(100)
            """,
        ),
        Case(
            name="the mean over the batch instead of over time",
            program="""
                class Averaged(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.rnn, self.head = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 10)

                    def forward(self, x):
                        states = self.rnn(x.reshape(-1, 8, 8))[0]
                        return self.head(states[:, -1]).mean(dim=0, keepdim=True).expand(len(x), -1)

                model = Averaged()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(80)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a head that starts at zero",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                nn.init.zeros_(model[4].weight)
                nn.init.zeros_(model[4].bias)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="targets with a large mean and a small spread",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                nn.init.constant_(model[4].bias, 10.0)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, 10 + 0.3 * x[:, 20:28].sum(dim=1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    flat: float = 1e-4  # spread over the samples per size of the outputs; 1.9e-3 was the least in 72 healthy runs
    share: float = 0.5  # of the steps after warm-up in which it must hold
    warmup: int = 10  # steps not looked at, where there are later ones

    def check(self, run: Run) -> Outcome:
        """Compare the spread of the outputs over the samples with their size."""
        spread = run.scalar("output_spread", "model")
        mean, std = run.scalar("output_mean", "model"), run.scalar("output_std", "model")
        if spread is None or mean is None or std is None or not len(spread):
            return self.skip("no batch of two samples or more was seen")
        keep = np.isin(mean.step, spread.step)  # batches of one have no spread
        size = np.hypot(mean.value[keep], std.value[keep]) if len(mean) == len(std) else np.empty(0)
        if len(size) != len(spread):
            return self.skip("the outputs were recorded at other steps than their spread")
        if self._inputs_are_equal(run):
            return self.skip("the samples of a batch are equal themselves")
        flat = (spread.value <= self.flat * size) & (size > 0)
        late = after_warmup(spread.step, self.warmup)
        ratio = median(np.divide(spread.value, size, out=np.full(len(size), np.nan), where=size > 0)[late])
        if not persistent(flat[late], self.share):
            return self.clean(
                f"outputs differ from sample to sample by {ratio:.2g} of their size; constant is below {self.flat:g}"
            )
        return (self._finding(run, first_true(flat, spread.step) or 0, int(spread.step[-1]), ratio),)

    def _inputs_are_equal(self, run: Run) -> bool:
        constant = run.scalar("constant_feature_fraction", "model")
        return constant is not None and len(constant) > 0 and median(constant.value) == 1.0

    def _finding(self, run: Run, first: int, last: int, ratio: float) -> Finding:
        state = learning(run)
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=first,
            last_step=last,
            summary=f"The network puts out the same for every sample: outputs differ by {ratio:.1g} of their size.",
            evidence=(
                Evidence(
                    tag="output_spread/model",
                    observed=ratio,
                    low=self.flat,
                    unit="of the outputs' size",
                    sentence=f"deviation over the samples {ratio:.1g} of the outputs' size, healthy above {self.flat:g}",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Find the first module whose outputs are equal for all samples (activation_cosine near 1).",
                    expect="below that module the cosine is clearly less than 1",
                ),
                Remedy(
                    change="Look there for a mean, softmax or norm over the wrong dimension, and for a norm over a single feature.",
                    expect="the outputs' spread over the batch leaves 0 in the first step",
                ),
                Remedy(
                    change="Show the network two very different inputs in evaluation mode and compare the outputs.",
                    expect="they differ in the first digits",
                ),
            ),
            notes=self.notes,
        )
