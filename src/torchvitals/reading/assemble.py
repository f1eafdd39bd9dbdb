"""From the points of a log to a run: what each tag is, which points stand, and what the log says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.types_pb2 import DT_STRING

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, ImageSeries, Series, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.reading import blobs
from torchvitals.reading.hparams import SESSION_START, hparams
from torchvitals.reading.log import Key, RunLog
from torchvitals.reading.points import Joined, Points, standing

AnySeries = Series | VectorSeries | HistogramSeries | ImageSeries


@dataclass(slots=True)
class Groups:
    """The parts of a run while they are put together."""

    scalars: dict[Tag, Series] = field(default_factory=dict)
    vectors: dict[Tag, VectorSeries] = field(default_factory=dict)
    tensors: dict[Tag, VectorSeries] = field(default_factory=dict)
    histograms: dict[Tag, HistogramSeries] = field(default_factory=dict)
    images: dict[Tag, ImageSeries] = field(default_factory=dict)
    superseded: dict[Tag, Series] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    hparams: dict[str, Any] = field(default_factory=dict)


def assemble(log: RunLog, *, name: str, manifest_tag: str) -> Run:
    """Everything that `log` holds now, as a run of that name."""
    groups, restarts = Groups(), log.restarts
    undecodable: list[str] = []
    joined = Joined()
    for key, column in log.columns.items():
        alive, dead = standing(column.whole(joined), restarts)
        if len(alive.step):
            try:
                _sort(groups, log, key, alive)
            except (DecodeError, ValueError) as error:
                undecodable.append(f"{key.tag}: its values cannot be decoded ({error}) and are left out")
        if len(dead.step) and key.kind == "scalar":
            groups.superseded[Tag.parse(key.tag)] = _scalars(key.tag, dead)
    problems = [*log.problems(), *undecodable]
    manifest = _manifest(groups.texts.pop(manifest_tag, None), problems)
    if groups.superseded:
        first = min(int(s.step.min()) for s in groups.superseded.values())
        problems.append(f"training was restarted at step {first}; what an older file holds from there on is kept apart")
    return Run(
        name=name,
        path=str(log.path),
        manifest=manifest,
        scalars=_with_units(groups.scalars, manifest),
        vectors=_with_units(groups.vectors, manifest),
        tensors=_with_units(groups.tensors, manifest),
        histograms=_with_units(groups.histograms, manifest),
        images=MappingProxyType(groups.images),
        superseded=MappingProxyType(groups.superseded),
        texts=MappingProxyType(groups.texts),
        hparams=MappingProxyType(groups.hparams),
        problems=tuple(problems),
    )


def _sort(groups: Groups, log: RunLog, key: Key, points: Points) -> None:
    """Put the points of a column where their kind belongs."""
    if key.kind == "scalar":
        groups.scalars[Tag.parse(key.tag)] = _scalars(key.tag, points)
    elif key.kind == "histogram":
        groups.histograms[Tag.parse(key.tag)] = _lazy(HistogramSeries, log, key.tag, points, blobs.old_histogram)
    elif key.kind == "image":
        groups.images[Tag.parse(key.tag)] = _lazy(ImageSeries, log, key.tag, points, blobs.image)
    elif key.kind == "tensor":
        _sort_tensor(groups, log, key.tag, points)
    elif key.tag == SESSION_START and key.tag in log.plugins:
        groups.hparams.update(hparams(log.plugins[key.tag].content))


def _sort_tensor(groups: Groups, log: RunLog, tag: str, points: Points) -> None:
    """What a tensor is shows in the type and shape of its first value, and in the plugin it was written for."""
    parsed, plugin = Tag.parse(tag), log.plugins[tag].plugin_name if tag in log.plugins else ""
    raw = blobs.LazyBlobs(points, log.sources, bytes)
    dtype, shape = blobs.describe(log.heads[tag])
    if dtype == DT_STRING:
        if plugin == "images":
            groups.images[parsed] = _lazy(ImageSeries, log, tag, points, blobs.image_of_strings)
        elif plugin != "custom_scalars":  # that one is the layout of a page, encoded
            groups.texts[tag] = blobs.text(raw[len(raw) - 1])
        return
    if dtype not in blobs.DTYPES:
        return  # a type that holds no measurements
    if shape == ():
        values = np.array([float(blobs.tensor(r)) for r in raw])
        groups.scalars[parsed] = _scalars(tag, points._replace(data=values))
    elif len(shape) == 2 and shape[1] == 3 and plugin in {"", "histograms"}:
        groups.histograms[parsed] = _lazy(HistogramSeries, log, tag, points, blobs.histogram)
    else:
        group = groups.vectors if len(shape) == 1 else groups.tensors
        group[parsed] = _lazy(VectorSeries, log, tag, points, blobs.tensor)


def _scalars(tag: str, points: Points) -> Series:
    value = np.asarray(points.data, dtype=np.float64)
    return Series(tag=Tag.parse(tag), step=points.step, value=value, wall_time=points.wall_time)


def _lazy(kind: Any, log: RunLog, tag: str, points: Points, decode: Callable[[bytes], Any]) -> Any:
    return kind(tag=Tag.parse(tag), step=points.step, value=blobs.LazyBlobs(points, log.sources, decode))


def _with_units(group: dict[Tag, Any], manifest: Manifest | None) -> Mapping[Tag, Any]:
    """Give every series the unit that the manifest states for its measure."""
    units = {m.name: m.unit for m in manifest.measures} if manifest else {}
    return MappingProxyType({tag: replace(series, unit=units.get(tag.measure, "")) for tag, series in group.items()})


def _manifest(text: str | None, problems: list[str]) -> Manifest | None:
    if text is None:
        return None
    try:
        return Manifest.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # whatever a damaged text can make of it
        problems.append(f"the manifest cannot be read ({error}); the log is treated like one of another tool")
        return None
