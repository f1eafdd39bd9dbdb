"""The readings of one step, brought to the host in one copy."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from torchvitals.core.histogram import Histogram
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Reading, Sample
from torchvitals.record.statistics import log_counts, log_edges

_EDGES = log_edges().double().numpy()


class Frame:
    """Collects the readings of a step while it runs; a later reading of a tag replaces an earlier one."""

    def __init__(self, step: int, *, rare: bool) -> None:
        self.step = step
        self.rare = rare  # whether the dear instruments look, too
        self.wall_time = time.time()
        self._readings: dict[Tag, Tensor | float | Sample] = {}

    def __bool__(self) -> bool:
        return bool(self._readings)

    def add(self, readings: Iterable[Reading]) -> None:
        """Take readings in; tensors stay where they are."""
        self._readings.update(readings)

    def record(self) -> StepRecord:
        """Copy everything to the host, once per device, and hand over plain numbers."""
        numbers = {tag: r for tag, r in self._readings.items() if isinstance(r, int | float)}
        tensors = {tag: r for tag, r in self._readings.items() if isinstance(r, Tensor)}
        samples = {tag: r for tag, r in self._readings.items() if isinstance(r, Sample)}
        host = _to_host({**tensors, **_counts(samples)})
        scalars = {**numbers, **{tag: float(host[tag][0]) for tag, r in tensors.items() if r.ndim == 0}}
        return StepRecord(
            step=self.step,
            wall_time=self.wall_time,
            scalars=tuple(scalars.items()),
            vectors=tuple((tag, host[tag]) for tag, r in tensors.items() if r.ndim > 0),
            histograms=tuple((tag, _trimmed(host[tag], samples[tag])) for tag in samples),
        )


def _counts(samples: dict[Tag, Sample]) -> dict[Tag, Tensor]:
    by_device: dict[torch.device, list[Tag]] = defaultdict(list)
    for tag, sample in samples.items():
        by_device[sample.values.device].append(tag)
    counts: dict[Tag, Tensor] = {}
    for tags in by_device.values():
        rows = log_counts([samples[tag].values for tag in tags])
        counts.update(zip(tags, rows.unbind(0), strict=True))
    return counts


def _to_host(tensors: dict[Tag, Tensor]) -> dict[Tag, np.ndarray]:
    by_device: dict[torch.device, list[Tag]] = defaultdict(list)
    for tag, tensor in tensors.items():
        by_device[tensor.device].append(tag)
    host: dict[Tag, np.ndarray] = {}
    for tags in by_device.values():
        flat = torch.cat([tensors[tag].detach().reshape(-1).float() for tag in tags]).cpu().numpy()
        ends = np.cumsum([tensors[tag].numel() for tag in tags])
        host.update(zip(tags, np.split(flat, ends[:-1]), strict=True))
    return host


def _trimmed(counts: np.ndarray, sample: Sample) -> Histogram:
    """Only the bins from the first to the last that holds something, counts scaled to the size of the whole tensor."""
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1] + 1) if filled.size else (0, 1)
    scale = sample.size / max(sample.values.numel(), 1)
    return Histogram.of(_EDGES[first : last + 1], counts[first:last].astype(np.float64) * scale)
