"""One value of an Event: a tensor, a text or an image, as TensorBoard's pages expect it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

from torchvitals.core.histogram import Histogram

Array = np.ndarray[Any, Any]
FAST = 1  # of zlib's levels: maps of activations hardly get smaller at higher ones


class Values:
    """Makes the values of one log; the first of a tag carries the word that tells TensorBoard how to show them."""

    def __init__(self) -> None:
        self._described: set[str] = set()

    def tensor(self, tag: str, array: Array, plugin: str) -> Any:
        """Numbers of any shape, as float32."""
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in array.shape])
        content = np.ascontiguousarray(array, dtype="<f4").tobytes()
        tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=shape, tensor_content=content)
        return Summary.Value(tag=tag, tensor=tensor, metadata=self._metadata(tag, plugin))

    def text(self, tag: str, text: str, plugin: str) -> Any:
        """A text."""
        tensor = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
        tensor.string_val.append(text.encode())
        return Summary.Value(tag=tag, tensor=tensor, metadata=self._metadata(tag, plugin))

    def _metadata(self, tag: str, plugin: str) -> Any:
        """TensorBoard reads it from the first value of a tag and needs it only there."""
        if tag in self._described:
            return None
        self._described.add(tag)
        return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin), data_class=DATA_CLASS_TENSOR)


def image(tag: str, pixels: Array) -> Any:
    """An image as PNG.

    Raises:
        ValueError: not (H, W) or (H, W, 3), not uint8, or without a pixel.
    """
    grey, colour = pixels.ndim == 2, pixels.ndim == 3 and pixels.shape[-1] == 3
    if pixels.dtype != np.uint8 or not (grey or colour) or not pixels.size:
        raise ValueError(f"{tag}: an image is (H, W) or (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}; scale it to 0…255")
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, format="PNG", compress_level=FAST)
    height, width = pixels.shape[:2]
    content = Summary.Image(height=height, width=width, colorspace=1 if grey else 3, encoded_image_string=encoded.getvalue())
    return Summary.Value(tag=tag, image=content)


def rows(histogram: Histogram) -> Array:
    """The (K, 3) layout of TensorBoard's histograms: left, right, count."""
    return np.stack((histogram.left, histogram.right, histogram.count), axis=1)
