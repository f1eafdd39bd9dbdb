"""What the rules about filters and latent codes say of runs made by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hand_made import run_of

from torchvitals.core.finding import Clean, Finding, Outcome, Skipped, Why
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.diagnosis.convolutions import next_to_zero, rectifier_behind, share_at_white_noise
from torchvitals.diagnosis.engine import judge
from torchvitals.diagnosis.rules.dead_filters import DeadFilters
from torchvitals.diagnosis.rules.duplicate_filters import DuplicateFilters
from torchvitals.diagnosis.rules.latent_sensitivity import LatentSensitivity
from torchvitals.diagnosis.rules.noisy_filters import NoisyFilters

STEPS = 40
FILTERS = 16
MODULES = (
    ModuleInfo(name="conv", kind="Conv2d", output_shape=(32, FILTERS, 8, 8)),
    ModuleInfo(name="norm", kind="BatchNorm2d", output_shape=(32, FILTERS, 8, 8)),
    ModuleInfo(name="act", kind="ReLU", output_shape=(32, FILTERS, 8, 8), activation="relu"),
    ModuleInfo(name="head", kind="Linear", output_shape=(32, 64)),
)
WEIGHT = ParameterInfo(name="conv.weight", module="conv", shape=(FILTERS, 3, 5, 5))
MANIFEST = Manifest(modules=MODULES, parameters=(WEIGHT,), input_shape=(32, 3, 8, 8), output_shape=(32, 192))
STANDING = [math.log(10)] * STEPS
FALLING = list(np.linspace(math.log(10), 0.1, STEPS))


def run(
    *,
    manifest: Manifest = MANIFEST,
    loss: Sequence[float] = FALLING,
    scalars: dict[str, Sequence[float]] | None = None,
    **vectors: Sequence[Sequence[float]],
) -> Run:
    """A training with these vectors of the convolution, and of the activation behind it."""
    named = {f"{name}/{'act' if name == 'firing_rate' else 'conv'}": rows for name, rows in vectors.items()}
    samples = {"firing_samples/act": [2048.0] * STEPS}
    return run_of({"loss/train": loss, **samples, **(scalars or {})}, vectors=named, manifest=manifest)


def constantly(row: Sequence[float]) -> list[Sequence[float]]:
    return [row] * STEPS


def found(outcome: Outcome) -> Finding:
    assert isinstance(outcome, tuple), outcome
    return outcome[0]


def test_shares_of_white_noise() -> None:
    assert share_at_white_noise((3, 3)) == pytest.approx(5 / 9)
    assert share_at_white_noise((7, 7)) == pytest.approx(36 / 49)
    assert share_at_white_noise((1, 5)) == pytest.approx(2 / 5)
    assert share_at_white_noise((63, 63)) == pytest.approx(1 - math.pi / 16, abs=0.01)


def test_zero_is_next_to_the_usual_norm_of_the_layer() -> None:
    assert next_to_zero(np.array([1.0, 2.0, 3.0, 1e-3, 0.0, math.nan]), 1e-3).tolist() == [
        False,
        False,
        False,
        True,
        True,
        False,
    ]
    assert next_to_zero(np.zeros(3), 1e-3).all()
    assert not next_to_zero(np.full(3, 1e-9), 1e-3).any()


def test_the_rectifier_behind_a_convolution() -> None:
    kinds = frozenset({"relu"})
    assert rectifier_behind(MANIFEST, "conv", kinds) == "act"
    assert rectifier_behind(MANIFEST, "conv", frozenset({"relu6"})) is None
    assert rectifier_behind(MANIFEST, "head", kinds) is None
    another = replace(MANIFEST, modules=(MODULES[0], MODULES[3], MODULES[2]))
    assert rectifier_behind(another, "conv", kinds) is None


def test_filters_that_become_zero() -> None:
    rows = [[1.0] * 12 + [1.0 if step < 25 else 1e-5] * 4 for step in range(STEPS)]
    finding = found(judge(DeadFilters(), run(filter_norm=rows)))
    assert (finding.module, finding.first_step) == ("conv", 25)
    assert finding.evidence[0].observed == 0.25
    rows = [[1.0] * 13 + [1e-5] * 3] * STEPS
    assert isinstance(judge(DeadFilters(), run(filter_norm=rows)), Clean)


def test_channels_that_go_off() -> None:
    def off(count: int) -> list[list[float]]:
        return [[0.4] * (FILTERS - count) + [0.3 if step < 12 else 0.0] * count for step in range(STEPS)]

    finding = found(judge(DeadFilters(), run(filter_norm=constantly([1.0] * FILTERS), firing_rate=off(8))))
    assert (finding.module, finding.first_step, finding.evidence[0].observed) == ("conv", 12, 0.5)
    assert found(judge(DeadFilters(), run(firing_rate=off(8)))).first_step == 12
    assert isinstance(judge(DeadFilters(), run(firing_rate=off(7))), Clean)


def test_what_cannot_be_judged_says_why() -> None:
    few = {"filter_norm": constantly([1.0] * FILTERS)[:10], "filter_similarity": constantly([0.5] * FILTERS)[:10]}
    frozen = replace(MANIFEST, parameters=(replace(WEIGHT, trainable=False),))
    small = {"filter_norm": constantly([1.0] * 3), "filter_similarity": constantly([0.5] * 3)}
    for rule in (DeadFilters(), DuplicateFilters()):
        for made, why in (
            (run(), Why.NOT_MEASURED),
            (run(**few), Why.TOO_EARLY),
            (run(manifest=frozen, **few), Why.NOT_APPLICABLE),
            (run(**small), Why.NOT_APPLICABLE),
        ):
            outcome = judge(rule, made)
            assert isinstance(outcome, Skipped)
            assert outcome.why is why, outcome.reason


def test_doubles_since_when() -> None:
    norms = constantly([1.0] * FILTERS)
    cosines = [[0.5] * 12 + [0.5 if step < 30 else 0.99] * 4 for step in range(STEPS)]
    finding = found(judge(DuplicateFilters(), run(filter_norm=norms, filter_similarity=cosines)))
    assert (finding.module, finding.first_step) == ("conv", 30)
    weak = constantly([1.0] * 13 + [0.05] * 3)  # filters that hardly count
    assert isinstance(judge(DuplicateFilters(), run(filter_norm=weak, filter_similarity=cosines)), Clean)
    parted = [[0.99 if step < 30 else 0.5] * FILTERS for step in range(STEPS)]
    assert isinstance(judge(DuplicateFilters(), run(filter_norm=norms, filter_similarity=parted)), Clean)


def test_noise_counts_only_when_filters_have_moved_and_nothing_is_learned() -> None:
    rough, moved = constantly([0.7] * FILTERS), constantly([0.5] * FILTERS)
    assert found(judge(NoisyFilters(), run(loss=STANDING, filter_roughness=rough, filter_change=moved))).module == "conv"
    assert isinstance(judge(NoisyFilters(), run(filter_roughness=rough, filter_change=moved)), Clean)
    smooth = constantly([0.3] * FILTERS)
    assert isinstance(judge(NoisyFilters(), run(loss=STANDING, filter_roughness=smooth, filter_change=moved)), Clean)
    unmoved = constantly([0.05] * FILTERS)
    assert isinstance(judge(NoisyFilters(), run(loss=STANDING, filter_roughness=rough, filter_change=unmoved)), Skipped)
    small = replace(MANIFEST, parameters=(replace(WEIGHT, shape=(FILTERS, 3, 3, 3)),))
    assert isinstance(judge(NoisyFilters(), run(manifest=small, loss=STANDING)), Skipped)


def test_sensitivity_is_measured_by_the_spreads_of_input_and_code() -> None:
    sensitivity = [2.0] * 30 + [12.0] * 10
    spreads = {"input_std/model": [0.5] * STEPS, "latent_sensitivity/code": sensitivity, "activation_std/code": [2.0] * STEPS}
    finding = found(judge(LatentSensitivity(), run(scalars=spreads)))  # 12 · 0.5 / 2 = 3
    assert (finding.module, finding.first_step) == ("code", 30)
    assert finding.evidence[0].observed == pytest.approx(3.0)
    assert isinstance(judge(LatentSensitivity(), run(scalars={**spreads, "activation_std/code": [2.1] * STEPS})), Clean)
    grown = {**spreads, "activation_std/code": [s / 4 for s in sensitivity]}  # the code grew as much
    assert isinstance(judge(LatentSensitivity(), run(scalars=grown)), Clean)
    made = run(scalars=spreads)
    units = run_of({}, vectors={"latent_deviation/code": [[0.6, 0.8]] * STEPS}).vectors  # √0.5 together
    assert found(judge(LatentSensitivity(), replace(made, vectors=units))).evidence[0].observed == pytest.approx(6 / 0.5**0.5)
    classifier = replace(MANIFEST, output_shape=(32, 10))
    assert isinstance(judge(LatentSensitivity(), run(manifest=classifier, scalars=spreads)), Skipped)
    assert isinstance(judge(LatentSensitivity(), run()), Skipped)
