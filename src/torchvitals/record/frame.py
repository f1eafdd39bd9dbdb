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
from torchvitals.record.instrument import Cadence, Reading, Sample
from torchvitals.record.statistics import log_counts, log_edges

_EDGES = log_edges().double().numpy()


class Frame:
    """Collects the readings of a step while it runs; a later reading of a tag replaces an earlier one, unless that was told.

    `seal` starts the copy to the host, `ready` tells whether it has arrived, `record` hands over the numbers. On a CUDA device
    the copy runs beside the training, and nobody waits for it.
    """

    def __init__(self, step: int, *, sampled: int | None) -> None:
        self.step = step
        self.wall_time = time.time()
        self._sampled = sampled  # how many sampled steps there were before this one; None: this is not one of them
        self._readings: dict[Tag, Tensor | float | Sample] = {}
        self._told: set[Tag] = set()  # what the loop itself has said, which wins over what was seen
        self._copies: list[Copy] = []

    def __bool__(self) -> bool:
        return bool(self._readings)

    @property
    def sampled(self) -> bool:
        """Whether the step is measured in full, not only its loss and gradient norm."""
        return self._sampled is not None

    def wants(self, cadence: Cadence) -> bool:
        """Whether an instrument of this cadence looks at this step."""
        if self._sampled is None or cadence is Cadence.LIGHT:
            return cadence is Cadence.LIGHT
        return cadence.wants(self._sampled)

    def add(self, readings: Iterable[Reading], *, told: bool = False) -> None:
        """Take readings in; tensors stay where they are."""
        taken = {tag: reading for tag, reading in readings if told or tag not in self._told}
        self._readings.update(taken)
        self._told.update(taken if told else ())

    def seal(self) -> None:
        """Begin to copy everything to the host, once per device."""
        tensors = {tag: r for tag, r in self._readings.items() if isinstance(r, Tensor)}
        samples = {tag: r for tag, r in self._readings.items() if isinstance(r, Sample)}
        by_device: dict[torch.device, dict[Tag, Tensor]] = defaultdict(dict)
        for tag, tensor in {**tensors, **_counts(samples)}.items():
            by_device[tensor.device][tag] = tensor
        self._copies = [Copy(tensors) for tensors in by_device.values()]

    def ready(self) -> bool:
        """Whether `record` would return at once."""
        return all(copy.ready() for copy in self._copies)

    def record(self) -> StepRecord:
        """The plain numbers; waits for the copy if it has to."""
        numbers = {tag: number for copy in self._copies for tag, number in copy.numbers().items()}
        host = {tag: array for copy in self._copies for tag, array in copy.arrays().items()}
        scalars, vectors, histograms = [], [], []
        for tag, reading in self._readings.items():
            if isinstance(reading, Sample):
                histograms.append((tag, _trimmed(host[tag], reading)))
            elif isinstance(reading, Tensor) and reading.ndim:
                vectors.append((tag, host[tag]))
            else:
                scalars.append((tag, numbers[tag] if isinstance(reading, Tensor) else float(reading)))
        return StepRecord(
            step=self.step,
            wall_time=self.wall_time,
            scalars=tuple(scalars),
            vectors=tuple(vectors),
            histograms=tuple(histograms),
        )


class Copy:
    """Tensors of one device on their way to the host, as float32, end to end."""

    def __init__(self, tensors: dict[Tag, Tensor]) -> None:
        self._single = [tag for tag, t in tensors.items() if t.ndim == 0]
        others = {tag: t for tag, t in tensors.items() if t.ndim}
        self._sizes = {tag: t.numel() for tag, t in others.items()}
        single = [tensors[tag] if tensors[tag].dtype == torch.float32 else tensors[tag].float() for tag in self._single]
        parts = [t.reshape(-1).float() for t in others.values()]
        # Most readings are single numbers, which are stacked in a seventh of the time that they are joined in.
        flat = torch.cat([*([torch.stack(single)] if single else ()), *parts])
        self._arrived: torch.cuda.Event | None = None
        if flat.device.type == "cuda":
            self._host = torch.empty(flat.shape, pin_memory=True)
            self._host.copy_(flat, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record(torch.cuda.current_stream(flat.device))
        else:
            self._host = flat.cpu()

    def ready(self) -> bool:
        """Whether everything is there."""
        return self._arrived is None or bool(self._arrived.query())  # type: ignore[no-untyped-call]

    def numbers(self) -> dict[Tag, float]:
        """The single numbers, by tag."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return dict(zip(self._single, self._host.numpy()[: len(self._single)].tolist(), strict=True))

    def arrays(self) -> dict[Tag, np.ndarray]:
        """The vectors, by tag; `numbers` has waited for them."""
        ends = np.cumsum([len(self._single), *self._sizes.values()])
        pieces = np.split(self._host.numpy(), ends)
        return dict(zip(self._sizes, pieces[1:], strict=False))


def _counts(samples: dict[Tag, Sample]) -> dict[Tag, Tensor]:
    by_device: dict[torch.device, list[Tag]] = defaultdict(list)
    for tag, sample in samples.items():
        by_device[sample.values.device].append(tag)
    counts: dict[Tag, Tensor] = {}
    for tags in by_device.values():
        rows = log_counts([samples[tag].values for tag in tags])
        counts.update(zip(tags, rows.unbind(0), strict=True))
    return counts


def _trimmed(counts: np.ndarray, sample: Sample) -> Histogram:
    """Only the bins from the first to the last that holds something, counts scaled to the size of the whole tensor."""
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1] + 1) if filled.size else (0, 1)
    scale = sample.size / max(sample.values.numel(), 1)
    return Histogram.of(_EDGES[first : last + 1], counts[first:last].astype(np.float64) * scale)
