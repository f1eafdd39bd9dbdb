"""Colours, severity marks and numbers as people read them: the one place that decides how torchvitals looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

# Okabe and Ito's palette (safe for colour-blind readers) without black, which a dark page would swallow, filled up with
# three of Paul Tol's. Exactly ten: a shorter list makes the dashboard drop the whole palette.
CATEGORICAL = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#999999",
    "#882255",
    "#44AA99",
)
# Cividis: even in lightness, the same to every kind of colour vision.
SEQUENTIAL = (
    "#00224E",
    "#123570",
    "#3B496C",
    "#575D6D",
    "#707173",
    "#8A8678",
    "#A59C74",
    "#C3B369",
    "#E1CC55",
    "#FEE838",
)
NONFINITE = "#D55E00"
ZERO = "#CC79A7"
HEALTHY_BAND = "rgba(0,158,115,0.13)"
HEALTHY_EDGE = "rgba(0,158,115,0.6)"
MUTED = "#767C85"  # as readable on white as on near-black
GRID = "rgba(127,127,127,0.18)"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a verdict or severity is told apart: by word, glyph, shape and, last, colour."""

    word: str
    icon: str  # a text glyph, not an emoji
    shape: str  # Plotly marker symbol
    light: str  # colour on a white page, contrast at least 4.5 : 1
    dark: str  # colour on a dark page
    chart: str  # colour inside a chart, which may stand on either


MARKS = {
    "critical": Mark(word="critical", icon="✖", shape="x", light="#B3261E", dark="#FF8A7A", chart="#E0452F"),
    "warning": Mark(word="warning", icon="▲", shape="triangle-up", light="#8A5300", dark="#F0B429", chart="#C98300"),
    "info": Mark(word="info", icon="●", shape="circle", light="#00629B", dark="#7CC4F2", chart="#3B8FC4"),
    "healthy": Mark(word="healthy", icon="✔", shape="diamond", light="#00704F", dark="#4CC79B", chart="#009E73"),
    "unknown": Mark(word="unknown", icon="?", shape="circle-open", light="#5C636B", dark="#A8B0B9", chart="#767C85"),
}


def mark(verdict: str) -> Mark:
    """The mark of a severity or verdict; an unheard-of one counts as unknown."""
    return MARKS.get(verdict, MARKS["unknown"])


@cache
def template() -> Any:
    """The Plotly layout template: transparent, so that one figure fits a light and a dark page."""
    import plotly.graph_objects as go

    axis = {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True, "ticks": "", "title": {"standoff": 8}}
    return go.layout.Template(
        layout={
            "colorway": CATEGORICAL,
            "font": {"family": FONT, "size": 13, "color": MUTED},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 12, "t": 36, "b": 8},
            "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": {"text": ""}},
            "xaxis": {**axis, "title": {"text": "step", "standoff": 8}, "showgrid": False},
            "yaxis": axis,
        }
    )


def format_value(value: float, unit: str = "") -> str:
    """Three significant digits; NaN and the infinities as words; a fraction as per cent.

    Example:
        >>> [format_value(v) for v in (0.012345, 3.1e-9, 1234.0, 2.5e7, 0.0, float("-inf"))]
        ['0.0123', '3.1e-9', '1,234', '2.5e7', '0', '-infinity']
        >>> format_value(0.5, "fraction"), format_value(1.5, "s")
        ('50 %', '1.5 s')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    if unit == "fraction" and (value == 0 or 1e-3 <= abs(value) <= 10):  # beyond, per cent reads worse than a power of ten
        return f"{_digits(100 * value)} %"
    return _digits(value) if unit in ("", "1", "fraction") else f"{_digits(value)} {unit}"


def _digits(value: float) -> str:
    size = abs(value)
    if 100 <= size < 1e5:
        return f"{value:,.0f}"
    if value == 0 or 1e-3 <= size < 100:
        return f"{value:.3g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def format_band(low: float | None, high: float | None, unit: str = "") -> str:
    """A healthy range in words; empty when it has no bound.

    Example:
        >>> format_band(0.1, 0.9), format_band(None, 5.0), format_band(1e-6, None), format_band(None, None)
        ('0.1 to 0.9', 'at most 5', 'at least 1e-6', '')
        >>> format_band(None, math.inf)
        'finite'
        >>> format_band(1e-4, 0.01, "fraction")
        '1e-4 to 0.01'
    """
    if unit == "fraction" and any(b and abs(b) < 1e-3 for b in (low, high) if b is not None):
        unit = ""  # both bounds in one notation
    if low == -math.inf:
        low = None
    if high == math.inf:
        return "finite" if low is None else f"finite and at least {format_value(low, unit)}"
    if low is not None and high is not None:
        return f"{format_value(low, unit)} to {format_value(high, unit)}" if low != high else format_value(low, unit)
    if high is not None:
        return f"at most {format_value(high, unit)}"
    return f"at least {format_value(low, unit)}" if low is not None else ""


def decade_label(exponent: int) -> str:
    """A power of ten for an axis.

    Example:
        >>> decade_label(-4), decade_label(0)
        ('10⁻⁴', '1')
    """
    return f"10{str(exponent).translate(_SUPERSCRIPT)}" if exponent else "1"


def format_steps(first: int, last: int | None = None) -> str:
    """A step or a range of steps.

    Example:
        >>> format_steps(12), format_steps(12, 4800)
        ('step 12', 'steps 12 to 4,800')
    """
    return f"step {first:,}" if last is None or last == first else f"steps {first:,} to {last:,}"
