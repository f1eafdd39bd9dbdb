"""Runs and diagnoses made by hand, with everything a picture can trip over."""

from __future__ import annotations

import numpy as np

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean, Evidence, Finding, Remedy, Severity, Skipped
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag
from torchvitals.present.report.section import Section

LAYERS = ("layers.0", "layers.2", "layers.4", "layers.6", "head")
HOSTILE = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "**bold** [link](http://evil.example/) | cell `tick`",
    "[red]not markup[/red]",
    "a\u202egnp.exe",
    "fc\x1b[31mred",
    "{{ 7 * 7 }}",
    "<b>fat</b><a href='http://evil.example'>x</a>",
)


def series(tag: str, values: object, steps: object = None) -> Series:
    value = np.array(values, dtype=np.float64)
    step = np.arange(len(value), dtype=np.int64) * 10 if steps is None else np.array(steps, dtype=np.int64)
    return Series(tag=Tag.parse(tag), step=step, value=value)


def run_of(*all_series: Series, name: str = "a-run", manifest: Manifest | None = None) -> Run:
    return Run(name=name, scalars={s.tag: s for s in all_series}, manifest=manifest)


def manifest_of(layers: tuple[str, ...] = LAYERS) -> Manifest:
    return Manifest(
        model="MLP",
        optimizers=("SGD",),
        loss="CrossEntropyLoss",
        seed=0,
        modules=tuple(ModuleInfo(name=n, kind="Linear") for n in layers),
        parameters=tuple(
            ParameterInfo(name=f"{n}.{p}", module=n, shape=shape)
            for n in layers
            for p, shape in (("weight", (32, 32)), ("bias", (32,)))
        ),
    )


def vanishing_run(steps: int = 120, layers: tuple[str, ...] = LAYERS) -> Run:
    """Gradients that shrink towards the input; the loss hardly moves."""
    rng = np.random.default_rng(0)
    grown = [
        series(f"grad_norm/{n}.{p}", 10.0 ** (-1.6 * (len(layers) - 1 - i)) * np.exp(rng.normal(0, 0.3, steps)) * scale)
        for i, n in enumerate(layers)
        for p, scale in (("weight", 1.0), ("bias", 0.1))
    ]
    loss = series("loss/train", 2.303 - 0.0004 * np.arange(steps) + rng.normal(0, 0.004, steps))
    val = series("loss/val", 2.303 - 0.0003 * np.arange(0, steps, 10), np.arange(0, steps, 10) * 10)
    return run_of(*grown, loss, val, name="deep_sigmoid", manifest=manifest_of(layers))


def diverging_run(steps: int = 120) -> Run:
    """Loss grows without bound, then NaN; gradients overflow; one layer had exact zeros before."""
    loss = 2.3 * np.exp(np.arange(steps) * 0.4)
    loss[70:72], loss[72:] = np.inf, np.nan
    rows = []
    for i, name in enumerate(LAYERS):
        values = np.exp(np.arange(steps) * 0.3 + i)
        values[70 + i :] = np.nan
        if i == 2:
            values[:15] = 0.0
        rows.append(series(f"grad_norm/{name}.weight", values))
    return run_of(*rows, series("loss/train", loss), name="lr_too_high", manifest=manifest_of())


def healthy_run(steps: int = 120) -> Run:
    rng = np.random.default_rng(1)
    rows = [series(f"grad_norm/{n}.weight", 0.3 * np.exp(rng.normal(0, 0.4, steps))) for n in LAYERS]
    loss = series("loss/train", 2.3 * np.exp(-np.arange(steps) / 25) + 0.02 + rng.normal(0, 0.003, steps))
    return run_of(*rows, loss, name="healthy", manifest=manifest_of())


