"""What `watch` refuses, before anything is attached."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real

from torch import nn, optim
from torch.nn.parameter import is_lazy

from torchvitals.errors import RecordingError


def check(*, model: object, loss_fn: object, overhead: object, every: object, probe: object, first_step: object = 0) -> None:
    """Refuse what cannot be attached to.

    Raises:
        RecordingError: names the argument and says what to pass instead.
    """
    if not isinstance(model, nn.Module):
        raise RecordingError(f"model must be a torch.nn.Module, not {type(model).__name__}; pass the network itself")
    if any(is_lazy(p) for p in model.parameters()):
        raise RecordingError("model has lazy layers without shapes yet; call it once on a batch before torchvitals.watch")
    if loss_fn is not None and not callable(loss_fn):
        raise RecordingError(f"loss_fn must be callable, not {type(loss_fn).__name__}; pass nn.CrossEntropyLoss(), say")
    if not isinstance(overhead, Real) or not 0 < float(overhead) <= 1:
        raise RecordingError(f"overhead={overhead!r} is not a fraction of the step time; pass 0.02 for two per cent")
    if every is not None and (not isinstance(every, Integral) or int(every) < 1):
        raise RecordingError(f"every={every!r} is no interval; pass 1 for every step, 10 for every tenth, or leave it out")
    if not isinstance(first_step, Integral) or int(first_step) < 0:
        raise RecordingError(f"first_step={first_step!r} is no step; pass the number of optimizer steps already taken")
    if probe is not None and not (isinstance(probe, tuple | list) and len(probe) == 2):
        raise RecordingError(f"probe must be a pair (inputs, targets), not {type(probe).__name__}; pass one small batch")


def optimizers_of(given: object) -> list[optim.Optimizer]:
    """One optimizer, several or none, as a list.

    Raises:
        RecordingError: something that is not an optimizer.
    """
    several = [] if given is None else list(given) if isinstance(given, Iterable) else [given]
    optimizers = [one for one in several if isinstance(one, optim.Optimizer)]
    if len(optimizers) < len(several):
        wrong = next(type(one).__name__ for one in several if not isinstance(one, optim.Optimizer))
        raise RecordingError(
            f"optimizer must be a torch.optim.Optimizer or a list of them, not {wrong}; pass what steps the model"
        )
    return optimizers
