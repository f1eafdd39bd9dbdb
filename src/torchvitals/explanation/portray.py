"""A portrait: everything there is to see of what a network has learned at this moment."""

from __future__ import annotations

import copy
import functools
import importlib
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.explanation.apart import apart, attempt
from torchvitals.explanation.filters import filters
from torchvitals.explanation.layers import convolutions
from torchvitals.explanation.leaf_calls import call
from torchvitals.explanation.looks import LOOKS, MEASURES, Look, Sitting
from torchvitals.explanation.pace import Pace
from torchvitals.explanation.replica import replica

LEFT_OUT = "left out while training, because it takes longer than the recorder may; torchvitals.explain makes it at any time"


def portray(
    model: nn.Module,
    inputs: Any = None,
    targets: Any = None,
    *,
    layers: Sequence[str] | None = None,
    loss_fn: Callable[..., Any] | None = None,
    seconds: float = math.inf,
    pace: Pace | None = None,
    looks: Sequence[Look] = LOOKS,
) -> Exhibits:
    """Look at a network from all sides. It is left as it is: all but the filters is seen in a copy, in eval mode.

    Args:
        model: the network; what `torch.compile` made of one will do.
        inputs: a batch as the loop would pass it to the model, on the model's device; None: only the filters are seen.
        targets: what the loop would pass to the loss.
        layers: names of the layers whose feature maps are wanted; None: convolutions spread over the depth.
        loss_fn: the loss that the loop calls.
        seconds: about how long it may take; looks that would not be done in time are left out.
        pace: what is known of the duration of the looks.
        looks: what is looked at.

    Returns:
        What was seen. Whatever could not be made is a problem, in words, and the rest is there.
    """
    pace = Pace() if pace is None else pace
    pace.begin(seconds)
    with apart(model), _same_chances():
        if inputs is None:
            return attempt("filters", lambda: filters(model))
        try:
            copied = replica(model)
            probe = copy.deepcopy((inputs, targets))  # a network may change in place what it is given
        except Exception as error:
            return _only_filters(model, inputs, "the network or the probe cannot be copied", error)
        sitting = Sitting(model=copied, inputs=probe[0], targets=probe[1], loss_fn=loss_fn, layers=layers)
        try:
            with torch.no_grad():
                pace.measure(lambda: call(copied, sitting.inputs), _samples(sitting.inputs))
        except Exception as error:
            return _only_filters(model, inputs, "the network cannot be run on a copy", error)
        found = Exhibits()
        for look in looks:
            found += _seen(look, sitting, pace)
        return found


class Portraitist:
    """Portrays one network again and again, each time as thoroughly as there is time for.

    Args:
        model: the network.
        probe: inputs and targets; None: only filters are shown.
        loss_fn: the loss that the loop calls.
    """

    measures: tuple[MeasureInfo, ...] = MEASURES

    def __init__(self, model: nn.Module, probe: tuple[Any, Any] | None, loss_fn: Callable[..., Any] | None) -> None:
        self._model, self._probe, self._loss_fn = model, probe, loss_fn
        self._pace = Pace()
        if probe is not None:
            with suppress(ImportError):  # now, because it takes half a second, and not in the first step of the training
                importlib.import_module("captum.attr")

    @property
    def worthwhile(self) -> bool:
        """Whether there is anything to show."""
        return self._probe is not None or bool(convolutions(self._model))

    def __call__(self, seconds: float) -> Exhibits:
        """A portrait that takes about as long as that at most."""
        inputs, targets = self._probe or (None, None)
        return portray(self._model, inputs, targets, loss_fn=self._loss_fn, seconds=seconds, pace=self._pace)


def _seen(look: Look, sitting: Sitting, pace: Pace) -> Exhibits:
    if not pace.allows(look):
        return Exhibits() if pace.known(look) else Exhibits(problems=(f"{look.name}: {LEFT_OUT}",))
    began_s = time.perf_counter()
    try:
        seen = attempt(look.name, functools.partial(look.see, sitting))
    except ImportError as error:  # of the network's own
        seen = Exhibits(problems=(f"{look.name}: {type(error).__name__}: {error}",))
    pace.took(look, time.perf_counter() - began_s)
    return seen


@contextmanager
def _same_chances() -> Iterator[None]:
    """A network may draw random numbers of Python's and NumPy's as well."""
    before = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def _only_filters(model: nn.Module, inputs: object, what: str, error: Exception) -> Exhibits:
    reason = " ".join(str(error).split())[:300]
    problem = f"what was learned: only filters are shown, because {what}: {type(error).__name__}: {reason}"
    return attempt("filters", lambda: filters(model, inputs)) + Exhibits(problems=(problem,))


def _samples(inputs: object) -> int:
    """The size of the batch, as far as it shows."""
    first = next((x for x in inputs if isinstance(x, Tensor)), None) if isinstance(inputs, tuple | list) else inputs
    return int(first.shape[0]) if isinstance(first, Tensor) and first.ndim else 1
