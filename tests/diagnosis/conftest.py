"""Three real trainings, each recorded at every step, once: one that learns, one that stands still, one that collapses."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from training import record

from torchvitals.core.run import Run
from torchvitals.diagnosis.rule import Case

PROGRAMS = {
    "healthy": """
        model = mlp(depth=2, activation=nn.ReLU)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        batches = list(digits(150))
    """,
    "standing still": """
        model = mlp(depth=6, activation=nn.Sigmoid)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        batches = list(digits(100))
    """,
    "collapsing": """
        model = mlp(depth=3, activation=nn.ReLU)
        optimizer = torch.optim.SGD(model.parameters(), lr=100.0, momentum=0.9)
        batches = list(digits(60))
    """,
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """By name."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: record(Case(name=name, program=p), folder / name, every=1) for name, p in PROGRAMS.items()}


@pytest.fixture(params=sorted(PROGRAMS))
def run(request: pytest.FixtureRequest, runs: Mapping[str, Run]) -> Run:
    """Each of them."""
    return runs[request.param]
