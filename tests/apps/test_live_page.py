"""The page that watches a log grow: curves at once, findings when they are new, and nothing while it is paused."""

from __future__ import annotations

import doctest
import importlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
from apps.values import LAYERS, Open, figures, healthy_run, manifest, series, texts, write_log

from torchvitals.core.run import Run

NASTY = "<img src=x onerror=alert(1)>**b** $x$ :red[r] `c`.weight"


def _live(opened_at: Open, folder: Path):
    app = opened_at(folder)
    app.switch_page("views/live.py").run()
    assert not app.exception
    return app


def _exploding(folder: Path, first: int) -> None:
    """Continue a log in which every gradient and the loss stop being numbers."""
    steps = np.arange(first, first + 300, 10)
    scalars = series("loss/train", np.full(len(steps), np.nan), steps)
    for layer in LAYERS:
        scalars |= series(f"grad_norm/{layer}", np.full(len(steps), np.nan), steps)
        scalars |= series(f"nonfinite_gradients/{layer}", np.full(len(steps), 4096.0), steps)
    write_log(Run(name="later", scalars=scalars), folder)


def test_the_examples_hold() -> None:
    outcome = doctest.testmod(importlib.import_module("components.live_news"))
    assert outcome.attempted
    assert not outcome.failed


def test_it_shows_where_the_training_stands(opened_at: Open, tmp_path: Path) -> None:
    scalars = dict(healthy_run().scalars) | series("global_grad_norm/model", np.full(100, 0.25))
    write_log(Run(name="a", manifest=manifest(), scalars=scalars), tmp_path / "a")
    app = _live(opened_at, tmp_path)
    said = texts(app)
    assert "990\nlast recorded step" in said
    assert f"{2.3 * np.exp(-990 / 300) + 0.05:.3g}\nloss" in said
    assert "0.25\ngradient norm" in said
    assert "Nothing yet." in said
    loss, norm = (json.loads(spec) for spec in figures(app))
    assert loss["data"][0]["name"] == "train"
    assert norm["data"][0]["name"] == "gradient norm"


def test_what_comes_to_the_log_is_shown_and_a_new_finding_is_told_once(opened_at: Open, tmp_path: Path) -> None:
    folder = write_log(healthy_run(), tmp_path / "a")
    app = _live(opened_at, tmp_path)
    _exploding(folder, 1000)
    app.run()
    assert "1,290\nlast recorded step" in texts(app)  # the curves do not wait for the rules
    for _ in range(100):
        if app.dataframe and "What" in app.dataframe[-1].value:
            break
        time.sleep(0.05)
        app.run()
    news = app.dataframe[-1].value
    assert set(news["What"]) == {"new"}
    assert "non-finite" in set(news["Symptom"])
    assert (news["Step"] == 1290).all()
    told = [toast.value for toast in app.toast]
    assert any("new at step 1,290" in text for text in told)
    app.run()
    assert not app.toast  # once
    assert list(app.dataframe[-1].value["Symptom"]) == list(news["Symptom"])  # and it stays in the list


def test_a_muted_symptom_is_no_news(opened_at: Open, tmp_path: Path) -> None:
    folder = write_log(healthy_run(), tmp_path / "a")
    app = opened_at(tmp_path, query={"mute": "non-finite:known"})
    app.switch_page("views/live.py").run()
    _exploding(folder, 1000)
    feed = None
    for _ in range(100):
        app.run()
        feed = app.session_state["_live"]
        if feed.news:
            break
        time.sleep(0.05)
    assert feed is not None
    assert "non-finite" in {n.event.finding.symptom for n in feed.news}
    shown = {s for frame in app.dataframe for s in frame.value.get("Symptom", [])}
    assert "non-finite" not in shown


def test_paused_it_no_longer_looks_by_itself(opened_at: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit

    every: list[float | None] = []
    plain = streamlit.fragment
    monkeypatch.setattr(
        streamlit, "fragment", lambda look, *, run_every: every.append(run_every) or plain(look, run_every=run_every)
    )
    write_log(healthy_run(), tmp_path / "a")
    app = _live(opened_at, tmp_path)
    assert every == [2.0]
    app.toggle(key="follow").set_value(False).run()
    assert not app.exception
    assert every == [2.0, None]
    assert "last recorded step" in texts(app)


def test_hostile_names_of_a_log_are_shown_as_they_are(opened_at: Open, tmp_path: Path) -> None:
    steps = np.arange(0, 300, 10)
    scalars = series("loss/train", np.full(30, np.nan), steps) | series(f"grad_norm/{NASTY}", np.full(30, np.nan), steps)
    write_log(Run(name="a", manifest=manifest((NASTY,)), scalars=scalars), tmp_path / "<b>a")
    app = _live(opened_at, tmp_path)
    rendered = [m.value for m in app.markdown] + [t.value for t in app.toast] + [h.proto.body for h in app.get("html")]
    assert rendered
    assert not [text for text in rendered if "onerror" in text]
