"""The public call that explains a trained network: what it has learned, as a TensorBoard log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchvitals.core.manifest import Manifest, MeasureInfo, Unseen
from torchvitals.core.run import Run
from torchvitals.core.step_record import StepRecord
from torchvitals.errors import LogError, MissingDependencyError, RecordingError
from torchvitals.reading import reader

if TYPE_CHECKING:
    from torch import nn

    from torchvitals.explanation.ondemand import Look

PROBLEMS = "explanation"  # subject of what could not be made, in the manifest


def explain(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    *,
    logdir: str | Path,
    loss_fn: Callable[..., Any] | None = None,
    step: int = 0,
    occlusion: bool = False,
    checkpoints: Sequence[str | Path] = (),
) -> Run:
    """Show what a network has learned: filters, feature maps, attention, attributions, predictions. No training is needed.

    All of it is made from a copy: weights, buffers, modes, hooks and random numbers of the model stay as they are.

    Args:
        model: the network.
        inputs: a small batch, 64 samples, say; a tuple is several arguments of the model.
        targets: its targets, as the loss is called with them; None: accuracy, calibration and losses are left out.
        logdir: folder of the log, made if missing; plain TensorBoard opens it. In the folder of a training, pass a `step`
            behind its last.
        loss_fn: the loss of the training, for the loss of each sample.
        step: the step it is filed under, for comparing checkpoints.
        occlusion: also cover the inputs window by window: some hundred passes.
        checkpoints: state dicts saved during the training; with them, samples that were learned by heart are found.

    Returns:
        What was written, read back. What could not be shown, and why, is in `manifest.unseen`.

    Raises:
        RecordingError: an argument that cannot be explained, or a folder that cannot be written to.
        ConfigError: a checkpoint that is not of this model.
        MissingDependencyError: torch is not installed.

    Example:
        >>> import tempfile, torch, torchvitals
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
        >>> run = torchvitals.explain(model, torch.ones(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]), logdir=tempfile.mkdtemp())
        >>> float(run.scalar("majority_accuracy", "model").value[0])
        0.3333333432674408
    """
    try:
        from torch import nn

        from torchvitals.explanation import ondemand
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "torchvitals":  # a fault of our own
            raise
        raise MissingDependencyError(f"explain needs torch ({error}); run: pip install 'torchvitals[record]'") from error
    if not isinstance(model, nn.Module):
        raise RecordingError(f"model must be a torch.nn.Module, not {type(model).__name__}; pass the network itself")
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise RecordingError(f"step={step!r} is no step; pass the number of optimizer steps taken, or leave it out")
    before = _before(logdir, step)
    looked = ondemand.look(model, inputs, targets, loss_fn=loss_fn, occlusion=occlusion, checkpoints=checkpoints)
    _write(looked, _manifest(model, looked, before), logdir, step)
    return reader.read(logdir)


def _before(logdir: str | Path, step: int) -> Manifest | None:
    """The manifest of a training in the folder, which stays true of it; None where there is none.

    Raises:
        RecordingError: the training has gone further than this step, and would be taken back to it.
    """
    from torchvitals.explanation.looks import MEASURES

    if not any(Path(logdir).glob("*tfevents*")):
        return None
    try:
        run = reader.read(logdir)
    except LogError:
        return None
    if run.measures <= {m.name for m in MEASURES}:  # an explanation, which a new one may replace
        return None
    last = int(run.steps[-1]) if len(run.steps) else -1
    if step <= last:
        raise RecordingError(
            f"logdir={str(logdir)!r} holds a training up to step {last}, and step={step} would take it back to there; "
            f"pass step={last + 1}, or another folder"
        )
    return run.manifest


def _write(looked: Look, manifest: Manifest, logdir: str | Path, step: int) -> None:
    """One Event with everything.

    Raises:
        RecordingError: the folder cannot be written to.
    """
    from torchvitals.store.tensorboard import TensorBoardSink

    try:
        sink = TensorBoardSink(logdir)
    except (OSError, TypeError) as error:
        raise RecordingError(f"logdir={str(logdir)!r} cannot be written to ({error}); pass a folder that can") from error
    shown = looked.exhibits
    sink.write_manifest(manifest, step)
    sink.write(
        StepRecord(
            step=step,
            wall_time=time.time(),
            scalars=shown.scalars,
            vectors=shown.vectors,
            tensors=shown.tensors,
            images=shown.images,
        )
    )
    sink.close()
    if sink.failed:
        raise RecordingError(f"logdir={str(logdir)!r} could not be written to; pass a folder with space on its disk")


def _manifest(model: nn.Module, looked: Look, before: Manifest | None) -> Manifest:
    from torchvitals.record.outline import Firing, module_infos, parameter_infos

    unseen = tuple(Unseen(subject=PROBLEMS, reason=problem) for problem in looked.exhibits.problems)
    measures = _measures(looked)
    if before is not None:
        known = {m.name for m in before.measures}
        added = tuple(m for m in measures if m.name not in known)
        return replace(before, measures=before.measures + added, unseen=before.unseen + unseen)
    firings = [Firing(name=c.name, output_shape=c.output_shape) for c in looked.calls]
    modules = module_infos(model, firings)
    return Manifest(
        device=str(next((p.device for p in model.parameters()), "cpu")),
        model=type(model).__name__,
        modules=modules,
        # Which of them were trained is not known; a parameter that is told to be left out would be a finding.
        parameters=parameter_infos(model, modules, [id(p) for p in model.parameters()]),
        measures=measures,
        unseen=unseen,
    )


def _measures(looked: Look) -> tuple[MeasureInfo, ...]:
    """Those of everything that was found, each once."""
    from torchvitals.explanation.looks import MEASURES

    shown = looked.exhibits
    groups: tuple[Any, ...] = (shown.scalars, shown.vectors, shown.tensors, shown.images)
    present = {tag.measure for group in groups for tag, _ in group}
    return tuple({m.name: m for m in MEASURES if m.name in present}.values())
