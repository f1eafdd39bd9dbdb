"""What crosses from the recorder to the store: everything measured at one step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest
from torchvitals.core.tag import Tag


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepRecord:
    """All values of one optimizer step; it becomes one Event of the log."""

    step: int
    wall_time: float  # seconds since the epoch
    scalars: tuple[tuple[Tag, float], ...] = ()
    vectors: tuple[tuple[Tag, NDArray[np.float32]], ...] = ()
    histograms: tuple[tuple[Tag, Histogram], ...] = ()
    tensors: tuple[tuple[Tag, NDArray[np.float32]], ...] = ()  # of two dimensions and more
    images: tuple[tuple[Tag, NDArray[np.uint8]], ...] = ()  # grey (H, W) or colour (H, W, 3)

    @property
    def size_bytes(self) -> int:
        """About how many bytes it takes in an event file: names and numbers, and some twenty of wrapping for each.

        Images count as they are: how far they can be compressed is not known here.
        """
        groups = (self.scalars, self.vectors, self.histograms, self.tensors, self.images)
        wrapping = sum(20 + len(tag.measure) + len(tag.subject) for group in groups for tag, _ in group)
        numbers = 4 * sum(v.size for _, v in (*self.vectors, *self.tensors)) + sum(i.size for _, i in self.images)
        return wrapping + numbers + 12 * sum(h.count.size for _, h in self.histograms)

    def showing(self, exhibits: Exhibits) -> StepRecord:
        """The same with these exhibits."""
        return replace(
            self,
            scalars=self.scalars + exhibits.scalars,
            vectors=self.vectors + exhibits.vectors,
            tensors=self.tensors + exhibits.tensors,
            images=self.images + exhibits.images,
        )


class Sink(Protocol):
    """Where the recorder puts what it measured. The store implements it; tests use a list."""

    def write(self, record: StepRecord) -> None:
        """Append one step."""

    def write_manifest(self, manifest: Manifest, step: int) -> None:
        """Append the log's description of itself; the latest one counts."""

    def write_text(self, tag: Tag, markdown: str, step: int) -> None:
        """Append a text that TensorBoard shows."""

    def write_image(self, tag: Tag, array: NDArray[np.uint8], step: int) -> None:
        """Append an image, grey (H, W) or colour (H, W, 3)."""

    def flush(self) -> None:
        """Bring everything appended so far to where a reader finds it."""

    def close(self) -> None:
        """Write out what is left and release the files."""
