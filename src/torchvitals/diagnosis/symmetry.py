"""What the units of a layer start with, and whether anything tells them apart."""

from __future__ import annotations

import numpy as np

from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.diagnosis.gate import learning


def stays_constant(run: Run, parameter: ParameterInfo, spread: Series, *, share: float) -> bool:
    """Whether a weight is still constant, its gradient being exactly zero in at least a share of the later steps."""
    gradient = run.scalar("grad_norm", parameter.name)
    if gradient is None or spread.value[-1] != 0:
        return False
    later = gradient.value[gradient.step > spread.step[0]]
    return bool(later.size) and float((later == 0).mean()) >= share


def keeps_twins(run: Run, parameter: ParameterInfo, *, least: float, patience: int) -> bool:
    """Whether at least a share of the rows has a twin at the first step and at the last, `patience` steps later or more."""
    twins = run.scalar("twin_rows_fraction", parameter.name)
    if twins is None or len(twins) < 2 or twins.step[-1] - twins.step[0] < patience:
        return False
    return bool(twins.value[0] >= least and twins.value[-1] >= least and np.mean(twins.value >= least) >= 0.5)


def nothing_tells_apart(run: Run, parameter: ParameterInfo) -> bool:
    """Of a weight too narrow for twins: no bias, or one that starts at zero, and a loss that does not fall."""
    assert run.manifest is not None
    if run.scalar("twin_rows_fraction", parameter.name) is not None or learning(run).status not in {"stalled", "diverged"}:
        return False
    biases = [p.name for p in run.manifest.parameters if p.module == parameter.module and len(p.shape) == 1]
    return all(starts_at_zero(run, name) for name in biases)


def starts_at_zero(run: Run, name: str) -> bool:
    """Whether every element of a parameter is zero at the first recorded step."""
    norm = run.scalar("weight_norm", name)
    return norm is not None and len(norm) > 0 and norm.value[0] == 0


def travel(run: Run, parameter: ParameterInfo) -> float:
    """Length of a weight's way in units of its own size: Σ ‖Δw‖/‖w‖ over all steps, each no more than 1.

    Steps that were not recorded count like the recorded one before them.
    """
    ratio = run.scalar("update_ratio", parameter.name)
    if ratio is None or not len(ratio):
        return 0.0
    moved = np.where(np.isnan(ratio.value), 0.0, np.clip(ratio.value, 0.0, 1.0))
    return float(np.sum(moved * np.diff(ratio.step, append=ratio.step[-1] + 1)))
