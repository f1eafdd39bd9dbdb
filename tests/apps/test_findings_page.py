"""The home page: one verdict, the findings behind it, and everything that was not measured."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from apps.values import Open, figures, healthy, healthy_run, texts, vanishing, vanishing_run

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Evidence, Finding, Severity

SAMPLES = Path(__file__).parents[2] / "sample_runs"


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


def test_the_evidence_is_one_click_away_with_layer_measure_and_step_chosen(dashboard: Open) -> None:
    links = {link.proto.label: link.proto for link in _open_sick(dashboard).get("page_link")}
    evidence, layer = links["See the evidence: Gradient flow →"], links["This layer →"]
    assert evidence.page == "gradient-flow"
    assert parse_qs(evidence.query_string) == {
        "run": ["vanishing"],
        "measure": ["grad_norm"],
        "layer": ["net.0.weight"],
        "step": ["40"],
    }
    assert (layer.page, parse_qs(layer.query_string)["module"]) == ("layer", ["net.0"])


@pytest.mark.parametrize(
    ("tag", "page"),
    [
        ("loss/train", "learning_curves"),
        ("", "learning_curves"),
        ("input_mean/model", "data_loop"),
        ("attention_entropy/encoder", "sequences"),
        ("filter_norm/conv1", "filters"),
        ("latent_sensitivity/fc", "attributions"),
        ("update_ratio/net.0.weight", "gradient_flow"),
    ],
)
def test_each_kind_of_evidence_leads_to_its_page(tag: str, page: str) -> None:
    from components.finding_links import VIEWS, evidence_page

    finding = Finding(
        symptom="x", code="X", severity=Severity.INFO, summary="", evidence=(Evidence(tag=tag, observed=1.0),), first_step=40
    )
    assert evidence_page(vanishing_run(), finding)[0] == page
    assert (VIEWS / f"{page}.py").exists()


def test_what_follows_is_counted_with_its_root(dashboard: Open) -> None:
    assert list(_open_sick(dashboard).dataframe[0].value["explains"]) == ["1 more", ""]


def test_severities_can_be_picked(dashboard: Open) -> None:
    app = _open_sick(dashboard)
    app.button_group(key="severity").set_value(["warning"]).run()
    assert not app.exception
    assert list(app.dataframe[0].value["symptom"]) == ["saturated-activation"]
    assert "Half of the outputs lie at the flat ends" in texts(app)


def test_the_verdict_says_how_far_to_trust_it(dashboard: Open) -> None:
    assert "Confidence of the verdict: high. 4 of the 5 rules that apply could judge." in texts(_open_sick(dashboard))


@pytest.mark.parametrize(("share", "word"), [(1.0, "high"), (0.79, "fair"), (0.5, "fair"), (0.49, "low"), (0.0, "low")])
def test_confidence_is_a_word(share: float, word: str) -> None:
    from components.verdict import confidence

    assert confidence(Diagnosis(run="a", verdict="unknown", confidence=share)) == f"Confidence of the verdict: {word}."


def test_a_finding_is_muted_with_a_reason_and_taken_back(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "dead-relu"})
    assert "dead-relu" in list(app.dataframe[0].value["symptom"])
    assert app.button(key="mute-dead-relu").disabled  # not without a reason
    app.text_input(key="mute-reason-dead-relu").set_value("sparse **on** purpose").run()
    app.button(key="mute-dead-relu").click().run()
    assert not app.exception
    assert not [f for f in app.dataframe if "dead-relu" in list(f.value.get("symptom", []))]
    assert app.query_params["mute"] in ("dead-relu:sparse **on** purpose", ["dead-relu:sparse **on** purpose"])
    assert "dead-relu   ·   sparse **on** purpose" in texts(app)
    app.button(key="unmute-dead-relu").click().run()
    assert "dead-relu" in list(app.dataframe[0].value["symptom"])
    assert "mute" not in app.query_params


def test_a_link_carries_what_is_muted_and_strange_names_are_ignored(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "dead-relu", "mute": ["dead-relu:known", "no-such-symptom:x", ":", "dead_relu"]})
    assert not app.exception
    assert "dead-relu   ·   known" in texts(app)
    assert app.query_params["mute"] in ("dead-relu:known", ["dead-relu:known"])


def test_a_sick_and_a_healthy_sample_say_what_they_are(opened_at: Open) -> None:
    sick = texts(opened_at(SAMPLES, query={"run": "vanishing"}))
    well = texts(opened_at(SAMPLES, query={"run": "healthy"}))
    assert "critical   ·   vanishing-gradient" in sick
    assert "Nothing is wrong with this run." in well
    assert "Confidence of the verdict: high." in well
