"""All programs of the calibration set."""

from __future__ import annotations

from verdicts_faults_contract import FAULTS as CONTRACT
from verdicts_faults_data import FAULTS as DATA
from verdicts_faults_depth import FAULTS as DEPTH
from verdicts_faults_rate import FAULTS as RATE
from verdicts_faults_units import FAULTS as UNITS
from verdicts_healthy import HEALTHY
from verdicts_program import Program

FIRST = (*HEALTHY, *DATA, *CONTRACT, *RATE, *DEPTH, *UNITS)

# For the tests: half a minute, and one of each kind of network and of fault.
QUICK = (
    "mlp-relu-adam",
    "mlp-batch-norm-dropout",
    "cnn-batch-norm-cosine",
    "lstm",
    "embedding-bag",
    "autoencoder",
    "gradients-not-zeroed--mlp",
    "parameters-not-optimized--mlp",
    "redundant-softmax--mlp",
    "non-finite-input--mlp",
    "learning-rate-too-low--mlp-adam",
    "zero-init--mlp",
)


def programs(which: str) -> tuple[Program, ...]:
    """Those of the first or second set."""
    if which == "first":
        return FIRST
    from verdicts_second import SECOND

    return SECOND
