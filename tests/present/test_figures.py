from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from present.samples import HOSTILE, diverging_run, hostile_section, non_finite, run_of, series, vanishing, vanishing_run

from torchvitals.core.finding import Evidence
from torchvitals.core.histogram import Histogram
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present.figures.evidence import evidence_series
from torchvitals.present.figures.layer_heatmap import MAX_CLICK_POINTS, layer_heatmap
from torchvitals.present.figures.loss_curve import loss_curve
from torchvitals.present.figures.sparkline import sparkline
from torchvitals.present.text import chart_text


def traces(figure: go.Figure, kind: type) -> list[go.Figure]:
    return [t for t in figure.data if isinstance(t, kind)]


def named(figure: go.Figure, start: str) -> go.Scatter:
    return next(t for t in figure.data if (t.name or "").startswith(start))


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        # customdata is what a click returns, never shown.
        for item in [v for k, v in value.items() if k != "customdata"] if isinstance(value, dict) else value:
            yield from strings(item)


def evidence_of(tag: str, **values: float) -> Evidence:
    return Evidence(tag=tag, observed=1.0, **values)


def test_loss_is_linear_unless_it_spans_decades() -> None:
    assert loss_curve(vanishing_run()).layout.yaxis.type == "linear"
    assert loss_curve(diverging_run()).layout.yaxis.type == "log"


def test_non_finite_losses_are_marks_and_not_gaps() -> None:
    rug = named(loss_curve(diverging_run()), "not finite")
    assert list(rug.x) == list(range(700, 1200, 10))
    assert "infinity" in rug.text[0]
    assert "NaN" in rug.text[-1]


def test_only_root_findings_are_drawn_at_their_onset() -> None:
    child = replace(vanishing(), symptom="loss-plateau", first_step=500, caused_by="vanishing-gradient")
    figure = loss_curve(vanishing_run(), findings=[vanishing(), child])
    assert [s.x0 for s in figure.layout.shapes] == [20]


def test_a_foreign_log_still_has_its_loss() -> None:
    figure = loss_curve(run_of(series("Loss/validation", [1.0, 0.5]), series("lr", [0.1])))
    assert [t.name for t in figure.data] == ["Loss/validation"]


@pytest.mark.parametrize(
    "figure", [loss_curve(Run(name="e")), layer_heatmap(Run(name="e")), evidence_series(Run(name="e"), vanishing())]
)
def test_an_empty_run_says_so(figure: go.Figure) -> None:
    assert figure.layout.annotations[0].text
    assert not figure.data


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 1e-300, 1e300, -5.0])
def test_one_step_of_anything_can_be_drawn(value: float) -> None:
    run = run_of(series("loss/train", [value]), series("grad_norm/a", [value]))
    finding = replace(vanishing(), evidence=(evidence_of("grad_norm/a", low=0.1, high=1.0),))
    for figure in (loss_curve(run, findings=[finding]), layer_heatmap(run, findings=[finding]), evidence_series(run, finding)):
        json.loads(figure.to_json())
        assert figure.data
    assert sparkline(run, finding) == ((value,) if np.isfinite(value) else ())


def test_heatmap_is_float32_log_with_the_input_on_top() -> None:
    figure = layer_heatmap(vanishing_run(), findings=[vanishing()])
    heat = traces(figure, go.Heatmap)[0]
    assert heat.z.dtype == heat.customdata.dtype == np.float32
    np.testing.assert_allclose(heat.z, np.log10(heat.customdata), rtol=1e-4, atol=1e-5)
    assert heat.y[0] == "layers.0.weight"
    assert figure.layout.yaxis.autorange == "reversed"


def test_one_spike_does_not_set_the_colours() -> None:
    value = np.ones(200) * np.exp(np.random.default_rng(0).normal(0, 0.1, 200))
    value[100] = 1e20
    assert traces(layer_heatmap(run_of(series("grad_norm/a", value))), go.Heatmap)[0].zmax < 1


def test_fractions_are_coloured_from_none_to_all() -> None:
    figure = layer_heatmap(run_of(series("dead_fraction/relu", [0.0, 0.1])), "dead_fraction")
    heat = traces(figure, go.Heatmap)
    assert (heat[0].zmin, heat[0].zmax) == (0, 1)
    assert len(heat) == 1  # a share of zero is an ordinary colour, not a special cell


def test_zero_and_non_finite_cells_have_colours_of_their_own() -> None:
    figure = layer_heatmap(diverging_run())
    _, zero, bad = traces(figure, go.Heatmap)
    assert np.nansum(zero.z) == 15
    assert np.nansum(bad.z) == sum(120 - 70 - i for i in range(5))
    assert list(named(figure, "not finite").x) == [700, 710, 720, 730, 740]
    assert list(named(figure, "exactly zero").y) == ["layers.4.weight"]


