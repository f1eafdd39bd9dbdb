"""noisy-filters: filters that see the input are still noise, although training has moved them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity, Why
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.diagnosis.convolutions import Convolution, convolutions, filters, share_at_white_noise
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import CONVOLUTIONS
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyFilters(Rule):
    """The filters of the first convolution have moved and are as rough as noise, and the loss does not fall.

    What it sees:
        The share of high spatial frequencies in the filters of the first convolution with a kernel of 5×5 or more, how far
        they have moved, and whether the loss leaves that of the best constant prediction.

    Why it matters:
        The gradient of a filter is a sum of patches of the input. Pictures are smooth, so that even random targets make filters
        smoother; filters that move and stay rough were fed patches in which neighbours have nothing to do with one another.

    Formula:
        median over filters of (energy above half the Nyquist frequency) ≥ 0.8 of that of white noise (0.68 for 5×5, 0.73 for
        7×7), median ‖w − w⁰‖/‖w⁰‖ ≥ 0.2, while the loss stands still.

    When it is wrong:
        Small filters that learn well are often rough; a run that learns is never accused. Inputs may have no neighbourhoods by
        nature: a table or a spectrum reshaped to a square, white noise that is to be recognised. Kernels smaller than 5×5 hold
        too few frequencies to tell.

    What to do:
        Look at the batch as the network gets it, with its targets.

    References:
        Krizhevsky, Sutskever & Hinton, ImageNet classification with deep convolutional neural networks, 2012, figure 3 (what
        trained filters look like). Own measurement: median roughness over that of white noise ended at 0.48 to 0.97 in 14 healthy
        trainings on digits with 5×5 and 7×7 kernels, all of which learn, and at 0.95 to 1.1 on scrambled pictures. Notes C3a,
        C2a.
    """

    code: ClassVar[str] = "TV707"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss")
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("dead-relu", "loss-not-decreasing", "loss-plateau", "underfitting")
    notes: ClassVar[tuple[str, ...]] = ("C3a", "C2a")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a batch reshaped across its samples",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = (((x.t() - 0.3).reshape(64, 64)[torch.randperm(64)], y) for x, y in digits(300))
            """,
            module="1",
        ),
        Case(
            name="an augmentation that shuffles the pixels",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = (((x - x.mean(1, keepdim=True)).gather(1, torch.rand(x.shape).argsort(1)), y) for x, y in digits(300))
            """,
            module="1",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a first convolution of 5×5",
            program=f"""
{CONVOLUTIONS}optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
batches = digits(200)
""",
        ),
        Case(
            name="noise added to the pictures",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 7, padding=3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(128, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = ((x + 0.2 * torch.randn(x.shape), y) for x, y in digits(250))
            """,
        ),
    )

    kernel: int = 5  # smallest extent of a kernel that is judged
    rough: float = 0.8  # of the roughness of white noise
    moved: float = 0.2  # median distance of a filter from its first weights, in units of their norm

    def check(self, run: Run) -> Outcome:
        """Judge the first convolution."""
        layers = convolutions(run)
        if not layers or len(layers[0].kernel) < 2 or min(layers[0].kernel) < self.kernel:
            return self.skip(f"no first convolution of {self.kernel}×{self.kernel} or more is trained")
        first, state = layers[0], learning(run)
        if state.status != "stalled":
            return self.clean(f"the loss is not standing still; {state.sentence}")
        rough, change = filters(run, "filter_roughness", first.name), filters(run, "filter_change", first.name)
        if rough is None or change is None:
            measured = any(t.measure == "filter_roughness" for t in run.vectors)
            late = "the filters were looked at once"
            return self.too_early(late) if measured else self.skip("not measured: filter_roughness", Why.NOT_MEASURED)
        now, way = _median(rough, -1), _median(change, -1)
        limit = self.rough * share_at_white_noise(first.kernel)
        if not way >= self.moved:
            return self.skip(f"the filters of {first.name} have moved by {way:.2g} of their norm: too little to tell noise")
        if not now >= limit:
            return self.clean(
                f"the filters of {first.name} have {now:.2f} of their energy at high frequencies, below {limit:.2f}"
            )
        return (self._finding(run, first, rough, change),)

    def _finding(self, run: Run, layer: Convolution, rough: VectorSeries, change: VectorSeries) -> Finding:
        white, now, state = share_at_white_noise(layer.kernel), _median(rough, -1), learning(run)
        size = "×".join(str(k) for k in layer.kernel)
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=layer.name,
            modules=(layer.name,),
            first_step=int(rough.step[0]),
            last_step=int(rough.step[-1]),
            summary=f"The {size} filters of {layer.name} are as rough as noise after training, and nothing is learned.",
            evidence=(
                Evidence(
                    tag=f"filter_roughness/{layer.name}",
                    observed=now,
                    high=self.rough * white,
                    unit="fraction",
                    sentence=f"{now:.0%} of the energy is above half the Nyquist frequency; white noise has {white:.0%}",
                ),
                Evidence(
                    tag=f"filter_change/{layer.name}",
                    observed=_median(change, -1),
                    sentence=f"although the filters have moved by {_median(change, -1):.2g} of their norm",
                ),
                Evidence(tag="loss/train", observed=state.current, high=state.reference, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Draw a batch as the network gets it: a reshape or permute in the wrong order scrambles the pixels.",
                    expect="the pictures can be recognised, and the filters become smooth within a few hundred steps",
                ),
                Remedy(
                    change="Check that inputs and targets are shuffled together, and that no augmentation drowns the picture.",
                    expect="the loss falls below that of the best constant prediction",
                ),
            ),
            notes=self.notes,
        )


def _median(series: VectorSeries, look: int) -> float:
    """Over the filters at one look, NaN when none has a value."""
    values = np.asarray(series.value[look], dtype=np.float64)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")
