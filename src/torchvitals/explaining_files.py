"""A network, its weights and a batch, from files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torchvitals.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from torch import nn

FORM = "write it as FILE.py:FACTORY, train.py:build, say"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What is to be explained."""

    model: nn.Module
    inputs: Any
    targets: Any = None


def subject(factory: str, *, checkpoint: Path | None = None, inputs: Path | None = None) -> Subject:
    """Build a model by its own program, with the weights of a checkpoint.

    Args:
        factory: `FILE.py:FACTORY`; the program is run as a module, and the function in it called without arguments. It returns
            the model, or (model, inputs, targets).
        checkpoint: its weights, read as tensors only; None: those the factory gave it.
        inputs: a batch for it: a `.pt` file with a tensor, (inputs, targets) or {"inputs": …, "targets": …}, or a `.npy` file.

    Raises:
        ConfigError: a file or function that there is not, or that does not hold what it should.
        MissingDependencyError: torch is not installed.
    """
    try:
        from torchvitals.explanation.checkpoints import load_weights
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "torchvitals":  # a fault of our own
            raise
        raise MissingDependencyError(f"explain needs torch ({error}); run: pip install 'torchvitals[record]'") from error
    built = _built(factory)
    if inputs is not None:
        built = Subject(model=built.model, **_batch(inputs))
    if built.inputs is None:
        raise ConfigError(
            f"{factory} returns a model without a batch; return (model, inputs, targets), or pass --inputs batch.pt"
        )
    if checkpoint is not None:
        load_weights(built.model, checkpoint)
    return built


def _built(factory: str) -> Subject:
    from torch import nn

    file, _, name = factory.rpartition(":")
    if not file or not name.isidentifier():
        raise ConfigError(f"{factory!r} names no function; {FORM}")
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"There is no file {path}; {FORM}")
    with _importable(path) as module:
        make = getattr(module, name, None)
        if not callable(make):
            known = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
            raise ConfigError(f"{path} has no function {name!r}; it has {', '.join(sorted(known)) or 'none'}")
        try:
            made = make()
        except Exception as error:
            raise ConfigError(f"{factory} raised {type(error).__name__}: {error}; it is called without arguments") from error
    model, batch, targets = (*made, None, None)[:3] if isinstance(made, tuple) else (made, None, None)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"{factory} returns {type(model).__name__}; return a torch.nn.Module, or (model, inputs, targets)")
    return Subject(model=model, inputs=batch, targets=targets)


@contextmanager
def _importable(path: Path) -> Iterator[ModuleType]:
    """The program at a path as a module; as long as it runs, it finds what lies beside it.

    Raises:
        ConfigError: it raises while it is imported.
    """
    name = f"_explained_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python program; {FORM}")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"{path} raised {type(error).__name__} while it was imported: {error}; keep its training below "
                'if __name__ == "__main__":'
            ) from error
        yield module
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
        sys.modules.pop(name, None)


def _batch(path: Path) -> dict[str, Any]:
    import numpy as np
    import torch

    from torchvitals.explanation.checkpoints import load

    if path.suffix == ".npy":
        if not path.is_file():
            raise ConfigError(f"There is no file {path}; pass one that numpy.save or torch.save wrote")
        try:
            return {"inputs": torch.from_numpy(np.load(path, allow_pickle=False))}
        except (ValueError, TypeError, OSError, EOFError) as error:
            raise ConfigError(f"{path} holds no array of numbers ({error}); write it with numpy.save") from error
    content = load(path)
    if isinstance(content, torch.Tensor):
        return {"inputs": content}
    if isinstance(content, Mapping) and isinstance(content.get("inputs"), torch.Tensor | tuple):
        return {"inputs": content["inputs"], "targets": content.get("targets")}
    if isinstance(content, tuple | list) and len(content) == 2:
        return {"inputs": content[0], "targets": content[1]}
    raise ConfigError(
        f"{path} holds {type(content).__name__}, and no batch; write it with torch.save((inputs, targets), {str(path)!r})"
    )
