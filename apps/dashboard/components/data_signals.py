"""The signals of the data and of the loop, and the rules that judge them."""

from __future__ import annotations

from components.signals import Signal, lines
from torchvitals.present.figures.class_shares import class_shares, counted
from torchvitals.present.figures.feature_spread import feature_spread, latest_features
from torchvitals.present.figures.moments_band import moments_band, parts_of

INPUT: tuple[Signal, ...] = (
    Signal(
        title="Values of the input",
        meaning="Healthy inputs lie around zero, with a spread of about one.",
        recorded=lambda run: bool(parts_of(run, "input", "model")),
        draw=lambda run: moments_band(run, "input", "model"),
    ),
    Signal(
        title="Features of the input",
        meaning="One bar a feature or channel: all on one scale, none constant.",
        recorded=lambda run: latest_features(run) is not None,
        draw=feature_spread,
    ),
    lines(
        "Constant features",
        "Features that are the same throughout a batch carry nothing.",
        "constant_feature_fraction",
        unit="fraction",
    ),
    lines("Non-finite inputs", "NaN and infinite values that went into the network.", "nonfinite_inputs"),
)
TARGETS: tuple[Signal, ...] = (
    Signal(
        title="Classes, asked and answered",
        meaning="Targets of all recorded batches beside what the network predicts now.",
        recorded=lambda run: counted(run, "target_class_count") is not None,
        draw=class_shares,
    ),
    lines(
        "Entropy of the targets",
        "Of the classes in a batch, in nats: it jumps when batches hold different classes.",
        "target_entropy",
        unit="nats",
    ),
    Signal(
        title="Values of the targets",
        meaning="Floating targets. Far from zero or of large spread they need scaling.",
        recorded=lambda run: bool(parts_of(run, "target", "train")),
        draw=lambda run: moments_band(run, "target", "train"),
    ),
    Signal(
        title="Values of the output",
        meaning="What the network puts out must be able to reach the targets.",
        recorded=lambda run: bool(parts_of(run, "output", "model")),
        draw=lambda run: moments_band(run, "output", "model"),
    ),
    lines(
        "Targets the outputs do not reach",
        "Share of the floating targets below the smallest or above the largest output of the batch.",
        "targets_outside_outputs",
        unit="fraction",
    ),
    lines(
        "Spread of the output",
        "Over the samples of a batch. At 0 the input plays no part.",
        "output_spread",
    ),
)
LOOP: tuple[Signal, ...] = (
    lines("Batch size", "Samples in a batch; the last one of an epoch is often smaller.", "batch_size", unit="samples"),
    lines(
        "Time of a step, and what recording adds",
        "Seconds. The recorder's cost falls on sampled steps only.",
        "step_time_s",
        "recorder_cost_s",
        unit="s",
    ),
    lines(
        "Sampling interval", "Steps from one sampled step to the next, as the budget allows.", "sampling_interval", unit="steps"
    ),
    lines("Loss scale", "Of mixed precision: it halves when gradients overflow.", "loss_scale"),
    lines("Skipped steps", "Updates that were left out because a gradient was not finite.", "skipped_steps", unit="steps"),
    lines("Modules in evaluation mode", "While training: dropout and batch norm do not train there.", "evaluation_modes"),
    lines(
        "Gradient left over",
        "Norm of what stands in the gradients before backward: 0 where they are zeroed.",
        "gradient_carryover",
    ),
    lines("Clipping", "Norm of the applied gradient over the one before clipping.", "clip_ratio", unit="fraction"),
)
RULES = (
    "non-finite-input",
    "input-not-normalized",
    "constant-features",
    "class-imbalance",
    "label-noise",
    "data-not-shuffled",
    "data-order-repeats",
    "target-scale",
    "output-range-mismatch",
    "constant-output",
    "wrong-loss",
    "shape-broadcast",
    "batch-size",
    "gradients-not-zeroed",
    "weights-not-updating",
    "parameters-not-optimized",
    "wrong-mode",
    "excessive-clipping",
    "loss-scale-collapse",
)
