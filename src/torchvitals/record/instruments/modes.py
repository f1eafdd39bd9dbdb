"""Modules that a training pass finds in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ModesSight


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes(Instrument[ModesSight]):
    """Each module that behaves differently in evaluation mode, and is in it although gradients are being computed.

    Such are batch norm with running statistics, dropout, and dropout inside recurrent and attention modules. A frozen batch
    norm in fine-tuning is meant to be; a model still in `eval()` after a validation pass is not.
    """

    sight: ClassVar[type] = ModesSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="evaluation_mode", unit="", meaning="1 on each step on which a module trains in evaluation mode"),
        MeasureInfo(name="evaluation_modes", unit="modules", meaning="modules in evaluation mode for which that matters"),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ModesSight) -> Iterator[Reading]:
        """One scalar for each such module, and their number."""
        found = [name for name, module in sight.modules.items() if not module.training and _has_two_modes(module)]
        for name in found:
            yield Tag(measure="evaluation_mode", subject=name), 1.0
        yield Tag(measure="evaluation_modes", subject="model"), float(len(found))


def _has_two_modes(module: nn.Module) -> bool:
    """Whether the mode changes what the module computes."""
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return module.running_mean is not None  # without running statistics both modes use the batch's
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1  # it lies between layers
    return isinstance(module, nn.MultiheadAttention) and module.dropout > 0
