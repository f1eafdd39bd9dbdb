"""The tasks of the calibration set: scikit-learn's bundled data, text that ships with Python, and generated data.

They are the same for every seed of a program; what the seed changes is the network and the order of the samples.
"""

from __future__ import annotations

from functools import cache

import sklearn.datasets
import torch
from torch import Tensor
from verdicts_program import Data

CONTEXT = 32  # characters of text that a language model sees
BAG_WORDS, BAG_CLASSES = 300, 5
RECALL_CLASSES = 4


def split(x: Tensor, y: Tensor, *, share: float = 0.2) -> Data:
    """Shuffled once; a share is held back."""
    order = torch.randperm(len(x), generator=_generator())
    held = int(share * len(x))
    x, y = x[order], y[order]
    return Data(x=x[held:], y=y[held:], val_x=x[:held], val_y=y[:held])


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@cache
def digits() -> Data:
    """Handwritten digits: (1797, 64) with mean 0 and deviation 1 over all pixels, ten classes."""
    pixels, labels = sklearn.datasets.load_digits(return_X_y=True)
    x = torch.tensor(pixels, dtype=torch.float32)
    return split((x - x.mean()) / x.std(), torch.tensor(labels))


def digit_images() -> Data:
    """Digits as (N, 1, 8, 8)."""
    return digits().inputs(lambda x: x.view(-1, 1, 8, 8))


def digit_rows() -> Data:
    """Digits as sequences of eight rows: (N, 8, 8)."""
    return digits().inputs(lambda x: x.view(-1, 8, 8))


def to_themselves(data: Data) -> Data:
    """The inputs as targets."""
    return Data(x=data.x, y=data.x, val_x=data.val_x, val_y=data.val_x)


def table(name: str) -> Data:
    """A bundled table with standardised columns: wine, breast_cancer and iris for classes, diabetes for a number."""
    values, targets = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    x = torch.tensor(values, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0)
    if targets.dtype.kind == "f":
        y = torch.tensor(targets, dtype=torch.float32)[:, None]
        return split(x, (y - y.mean()) / y.std())
    return split(x, torch.tensor(targets))


@cache
def text() -> tuple[Data, int]:
    """Windows of Python's own help texts as (N, T) character numbers, each with the next characters; and how many there are."""
    from pydoc_data.topics import topics

    written = "".join(topics[name] for name in sorted(topics))[:60_000]
    letters = sorted(set(written))
    numbers = torch.tensor([letters.index(c) for c in written])
    windows = numbers.unfold(0, CONTEXT + 1, 7)
    return split(windows[:, :-1].contiguous(), windows[:, 1:].contiguous(), share=0.02), len(letters)


@cache
def bags() -> Data:
    """Bags of 20 words from five topics: a topic prefers 30 of the 300 words, each word of a bag is of its topic with 40 %."""
    g = _generator()
    y = torch.randint(BAG_CLASSES, (2000,), generator=g)
    anywhere = torch.randint(BAG_WORDS, (2000, 20), generator=g)
    preferred = y[:, None] * 30 + torch.randint(30, (2000, 20), generator=g)
    mine = torch.rand(2000, 20, generator=g) < 0.4
    return split(torch.where(mine, preferred, anywhere), y)


@cache
def circles() -> Data:
    """Noisy images (600, 1, 16, 16) of a disc, with its mask."""
    g = _generator()
    grid = torch.arange(16.0)
    centre = 4 + 8 * torch.rand(600, 2, 1, 1, generator=g)
    radius = 2 + 3 * torch.rand(600, 1, 1, generator=g)
    inside = (grid[:, None] - centre[:, 0]) ** 2 + (grid - centre[:, 1]) ** 2 < radius**2
    mask = inside.float()[:, None]
    image = mask + 0.5 * torch.randn(mask.shape, generator=g)
    return split((image - image.mean()) / image.std(), mask)


@cache
def recall(length: int = 30) -> Data:
    """Sequences (2000, T, 5): which of four marks came first, before noise. Only a memory of T steps can tell."""
    g = _generator()
    y = torch.randint(RECALL_CLASSES, (2000,), generator=g)
    x = torch.zeros(2000, length, RECALL_CLASSES + 1)
    x[:, :, -1] = torch.randn(2000, length, generator=g)
    x[torch.arange(2000), 0, y] = 1.0
    return split(x, y)


@cache
def signals() -> Data:
    """Sampled waves (1500, 1, 64) of three shapes with noise: sine, square, saw tooth."""
    g = _generator()
    y = torch.randint(3, (1500,), generator=g)
    pitch = 1 + 3 * torch.rand(1500, 1, generator=g)
    phase = (pitch * torch.arange(64.0) / 64 + torch.rand(1500, 1, generator=g)) % 1
    shapes = torch.stack([(2 * torch.pi * phase).sin() * 1.4, (phase - 0.5).sign(), (2 * phase - 1) * 1.7])
    x = shapes[y, torch.arange(1500)] + 0.3 * torch.randn(1500, 64, generator=g)
    return split(x[:, None], y)


@cache
def pictures() -> Data:
    """Colour images (1200, 3, 16, 16) of four kinds: bars across, bars down, a disc, noise."""
    g = _generator()
    y = torch.randint(4, (1200,), generator=g)
    grid = torch.arange(16.0)
    phase, pitch = 6.3 * torch.rand(1200, 1, 1, generator=g), 0.7 + torch.rand(1200, 1, 1, generator=g)
    wave = (grid * pitch + phase).sin()
    across, down = wave.transpose(1, 2).expand(-1, 16, 16), wave.expand(-1, 16, 16)
    centre = 5 + 6 * torch.rand(1200, 2, 1, 1, generator=g)
    disc = 2.0 * (((grid[:, None] - centre[:, 0]) ** 2 + (grid - centre[:, 1]) ** 2) < 16) - 1
    plain = torch.stack([across, down, disc, torch.zeros_like(disc)])[y, torch.arange(1200)]
    colour = torch.randn(1200, 3, 1, 1, generator=g)
    x = plain[:, None] * colour + 0.5 * torch.randn(1200, 3, 16, 16, generator=g)
    return split((x - x.mean()) / x.std(), y)


@cache
def curve() -> Data:
    """A noisy curve of four inputs: (1500, 4) standard normal to a standardised number (1500, 1)."""
    g = _generator()
    x = torch.randn(1500, 4, generator=g)
    y = (2 * x[:, 0]).sin() + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + 0.1 * torch.randn(1500, generator=g)
    return split(x, ((y - y.mean()) / y.std())[:, None])


@cache
def moons() -> Data:
    """Two half-moons (1500, 2), standardised."""
    points, labels = sklearn.datasets.make_moons(1500, noise=0.15, random_state=0)
    x = torch.tensor(points, dtype=torch.float32)
    return split((x - x.mean(0)) / x.std(0), torch.tensor(labels))


@cache
def rare(share: float = 0.1, apart: float = 1.6) -> Data:
    """Two clouds in 16 dimensions whose centres are 4·`apart` apart; the second is a share of all."""
    g = _generator()
    y = (torch.rand(3000, generator=g) < share).long()
    x = torch.randn(3000, 16, generator=g)
    x[:, :16] += apart * y[:, None]
    return split((x - x.mean(0)) / x.std(0), y)


def noisy(data: Data, share: float, classes: int) -> Data:
    """The labels of a share of the training samples replaced by random ones."""
    g = _generator()
    wrong = torch.rand(len(data.y), generator=g) < share
    other = torch.randint(classes, data.y.shape, generator=g)
    return data.targets(lambda y: torch.where(wrong, other, y), val=False)
