"""What can be attached to a training: torchvitals, and what others do, each in the fewest lines that its own guide asks for.

A recorder is a pair of calls around every step; most need only one of them or none.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overhead_models import Training
from torch import Tensor

# What the README promises of torchvitals by default: a budget, and a start beyond it.
DENSE = 20  # first steps, each of which is measured
START_S = 3.0  # training time after them that is counted as the start as well


def _nothing(*_: object) -> None:
    """For recorders that need no call here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """What the loop calls for a recorder that has been attached."""

    before: Callable[[int], None] = _nothing  # the number of the step that begins
    after: Callable[[int, Tensor], None] = _nothing  # the number and loss of the step that has ended
    flush: Callable[[], None] = _nothing  # bring everything recorded to the disk
    close: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to record, or none."""

    name: str
    title: str
    attach: Callable[[Training, Path], Recorder]
    package: str = "torch"  # without it the arm is left out
    long: bool = False  # a cost of a few per cent: only many steps tell it from noise
    budgeted: bool = False  # has a start that its budget does not count


def off(_training: Training, _folder: Path) -> Recorder:
    """Nothing: the second copy of the control is as bare as the first."""
    return Recorder()


def torchvitals(training: Training, folder: Path, *, every: int | None = None) -> Recorder:
    """The one line of the README."""
    import torchvitals

    # A recorder that gave up would be measured as free.
    logging.getLogger("torchvitals").addHandler(_Refuse(logging.WARNING))
    vitals = torchvitals.watch(training.model, training.optimizer, logdir=folder, loss_fn=training.loss_fn, every=every)

    def flush() -> None:
        time.sleep(1.1)  # the log is flushed by whatever is written a second after the last time
        vitals.log(flushed=1.0)

    return Recorder(flush=flush, close=vitals.close)


class _Refuse(logging.Handler):
    """Turns a warning into the end of the measurement."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it where the caller looks for a complaint, and end the process."""
        os.write(2, f"{record.getMessage()}\n".encode())
        os._exit(1)


def histograms(training: Training, folder: Path, *, every: int) -> Recorder:
    """`add_histogram` of each weight and gradient, as most tutorials have it."""
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(folder)

    def after(step: int, loss: Tensor) -> None:
        if step % every == 0:
            writer.add_scalar("loss", loss, step)
            for name, parameter in training.model.named_parameters():
                writer.add_histogram(f"weights/{name}", parameter, step)
                writer.add_histogram(f"gradients/{name}", parameter.grad, step)

    return Recorder(after=after, flush=writer.flush, close=writer.close)


def wandb(training: Training, folder: Path) -> Recorder:
    """`wandb.watch` of weights and gradients, offline; its own service process is not counted."""
    os.environ["WANDB_SILENT"] = "true"
    import wandb

    run = wandb.init(mode="offline", dir=folder, settings=wandb.Settings(x_disable_stats=True))
    run.watch(training.model, log="all", log_freq=10)

    def after(step: int, loss: Tensor) -> None:
        if step % 10 == 0:  # what was watched goes out with the next `log`
            run.log({"loss": float(loss)}, step=step)

    return Recorder(after=after, flush=lambda: time.sleep(2.0), close=run.finish)


def monitorch(training: Training, folder: Path) -> Recorder:
    """Activations, norms and gradients of every step, written as one point each ten steps."""
    from monitorch.inspector import PyTorchInspector
    from monitorch.lens import LossMetrics, OutputActivation, OutputNorm, ParameterGradientGeometry, ParameterNorm
    from monitorch.visualizer import TensorBoardVisualizer

    page = TensorBoardVisualizer(log_dir=str(folder))
    lenses = [
        LossMetrics(loss_fn=training.loss_fn),
        OutputActivation(),
        OutputNorm(),
        ParameterGradientGeometry(),
        ParameterNorm(),
    ]
    inspector = PyTorchInspector(lenses=lenses, visualizer=page, module=training.model)

    def after(step: int, _loss: Tensor) -> None:
        if step % 10 == 9:
            inspector.tick_epoch()

    return Recorder(after=after, flush=page.writer.flush, close=page.writer.close)


def torch_module_monitor(training: Training, folder: Path) -> Recorder:
    """Mean of activations, norms of weights and gradients every tenth step, as its guide begins; written as scalars."""
    from torch.utils.tensorboard import SummaryWriter
    from torch_module_monitor import ModuleMonitor

    writer: Any = SummaryWriter(folder)
    monitor = ModuleMonitor(monitor_step_fn=lambda step: step % 10 == 0)
    monitor.set_module(training.model)
    monitor.add_activation_metric("mean", lambda x: x.mean())
    monitor.add_parameter_metric("norm", lambda x: x.norm())
    monitor.add_gradient_metric("norm", lambda x: x.norm())

    def after(step: int, _loss: Tensor) -> None:
        monitor.monitor_parameters()
        monitor.monitor_gradients()
        monitor.end_step()
        if monitor.is_step_monitored(step):
            for name, value in monitor.get_step_metrics().items():
                writer.add_scalar(name, value, step)

    return Recorder(before=monitor.begin_step, after=after, flush=writer.flush, close=writer.close)


def _each(attach: Callable[..., Recorder], every: int) -> Callable[[Training, Path], Recorder]:
    return lambda training, folder: attach(training, folder, every=every)


ARMS = {
    arm.name: arm
    for arm in (
        Arm(name="off", title="nothing (control)", attach=off, long=True),
        Arm(name="torchvitals", title="torchvitals", attach=torchvitals, package="torchvitals", long=True, budgeted=True),
        Arm(
            name="torchvitals10",
            title="torchvitals, every=10",
            attach=_each(torchvitals, 10),
            package="torchvitals",
            budgeted=True,
        ),
        Arm(
            name="torchvitals1",
            title="torchvitals, every=1",
            attach=_each(torchvitals, 1),
            package="torchvitals",
            budgeted=True,
        ),
        Arm(name="histograms10", title="add_histogram, every 10th step", attach=_each(histograms, 10), package="tensorboard"),
        Arm(name="histograms1", title="add_histogram, every step", attach=_each(histograms, 1), package="tensorboard"),
        Arm(name="wandb", title='wandb.watch(log="all", log_freq=10), offline', attach=wandb, package="wandb"),
        Arm(name="monitorch", title="monitorch, five lenses, every step", attach=monitorch, package="monitorch"),
        Arm(
            name="module-monitor",
            title="torch-module-monitor, every 10th step",
            attach=torch_module_monitor,
            package="torch_module_monitor",
        ),
    )
}
