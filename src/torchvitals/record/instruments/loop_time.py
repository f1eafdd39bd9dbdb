"""How fast the loop runs, and what recording costs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import LoopSight


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTime(Instrument[LoopSight]):
    """Seconds of a step without the recorder, seconds the recorder took on this one, and steps since it last looked.

    The recorder's share of the time is cost / (interval · step time), all three from the same record. On an accelerator these
    are times on the host: work that was only launched is not in them.
    """

    sight: ClassVar[type] = LoopSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="step_time_s", unit="s", meaning="mean duration of the steps since the last sampled one"),
        MeasureInfo(name="recorder_cost_s", unit="s", meaning="what recording a sampled step has cost"),
        MeasureInfo(name="sampling_interval", unit="steps", meaning="steps since the last sampled one"),
    )

    def measure(self, sight: LoopSight) -> Iterator[Reading]:
        """Three scalars."""
        yield Tag(measure="step_time_s", subject="loop"), sight.step_s
        yield Tag(measure="recorder_cost_s", subject="loop"), sight.cost_s
        yield Tag(measure="sampling_interval", subject="loop"), float(sight.interval)
