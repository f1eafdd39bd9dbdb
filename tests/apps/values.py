"""Runs and diagnoses made by hand, real logs of them, and what a page of the dashboard says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean, Evidence, Finding, Remedy, Severity, Skipped, Why
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag

DASHBOARD = Path(__file__).parents[2] / "apps" / "dashboard"

STEPS = np.arange(0, 1000, 10)
LAYERS = tuple(f"net.{2 * i}.weight" for i in range(8))


def series(tag: str, value: np.ndarray, steps: np.ndarray = STEPS) -> dict[Tag, Series]:
    key = Tag.parse(tag)
    return {key: Series(tag=key, step=steps.copy(), value=np.asarray(value, dtype=np.float64))}


def manifest(layers: tuple[str, ...] = LAYERS) -> Manifest:
    return Manifest(
        model="DeepSigmoid",
        optimizers=("SGD",),
        modules=tuple(ModuleInfo(name=n.removesuffix(".weight"), kind="Linear", parameters=4096) for n in layers),
        parameters=tuple(ParameterInfo(name=n, module=n.removesuffix(".weight"), shape=(64, 64)) for n in layers),
    )


def vanishing_run(layers: tuple[str, ...] = LAYERS, name: str = "vanishing") -> Run:
    """Gradients that shrink towards the input; the first layer's are NaN from step 900 on."""
    rng = np.random.default_rng(0)
    scalars = series("loss/train", 2.30 - 0.02 * STEPS / 1000 + 0.01 * rng.normal(size=len(STEPS)))
    for i, layer in enumerate(layers):
        norm = 10.0 ** (i - 8) * np.exp(0.3 * rng.normal(size=len(STEPS)))
        scalars |= series(f"grad_norm/{layer}", np.where((i == 0) & (STEPS >= 900), np.nan, norm))
        scalars |= series(f"nonfinite_gradients/{layer}", 4096.0 * ((i == 0) & (STEPS >= 900)))
        scalars |= series(f"update_ratio/{layer}", 1e-2 * norm)
        scalars |= series(f"saturated_fraction/{layer.removesuffix('.weight')}", rng.uniform(size=len(STEPS)))
    return Run(name=name, manifest=manifest(layers), scalars=scalars)


def vanishing(run: Run, layers: tuple[str, ...] = LAYERS) -> Diagnosis:
    root = Finding(
        symptom="vanishing-gradient",
        code="TV301",
        severity=Severity.CRITICAL,
        summary="Gradients fade towards the input: the first layers get a millionth of what the last ones get.",
        module=layers[0],
        modules=layers[:4],
        first_step=40,
        last_step=990,
        evidence=(
            Evidence(
                tag=f"grad_norm/{layers[0]}",
                observed=1.1e-8,
                low=1e-5,
                sentence="The gradient norm of the first layer stays far below the others.",
            ),
            Evidence(tag="loss/train", observed=2.29, high=1.9, sentence="The loss has not left the trivial predictor."),
        ),
        remedies=(
            Remedy(
                change="Replace the sigmoids by ReLU, with Kaiming initialization.",
                expect="The rows of the heatmap take the same colour within 50 steps.",
            ),
            Remedy(
                change="Put a normalization layer in front of each activation.",
                expect="Saturated units fall below 5 %, and the loss starts to fall.",
            ),
        ),
    )
    child = Finding(
        symptom="loss-not-decreasing",
        code="TV701",
        severity=Severity.WARNING,
        summary="The loss stands still.",
        first_step=200,
        last_step=990,
        caused_by="vanishing-gradient",
    )
    slow = Finding(
        symptom="saturated-activation",
        code="TV402",
        severity=Severity.WARNING,
        summary="Half of the outputs lie at the flat ends of the sigmoid.",
        module=layers[2].removesuffix(".weight"),
        first_step=0,
        last_step=990,
        evidence=(
            Evidence(
                tag=f"saturated_fraction/{layers[2].removesuffix('.weight')}",
                observed=0.52,
                high=0.3,
                unit="fraction",
                sentence="Half of the outputs are saturated.",
            ),
        ),
        remedies=(Remedy(change="Scale the initial weights down.", expect="Fewer than 30 % saturated."),),
    )
    return Diagnosis(
        run=run.name,
        verdict="critical",
        findings=(root, slow, child),
        skipped=(Skipped(rule="dead-relu", reason="no ReLU in this network", why=Why.NOT_MEASURED),),
        clean=(Clean(rule="exploding-gradient", reason="largest norm 1.3, band up to 100"),),
    )


def healthy_run() -> Run:
    scalars = series("loss/train", 2.3 * np.exp(-STEPS / 300) + 0.05)
    for layer in LAYERS:
        scalars |= series(f"grad_norm/{layer}", np.full(len(STEPS), 0.3))
    return Run(name="healthy", manifest=manifest(), scalars=scalars)


def healthy(run: Run) -> Diagnosis:
    return Diagnosis(
        run=run.name,
        verdict="healthy",
        clean=(Clean(rule="vanishing-gradient", reason="smallest norm 0.3, band from 1e-5"),),
        skipped=(Skipped(rule="dead-relu", reason="no ReLU in this network", why=Why.NOT_MEASURED),),
    )


def write_log(run: Run, folder: Path) -> Path:
    """Write a run's scalars as a real event log."""
    from torchvitals.store.tensorboard import TensorBoardSink

    sink = TensorBoardSink(folder)
    if run.manifest is not None:
        sink.write_manifest(run.manifest, 0)
    for step in run.steps:
        here = tuple((tag, float(s.value[s.step == step][0])) for tag, s in run.scalars.items() if step in s.step)
        sink.write(StepRecord(step=int(step), wall_time=1.7e9 + float(step), scalars=here))
    sink.close()
    return folder


def texts(app: AppTest) -> str:
    """Everything the page says in plain text."""
    return "\n".join(t.value for t in app.text)


def figures(app: AppTest) -> list[str]:
    """The specification of every chart, as JSON."""
    return [chart.proto.spec for chart in app.get("plotly_chart")]


Open = Callable[..., AppTest]
