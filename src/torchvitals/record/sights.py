"""What an instrument gets to see at its moment. Tensors are detached; instruments reduce them and keep nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn, optim
from torch.nn.modules.conv import _ConvNd


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardSight:
    """One call of a module, or of an activation function inside a module, on the way forward."""

    subject: str  # qualified module name; the second call in a pass is `name#1`; a function is `name/relu#0`
    module: nn.Module  # the one called, or the one that called the function
    activation: str | None  # kind of activation function, None for other modules
    output: Tensor
    unit_dim: int  # dimension that counts units or channels
    inputs: Tensor | None = None  # first floating tensor it was called with; an operation in place has overwritten it


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSight:
    """The first tensor that the model was called with."""

    inputs: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSight:
    """The first floating tensor that the model returned, batch first, from a training pass."""

    outputs: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ModesSight:
    """All modules of the model by name, at the start of a forward pass with gradients."""

    modules: Mapping[str, nn.Module]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSight:
    """The loss and what it was computed from, as far as it was seen."""

    loss: Tensor
    outputs: Tensor | None
    targets: Tensor | None
    kind: str = ""  # `CrossEntropyLoss` of a module, `cross_entropy` of a function, empty for the loop's own arithmetic


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSight:
    """What the network makes of the fixed probe batch."""

    outputs: Tensor  # in evaluation mode
    loss: Tensor | None  # in evaluation mode
    training_loss: Tensor | None = None  # of the same weights and batch in training mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSight:
    """Parameters just before an optimizer updates them."""

    optimizer: int  # 0 for the first optimizer
    names: Sequence[str]
    parameters: Sequence[Tensor]
    optimized: Sequence[bool]  # whether this optimizer owns the parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSight:
    """Convolutions just before an optimizer updates them."""

    names: Sequence[str]  # qualified module names
    modules: Sequence[_ConvNd]
    first: Sequence[Tensor]  # each (F, E): a few elements of each filter, as they were at the first sampled step


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSight:
    """Gradients as the optimizer is about to apply them: accumulated, unscaled, reduced, clipped."""

    optimizer: int
    names: Sequence[str]
    gradients: Sequence[Tensor]
    optimized: Sequence[bool]
    missing: Sequence[str] = ()  # trainable parameters of this optimizer whose `.grad` is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippingSight:
    """The norm of all gradients of an optimizer when the last backward pass had ended, and as they are applied."""

    optimizer: int
    before: Tensor  # 0-d, unscaled
    after: Tensor  # 0-d


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSight:
    """What one optimizer step did to the parameters."""

    names: Sequence[str]
    sizes: Sequence[Tensor]  # 0-d: L2 norm of each parameter before the step
    deltas: Sequence[Tensor]  # before − after, as many elements as the parameter
    gradients: Sequence[Tensor | None]  # as they were applied


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSight:
    """The optimizer itself, just before its step."""

    optimizer: int
    value: optim.Optimizer
    names: Mapping[int, str]  # the model's name of a parameter, by `id`


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerSight:
    """The gradient scaler that called the optimizer."""

    scale: Tensor  # 0-d: the factor on the loss of this step
    skipped: Tensor  # 0-d: steps skipped since the last reading, as the scale tells it


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryoverSight:
    """Norms of the gradients that were already there when the step's first backward pass added to them."""

    norms: Sequence[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationGradientSight:
    """Gradients of the loss with respect to what the modules put out, in the order of the forward pass."""

    subjects: Sequence[str]
    modules: Sequence[nn.Module]
    norms: Sequence[Tensor]  # 0-d, unscaled


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessionSight:
    """The same elements of the gradients of two optimizer steps that follow one another."""

    previous: Tensor  # (K,)
    current: Tensor  # (K,)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatchSight:
    """The same elements of the gradients of the micro-batches that one optimizer step accumulates, at least two."""

    sketches: Sequence[Tensor]  # each (K,), unscaled


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentSight:
    """One call of an RNN, LSTM or GRU, seen after its backward pass."""

    subject: str
    module: nn.RNNBase
    inputs: Tensor  # (N, T, D) or (T, N, D), see `module.batch_first`
    state: Tensor | tuple[Tensor, Tensor] | None  # the initial state it was called with
    output: Tensor  # (N, T, H) or (T, N, H)
    output_gradient: Tensor  # of the loss with respect to `output`, unscaled


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSight:
    """One call of scaled dot-product attention; the weights themselves are never formed by the fused kernels."""

    subject: str
    query: Tensor  # (…, T, D)
    key: Tensor  # (…, S, D)
    mask: Tensor | None  # bool (True: may attend) or additive, broadcastable to (…, T, S)
    causal: bool
    scale: float | None  # None: 1/√D


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSight:
    """How the loop runs, known when a sampled step is over."""

    step_s: float  # mean duration of the steps since the last sampled one, without the recorder
    cost_s: float  # what measuring this step has cost
    interval: int  # steps since the last sampled one


Sight = (
    ForwardSight
    | InputSight
    | OutputSight
    | ModesSight
    | LossSight
    | ProbeSight
    | ParameterSight
    | FilterSight
    | GradientSight
    | ClippingSight
    | UpdateSight
    | OptimizerSight
    | ScalerSight
    | CarryoverSight
    | ActivationGradientSight
    | SuccessionSight
    | MicroBatchSight
    | RecurrentSight
    | AttentionSight
    | LoopSight
)
