"""Findings while the training runs: confirmed, said once, written into the log, and stopping it only where asked to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from training import digits

import torchvitals
from torchvitals import Finding, TrainingStoppedError
from torchvitals.core.finding import Severity
from torchvitals.core.run import Run
from torchvitals.live import LiveReview, one_line

STEPS = 200


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reviews at all granted steps, also where a busy machine makes them dear."""
    monkeypatch.setattr("torchvitals.record.reviews.GRANT_S", 1e9)


def sick_net() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [layer for _ in range(6) for layer in (nn.Linear(64, 64), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def healthy_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def train(model: nn.Module, logdir: Path, **options: Any) -> int:
    """Train on digits; returns how many steps were taken."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    taken = 0
    with torchvitals.watch(model, logdir=logdir, **options):
        for x, y in digits(STEPS):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            taken += 1
    return taken


@pytest.mark.usefixtures("plenty")
def test_a_finding_is_said_once_on_stderr_in_the_log_and_to_the_callback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Finding] = []
    assert train(sick_net(), tmp_path, on_finding=told.append) == STEPS
    lines = [line for line in capsys.readouterr().err.splitlines() if "vanishing-gradient" in line]
    assert len(lines) == 1
    assert lines[0].startswith("torchvitals: critical: vanishing-gradient in 0 since step 0: ")
    assert [f.symptom for f in told] == ["vanishing-gradient"]
    assert "vanishing-gradient" in str(torchvitals.read(tmp_path).texts["torchvitals/live"])


@pytest.mark.usefixtures("plenty")
def test_a_healthy_training_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Finding] = []
    train(healthy_net(), tmp_path, on_finding=told.append, stop_on="warning")
    assert (told, capsys.readouterr().err) == ([], "")


@pytest.mark.usefixtures("plenty")
def test_it_stops_only_if_asked_to_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(TrainingStoppedError, match=r"vanishing-gradient.*leave it out to train on") as stopped:
        train(sick_net(), tmp_path, stop_on="critical")
    assert stopped.value.finding.symptom == "vanishing-gradient"
    assert torchvitals.diagnose(tmp_path).verdict == "critical"


def test_a_severity_there_is_not_is_refused_before_anything_is_attached(tmp_path: Path) -> None:
    with pytest.raises(torchvitals.TorchvitalsError, match="stop_on='fatal' is no severity; pass 'critical'"):
        torchvitals.watch(healthy_net(), logdir=tmp_path / "a", stop_on="fatal")
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("plenty")
def test_a_callback_that_raises_costs_the_reviews_not_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Finding) -> None:
        raise ValueError("no such room")

    assert train(sick_net(), tmp_path, on_finding=broken) == STEPS
    assert "diagnoses no more while training: ValueError: no such room" in caplog.text


class Quiet:
    """A sink that is only asked where it writes."""

    def __init__(self, logdir: Path) -> None:
        self.logdir = logdir
        self.texts: list[str] = []

    def flush(self) -> None:
        """Nothing to bring anywhere."""

    def write_text(self, _tag: object, text: str, _step: int) -> None:
        self.texts.append(text)


def test_confirmed_twice_cleared_and_armed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(symptom="dead-relu", code="TV701", severity=Severity.WARNING, summary="Dead.", module="relu1")
    seen = iter("x.xxx...xxx")  # once is not enough; gone for three reviews it may be said again
    said_after = []
    sink = Quiet(tmp_path)
    review = LiveReview(sink)  # type: ignore[arg-type]
    run = Run(name="r", scalars={}, vectors={}, tensors={}, histograms={}, images={}, texts={}, hparams={}, roles={})
    monkeypatch.setattr(Run, "measures", {"loss"})
    monkeypatch.setattr(review._reader, "poll", lambda: run)
    found = {"x": (finding,), ".": ()}
    monkeypatch.setattr("torchvitals.live.engine.diagnose", lambda _: Roots(found[next(seen)]))
    for _ in range(11):
        review()
        said_after.append(len(sink.texts))
    assert said_after == [0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2]


class Roots:
    """A diagnosis with these roots."""

    def __init__(self, roots: tuple[Finding, ...]) -> None:
        self.roots = roots


def test_one_line_stays_one_line() -> None:
    finding = Finding(symptom="loss-spike", code="X", severity=Severity.CRITICAL, summary="Up\nand down.", first_step=3)
    assert one_line(finding) == "critical: loss-spike since step 3: Up and down."


def test_reviews_keep_to_their_share() -> None:
    """Reviews of 20 ms each in a training of steps of 1 ms: a quarter of a second in all, and then 0.2 % of the time."""
    from torchvitals.record.reviews import GRANT_S, Reviews

    calls = []
    reviews = Reviews(lambda: (calls.append(1), time.sleep(0.02))[0], overhead=0.02)
    spent = sum(reviews.run(step) for step in range(2000))
    assert 5 <= len(calls) <= GRANT_S / 0.02 + 1
    assert spent <= GRANT_S + 0.1
