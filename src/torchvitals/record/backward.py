"""Shows what the backward pass brings: gradients of activations, leftovers, and all gradients when it has ended."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.autograd import Variable

from torchvitals.record.hooks import Guard, Handles, Hook, dense
from torchvitals.record.l2_norms import l2_norms
from torchvitals.record.sights import ActivationGradientSight, CarryoverSight
from torchvitals.record.statistics import strided_sample, strided_size

WATCHED = 8  # parameters that report a backward pass; leftovers show in every parameter at once
SKETCHED = 32  # parameters that a sketch of the gradient is taken from
SKETCH = 4096  # elements of a sketch in all
MICRO_BATCHES = 64  # sketches kept within one optimizer step


class OutputGradients:
    """Gradients of the loss with respect to what modules put out, reduced as they pass.

    Tensor hooks leave the training as it is, and fire also where an operation in place follows.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._handles = Handles()
        self._norms: dict[str, Tensor] = {}
        self._modules: dict[str, nn.Module] = {}

    def follow(self, subject: str, module: nn.Module, output: Tensor) -> None:
        """Look at the gradient that will come back to this output."""
        if output.grad_fn is not None:
            self._modules[subject] = module
            hook = Hook(self._guard, functools.partial(self._on_gradient, subject))
            self._handles.add(output.register_hook(hook))  # type: ignore[no-untyped-call]

    def take(self, unscale: Callable[[Tensor], Tensor]) -> ActivationGradientSight | None:
        """What has come back since the step began; None when nothing did."""
        subjects = [subject for subject in self._modules if subject in self._norms]
        if not subjects:
            return None
        return ActivationGradientSight(
            subjects=subjects,
            modules=[self._modules[s] for s in subjects],
            norms=[unscale(self._norms[s]) for s in subjects],
        )

    def remove(self) -> None:
        """Take the hooks off and let go of what was kept."""
        self._handles.remove()
        self._norms.clear()
        self._modules.clear()

    def _on_gradient(self, subject: str, gradient: Tensor) -> None:
        self._norms[subject] = torch.linalg.vector_norm(gradient.detach(), dtype=_wide(gradient)).float()


class BackwardHooks:
    """Notices every backward pass: looks at `.grad` as the first gradient arrives, and at all of them when it has ended.

    What is there at the start are leftovers: the check sits here because the gradients may be cleared anywhere before, after
    the last step, before the forward pass, or between forward and backward. What is there at the end is not clipped yet.
    """

    def __init__(self, guard: Guard, passes: Callable[[], int]) -> None:
        self._guard = guard
        self._passes = passes  # how many forward passes there have been: reentrant checkpointing runs backward inside backward
        self._handles = Handles()
        self._task = -1  # of the engine: the backward pass that is running
        self._parameters: list[nn.Parameter] = []
        self._watched: Sequence[nn.Parameter] = []
        self._leftovers: dict[int, Tensor] = {}
        self._sketches: dict[int, Tensor] = {}  # of the running sum, after the backward pass of each forward pass
        self._added_to: set[int] = set()  # the forward passes whose backward pass found gradients to add to
        self._norms: dict[int, Tensor] = {}

    def attach(self, parameters: Iterable[nn.Parameter]) -> None:
        """Watch a few parameters, evenly spread over those given."""
        self._clear()
        self._parameters = [p for p in parameters if p.requires_grad and p.is_leaf]
        stride = max(1, -(-len(self._parameters) // WATCHED))
        self._watched = self._parameters[::stride]
        for parameter in self._watched:
            hook = Hook(self._guard, functools.partial(self._on_gradient, parameter))
            self._handles.add(parameter.register_hook(hook))  # type: ignore[no-untyped-call]

    def remove(self) -> None:
        """Take the hooks off."""
        self._handles.remove()
        for parameter in self._watched:
            # Even an empty table of hooks is looked into on every backward pass: 2.5 µs a parameter.
            if parameter._backward_hooks is not None and not parameter._backward_hooks:
                parameter._backward_hooks = None
        self._watched = []
        self._clear()

    def carryover(self, parameters: Collection[int]) -> CarryoverSight | None:
        """What was there at the start, in the parameters with these ids; None when no gradient arrived there."""
        norms = tuple(norm for i, norm in self._leftovers.items() if i in parameters)
        return CarryoverSight(norms=norms) if norms else None

    def arrived(self) -> bool:
        """Whether a gradient has come back since the hooks were put on."""
        return bool(self._leftovers)

    def norms(self, parameters: Iterable[int]) -> list[Tensor]:
        """Norms at the end of the last backward pass, still scaled, of the parameters with these ids."""
        return [self._norms[i] for i in parameters if i in self._norms]

    def micro_batches(self) -> list[Tensor]:
        """The same elements of the gradient of each backward pass that the update adds up, still scaled; handed out once."""
        sums = list(self._sketches.values())
        self._sketches.clear()
        return [*sums[:1], *(after - before for before, after in itertools.pairwise(sums))]

    def _clear(self) -> None:
        self._task = -1
        self._leftovers.clear()
        self._sketches.clear()
        self._added_to.clear()
        self._norms.clear()

    def _on_gradient(self, parameter: nn.Parameter, _gradient: Tensor) -> None:
        task = torch._C._current_graph_task_id()
        if task != self._task:
            self._task = task
            Variable._execution_engine.queue_callback(Hook(self._guard, self._on_end))
        old = parameter.grad
        if old is None:
            size = torch.zeros((), device=parameter.device)
        else:
            size = l2_norms([dense(old)])[0]
            self._added_to.add(self._passes())
        # Found empty once more: whatever was there has been cleared meanwhile, for a step skipped or another network's turn.
        first = self._leftovers.get(id(parameter), size)
        self._leftovers[id(parameter)] = torch.where(size == 0, size, first)

    def _on_end(self) -> None:
        arrived = [(p, dense(p.grad)) for p in self._parameters if p.grad is not None]
        if not arrived:
            return
        norms = l2_norms([g for _, g in arrived])
        self._norms = {id(p): norm for (p, _), norm in zip(arrived, norms, strict=True)}
        if self._passes() not in self._added_to:  # a sum begins here, also after a skipped step
            self._sketches.clear()
        if len(self._sketches) < MICRO_BATCHES:
            self._sketches[self._passes()] = sketch(self._parameters)


def sketch(parameters: Sequence[nn.Parameter]) -> Tensor:
    """The same few elements of the gradient every time, as (K,) with K ≤ `SKETCH`, on the device of the first parameter."""
    chosen = parameters[:: max(1, -(-len(parameters) // SKETCHED))]
    share = SKETCH // max(len(chosen), 1)
    parts = [_elements(p, share).float() for p in chosen]
    return torch.cat([part.to(parts[0].device, non_blocking=True) for part in parts])


def _elements(parameter: nn.Parameter, limit: int) -> Tensor:
    gradient = parameter.grad
    if gradient is not None and not gradient.is_sparse:
        return strided_sample(gradient.detach(), limit)
    return torch.zeros(strided_size(parameter.numel(), limit), device=parameter.device)


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
