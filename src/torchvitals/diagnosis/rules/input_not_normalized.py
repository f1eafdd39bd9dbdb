"""input-not-normalized: inputs that are too large, too small, far from zero or of unlike scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ModuleInfo
from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.input_range import feature_ranges
from torchvitals.diagnosis.rule import Case, Rule, Stage

LINEAR = ("Linear", "Conv")  # layers whose output is of the scale of their input
SHAPING = frozenset({"Flatten", "Unflatten", "Identity", "Dropout"})  # say nothing about the scale


@dataclass(frozen=True, slots=True, kw_only=True)
class InputNotNormalized(Rule):
    """The inputs are far from mean 0 and standard deviation 1, and the run does not learn.

    What it sees:
        Mean and standard deviation of what the model is given, and the range of each of up to 64 features over all recorded steps.

    Why it matters:
        The gradient of the first layer is proportional to its inputs. Large ones make steps that are far too long, an offset gives
        all gradients of a unit one sign, and a feature with a hundred times the range of the others drowns them.

    Formula:
        Found when std > 10; or rms < 0.01; or |mean| > 3·std and |mean| > 2; or, for three features and more, the largest range
        (max − min) > 100 × the median range and > 10.

    When it is wrong:
        Values in [0, 1], one-hot vectors and rare pixels are fine: ranges count, not standard deviations of single features, and no
        bound is as narrow as ±1. Token ids are integers and not judged. If the network begins with a normalisation layer, or its
        first layer puts out less than a tenth of what such inputs make, it normalises them itself. A run that learns well is
        info at most.

    What to do:
        Standardise each feature with mean and standard deviation of the training set.

    References:
        UMLAUT's range of ±1 flags every CIFAR model with the usual standardisation; TorchAudit warns above 50, SageMaker
        Debugger at image means above 0.2. The bounds here are wider on purpose. Notes C2a, C2f, S6, S17.
    """

    code: ClassVar[str] = "TV111"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.INPUT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "input_mean", "input_std", "input_rms")
    min_steps: ClassVar[int] = 1
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "initial-loss",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "exploding-gradient",
        "vanishing-gradient",
        "gradient-spike",
        "excessive-clipping",
        "activation-scale-drift",
        "dead-relu",
        "dead-filters",
        "saturated-activation",
        "constant-output",
        "loss-not-decreasing",
        "noisy-filters",
        "loss-plateau",
        "loss-divergence",
        "loss-spike",
        "loss-oscillation",
        "underfitting",
        "poor-weight-init",
        "attention-collapse",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2a", "C2f", "S6", "S17")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="pixels from 0 to 4080",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = [(4080 * x, y) for x, y in digits(100)]
            """,
        ),
        Case(
            name="images a hundred standard deviations from zero",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                batches = [(x + 40, y) for x, y in digits(200)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="standardised pixels beyond ±1",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [((x - 0.3) / 0.1, y) for x, y in digits(300)]
            """,
        ),
        Case(
            name="large pixels into a batch norm",
            program="""
                model = nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
                batches = [(4080 * x, y) for x, y in digits(300)]
            """,
        ),
        Case(
            name="large pixels that the model scales itself",
            program="""
                class Scaled(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.body = mlp(depth=2, activation=nn.ReLU)

                    def forward(self, x):
                        return self.body(x / 255 - 0.5)

                model = Scaled()
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
                batches = [(255 * x, y) for x, y in digits(300)]
            """,
        ),
    )

    large: float = 10.0  # standard deviation above which inputs are too large; digits from 0 to 16 have 6
    small: float = 0.01  # root mean square below which they are too small; scikit-learn's diabetes has 0.05
    offset: float = 3.0  # standard deviations of the mean from zero
    away: float = 2.0  # |mean| below which an offset does no harm: white images are at 1
    ratio: float = 100.0  # of the largest feature's range to the median one's
    wide: float = 10.0  # range below which a feature drowns no other
    inside: float = 0.1  # share of the expected output of the first layer, below which the model scales inputs itself

    def check(self, run: Run) -> Outcome:
        """Scale and offset of all inputs, then the features among themselves."""
        assert run.manifest is not None
        mean, std, rms = (
            median(s.value) if (s := run.scalar(f"input_{m}", "model")) else math.nan for m in ("mean", "std", "rms")
        )
        if not (math.isfinite(mean) and math.isfinite(std)):
            return self.skip("no finite inputs were recorded")
        found = self._faults(run, mean, std, rms)
        if not found:
            return self.clean(f"inputs with mean {mean:.3g} and standard deviation {std:.3g} (up to {self.large:g})")
        first = next((m for m in run.manifest.modules if m.fired and m.kind not in SHAPING), None)
        if first is not None and "Norm" in first.kind:
            return self.clean(f"{found[0].sentence}; but the first layer, {first.name}, normalises them")
        if first is not None and first.kind.startswith(LINEAR) and self._scaled_inside(run, first, rms):
            return self.clean(f"{found[0].sentence}; but the model scales them before its first layer")
        return (self._finding(run, found),)

    def _faults(self, run: Run, mean: float, std: float, rms: float) -> tuple[Evidence, ...]:
        found = []
        if std > self.large:
            says = f"inputs have standard deviation {std:.3g}"
            found.append(Evidence(tag="input_std/model", observed=std, high=self.large, sentence=says))
        if 0 < rms < self.small:
            says = f"inputs have root mean square {rms:.2g}"
            found.append(Evidence(tag="input_rms/model", observed=rms, low=self.small, sentence=says))
        if abs(mean) > self.away and 0 < self.offset * std < abs(mean):
            says = f"inputs lie around {mean:.3g} with standard deviation {std:.3g}"
            bound = self.offset * std
            found.append(Evidence(tag="input_mean/model", observed=mean, low=-bound, high=bound, sentence=says))
        ranges = feature_ranges(run)
        spans = np.empty(0) if ranges is None else ranges[1] - ranges[0]
        spans = spans[spans > 0]
        if spans.size >= 3 and spans.max() > max(self.wide, self.ratio * float(np.median(spans))):
            says = f"one feature has a range of {spans.max():.3g}, the median feature {np.median(spans):.3g}"
            bound = self.ratio * float(np.median(spans))
            found.append(Evidence(tag="input_feature_max/model", observed=float(spans.max()), high=bound, sentence=says))
        return tuple(found)

    def _scaled_inside(self, run: Run, first: ModuleInfo, rms: float) -> bool:
        """Whether the first layer puts out far less than ‖W‖·rms/√n_out, which such inputs and weights W (n_out, …) make."""
        assert run.manifest is not None
        weight = next((p for p in run.manifest.parameters if p.module == first.name and len(p.shape) >= 2), None)
        output = run.scalar("activation_rms", first.name)
        size = None if weight is None else run.scalar("weight_norm", weight.name)
        if weight is None or output is None or size is None or not len(output) or not len(size):
            return False
        expected = float(size.value[0]) * rms / math.sqrt(weight.shape[0])
        return bool(output.value[0] < self.inside * expected)

    def _finding(self, run: Run, found: tuple[Evidence, ...]) -> Finding:
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"The inputs are not normalised: {'; '.join(e.sentence for e in found)}.",
            evidence=found,
            remedies=(
                Remedy(
                    change="Standardise: x = (x − mean)/std, per feature or channel, both taken from the training set.",
                    expect="input mean near 0 and standard deviation near 1, and the loss falls from the first steps on",
                ),
                Remedy(
                    change="Or begin the network with nn.BatchNorm1d/2d over the features.",
                    expect="the first layer's activations have a standard deviation of the order of 1",
                ),
            ),
            notes=self.notes,
        )
