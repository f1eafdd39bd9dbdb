"""The public calls: where the stages are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.tag import Tag
from torchvitals.diagnosis import engine
from torchvitals.errors import MissingDependencyError, RecordingError
from torchvitals.reading import reader

if TYPE_CHECKING:
    from torch import nn, optim

    from torchvitals.record.watch import Vitals

FINDINGS_TAG = Tag(measure="torchvitals", subject="findings")
OnFinding = Callable[[Finding], None]


def watch(
    model: nn.Module,
    optimizer: optim.Optimizer | Iterable[optim.Optimizer] | None = None,
    *,
    logdir: str | Path,
    loss_fn: Callable[..., Any] | None = None,
    probe: tuple[Any, Any] | None = None,
    overhead: float = 0.02,
    every: int | None = None,
    on_finding: OnFinding | None = None,
) -> Vitals:
    """Record the vital signs of a training into a TensorBoard log. One line above an unchanged loop.

    Args:
        model: the network; it is hooked on sampled steps only and not changed.
        optimizer: its optimizer, or a list of them; None: those seen stepping a parameter of the model.
        logdir: folder of this run; made if missing. Plain TensorBoard opens it.
        loss_fn: the loss module the loop calls; loss, outputs and targets are then seen without a call to `step`.
        probe: one small fixed batch (inputs, targets); its loss in evaluation mode is recorded now and then.
        overhead: budget as a fraction of the training time, 0.02 for two per cent. The first 20 steps are always measured.
        every: measure every n-th step instead of keeping to a budget.
        on_finding: called with each root finding when the recording is closed.

    Returns:
        The recorder: `step` and `log` to tell it more, `close` or a `with` block to end it. It also ends by itself at
        interpreter exit.

    Raises:
        RecordingError: an argument that cannot be attached to, or a folder that cannot be written to.
        MissingDependencyError: torch is not installed.

    Example:
        >>> import tempfile, torch, torchvitals
        >>> model, logdir = torch.nn.Linear(4, 1), tempfile.mkdtemp()
        >>> loss_fn, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with torchvitals.watch(model, optimizer, logdir=logdir, loss_fn=loss_fn):
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         loss_fn(model(torch.ones(8, 4)), torch.zeros(8, 1)).backward()
        ...         optimizer.step()
        >>> torchvitals.read(logdir).steps.tolist()
        [0, 1, 2]
    """
    try:
        from torchvitals.record import arguments
        from torchvitals.record.watch import watch as attach
        from torchvitals.store.tensorboard import TensorBoardSink
    except ImportError as error:
        raise MissingDependencyError(f"watch needs torch ({error}); run: pip install 'torchvitals[record]'") from error
    # Before the log is opened: a call that is refused leaves no file behind.
    arguments.check(model=model, loss_fn=loss_fn, overhead=overhead, every=every, probe=probe)
    optimizers = arguments.optimizers_of(optimizer)
    try:
        sink = TensorBoardSink(logdir)
    except (OSError, TypeError) as error:
        raise RecordingError(f"logdir={str(logdir)!r} cannot be written to ({error}); pass a folder that can") from error

    def summarize() -> None:
        sink.flush()
        _write_findings(sink, logdir, on_finding)

    return attach(
        model, optimizers, sink=sink, loss_fn=loss_fn, overhead=overhead, every=every, probe=probe, on_close=summarize
    )


def _write_findings(sink: Any, logdir: str | Path, on_finding: OnFinding | None) -> None:
    """Diagnose what was just recorded, so that plain TensorBoard shows the verdict on its Text page."""
    from torchvitals.present.report.markdown import render
    from torchvitals.present.report.section import Section

    run = reader.read(logdir)
    diagnosis = engine.diagnose(run)
    sink.write_text(FINDINGS_TAG, render([Section(run=run, diagnosis=diagnosis)]), int(run.steps[-1]))
    for finding in diagnosis.roots if on_finding else ():
        on_finding(finding)  # type: ignore[misc]


def read(path: str | Path) -> Run:
    """Read one recorded run: a folder with event files, or one event file.

    Raises:
        LogNotFoundError: there is nothing at that path.
        EmptyLogError: no event file there, or none with a point in it.
        LogError: the folder holds several runs, or the file is not an event file.
    """
    return reader.read(path)


def diagnose(run: Run | str | Path) -> Diagnosis:
    """Judge a run, or the log at a path: what is wrong, where, since when, why, and what to change.

    Raises:
        LogError: the path cannot be read as one run.
    """
    return engine.diagnose(run if isinstance(run, Run) else reader.read(run))


def report(run: Run | str | Path | Sequence[Run | str | Path], path: str | Path) -> Path:
    """Write one report file about one or several runs; the suffix chooses the format (.html, .json, .md).

    Returns:
        The path written.

    Raises:
        LogError: a path cannot be read as one run.
        ConfigError: a suffix that no format has.
    """
    from torchvitals.present.report import format_of
    from torchvitals.present.report.section import Section

    form, target = format_of(path), Path(path)
    several = [run] if isinstance(run, Run | str | Path) else list(run)
    runs = [r if isinstance(r, Run) else reader.read(r) for r in several]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(form.render([Section(run=r, diagnosis=engine.diagnose(r)) for r in runs]), encoding="utf-8")
    return target
