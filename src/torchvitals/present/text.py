"""Names come from strangers' code: make them harmless before they reach a terminal, a page or a chart."""

from __future__ import annotations

import html
import re
import unicodedata

_ESCAPED = {"Cc", "Cf", "Zl", "Zp", "Cs"}  # control, formatting (also the marks that turn text around), separators, surrogates


def printable(text: str) -> str:
    r"""Show control and direction-changing characters as escapes instead of obeying them.

    Example:
        >>> printable("fc\x1b[31m"), printable("a\u202eb")
        ('fc\\x1b[31m', 'a\\u202eb')
    """
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in _ESCAPED else c for c in text)


def shorten(text: str, limit: int = 32) -> str:
    """Cut in the middle: the end of a layer's name tells it from its neighbours.

    Example:
        >>> shorten("encoder.layers.11.attention.weight", 20)
        'encoder.l…ion.weight'
    """
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def chart_text(text: str, limit: int = 200) -> str:
    """Text for a Plotly label, which otherwise reads `<b>` and `<a href>` as markup."""
    return html.escape(shorten(printable(text), limit), quote=False)


def markdown_code(text: str) -> str:
    """A code span that no content can close, fit for a table cell."""
    clean = printable(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", clean)), default=0) + 1)
    pad = " " if clean.startswith("`") or clean.endswith("`") else ""
    return f"{ticks}{pad}{clean}{pad}{ticks}"


def markdown_text(text: str) -> str:
    """A sentence with every character that Markdown or HTML would read as markup escaped."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~$>-])", r"\\\1", printable(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;")
