"""Healthy bands learned from the user's own good runs, and where another run departs from them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag
from torchvitals.diagnosis.sound import sound

SYMPTOM, CODE = "departure", "TV0001"
# Measures that are sizes, so that their logarithm has a meaning, with their words. Fractions have rules of their own.
COMPARED: Mapping[str, str] = {
    "loss": "loss",
    "input_rms": "size of the inputs",
    "activation_rms": "size of the activations",
    "activation_grad_norm": "gradient at the activations",
    "grad_norm": "gradient",
    "global_grad_norm": "gradient of all parameters",
    "update_ratio": "update ratio",
    "weight_norm": "weight norm",
    "learning_rate": "learning rate",
}
PHASES = (0, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)  # steps: half a decade each
POINTS = 3  # recorded in a phase, below which it has no range and is not compared
QUANTILES = (0.1, 0.9)  # of the good runs' values in a phase: a range that single outliers do not widen
MARGIN = math.log(2.0)  # added to a range at least: other seeds move layers that far
NOTICED = 2.0  # times its range from which a departure is told
SERIOUS = 5.0  # times its range from which it is a warning
SMALLEST = 1e-12  # what is as small as this in good runs is zero by mathematics, and its size is rounding noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The range of one measure on one subject in one phase of good runs."""

    first_step: int
    last_step: int  # exclusive
    low: float
    high: float

    def departure(self, value: float) -> float:
        """How many times a value is above (> 1) or below (< 1) the range; 1 inside it."""
        if value > self.high:
            return value / self.high
        return max(value, SMALLEST) / self.low if value < self.low else 1.0


Bands = Mapping[Tag, tuple[Band, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A measure of one subject outside its range in a phase."""

    tag: Tag
    value: float  # median in the phase
    band: Band
    first_step: int
    last_step: int

    @property
    def times(self) -> float:
        """How many times above or below the range, always ≥ 1."""
        factor = self.band.departure(self.value)
        return max(factor, 1 / factor)

    @property
    def sentence(self) -> str:
        """The departure in words."""
        side = "above" if self.value > self.band.high else "below"
        within = f"{self.band.low:.2g} to {self.band.high:.2g}"
        steps = f"steps {self.first_step} to {self.last_step}"
        return f"{self.tag}: {self.value:.2g}, {self.times:,.2g} times {side} the good runs' {within} ({steps})"


def bands(runs: Sequence[Run]) -> Bands:
    """The ranges of good runs: by tag, one band for each phase of the training that was recorded well enough.

    A range spans the inner 80 % of the logarithms of all runs together, widened by as much again as it is wide, and by a
    factor of two at least: one run does not tell how much another seed would differ.
    """
    pooled: dict[Tag, list[Series]] = defaultdict(list)
    for run in runs:
        for tag, series in _compared(run):
            pooled[tag].append(series)
    found = {tag: tuple(_bands_of(several)) for tag, several in pooled.items()}
    return {tag: of_phases for tag, of_phases in found.items() if of_phases}


def departures(run: Run, healthy: Bands) -> tuple[Finding, ...]:
    """Where a run lies outside the ranges of good ones: one finding a measure, the worst subjects as its evidence.

    Phases of training are compared by their step numbers. What the good runs did not record, or only under other names, is
    not compared.
    """
    by_measure: dict[str, list[Departure]] = defaultdict(list)
    for tag, series in _compared(sound(run)):
        worst = max(_departures_of(series, healthy.get(tag, ())), key=lambda d: d.times, default=None)
        if worst is not None and worst.times >= NOTICED:
            by_measure[tag.measure].append(worst)
    return tuple(_finding(measure, by_measure[measure]) for measure in COMPARED if measure in by_measure)


def _compared(run: Run) -> Iterator[tuple[Tag, Series]]:
    """The series that can be compared; biases and norms are left out: a gradient may be zero there but for rounding."""
    small = {p.name for p in run.manifest.parameters if len(p.shape) < 2} if run.manifest is not None else set()
    for tag, series in run.scalars.items():
        if tag.measure in COMPARED and tag.subject not in small and (tag.measure != "loss" or tag.subject == "train"):
            yield tag, series.finite()


def _phases(series: Series) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
    """First step, step after the last, and values (≥ 3) of each phase."""
    for first, last in zip(PHASES, (*PHASES[1:], np.iinfo(np.int64).max), strict=True):
        values = series.between(first, last - 1).value
        if len(values) >= POINTS:
            yield first, int(last), values


def _bands_of(several: Sequence[Series]) -> Iterator[Band]:
    by_phase: dict[tuple[int, int], list[NDArray[np.float64]]] = defaultdict(list)
    for series in several:
        for first, last, values in _phases(series):
            by_phase[first, last].append(values)
    for (first, last), parts in sorted(by_phase.items()):
        values = np.concatenate(parts)
        if np.median(values) > SMALLEST:
            low, high = np.quantile(np.log(np.maximum(values, SMALLEST)), QUANTILES)
            margin = max(MARGIN, float(high - low))
            yield Band(first_step=first, last_step=last, low=math.exp(low - margin), high=math.exp(high + margin))


def _departures_of(series: Series, of_phases: Sequence[Band]) -> Iterator[Departure]:
    known = {band.first_step: band for band in of_phases}
    for first, last, values in _phases(series):
        if first in known:
            steps = series.between(first, last - 1).step
            value = float(np.median(values))
            yield Departure(tag=series.tag, value=value, band=known[first], first_step=int(steps[0]), last_step=int(steps[-1]))


def _finding(measure: str, found: Sequence[Departure]) -> Finding:
    worst, *_ = ranked = sorted(found, key=lambda d: -d.times)
    side = "above" if worst.value > worst.band.high else "below"
    subjects = tuple(d.tag.subject for d in ranked)
    others = f", and {len(found) - 1} more of the kind" if len(found) > 1 else ""
    where = "" if measure in {"loss", "global_grad_norm"} else f" of {worst.tag.subject}"
    return Finding(
        symptom=SYMPTOM,
        code=CODE,
        severity=Severity.WARNING if worst.times >= SERIOUS else Severity.INFO,
        module=worst.tag.subject,
        modules=subjects,
        first_step=min(d.first_step for d in found),
        last_step=max(d.last_step for d in found),
        summary=f"The {COMPARED[measure]}{where} is {worst.times:,.2g} times {side} its range in the good runs{others}.",
        evidence=tuple(
            Evidence(tag=str(d.tag), observed=d.value, low=d.band.low, high=d.band.high, sentence=d.sentence)
            for d in ranked[:4]
        ),
        remedies=(
            Remedy(
                change="List what differs from the good runs (data, initialisation, rate, code), and undo it piece by piece.",
                expect=f"{worst.tag} returns to {worst.band.low:.2g} to {worst.band.high:.2g}",
            ),
            Remedy(
                change="If the difference is wanted, give this run as a good one, too.",
                expect="the range widens and this finding is gone",
            ),
        ),
        notes=("C2d", "C2e"),
    )
