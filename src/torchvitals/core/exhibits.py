"""What a network has learned at one step: pictures for TensorBoard, and the numbers they were drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.tag import Tag


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exhibits:
    """Readings of a look that is too dear for every sampled step.

    Shapes: a vector (U,), a tensor of two dimensions or more, an image uint8 (H, W) or (H, W, 3). Arrays are float32.
    """

    scalars: tuple[tuple[Tag, float], ...] = ()
    vectors: tuple[tuple[Tag, NDArray[np.float32]], ...] = ()
    tensors: tuple[tuple[Tag, NDArray[np.float32]], ...] = ()
    images: tuple[tuple[Tag, NDArray[np.uint8]], ...] = ()
    problems: tuple[str, ...] = ()  # what could not be made, and why

    def __add__(self, other: Exhibits) -> Exhibits:
        """Both, in this order."""
        return Exhibits(
            scalars=self.scalars + other.scalars,
            vectors=self.vectors + other.vectors,
            tensors=self.tensors + other.tensors,
            images=self.images + other.images,
            problems=self.problems + other.problems,
        )
