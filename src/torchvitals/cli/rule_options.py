"""The options that change which rules judge, and how."""

from __future__ import annotations

from typing import Annotated

import typer

Select = Annotated[
    list[str] | None,
    typer.Option(metavar="SYMPTOM", help="Run only this rule; may be repeated.", show_default=False),
]
Mute = Annotated[
    list[str] | None,
    typer.Option(metavar="SYMPTOM=REASON", help="Do not run this rule, and show why; may be repeated.", show_default=False),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SYMPTOM.THRESHOLD=VALUE",
        help="Change a threshold, as in dead-relu.share=0.7; may be repeated.",
        show_default=False,
    ),
]
