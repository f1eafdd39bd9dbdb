"""What `torch.compile` has replaced. Hooks added to it later are never called, or make it compile once more."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

from torch import nn


def is_compiled(module: nn.Module) -> bool:
    """Whether calls of this very module run compiled: `torch.compile(module)` or `module.compile()`."""
    return _is_wrapper(module) or module._compiled_call_impl is not None


def compiled_parts(model: nn.Module) -> dict[str, nn.Module]:
    """The outermost compiled modules inside a model that is not compiled itself, by name."""
    parts: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        if is_compiled(module) and not any(name.startswith(f"{outer}.") for outer in parts):
            parts[name] = module
    return parts


def eager(model: nn.Module) -> nn.Module:
    """The module that a wrapper of `torch.compile` holds; any other module itself."""
    return model._orig_mod if _is_wrapper(model) else model  # type: ignore[return-value]


def wrapper_of(model: nn.Module) -> nn.Module | None:
    """The wrapper that `torch.compile(model)` made after the model was watched; None when there is none.

    It looks at what refers to the model's own dictionary of modules, once per training and only if something was compiled.
    """
    return next((found for found in _referring(model) if _is_wrapper(found)), None)


def in_use() -> bool:
    """Whether anything has been given to `torch.compile` in this process.

    A function mode that is on while a compiled function is called makes it compile a second time, so none is used then.
    """
    frames = sys.modules.get("torch._dynamo.eval_frame")
    return frames is not None and any(backend is not None for backend in frames.cached_backends.values())


def _is_wrapper(module: nn.Module) -> bool:
    return "_orig_mod" in module._modules


def _referring(model: nn.Module) -> Iterator[nn.Module]:
    for holder in gc.get_referrers(model):
        if isinstance(holder, dict) and holder.get("_orig_mod") is model:
            # By `type`: `isinstance` asks strange objects for their `__class__`, and some answer with a warning.
            yield from (owner for owner in gc.get_objects() if issubclass(type(owner), nn.Module) and owner._modules is holder)
