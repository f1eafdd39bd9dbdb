"""Severities are ordered by how bad they are, not by the alphabet."""

from __future__ import annotations

import itertools

import pytest

from torchvitals.core.finding import Severity

ORDER = ["info", "warning", "critical"]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(ORDER, ORDER)))
def test_every_comparison_follows_the_rank(a: str, b: str) -> None:
    left, right = Severity(a), Severity(b)
    i, j = ORDER.index(a), ORDER.index(b)
    assert [left < right, left <= right, left > right, left >= right, left == right] == [i < j, i <= j, i > j, i >= j, i == j]
    assert (left < b) == (i < j)


def test_sorting_and_the_worst() -> None:
    assert sorted(map(Severity, ["critical", "info", "warning"])) == ORDER
    assert max(map(Severity, ORDER)) is Severity.CRITICAL


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(ValueError, match="fatal"):
        assert Severity.INFO < "fatal"
