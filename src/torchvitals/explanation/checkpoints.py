"""Weights from a file, without running anything that the file might hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchvitals.errors import ConfigError

HOLDERS = ("state_dict", "model_state_dict", "model")  # where Lightning, most loops and torchvision's scripts keep the weights
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DistributedDataParallel, `torch.compile`, and a LightningModule's network
NAMED = 4  # keys that a message names


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Put the weights of a checkpoint into a model: a state dict, or a dict that holds one.

    Raises:
        ConfigError: the file cannot be read as weights, or its weights are not the model's; the first of them are named.
    """
    weights = read_weights(path)
    own = model.state_dict()
    weights = _bare(weights, own)
    missing, unknown = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    shapes = [
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own.keys() & weights.keys()
        if isinstance(own[name], Tensor) and weights[name].shape != own[name].shape
    ]
    wrong = [
        f"{what} {_named(names)}"
        for what, names in (("lacks", missing), ("has", unknown), ("holds another shape:", sorted(shapes)))
        if names
    ]
    if wrong:
        raise ConfigError(
            f"The checkpoint {path} is not of this {type(model).__name__}: it {'; it '.join(wrong)}. "
            "Build the model as it was trained."
        )
    model.load_state_dict(dict(weights))


def read_weights(path: str | Path) -> Mapping[str, Tensor]:
    """The state dict in a checkpoint, on the CPU.

    Raises:
        ConfigError: there is no such file, or it does not hold one.
    """
    content = load(path)
    for holder in HOLDERS:
        if isinstance(content, Mapping) and isinstance(content.get(holder), Mapping):
            content = content[holder]
            break
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise ConfigError(
            f"The checkpoint {path} holds no state dict; write one: torch.save(model.state_dict(), {str(path)!r})"
        )
    return content


def load(path: str | Path) -> Any:
    """What `torch.save` wrote, as far as it is tensors and plain values.

    Raises:
        ConfigError: there is no such file, or it holds objects whose code would have to run.
    """
    if not Path(path).is_file():
        raise ConfigError(f"There is no file {path}; pass one that torch.save wrote")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of half a dozen kinds, each with a page of advice about the user's own files
        reason = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"{path} cannot be read as tensors alone ({type(error).__name__}: {reason}); save weights with "
            "torch.save(model.state_dict(), ...): whole pickled models are never loaded, they could run any code"
        ) from error


def _bare(weights: Mapping[str, Tensor], own: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The weights without a prefix that all of them share and the model's own do not."""
    for prefix in PREFIXES:
        if all(k.startswith(prefix) for k in weights) and not all(k.startswith(prefix) for k in own):
            weights = {k.removeprefix(prefix): v for k, v in weights.items()}
    return weights


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
