"""A colour that lets the page shine through, so that one figure fits a light and a dark page."""

from __future__ import annotations


def tint(color: str, share: float) -> str:
    """A colour of the theme, `#rrggbb`, at so much opacity.

    Example:
        >>> tint("#0072B2", 0.25)
        'rgba(0,114,178,0.25)'
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"
