"""What the rules about optimizer and gradient hold to be meant, and say as info only or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_made import run_of
from training import record

import torchvitals
from torchvitals.core.finding import Finding, Severity
from torchvitals.diagnosis.rule import Case
from torchvitals.diagnosis.rules.gradient_spike import GradientSpike

FROZEN_BATCH_NORM = """
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    model[1].eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    batches = digits(100)
"""
RESTING_BACKBONE = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            return self.head(self.backbone(x))

    model = Net()
    model.backbone.requires_grad_(False).eval()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-2)
    batches = digits(100)
"""
UNUSED_POOLER = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.pooler, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

        def forward(self, x):
            x = torch.relu(self.body(x))
            self.pooled = self.pooler(x)
            return self.head(x)

    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    batches = digits(100)
"""
ADAM_CLIPPED_THROUGHOUT = """
    model = mlp(depth=2, activation=nn.ReLU)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train(vitals):
        for x, y in digits(150):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.05)
            optimizer.step()
"""


@pytest.mark.parametrize(
    ("program", "symptom", "module"),
    [
        pytest.param(FROZEN_BATCH_NORM, "wrong-mode", "1", id="batch norm frozen from the first step on"),
        pytest.param(RESTING_BACKBONE, "wrong-mode", "backbone.2", id="a backbone that is not trained"),
        pytest.param(UNUSED_POOLER, "zero-gradient", "pooler", id="an output that nobody uses"),
        pytest.param(ADAM_CLIPPED_THROUGHOUT, "excessive-clipping", None, id="Adam, clipped throughout"),
    ],
)
def test_what_may_be_meant_is_info(program: str, symptom: str, module: str | None, tmp_path: Path) -> None:
    diagnosis = torchvitals.diagnose(record(Case(name=symptom, program=program), tmp_path), select=[symptom])
    (finding,) = diagnosis.findings
    assert (finding.symptom, finding.severity, finding.module) == (symptom, Severity.INFO, module)


def spike(after: float, *, at: float = 1.0, growth: float = 1.0) -> tuple[Finding, ...] | str:
    """The verdict on a gradient 100 times too large at step 100, with losses before it around 0.5, `at` it, and `after` it."""
    rng = np.random.default_rng(0)
    norms = np.exp(rng.normal(0, 0.2, size=160)) * growth ** np.arange(160)
    norms[100] *= 1.0 if growth > 1 else 100.0
    loss = np.r_[np.linspace(2.3, 0.5, 60), np.full(40, 0.5), at, np.full(59, after)] + rng.normal(0, 0.02, size=160)
    outcome = GradientSpike().check(run_of({"global_grad_norm/model": list(norms), "loss/train": list(loss)}))
    return outcome if isinstance(outcome, tuple) else outcome.reason


@pytest.mark.parametrize(
    ("after", "at", "severity"), [(1.5, 3.0, Severity.WARNING), (2.6, 3.0, Severity.CRITICAL), (0.5, 3.0, Severity.INFO)]
)
def test_a_spike_is_graded_by_what_the_loss_does_afterwards(after: float, at: float, severity: Severity) -> None:
    (finding,) = spike(after, at=at)
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.first_step) == (severity, 100)


def test_a_spike_that_the_loss_does_not_notice_is_none() -> None:
    assert "took no harm" in spike(0.5, at=0.5)


def test_growth_is_no_spike() -> None:
    assert "no gradient came near" in spike(2.0, growth=1.05)
