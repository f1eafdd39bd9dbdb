"""How far back in time the loss reaches through a recurrent cell that the loop calls step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ActivationGradientSight


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGradient(Instrument[ActivationGradientSight]):
    """‖∂L/∂h_t‖ of every call of an RNNCell, LSTMCell or GRUCell in a forward pass, in the order of the calls.

    A call whose output the loss does not depend on has no gradient and is left out.
    """

    sight: ClassVar[type] = ActivationGradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="state_grad_norm",
            unit="",
            meaning="L2 norm of the loss's gradient for the hidden state after each call of a cell",
        ),
    )

    def measure(self, sight: ActivationGradientSight) -> Iterator[Reading]:
        """A vector for each cell that was called more than once."""
        calls: dict[int, tuple[str, list[Tensor]]] = {}
        for subject, module, norm in zip(sight.subjects, sight.modules, sight.norms, strict=True):
            if isinstance(module, nn.RNNCellBase):
                # The first call that has a gradient need not be the first of the pass: `cell#1`.
                calls.setdefault(id(module), (subject.partition("#")[0], []))[1].append(norm)
        for name, norms in calls.values():
            if len(norms) > 1:
                yield Tag(measure="state_grad_norm", subject=name), torch.stack(norms).float()
