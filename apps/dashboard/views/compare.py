"""Compare runs: what is new, what is fixed, and how the curves and numbers moved against a baseline."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st
from components import baseline_picker, change_table, chart, frame, words

from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.diagnosis.comparison import Comparison, compare, metrics
from torchvitals.diagnosis.engine import quiet_arithmetic
from torchvitals.present.figures.run_overlay import run_overlay
from torchvitals.present.text import printable

MOST_METRICS = 6


def render() -> None:
    """The page."""
    opened = frame.current()
    st.markdown("# Compare runs")
    picked = baseline_picker.pick()
    if picked is None:
        return
    name, baseline = picked
    here = str(st.session_state.get(state.RUN) or opened.run.name)
    with quiet_arithmetic():
        compared = compare((baseline.run, baseline.diagnosis), (opened.run, opened.diagnosis))
    _verdicts(compared, here, name)
    st.markdown("#### Findings")
    if compared.changes:
        change_table.findings(compared.changes)
    else:
        st.text("No finding in either run.")
    change_table.departed(compared.departures)
    st.markdown("#### Curves")
    _curves(opened.run, baseline.run, (here, name))
    st.markdown("#### Key numbers")
    change_table.numbers(compared.numbers)


def _verdicts(compared: Comparison, here: str, name: str) -> None:
    told = [f"{words.count(amount, 'finding', 'findings')} {word}" for word, amount in compared.amounts.items() if amount]
    with st.container(key=f"verdict-{compared.after.verdict}", gap=None):
        words.say(f"{words.sign(compared.after.verdict)}   ·   the baseline: {words.sign(compared.before.verdict)}")
        words.say("   ·   ".join(told) or "No finding in either run.")
        words.say(f"{here} against {name}")


def _curves(run: Run, baseline: Run, names: tuple[str, str]) -> None:
    pairs = {title: pair for title, pair in _pairs(run, baseline).items() if any(s is not None and len(s) for s in pair)}
    if not pairs:
        st.text("Neither run recorded a loss, a metric, the global gradient norm or the learning rate.")
        return
    for place, (title, (this, other)) in enumerate(pairs.items()):
        if place % 2 == 0:
            columns = st.columns(2, gap="large")
        with columns[place % 2]:
            words.say(title)
            alt = f"{title} over the steps, of {printable(names[0])} and of {printable(names[1])}"
            chart.draw(partial(run_overlay, this, other, names=names), key=f"pair-{place}", alt=alt)


def _pairs(run: Run, baseline: Run) -> dict[str, tuple[Series | None, Series | None]]:
    """The curves worth laying over one another, by title: losses, metrics, gradient norm, learning rate."""
    tags = {"Training loss": ("loss", "train"), "Validation loss": ("loss", "val"), "Test loss": ("loss", "test")}
    found = {title: (run.scalar(*tag), baseline.scalar(*tag)) for title, tag in tags.items()}
    mine, theirs = metrics(run), metrics(baseline)
    found |= {tag: (mine.get(tag), theirs.get(tag)) for tag in list(dict.fromkeys((*mine, *theirs)))[:MOST_METRICS]}
    found["Global gradient norm"] = (run.scalar("global_grad_norm", "model"), baseline.scalar("global_grad_norm", "model"))
    found["Learning rate"] = (run.scalar("learning_rate", "group0"), baseline.scalar("learning_rate", "group0"))
    return found


render()
