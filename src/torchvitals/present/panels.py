"""Which scalars of a run make its learning curves: losses, metrics, gradient norm and learning rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.figures.loss_curve import losses
from torchvitals.present.theme import CATEGORICAL

MOST_LINES = 6
MOST_METRICS = 3  # panels of metrics; more would push the rest off the page
_SPLITS = ("train", "val", "test")
# Names of quality measures as people log them; what else a log of another tool holds is not taken for one.
_METRIC = re.compile(
    r"(?i)(?:^|[^a-z])(acc|accuracy|f1|auc|auroc|ap|map|precision|recall|iou|miou|dice|bleu|perplexity|ppl|psnr|ssim|"
    r"fid|wer|cer|mae|rmse|mse|r2|error)(?:[^a-z]|$|\d)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Lines that share an axis, by the name a legend gives them."""

    title: str
    lines: Mapping[str, Series]  # at most six
    fraction: bool = False


def panels(run: Run) -> tuple[Panel, ...]:
    """The panels of a run from top to bottom; one that the log has nothing for is absent."""
    found = [Panel(title="Loss", lines=losses(run)), *_metrics(run)]
    found.append(Panel(title="Gradient norm", lines=_of_run(run, "global_grad_norm")))
    found.append(Panel(title="Learning rate", lines=_of_run(run, "learning_rate")))
    return tuple(p for p in found if p.lines)


def colors(panel: Panel) -> list[str]:
    """A colour for each line: a split has the same one in every panel, other lines take what is left.

    Example:
        >>> accuracy = Panel(title="Accuracy", lines=dict.fromkeys(("val", "train batch", "f1")))
        >>> [CATEGORICAL.index(c) for c in colors(accuracy)]
        [1, 0, 3]
    """
    rest = iter(CATEGORICAL[len(_SPLITS) :])
    split = [next((i for i, s in enumerate(_SPLITS) if re.match(rf"{s}\b", name)), None) for name in panel.lines]
    if not any(i is not None for i in split):
        return list(CATEGORICAL[: len(split)])
    return [next(rest) if i is None else CATEGORICAL[i] for i in split]


def _metrics(run: Run) -> list[Panel]:
    """Accuracies in one panel, and one for each other metric, by the name of its measure."""
    own = {m.name for m in run.manifest.measures} if run.manifest else set()
    by_name: dict[str, dict[str, Series]] = {}
    for tag, series in sorted(run.scalars.items()):
        if tag.measure == "loss" or not len(series) or "loss" in str(tag).lower():
            continue
        if tag.measure == "batch_accuracy":
            by_name.setdefault("accuracy", {}).setdefault(f"{tag.subject} batch", series)
        elif tag.subject in _SPLITS and tag.measure not in own:
            by_name.setdefault(tag.measure, {})[tag.subject] = series
        elif run.manifest is None and _METRIC.search(str(tag)):
            by_name.setdefault(str(tag), {})[str(tag)] = series
    ordered = sorted(by_name, key=lambda name: ("acc" not in name.lower(), name))[:MOST_METRICS]
    return [_metric(name, by_name[name]) for name in ordered]


def _metric(name: str, lines: dict[str, Series]) -> Panel:
    finite = np.concatenate([s.finite().value for s in lines.values()])
    share = "acc" in name.lower() and bool(((finite >= 0) & (finite <= 1)).all())
    return Panel(title=name.replace("_", " ").capitalize(), lines=dict(list(lines.items())[:MOST_LINES]), fraction=share)


def _of_run(run: Run, measure: str) -> dict[str, Series]:
    """A measure of the whole run or of its parameter groups; groups that agree at every step are one line."""
    kept: dict[str, Series] = {}
    for name, series in run.by_subject(measure).items():
        twin = next((n for n, s in kept.items() if _same(s, series)), None)
        if twin is None and len(series) and len(kept) < MOST_LINES:
            kept[name] = series
    return kept


def _same(a: Series, b: Series) -> bool:
    return np.array_equal(a.step, b.step) and np.array_equal(a.value, b.value, equal_nan=True)
