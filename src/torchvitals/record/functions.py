"""Operations called as functions, `F.relu` or `torch.tanh`, which no module hook can see.

A torch function mode shows them. It is on the stack of modes only from the start of a sampled forward pass to the update, at
the bottom, so that modes of the loop's own come and go above it in the order they expect.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, overrides
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._device import DeviceContext

# Private, but what PyTorch's own device context does the same with.
_depth, _at = torch._C._len_torch_function_stack, torch._C._get_function_stack_at
_pop: Callable[[], Any] = overrides._pop_mode
_push: Callable[[Any], None] = overrides._push_mode

Observe = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]

_KINDS: tuple[tuple[Any, ...], ...] = (
    ("relu", F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
    ("relu6", F.relu6),
    ("leaky_relu", F.leaky_relu, F.leaky_relu_),
    ("prelu", F.prelu, torch.prelu, Tensor.prelu),
    ("rrelu", F.rrelu, F.rrelu_, torch.rrelu),
    ("elu", F.elu, F.elu_),
    ("selu", F.selu, F.selu_, torch.selu),
    ("celu", F.celu, F.celu_, torch.celu),
    ("gelu", F.gelu),
    ("silu", F.silu),
    ("mish", F.mish),
    ("hardswish", F.hardswish),
    ("softplus", F.softplus),
    ("sigmoid", F.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, torch.special.expit),
    ("hardsigmoid", F.hardsigmoid),
    ("logsigmoid", F.logsigmoid),
    ("tanh", F.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_),
    ("hardtanh", F.hardtanh, F.hardtanh_),
    ("softsign", F.softsign),
    ("softmax", F.softmax, torch.softmax, Tensor.softmax),
    ("log_softmax", F.log_softmax, torch.log_softmax, Tensor.log_softmax),
    ("glu", F.glu),
)
ACTIVATION_FUNCTIONS: dict[Any, str] = {function: kind for kind, *functions in _KINDS for function in functions}
CLAMPS = (torch.clamp, Tensor.clamp, Tensor.clamp_, torch.clamp_min, Tensor.clamp_min, Tensor.clamp_min_)

LOSS_FUNCTIONS: dict[Any, str] = {
    getattr(F, name): name
    for name in (
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
        "ctc_loss",
        "gaussian_nll_loss",
        "huber_loss",
        "kl_div",
        "l1_loss",
        "mse_loss",
        "multi_margin_loss",
        "multilabel_margin_loss",
        "multilabel_soft_margin_loss",
        "nll_loss",
        "poisson_nll_loss",
        "smooth_l1_loss",
        "soft_margin_loss",
    )
}


def activation_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """The kind of activation a function call is, or None; `x.clamp(min=0)` is a rectifier, too."""
    if function in CLAMPS:
        low = args[1] if len(args) > 1 else kwargs.get("min")
        high = args[2] if len(args) > 2 else kwargs.get("max")
        return "relu" if isinstance(low, int | float) and low == 0 and high is None else None
    return ACTIVATION_FUNCTIONS.get(function)


class FunctionMode(TorchFunctionMode):
    """Shows every call of a torch function to `observe` after it has returned. Asleep, it only passes the calls on.

    It keeps nothing alive: the stack of modes belongs to the process, and may hold it after everything else is garbage.
    """

    def __init__(self, observe: weakref.WeakMethod[Observe]) -> None:
        super().__init__()
        self._observe = observe
        self.awake = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by PyTorch, with this mode off the stack while it runs."""
        kwargs = kwargs or {}
        if not self.awake or torch.compiler.is_compiling():
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        observe = self._observe()
        if observe is not None:
            observe(func, args, kwargs, result)
        return result

    def insert(self) -> None:
        """Put the mode at the bottom of the stack, but above the default device, which insists on being the lowest."""
        if self._is_on():
            return
        above = [_pop() for _ in range(_depth())]
        if above and _is_default_device(above[-1]):
            _push(above.pop())
        _push(self)
        for mode in reversed(above):
            _push(mode)

    def remove(self) -> None:
        """Take the mode out from wherever it is; again and again does no harm."""
        self.awake = False
        above = []
        while _depth():
            mode = _pop()
            if mode is self:
                break
            above.append(mode)
        for mode in reversed(above):
            _push(mode)

    def _is_on(self) -> bool:
        return any(_at(i) is self for i in range(_depth()))


def _is_default_device(mode: Any) -> bool:
    """Whether it was set by `torch.set_default_device`; `with torch.device(…)` takes the topmost mode off when it ends."""
    return isinstance(mode, DeviceContext) and hasattr(mode, "old_device")
