"""The home page: one verdict, the findings behind it, and everything that was not measured."""

from __future__ import annotations

import json

from apps.values import Open, figures, healthy, healthy_run, texts, vanishing, vanishing_run

from torchvitals.core.diagnosis import Diagnosis


def _open_sick(dashboard: Open, **query: str):
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), query=query)
    assert not app.exception
    return app


def test_the_verdict_comes_first_and_names_symptom_layer_and_step(dashboard: Open) -> None:
    said = texts(_open_sick(dashboard))
    verdict = said.index("critical   ·   vanishing-gradient")
    assert (
        verdict < said.index("Gradients fade towards the input") < said.index("layer net.0.weight and 3 others, since step 40")
    )
    assert said.count("Gradients fade towards the input") == 1  # the detail does not repeat the verdict


def test_the_table_holds_the_roots_with_evidence_and_first_remedy(dashboard: Open) -> None:
    table = _open_sick(dashboard).dataframe[0].value
    assert list(table["symptom"]) == ["vanishing-gradient", "saturated-activation"]  # not the finding that follows
    assert table["severity"][0].endswith("critical")
    assert table["severity"][1].endswith("warning")
    assert 2 <= len(table["evidence"][0]) <= 40
    assert table["remedy"][0].startswith("Replace the sigmoids")


def test_the_worst_finding_is_open_with_evidence_remedies_and_consequences(dashboard: Open) -> None:
    app = _open_sick(dashboard)
    said = texts(app)
    assert "1.1e-8   ·   healthy: at least 1e-5" in said
    assert said.index("Replace the sigmoids") < said.index("Put a normalization layer")
    assert "The rows of the heatmap take the same colour" in said
    assert "What follows from it (1)" in [e.label for e in app.expander]
    assert any("loss-not-decreasing" in list(frame.value.get("Symptom", [])) for frame in app.dataframe)


def test_the_evidence_figure_shows_series_band_and_the_steps_that_were_not_finite(dashboard: Open) -> None:
    evidence, loss = (json.loads(spec) for spec in figures(_open_sick(dashboard)))
    assert any("grad_norm/net.0.weight" in trace.get("name", "") for trace in evidence["data"])
    assert any("not finite, from step 900" in trace.get("name", "") for trace in evidence["data"])
    assert "healthy: at least 1e-5" in json.dumps(evidence)
    assert any("vanishing-gradient" in note["text"] for note in loss["layout"]["annotations"])


def test_every_chart_and_table_is_described_for_a_screen_reader(dashboard: Open) -> None:
    app = _open_sick(dashboard)
    for element in [*app.get("plotly_chart"), *app.dataframe]:
        assert len(element.proto.alt) > 15


def test_a_row_opens_its_finding_and_lands_in_the_address(dashboard: Open) -> None:
    app = _open_sick(dashboard)
    app.session_state["findings-vanishing"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert "Half of the outputs lie at the flat ends" in texts(app)
    assert app.query_params["symptom"] == "saturated-activation"


def test_a_link_opens_its_finding(dashboard: Open) -> None:
    assert "Half of the outputs lie at the flat ends" in texts(_open_sick(dashboard, symptom="saturated-activation"))


def test_a_link_to_a_finding_that_is_gone_opens_the_worst_one(dashboard: Open) -> None:
    assert "Replace the sigmoids" in texts(_open_sick(dashboard, symptom="no-such-symptom"))


def test_the_rules_own_documentation_is_at_hand(dashboard: Open) -> None:
    app = _open_sick(dashboard)
    assert "About this symptom" in [e.label for e in app.expander]
    assert "Norms in `grad_norm`." in [m.value for m in app.markdown]
    assert "‖g‖ < 1e-7" in [c.value for c in app.code]


def test_a_healthy_run_says_so_and_what_was_not_measured(dashboard: Open) -> None:
    run = healthy_run()
    app = dashboard((run, healthy(run)))
    assert not app.exception
    assert "Nothing is wrong with this run." in texts(app)
    assert "1 rule looked and found nothing; 1 was not measured." in texts(app)
    assert "Not measured: 1 rule could not judge" in [e.label for e in app.expander]
    assert "no ReLU in this network" in list(app.dataframe[0].value["Why it could not judge"])


def test_a_run_that_cannot_be_judged_is_not_called_healthy(dashboard: Open) -> None:
    run = healthy_run()
    app = dashboard((run, Diagnosis(run=run.name, verdict="unknown")))
    assert "There is not enough in this log for a verdict." in texts(app)
    assert "torchvitals.watch(" in texts(app)
    assert "Nothing is wrong" not in texts(app)


def test_another_run_can_be_picked(dashboard: Open) -> None:
    sick, well = vanishing_run(), healthy_run()
    app = dashboard((sick, vanishing(sick)), (well, healthy(well)), query={"run": "healthy"})
    assert "Nothing is wrong with this run." in texts(app)
    app.selectbox(key="run").set_value("vanishing").run()
    assert not app.exception
    assert "vanishing-gradient" in texts(app)
