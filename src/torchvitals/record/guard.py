"""Nothing of ours raises into the training loop, and all of it is timed."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

import torch

log = logging.getLogger("torchvitals")


class Guarded(Protocol):
    """What a guarded object keeps: whether it gave up, and the seconds it has cost so far."""

    broken: bool
    cost_s: float

    def give_up(self) -> None:
        """Remove every hook and measure no more."""


G = TypeVar("G", bound=Guarded)
P = ParamSpec("P")


def harmless(method: Callable[Concatenate[G, P], None]) -> Callable[Concatenate[G, P], None]:
    """Run a callback without gradients; on any error warn once, take everything off, and let the training go on.

    No function mode sees what we compute: one of the loop's own that draws a random number for each call would change the
    training. The warning goes through `logging`, because `warnings.warn` would raise under `-W error`.
    """

    @functools.wraps(method)
    def call(self: G, *args: P.args, **kwargs: P.kwargs) -> None:
        if self.broken:
            return
        started = time.perf_counter()
        try:
            with torch._C.DisableTorchFunction(), torch.no_grad():  # in this order: modes see `no_grad`, too
                method(self, *args, **kwargs)
        except Exception as error:
            self.broken = True
            log.warning(
                "torchvitals stopped recording in %s: %s: %s. Training goes on; please report this.",
                method.__name__,
                type(error).__name__,
                error,
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
            self.give_up()
        finally:
            self.cost_s += time.perf_counter() - started

    return cast("Callable[Concatenate[G, P], None]", call)


def in_autocast() -> bool:
    """Whether the loop's autocast is on."""
    return torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")


@contextmanager
def full_precision() -> Iterator[None]:
    """Measure in the precision written down, also where the loop's autocast would turn a product into half precision."""
    with ExitStack() as stack:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield
