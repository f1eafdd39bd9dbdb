"""Which steps are measured, with a clock that is made up."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from torchvitals.record.schedule import (
    BURST,
    DENSE,
    GRANT_S,
    LIGHT_GRANT_S,
    LOG_SPACED,
    REST,
    START_BYTES,
    UNSEEN,
    Budget,
    Every,
    Look,
    Schedule,
)

Cost = Callable[[int], float]  # seconds of the n-th full look
LIGHT_COST_S = 5e-5


@dataclass(kw_only=True)
class Clocked:
    """A training on the made-up clock: what was looked at, and what that has cost after the dense start."""

    step_s: float
    cost: Cost
    light_cost_s: float = LIGHT_COST_S
    now_s: float = 1000.0  # a clock starts anywhere
    looks: list[Look] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    spent_s: float = 0.0
    trained_s: float = 0.0

    def train(self, schedule: Schedule, steps: int, *, dense: int = DENSE) -> Clocked:
        for step in range(len(self.looks), len(self.looks) + steps):
            look = schedule.look(step, self.now_s)
            cost_s = {Look.NOT: 0.0, Look.LIGHT: self.light_cost_s}.get(look, 0.0)
            if look is Look.FULL:
                cost_s = self.cost(self.looks.count(Look.FULL))
            self.now_s += self.step_s + cost_s
            self.looks.append(look)
            self.ends_s.append(self.now_s)
            if step >= dense:
                self.spent_s += cost_s
                self.trained_s += self.step_s
            if look is not Look.NOT:
                schedule.spent(look, step, cost_s, self.now_s)
        return self

    def full(self) -> list[int]:
        return [step for step, look in enumerate(self.looks) if look is Look.FULL]

    def light(self) -> list[int]:
        return [step for step, look in enumerate(self.looks) if look is Look.LIGHT]


def fixed(cost_s: float) -> Cost:
    return lambda _: cost_s


def one_in_five_is_dear(cost_s: float) -> Cost:
    return lambda n: cost_s * (6 if n % 5 == 0 else 1)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_every_nth_step_whatever_it_costs_and_whatever_alarms(n: int) -> None:
    schedule = Every(n=n)
    training = Clocked(step_s=1e-3, cost=fixed(10.0)).train(schedule, 25)
    schedule.alarm(26)
    assert training.train(schedule, 25).full() == list(range(0, 50, n))
    assert training.light() == []


@pytest.mark.parametrize("overhead", [0.005, 0.02, 0.2])
@pytest.mark.parametrize("shape", [fixed, one_in_five_is_dear])
@pytest.mark.parametrize(("step_s", "cost_s", "steps"), [(5e-4, 2e-3, 30_000), (5e-3, 4e-3, 10_000), (0.5, 0.05, 1000)])
def test_the_share_of_the_training_time_is_kept(
    step_s: float, cost_s: float, steps: int, shape: Callable[[float], Cost], overhead: float
) -> None:
    budget = Budget(overhead=overhead)
    training = Clocked(step_s=step_s, cost=shape(cost_s)).train(budget, steps)
    assert training.full()[:DENSE] == list(range(DENSE)), "the start is dense"
    # A look is paid for at the mean price of the last five; one that is dearer than that is paid back before the next.
    ahead_s = 6 * cost_s + LIGHT_COST_S
    share_s = overhead * training.trained_s
    assert training.spent_s <= share_s + GRANT_S + LIGHT_GRANT_S + ahead_s


@pytest.mark.parametrize(("step_s", "cost_s", "before"), [(5e-4, 2e-3, 60_000), (5e-3, 4e-3, 10_000), (0.5, 0.05, 1000)])
def test_in_steady_state_measuring_takes_two_per_cent_and_the_budget_is_used(step_s: float, cost_s: float, before: int) -> None:
    budget = Budget(overhead=0.02)
    training = Clocked(step_s=step_s, cost=fixed(cost_s)).train(budget, before)  # by then the grant is paid back
    spent_s, trained_s = training.spent_s, training.trained_s
    training.train(budget, 10_000)
    share = (training.spent_s - spent_s) / (training.trained_s - trained_s)
    assert share <= 0.02 * 1.01
    # The part of the light looks is not used up where every step is light already: they are cheap and steps are slow.
    assert share >= 0.9 * budget.full.share / UNSEEN


def test_no_stretch_of_the_training_is_dear() -> None:
    budget = Budget(overhead=0.02)
    training = Clocked(step_s=5e-3, cost=fixed(4e-3)).train(budget, 20_000)
    costs = [4e-3 if look is Look.FULL else LIGHT_COST_S if look is Look.LIGHT else 0.0 for look in training.looks]
    stretches = [sum(costs[i : i + 1000]) for i in range(1000, 20_000, 1000)]
    assert max(stretches) <= 0.02 * 1000 * 5e-3 + 4e-3 + LIGHT_COST_S


def test_slow_steps_are_measured_often_and_fast_ones_rarely() -> None:
    slow, fast = (len(Clocked(step_s=s, cost=fixed(5e-3)).train(Budget(overhead=0.02), 4000).full()) for s in (1.0, 5e-3))
    assert slow >= 3999
    assert fast < 4000 / 20


@pytest.mark.parametrize(("step_s", "least", "most"), [(5e-4, 0.03, 0.1), (5e-3, 0.4, 0.9), (0.5, 0.7, 1.0)])
def test_light_looks_lie_between_the_full_ones_as_often_as_their_part_allows(step_s: float, least: float, most: float) -> None:
    training = Clocked(step_s=step_s, cost=fixed(0.1)).train(Budget(overhead=0.02), 20_000)
    # `LIGHT_SHARE`, 0.4, of 2 % is 0.8 % of the time: a look of 50 µs, booked as 75, every 9.4 ms: every 19th step of 0.5 ms.
    assert least <= len(training.light()) / 20_000 <= most
    late = [step for step in training.light() if step > LOG_SPACED]
    assert len(late) * LIGHT_COST_S <= 0.008 * training.trained_s * 1.01
    gaps = [b - a for a, b in itertools.pairwise(late)]
    assert max(gaps) <= 2 * (20_000 / len(training.light())) + 2, "they are spread evenly"


def test_a_training_of_a_second_is_seen_beyond_its_dense_start() -> None:
    budget = Budget(overhead=0.02)
    training = Clocked(step_s=2e-3, cost=fixed(2e-3)).train(budget, 300)
    late = training.full()[DENSE:]
    assert 30 < len(late) < 60
    assert late[-1] > 270, "to its end"
    assert training.spent_s <= GRANT_S
    gaps = [b - a for a, b in itertools.pairwise(late)]
    assert gaps[-1] > gaps[0], "granted steps lie ever further apart"


def test_a_measurement_dearer_than_the_grant_waits_until_the_training_has_paid_for_it() -> None:
    budget = Budget(overhead=0.02)
    training = Clocked(step_s=0.05, cost=fixed(1.5)).train(budget, 8000)
    late = training.full()[DENSE:]
    assert late[0] >= DENSE + 1.5 / budget.full.share / 0.05 - 2
    assert training.spent_s <= 0.02 * training.trained_s


def test_one_slow_measurement_is_paid_back() -> None:
    dear = DENSE + 100
    training = Clocked(step_s=0.05, cost=lambda n: 5.0 if n == dear else 1e-3).train(Budget(overhead=0.02), 20_000)
    assert 5.0 < training.spent_s <= 0.02 * training.trained_s


def test_an_alarm_is_a_burst_and_the_next_one_has_to_rest() -> None:
    budget = Budget(overhead=1e-6)  # of which it could not pay for a step
    training = Clocked(step_s=1e-3, cost=fixed(2.0), light_cost_s=1.0).train(budget, 500)
    assert training.full() == list(range(DENSE))
    for step in range(500, 1000):  # abnormal all the time
        budget.alarm(step)
        training.train(budget, 1)
    late = training.full()[DENSE:]
    period = BURST + REST
    assert late == [s for s in range(500, 1000) if (s - 500) % period < BURST]


def test_a_burst_is_paid_back() -> None:
    budget = Budget(overhead=0.02)
    training = Clocked(step_s=0.01, cost=fixed(0.02)).train(budget, 5000)
    budget.alarm(5000)
    training.train(budget, BURST)
    assert training.looks[-BURST:] == [Look.FULL] * BURST
    training.train(budget, 20_000)
    assert training.spent_s <= 0.02 * training.trained_s + 0.02 + LIGHT_COST_S


def test_a_log_that_would_grow_too_large_is_measured_less_often() -> None:
    budget = Budget(overhead=0.02, bytes_per_step=1000)
    full = []
    for step in range(2000):  # a step of 1 s, in which time there would be for every look
        if budget.look(step, float(step)) is Look.FULL:
            full.append(step)
            budget.spent(Look.FULL, step, 1e-4, step + 1.0)
            budget.wrote(20_000)
    assert full[:DENSE] == list(range(DENSE))
    assert len(full) == pytest.approx(START_BYTES / 20_000 + 2000 / 20, rel=0.03)
    assert max(b - a for a, b in itertools.pairwise(full)) <= 21


@pytest.mark.parametrize("step_s", [2e-4, 5e-3])
def test_a_schedule_that_is_asked_only_when_it_says_looks_as_often(step_s: float) -> None:
    def looks(ask: bool) -> list[Look]:
        budget, now_s, again, found = Budget(overhead=0.02), 0.0, 0, []
        for step in range(20_000):
            look = budget.look(step, now_s) if ask or step >= again else Look.NOT
            if look is Look.NOT and step >= again:
                again = step + budget.rest(step, now_s)
            found.append(look)
            cost_s = {Look.NOT: 0.0, Look.LIGHT: 5e-5, Look.FULL: 4e-3}[look]
            now_s += step_s + cost_s
            if look is not Look.NOT:
                again = 0
                budget.spent(look, step, cost_s, now_s)
        return found

    for kind in (Look.FULL, Look.LIGHT):
        assert looks(ask=False).count(kind) == pytest.approx(looks(ask=True).count(kind), rel=0.02, abs=2)


def test_a_fixed_interval_says_when_to_ask() -> None:
    assert [Every(n=4).rest(step, 0.0) for step in (1, 2, 3, 5)] == [3, 2, 1, 3]
