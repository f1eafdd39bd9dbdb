"""duplicate-filters: filters of a convolution that are copies of one another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity, Why
from torchvitals.core.run import Run
from torchvitals.diagnosis.convolutions import Convolution, Mask, Row, convolutions, filters
from torchvitals.diagnosis.programs import CONVOLUTIONS
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFilters(Rule):
    """A quarter of a convolution's filters or more have a double in their layer after training.

    What it sees:
        For every filter the largest cosine to another filter of its layer, at the first look and at the last.

    Why it matters:
        Filters that point the same way compute the same map. What they cost is paid twice and what they could have learned
        is not there.

    Formula:
        max_g |cos(w_f, w_g)| > 0.98 for filters of at least a tenth of the layer's median norm, in at least 25 % of the filters of
        a layer at the last look, 20 steps or more after the first.

    When it is wrong:
        The sign is left out: pairs w, −w see opposite edges and are no copies behind a ReLU; trained first layers have some
        (Shang et al. 2016). Filters of fewer than nine elements come that close in training, and layers of fewer than eight
        filters have too few; neither is judged. Filters of zeros are dead-filters.

    What to do:
        Widen a network with noise on the copies, look for a penalty of the wrong sign, use fewer filters.

    References:
        Shang et al., Understanding and improving convolutional neural networks via CReLU, 2016; RoyChowdhury et al., Reducing
        duplicate filters in deep neural networks, 2018. Own measurement: in 24 healthy trainings on digits no filter exceeded
        0.96. Notes S7, C3a.
    """

    code: ClassVar[str] = "TV706"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("manifest",)
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("representation-collapse", "underfitting", "loss-plateau")
    notes: ClassVar[tuple[str, ...]] = ("C3a", "S7")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a network widened by copies of one filter",
            program=f"""
{CONVOLUTIONS}with torch.no_grad():
    model[1].weight[10:], model[1].bias[10:] = model[1].weight[0].clone(), model[1].bias[0].clone()
    model[4].weight[:, 10:] = model[4].weight[:, :1].clone()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
batches = digits(200)
""",
            module="1",
        ),
        Case(
            name="a penalty on the similarity of filters with the wrong sign",
            program=f"""
{CONVOLUTIONS}optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

def train(vitals):
    for x, y in digits(200):
        optimizer.zero_grad()
        rows = nn.functional.normalize(model[1].weight.flatten(1))
        (loss_fn(model(x), y) - 3.0 * (rows @ rows.T).square().mean()).backward()
        optimizer.step()
""",
            module="1",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="many small filters",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4),
                    nn.Flatten(), nn.Linear(192, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(250)
            """,
        ),
        Case(
            name="two copies that training parts",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(128, 10),
                )
                with torch.no_grad():
                    model[1].weight[6:] = model[1].weight[:2].clone()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = digits(250)
            """,
        ),
    )

    cosine: float = 0.98  # without its sign, above which two filters are doubles; 0.96 was seen in good health
    share: float = 0.25  # of a layer's filters that have a double
    weight: float = 0.1  # of the layer's median norm, below which a filter's direction does not count
    least: int = 8  # filters of a layer below which it is not judged
    elements: int = 9  # of a filter below which it is not judged

    def check(self, run: Run) -> Outcome:
        """Judge every convolution."""
        layers = convolutions(run)
        if not layers:
            return self.skip("no convolution is trained")
        if not any(t.measure == "filter_similarity" for t in run.vectors):
            return self._unseen(run)
        alike = {c: m for c in layers if (m := self._doubles(run, c, -1)) is not None}
        if not alike:
            if any(filters(run, "filter_similarity", c.name) is not None for c in layers):
                return self.skip(f"no convolution has {self.least} filters of {self.elements} elements")
            return self.too_early("the filters were looked at once")
        sick = {c: m for c, m in alike.items() if m.mean() >= self.share}
        if not sick:
            most = max(alike, key=lambda c: float(alike[c].mean()))
            return self.clean(
                f"{alike[most].mean():.0%} of the filters of {most.name} have a double at the end, and no layer has more; "
                f"{self.share:.0%} would be found"
            )
        return (self._finding(run, sick),)

    def _unseen(self, run: Run) -> Outcome:
        looked_for = run.manifest is not None and any(m.name == "filter_similarity" for m in run.manifest.measures)
        if looked_for:
            return self.skip("no convolution has two filters on the same input")
        return self.skip("not measured: filter_similarity", Why.NOT_MEASURED)

    def _doubles(self, run: Run, layer: Convolution, look: int) -> Mask | None:
        """Filters (F,) of a layer that have a double at one of the looks; None when the layer cannot be judged."""
        cosines, norms = filters(run, "filter_similarity", layer.name), filters(run, "filter_norm", layer.name)
        if cosines is None or norms is None:
            return None
        cosine, norm = (np.asarray(s.value[look], dtype=np.float64) for s in (cosines, norms))
        elements = layer.weight.size // max(cosine.size, 1)  # too many for a layer that was thinned, which has enough
        if cosine.size < self.least or norm.size != cosine.size or elements < self.elements:
            return None
        return (cosine > self.cosine) & (norm >= self.weight * _median(norm))

    def _finding(self, run: Run, sick: dict[Convolution, Mask]) -> Finding:
        worst, mask = max(sick.items(), key=lambda kv: float(kv[1].mean()))
        steps = filters(run, "filter_similarity", worst.name)
        assert steps is not None
        start = self._doubles(run, worst, 0)
        born = start is not None and start.mean() >= self.share
        onset = (
            0
            if born
            else next(
                i for i in range(len(steps)) if (m := self._doubles(run, worst, i)) is not None and m.mean() >= self.share
            )
        )
        since = "from the start" if born else f"since step {int(steps.step[onset])}"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=worst.name,
            modules=tuple(c.name for c in sick),
            first_step=int(steps.step[onset]),
            last_step=int(steps.step[-1]),
            summary=f"{int(mask.sum())} of the {mask.size} filters of {worst.name} have a double in their layer, {since}.",
            evidence=tuple(
                Evidence(
                    tag=f"filter_similarity/{c.name}",
                    observed=float(m.mean()),
                    high=self.share,
                    unit="fraction",
                    sentence=f"{int(m.sum())} of {m.size} filters of {c.name} are within |cos| > {self.cosine:g} of another",
                )
                for c, m in sorted(sick.items(), key=lambda kv: -float(kv[1].mean()))[:4]
            ),
            remedies=(
                Remedy(
                    change="Draw all filters at random; where a network was widened by copying, add noise of a few per cent.",
                    expect="filter_similarity stays below 0.98 from the first look on",
                ),
                Remedy(
                    change="If they became alike in training, look for a penalty with the wrong sign and lower the weight decay.",
                    expect="filter_similarity no longer climbs towards 1",
                ),
                Remedy(
                    change=f"If the loss is good, give {worst.name} fewer filters.",
                    expect="the same loss with fewer parameters",
                ),
            ),
            notes=self.notes,
        )


def _median(norms: Row) -> float:
    finite = norms[np.isfinite(norms)]
    return float(np.median(finite)) if finite.size else math.nan
