"""The layers of a run, and which subjects of its log speak of which layer."""

from __future__ import annotations

import re

from components.measures import of_whole_run
from torchvitals.core.run import Run

# The last part of a parameter's name in PyTorch's own modules: weight, bias, weight_ih_l0, in_proj_weight, …
_PARAMETER = re.compile(r"(?:.*_)?(?:weight|bias)(?:_.*)?|kernel|alpha|gamma|beta")


def names(run: Run) -> list[str]:
    """Every layer that something was recorded of or that the manifest names, in forward order where it is known."""
    known = [m.name for m in run.manifest.modules if m.name] if run.manifest else []
    return list(dict.fromkeys(known + sorted(_owners(run).values(), key=lambda layer: (layer not in known, layer))))


def owner(run: Run, subject: str) -> str:
    """The layer that a subject belongs to: a module, a later call of it, a function in it, or one of its parameters.

    Example:
        >>> run = Run(name="r")
        >>> [owner(run, s) for s in ("fc1.weight", "relu#1", "block.3/relu#0", "rnn.weight_hh_l0", "encoder.4")]
        ['fc1', 'relu', 'block.3', 'rnn', 'encoder.4']
    """
    return _owner(subject, *_known(run))


def subjects(run: Run, layer: str) -> list[str]:
    """The subjects of the log that belong to a layer."""
    return [subject for subject, name in _owners(run).items() if name == layer]


def _owners(run: Run) -> dict[str, str]:
    tags = (t for group in (run.scalars, run.vectors, run.histograms) for t in group)
    known = _known(run)
    return {s: _owner(s, *known) for s in dict.fromkeys(t.subject for t in tags if not of_whole_run(t.subject))}


def _known(run: Run) -> tuple[dict[str, str], frozenset[str]]:
    """What the manifest says: the module of each parameter, and all modules."""
    if run.manifest is None:
        return {}, frozenset()
    return {p.name: p.module or p.name for p in run.manifest.parameters}, frozenset(m.name for m in run.manifest.modules)


def _owner(subject: str, modules_of: dict[str, str], modules: frozenset[str]) -> str:
    plain = subject.partition("/")[0].partition("#")[0] or subject
    if plain in modules_of:
        return modules_of[plain]
    module, _, last = plain.rpartition(".")
    return module if module and plain not in modules and _PARAMETER.fullmatch(last) else plain
