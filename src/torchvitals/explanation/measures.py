"""What attributions and predictions put into a log, with units and meanings."""

from __future__ import annotations

from torchvitals.core.manifest import MeasureInfo

_ROWS = (
    # Attributions, for the first samples of the probe.
    ("grad_cam", "", "inputs, and below them what speaks for the target's class at the last convolution (Grad-CAM)"),
    ("grad_cam_values", "", "Grad-CAM at the last convolution, before enlarging, from zero on"),
    ("integrated_gradients", "", "inputs; integrated gradients, orange for the target, purple against; the same at random"),
    ("integrated_gradients_values", "output", "how far each input moves the target's output, seen from zeros or padding"),
    ("integrated_gradients_randomised", "output", "the same for a network with random weights"),
    ("convergence_delta", "output", "mean gap between the sum of attributions and the change of the output"),
    ("attribution_agreement", "correlation", "rank correlation of |attributions| with those of random weights; 1: no trust"),
    ("unit_conductance", "output", "how much of the target's output flows through each unit that the head is given, mean size"),
    ("occlusion", "", "inputs, and below them how far the target's output falls when a window is covered"),
    ("occlusion_values", "output", "how far the target's output falls while the input there is covered"),
    ("self_influence", "", "squared gradient of the loss in the last layer, over checkpoints; high: rare or mislabelled"),
    # Predictions, over the whole probe.
    ("probe_inputs", "", "the first samples of the probe"),
    ("probe_targets", "", "the targets of the first samples of the probe"),
    ("probe_outputs", "", "the outputs for the first samples of the probe"),
    ("probe_loss_per_sample", "", "loss of each sample of the probe"),
    ("most_lost", "", "the eight samples of the probe with the largest loss, the worst first"),
    ("probe_accuracy", "fraction", "share of the probe whose most probable class is the true one"),
    ("majority_accuracy", "fraction", "share of the most frequent class of the probe: what always guessing it would reach"),
    ("probe_recall", "fraction", "share of each true class of the probe that is recognised"),
    ("confusion_matrix", "samples", "how often each true class (row) was taken for each class (column)"),
    ("confusion", "", "the confusion matrix, each row as shares of its true class"),
    ("probe_confidence_count", "samples", "predictions by confidence, in ten bins from 0 to 1"),
    ("probe_confidence_right", "samples", "how many of the predictions of each bin are right"),
    ("calibration_error", "fraction", "expected calibration error: mean gap between confidence and accuracy over ten bins"),
    ("reconstruction", "", "inputs, and below them what the network makes of them"),
    ("reconstruction_values", "", "reconstructions of the first samples of the probe"),
    ("active_latents", "units", "units of the narrowest layer whose variance over the probe exceeds 0.01"),
    ("latent_deviation", "", "standard deviation over the probe of each unit of the narrowest layer"),
    ("latent_sensitivity", "", "‖∂h/∂x‖_F/√D, mean over samples: how far each of the D units of a code h moves with its input"),
)  # fmt: skip

MEASURES = tuple(MeasureInfo(name=name, unit=unit, meaning=meaning) for name, unit, meaning in _ROWS)
