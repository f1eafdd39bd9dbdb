"""Which classes the network predicts, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.labels import are_class_indices
from torchvitals.record.sights import LossSight
from torchvitals.record.thinning import thin

SAMPLES = 4096  # predictions looked at, at most
ELEMENTS = 262_144  # scores looked at, …
FEW = 16  # … unless that were fewer predictions than this, as for a vocabulary
CLASSES = 1000  # as for the targets: the counts of more classes are not worth their bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedClasses(Instrument[LossSight]):
    """The class of the largest output, counted and compared with the target; for targets that are class indices only.

    With one output a sample nothing is read: whether 0, 0.5 or another value parts the two classes depends on the loss.
    Positions whose target is no class (`ignore_index`) are left out, so that the counts compare with
    `target_class_count`. Outputs with NaN predict no class, and so never the right one.
    """

    sight: ClassVar[type] = LossSight
    cadence: ClassVar[Cadence] = Cadence.FADING
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="predicted_class_count", unit="samples", meaning="how often each class is predicted in the batch"),
        MeasureInfo(
            name="batch_accuracy",
            unit="fraction",
            meaning="share of the training batch whose largest output is the target's, before the update",
        ),
    )

    def measure(self, sight: LossSight) -> Iterator[Reading]:
        """A vector of C counts for C ≤ 1000, and one scalar (NaN when the batch holds no class at all)."""
        outputs, targets = sight.outputs, sight.targets
        if outputs is None or targets is None or targets.numel() == 0 or outputs.ndim < 2 or outputs.shape[1] < 2:
            return
        if not are_class_indices(outputs, targets):
            return
        scores, labels = _few(outputs, targets)
        classes = outputs.shape[1]
        is_class = (labels >= 0) & (labels < classes)
        best = scores.max(dim=1)
        sure = is_class & ~best.values.isnan()
        if classes <= CLASSES:
            counts = torch.zeros(classes, device=labels.device)
            counts.scatter_add_(0, best.indices.reshape(-1), sure.reshape(-1).float())
            yield Tag(measure="predicted_class_count", subject="train"), counts
        right = sure & (best.indices == labels)
        yield Tag(measure="batch_accuracy", subject="train"), right.sum() / is_class.sum()


def _few(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The same samples and positions of both, as (N', C, P') and (N', P'), without copying all of a segmentation map."""
    n, classes = outputs.shape[:2]
    limit = min(SAMPLES, max(FEW, ELEMENTS // classes))
    scores, labels = thin(outputs, limit), thin(targets, limit).to(outputs.device, torch.int64)
    each = max(1, limit // scores.shape[0])  # positions a sample
    scores = scores.reshape(scores.shape[0], classes, -1)
    return thin(scores, n, classes, each), thin(labels.reshape(labels.shape[0], -1), n, each)
