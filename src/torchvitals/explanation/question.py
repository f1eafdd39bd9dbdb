"""What an attribution is asked: which samples, and which output of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from torchvitals.explanation.classes import Classes, classes_of
from torchvitals.explanation.leaf_calls import first_floating

SAMPLES = 8


class Answer(nn.Module):
    """A model whose output is made a score for each class, (N, C), or one score a sample, (N, 1).

    Args:
        model: the network.
        axis: where the classes of its output lie; None: it has none, and the score is the sum of all outputs of a sample.
    """

    def __init__(self, model: nn.Module, axis: int | None) -> None:
        super().__init__()
        self.model = model
        self.axis = axis

    def forward(self, *inputs: Any) -> Tensor:
        """Scores in float32; those of a class are averaged over positions (pixels of a segmentation, words of a text)."""
        outputs = first_floating(self.model(*inputs))
        if outputs is None:
            raise ValueError("the model returns no floating tensor")
        if self.axis is None:
            return outputs.reshape(len(outputs), -1).float().sum(dim=1, keepdim=True)
        scores = outputs.float().movedim(self.axis, 1)
        return scores if scores.ndim == 2 else scores.flatten(2).mean(dim=2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """Why `answer` gives each of the samples its score of the target."""

    answer: Answer
    inputs: Tensor  # (N, …)
    rest: tuple[Any, ...]  # further arguments of the model, for the same samples
    target: Tensor  # (N,) int64, columns of the answer

    def arguments(self) -> dict[str, Any]:
        """The samples and the target, as captum's methods take them."""
        return {"inputs": self.inputs, "target": self.target, "additional_forward_args": self.rest or None}

    def pass_once(self) -> Tensor:
        """The scores, without gradients."""
        with torch.no_grad():
            return cast(Tensor, self.answer(self.inputs, *self.rest))


def ask(model: nn.Module, inputs: object, targets: object) -> Question | str:
    """The question about the first eight samples, or in words why there is none; an empty text where none is to be expected.

    The score is that of the true class where the targets are class indices or one-hot, averaged over positions and of the class
    that is highest on average where they are one for each position. Without targets it is that of the class with the largest
    output. Of a regression it is the sum of the outputs. A reconstruction of the inputs has none: all of it is about all of it.
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    if not arguments or not isinstance(arguments[0], Tensor) or arguments[0].ndim < 2 or not arguments[0].numel():
        return f"attributions need a tensor (N, …) as the first input, not {_described(arguments)}"
    n = len(arguments[0])
    few = tuple(a[:SAMPLES] if isinstance(a, Tensor) and a.ndim and len(a) == n else a for a in arguments)
    with torch.no_grad():
        outputs = first_floating(model(*few))
    if outputs is None:
        return "attributions need a model that returns a floating tensor"
    if outputs.ndim == 0 or len(outputs) != len(few[0]):
        return f"attributions need one output a sample, and {len(few[0])} samples gave outputs of {tuple(outputs.shape)}"
    known = targets[:SAMPLES] if isinstance(targets, Tensor) and targets.ndim and len(targets) == n else targets
    if outputs.shape == few[0].shape and (targets is None or _equal(known, few[0])):
        return ""
    axis, target = _target(outputs, known)
    return Question(answer=Answer(model, axis), inputs=few[0].detach().clone(), rest=few[1:], target=target)


def _target(outputs: Tensor, targets: object) -> tuple[int | None, Tensor]:
    classes = classes_of(outputs, targets)
    if classes is None and (targets is not None or outputs.ndim != 2 or outputs.shape[1] < 2):
        return None, torch.zeros(len(outputs), dtype=torch.int64, device=outputs.device)
    if classes is None:
        return 1, outputs.argmax(dim=1)
    if classes.labels.ndim > 1:
        return classes.axis, outputs.movedim(classes.axis, 1).flatten(2).mean(dim=2).argmax(dim=1)
    predicted = outputs.argmax(dim=1)
    return classes.axis, _known(classes, predicted, outputs.shape[1])


def _known(classes: Classes, predicted: Tensor, count: int) -> Tensor:
    """The true class; the predicted one where the target is none, as with `ignore_index`."""
    labels = classes.labels.to(predicted.device)
    return torch.where((labels >= 0) & (labels < count), labels, predicted)


def _equal(targets: object, inputs: Tensor) -> bool:
    return isinstance(targets, Tensor) and targets.shape == inputs.shape and bool((targets == inputs).all())


def _described(arguments: tuple[Any, ...]) -> str:
    if not arguments:
        return "nothing"
    first = arguments[0]
    return f"a tensor of shape {tuple(first.shape)}" if isinstance(first, Tensor) else type(first).__name__
