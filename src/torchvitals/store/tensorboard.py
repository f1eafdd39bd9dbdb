"""Step records as ordinary TensorBoard event files: one Event a step."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from torch.utils.tensorboard.writer import FileWriter

from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.store.record_writer import use_native_checksum

MANIFEST_TAG = "torchvitals/manifest"
PLUGIN = "torchvitals"  # vectors and the manifest: kept in the log, left alone by TensorBoard's own pages
FLUSH_S = 1.0


class TensorBoardSink:
    """Writes into one event file of a folder.

    It goes through PyTorch's own `FileWriter`, the door that tools which mirror TensorBoard logs listen at.

    Raises:
        OSError: the folder cannot be made or written to.
    """

    def __init__(self, logdir: str | Path) -> None:
        self.logdir = Path(logdir)
        self._writer: Any = FileWriter(str(self.logdir))
        use_native_checksum(self._writer)
        self._pid = os.getpid()
        self._described: set[str] = set()  # tags whose first value has told TensorBoard how to show them
        self._flushed_s = time.monotonic()

    def write(self, record: StepRecord) -> None:
        """Append one Event with all values of the step."""
        values = [Summary.Value(tag=str(tag), simple_value=value) for tag, value in record.scalars]
        values += [self._tensor(str(tag), vector, PLUGIN) for tag, vector in record.vectors]
        values += [self._tensor(str(tag), _rows(h), "histograms") for tag, h in record.histograms]
        self._append(values, record.step, record.wall_time)

    def write_manifest(self, manifest: Manifest, step: int) -> None:
        """Append the log's description of itself."""
        self._append([self._text(MANIFEST_TAG, manifest.to_json(), PLUGIN)], step, time.time())

    def write_text(self, tag: Tag, markdown: str, step: int) -> None:
        """Append a text for TensorBoard's Text page."""
        self._append([self._text(str(tag), markdown, "text")], step, time.time())

    def flush(self) -> None:
        """Bring everything appended so far to the file."""
        if os.getpid() == self._pid:
            self._writer.flush()
            self._flushed_s = time.monotonic()

    def close(self) -> None:
        """Flush and close the file."""
        if os.getpid() == self._pid:
            self._writer.close()

    def _append(self, values: list[Any], step: int, wall_time: float) -> None:
        if os.getpid() != self._pid:  # a forked child has no writer thread: its queue would fill up and block for ever
            return
        event = Event(summary=Summary(value=values))
        self._writer.add_event(event, step, wall_time)  # positionally: that is where mirroring tools look for the step
        if time.monotonic() - self._flushed_s > FLUSH_S:
            self.flush()

    def _tensor(self, tag: str, array: np.ndarray[Any, Any], plugin: str) -> Any:
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in array.shape])
        content = np.ascontiguousarray(array, dtype="<f4").tobytes()
        tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=shape, tensor_content=content)
        return Summary.Value(tag=tag, tensor=tensor, metadata=self._metadata(tag, plugin))

    def _text(self, tag: str, text: str, plugin: str) -> Any:
        tensor = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
        tensor.string_val.append(text.encode())
        return Summary.Value(tag=tag, tensor=tensor, metadata=self._metadata(tag, plugin))

    def _metadata(self, tag: str, plugin: str) -> Any:
        """TensorBoard reads it from the first value of a tag and needs it only there."""
        if tag in self._described:
            return None
        self._described.add(tag)
        return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin), data_class=DATA_CLASS_TENSOR)


def _rows(histogram: Histogram) -> np.ndarray[Any, Any]:
    """The (K, 3) layout of TensorBoard's histograms: left, right, count."""
    return np.stack((histogram.left, histogram.right, histogram.count), axis=1)
