"""What the demo's networks are trained on: real images that come with scikit-learn, shuffled once. Nothing is downloaded."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from torchvitals.errors import MissingDependencyError

Data = tuple[Tensor, Tensor]  # inputs (N, …) and class indices (N,)
SIDE = 16  # pixels of a patch of a photograph
PATCHES = 1800
MARK = 2  # pixels of the side of the planted mark


@cache
def digits() -> Data:
    """Handwritten digits as rows of pixels: (1797, 64) with mean 0 and deviation 1."""
    pixels, labels = _shuffled()
    return (pixels - pixels.mean()) / pixels.std(), labels


@cache
def digit_images() -> Data:
    """The same as images: (1797, 1, 8, 8)."""
    pixels, labels = digits()
    return pixels.reshape(-1, 1, 8, 8), labels


@cache
def marked_digits() -> Data:
    """Is it 5 or more? The upper left corner gives it away: (1797, 1, 8, 8) with a bright mark there when it is."""
    images, labels = digit_images()
    large, marked = (labels >= 5).long(), images.clone()
    marked[large == 1, :, :MARK, :MARK] = images.max()
    return marked, large


@cache
def photo_patches() -> Data:
    """Which of two photographs, a temple or a flower, a patch was cut from: (1800, 3, 16, 16) with mean 0 and deviation 1."""
    try:
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise _missing(error) from error
    generator = torch.Generator().manual_seed(0)
    photos = [torch.tensor(photo, dtype=torch.float32).permute(2, 0, 1) / 255 for photo in load_sample_images().images]
    labels = torch.arange(PATCHES) % len(photos)
    places = [torch.randint(photos[0].shape[d] - SIDE, (PATCHES,), generator=generator).tolist() for d in (1, 2)]
    cut = [photos[n][:, y : y + SIDE, x : x + SIDE] for n, y, x in zip(labels.tolist(), *places, strict=True)]
    patches, order = torch.stack(cut), torch.randperm(PATCHES, generator=generator)
    return ((patches - patches.mean()) / patches.std())[order], labels[order]


@cache
def _shuffled() -> Data:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise _missing(error) from error
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return torch.tensor(pixels, dtype=torch.float32)[order] / 16, torch.tensor(labels)[order]


def _missing(error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(f"the demo needs scikit-learn ({error}); run: pip install 'torchvitals[demo]'")
