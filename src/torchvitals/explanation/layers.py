"""Which layers are shown: convolutions, the first one and others spread over the depth."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from torchvitals.explanation.evenly import evenly

MOST = 4  # layers that are shown of one network
CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


def clean_name(name: str) -> str:
    """The name a user would write: the wrappers of `torch.compile` leave a part that is not of it."""
    return name.replace("_orig_mod.", "").removesuffix("._orig_mod")


def convolutions(model: nn.Module) -> dict[str, Convolution]:
    """All convolutions with a weight, by qualified name, in the order of their definition."""
    found = {clean_name(name): m for name, m in model.named_modules() if isinstance(m, CONVOLUTIONS)}
    return {name or "model": module for name, module in found.items() if weight_of(module) is not None}


def spread(names: Collection[str], preferred: Collection[str] = ()) -> list[str]:
    """At most `MOST` names: the first, and others spread over the order of the preferred ones, if there are any.

    Example:
        >>> spread("abcdefg"), spread("abcdefg", "bdf"), spread("a", "b")
        (['a', 'c', 'e', 'g'], ['a', 'b', 'd', 'f'], ['a'])
    """
    first, *rest = names
    choice = [first, *([name for name in rest if name in preferred] or rest)]
    return [choice[i] for i in evenly(len(choice), MOST)]


def weight_of(module: nn.Module) -> Tensor | None:
    """The weight of a layer, without computing anything; None when there is none, or it has no shape yet.

    A parametrised weight is computed when it is asked for, and some of those computations change buffers in training mode.
    """
    own = module._parameters.get("weight")
    weight = own if own is not None else vars(module).get("weight")
    if weight is None and not module.training:
        weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or isinstance(weight, nn.UninitializedParameter):
        return None
    return weight.detach() if weight.numel() and weight.is_floating_point() else None
