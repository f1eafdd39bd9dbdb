"""Whether attention still spreads over what it sees, and how large its logits have become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.attention_rows import attention_rows, largest_logit, relative_entropies
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import AttentionSight


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Instrument[AttentionSight]):
    """Entropy of the attention weights over ln(visible keys), and max |q·kᵀ·scale|, in rows spread over the batch.

    An entropy of 1 is attention to everything alike, 0 to a single key. Low entropy goes along with oscillating and
    diverging loss (Zhai et al. 2023, "Stabilizing Transformer Training by Preventing Attention Entropy Collapse"); growing
    logits come before it (Wortsman et al. 2023, "Small-scale proxies for large-scale Transformer training instabilities").
    """

    sight: ClassVar[type] = AttentionSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="attention_entropy", unit="fraction", meaning="mean entropy of attention rows over ln of their visible keys"
        ),
        MeasureInfo(name="attention_head_entropy", unit="fraction", meaning="the same for each head"),
        MeasureInfo(
            name="attention_max_logit", unit="", meaning="largest size of a visible scaled attention logit before the mask"
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: AttentionSight) -> Iterator[Reading]:
        """Two scalars, and a vector where the heads are a dimension of their own; NaN when a mask leaves no choice at all."""
        rows = attention_rows(sight)
        if rows is None:
            return
        entropies, counts = relative_entropies(rows)
        yield Tag(measure="attention_entropy", subject=sight.subject), entropies.sum() / counts.sum()
        if sight.query.ndim == 4:
            by_head = entropies.sum((0, 2)) / counts.sum((0, 2))
            yield Tag(measure="attention_head_entropy", subject=sight.subject), by_head
        yield Tag(measure="attention_max_logit", subject=sight.subject), largest_logit(rows)
