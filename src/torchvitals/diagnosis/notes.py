"""The items of the course notes, in our words, and what of torchvitals serves each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchvitals.diagnosis.rule import Rule

MEANINGS: dict[str, str] = {
    # Six looks when a network cannot be trained, to see whether the gradient is to blame.
    "C1a": "which activation functions are used",
    "C1b": "how the weights are distributed during training",
    "C1c": "how the weights were initialised",
    "C1d": "how deep the network is",
    "C1e": "how large the gradients are on average",
    "C1f": "whether there are recurrent layers",
    # What to do when nothing is learned, in this order.
    "C2a": "is the data reasonable: labels, balance, values, scale",
    "C2b": "overfit a small subset without augmentation",
    "C2c": "are the weights updated, is the data loaded as believed",
    "C2d": "simplify until it works, then add back piece by piece",
    "C2e": "run the same network on data that is known to be solvable",
    "C2f": "shuffling, batch size, normalisation of the real data",
    "C2g": "only then augmentation and regularisation",
    # What a convolutional network learns.
    "C3a": "filters as images",
    "C3b": "feature maps of one input, shallow against deep",
    "C3c": "activations, weights and data through training in TensorBoard",
    "C3d": "predictions and their probabilities",
    # Symptoms.
    "S1": "the gradient vanishes through depth",
    "S2": "the gradient explodes through depth",
    "S3": "the gradient vanishes or explodes through time",
    "S4": "a ReLU unit is off for every input",
    "S5": "sigmoid or tanh units sit in their flat zones",
    "S6": "inputs of one sign give a unit's gradients one sign",
    "S7": "zero or constant initial weights",
    "S8": "initial weights too large or too small",
    "S9": "the learning rate is too high",
    "S10": "the learning rate is too low",
    "S11": "the effective learning rate dies away (Adagrad)",
    "S12": "a plateau or saddle, or oscillation in a ravine",
    "S13": "overfitting",
    "S14": "underfitting, too little capacity",
    "S15": "weight decay out of proportion",
    "S16": "imbalanced classes",
    "S17": "inputs not normalised, not around zero",
    "S18": "data not shuffled",
    "S19": "batches too small or too large",
    "S20": "an output that cannot reach the targets",
    "S21": "a low error that proves nothing",
    "S22": "a latent code that is too sensitive to the input",
    "S23": "a representational bottleneck",
    "S24": "kernels that could be factorised",
    "S25": "a dense head that fixes the size of the image",
    "S26": "a loss or head that does not suit the task",
    "S27": "training and evaluation mode mixed up",
    "S28": "an embedding that overfits",
    "S29": "an autoencoder's code too tight or too wide",
    "S30": "clipping of the gradient, and how often it acts",
    # Facts about an architecture.
    "A1": "sizes and receptive field of an encoder-decoder with batch norm",
    "A2": "sizes of a convolutional classifier with strides",
    "A3": "sizes of a U-Net",
    "A4": "sizes of a convolutional autoencoder",
    "A5": "sizes of a network that joins three scales",
    "A6": "receptive field through a pooling",
    "A7": "sizes of a denoising autoencoder",
    # Recurrent networks and attention.
    "R1": "the gradient for the first state has one factor W a step",
    "R2": "the cell of an LSTM is multiplied by its forget gate only",
    "R3": "truncated backpropagation cuts the product",
    "R4": "plain recurrent networks suit short sequences and little data",
    "R5": "one vector of fixed size loses long inputs; attention repairs it",
    "R6": "residual paths keep a transformer's gradient alive",
    # Optimizers.
    "O1": "momentum damps where the sign alternates",
    "O2": "Nesterov's momentum looks ahead",
    "O3": "Adagrad suits sparse features and stalls",
    "O4": "RMSProp forgets old gradients",
    "O5": "Adam joins momentum and RMSProp",
    "O6": "L-BFGS uses curvature",
    "O7": "a cyclic learning rate swings between two bounds",
    "O8": "weight decay is changed by orders of magnitude and cross-validated",
    "O9": "overfit a few samples to see the lowest loss that can be reached",
}

HISTOGRAMS = "histograms in TensorBoard"
FLOW_VIEW = "gradient-flow view"
FILTER_VIEW = "filters and feature maps view"
PREDICTION_VIEW = "attributions and predictions view"
LEARNING_GATE = "comparison with the best constant prediction"

# What serves an item beside the rules: views, measures, and how findings are ordered.
CHECKS: dict[str, tuple[str, ...]] = {
    "C1a": ("activations in the manifest",),
    "C1b": (HISTOGRAMS,),
    "C1c": (f"{HISTOGRAMS} at step 0",),
    "C1d": (FLOW_VIEW,),
    "C1e": (FLOW_VIEW,),
    "C1f": ("layer kinds in the manifest",),
    "C2g": ("generalisation comes last in the order of causes",),
    "C3a": (FILTER_VIEW, "filter_norm, filter_similarity, filter_roughness and filter_change"),
    "C3b": (FILTER_VIEW, "feature_map_values of a probe"),
    "C3c": (HISTOGRAMS,),
    "C3d": (PREDICTION_VIEW, "predicted_class_count and batch_accuracy"),
    "S1": (FLOW_VIEW,),
    "S2": (FLOW_VIEW,),
    "S21": (LEARNING_GATE, PREDICTION_VIEW, "batch_accuracy"),
    "S22": ("latent_sensitivity of a probe",),
    "S29": ("active_latents and reconstruction_values of a probe",),
    "S30": ("clip_ratio",),
    "R1": ("recurrent_spectral_norm",),
    "R2": ("forget_gate_mean",),
    "R3": ("sequence_grad_norm",),
    "R4": ("memory_horizon",),
    "O1": ("gradient_cosine",),
    "O6": ("comparison of few, clear losses",),
}

# What is still missing, also where a rule already quotes the item.
NOT_BUILT: dict[str, str] = {
    "C2b": "an assistant that overfits a subset",
    "C2d": "an assistant that simplifies the model",
    "C2e": "an assistant that trains on solvable data",
    "S24": "the count of weights saved",
    "S25": "the look at the head",
    **dict.fromkeys(("A1", "A2", "A3", "A4", "A5", "A6", "A7"), "the architecture table"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One item of the notes and what serves it."""

    note: str  # its id
    meaning: str
    rules: tuple[str, ...]  # names of the symptoms that quote it
    checks: tuple[str, ...]  # views, measures and orderings
    not_built: str  # what is still missing; empty when nothing is

    @property
    def served(self) -> bool:
        """Whether a rule or another check serves it."""
        return bool(self.rules or self.checks)


def coverage(rules: Sequence[Rule]) -> tuple[Coverage, ...]:
    """Every item of the notes, in their order, with the rules that quote it."""
    return tuple(
        Coverage(
            note=note,
            meaning=meaning,
            rules=tuple(rule.name() for rule in rules if note in rule.notes),
            checks=CHECKS.get(note, ()),
            not_built=NOT_BUILT.get(note, ""),
        )
        for note, meaning in MEANINGS.items()
    )
