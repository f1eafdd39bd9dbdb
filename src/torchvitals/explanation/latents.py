"""The code in the middle of a network: which of its units carry anything, and how strongly they follow the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.tag import Tag
from torchvitals.explanation.leaf_calls import LeafCall, call, narrowest, output_of, penultimate

ACTIVE = 1e-2  # Burda et al. 2016, "Importance weighted autoencoders", §5.2: a unit of less variance over the data is inactive
UNITS = 4096
DIRECTIONS = 4
SAMPLES = 32
SEED = 0


def code(model: nn.Module, inputs: object, outputs: Tensor, calls: Sequence[LeafCall]) -> Exhibits:
    """How many units of the narrowest layer vary over the probe, and by how much each does.

    Vector (U,): standard deviation over the samples, in the unit of the layer's output.
    """
    layer = narrowest(calls, len(outputs))
    if layer is None or layer.output_shape[0] < 2:
        return Exhibits()
    with torch.no_grad():
        values = output_of(layer.module, lambda: call(model, inputs))
    if values is None:
        return Exhibits()
    deviation = values.flatten(1).float().std(dim=0, correction=0).cpu().numpy()
    active = float((deviation.astype(np.float64) ** 2 > ACTIVE).sum())
    return Exhibits(
        scalars=((Tag(measure="active_latents", subject=layer.name), active),),
        vectors=((Tag(measure="latent_deviation", subject=layer.name), deviation[:UNITS]),),
    )


def sensitivity(model: nn.Module, inputs: object, outputs: Tensor, calls: Sequence[LeafCall]) -> Exhibits:
    """How far a code moves when its input does: mean over samples of ‖∂h/∂x‖_F / √D, for a code h of D numbers.

    That is the root of the penalty of a contractive autoencoder (Rifai et al. 2011), for each unit of the code: in units of h
    for each unit of x. The code is the narrowest layer where the outputs are shaped like the inputs, else what the head is
    given. Nothing for token inputs, which have no derivative.
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    given = arguments[0] if arguments else None
    if not isinstance(given, Tensor) or not given.is_floating_point() or given.ndim < 2:
        return Exhibits()
    layer = narrowest(calls, len(outputs)) if given.shape == outputs.shape else penultimate(calls)
    if layer is None or len(layer.output_shape) < 2 or layer.output_shape[0] != len(given):
        return Exhibits()
    n = len(given)
    few = tuple(a[:SAMPLES] if isinstance(a, Tensor) and a.ndim and len(a) == n else a for a in arguments)
    x = few[0].detach().clone().requires_grad_()
    norms = jacobian_norms(x, lambda: output_of(layer.module, lambda: model(x, *few[1:])))
    if norms is None:
        return Exhibits()
    value = float(norms.mean()) / layer.features() ** 0.5
    return Exhibits(scalars=((Tag(measure="latent_sensitivity", subject=layer.name), value),))


def jacobian_norms(x: Tensor, code_of: Callable[[], Tensor | None], directions: int = DIRECTIONS) -> Tensor | None:
    """Frobenius norms (N,) of ∂h/∂x of each sample, for a code h (N, …) in which samples do not mix.

    ‖J‖² = E‖Jᵀu‖² for random signs u (Hutchinson 1989), here the mean over four of them, drawn by a generator of their own; a
    code of no more numbers than that is taken unit by unit, which is exact. None when h does not depend on x.
    """
    h = code_of()
    if h is None or not h.requires_grad:
        return None
    h = h.flatten(1).float()
    total = torch.zeros(len(x), device=x.device)
    rows = _directions(h.shape[1], len(x), directions)
    for u in rows:
        gradient: Tensor | None = torch.autograd.grad((h * u.to(h)).sum(), x, retain_graph=True, allow_unused=True)[0]
        if gradient is None:
            return None
        total += gradient.float().flatten(1).square().sum(dim=1)
    share = 1 if h.shape[1] <= directions else len(rows)
    return (total / share).sqrt()


def _directions(units: int, samples: int, count: int) -> list[Tensor]:
    if units <= count:
        return list(torch.eye(units))
    generator = torch.Generator().manual_seed(SEED)
    signs = torch.randint(0, 2, (count, samples, units), generator=generator)
    return list(signs.float() * 2 - 1)
