"""What a network makes of the probe: its classes and how sure it is of them, its reconstructions, its worst samples."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.tag import Tag
from torchvitals.explanation import latents, overlay
from torchvitals.explanation.apart import apart, attempt
from torchvitals.explanation.calibration import calibration, confusion, probabilities, recall
from torchvitals.explanation.classes import Classes, classes_of, is_binary
from torchvitals.explanation.leaf_calls import LeafCall, call, first_floating, leaf_calls
from torchvitals.explanation.sample_losses import sample_losses
from torchvitals.explanation.sizes import within

MATRIX = 320  # pixels that a side of the confusion matrix has at least
LOST = 8  # pictures of the samples with the largest loss
CLASSES = 256  # more of them make a confusion matrix larger than a tensor of the log may be
Array = NDArray[np.float32]


def predict(model: nn.Module, inputs: object, targets: object = None, loss_fn: object = None) -> Exhibits:
    """How the probe is answered.

    Args:
        model: a copy in eval mode, without hooks of others. It is run once or twice, never changed.
        inputs: what the model is called with; a tuple is several arguments.
        targets: class indices, one-hot rows, or numbers; None: only inputs and outputs are shown.
        loss_fn: the loss of the training; see `sample_losses`.

    Returns:
        For classes, (N, C) or one for each position: accuracy, recall, confusion, confidence, calibration; for a network that
        gives its inputs back: reconstructions, and how its code is used; for any: inputs, targets, outputs, the loss of each
        sample. What could not be made is a problem.
    """
    with apart(model):
        return attempt("predictions", lambda: _predict(model, inputs, targets, loss_fn))


def _predict(model: nn.Module, inputs: object, targets: object, loss_fn: object) -> Exhibits:
    with torch.no_grad():
        result, calls = leaf_calls(model, lambda: call(model, inputs))
    outputs = first_floating(result)
    if outputs is None or outputs.ndim == 0 or not outputs.numel():
        return Exhibits(problems=("predictions: the model returns no floating tensor with a number for each sample",))
    first = inputs[0] if isinstance(inputs, tuple) and inputs else inputs
    given = first if isinstance(first, Tensor) and first.ndim and first.numel() else None
    wanted = targets.to(outputs.device) if isinstance(targets, Tensor) and targets.ndim else None
    return (
        attempt("the probe", lambda: _probe(given, wanted, outputs))
        + attempt("classification", lambda: _classification(outputs, wanted, loss_fn))
        + attempt("the loss of each sample", lambda: _losses(given, wanted, outputs, loss_fn))
        + attempt("reconstruction", lambda: _reconstruction(model, inputs, given, wanted, outputs, calls))
        + attempt("latent sensitivity", lambda: latents.sensitivity(model, inputs, outputs, calls))
    )


def _probe(given: Tensor | None, wanted: Tensor | None, outputs: Tensor) -> Exhibits:
    """The first samples as they are: the same ones in every tensor, as many of each as 256 kB hold."""
    columns = {"probe_inputs": given, "probe_targets": wanted, "probe_outputs": outputs}
    tensors, problems = [], []
    for measure, tensor in columns.items():
        if tensor is None:
            continue
        values = _host(tensor.unsqueeze(1) if tensor.ndim == 1 else tensor)
        kept = within(values)
        if kept is None:
            problems.append(f"{measure}: one sample takes more than 256 kB and is left out")
        else:
            tensors.append((_tag(measure), kept))
    return Exhibits(tensors=tuple(tensors), problems=tuple(problems))


def _classification(outputs: Tensor, targets: Tensor | None, loss_fn: object) -> Exhibits:
    classes = classes_of(outputs, targets)
    if classes is not None:
        rows = _host(outputs.movedim(classes.axis, -1)).reshape(-1, outputs.shape[classes.axis]).astype(np.float64)
        labels = classes.labels.reshape(-1).cpu().numpy()
    elif targets is not None and is_binary(outputs, targets, loss_fn):
        rows, labels = _two_columns(outputs, loss_fn), targets.reshape(-1).cpu().numpy().astype(np.int64)
    else:
        return Exhibits()
    is_class = (labels >= 0) & (labels < rows.shape[1])  # `ignore_index` is none
    finite = np.isfinite(rows).all(axis=1)
    wrong = int((is_class & ~finite).sum())
    problems = (f"classification: {wrong} of {int(is_class.sum())} outputs are not finite and are left out",) if wrong else ()
    keep = is_class & finite
    found = _counted(probabilities(rows[keep]), labels[keep]) if keep.any() else Exhibits()
    return found + Exhibits(problems=problems)


def _two_columns(outputs: Tensor, loss_fn: object) -> NDArray[np.float64]:
    """Probabilities (N, 2) of a single output; `nn.BCELoss` is given one, the other one a logit."""
    is_probability = isinstance(loss_fn, nn.BCELoss) or loss_fn is nn.functional.binary_cross_entropy
    one = _host((outputs if is_probability else outputs.float().sigmoid()).reshape(-1)).astype(np.float64)
    return np.stack((1 - one, one), axis=1)


def _counted(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> Exhibits:
    count = probability.shape[1]
    predicted = probability.argmax(axis=1)
    sure = calibration(probability.astype(np.float32), labels)
    found = Exhibits(
        scalars=(
            (_tag("probe_accuracy"), float((predicted == labels).mean())),
            (_tag("majority_accuracy"), float(np.bincount(labels).max() / len(labels))),
            (_tag("calibration_error"), sure.error()),
        ),
        vectors=((_tag("probe_confidence_count"), sure.count), (_tag("probe_confidence_right"), sure.right)),
    )
    if count > CLASSES:
        return found + Exhibits(problems=(f"confusion: {count} classes make a matrix of more than 256 kB; it is left out",))
    table = confusion(predicted, labels, count)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    return found + Exhibits(
        vectors=((_tag("probe_recall"), recall(table)),),
        tensors=((_tag("confusion_matrix"), table),),
        images=((_tag("confusion"), overlay.tiled([overlay.coloured(share[None], signed=False)], MATRIX)),),
    )


def _losses(given: Tensor | None, targets: Tensor | None, outputs: Tensor, loss_fn: object) -> Exhibits:
    if targets is None:
        return Exhibits()
    classes: Classes | None = classes_of(outputs, targets)
    losses = sample_losses(outputs, targets, classes, loss_fn)
    if losses is None:
        return Exhibits(
            problems=("the loss of each sample: the loss is not one of PyTorch's, and the targets fit no usual one",)
        )
    values = _host(losses)
    found = Exhibits(vectors=((_tag("probe_loss_per_sample"), values),))
    if given is None or len(given) != len(values) or not given.is_floating_point():
        return found
    worst = np.argsort(-np.nan_to_num(values, nan=np.inf), kind="stable")[:LOST]
    pictures = overlay.pictures(_host(given[torch.from_numpy(worst).to(given.device)])) if given.ndim == 4 else None
    return found + Exhibits(images=((_tag("most_lost"), overlay.tiled([pictures])),) if pictures is not None else ())


def _reconstruction(
    model: nn.Module,
    inputs: object,
    given: Tensor | None,
    targets: Tensor | None,
    outputs: Tensor,
    calls: tuple[LeafCall, ...],
) -> Exhibits:
    if not is_reconstruction(given, targets, outputs):
        return Exhibits()
    before, after = _host(cast(Tensor, given)), _host(outputs)
    kept = within(after)
    tensors = ((_tag("reconstruction_values"), kept),) if kept is not None else ()
    both = overlay.pictures(np.concatenate((before[:LOST], after[:LOST])))  # one range for both, or they would not compare
    images: tuple[tuple[Tag, NDArray[np.uint8]], ...] = ()
    if both is not None:
        half = len(both) // 2
        images = ((_tag("reconstruction"), overlay.tiled([both[:half], both[half:]])),)
    return Exhibits(tensors=tensors, images=images) + latents.code(model, inputs, outputs, calls)


def is_reconstruction(given: Tensor | None, targets: Tensor | None, outputs: Tensor) -> bool:
    """Whether the network gives its inputs back: of their shape, and they are the targets, or there are none."""
    if given is None or not given.is_floating_point() or given.shape != outputs.shape or given.ndim < 2:
        return False
    return targets is None or (targets.shape == given.shape and bool((targets == given.to(targets.device)).all()))


def _tag(measure: str) -> Tag:
    return Tag(measure=measure, subject="model")


def _host(values: Tensor) -> Array:
    return cast(Array, values.detach().float().cpu().numpy())
