"""Live: the curves while the training runs, and every finding as it appears."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import data
import state
import streamlit as st
from components import chart, empty, frame, live_feed, live_news, mutes, words

from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.errors import TorchvitalsError
from torchvitals.present.theme import format_value

EVERY_S = 2.0


def render() -> None:
    """The page; what moves is a fragment, so that the rest of it stays as it is."""
    run = frame.current().run
    head, switch = st.columns([5, 1], vertical_alignment="bottom")
    head.markdown("# Live")
    follow = switch.toggle("Follow", value=True, key=state.FOLLOW, bind="query-params", help="Off: the page stays as it is")
    st.fragment(_tick, run_every=EVERY_S if follow else None)(run.name, frame.path())


def _tick(name: str, path: Path) -> None:
    """One look at what has come to the log."""
    try:
        feed = live_feed.of(name, path)
        run, fresh = feed.look()
    except (TorchvitalsError, OSError) as error:
        empty.show("This run is gone", "Its files were there a moment ago. Pick another run, or reload.", detail=str(error))
        return
    aside = {symptom for symptom, _ in mutes.current()}
    live_news.announce([n for n in fresh if n.event.finding is None or n.event.finding.symptom not in aside])
    _state(run, path, feed.diagnosis.verdict if feed.diagnosis is not None else "unknown")
    _curves(run, feed)
    live_news.show([n for n in feed.news if n.event.finding is None or n.event.finding.symptom not in aside])


def _state(run: Run, path: Path, verdict: str) -> None:
    """Where the training stands, in four numbers and a word."""
    written = data.latest(path) / 1e9
    loss, norm = run.scalar("loss", "train"), _gradient_norm(run)
    tiles = {
        "last recorded step": f"{int(run.steps[-1]):,}" if len(run.steps) else "none",
        "loss": _last(loss),
        "gradient norm": _last(norm),
        "last written": live_news.ago(time.time() - written) if written else "unknown",
        "verdict": words.sign(verdict),
    }
    with st.container(key="live-state", horizontal=True, gap="large"):
        for word, value in tiles.items():
            with st.container(key=f"now-{word.replace(' ', '-')}", gap=None, width="content"):
                words.say(value)
                st.text(word)


def _curves(run: Run, feed: live_feed.Feed) -> None:
    from torchvitals.present.figures.loss_curve import loss_curve
    from torchvitals.present.figures.scalar_curve import scalar_curve

    roots = feed.diagnosis.roots if feed.diagnosis is not None else ()
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("#### Loss")
        chart.draw(partial(loss_curve, run, findings=roots[:3]), key="live-loss", alt="Loss over the steps so far")
    with right:
        st.markdown("#### Norm of all gradients")
        missing = "The norm of all gradients was not recorded."
        draw = partial(scalar_curve, _gradient_norm(run), "gradient norm", missing=missing)
        chart.draw(draw, key="live-norm", alt="Norm of all gradients over the steps so far")


def _gradient_norm(run: Run) -> Series | None:
    return next(iter(run.by_subject("global_grad_norm").values()), None)


def _last(series: Series | None) -> str:
    return format_value(float(series.value[-1])) if series is not None and len(series) else "not recorded"


render()
