"""initial-loss: a fresh classifier is already sure, and wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.heads import columns
from torchvitals.diagnosis.layers import weights
from torchvitals.diagnosis.loss_kinds import BINARY, BY_CLASS, loss_kind
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialLoss(Rule):
    """The first loss of a classifier is far above that of equal probabilities, so its outputs start too large.

    What it sees:
        The loss of the first step against ln C, the cross-entropy of C equal probabilities (ln 2 for binary losses), and how far
        apart the first outputs are.

    Why it matters:
        Until the outputs have been shrunk, the steps undo the initialisation instead of learning; where sigmoid, tanh or ReLU
        follow, units saturate or die on the way. A curve that begins with a cliff says so.

    Formula:
        L₀ > 2·ln C ∧ standard deviation of a sample's outputs > 1 (of single outputs, their RMS), both at step 0.

    When it is wrong:
        Sums, several losses added up and losses weighted by class are large without large outputs: the outputs must be far apart
        as well, so they are not reported. A network trained before may be sure and wrong on new data; that is worth knowing.
        Label smoothing, unequal classes and small batches stay below the line. A run that learns is only told (info) up to
        4·ln C, and beyond where the outputs are smaller than the inputs, which are then to blame. A recording that begins later is skipped.

    What to do:
        Look at the inputs' scale first, then at the initialisation of the last layer.

    References:
        0 of 51 healthy small runs began above 2·ln C (the largest at 1.67·ln C), 9 of 36 faulty ones did. The check is that of
        CS231n and of Karpathy's recipe; TheDeepChecker allows a deviation of 100 %. Notes S8, C1c.
    """

    code: ClassVar[str] = "TV401"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.INIT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss", "output_std")
    min_steps: ClassVar[int] = 1
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-low",
        "gradient-spike",
        "loss-not-decreasing",
        "loss-plateau",
        "loss-oscillation",
        "underfitting",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S8", "C1c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a head that starts far too large, and recovers",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                nn.init.normal_(model[4].weight, std=12.0)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="a bias that is sure of one class",
            program="""
                model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 1))
                nn.init.constant_(model[2].bias, 8.0)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.BCEWithLogitsLoss()
                batches = [(x, (y < 5).float()[:, None]) for x, y in digits(30)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a summed loss",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

                def train(vitals):
                    for x, y in digits(300):
                        optimizer.zero_grad()
                        nn.functional.cross_entropy(model(x), y, reduction="sum").backward()
                        optimizer.step()

                loss_fn = None
            """,
        ),
        Case(
            name="single samples of unequal classes",
            program="""
                model = mlp(depth=1, activation=nn.Tanh, outputs=2)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = [(x, (y == 0).long()) for x, y in digits(300, batch=1)]
            """,
        ),
        Case(
            name="smoothed labels",
            program="""
                model = mlp(depth=2, activation=nn.GELU)
                optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
                loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
            """,
        ),
    )

    above: float = 2.0  # multiple of ln C above which the first loss is not that of a fresh network
    strong: float = 4.0  # multiple from which on it is a fault also of a run that learns
    sure: float = 1.0  # size of the differences between outputs that such a loss cannot do without; fresh ones have 0.1 to 0.6

    def check(self, run: Run) -> Outcome:
        """Compare the first loss with that of equal probabilities."""
        loss, equal = run.scalar("loss", "train"), self._equal(run)
        if equal is None:
            return self.skip("the loss is not known to be a cross-entropy over classes: there is no natural start")
        if loss is None or not len(loss) or loss.step[0] != 0:
            return self.skip("the first step was not recorded")
        first, spread = float(loss.value[0]), self._spread(run)
        assert run.manifest is not None
        if not math.isfinite(first) or spread is None or run.manifest.loss_reduction == "sum":
            return self.skip("the first loss is not a finite mean beside outputs that were seen")
        if not (first > self.above * equal and spread > self.sure):
            return self.clean(
                f"the first loss is {first:.3g}, that of equal probabilities {equal:.3g}; outputs spread by {spread:.2g}"
            )
        return (self._finding(run, first, equal, spread),)

    def _equal(self, run: Run) -> float | None:
        """The loss of equal probabilities."""
        kind, shape = loss_kind(run.manifest), run.manifest.output_shape if run.manifest is not None else None
        if kind in BINARY:
            return math.log(2)
        if kind not in BY_CLASS or not shape or len(shape) < 2 or shape[1] < 2:
            return None
        return math.log(shape[1])

    def _spread(self, run: Run) -> float | None:
        """How far a sample's outputs were apart at step 0; of single outputs, how far they were from 0."""
        several = (columns(run.manifest) or 0) > 1 and loss_kind(run.manifest) in BY_CLASS
        names = ("logit_spread",) if several else ("output_mean", "output_std")
        found = [run.scalar(name, "model") for name in names]
        first = [float(f.value[0]) for f in found if f is not None and len(f) and f.step[0] == 0 and np.isfinite(f.value[0])]
        return math.hypot(*first) if len(first) == len(names) else None

    def _finding(self, run: Run, first: float, equal: float, spread: float) -> Finding:
        state, head = learning(run), weights(run)
        sizes = run.scalar("input_rms", "model")
        inherited = sizes is not None and len(sizes) > 0 and spread < float(sizes.value[0])  # it is the inputs that are large
        mild = state.well and (first < self.strong * equal or inherited)
        times = first / equal
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.INFO if mild else Severity.WARNING,
            first_step=0,
            last_step=0,
            summary=f"The first loss is {first:.3g}, {times:.1f} times that of equal probabilities ({equal:.3g}): "
            "the outputs start far too large.",
            evidence=(
                Evidence(
                    tag="loss/train",
                    observed=first,
                    high=self.above * equal,
                    unit="nats",
                    sentence=f"{first:.3g} at step 0; a fresh network starts near {equal:.3g}",
                ),
                Evidence(
                    tag="logit_spread/model" if "logit_spread" in run.measures else "output_std/model",
                    observed=spread,
                    high=self.sure,
                    sentence=f"a sample's outputs differ by {spread:.3g} (standard deviation), fresh ones by a few tenths",
                ),
            ),
            remedies=(
                Remedy(
                    change="Standardise the inputs, if they are not.",
                    expect=f"a first loss near {equal:.2f}",
                ),
                Remedy(
                    change=f"Initialise the last layer{f' ({head[-1].module})' if head else ''} smaller: PyTorch's default, or divided "
                    f"by {max(2.0, spread / 0.3):.0f}, with a zero bias.",
                    expect=f"a first loss near {equal:.2f} and no cliff in the first steps",
                ),
                Remedy(
                    change="If all layers are initialised by hand, use Glorot for tanh and He for ReLU.",
                    expect="activations of about one size at all depths in the first step",
                ),
            ),
            notes=self.notes,
        )
