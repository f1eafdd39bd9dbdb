from __future__ import annotations

import math

import pytest

from torchvitals.present.theme import CATEGORICAL, MARKS, SEQUENTIAL, format_band, format_steps, format_value, mark, template


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("verdict", MARKS)
def test_marks_are_readable_on_both_pages_and_seen_in_charts(verdict: str) -> None:
    sign = MARKS[verdict]
    assert contrast(sign.light, "#FBFBFA") >= 4.5
    assert contrast(sign.dark, "#171B21") >= 4.5
    assert min(contrast(sign.chart, "#FFFFFF"), contrast(sign.chart, "#171B21")) >= 3


def test_marks_differ_without_colour() -> None:
    assert len({m.icon for m in MARKS.values()}) == len({m.shape for m in MARKS.values()}) == len(MARKS)
    assert mark("no such verdict") is MARKS["unknown"]


def test_palettes_have_ten_different_colours() -> None:
    assert len(set(CATEGORICAL)) == len(set(SEQUENTIAL)) == 10


def test_sequential_gets_lighter_all_the_way() -> None:
    light = [luminance(c) for c in SEQUENTIAL]
    assert light == sorted(light)


def test_template_is_small_and_transparent() -> None:
    assert template().layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert len(str(template().to_plotly_json())) < 2000


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (math.nan, "fraction", "NaN"),
        (math.inf, "s", "infinity"),
        (-math.inf, "", "-infinity"),
        (-0.0123456, "", "-0.0123"),
        (999999.0, "", "1e6"),
        (1e-300, "", "1e-300"),
        (0.0, "fraction", "0 %"),
        (0.123456, "fraction", "12.3 %"),
        (1e-7, "fraction", "1e-7"),
        (3.0, "samples", "3 samples"),
    ],
)
def test_values_as_people_read_them(value: float, unit: str, words: str) -> None:
    assert format_value(value, unit) == words


def test_bands_and_steps() -> None:
    assert format_band(-math.inf, 2.0) == "at most 2"
    assert format_band(0.0, math.inf) == "finite and at least 0"
    assert format_band(1.0, 1.0) == "1"
    assert format_steps(7, 7) == "step 7"
