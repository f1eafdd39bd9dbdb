"""Two runs side by side: which findings are new, which are gone, and how the numbers that matter moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.diagnosis.baseline import bands, departures
from torchvitals.diagnosis.curves import latest

State = Literal["new", "no longer judged", "same", "fixed"]
STATES: tuple[State, ...] = ("new", "no longer judged", "same", "fixed")  # what asks for attention first
END = 0.1  # share of the steps whose median stands for the end of a curve: no single batch decides
# Measures of vitals.log that are better when they are larger; of the others only a loss is known to be better when smaller.
HIGHER = ("acc", "f1", "auc", "precision", "recall", "iou", "dice", "bleu", "r2", "psnr", "ssim")
Better = Literal["lower", "higher", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one symptom."""

    symptom: str
    state: State
    before: Finding | None
    after: Finding | None
    reason: str = ""  # why one of the runs could not be judged

    @property
    def finding(self) -> Finding:
        """The later one of the two."""
        found = self.after or self.before
        assert found is not None  # a change is made of at least one
        return found


def changes(before: Diagnosis, after: Diagnosis) -> tuple[Change, ...]:
    """One change for each symptom that is a root finding of either run, new ones first, the worst of each kind first.

    A symptom that follows from another cause in one of the runs is there all the same. Gone is only what a rule has looked
    for again and not found: a rule that could not judge the later run leaves its finding `no longer judged`.
    """
    first, then = _by_symptom(before), _by_symptom(after)
    roots = dict.fromkeys(f.symptom for f in (*after.roots, *before.roots))
    found = [_change(s, first.get(s), then.get(s), before, after) for s in roots]
    return tuple(sorted(found, key=lambda c: (STATES.index(c.state), -c.finding.severity.rank)))


def _by_symptom(diagnosis: Diagnosis) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for finding in diagnosis.findings:  # the worst one stands first
        found.setdefault(finding.symptom, finding)
    return found


def _change(symptom: str, first: Finding | None, then: Finding | None, before: Diagnosis, after: Diagnosis) -> Change:
    if first is not None and then is not None:
        return Change(symptom=symptom, state="same", before=first, after=then)
    other = before if first is None else after
    reason = next((f"{s.why}: {s.reason}" for s in other.skipped if s.rule == symptom), "")
    if first is None:
        return Change(symptom=symptom, state="new", before=None, after=then, reason=reason)
    judged = any(c.rule == symptom for c in after.clean)
    return Change(symptom=symptom, state="fixed" if judged else "no longer judged", before=first, after=None, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNumber:
    """One number of both runs; NaN where it was not finite, None where it was not recorded."""

    name: str
    unit: str
    better: Better
    before: float | None
    after: float | None

    @property
    def moved(self) -> Literal["better", "worse", ""]:
        """Whether the later run is better by more than a hundredth, where that can be said."""
        if not self.better or self.before is None or self.after is None:
            return ""
        if not (math.isfinite(self.before) and math.isfinite(self.after)):
            sound = (math.isfinite(self.before), math.isfinite(self.after))
            return {(True, False): "worse", (False, True): "better"}.get(sound, "")  # type: ignore[return-value]
        if abs(self.after - self.before) <= 0.01 * max(abs(self.before), abs(self.after)):
            return ""
        return "better" if (self.after < self.before) == (self.better == "lower") else "worse"


def key_numbers(before: Run, after: Run) -> tuple[KeyNumber, ...]:
    """Losses and metrics, the size of gradients and updates, time and size: what either run has recorded."""
    first, then = dict(_numbers(before)), dict(_numbers(after))
    return tuple(
        KeyNumber(
            name=name, unit=unit, better=better, before=first.get((name, unit, better)), after=then.get((name, unit, better))
        )
        for name, unit, better in dict.fromkeys((*then, *first))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All there is to say of two runs."""

    before: Diagnosis
    after: Diagnosis
    changes: tuple[Change, ...]
    numbers: tuple[KeyNumber, ...]
    departures: tuple[Finding, ...]  # where the later run lies outside the ranges of the earlier one, if that one is well

    @property
    def amounts(self) -> dict[State, int]:
        """How many changes there are of each kind."""
        return {state: sum(c.state == state for c in self.changes) for state in STATES}


def compare(before: tuple[Run, Diagnosis], after: tuple[Run, Diagnosis]) -> Comparison:
    """Compare a run with the one before it; its ranges are a measure only when nothing serious was found there."""
    well = before[1].verdict in ("healthy", "info")
    return Comparison(
        before=before[1],
        after=after[1],
        changes=changes(before[1], after[1]),
        numbers=key_numbers(before[0], after[0]),
        departures=departures(after[0], bands([before[0]])) if well else (),
    )


Named = tuple[str, str, Better]


def _numbers(run: Run) -> Iterator[tuple[Named, float]]:
    for split in ("train", "val", "test"):
        if (loss := run.scalar("loss", split)) is not None and len(loss):
            yield (f"loss/{split} at the end", "", "lower"), end(loss)
            if split != "train":
                yield (f"loss/{split} at its lowest", "", "lower"), _of_finite(loss, np.min)
    for name, series in metrics(run).items():
        yield (f"{name} at the end", series.unit, direction(name)), end(series)
    if (norm := run.scalar("global_grad_norm", "model")) is not None and len(norm):
        yield ("global_grad_norm, median", "", ""), _of_finite(norm, np.median)
    ratios = [_of_finite(s, np.median) for s in run.by_subject("update_ratio").values() if len(s)]
    if ratios:
        yield ("update_ratio, median layer", "", ""), float(np.median(ratios))
    if (time := run.scalar("step_time_s", "loop")) is not None and len(time):
        yield ("step_time_s, median", "s", ""), _of_finite(time, np.median)
    if len(run.steps):
        yield ("last step", "", ""), float(run.steps[-1])
    if run.manifest is not None and run.manifest.parameters:
        yield ("parameters", "", ""), float(sum(p.size for p in run.manifest.parameters))


def metrics(run: Run) -> Mapping[str, Series]:
    """What was logged beside the loss for training, validation or test, and the accuracy of the batches, by tag."""
    ours = {m.name for m in run.manifest.measures} - {"batch_accuracy"} if run.manifest is not None else set()
    return {
        str(tag): series
        for tag, series in run.scalars.items()
        if tag.subject in ("val", "test", "train") and tag.measure != "loss" and tag.measure not in ours and len(series)
    }


def direction(name: str) -> Better:
    """Whether more is better, by the metric's name; empty when the name does not tell.

    Example:
        >>> direction("accuracy/val"), direction("perplexity/val")
        ('higher', '')
    """
    return "higher" if any(part in name.lower() for part in HIGHER) else ""


def end(series: Series) -> float:
    """Median of the finite values of the last tenth of the steps; the last value when half of them or more are not finite."""
    tail = latest(series, END)
    finite = tail.finite().value
    return float(np.median(finite)) if 2 * len(finite) > len(tail) else float(tail.value[-1])


def _of_finite(series: Series, statistic: Callable[[np.ndarray], float]) -> float:
    finite = series.finite().value
    return float(statistic(finite)) if finite.size else math.nan
