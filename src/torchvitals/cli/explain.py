"""`torchvitals explain`: what a trained network has learned, as a log for the dashboard and TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import say

if TYPE_CHECKING:
    from torchvitals.core.run import Run

SCALARS = (  # the lines that are printed, where they were measured
    ("probe_accuracy", "Accuracy", "{:.1%}"),
    ("majority_accuracy", "Always guessing the most frequent class", "{:.1%}"),
    ("calibration_error", "Expected calibration error", "{:.3f}"),
    ("attribution_agreement", "Attributions agree with those of random weights", "{:.2f}"),
)


def explain(
    factory: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:FACTORY",
            help="A function in your program that returns the model, or (model, inputs, targets).",
            show_default=False,
        ),
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="FILE", help="A state dict, read as tensors only.", show_default=False),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--inputs", metavar="FILE", help="A batch: .pt with inputs or (inputs, targets), or .npy.", show_default=False
        ),
    ] = None,
    logdir: Annotated[Path, typer.Option("--logdir", metavar="DIR", help="Where to write.")] = Path("runs/explained"),
    step: Annotated[int, typer.Option("--step", min=0, help="File it under this step, to compare checkpoints.")] = 0,
    occlusion: Annotated[
        bool, typer.Option("--occlusion", help="Also cover the inputs window by window; takes some hundred passes.")
    ] = False,
    influence: Annotated[
        list[Path] | None,
        typer.Option(
            "--influence",
            metavar="FILE",
            help="A checkpoint of the training, to find samples learned by heart; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what a trained network has learned: filters, feature maps, attention, attributions, predictions.

    Your program is imported and FACTORY called without arguments; its training must stand below [bold]if __name__[/bold].

    Example: [bold]torchvitals explain train.py:build --checkpoint last.pt --inputs batch.pt[/bold]
    """
    from torchvitals.explaining import explain as look
    from torchvitals.explaining_files import subject

    found = subject(factory, checkpoint=checkpoint, inputs=inputs)
    run = look(
        found.model,
        found.inputs,
        found.targets,
        logdir=logdir,
        step=step,
        occlusion=occlusion,
        checkpoints=tuple(influence or ()),
    )
    _tell(run)
    say(f"Look at it: torchvitals dashboard {logdir}, or tensorboard --logdir {logdir}")


def _tell(run: Run) -> None:
    shown = sorted({tag.measure.replace("_", " ") for tag in run.images})
    say(f"Wrote {run.path}: {len(run.tensors) + len(run.vectors)} arrays, {len(run.images)} pictures ({', '.join(shown)}).")
    for measure, words, form in SCALARS:
        series = run.scalar(measure, "model")
        if series is not None and len(series):
            say(f"{words}: {form.format(float(series.value[-1]))}")
    for unseen in run.manifest.unseen if run.manifest is not None else ():
        say(f"Not shown: {unseen.reason}")
