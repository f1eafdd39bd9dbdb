"""When what has been recorded so far is diagnosed, while the training goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from torchvitals.record.guard import log
from torchvitals.record.schedule import Account

SHARE = 0.1  # of the budget
GRANT_S = 0.15  # seconds of a whole training beyond it
FIRST = 50  # the step of the first one: before that, rules that need a few more steps leave the word to those that do not
GROWTH = 1.3  # distance of the granted reviews: steps 50, 65, 84, 110, …

Review = Callable[[], None]


class Reviews:
    """Calls a review as often as its share of the budget pays for; a review that raises is not called again."""

    def __init__(self, review: Review | None, overhead: float) -> None:
        self._review = review
        self._account = Account(share=overhead * SHARE, growth=GROWTH, gift_s=GRANT_S, given_step=FIRST)
        self._started_s = time.perf_counter()

    def run(self, step: int) -> float:
        """Review now if it is time; returns the seconds it took."""
        began_s = time.perf_counter()
        if self._review is None or not self._account.pays(step, began_s):
            return 0.0
        paid = began_s >= self._account.due_s
        try:
            self._review()
        except Exception as error:
            self._review = None
            log.warning("torchvitals diagnoses no more while training: %s: %s", type(error).__name__, error)
        now_s = time.perf_counter()
        self._account.book(step, now_s - began_s, paid=paid)
        self._account.plan(now_s, now_s - self._started_s - self._account.spent_s)
        return now_s - began_s
