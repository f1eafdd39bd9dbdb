"""Which parts of an input speak for the output: Grad-CAM, integrated gradients, conductance, and on request occlusion."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.tag import Tag
from torchvitals.explanation import overlay
from torchvitals.explanation.apart import apart, attempt, captum
from torchvitals.explanation.leaf_calls import LeafCall, leaf_calls, penultimate
from torchvitals.explanation.question import Answer, Question, ask
from torchvitals.explanation.randomised import agreement, redrawn
from torchvitals.explanation.sizes import within

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = 24  # points on the path from the baseline to the input
AT_ONCE = 32  # rows in one pass of the model
UNITS = 256  # of the vector of conductances
WINDOWS = 16  # occluding windows along the longest side, half overlapping
Array = NDArray[np.float32]


def attribute(model: nn.Module, inputs: object, targets: object = None) -> Exhibits:
    """Attributions for the first eight samples.

    Args:
        model: a copy in eval mode, without hooks of others. It is run, never changed.
        inputs: a tensor (N, …), or a tuple that begins with one; integers are tokens (N, T).
        targets: see `question.ask`.

    Returns:
        Grad-CAM for images (N, C, H, W) at the last convolution with more than one position; integrated gradients (Sundararajan
        et al. 2017) with zero, or the padding token, as the baseline, the same with random weights, and how far the two agree;
        the conductance (Dhamdhere et al. 2018) of the units that the head is given. What could not be made is a problem.
    """
    with apart(model):
        question = _asked(model, inputs, targets)
        if isinstance(question, Exhibits):
            return question
        _, calls = leaf_calls(model, question.pass_once)
        return (
            attempt("Grad-CAM", lambda: _grad_cam(question, calls))
            + attempt("integrated gradients", lambda: _integrated(question, calls))
            + attempt("conductance", lambda: _conductance(question, calls))
        )


def occlude(model: nn.Module, inputs: object, targets: object = None) -> Exhibits:
    """How far the score of the target falls while a window of the input is set to the baseline: slow, so on request only."""
    with apart(model):
        question = _asked(model, inputs, targets)
        if isinstance(question, Exhibits):
            return question
        _, calls = leaf_calls(model, question.pass_once)
        return attempt("occlusion", lambda: _occlusion(question, calls))


def _asked(model: nn.Module, inputs: object, targets: object) -> Question | Exhibits:
    found: list[Question] = []

    def look() -> Exhibits:
        question = ask(model, inputs, targets)
        if isinstance(question, str):
            return Exhibits(problems=(question,) if question else ())
        found.append(question)
        return Exhibits()

    failed = attempt("attributions", look)
    return found[0] if found else failed


def _grad_cam(question: Question, calls: Sequence[LeafCall]) -> Exhibits:
    layer = _last_convolution(question.inputs, calls)
    if layer is None:
        return Exhibits()
    asked = question.arguments() | {"inputs": question.inputs.clone().requires_grad_()}
    maps = captum().LayerGradCam(question.answer, layer.module).attribute(**asked, relu_attributions=True)
    values = _host(maps)[:, 0]
    tag = Tag(measure="grad_cam", subject=layer.name)
    colours = cast(Array, overlay.pictures(_host(question.inputs)))
    picture = overlay.tiled((colours, overlay.overlaid(colours, values)))
    return _kept(Tag(measure="grad_cam_values", subject=layer.name), values) + Exhibits(images=((tag, picture),))


def _last_convolution(inputs: Tensor, calls: Sequence[LeafCall]) -> LeafCall | None:
    if inputs.ndim != 4 or not inputs.is_floating_point():
        return None
    maps = [c for c in calls if isinstance(c.module, nn.Conv2d) and len(c.output_shape) == 4]
    return next((c for c in reversed(maps) if c.output_shape[2] * c.output_shape[3] > 1), None)


def _integrated(question: Question, calls: Sequence[LeafCall]) -> Exhibits:
    values, delta = integrated_gradients(question, calls)
    random = replace(question, answer=Answer(redrawn(question.answer.model), question.answer.axis))
    others, _ = integrated_gradients(random, leaf_calls(random.answer.model, random.pass_once)[1])
    # An input that is the baseline gets exactly 0 from every network, and would only make both look alike.
    counted = _host(question.inputs) != 0 if question.inputs.is_floating_point() else np.ones(values.shape, dtype=bool)
    agreed = agreement(values, others, counted)
    scalars = [(Tag(measure="convergence_delta", subject="model"), float(np.abs(delta).mean()))]
    scalars += [(Tag(measure="attribution_agreement", subject="model"), agreed)] if np.isfinite(agreed) else []
    picture = _picture(question, (values, others))
    images = ((Tag(measure="integrated_gradients", subject="model"), picture),) if picture is not None else ()
    return (
        Exhibits(scalars=tuple(scalars), images=images)
        + _kept(Tag(measure="integrated_gradients_values", subject="model"), values)
        + _kept(Tag(measure="integrated_gradients_randomised", subject="model"), others)
    )


def integrated_gradients(question: Question, calls: Sequence[LeafCall]) -> tuple[Array, Array]:
    """Attributions shaped like the inputs, and (N,) by how much their sum misses the change of the score (its own unit).

    Tokens (N, T) are attributed through the embedding they go into, summed over its dimensions.

    Raises:
        ValueError: the inputs are integers, and no `nn.Embedding` is given them.
    """
    how = {"n_steps": STEPS, "internal_batch_size": AT_ONCE, "return_convergence_delta": True}
    if question.inputs.is_floating_point():
        values, delta = captum().IntegratedGradients(question.answer).attribute(**question.arguments(), **how)
        return _host(values), _host(delta)
    embedding = _embedding(question.inputs, calls)
    method = captum().LayerIntegratedGradients(question.answer, embedding)
    asked = question.arguments() | {"baselines": _silence(question.inputs, embedding)}
    values, delta = method.attribute(**asked, **how)
    return _host(values.sum(dim=-1)), _host(delta)


def _embedding(tokens: Tensor, calls: Sequence[LeafCall]) -> nn.Embedding:
    for call in calls:
        if isinstance(call.module, nn.Embedding) and call.input_shape == tuple(tokens.shape):
            return call.module
    raise ValueError(f"the inputs are {tokens.dtype} of shape {tuple(tokens.shape)}, and no nn.Embedding is given them")


def _silence(tokens: Tensor, embedding: nn.Embedding) -> Tensor:
    """The padding token everywhere, or token 0 where the embedding knows no padding."""
    return torch.full_like(tokens, embedding.padding_idx if embedding.padding_idx is not None else 0)


def _conductance(question: Question, calls: Sequence[LeafCall]) -> Exhibits:
    layer = penultimate(calls)
    if layer is None or not question.inputs.is_floating_point() or layer.output_shape[0] != len(question.inputs):
        return Exhibits()
    found = (
        captum()
        .LayerConductance(question.answer, layer.module)
        .attribute(**question.arguments(), n_steps=STEPS, internal_batch_size=AT_ONCE)
    )
    values = _host(found[0] if isinstance(found, tuple) else found)
    axis = 1 if values.ndim == 4 or isinstance(layer.module, nn.Conv1d | nn.BatchNorm1d) else -1
    units = np.moveaxis(values, axis, -1).reshape(len(values), -1, values.shape[axis]).sum(axis=1)
    vector = np.abs(units).mean(axis=0)[:UNITS].astype(np.float32)
    return Exhibits(vectors=((Tag(measure="unit_conductance", subject=layer.name), vector),))


def _occlusion(question: Question, calls: Sequence[LeafCall]) -> Exhibits:
    inputs = question.inputs
    window, stride = _window(tuple(inputs.shape[1:]))
    baseline = 0 if inputs.is_floating_point() else _silence(inputs, _embedding(inputs, calls))
    with torch.no_grad():
        found = (
            captum()
            .Occlusion(question.answer)
            .attribute(
                **question.arguments(),
                sliding_window_shapes=window,
                strides=stride,
                baselines=baseline,
                perturbations_per_eval=max(1, AT_ONCE // len(inputs)),
            )
        )
    values = _host(found)
    picture = _picture(question, (values,))
    images = ((Tag(measure="occlusion", subject="model"), picture),) if picture is not None else ()
    return _kept(Tag(measure="occlusion_values", subject="model"), values) + Exhibits(images=images)


def _window(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Window and stride for samples of a shape: squares over all channels of an image, runs of features otherwise."""
    whole = 1 if len(shape) == 3 else 0  # the channels of an image go together
    window = shape[:whole] + tuple(max(1, -(-2 * n // WINDOWS)) for n in shape[whole:])
    return window, shape[:whole] + tuple(max(1, w // 2) for w in window[whole:])


def _picture(question: Question, found: Sequence[Array]) -> NDArray[np.uint8] | None:
    """The inputs, and below them each of the maps; for inputs that are no images the maps alone, sample below sample."""
    if any(v.ndim not in (2, 3, 4) for v in found):
        return None
    colours = overlay.pictures(_host(question.inputs)) if question.inputs.is_floating_point() else None
    if colours is not None:
        maps = [v.reshape(len(v), -1, *colours.shape[1:3]).sum(axis=1) for v in found]
        return overlay.tiled((colours, *(overlay.coloured(m, signed=True) for m in maps)))
    # A table (N, F) is one tile with a row for each sample, a series (N, T, F) or (N, C, L) a tile for each, lying.
    strips = [v[None] if v.ndim == 2 else v if v.shape[1] <= v.shape[2] else v.swapaxes(1, 2) for v in found if v.ndim < 4]
    return overlay.tiled([overlay.coloured(s, signed=True) for s in strips]) if strips else None


def _kept(tag: Tag, values: Array) -> Exhibits:
    """A tensor of the log, as much of it as 256 kB hold."""
    kept = within(values)
    if kept is None:
        return Exhibits(problems=(f"{tag}: one sample takes more than 256 kB and is left out",))
    return Exhibits(tensors=((tag, kept),))


def _host(values: Tensor) -> Array:
    return cast(Array, values.detach().float().cpu().numpy())