def vanishing() -> Finding:
    return Finding(
        symptom="vanishing-gradient",
        code="TV101",
        severity=Severity.CRITICAL,
        module="layers.0.weight",
        modules=("layers.0.weight", "layers.2.weight"),
        first_step=20,
        last_step=1190,
        summary="The gradient of the first layers is a millionth of the last one's: they do not learn.",
        evidence=(
            Evidence(
                tag="grad_norm/layers.0.weight",
                observed=3.98e-7,
                low=1e-4,
                sentence="Median over the last half of the run; it shrinks by a factor of 40 a layer.",
            ),
            Evidence(tag="", observed=0.25, high=1.0, sentence="The slope of a sigmoid is at most 1/4."),
        ),
        remedies=(
            Remedy(change="Replace the sigmoids by ReLU.", expect="grad_norm within a factor of 10 over all layers."),
            Remedy(change="Add normalisation between the layers.", expect="activation_std near 1 in every layer."),
        ),
        notes=("N1",),
    )


def not_decreasing() -> Finding:
    return Finding(
        symptom="loss-not-decreasing",
        code="TV901",
        severity=Severity.WARNING,
        first_step=200,
        last_step=1190,
        summary="The loss stays at that of a constant guess.",
        caused_by="vanishing-gradient",
    )


def non_finite() -> Finding:
    return Finding(
        symptom="learning-rate-too-high",
        code="TV501",
        severity=Severity.CRITICAL,
        module="layers.0.weight",
        first_step=700,
        last_step=1190,
        summary="Every update is larger than the weights it changes; the loss overflows.",
        evidence=(
            Evidence(tag="loss/train", observed=float("nan"), high=float("inf"), sentence="The loss is not a number."),
            Evidence(tag="update_ratio/layers.0.weight", observed=float("inf"), low=1e-4, high=1e-2, unit="fraction"),
        ),
        remedies=(Remedy(change="Divide the learning rate by 10.", expect="update_ratio near 0.001."),),
    )


def sections() -> tuple[Section, ...]:
    skipped = (Skipped(rule="dead-relu", reason="no firing_rate in the log: the network has no ReLU"),)
    clean = (Clean(rule="exploding-gradient", reason="largest global_grad_norm 1.2, healthy at most 100"),)
    return (
        Section(run=healthy_run(), diagnosis=Diagnosis(run="healthy", verdict="healthy", clean=clean, skipped=skipped)),
        Section(
            run=vanishing_run(),
            diagnosis=Diagnosis(
                run="deep_sigmoid", verdict="critical", findings=(vanishing(), not_decreasing()), skipped=skipped, clean=clean
            ),
        ),
        Section(
            run=diverging_run(),
            diagnosis=Diagnosis(
                run="lr_too_high",
                verdict="critical",
                findings=(non_finite(),),
                clean=clean,
                problems=("2 records were cut off",),
            ),
        ),
        Section(run=Run(name="empty"), diagnosis=Diagnosis(run="empty", verdict="unknown", skipped=skipped)),
    )


def hostile_section(name: str) -> Section:
    """A run whose every string is the same hostile text."""
    finding = Finding(
        symptom="vanishing-gradient",
        code="TV101",
        severity=Severity.WARNING,
        module=name,
        modules=(name,),
        summary=name,
        evidence=(Evidence(tag=f"grad_norm/{name}", observed=1.0, low=0.0, high=2.0, unit=name, sentence=name),),
        remedies=(Remedy(change=name, expect=name),),
    )
    child = Finding(
        symptom="loss-plateau", code="X", severity=Severity.INFO, summary=name, module=name, caused_by=finding.symptom
    )
    run = run_of(
        series(f"grad_norm/{name}", [1.0, np.nan, 0.0, 3.0]),
        series("loss/train", [1.0, 2.0, np.inf]),
        name=name,
        manifest=Manifest(model=name, loss=name, modules=(ModuleInfo(name=name, kind=name),)),
    )
    diagnosis = Diagnosis(
        run=name,
        verdict="warning",
        findings=(finding, child),
        skipped=(Skipped(rule="dead-relu", reason=name),),
        clean=(Clean(rule="loss-spike", reason=name),),
        problems=(name,),
    )
    return Section(run=run, diagnosis=diagnosis)
