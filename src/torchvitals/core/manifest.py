"""What a log says about itself: the network, the measures, and what could not be seen."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleInfo:
    """One leaf module, in the order in which the forward pass reaches it."""

    name: str
    kind: str  # class name: Linear, Conv2d, ReLU, …
    parameters: int = 0  # number of weights, buffers not counted
    output_shape: tuple[int, ...] | None = None  # of the last recorded forward pass, batch first
    activation: str | None = None  # relu, sigmoid, tanh, …; None for other modules
    before_norm: bool = False  # its output goes straight into a normalisation layer
    fired: bool = True  # False: no recorded forward pass reached it


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterInfo:
    """One parameter tensor, in forward order of the module that owns it."""

    name: str
    module: str
    shape: tuple[int, ...]
    trainable: bool = True  # requires_grad
    optimized: bool = True  # in a parameter group of an optimizer that was seen

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for n in self.shape:
            size *= n
        return size


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureInfo:
    """A measure's unit and meaning, so that a log read years later explains itself."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Something the recorder could not look at, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The log's description of itself."""

    schema_version: int = SCHEMA_VERSION
    versions: tuple[tuple[str, str], ...] = ()  # (library, version)
    device: str = "cpu"
    seed: int | None = None
    model: str = ""  # class name of the watched module
    optimizers: tuple[str, ...] = ()
    loss: str = ""  # class name of the loss; empty when it was not seen
    loss_reduction: str = ""  # mean, sum, none; empty when unknown
    input_shape: tuple[int, ...] | None = None  # of the first batch seen, batch first
    output_shape: tuple[int, ...] | None = None  # of what the loss was given
    target_shape: tuple[int, ...] | None = None
    target_dtype: str = ""  # int64, float32, …; empty when no targets were seen
    every: int | None = None  # fixed sampling interval; None when the budget decides
    modules: tuple[ModuleInfo, ...] = ()
    parameters: tuple[ParameterInfo, ...] = ()
    measures: tuple[MeasureInfo, ...] = ()
    seen: tuple[str, ...] = ()  # activations that were measured
    unseen: tuple[Unseen, ...] = ()  # activations that could not be, with the reason

    def module(self, name: str) -> ModuleInfo | None:
        """The module of that name, or None."""
        return next((m for m in self.modules if m.name == name), None)

    def activation(self, subject: str) -> str | None:
        """The kind of activation a subject of the log is: a module, one of its later calls `name#1`, or a function in it."""
        kinds = {m.name: m.activation for m in self.modules}
        return kinds.get(subject, kinds.get(subject.rpartition("#")[0]))

    def unit(self, measure: str) -> str:
        """The unit of a measure; empty when it is a plain number or unknown."""
        return next((m.unit for m in self.measures if m.name == measure), "")

    def to_json(self) -> str:
        """The manifest as it is written into the log."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read back what `to_json` wrote; fields of a newer version are left out.

        Example:
            >>> m = Manifest(model="Net", modules=(ModuleInfo(name="fc", kind="Linear", output_shape=(64, 10)),))
            >>> Manifest.from_json(m.to_json()) == m
            True

        Raises:
            TypeError: the text is JSON, but not a manifest.
        """
        raw: Any = json.loads(text)
        if not isinstance(raw, dict):
            raise TypeError(f"a manifest is a JSON object, not {type(raw).__name__}")
        nested = {"modules": ModuleInfo, "parameters": ParameterInfo, "measures": MeasureInfo, "unseen": Unseen}
        for key, kind in nested.items():
            raw[key] = tuple(_known(kind, item) for item in raw.get(key, ()))
        raw["versions"] = tuple((str(k), str(v)) for k, v in raw.get("versions", ()))
        manifest: Manifest = _known(cls, raw)
        return manifest


def _known(kind: Any, raw: Any) -> Any:
    """Build a value from the keys this version knows; JSON's lists become tuples."""
    if not isinstance(raw, dict):
        raise TypeError(f"{kind.__name__} is a JSON object, not {type(raw).__name__}")
    names = kind.__dataclass_fields__
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in names})
