"""A run that has looked at what it learned, made by hand: arrays of known numbers under the tags of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series, VectorSeries
from torchvitals.core.tag import Tag

LOOKS = (0, 10, 40)
SAMPLES, CLASSES = 24, 4


def learned_run(
    *,
    scalars: Mapping[str, Sequence[float]] | None = None,
    vectors: Mapping[str, Sequence[np.ndarray]] | None = None,
    tensors: Mapping[str, Sequence[np.ndarray]] | None = None,
    steps: Sequence[int] = LOOKS,
    modules: Sequence[tuple[str, str]] = (("conv1", "Conv2d"), ("conv2", "Conv2d"), ("head", "Linear")),
    manifest: bool = True,
    name: str = "learned",
) -> Run:
    """A run with a value under every tag at the first of `steps`, as many as there are values."""

    def at(values: Sequence[object]) -> np.ndarray:
        return np.array(steps[: len(values)], dtype=np.int64)

    def arrays(group: Mapping[str, Sequence[np.ndarray]] | None) -> dict[Tag, VectorSeries]:
        tags = {Tag.parse(text): values for text, values in (group or {}).items()}
        return {t: VectorSeries(tag=t, step=at(v), value=tuple(np.array(a) for a in v)) for t, v in tags.items()}

    numbers = {Tag.parse(text): values for text, values in (scalars or {}).items()}
    return Run(
        name=name,
        manifest=Manifest(modules=tuple(ModuleInfo(name=n, kind=k) for n, k in modules)) if manifest else None,
        scalars={t: Series(tag=t, step=at(v), value=np.array(v, dtype=np.float64)) for t, v in numbers.items()},
        vectors=arrays(vectors),
        tensors=arrays(tensors),
    )


def convolution_run(name: str = "convolution") -> Run:
    """A small image classifier: filter 2 of conv1 has died by the last look, the others have grown."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(6, 1, 3, 3)) * grown for grown in (0.1, 0.3, 1.0)]
    weights[-1][2] = 0.0
    norms = [np.sqrt(np.square(w).sum(axis=(1, 2, 3))) for w in weights]
    activity = [np.full(6, 0.5), np.full(6, 0.4), np.array([0.5, 0.1, 0.0, 0.3, 0.2, 0.9])]
    maps = [np.maximum(rng.normal(size=(4, 6, 5, 5)), 0) for _ in LOOKS]
    maps[-1][:, 2] = 0.0
    inputs = rng.uniform(size=(SAMPLES, 1, 8, 8))
    gradients = [rng.normal(size=(5, 1, 8, 8)) for _ in LOOKS]
    deep = [rng.normal(size=(4, 6, 3, 3)) for _ in LOOKS]
    return learned_run(
        name=name,
        scalars=classified_scalars()
        | {"convergence_delta/model": [0.5, 0.1, 0.01], "attribution_agreement/model": [0.9, 0.5, 0.1]},
        vectors={
            "filter_norm/conv1": norms,
            "filter_activity/conv1": activity,
            "filter_similarity/conv1": [rng.uniform(size=6) for _ in LOOKS],
        }
        | classified_vectors(),
        tensors={
            "filter_weights/conv1": weights,
            "filter_weights/conv2": deep,
            "feature_map_values/conv1": maps,
            "probe_inputs/model": [inputs],
            "grad_cam_values/conv2": [rng.uniform(size=(5, 4, 4)) for _ in LOOKS],
            "integrated_gradients_values/model": gradients,
            "integrated_gradients_randomised/model": [rng.normal(size=(5, 1, 8, 8)) for _ in LOOKS],
            "embedding_values/head": [rng.normal(size=(SAMPLES, 5)) for _ in LOOKS],
        }
        | classified_tensors(),
    )


def classified_scalars() -> dict[str, list[float]]:
    """At the last look 18 of 24 are right, and 6 of each class are there."""
    return {
        "probe_accuracy/model": [0.25, 0.5, 0.75],
        "majority_accuracy/model": [0.25] * 3,
        "calibration_error/model": [0.3, 0.2, 0.05],
    }


def classified_vectors() -> dict[str, list[np.ndarray]]:
    """Sample 7 is the one lost most."""
    loss = np.linspace(0, 1, SAMPLES)
    loss[7] = 9.0
    count = np.array([0, 0, 0, 2, 0, 4, 0, 6, 4, 8])
    return {
        "probe_loss_per_sample/model": [loss] * 3,
        "probe_confidence_count/model": [count] * 3,
        "probe_confidence_right/model": [np.array([0, 0, 0, 1, 0, 2, 0, 4, 3, 8])] * 3,
        "probe_recall/model": [np.array([1.0, 5 / 6, 2 / 3, 0.5])] * 3,
    }


def classified_tensors() -> dict[str, list[np.ndarray]]:
    """Class 3 is taken for class 0 in half of its samples."""
    counts = np.array([[6, 0, 0, 0], [1, 5, 0, 0], [0, 2, 4, 0], [3, 0, 0, 3]])
    targets = (np.arange(SAMPLES) % CLASSES)[:, None]
    outputs = np.eye(CLASSES)[(np.arange(SAMPLES) + (np.arange(SAMPLES) == 7)) % CLASSES]
    return {
        "confusion_matrix/model": [counts] * 3,
        "probe_targets/model": [targets],
        "probe_outputs/model": [outputs] * 3,
    }


def regression_run() -> Run:
    """A tabular regression with two outputs; the last answer is NaN."""
    rng = np.random.default_rng(1)
    targets = rng.normal(size=(SAMPLES, 2))
    outputs = targets + 0.1 * rng.normal(size=(SAMPLES, 2))
    outputs[-1] = np.nan
    return learned_run(
        name="regression",
        scalars={"convergence_delta/model": [0.01], "attribution_agreement/model": [0.9]},
        tensors={
            "probe_inputs/model": [rng.normal(size=(SAMPLES, 6))],
            "probe_targets/model": [targets],
            "probe_outputs/model": [outputs],
            "integrated_gradients_values/model": [rng.normal(size=(5, 6))],
            "integrated_gradients_randomised/model": [rng.normal(size=(5, 6))],
        },
    )


def autoencoder_run() -> Run:
    """Reconstructions of pictures, and a code of four units of which three are active."""
    rng = np.random.default_rng(2)
    inputs = rng.uniform(size=(SAMPLES, 1, 6, 6))
    return learned_run(
        name="autoencoder",
        scalars={"active_latents/code": [3.0]},
        vectors={"latent_deviation/code": [np.array([1.0, 0.5, 0.3, 0.0])]},
        tensors={
            "probe_inputs/model": [inputs],
            "probe_targets/model": [inputs.reshape(SAMPLES, -1)],
            "probe_outputs/model": [inputs.reshape(SAMPLES, -1) * 0.9],
            "reconstruction_values/model": [inputs * 0.9],
        },
        modules=(("encoder", "Linear"), ("code", "Linear")),
    )


def attention_run() -> Run:
    """Two heads over five places: one looks at the first place only, the other evenly at all."""
    sharp = np.zeros((5, 5))
    sharp[:, 0] = 1.0
    heads = np.stack([sharp, np.full((5, 5), 0.2)])
    return learned_run(
        name="attention",
        tensors={"attention_values/layer.self_attn": [np.stack([heads, heads[::-1]])]},
        modules=(("emb", "Embedding"), ("layer.self_attn", "MultiheadAttention")),
    )
