"""Tags that speak of one parameter: histograms of weights and gradients, norms of them."""

from __future__ import annotations

import re

_GRADIENT = re.compile(r"grads?|gradients?")
_WEIGHT = re.compile(r"weights?|params?|parameters?")
_PLACE = re.compile(r"hist|histograms?|train|training|model")  # says where in TensorBoard, not what
_GRADIENT_NORM = re.compile(r"(grads?|gradients?)(_2(\.0)?|_l2)?_norms?")
_WEIGHT_NORM = re.compile(r"(weights?|params?|parameters?)(_l2)?_norms?")
_SUFFIX = re.compile(r"(.+)[./_](grads?|gradients?)")
# How PyTorch and Keras call the parameters of their layers.
_PARAMETER = re.compile(
    r"(.+\.)?(weight|bias|kernel|recurrent_kernel|gamma|beta|embeddings|in_proj_weight|in_proj_bias|weight_[gv]"
    r"|(weight|bias)_(ih|hh)_l\d+(_reverse)?)"
)


def of_histogram(tag: str) -> str | None:
    """The role of a histogram's tag; None when the name does not say.

    Example:
        >>> of_histogram("fc1.weight"), of_histogram("fc1.weight.grad"), of_histogram("grads/fc1/weight")
        ('weights/fc1.weight', 'gradients/fc1.weight', 'gradients/fc1.weight')
        >>> of_histogram("latent") is None
        True
    """
    head, _, rest = tag.partition("/")
    if rest and _PLACE.fullmatch(head.lower()):
        return of_histogram(rest)
    tag = re.sub(r"/histogram$", "", tag)
    head, _, rest = tag.partition("/")
    if rest and head in {"weights", "gradients"}:
        return tag  # already ours, whatever the parameter is called
    if rest and _GRADIENT.fullmatch(head.lower()):
        return f"gradients/{_dotted(rest)}"
    if found := _SUFFIX.fullmatch(tag):
        name = _dotted(found[1])
        return f"gradients/{name}" if _PARAMETER.fullmatch(name) else None
    if rest and _WEIGHT.fullmatch(head.lower()):
        return f"weights/{_dotted(rest)}"
    name = _dotted(tag)
    return f"weights/{name}" if "." in name and _PARAMETER.fullmatch(name) else None


def of_scalar(tag: str) -> str | None:
    """The role of a scalar that is a norm of one parameter; None when it is something else.

    Example:
        >>> of_scalar("grad_2.0_norm/fc1.weight"), of_scalar("weights_norm/fc1/weight")
        ('grad_norm/fc1.weight', 'weight_norm/fc1.weight')
        >>> of_scalar("grad_inf_norm/fc1.weight") is None
        True
    """
    head, _, rest = tag.partition("/")
    if not rest:
        return None
    if head in {"grad_norm", "weight_norm"}:
        return tag  # already ours
    if _GRADIENT_NORM.fullmatch(head.lower()):
        return f"grad_norm/{_dotted(rest)}"
    return f"weight_norm/{_dotted(rest)}" if _WEIGHT_NORM.fullmatch(head.lower()) else None


def _dotted(name: str) -> str:
    """`fc1/weight` is `fc1.weight`: some writers turn the dots into folders."""
    dotted = name.replace("/", ".")
    return dotted if _PARAMETER.fullmatch(dotted) else name
