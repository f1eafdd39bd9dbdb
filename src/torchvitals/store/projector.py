"""The embeddings of the last look at the network, where TensorBoard's projector looks for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.tag import Tag

EMBEDDINGS = "embedding_values"
LABELS = Tag(measure="probe_targets", subject="model")
CONFIG = "projector_config.pbtxt"
DIGITS = "%.5g"

Array = NDArray[np.float32]


class Projector:
    """Keeps the latest embeddings, and writes them once, at the end: as text they are twice as large as in the log.

    Args:
        logdir: the folder of the log. What others have put into the projector's configuration there stays in it.
    """

    def __init__(self, logdir: str) -> None:
        self._logdir = logdir
        self._points: dict[str, Array] = {}  # (N, D) by layer
        self._labels: Array | None = None  # (N, 1)

    def take(self, tensors: Iterable[tuple[Tag, Array]]) -> None:
        """Keep what is an embedding, or the labels of one."""
        for tag, values in tensors:
            if tag.measure == EMBEDDINGS and values.ndim == 2:
                self._points[tag.subject] = values
            elif tag == LABELS and values.shape[1:] == (1,):
                self._labels = values

    def write(self) -> None:
        """Write the points of each layer, their labels, and the configuration that names them.

        Raises:
            OSError: the folder cannot be written to.
        """
        for layer, points in self._points.items():
            folder, stem = Path(self._logdir), f"torchvitals-embedding-{re.sub(r'[^A-Za-z0-9_.-]', '_', layer)}"
            np.savetxt(folder / f"{stem}.tsv", points, fmt=DIGITS, delimiter="\t")
            labels = self._labels if self._labels is not None and len(self._labels) >= len(points) else None
            if labels is not None:
                np.savetxt(folder / f"{stem}-labels.tsv", labels[: len(points)], fmt=DIGITS)
            _configure(folder / CONFIG, layer, stem, labelled=labels is not None)


def _configure(path: Path, layer: str, stem: str, *, labelled: bool) -> None:
    """Name the files in the configuration, once."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    name = layer.replace("\\", "\\\\").replace('"', '\\"')
    lines = [f'  tensor_name: "{EMBEDDINGS}/{name}"', f'  tensor_path: "{stem}.tsv"']
    lines += [f'  metadata_path: "{stem}-labels.tsv"'] if labelled else []
    entry = "\n".join(["embeddings {", *lines, "}", ""])
    if entry not in before:
        path.write_text(before + entry, encoding="utf-8")
