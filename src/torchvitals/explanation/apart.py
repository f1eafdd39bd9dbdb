"""Run a copy of a model for an explanation, whatever the loop around it has switched on or off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import torch
from torch import nn

from torchvitals.core.exhibits import Exhibits


@contextmanager
def apart(model: nn.Module) -> Iterator[None]:
    """Inside, gradients are on, autocast is off, and random numbers are drawn from generators that are put back afterwards.

    Weights and buffers are not protected: the model is to be a copy in eval mode.
    """
    devices = {p.device for p in model.parameters()}
    cuda = sorted((d for d in devices if d.type == "cuda"), key=str)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=cuda))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in {d.type for d in devices} & {"cpu", "cuda"}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        if cuda and any(isinstance(m, nn.RNNBase) for m in model.modules()):
            # cuDNN has no backward pass of a recurrent layer in eval mode; PyTorch's own kernels do.
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield


def attempt(what: str, make: Callable[[], Exhibits]) -> Exhibits:
    """What `make` returns; when it raises, a problem in words, so that one look that fails does not take the others along."""
    try:
        return make()
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "captum":
            raise
        return Exhibits(problems=(f"{what}: captum is not installed; run: pip install captum",))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        return Exhibits(problems=(f"{what}: {type(error).__name__}: {reason}",))


def captum(part: str = "captum.attr") -> Any:
    """The library that computes attributions. It takes a second to import and is optional, so it is loaded when it is used.

    Raises:
        ImportError: it is not installed; `attempt` says so.
    """
    return import_module(part)
