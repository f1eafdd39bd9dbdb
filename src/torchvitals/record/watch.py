"""What the user holds while training: attach, tell, log, close."""

from __future__ import annotations

import atexit
import os
import platform
import weakref
from collections.abc import Callable, Sequence
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn, optim

from torchvitals.core.discover import discover
from torchvitals.core.manifest import Manifest, Unseen
from torchvitals.core.step_record import Sink
from torchvitals.core.tag import Tag
from torchvitals.record import instruments as instruments_package
from torchvitals.record.guard import log
from torchvitals.record.instrument import Instrument
from torchvitals.record.loop import Recorder
from torchvitals.record.optimizers import Stop
from torchvitals.record.outline import module_infos, parameter_infos, unseen_activations
from torchvitals.record.portraits import Portrait, Portraits
from torchvitals.record.probe import Probe, ProbeLook
from torchvitals.record.reviews import Review, Reviews
from torchvitals.record.schedule import Budget, Every, Schedule
from torchvitals.record.sights import InputSight, LossSight, Sight

_open: weakref.WeakSet[Vitals] = weakref.WeakSet()
SPLITS = ("train", "val", "test")


def all_instruments() -> tuple[Instrument[Sight], ...]:
    """Every instrument of the folder, and those of third parties (entry points `torchvitals.instruments`)."""
    instruments: list[Instrument[Sight]] = []
    for kind in discover(instruments_package, Instrument, group="torchvitals.instruments"):  # type: ignore[type-abstract]
        try:
            instruments.append(kind())
        except Exception as error:
            log.warning("torchvitals does without %s: %s: %s", kind.__name__, type(error).__name__, error)
    return tuple(instruments)


