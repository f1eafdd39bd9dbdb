"""A small fixed batch, looked at in both modes without leaving a trace in the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from torchvitals.record.compiled import eager
from torchvitals.record.guard import log
from torchvitals.record.instrument import Cadence
from torchvitals.record.outline import first_tensor
from torchvitals.record.sights import ProbeSight
from torchvitals.record.untouched import untouched

Probe = tuple[Any, Any]  # inputs and targets, as the loop would pass them to the model and to the loss


class ProbeLook:
    """Looks at the probe; when that fails once, never again."""

    cadence = Cadence.RARE

    def __init__(self, model: nn.Module, probe: Probe, loss_fn: Callable[..., Any] | None) -> None:
        self._model, self._probe, self._loss_fn = model, probe, loss_fn
        self.failure = ""

    def __call__(self) -> ProbeSight | None:
        """What the network makes of the probe now; None when it could not be run, or returns no tensor."""
        if self.failure:
            return None
        try:
            return look(eager(self._model), self._probe, self._loss_fn)
        except Exception as error:
            self.failure = f"the model or the loss raised on the probe batch: {type(error).__name__}: {error}"
            log.warning("torchvitals looks at the probe no more: %s", self.failure)
            return None


def look(model: nn.Module, probe: Probe, loss_fn: Callable[..., Any] | None) -> ProbeSight | None:
    """The outputs for the probe, and its loss in both modes where the loss is known; None when the model returns no tensor.

    Runs without gradients. Modes, buffers and the random number generators are as before when it returns.
    """
    inputs, targets = probe

    def run(training: bool) -> tuple[Tensor | None, Tensor | None]:
        with untouched(model):
            model.train(training)
            call: Callable[..., Any] = model._call_impl  # not `__call__`, which may be compiled in place
            result = call(*inputs) if isinstance(inputs, tuple) else call(inputs)
            loss = loss_fn(result, targets) if loss_fn is not None else None
            return first_tensor(result), loss if isinstance(loss, Tensor) else None

    outputs, loss = run(training=False)
    if outputs is None:
        return None
    # A network with nothing that knows a mode gives the same loss twice; the comparison says so at the price of one pass.
    return ProbeSight(outputs=outputs, loss=loss, training_loss=None if loss is None else run(training=True)[1])
