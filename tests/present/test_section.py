from __future__ import annotations

import math
from dataclasses import replace

import pytest
from present.samples import sections, vanishing

from torchvitals.core.finding import Evidence
from torchvitals.present.report.section import headline, reading, where


@pytest.mark.parametrize(
    ("module", "modules", "words"),
    [
        (None, (), ""),
        ("fc1", (), "fc1"),
        ("fc1", ("fc1", "fc2", "fc3"), "fc1 and 2 more"),
        ("0", ("0",), "layer 0"),
        ("0.weight", (), "0.weight"),
    ],
)
def test_where(module: str | None, modules: tuple[str, ...], words: str) -> None:
    assert where(replace(vanishing(), module=module, modules=modules)) == words


@pytest.mark.parametrize(
    ("observed", "low", "high", "words"),
    [
        (0.5, 0.0, 0.1, ("50 %", "0 % to 10 %")),
        (0.5, 1e-4, 0.03, ("0.5", "1e-4 to 0.03")),
        (1e6, None, 0.03, ("1e6", "at most 0.03")),
        (math.nan, None, 0.5, ("NaN", "at most 50 %")),
        (math.inf, None, math.inf, ("infinity", "finite")),
    ],
)
def test_value_and_band_share_a_notation(
    observed: float, low: float | None, high: float | None, words: tuple[str, str]
) -> None:
    assert reading(Evidence(tag="", observed=observed, low=low, high=high, unit="fraction")) == words


def test_headlines() -> None:
    assert [headline(s) for s in sections()] == [
        "nothing found by 1 rule",
        "vanishing-gradient in layers.0.weight and 1 more since step 20",
        "learning-rate-too-high in layers.0.weight since step 700",
        "too little was recorded to judge",
    ]
    two = replace(sections()[1].diagnosis, findings=(vanishing(), replace(vanishing(), symptom="dead-relu", module=None)))
    assert headline(replace(sections()[1], diagnosis=two)).endswith(", and 1 more")
