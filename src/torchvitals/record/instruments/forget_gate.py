"""How much of its cell an LSTM keeps from one step to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.recurrent import excerpt, forget_gate_means
from torchvitals.record.sights import RecurrentSight


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetGate(Instrument[RecurrentSight]):
    """Mean of f_t = σ(W_if x_t + b_if + W_hf h_{t−1} + b_hf), per layer and direction of an LSTM.

    Going back one step multiplies the gradient of the cell by f_t (Gers, Schmidhuber and Cummins 2000), so that a mean of f
    lets about f^k through k steps: at 0.5, where the usual initialization starts, a thousandth is left after ten.
    """

    sight: ClassVar[type] = RecurrentSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="forget_gate_mean", unit="fraction", meaning="mean forget gate of an LSTM layer over samples, steps and units"
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: RecurrentSight) -> Iterator[Reading]:
        """A scalar for each layer and direction; only an LSTM has this gate."""
        if sight.module.mode != "LSTM":
            return
        part = excerpt(sight)
        if part is None:
            return
        for place, mean in forget_gate_means(part):
            subject = f"{sight.subject}.{place}".lstrip(".")  # a model that is an LSTM has no name of its own
            yield Tag(measure="forget_gate_mean", subject=subject), mean