class Vitals:
    """A recorder attached to a model. Make it with `torchvitals.watch`; it closes itself at interpreter exit.

    Nothing it does changes the training, and nothing in it raises into the loop: on an error of its own it warns once and
    takes itself off.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[optim.Optimizer],
        *,
        sink: Sink,
        loss_fn: Callable[..., Any] | None = None,
        overhead: float = 0.02,
        every: int | None = None,
        probe: Probe | None = None,
        first_step: int = 0,
        review: Review | None = None,
        portrait: Portrait | None = None,
        stop: Stop | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        schedule: Schedule = Budget(overhead=overhead) if every is None else Every(n=every)
        self._loss_fn = loss_fn
        self._every = every
        self._instruments = all_instruments()
        self._sink = sink
        self._on_close = on_close
        self._closed = False
        self._pid = os.getpid()
        self._probe = None if probe is None else ProbeLook(model, probe, loss_fn)
        self._recorder = Recorder(
            model=model,
            optimizers=optimizers,
            loss_fn=loss_fn if isinstance(loss_fn, nn.Module) else None,
            instruments=self._instruments,
            schedule=schedule,
            sink=sink,
            describe=self._describe,
            look_at_probe=self._probe,
            reviews=Reviews(review, overhead),
            portraits=Portraits(portrait, overhead=overhead, first_step=first_step),
            stop=stop,
            first_step=first_step,
        )
        # The optimizer's hooks keep the recorder alive, and through `_describe` this object: a user who does not keep the
        # returned value still gets a log.
        self._recorder.start()
        _open.add(self)

    def step(
        self,
        loss: Tensor | float | None = None,
        *,
        inputs: Tensor | None = None,
        outputs: Tensor | None = None,
        targets: Tensor | None = None,
    ) -> None:
        """Tell what could not be seen of the optimizer step that has just been taken.

        Optional. What is passed here wins over what was seen, and no step is counted twice; on a step that is not measured it
        is passed over. If no optimizer of the model was ever seen stepping (weights updated by hand), the call itself is the
        step.
        """
        sight = None
        value = _loss_value(loss)
        if value is not None:
            sight = LossSight(loss=value, outputs=_detached(outputs), targets=_detached(targets))
        seen = _detached(inputs)
        self._recorder.told(sight, None if seen is None else InputSight(inputs=seen))

    def log(self, **metrics: Tensor | float) -> None:
        """Write metrics of your own at the current step: `log(val_loss=..., val_accuracy=..., epoch=...)`.

        `val_loss` becomes the tag `loss/val`, `test_f1` becomes `f1/test`; any other name is a tag of its own.
        """
        if self._closed:
            log.warning("torchvitals: log(%s) was left out: the recording is closed", ", ".join(metrics))
            return
        values = {}
        for name, value in metrics.items():
            try:
                values[metric_tag(name)] = float(value.detach() if isinstance(value, Tensor) else value)
            except (TypeError, ValueError, RuntimeError) as error:
                log.warning("torchvitals: log(%s=...) was left out: %s. Pass one number.", name, error)
        self._recorder.metrics(values)

    def close(self) -> None:
        """Take all hooks off, write what is left and release the files. Calling it again does nothing."""
        self._close(cut_short=False)

    def __del__(self) -> None:
        # A function that trained and returned leaves model, optimizer and this object as one cycle of garbage; without this
        # its log would lack the end.
        if hasattr(self, "_recorder"):
            self._close(cut_short=False, look=False)  # in the middle of whatever was running

    def _close(self, *, cut_short: bool, look: bool = True) -> None:
        if self._closed:
            return
        self._closed = True
        _open.discard(self)
        # A forked child (a worker of a DataLoader, say) inherits the recorder, but the log is its parent's.
        ours = os.getpid() == self._pid
        self._recorder.finish(cut_short=cut_short, look=look and ours and not cut_short)
        lasts = (self._on_close, self._sink.close) if ours else ()
        for last in lasts:
            try:
                if last is not None:
                    last()
            except Exception as error:
                log.warning("torchvitals could not finish the log: %s: %s", type(error).__name__, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close(cut_short=kind is not None)

    def _describe(self, recorder: Recorder) -> Manifest:
        passes = recorder.passes
        modules = module_infos(recorder.model, passes.firings())
        unseen = [*unseen_activations(recorder.model, modules), *passes.unseen()]
        unseen += [Unseen(subject=name, reason=f"the instrument raised {why}") for name, why in recorder.panel.disarmed.items()]
        if self._probe is not None and self._probe.failure:
            unseen.append(Unseen(subject="probe", reason=self._probe.failure))
        unseen += recorder.portraits.unseen
        return Manifest(
            versions=_versions(),
            device=str(next(iter(recorder.parameters.values())).device) if recorder.parameters else "cpu",
            seed=torch.initial_seed(),
            model=type(recorder.model).__name__,
            optimizers=tuple(type(o).__name__ for o in recorder.optimizers.known()),
            loss=self._loss_kind(passes.forward.losses.kind),
            loss_reduction=str(getattr(self._loss_fn, "reduction", "")),
            input_shape=recorder.contract.input_shape,
            output_shape=recorder.contract.output_shape,
            target_shape=recorder.contract.target_shape,
            target_dtype=recorder.contract.target_dtype,
            every=self._every,
            modules=modules,
            parameters=parameter_infos(recorder.model, modules, recorder.optimizers.owned()),
            measures=(*(m for i in self._instruments for m in i.measures), *recorder.portraits.measures),
            seen=tuple(m.name for m in modules if m.activation and m.fired),
            unseen=tuple(unseen),
        )

    def _loss_kind(self, seen: str) -> str:
        """The class of a loss module; of a function what was seen of it, which says more than its name."""
        name = _loss_name(self._loss_fn)
        return name if isinstance(self._loss_fn, nn.Module) else seen or name


def metric_tag(name: str) -> Tag:
    """The tag of a metric: a leading split name becomes the subject.

    Example:
        >>> str(metric_tag("val_loss")), str(metric_tag("epoch")), str(metric_tag("loss/val"))
        ('loss/val', 'epoch', 'loss/val')
    """
    split, _, rest = name.partition("_")
    return Tag(measure=rest, subject=split) if split in SPLITS and rest else Tag.parse(name)


def _loss_value(loss: object) -> Tensor | None:
    """The loss as a tensor; None when there is none, or something that is not a number."""
    if loss is None or isinstance(loss, Tensor):
        return None if loss is None else loss.detach()
    try:
        return torch.tensor(float(loss))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        log.warning("torchvitals: step(loss) was left out: %s. Pass the loss as a tensor or one number.", error)
        return None


def _detached(tensor: Tensor | None) -> Tensor | None:
    return tensor.detach() if isinstance(tensor, Tensor) else None


def _loss_name(loss_fn: object) -> str:
    if loss_fn is None:
        return ""
    return type(loss_fn).__name__ if isinstance(loss_fn, nn.Module) else getattr(loss_fn, "__name__", type(loss_fn).__name__)


def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("torchvitals", "torch", "tensorboard", "numpy")
    return (("python", platform.python_version()), *((name, version(name)) for name in packages))


@atexit.register
def _close_all() -> None:
    for vitals in list(_open):
        vitals.close()
