"""Which step it is, and what is measured when: the recorder proper.

One step is one optimizer step. Forward hooks are on only while a sampled step runs; gradients and weights are read at the
optimizer's own boundary, where accumulation, unscaling, reduction over replicas and clipping are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn, optim

from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import Sink, StepRecord
from torchvitals.core.tag import Tag
from torchvitals.record.frame import Frame
from torchvitals.record.guard import harmless
from torchvitals.record.hooks import CarryoverHooks, LossHook, ModuleHooks, dense, is_compiled
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.optimizers import Optimizers, owned_by
from torchvitals.record.outline import unique_parameters
from torchvitals.record.schedule import Schedule
from torchvitals.record.sights import GradientSight, LossSight, OptimizerSight, ParameterSight, ProbeSight, Sight, UpdateSight

RARE = 5  # the dear instruments look on every fifth sampled step

Describe = Callable[["Recorder"], Manifest]
LookAtProbe = Callable[[], ProbeSight | None]


class Recorder:
    """Follows the loop from optimizer step to optimizer step and hands one record per sampled step to the sink."""

    def __init__(
        self,
        *,
        model: nn.Module,
        optimizers: Sequence[optim.Optimizer],
        loss_fn: nn.Module | None,
        instruments: Sequence[Instrument[Sight]],
        schedule: Schedule,
        sink: Sink,
        describe: Describe,
        look_at_probe: LookAtProbe | None = None,
        first_step: int = 0,
    ) -> None:
        self.model = model
        every_parameter = unique_parameters(model)
        # Quantised (integer) weights are not trained and have no norm; the measures are not defined for complex ones.
        self.parameters = {n: p for n, p in every_parameter.items() if p.is_floating_point()}
        self.optimizers = Optimizers(optimizers, every_parameter.values())
        self.instruments = instruments
        self.compiled = is_compiled(model)
        self.modules = ModuleHooks(model, self._show, self._guard)
        self.step = self._first_step = first_step  # the step being trained
        self.broken = False  # an error of ours, or closed: nothing is measured any more
        self.cost_s = 0.0
        self._loss = LossHook(loss_fn, self._show, self._guard)
        self._carryover = CarryoverHooks(self._guard)
        self._schedule = schedule
        self._sink = sink
        self._describe = describe
        self._look_at_probe = look_at_probe
        self._known: tuple[int, ...] = ()  # how much the manifest last written knew
        self._frame: Frame | None = None  # of the step being trained; None: it is not sampled
        self._pending: Frame | None = None  # of the last step, kept open for what the loop may add
        self._last_sampled: int | None = None
        self._sampled_steps = 0
        self._stepped: set[int] = set()  # ids of the optimizers that have updated in this step
        self._before: list[Tensor] = []
        self._names: list[str] = []
        self._started_s = time.perf_counter()
        self._cost_before_s = 0.0

    @harmless
    def start(self) -> None:
        """Put the optimizer hooks on, and everything else if the first step is sampled."""
        self.optimizers.attach(self.before_update, self.after_update, self._guard)
        self._arm()

    def before_update(self, optimizer: optim.Optimizer, closure: bool) -> None:
        """An optimizer is about to step: gradients are final, weights still the old ones."""
        self._write_pending()
        if id(optimizer) in self._stepped:  # it steps more often than the others: that is a new step
            self._advance()
        if self._frame is None:
            return
        optimized = owned_by(optimizer)
        names = self._concerned(optimized)
        parameters = [self.parameters[n].detach() for n in names]
        index = self.optimizers.known().index(optimizer)
        mine = [id(self.parameters[n]) in optimized for n in names]
        self._show(OptimizerSight(optimizer=index, value=optimizer))
        if names:  # none: the optimizer of another model, which only helps to tell one step from the next
            self._show(ParameterSight(optimizer=index, names=names, parameters=parameters, optimized=mine))
        if not closure:  # a closure computes the gradients inside the step
            self._show_gradients(index, names, optimized)
        carryover = self._carryover.sight()
        if carryover is not None:
            self._show(carryover)
        self._names, self._before = names, [p.clone() for p in parameters]

    def after_update(self, optimizer: optim.Optimizer, closure: bool) -> None:
        """An optimizer has stepped: the weights have moved."""
        if self._frame is not None:
            if closure:
                index = self.optimizers.known().index(optimizer)
                self._show_gradients(index, self._names, owned_by(optimizer))
            after = [self.parameters[n].detach() for n in self._names]
            if self._names:
                self._show(UpdateSight(names=self._names, before=self._before, after=after))
            self._names, self._before = [], []
        self._stepped.add(id(optimizer))
        if all(id(o) in self._stepped for o in self.optimizers.known()):
            self._advance()

    @harmless
    def told(self, loss: LossSight | None, inputs: Sight | None) -> None:
        """The loop tells what may not have been seen; it counts for the step that has just ended."""
        if not self.optimizers.known():  # nobody steps an optimizer we can see: this call is the step
            self._show_gradients(0, list(self.parameters), frozenset())
            self._advance()
        sights = [sight for sight in (loss, inputs) if sight is not None]
        if self._stepped:  # some optimizers of the round have yet to step: the step has not ended
            for sight in sights:
                self._show(sight)
            return
        if self._last_sampled != self.step - 1:
            return
        if self._pending is None:
            self._pending = Frame(self.step - 1, rare=False)
        for sight in sights:
            self._pending.add(self._readings(sight, self._pending))
        self._write_pending()

    @harmless
    def metrics(self, values: Mapping[Tag, float]) -> None:
        """Write numbers of the loop's own, at the step that has just ended."""
        self._write_pending()
        record = StepRecord(step=max(self.step - 1, self._first_step), wall_time=time.time(), scalars=tuple(values.items()))
        self._sink.write(record)

    @harmless
    def finish(self, *, cut_short: bool) -> None:
        """Take every hook off and write what is left; a step that an exception cut short as far as it came."""
        self.give_up()
        self._write_pending()
        if cut_short and self._frame:
            self._pending, self._frame = self._frame, None
            self._write_pending()
        self.broken = True

    def give_up(self) -> None:
        """Take every hook off."""
        self._disarm()
        self.optimizers.remove()

    def _advance(self) -> None:
        """The step is over; decide about the next one before its forward pass."""
        self._disarm()
        if self._look_at_probe is not None and self._frame is not None and self._frame.rare and not self.compiled:
            seen = self._look_at_probe()
            if seen is not None:
                self._show(seen)
        now = time.perf_counter()
        cost = self.cost_s - self._cost_before_s
        self._schedule.spent(cost, now - self._started_s, sampled=self._frame is not None)
        self._started_s, self._cost_before_s = now, self.cost_s
        if self._frame is not None:
            self._pending, self._frame, self._last_sampled = self._frame, None, self.step
        self._stepped.clear()
        self.step += 1
        self._arm()

    def _arm(self) -> None:
        if not self._schedule.samples(self.step - self._first_step):
            return
        self._frame = Frame(self.step, rare=self._sampled_steps % RARE == 0)
        self._sampled_steps += 1
        self._loss.attach()
        if not self.compiled:
            self.modules.attach()
        owned = self.optimizers.owned()
        # A parameter outside the optimizer keeps its gradient because `optimizer.zero_grad()` does not reach it.
        self._carryover.attach(p for p in self.parameters.values() if not owned or id(p) in owned)

    def _disarm(self) -> None:
        self.modules.remove()
        self._loss.remove()
        self._carryover.remove()

    def _concerned(self, optimized: frozenset[int]) -> list[str]:
        """The parameters of this optimizer and, once a step, those that no optimizer owns."""
        orphans = frozenset[int]() if self._stepped else {id(p) for p in self.parameters.values()} - self.optimizers.owned()
        return [n for n, p in self.parameters.items() if id(p) in optimized or id(p) in orphans]

    def _show_gradients(self, index: int, names: Sequence[str], optimized: frozenset[int]) -> None:
        pairs = [(n, g) for n in names if (g := self.parameters[n].grad) is not None]
        if pairs:
            self._show(
                GradientSight(
                    optimizer=index,
                    names=[n for n, _ in pairs],
                    gradients=[dense(g) for _, g in pairs],
                    optimized=[not optimized or id(self.parameters[n]) in optimized for n, _ in pairs],
                )
            )

    @harmless
    def _guard(self, call: Callable[..., None], /, *args: object, **kwargs: object) -> None:
        """Every hook runs through here."""
        call(*args, **kwargs)

    def _show(self, sight: Sight) -> None:
        if self._frame is not None:
            self._frame.add(self._readings(sight, self._frame))

    def _readings(self, sight: Sight, frame: Frame) -> list[Reading]:
        fitting = (i for i in self.instruments if i.sight is type(sight) and (frame.rare or not i.rare))
        return [reading for instrument in fitting for reading in instrument.measure(sight)]

    def _write_pending(self) -> None:
        if not self._pending:
            return
        record, self._pending = self._pending.record(), None
        self._write_manifest(record.step)
        self._sink.write(record)

    def _write_manifest(self, step: int) -> None:
        """Describe the log anew when something was seen for the first time."""
        known = (len(self.modules.firings), len(self.optimizers.known()), len(self.optimizers.owned()))
        if known != self._known:
            self._known = known
            self._sink.write_manifest(self._describe(self), step)
