"""Three healthy networks, three seeds, two schedules: nobody is accused of anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from training import digits, mlp, record

import torchvitals
from torchvitals.core.finding import Severity
from torchvitals.diagnosis.rule import Case

MLP = Case(
    name="two hidden ReLU layers",
    program="""
        model = mlp(depth=2, activation=nn.ReLU)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    """,
)
CNN = Case(
    name="a batch-norm CNN",
    program="""
        model = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64, 10),
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
        batches = list(digits(150))
    """,
)
LSTM = Case(
    name="an LSTM that reads the rows",
    program="""
        class Reader(nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm, self.out = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 10)

            def forward(self, x):
                return self.out(self.lstm(x.view(-1, 8, 8))[0][:, -1])

        model = Reader()
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    """,
)


@pytest.mark.parametrize("every", [None, 5], ids=["default", "every=5"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("case", [MLP, CNN, LSTM], ids=lambda c: c.name)
def test_a_healthy_training_is_left_in_peace(case: Case, seed: int, every: int | None, tmp_path: Path) -> None:
    run = record(case, tmp_path, seed=seed, every=every)
    diagnosis = torchvitals.diagnose(run)
    assert not [f for f in diagnosis.findings if f.severity >= Severity.WARNING]
    assert diagnosis.verdict == "healthy"
    loss = run.scalar("loss", "train")
    assert loss is not None
    assert loss.value[-1] < loss.value[0] / 2, "it is healthy only if it learns"


def test_lbfgs_that_is_done_after_a_few_steps_is_not_accused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = mlp(depth=1, width=16, activation=nn.Tanh)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=20, line_search_fn="strong_wolfe")
    loss_fn = nn.CrossEntropyLoss()
    ((x, y),) = digits(1, batch=512)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss: torch.Tensor = loss_fn(model(x), y)
        loss.backward()
        return loss

    with torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=1):
        for _ in range(6):
            optimizer.step(closure)
    diagnosis = torchvitals.diagnose(tmp_path)
    assert diagnosis.at_least(torchvitals.Severity.WARNING) == ()
