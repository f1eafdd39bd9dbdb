"""When what has been recorded so far is diagnosed, while the training goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from torchvitals.record.guard import log
from torchvitals.record.schedule import DENSE, Account

SHARE = 0.1  # of the budget
GRANT_S = 0.25  # seconds of a whole training beyond it
GROWTH = 1.3  # distance of the granted reviews: steps 20, 26, 34, 45, …

Review = Callable[[], None]


class Reviews:
    """Calls a review as often as its share of the budget pays for; a review that raises is not called again."""

    def __init__(self, review: Review | None, overhead: float) -> None:
        self._review = review
        self._account = Account(share=overhead * SHARE)
        self._started_s = time.perf_counter()
        self._granted = float(DENSE)

    def run(self, step: int) -> float:
        """Review now if it is time; returns the seconds it took."""
        began_s = time.perf_counter()
        if self._review is None or (step < self._granted and began_s < self._account.due_s):
            return 0.0
        try:
            self._review()
        except Exception as error:
            self._review = None
            log.warning("torchvitals diagnoses no more while training: %s: %s", type(error).__name__, error)
        now_s = time.perf_counter()
        self._account.book(now_s - began_s)
        self._account.plan(now_s, now_s - self._started_s - self._account.spent_s)
        affordable = self._account.spent_s + self._account.next_s <= GRANT_S
        self._granted = max(DENSE, step) * GROWTH if affordable else float("inf")
        return now_s - began_s
