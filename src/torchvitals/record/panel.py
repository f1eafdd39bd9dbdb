"""All instruments: shows each of them what it looks at, and does without one that fails."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Sequence

from torch import Tensor

from torchvitals.core.tag import Tag
from torchvitals.record.frame import Frame
from torchvitals.record.guard import full_precision, in_autocast, log
from torchvitals.record.instrument import Instrument, Reading, Sample
from torchvitals.record.sights import RecurrentSight, Sight

NOTHING = contextlib.nullcontext()


class Panel:
    """The instruments by the kind of sight they look at."""

    def __init__(self, instruments: Sequence[Instrument[Sight]]) -> None:
        self._by_sight: dict[type, list[Instrument[Sight]]] = defaultdict(list)
        for instrument in instruments:
            self._by_sight[instrument.sight].append(instrument)
        self.disarmed: dict[str, str] = {}  # instruments that raised, and what

    def look(self, sight: Sight, frame: Frame, *, told: bool = False) -> None:
        """Take the readings that the frame wants of this sight. An instrument that raises is left out from now on."""
        for instrument in tuple(self._by_sight[type(sight)]):
            if not frame.wants(instrument.cadence):
                continue
            try:
                with full_precision() if in_autocast() else NOTHING:
                    frame.add([_checked(*reading) for reading in instrument.measure(sight)], told=told)
            except Exception as error:
                self._disarm(instrument, error)

    def wants_sequences(self, frame: Frame) -> bool:
        """Whether an instrument will ask how far back in time the gradient of a recurrent layer reaches."""
        return any(frame.wants(i.cadence) for i in self._by_sight[RecurrentSight])

    def _disarm(self, instrument: Instrument[Sight], error: Exception) -> None:
        name, reason = type(instrument).__name__, f"{type(error).__name__}: {error}"
        self._by_sight[instrument.sight].remove(instrument)
        self.disarmed[name] = reason
        log.warning("torchvitals measures no %s any more: %s. All else goes on; please report this.", name, reason)


def _checked(tag: Tag, value: Tensor | float | Sample) -> Reading:
    """A reading that the log can hold: here it is still known whose it is.

    Raises:
        TypeError: it is none.
        ValueError: it is a number in no form that is one.
    """
    if not isinstance(tag, Tag):
        raise TypeError(f"a reading has a Tag, not a {type(tag).__name__}")
    if isinstance(value, Tensor) and value.is_complex():
        raise TypeError(f"{tag} is complex")
    return tag, value if isinstance(value, Tensor | Sample) else float(value)
