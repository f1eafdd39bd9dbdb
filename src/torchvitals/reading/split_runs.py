"""One training whose log lies in two folders, `train` and `validation`: Keras writes so, and many by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from torchvitals.core.run import Run
from torchvitals.core.tag import Tag

TRAIN = "train"
VALIDATION = ("validation", "valid", "val", "eval", "test")
T = TypeVar("T")


def pairs(folders: Iterable[Path]) -> dict[Path, tuple[Path, Path]]:
    """Folders that hold a `train` and a `validation` run and no other, with the two.

    Example:
        >>> pairs([Path("a/train"), Path("a/validation"), Path("b/train")])
        {PosixPath('a'): (PosixPath('a/train'), PosixPath('a/validation'))}
    """
    below: dict[Path, set[Path]] = {}
    known = set(folders)
    for folder in known:
        for parent in folder.parents:
            below.setdefault(parent, set()).add(folder)
    found = {}
    for parent, inside in below.items():
        second = next((parent / v for v in VALIDATION if parent / v in inside), None)
        if parent not in known and second is not None and inside == {parent / TRAIN, second}:
            found[parent] = (parent / TRAIN, second)
    return found


def join(train: Run, validation: Run, *, name: str, path: str) -> Run | None:
    """Both as one run, their tags behind the name of their folder; None when one is a log of ours, whole in itself."""
    if train.manifest is not None or validation.manifest is not None:
        return None
    both = ((TRAIN, train), (validation.name, validation))
    return Run(
        name=name,
        path=path,
        scalars=_joined({f: r.scalars for f, r in both}),
        vectors=_joined({f: r.vectors for f, r in both}),
        tensors=_joined({f: r.tensors for f, r in both}),
        histograms=_joined({f: r.histograms for f, r in both}),
        images=_joined({f: r.images for f, r in both}),
        superseded=_joined({f: r.superseded for f, r in both}),
        hparams=MappingProxyType({**validation.hparams, **train.hparams}),
        texts=MappingProxyType({f"{f}/{tag}": text for f, r in both for tag, text in r.texts.items()}),
        problems=tuple(f"{f}/{problem}" for f, r in both for problem in r.problems),
    )


def _joined(groups: Mapping[str, Mapping[Tag, Any]]) -> Mapping[Tag, Any]:
    whole = {}
    for folder, group in groups.items():
        for tag, series in group.items():
            under = Tag.parse(f"{folder}/{tag}")
            whole[under] = replace(series, tag=under)
    return MappingProxyType(whole)
