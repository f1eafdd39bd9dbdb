"""Writing has failed: it is said once, and nothing more is tried."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("torchvitals")


class Failure:
    """Whether writing a log has failed. Both the training's thread and the writer's own may find out first."""

    def __init__(self, logdir: str) -> None:
        self.happened = False
        self.logdir = logdir
        self._lock = threading.Lock()

    def __call__(self, error: Exception) -> None:
        """Take note of the error; the first one is reported."""
        with self._lock:
            if self.happened:
                return
            self.happened = True
        log.warning(
            "torchvitals cannot write to %s any more (%s: %s). Training goes on, and what was recorded so far stays, but "
            "nothing more is recorded. Free the disk or bring the folder back, then call torchvitals.watch again.",
            self.logdir,
            type(error).__name__,
            error,
        )
