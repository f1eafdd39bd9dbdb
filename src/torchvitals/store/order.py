"""Steps of a tag never go back: TensorBoard's fast loader erases what came before a step that does."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

log = logging.getLogger("torchvitals")


class Order:
    """Remembers the last step of each tag of a log."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._warned = False

    def keep(self, values: Iterable[Any], step: int) -> list[Any]:
        """The values whose tag has not yet come further than this step; the others are dropped, with one warning in all."""
        kept = []
        for value in values:
            last = self._last.get(value.tag, step)
            if last <= step:
                self._last[value.tag] = step
                kept.append(value)
            elif not self._warned:
                self._warned = True
                log.warning(
                    "torchvitals left out %s at step %d: step %d of it is already in the log. Steps must not go back; log "
                    "each value once, when it is known. Further ones are left out without a word.",
                    value.tag,
                    step,
                    last,
                )
        return kept
