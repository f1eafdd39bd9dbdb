"""What goes on inside an RNN, LSTM or GRU, which runs as one fused call and shows its last layer only: done over again.

The call is repeated with the module's own weights on an excerpt of the batch, so two things differ from the pass that was
trained on: dropout between layers is left out (the mask of that pass is gone, and a new one would draw random numbers), and
half precision is widened. The module is never called: its hooks do not fire, its `.grad` and its state stay as they are.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from torchvitals.record.precision import wide, without_autocast
from torchvitals.record.sights import RecurrentSight

SAMPLES = 8  # of the batch: an LSTM(64→128) over 100 steps then costs 7 ms, a ninth of both passes with 64 samples
STEPS = 512  # the last ones of a longer sequence; truncated backpropagation through time rarely goes further back

KERNELS: dict[str, Callable[..., Any]] = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}
# A subclass that computes something else must not be measured as if it were one of these.
FORWARDS = (nn.RNN.forward, nn.LSTM.forward, nn.GRU.forward)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A part of one call: n ≤ SAMPLES samples spread over the batch, the last t ≤ STEPS steps, time first."""

    module: nn.RNNBase
    inputs: Tensor  # (t, n, D)
    gradient: Tensor  # (t, n, H) of the loss with respect to the output
    states: tuple[Tensor, ...]  # hidden and, for an LSTM, cell state before the first of the t steps: (layers, n, ·)
    weights: list[Tensor]  # in the order of the module
    steps: int  # T of the whole call
    samples: int  # N of the whole call


def excerpt(sight: RecurrentSight) -> Excerpt | None:
    """The part of the call that is done over again; None for an empty batch and for a subclass with its own forward.

    A longer sequence is run without gradients up to its last STEPS steps, which makes the excerpt exact for one direction.
    With two directions it is taken as if the sequence began there, because the reverse one reads across the cut.
    """
    module = sight.module
    if type(module).forward not in FORWARDS or sight.inputs.numel() == 0 or sight.inputs.ndim not in (2, 3):
        return None
    inputs, gradient = (_time_first(wide(x), module) for x in (sight.inputs, sight.output_gradient))
    steps, samples = inputs.shape[:2]
    stride = -(-samples // SAMPLES)
    inputs, gradient = inputs[:, ::stride], gradient[-STEPS:, ::stride]
    weights = [wide(w) for w in module._flat_weights if w is not None]
    states = tuple(s[:, ::stride].contiguous() for s in _initial(sight, inputs, samples))
    if steps > STEPS and not module.bidirectional:
        with _quiet(module, inputs), torch.no_grad():
            states = tuple(run(module, inputs[:-STEPS], states, weights)[1:])
    return Excerpt(
        module=module,
        inputs=inputs[-STEPS:],
        gradient=gradient,
        states=states,
        weights=weights,
        steps=steps,
        samples=samples,
    )


def sequence_gradient_norms(part: Excerpt) -> Tensor:
    """‖∂L/∂x_t‖₂ over samples and features, for each of the t steps of the excerpt, as a (t,) tensor.

    It is scaled by √(N/n), so that the n samples stand for all N. Only what reaches the loss through the output sequence is
    counted, not what reaches it through the final state that the module also returns.
    """
    inputs = part.inputs.detach()
    # Anomaly detection would raise on a NaN in our pass, which is the loop's to find.
    with _quiet(part.module, inputs), torch.enable_grad(), torch.autograd.set_detect_anomaly(False):
        inputs.requires_grad_()
        output = run(part.module, inputs, part.states, part.weights)[0]
        (gradient,) = torch.autograd.grad(output, inputs, part.gradient)
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2)).float()
    return norms * math.sqrt(part.samples / inputs.shape[1])


def forget_gate_means(part: Excerpt) -> list[tuple[str, Tensor]]:
    """Mean of f_t = σ(W_if x_t + b_if + W_hf h_{t−1} + b_hf) of an LSTM over samples, steps and units, each a 0-d tensor.

    They are named as the module names its weights: `l0`, `l0_reverse`, `l1`, …
    """
    module = part.module
    directions = 2 if module.bidirectional else 1
    each = len(part.weights) // (module.num_layers * directions)
    means: list[tuple[str, Tensor]] = []
    x = part.inputs
    with _quiet(module, x), torch.no_grad():
        for layer in range(module.num_layers):
            outputs = []
            for d in range(directions):
                i = layer * directions + d
                weights, states = part.weights[i * each : (i + 1) * each], tuple(s[i : i + 1] for s in part.states)
                mean, hidden = _forget_gate(x.flip(0) if d else x, states, weights, biased=module.bias)
                means.append((f"l{layer}_reverse" if d else f"l{layer}", mean))
                outputs.append(hidden.flip(0) if d else hidden)
            x = torch.cat(outputs, dim=2)
    return means


def run(module: nn.RNNBase, x: Tensor, states: tuple[Tensor, ...], weights: list[Tensor]) -> tuple[Tensor, ...]:
    """Output and final states of the module's kernel on x (t, n, D), without dropout between the layers."""
    # cuDNN goes backward through what it ran in training mode only; without dropout the mode makes no other difference.
    options = (module.bias, module.num_layers, 0.0, True, module.bidirectional, False)
    hx = states if module.mode == "LSTM" else states[0]
    result: tuple[Tensor, ...] = KERNELS[module.mode](x, hx, weights, *options)
    return result


def _forget_gate(x: Tensor, states: tuple[Tensor, ...], weights: list[Tensor], *, biased: bool) -> tuple[Tensor, Tensor]:
    """Mean forget gate and output (t, n, H) of one layer in one direction."""
    hidden = torch.lstm(x, states, weights, biased, 1, 0.0, True, False, False)[0]
    before = torch.cat((states[0], hidden[:-1]))
    units = states[1].shape[2]
    rows = slice(units, 2 * units)  # the gates lie one below the other: input, forget, cell, output
    bias = weights[2][rows] + weights[3][rows] if biased else None
    logits = nn.functional.linear(x, weights[0][rows], bias) + nn.functional.linear(before, weights[1][rows])
    return logits.sigmoid().mean().float(), hidden


def _time_first(x: Tensor, module: nn.RNNBase) -> Tensor:
    """(T, N, ·) of a batch in either order, or of a single sequence (T, ·)."""
    if x.ndim == 2:
        return x.unsqueeze(1)
    return x.transpose(0, 1) if module.batch_first else x


def _initial(sight: RecurrentSight, inputs: Tensor, samples: int) -> list[Tensor]:
    """States that the module was called with, (layers, N, ·) each, or the zeros that it takes for none."""
    module = sight.module
    if sight.state is not None:
        given = sight.state if isinstance(sight.state, tuple) else (sight.state,)
        return [wide(s).unsqueeze(1) if s.ndim == 2 else wide(s) for s in given]
    layers = module.num_layers * (2 if module.bidirectional else 1)
    sizes = [module.proj_size or module.hidden_size, module.hidden_size]
    return [inputs.new_zeros(layers, samples, size) for size in sizes[: 2 if module.mode == "LSTM" else 1]]


@contextmanager
def _quiet(module: nn.RNNBase, x: Tensor) -> Iterator[None]:
    """Without autocast, and without cuDNN's warning that widened weights are no single block of memory."""
    widened = x.is_cuda and any(w is not None and w.dtype != x.dtype for w in module._flat_weights)
    with without_autocast(x.device):
        if not widened:
            yield
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*single contiguous chunk")
            yield
