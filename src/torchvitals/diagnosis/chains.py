"""Which layers of a network feed straight into one another, as far as the order of calls and the shapes tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.run import Run

LINEAR = ("Linear", "Conv1d", "Conv2d", "Conv3d")
AFFINE = frozenset({*LINEAR, "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"})  # batch norm is affine once it is trained
NUMBERED = re.compile(r"^(.*?)(\d+)$")


def is_affine(run: Run) -> bool:
    """Whether nothing but affine layers was reached: no activation, no recurrence, no attention, nothing unknown."""
    fired = _fired(run.manifest)
    return bool(fired) and all(m.kind in AFFINE for m in fired) and not _attends(run, "")


def chained_pairs(run: Run) -> Iterator[tuple[ModuleInfo, ModuleInfo]]:
    """Pairs of linear or convolution layers, the second of which is computed from the first without an activation between.

    Only what can hardly be anything else: called one after the other, attributes of one module, the first one's outputs as many
    as the second one's inputs. Not: layers that share an input (query, key, value; the heads of a network), two factors with a
    narrow middle (LoRA, a latent code, a factorised head), grouped and one-dimensional parts of a convolution, and what an
    attention lies between.
    """
    manifest = run.manifest
    if manifest is None:
        return
    shapes = {p.module: p.shape for p in manifest.parameters if p.name.endswith("weight")}
    fired = _fired(manifest)
    for first, second in pairwise(fired):
        if first.kind not in LINEAR or second.kind not in LINEAR:
            continue
        a, b = shapes.get(first.name, ()), shapes.get(second.name, ())
        if _feeds(first, a, second, b) and not _attends(run, first.name.rpartition(".")[0]):
            yield first, second


def _fired(manifest: Manifest | None) -> list[ModuleInfo]:
    return [m for m in manifest.modules if m.fired] if manifest is not None else []


def _feeds(first: ModuleInfo, a: tuple[int, ...], second: ModuleInfo, b: tuple[int, ...]) -> bool:
    if len(a) < 2 or len(b) < 2 or first.name.rpartition(".")[0] != second.name.rpartition(".")[0]:
        return False
    flattened = len(a) > len(b)  # a linear layer behind a convolution sees its channels times its positions
    fits = b[1] % a[0] == 0 if flattened else b[1] == a[0]
    if not fits or _is_flat(a) or _is_flat(b) or (a[1] == 1 and _is_pointwise(b)):  # depthwise, then pointwise
        return False
    narrow = not flattened and a[0] < min(a[1], b[0])
    parallel = a[1] == b[1] and not _numbered(first.name, second.name)
    return not narrow and not parallel


def _is_flat(shape: tuple[int, ...]) -> bool:
    """Half of a convolution taken apart: a kernel of 1×n."""
    return len(set(shape[2:])) > 1


def _is_pointwise(shape: tuple[int, ...]) -> bool:
    return len(shape) > 2 and set(shape[2:]) == {1}


def _numbered(first: str, second: str) -> bool:
    """Whether the names count upwards, as in `fc1` and `fc2`, or `0` and `1` of a Sequential."""
    a, b = NUMBERED.match(first), NUMBERED.match(second)
    return a is not None and b is not None and a.group(1) == b.group(1) and int(b.group(2)) > int(a.group(2))


def _attends(run: Run, parent: str) -> bool:
    """Whether an attention was seen in that module."""
    return any(t.measure == "attention_entropy" and t.subject.startswith(parent) for t in run.scalars)
