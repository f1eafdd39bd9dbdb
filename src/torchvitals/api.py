"""The public calls: where the stages are put together."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding, Severity
from torchvitals.core.run import Run
from torchvitals.core.tag import Tag
from torchvitals.diagnosis import engine
from torchvitals.diagnosis.settings import Settings
from torchvitals.errors import LogError, MissingDependencyError, RecordingError
from torchvitals.reading import foreign, reader

if TYPE_CHECKING:
    from torch import nn, optim

    from torchvitals.explanation.portray import Portraitist
    from torchvitals.live import LiveReview
    from torchvitals.record.watch import Vitals
    from torchvitals.store.tensorboard import TensorBoardSink

FINDINGS_TAG = Tag(measure="torchvitals", subject="findings")
OnFinding = Callable[[Finding], None]


def watch(
    model: nn.Module,
    optimizer: optim.Optimizer | Iterable[optim.Optimizer] | None = None,
    *,
    logdir: str | Path | None = None,
    writer: Any = None,
    loss_fn: Callable[..., Any] | None = None,
    probe: tuple[Any, Any] | None = None,
    overhead: float = 0.02,
    every: int | None = None,
    first_step: int = 0,
    explain: bool = True,
    on_finding: OnFinding | None = None,
    stop_on: Severity | str | None = None,
) -> Vitals:
    """Record the vital signs of a training into a TensorBoard log. One line above an unchanged loop.

    Args:
        model: the network; it is hooked on sampled steps only and not changed.
        optimizer: its optimizer, or a list of them; None: those seen stepping a parameter of the model.
        logdir: folder of this run; made if missing. Plain TensorBoard opens it. A folder that holds an earlier recording is
            taken up again: its files stay as they are, and what they hold from the first new step on is superseded.
        writer: instead of `logdir`, a `SummaryWriter` that you have already: the recording goes into its file, beside your own
            tags, so that whatever mirrors it (W&B, MLflow) sees both. Close it after the recording; it is never closed here.
        loss_fn: the loss module the loop calls. Without it the loss is what `backward` is called on, seen where no function is
            compiled; the probe has a loss only with it.
        probe: one small fixed batch (inputs, targets); its loss in both modes is recorded now and then, and what the network
            has learned is shown on it.
        overhead: budget as a fraction of the training time, 0.02 for two per cent. The first 20 steps are always measured, and
            log-spaced ones up to the thousandth, for a second in all at the most.
        every: measure every n-th step instead of keeping to a budget.
        first_step: number of the first step, for a training that goes on from a checkpoint.
        explain: show what the network has learned: filters, and with a probe feature maps, attention, embeddings, predictions
            and attributions. A copy of it is looked at after step 0, 10, 20, 40 and so on, and at the end, for a second in
            all, and beyond that when a quarter of the overhead pays for it; at most 50 million parameters are copied.
        on_finding: called with each root finding, as soon as two reviews in a row have confirmed it, or at the end. While the
            training runs, a new finding is also said in one line on stderr, from `warning` on.
        stop_on: raise `TrainingStoppedError` out of the optimizer's step when a finding of this severity (`"critical"`, say) is
            confirmed; nothing is ever raised without it.

    Returns:
        The recorder: `step` and `log` to tell it more, `close` or a `with` block to end it. It also ends by itself at
        interpreter exit.

    Raises:
        RecordingError: an argument that cannot be attached to, a folder that cannot be written to, or not exactly one of
            `logdir` and `writer`.
        MissingDependencyError: torch is not installed.

    Example:
        >>> import tempfile, torch, torchvitals
        >>> model, logdir = torch.nn.Linear(4, 1), tempfile.mkdtemp()
        >>> loss_fn, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with torchvitals.watch(model, logdir=logdir):
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         loss_fn(model(torch.ones(8, 4)), torch.zeros(8, 1)).backward()
        ...         optimizer.step()
        >>> torchvitals.read(logdir).steps.tolist()
        [0, 1, 2]
    """
    try:
        from torchvitals.live import LiveReview
        from torchvitals.record import arguments
        from torchvitals.record.watch import Vitals
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "torchvitals":  # a fault of our own
            raise
        raise MissingDependencyError(f"watch needs torch ({error}); run: pip install 'torchvitals[record]'") from error
    # Before the log is opened: a call that is refused leaves no file behind.
    arguments.check(model=model, loss_fn=loss_fn, overhead=overhead, every=every, probe=probe, first_step=first_step)
    optimizers = arguments.optimizers_of(optimizer)
    try:
        worst = None if stop_on is None else Severity(stop_on)
    except ValueError as error:
        raise RecordingError(f"stop_on={stop_on!r} is no severity; pass 'critical' or 'warning', or leave it out") from error
    sink = _sink(logdir, writer)
    live = LiveReview(sink, on_finding=on_finding, stop_on=worst)
    vitals = Vitals(
        model,
        optimizers,
        sink=sink,
        loss_fn=loss_fn,
        overhead=overhead,
        every=every,
        probe=probe,
        first_step=first_step,
        review=live,
        portrait=_portrait(model, probe, loss_fn) if explain else None,
        stop=live.stop,
        on_close=lambda: _summarize(sink, live, on_finding),
    )
    if writer is not None:
        # tensorboardX closes its files at interpreter exit. What is registered last runs first.
        atexit.register(_close, weakref.ref(vitals))
    return vitals


def _portrait(model: nn.Module, probe: tuple[Any, Any] | None, loss_fn: Callable[..., Any] | None) -> Portraitist | None:
    """What shows what the network has learned; None when there is nothing that it could show."""
    from torchvitals.explanation.portray import Portraitist

    inputs_and_targets = None if probe is None else (probe[0], probe[1])
    portraitist = Portraitist(model, inputs_and_targets, loss_fn)
    return portraitist if portraitist.worthwhile else None


def _sink(logdir: str | Path | None, writer: Any) -> TensorBoardSink:
    """Where the recording goes.

    Raises:
        RecordingError: see `watch`.
    """
    from torchvitals.store.tensorboard import TensorBoardSink

    if (logdir is None) == (writer is None):
        both = "both are given" if writer is not None else "neither is given"
        raise RecordingError(f"watch needs one of logdir and writer, and {both}; pass logdir='runs/my-run', say")
    if logdir is None:
        return TensorBoardSink(writer=writer)
    try:
        return TensorBoardSink(logdir)
    except (OSError, TypeError) as error:
        raise RecordingError(f"logdir={str(logdir)!r} cannot be written to ({error}); pass a folder that can") from error


def _close(vitals: weakref.ref[Vitals]) -> None:
    alive = vitals()
    if alive is not None:
        alive.close()


def _summarize(sink: TensorBoardSink, live: LiveReview, on_finding: OnFinding | None) -> None:
    """Diagnose what was just recorded, so that plain TensorBoard shows the verdict on its Text page."""
    from torchvitals.present.report.markdown import render
    from torchvitals.present.report.section import Section

    sink.flush()
    try:
        run = reader.read(sink.logdir)
    except LogError:
        if sink.failed:  # the folder is gone, and that has been said
            return
        raise
    diagnosis = engine.diagnose(run)
    sink.write_text(FINDINGS_TAG, render([Section(run=run, diagnosis=diagnosis)]), int(run.steps[-1]))
    for finding in diagnosis.roots:
        if on_finding is not None and not live.said(finding):
            on_finding(finding)


def read(path: str | Path, *, roles: Mapping[str, str] | None = None) -> Run:
    """Read one recorded run: a folder with event files, or one event file.

    In the log of another tool, tags are read as ours where their names say so (`train_loss` as `loss/train`); `Run.roles`
    tells which. `roles` maps tags to roles by hand, an empty role says that a tag has none. So do, where `roles` is silent,
    `TORCHVITALS_MAP` and `map` under `[tool.torchvitals]` in pyproject.toml of the working directory.

    Raises:
        LogNotFoundError: there is nothing at that path.
        EmptyLogError: no event file there, or none with a point in it.
        LogError: the folder holds several runs, or the file is not an event file.
        ConfigError: a role that there is not, or a tag that the log does not hold.
    """
    return foreign.read(path, roles)


def diagnose(
    run: Run | str | Path,
    *,
    roles: Mapping[str, str] | None = None,
    select: Sequence[str] = (),
    mute: Mapping[str, str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    baseline: Run | str | Path | Sequence[Run | str | Path] = (),
) -> Diagnosis:
    """Judge a run, or the log at a path: what is wrong, where, since when, why, and what to change.

    Args:
        run: what `read` returned, or a path.
        roles: what tags of another tool's log are; see `read`.
        select: only these symptoms, by name or code.
        mute: symptoms not to look for, each with the reason that is shown instead.
        thresholds: other thresholds than the rules' own, as in `{"dead-relu.share": 0.7}`.
        baseline: one or several good runs of your own, or their paths; departures from their ranges are reported, too.

    What is not given here may stand in `TORCHVITALS_SELECT`, `TORCHVITALS_MUTE` and `TORCHVITALS_SET`, or as `select`, `mute`
    and `thresholds` under `[tool.torchvitals]` in pyproject.toml of the working directory.

    Raises:
        LogError: the path cannot be read as one run.
        ConfigError: a role, symptom or threshold that there is not, or a tag that the log does not hold.
    """
    settings = Settings(source="diagnose", select=tuple(select), mute=mute or {}, thresholds=thresholds or {})
    judged = foreign.remapped(run, roles) if isinstance(run, Run) else foreign.read(run, roles)
    several = [baseline] if isinstance(baseline, Run | str | Path) else baseline
    good = [r if isinstance(r, Run) else foreign.read(r, roles) for r in several]
    return engine.diagnose(judged, settings=settings, baseline=good)


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
    runs = [r if isinstance(r, Run) else foreign.read(r) for r in several]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(form.render([Section(run=r, diagnosis=engine.diagnose(r)) for r in runs]), encoding="utf-8")
    return target
