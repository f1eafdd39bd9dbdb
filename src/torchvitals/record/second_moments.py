"""What the optimizers of the Adam family keep about the squares of the gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, optim


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondMoment:
    """The second moment of one parameter before the step that is about to be taken; it had `step` steps so far."""

    name: str
    parameter: Tensor  # the optimizer's own, with its `.grad`
    average: Tensor  # v, exponential average of g², not corrected for its start at zero
    largest: Tensor | None  # AMSGrad's running maximum of v, which then takes its place in the denominator
    step: Tensor | float
    beta2: Tensor | float
    eps: float

    def correction(self, steps: int = 0) -> Tensor | float:
        """1 − β₂ᵗ after that many more steps (Kingma and Ba 2015, algorithm 1): v over this is v̂."""
        power: Tensor | float = self.beta2 ** (self.step + steps)
        return 1 - power


def second_moments(optimizer: optim.Optimizer, names: Mapping[int, str]) -> Iterator[SecondMoment]:
    """Those of the parameters that have a name; none for other optimizers, before the first step, or in another layout."""
    for group in optimizer.param_groups:
        betas, eps = group.get("betas"), group.get("eps")
        # Adafactor has two epsilons of another meaning; without betas the start at zero cannot be corrected.
        if not isinstance(eps, float | int) or not isinstance(betas, tuple | list) or len(betas) < 2:
            continue
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})  # `[]` would make an entry, and Adam would take it for a warm start
            average, step = state.get("exp_avg_sq"), state.get("step")
            if id(parameter) not in names or step is None or not _is_like(average, parameter):
                continue
            yield SecondMoment(
                name=names[id(parameter)],
                parameter=parameter,
                average=average,
                largest=state.get("max_exp_avg_sq"),
                step=step,
                beta2=betas[1],
                eps=eps,
            )


def _is_like(average: object, parameter: Tensor) -> bool:
    """Whether it is a real moment of each element, not a factorised or quantised one."""
    return (
        isinstance(average, Tensor) and average.is_floating_point() and average.shape == parameter.shape and average.numel() > 0
    )
