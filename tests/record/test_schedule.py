"""Which steps are measured, with times that are made up."""

from __future__ import annotations

import itertools

import pytest

from torchvitals.record.schedule import Budget, Every

STEPS = 10_000


def simulate(budget: Budget, *, step_s: float, cost_s: float, steps: int = STEPS) -> tuple[list[int], float, float]:
    """Sampled steps, and after the dense start: seconds spent measuring and seconds of training."""
    sampled, spent, trained = [], 0.0, 0.0
    for step in range(steps):
        measured = budget.samples(step)
        cost = cost_s if measured else 0.0
        budget.spent(cost, step_s + cost, sampled=measured)
        if measured:
            sampled.append(step)
        if step >= budget.dense:
            spent, trained = spent + cost, trained + step_s
    return sampled, spent, trained


@pytest.mark.parametrize("n", [1, 3, 10])
def test_every_nth_step(n: int) -> None:
    assert [s for s in range(50) if Every(n=n).samples(s)] == list(range(0, 50, n))


@pytest.mark.parametrize("overhead", [0.005, 0.02, 0.2])
@pytest.mark.parametrize(("step_s", "cost_s"), [(1e-4, 2e-3), (1e-3, 2e-3), (0.01, 5e-3), (0.3, 0.02), (2.0, 0.01)])
def test_the_budget_is_kept_but_for_the_grant(step_s: float, cost_s: float, overhead: float) -> None:
    budget = Budget(overhead=overhead)
    sampled, spent, trained = simulate(budget, step_s=step_s, cost_s=cost_s)
    assert sampled[: budget.dense] == list(range(budget.dense))
    assert spent <= max(overhead * trained, budget.grant_s) + 1e-9


@pytest.mark.parametrize(("step_s", "cost_s"), [(1e-3, 2e-3), (0.3, 0.02)])
def test_the_budget_is_used(step_s: float, cost_s: float) -> None:
    _, spent, trained = simulate(Budget(overhead=0.02), step_s=step_s, cost_s=cost_s)
    assert spent >= 0.9 * 0.02 * trained


def test_slow_steps_are_measured_often_and_fast_ones_rarely() -> None:
    slow, fast = (len(simulate(Budget(overhead=0.02), step_s=s, cost_s=5e-3)[0]) for s in (1.0, 5e-3))
    assert slow == STEPS
    assert fast < STEPS / 20


def test_a_training_of_a_second_is_seen_beyond_its_dense_start() -> None:
    sampled, spent, _ = simulate(Budget(overhead=0.02), step_s=2e-3, cost_s=2e-3, steps=300)
    late = [s for s in sampled if s >= 20]
    assert len(late) > 40
    assert spent <= 0.25
    gaps = [b - a for a, b in itertools.pairwise(late)]
    assert gaps[-1] > gaps[0], "granted steps lie ever further apart"


def test_a_measurement_dearer_than_the_grant_waits_until_the_training_has_paid_for_it() -> None:
    budget = Budget(overhead=0.02)
    sampled, spent, trained = simulate(budget, step_s=0.05, cost_s=1.0, steps=3000)
    late = [s for s in sampled if s >= 20]
    assert late[0] >= 20 + 1.0 / 0.02 / 0.05 - 1
    assert spent <= 0.02 * trained


def test_one_slow_measurement_is_paid_back() -> None:
    budget = Budget(overhead=0.02)
    spent = trained = 0.0
    for step in range(STEPS):
        measured = budget.samples(step)
        cost = (5.0 if step > 500 and spent < 1 else 1e-3) if measured else 0.0
        budget.spent(cost, 0.05 + cost, sampled=measured)
        if step >= budget.dense:
            spent, trained = spent + cost, trained + 0.05
    assert 5.0 < spent <= 0.02 * trained
