"""One short real training, recorded once."""

from __future__ import annotations

from pathlib import Path

import pytest
from training import record

from torchvitals.diagnosis.rule import Case

TWELVE_STEPS = Case(
    name="twelve steps with a validation loss",
    program="""
        model = mlp(depth=2, width=8, activation=nn.ReLU)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def train(vitals):
            for step, (x, y) in enumerate(digits(12, batch=16)):
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
                if step % 4 == 3:
                    vitals.log(val_loss=1 / (step + 1))
    """,
)


@pytest.fixture(scope="session")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its log; not to be written to."""
    folder = tmp_path_factory.mktemp("recorded") / "a-run"
    record(TWELVE_STEPS, folder, every=1)
    return folder
