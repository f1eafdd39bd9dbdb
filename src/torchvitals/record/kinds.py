"""What kind of module a module is, as far as measuring it depends on that."""

from __future__ import annotations

from torch import nn

ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.LeakyReLU: "leaky_relu",
    nn.PReLU: "prelu",
    nn.RReLU: "rrelu",
    nn.ELU: "elu",
    nn.SELU: "selu",
    nn.CELU: "celu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "mish",
    nn.Hardswish: "hardswish",
    nn.Softplus: "softplus",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "hardsigmoid",
    nn.LogSigmoid: "logsigmoid",
    nn.Tanh: "tanh",
    nn.Hardtanh: "hardtanh",
    nn.Softsign: "softsign",
    nn.Softmax: "softmax",
    nn.LogSoftmax: "log_softmax",
    nn.GLU: "glu",
}
NORMS = (
    nn.modules.batchnorm._NormBase,  # batch and instance norms of every dimension
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)
CHANNELS_FIRST = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)


def activation_kind(module: nn.Module) -> str | None:
    """The activation function a module is, or None."""
    return ACTIVATIONS.get(type(module))


def is_norm(module: nn.Module) -> bool:
    """Whether the scale of what goes in does not change what comes out."""
    return isinstance(module, NORMS)


def has_own_parameters(module: nn.Module) -> bool:
    """Whether the module itself, not a child of it, owns parameters."""
    return any(p is not None for p in module._parameters.values())


def is_measured(module: nn.Module) -> bool:
    """Whether the output of a module is worth a measurement: it computes with parameters or is an activation."""
    return has_own_parameters(module) or activation_kind(module) is not None


def is_channels_first(module: nn.Module) -> bool:
    """Whether the units of what follows this module lie along dimension 1."""
    return isinstance(module, CHANNELS_FIRST)
