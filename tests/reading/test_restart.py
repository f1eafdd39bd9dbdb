"""The same folder used again: steps only go up, nothing of the abandoned attempt stays, and it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from training import record

import torchvitals
from torchvitals.diagnosis.rule import Case

ATTEMPT = """
    model = mlp(depth={depth}, width=8, activation=nn.{activation})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = list(digits({steps}))
"""


def attempt(folder: Path, *, depth: int, steps: int, activation: str = "ReLU") -> torchvitals.Run:
    program = ATTEMPT.format(depth=depth, steps=steps, activation=activation)
    return record(Case(name="attempt", program=program), folder, every=1)


def assert_steps_go_up(run: torchvitals.Run) -> None:
    for group in (run.scalars, run.vectors, run.histograms):
        for series in group.values():
            assert (np.diff(series.step) > 0).all(), series.tag


def test_a_training_started_again_replaces_the_older_attempt(tmp_path: Path) -> None:
    attempt(tmp_path, depth=4, steps=12)
    run = attempt(tmp_path, depth=2, steps=6)
    assert_steps_go_up(run)
    assert run.steps.tolist() == list(range(6))
    assert "restarted at step 0" in run.problems[0]
    assert run.problems == torchvitals.diagnose(run).problems


def test_no_layer_of_the_older_network_stays(tmp_path: Path) -> None:
    attempt(tmp_path, depth=4, steps=12)
    again = attempt(tmp_path, depth=2, steps=6)
    alone = attempt(tmp_path / "alone", depth=2, steps=6)
    assert {t for t, s in again.scalars.items() if len(s)} == set(alone.scalars)
    assert again.measures == alone.measures


def test_a_measure_of_the_older_network_alone_is_not_measured(tmp_path: Path) -> None:
    attempt(tmp_path, depth=2, steps=12, activation="ReLU")
    again = attempt(tmp_path, depth=2, steps=6, activation="Tanh")
    assert "firing_rate" not in again.measures


def test_another_tool_that_goes_back_in_steps_keeps_what_came_before(tmp_path: Path) -> None:
    for suffix, first, last in (("_1", 0, 8), ("_2", 5, 10)):
        with SummaryWriter(str(tmp_path), filename_suffix=suffix) as writer:
            for step in range(first, last):
                writer.add_scalar("loss", first + step / 100, step)
            writer.add_scalar(f"only{suffix}", 1.0, 7)
    run = torchvitals.read(tmp_path)
    assert_steps_go_up(run)
    loss = run.scalar("loss", "")
    assert loss is not None
    np.testing.assert_allclose(loss.value, [0, 0.01, 0.02, 0.03, 0.04, 5.05, 5.06, 5.07, 5.08, 5.09], rtol=1e-6)
    assert sorted(map(str, run.scalars)) == ["loss", "loss/train", "only_1", "only_2"]
    assert "restarted at step 5" in run.problems[0]


def test_a_writer_of_the_user_beside_ours_loses_nothing(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(20):
            writer.add_scalar("my/metric", step, step)
    run = attempt(tmp_path, depth=2, steps=6)
    mine = run.scalar("my", "metric")
    assert mine is not None
    assert len(mine) == 20
    assert run.problems == ()
