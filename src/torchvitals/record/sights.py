"""What an instrument gets to see at its moment. Tensors are detached; instruments reduce them and keep nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn, optim


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardSight:
    """One call of a module on the way forward."""

    subject: str  # qualified module name; the second call in a pass is `name#1`
    module: nn.Module
    activation: str | None  # kind of activation function, None for other modules
    output: Tensor
    unit_dim: int  # dimension that counts units or channels


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSight:
    """The first tensor that the model was called with."""

    inputs: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSight:
    """The loss and what it was computed from, as far as it was seen."""

    loss: Tensor
    outputs: Tensor | None
    targets: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSight:
    """What the network makes of the fixed probe batch in evaluation mode."""

    outputs: Tensor
    loss: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSight:
    """Parameters just before an optimizer updates them."""

    optimizer: int  # 0 for the first optimizer
    names: Sequence[str]
    parameters: Sequence[Tensor]
    optimized: Sequence[bool]  # whether this optimizer owns the parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSight:
    """Gradients as the optimizer is about to apply them: accumulated, reduced, clipped."""

    optimizer: int
    names: Sequence[str]
    gradients: Sequence[Tensor]
    optimized: Sequence[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSight:
    """Parameters before and after one optimizer step."""

    names: Sequence[str]
    before: Sequence[Tensor]
    after: Sequence[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSight:
    """The optimizer itself."""

    optimizer: int
    value: optim.Optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryoverSight:
    """Norms of the gradients that were already there when the step's first backward pass added to them."""

    norms: Sequence[Tensor]


Sight = (
    ForwardSight
    | InputSight
    | LossSight
    | ProbeSight
    | ParameterSight
    | GradientSight
    | UpdateSight
    | OptimizerSight
    | CarryoverSight
)