def test_clicks_name_step_and_layer_as_they_are() -> None:
    run = hostile_section(HOSTILE[0]).run
    cells = named(layer_heatmap(run), "cells")
    assert [list(c) for c in cells.customdata] == [[s, HOSTILE[0]] for s in (0, 10, 20, 30)]
    assert cells.hoverinfo != "skip"  # that would swallow the click
    assert "cells" not in [t.name for t in layer_heatmap(run, clickable=False).data]


def test_a_large_network_stays_small() -> None:
    layers = tuple(f"block{i}" for i in range(400))
    figure = layer_heatmap(vanishing_run(steps=2000, layers=layers))
    assert len(named(figure, "cells").x) <= MAX_CLICK_POINTS
    assert len(figure.to_json()) < 3e6


def test_findings_are_marked_at_their_layers_and_onset() -> None:
    onset = named(layer_heatmap(vanishing_run(), findings=[vanishing()]), "✖ vanishing-gradient")
    assert list(onset.y) == ["layers.0.weight", "layers.2.weight"]
    assert list(onset.x) == [20, 20]


def test_a_module_finding_marks_its_weight() -> None:
    finding = replace(vanishing(), module="layers.4", modules=())
    assert list(named(layer_heatmap(vanishing_run(), findings=[finding]), "✖ vanishing").y) == ["layers.4.weight"]


def test_evidence_shows_the_band_even_when_no_value_is_in_it() -> None:
    figure = evidence_series(vanishing_run(), vanishing())
    band = next(s for s in figure.layout.shapes if s.type == "rect")
    low, high = (10**v for v in figure.layout.yaxis.range)
    assert low < 1e-6
    assert low < band.y0 == 1e-4 < band.y1 == pytest.approx(high)


@pytest.mark.parametrize(("low", "high"), [(None, None), (None, np.inf), (-1.0, None), (None, 1.0), (0.0, 1.0)])
def test_bands_of_every_kind_on_both_axes(low: float | None, high: float | None) -> None:
    for values in ([1e-6, 1e-2, 1.0], [-1.0, 0.0, 1.0], [np.nan, np.nan, np.nan]):
        finding = replace(vanishing(), evidence=(Evidence(tag="x/a", observed=1.0, low=low, high=high),))
        figure = evidence_series(run_of(series("x/a", values)), finding)
        for shape in figure.layout.shapes:
            assert np.isfinite([shape.y0, shape.y1]).all()
            assert shape.y0 <= shape.y1


def test_a_band_for_another_quantity_is_not_drawn() -> None:
    ratio = Evidence(tag="grad_norm/layers.0.weight", observed=4e-4, low=0.1, sentence="first over last layer")
    figure = evidence_series(vanishing_run(), replace(vanishing(), evidence=(ratio,)))
    assert [s.type for s in figure.layout.shapes] == ["line"]
    assert not any("healthy" in t.name for t in figure.data)


def test_the_first_evidence_with_a_curve_is_shown() -> None:
    finding = replace(vanishing(), evidence=(evidence_of(""), evidence_of("nothing/here"), evidence_of("loss/train")))
    assert evidence_series(vanishing_run(), finding).data[0].name == "loss/train"


def test_vectors_and_histograms_are_shown_by_their_quantiles() -> None:
    step = np.array([0, 10])
    rate, weights = Tag.parse("firing_rate/relu"), Tag.parse("weights/a")
    run = Run(
        name="r",
        vectors={rate: VectorSeries(tag=rate, step=step, value=(np.array([0.0, 0.5, 1.0]), np.array([np.nan])))},
        histograms={weights: HistogramSeries(tag=weights, step=step, value=(Histogram.of([0.0, 1.0], [2]),) * 2)},
    )
    units = evidence_series(run, replace(vanishing(), evidence=(evidence_of(str(rate)),)))
    assert {t.name: t.y[0] for t in units.data if "unit" in t.name} == {
        "median unit": 0.5,
        "lowest unit": 0.0,
        "highest unit": 1.0,
    }
    median = evidence_series(run, replace(vanishing(), evidence=(evidence_of(str(weights)),))).data[0]
    assert list(median.y) == [0.5, 0.5]


def test_sparkline_is_short_finite_and_keeps_the_spike() -> None:
    value = np.ones(1000)
    value[500], value[700] = 9.0, np.nan
    finding = replace(vanishing(), evidence=(evidence_of("grad_norm/a"),))
    line = sparkline(run_of(series("grad_norm/a", value)), finding)
    assert len(line) == 40
    assert max(line) == 9.0
    assert np.isfinite(line).all()
    assert sparkline(diverging_run(), non_finite())[-1] == pytest.approx(np.log10(2.3 * np.exp(69 * 0.4)))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_markup_reaches_a_chart(name: str) -> None:
    section = hostile_section(name)
    finding = section.diagnosis.findings[0]
    for figure in (layer_heatmap(section.run, findings=[finding], clickable=False), evidence_series(section.run, finding)):
        texts = list(strings(json.loads(figure.to_json())))
        assert any(chart_text(name, 12)[:5] in text for text in texts)
        assert not any("<" in re.sub("<br>|</?extra>", "", text) for text in texts)
