"""Shows an optimizer's step: gradients and weights before it, and how far the weights have moved after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn, optim

from torchvitals.record.backward import sketch
from torchvitals.record.filter_looks import FilterLooks
from torchvitals.record.hooks import dense
from torchvitals.record.l2_norms import l2_norms, together
from torchvitals.record.optimizers import Optimizers, owned_by
from torchvitals.record.passes import Passes
from torchvitals.record.scaler import Scaler, gradients_are_scaled
from torchvitals.record.sights import (
    ClippingSight,
    GradientSight,
    MicroBatchSight,
    OptimizerSight,
    ParameterSight,
    ScalerSight,
    Sight,
    UpdateSight,
)

Show = Callable[[Sight], None]


class UpdateObserver:
    """Looks at parameters and gradients at the optimizer's own boundary.

    There accumulation, unscaling, reduction over replicas and clipping are done.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        optimizers: Optimizers,
        show: Show,
        passes: Passes,
    ) -> None:
        self._parameters = parameters
        self._optimizers = optimizers
        self._show = show
        self._backward, self._outputs, self._sequences = passes.backward, passes.outputs, passes.sequences
        self._filters = FilterLooks(passes.model)
        self._scaler = Scaler()
        self._names: list[str] = []
        self._before: list[Tensor] = []
        self._stepping: set[int] = set()  # ids of the parameters whose optimizers have come to their turn in this step
        self._handed_in: Tensor | None = None  # sketch of the gradient before the update
        self._applied: Tensor | None = None  # the same, once it has been applied
        self._room: dict[str, Tensor] = {}  # for the weights before the step

    def scaling_at_the_end(self) -> ScalerSight | None:
        """Steps that the gradient scaler has skipped since the last sampled one, now that none follows; it may synchronise."""
        return self._scaler.at_the_end()

    def before(self, optimizer: optim.Optimizer, *, orphans: bool, closure: bool) -> None:
        """A sampled step: the optimizer is about to update. `orphans`: parameters of no optimizer are looked at with it."""
        index, optimized = self._index(optimizer), owned_by(optimizer)
        self._names = names = self._concerned(optimized, orphans=orphans)
        self._scaler.find()
        self._show(OptimizerSight(optimizer=index, value=optimizer, names={id(p): n for n, p in self._parameters.items()}))
        scaling = self._scaler.sight()
        if scaling is not None:
            self._show(scaling)
        parameters = [self._parameters[n].detach() for n in names]
        if names:  # none: the optimizer of another model, which only helps to tell one step from the next
            mine = [id(self._parameters[n]) in optimized for n in names]
            self._show(ParameterSight(optimizer=index, names=names, parameters=parameters, optimized=mine))
            filters = self._filters.sight(names)
            if filters is not None:
                self._show(filters)
        self._stepping = {*(() if orphans else self._stepping), *optimized}
        if not closure:  # a closure computes the gradients inside the step
            self.gradients(optimizer)
            self._show_backward(optimizer, accumulates=True)
            self._handed_in = self.sketch(optimizer)
        self._before = self._copies(names, parameters)

    def after(self, optimizer: optim.Optimizer, *, closure: bool) -> None:
        """The optimizer of a sampled step has updated."""
        if closure:
            self.gradients(optimizer)
            # It may have been called several times, to search and not to add up.
            self._show_backward(optimizer, accumulates=False)
        names, deltas = self._names, self._before
        if names:
            sizes = l2_norms(deltas)
            # The copies taken before the step are ours: subtract into them instead of allocating once more.
            torch._foreach_sub_(deltas, [self._parameters[n].detach() for n in names])
            gradients = [None if (g := self._parameters[n].grad) is None or g.is_sparse else g.detach() for n in names]
            self._show(UpdateSight(names=names, sizes=sizes, deltas=deltas, gradients=gradients))
        self._names, self._before = [], []
        self._applied, self._handed_in = self._handed_in, None

    def gradients(self, optimizer: optim.Optimizer | None) -> None:
        """Show the gradients that an optimizer is about to apply; all there are when no optimizer was seen."""
        optimized = frozenset(id(p) for p in self._parameters.values()) if optimizer is None else owned_by(optimizer)
        names = self._names or self._concerned(optimized, orphans=optimizer is None)
        there = [(n, dense(g)) for n in names if (g := self._parameters[n].grad) is not None]
        missing = [n for n in names if (p := self._parameters[n]).grad is None and p.requires_grad and id(p) in optimized]
        if not there:
            return
        gradients = _unscaled([g for _, g in there], optimizer)
        self._show(
            GradientSight(
                optimizer=self._index(optimizer),
                names=[n for n, _ in there],
                gradients=gradients,
                optimized=[id(self._parameters[n]) in optimized for n, _ in there],
                missing=missing,
            )
        )

    def sketch(self, optimizer: optim.Optimizer) -> Tensor | None:
        """A few elements of the first optimizer's gradient, the same ones every time; None for another optimizer.

        Asked for the first time after `after`, it is the gradient that was applied then, as it was before: a fused optimizer
        takes the scaler's factor off inside its step, while it still says that the factor is there.
        """
        applied, self._applied = self._applied, None
        if applied is not None:
            return applied
        if self._index(optimizer):
            return None
        optimized = owned_by(optimizer)
        mine = [p for p in self._parameters.values() if id(p) in optimized]
        return _unscaled([sketch(mine)], optimizer)[0] if mine else None

    def _copies(self, names: Sequence[str], parameters: Sequence[Tensor]) -> list[Tensor]:
        """The weights as they are now.

        On a CPU the memory for them is kept, because fresh pages cost ten times as much as the copy (13 against 1 ms for 4 M
        floats). An accelerator's allocator keeps its memory itself.
        """
        if any(p.device.type != "cpu" for p in parameters):
            return [p.clone() for p in parameters]
        for name, p in zip(names, parameters, strict=True):
            room = self._room.get(name)
            if room is None or room.shape != p.shape or room.dtype != p.dtype:
                self._room[name] = torch.empty_like(p)
        copies = [self._room[name] for name in names]
        if copies:
            torch._foreach_copy_(copies, list(parameters))
        return copies

    def _show_backward(self, optimizer: optim.Optimizer, *, accumulates: bool) -> None:
        """What the backward passes of this step brought, without the scaler's factor that was on the loss then."""
        carryover = self._backward.carryover(self._stepping)
        if carryover is not None:
            self._show(carryover)
        arrived = self._outputs.take(self._unscale)
        if arrived is not None:
            self._show(arrived)
        for sequence in self._sequences.take(self._unscale):
            self._show(sequence)
        parts = self._backward.micro_batches()
        if len(parts) > 1 and accumulates:
            self._show(MicroBatchSight(sketches=[self._unscale(part) for part in parts]))
        self._show_clipping(optimizer)

    def _show_clipping(self, optimizer: optim.Optimizer) -> None:
        mine = [(id(p), g) for group in optimizer.param_groups for p in group["params"] if (g := p.grad) is not None]
        before = self._backward.norms(i for i, _ in mine)
        if before and len(before) == len(mine):
            after = _unscaled([together(l2_norms([dense(g) for _, g in mine]))], optimizer)[0]
            sight = ClippingSight(optimizer=self._index(optimizer), before=self._unscale(together(before)), after=after)
            self._show(sight)

    def _unscale(self, value: Tensor) -> Tensor:
        factor = self._scaler.factor()
        return value if factor is None else value / factor.to(value.device, non_blocking=True)

    def _index(self, optimizer: optim.Optimizer | None) -> int:
        return 0 if optimizer is None else next(i for i, o in enumerate(self._optimizers.known()) if o is optimizer)

    def _concerned(self, optimized: frozenset[int], *, orphans: bool) -> list[str]:
        """The parameters of this optimizer and, if asked for, those that no optimizer owns."""
        owned = self._optimizers.owned() if orphans else frozenset(map(id, self._parameters.values()))
        return [n for n, p in self._parameters.items() if id(p) in optimized or id(p) not in owned]


def _unscaled(gradients: Sequence[Tensor], optimizer: optim.Optimizer | None) -> list[Tensor]:
    """A fused optimizer is handed gradients that still carry the scaler's factor."""
    factor = None if optimizer is None else gradients_are_scaled(optimizer)
    return list(gradients) if factor is None else [g / factor.to(g.device, non_blocking=True) for g in gradients]
