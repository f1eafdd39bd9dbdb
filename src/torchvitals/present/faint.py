"""A colour of the theme that lets the page shine through, for areas under and around lines."""

from __future__ import annotations


def faint(color: str, opacity: float) -> str:
    """The colour with an opacity, as Plotly takes it.

    Example:
        >>> faint("#56B4E9", 0.2)
        'rgba(86,180,233,0.2)'
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
