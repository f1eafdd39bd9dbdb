"""A burst of measurements is called for by NaN and by real spikes, not by noise, drift or a loss near zero."""

from __future__ import annotations

import math
import random

import pytest

from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.record.lookout import ENOUGH, Lookout


def alarms(values: list[float], measure: str = "loss") -> list[int]:
    lookout = Lookout()
    tag = Tag(measure=measure, subject="train")
    records = (StepRecord(step=i, wall_time=0.0, scalars=((tag, value),)) for i, value in enumerate(values))
    return [record.step for record in records if lookout.abnormal(record)]


def noisy(n: int, *, start: float = 2.3, end: float = 0.1, noise: float = 0.2) -> list[float]:
    chance = random.Random(0)
    decay = (end / start) ** (1 / n)
    return [start * decay**i * math.exp(chance.gauss(0, noise)) for i in range(n)]


def test_noise_and_a_falling_loss_are_usual() -> None:
    assert alarms(noisy(600)) == []


@pytest.mark.parametrize("measure", ["loss", "global_grad_norm"])
def test_a_spike_and_nan_are_not(measure: str) -> None:
    values = noisy(200)
    values[100] *= 50
    values[150] = math.nan
    values[160] = math.inf
    assert alarms(values, measure) == [100, 150, 160]


def test_nothing_is_unusual_before_there_is_a_history() -> None:
    values = noisy(ENOUGH)
    values[ENOUGH - 2] *= 1000
    assert alarms(values) == []


def test_other_measures_zero_and_negative_losses_are_passed_over() -> None:
    assert alarms([*noisy(100), 1e9], "weight_norm") == []
    assert alarms([0.0, -1.0] * 100) == []
