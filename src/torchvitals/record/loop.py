"""Which step it is, and what is measured when: the recorder proper.

One step is one optimizer step. Forward hooks are on only while a sampled step runs; gradients and weights are read at the
optimizer's own boundary.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn, optim

from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import Sink, StepRecord
from torchvitals.core.tag import Tag
from torchvitals.record.clock import Clock
from torchvitals.record.contract import Contract
from torchvitals.record.frame import Frame
from torchvitals.record.guard import harmless
from torchvitals.record.instrument import Instrument
from torchvitals.record.lookout import Lookout
from torchvitals.record.optimizers import Optimizers, Stop
from torchvitals.record.outline import unique_parameters
from torchvitals.record.panel import Panel
from torchvitals.record.passes import Passes
from torchvitals.record.portraits import Portraits
from torchvitals.record.probe import ProbeLook
from torchvitals.record.reviews import Reviews
from torchvitals.record.schedule import Look, Schedule
from torchvitals.record.sights import LossSight, Sight, SuccessionSight
from torchvitals.record.update import UpdateObserver

Describe = Callable[["Recorder"], Manifest]


class Recorder:
    """Follows the loop from optimizer step to optimizer step and hands one record per measured step to the sink."""

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
        look_at_probe: ProbeLook | None = None,
        reviews: Reviews | None = None,
        portraits: Portraits | None = None,
        stop: Stop | None = None,
        first_step: int = 0,
    ) -> None:
        self.model = model
        every_parameter = unique_parameters(model)
        # Quantised (integer) weights are not trained and have no norm; the measures are not defined for complex ones.
        self.parameters = {n: p for n, p in every_parameter.items() if p.is_floating_point()}
        self.optimizers = Optimizers(optimizers, every_parameter.values())
        self.panel = Panel(instruments)
        self.contract = Contract()
        self.passes = Passes(model, loss_fn, self._show, self._guard)
        self.step = self._first_step = first_step  # the step being trained
        self.broken = False  # an error of ours, or closed: nothing is measured any more
        self.cost_s = 0.0
        self._updates = UpdateObserver(self.parameters, self.optimizers, self._show, self.passes)
        self._schedule = schedule
        self._clock = Clock()
        self._lookout = Lookout()
        self._sink = sink
        self._describe = describe
        self._look_at_probe = look_at_probe
        self._reviews = reviews
        self.portraits = portraits or Portraits(None)
        self._stop = stop
        self._known: object = None  # what the manifest last written knew
        self._frame: Frame | None = None  # of the step being trained; None: it is not measured
        self._pending: Frame | None = None  # of the last step, kept open for what the loop may add
        self._sketch: Tensor | None = None  # of the gradient of the last step, if that was sampled
        self._copying: deque[Frame] = deque()  # on their way to the host
        self._sampled_steps = 0
        self._stepped: set[int] = set()  # ids of the optimizers that have updated in this step
        self._ask_again = 0  # the step before which the schedule has nothing to say
        self._only: optim.Optimizer | None = None  # the optimizer, when there is just one and nothing to do for it

    @harmless
    def start(self) -> None:
        """Put the optimizer hooks on, and everything else if the first step is measured."""
        skips = self._skips_before, self._skips_after
        self.optimizers.attach(self.before_update, self.after_update, self._guard, *skips, self._stop)
        self._arm(self._schedule.look(0, time.perf_counter()))

    def before_update(self, optimizer: optim.Optimizer, closure: bool) -> None:
        """An optimizer is about to step: gradients are final, weights still the old ones."""
        self._close_pending(None if closure else optimizer)
        if id(optimizer) in self._stepped:  # it steps more often than the others: that is a new step
            self._advance()
        if self._frame is None:
            return
        if not closure:  # a closure runs the forward pass inside the step
            self.passes.finish()
        if self._frame.sampled:
            # Once a step; `_stepped` holds those that were here already.
            self._updates.before(optimizer, orphans=not self._stepped, closure=closure)
        elif not closure:
            self._updates.gradients(optimizer)

    def after_update(self, optimizer: optim.Optimizer, closure: bool) -> None:
        """An optimizer has stepped: the weights have moved."""
        if self._frame is not None:
            if closure:
                self.passes.finish()
            if self._frame.sampled:
                self._updates.after(optimizer, closure=closure)
                sketch = None if closure else self._updates.sketch(optimizer)
                self._sketch = self._sketch if sketch is None else sketch
        self._stepped.add(id(optimizer))
        if all(id(o) in self._stepped for o in self.optimizers.known()):
            self._advance()

    @harmless
    def told(self, loss: LossSight | None, inputs: Sight | None) -> None:
        """The loop tells what may not have been seen; it counts for the step that has just ended, if that was measured."""
        if not self.optimizers.known():  # nobody steps an optimizer we can see: this call is the step
            self._close_pending(None)
            self.passes.finish()
            self._updates.gradients(None)
            self._advance()
        # Between the updates of two optimizers the step that is told of is still under way.
        frame = self._frame if self._stepped else self._pending
        for sight in (loss, inputs):
            if sight is not None and frame is not None:
                self.contract.note(sight)
                self.panel.look(sight, frame, told=True)

    @harmless
    def metrics(self, values: Mapping[Tag, float]) -> None:
        """Write numbers of the loop's own, at the step that has just ended."""
        self._write_arrived(wait=True)
        step = max(self.step - 1, self._first_step)
        self._write(StepRecord(step=step, wall_time=time.time(), scalars=tuple(values.items())))

    @harmless
    def finish(self, *, cut_short: bool, look: bool = False) -> None:
        """Take every hook off and write what is left; a step that an exception cut short as far as it came.

        With `look`, what the network has learned in the end is shown as well.
        """
        self.give_up()
        self._close_pending(None)
        if cut_short and self._frame:
            self._pending, self._frame = self._frame, None
            self._close_pending(None)
        scaling = self._updates.scaling_at_the_end()
        if scaling is not None:
            self._pending = Frame(self.step, sampled=0)
            self.panel.look(scaling, self._pending)
            self._close_pending(None)
        self._write_arrived(wait=True)
        last = self.portraits.last(self.step - 1) if look and self.step > self._first_step else None
        if last is not None:
            self._write(last)
        self.broken = True

    def give_up(self) -> None:
        """Take every hook off."""
        self.passes.remove()
        self.optimizers.remove()

    def _skips_before(self, optimizer: optim.Optimizer) -> bool:
        return optimizer is self._only

    def _skips_after(self, optimizer: optim.Optimizer) -> bool:
        """Count a step that is not measured, and decide about the next one: most steps need no more than this."""
        if optimizer is not self._only:
            return False
        self.step += 1
        if self.step >= self._ask_again:
            self._ask()
        return True

    def _ask(self) -> None:
        step, now_s = self.step - self._first_step, time.perf_counter()
        look = self._schedule.look(step, now_s)
        if look is Look.NOT:
            self._ask_again = self.step + self._schedule.rest(step, now_s)
        else:
            self._guard(self._arm, look)

    def _advance(self) -> None:
        """The step is over; decide about the next one before its forward pass."""
        frame = self._frame
        self.passes.remove()
        self._stepped.clear()
        self.step += 1
        if frame is not None:
            self._account(frame)
            self._pending, self._frame = frame, None
        if frame is not None and frame.sampled:
            self._clock.leave_out(self.portraits.run(frame.step))
        if frame is not None and self._reviews is not None:
            self._clock.leave_out(self._reviews.run(self.step - self._first_step))
        self._arm(self._schedule.look(self.step - self._first_step, time.perf_counter()))

    def _account(self, frame: Frame) -> None:
        if frame.sampled and self._look_at_probe is not None and frame.wants(self._look_at_probe.cadence):
            seen = self._look_at_probe()
            if seen is not None:
                self._show(seen)
        now_s = time.perf_counter()
        cost_s = self._clock.end(now_s, self.cost_s, self.step, full=frame.sampled)
        if frame.sampled:
            self._show(self._clock.sight(cost_s))
        look = Look.FULL if frame.sampled else Look.LIGHT
        self._schedule.spent(look, frame.step - self._first_step, cost_s, now_s)

    def _arm(self, look: Look) -> None:
        self._only, self._ask_again = None, 0
        if look is Look.NOT:
            known = self.optimizers.known()
            self._only = known[0] if len(known) == 1 and self._pending is None and not self._copying else None
            if self._only is not None:
                self.optimizers.rest()
            return
        self.optimizers.wake()
        sampled = look is Look.FULL
        self._clock.begin(time.perf_counter(), self.cost_s, self.step)
        self._frame = Frame(self.step, sampled=self._sampled_steps if sampled else None)
        self._sampled_steps += sampled
        owned = self.optimizers.owned()
        # A parameter outside the optimizer keeps its gradient because `optimizer.zero_grad()` does not reach it.
        watched = [p for p in self.parameters.values() if not owned or id(p) in owned]
        self.passes.attach(watched, light=not sampled, sequences=self.panel.wants_sequences(self._frame))

    @harmless
    def _guard(self, call: Callable[..., None], /, *args: object, **kwargs: object) -> None:
        """Every hook runs through here."""
        call(*args, **kwargs)

    def _show(self, sight: Sight) -> None:
        if self._frame is not None:
            self.contract.note(sight)
            self.panel.look(sight, self._frame)

    def _close_pending(self, optimizer: optim.Optimizer | None) -> None:
        """The last step gets nothing more: compare its gradient with the one that comes next, and send it on its way."""
        frame, self._pending = self._pending, None
        sketch, self._sketch = self._sketch, None
        if frame is not None:
            current = self._updates.sketch(optimizer) if optimizer is not None and sketch is not None else None
            if sketch is not None and current is not None and current.shape == sketch.shape:
                self.panel.look(SuccessionSight(previous=sketch, current=current), frame)
            if frame:
                frame.seal()
                self._copying.append(frame)
        self._write_arrived(wait=False)

    def _write_arrived(self, *, wait: bool) -> None:
        while self._copying and (wait or self._copying[0].ready()):
            frame = self._copying.popleft()
            record = frame.record()
            if frame.sampled:
                self._schedule.wrote(record.size_bytes)
            if self._lookout.abnormal(record):
                self._schedule.alarm(self.step + 1 - self._first_step)
            began_s = time.perf_counter()
            shown = self.portraits.added_to(record)
            self._write(shown)
            if shown is not record:  # paid for by an account of its own, also the encoding of the images
                self._clock.leave_out(self.portraits.wrote(shown.size_bytes, time.perf_counter() - began_s))

    def _write(self, record: StepRecord) -> None:
        """Append a record; first, describe the log anew when something was seen for the first time."""
        optimizers = len(self.optimizers.known()), len(self.optimizers.owned())
        known = (self.passes.known(), self.contract.known(), optimizers, len(self.panel.disarmed), self.portraits.unseen)
        if known != self._known:
            self._known = known
            self._sink.write_manifest(self._describe(self), record.step)
        self._sink.write(record)
