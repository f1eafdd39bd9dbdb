"""Showing what was learned changes nothing in the training, keeps to its time, and ends up in the log."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recording import ListSink
from torch import Tensor, nn

import torchvitals
from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.explanation.looks import MEASURES
from torchvitals.explanation.portray import portray
from torchvitals.record import portraits as portraits_module
from torchvitals.record.portraits import GIFT_S, LAST_S, LOOK_S, SHARE, Portraits
from torchvitals.record.watch import Vitals

STEPS = 30


class Sampling(nn.Module):
    """Normalises, drops out, counts its calls, and draws a random number in eval mode as well."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Flatten())
        self.head = nn.Linear(144, 3)
        self.calls = 0
        self.kept: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.kept.append(len(x))
        codes = self.body(x)
        random.random()  # of Python's own generator
        return self.head(codes + 0.1 * torch.randn_like(codes))


def probe() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(8, 1, 8, 8, generator=generator), torch.arange(8) % 3


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    for name in ("GIFT_S", "LAST_S", "LOOK_S"):
        monkeypatch.setattr(portraits_module, name, 1e3)


def train(logdir: Path | None, **options: Any) -> dict[str, Any]:
    """Everything a training leaves behind."""
    random.seed(0)
    model = Sampling()
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=1e-2), nn.CrossEntropyLoss()
    vitals = None
    if logdir is not None:
        vitals = torchvitals.watch(model, optimizer, logdir=logdir, loss_fn=loss_fn, **options)
    generator, losses = torch.Generator().manual_seed(2), []
    for _ in range(STEPS):
        x, y = torch.randn(16, 1, 8, 8, generator=generator), torch.randint(0, 3, (16,), generator=generator)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().clone())
    if vitals is not None:
        vitals.close()
    return {
        "losses": losses,
        "state": list(model.state_dict().values()),
        "gradients": [p.grad for p in model.parameters()],
        "random": [torch.get_rng_state()],
        "others": (random.getstate(), [m.training for m in model.modules()], model.calls, model.kept),
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        "attributes": [sorted(vars(m)) for m in model.modules()],
    }


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    found = []
    for key in a:
        same = all(torch.equal(x, y) if isinstance(x, Tensor) else x == y for x, y in zip(a[key], b[key], strict=True))
        found += [] if same else [key]
    return found


@pytest.mark.usefixtures("_time_enough")
@pytest.mark.parametrize("every", [1, None])
def test_the_training_is_the_same_to_the_last_bit(every: int | None, tmp_path: Path) -> None:
    plain = train(None)
    assert differences(plain, train(tmp_path, every=every)) == []  # without a probe
    assert torchvitals.read(tmp_path).tensors


@pytest.mark.usefixtures("_time_enough")
def test_with_a_probe_as_well(tmp_path: Path) -> None:
    shown = train(tmp_path / "a", every=3, probe=probe())
    # The recorder's own look at the probe runs the network itself, which counts that.
    assert differences(shown, train(tmp_path / "b", every=3, probe=probe(), explain=False)) == []
    assert set(differences(shown, train(None))) <= {"others"}
    assert torchvitals.read(tmp_path / "a").tensors
    assert not torchvitals.read(tmp_path / "b").tensors


@pytest.mark.usefixtures("_time_enough")
def test_what_is_in_the_log(tmp_path: Path) -> None:
    train(tmp_path, every=1, probe=probe())
    run = torchvitals.read(tmp_path)
    assert run.problems == ()
    assert run.manifest is not None
    assert not {u.subject for u in run.manifest.unseen} & {"what was learned", "attributions", "predictions"}
    assert {m.name for m in MEASURES} <= {m.name for m in run.manifest.measures}
    steps = [0, 10, 20, STEPS - 1]
    maps = run.tensors[Tag(measure="feature_map_values", subject="body.0")]
    assert maps.step.tolist() == steps
    assert maps.value[-1].shape == (4, 4, 6, 6)
    weights = run.tensors[Tag(measure="filter_weights", subject="body.0")]
    assert weights.step.tolist() == steps
    assert not np.array_equal(weights.value[0], weights.value[-1])
    assert run.vectors[Tag(measure="filter_activity", subject="body.0")].step.tolist() == steps
    assert run.tensors[Tag(measure="embedding_values", subject="body.4")].value[0].shape == (8, 144)
    pictures = run.images[Tag(measure="filters", subject="body.0")]
    assert pictures.step.tolist() == steps
    assert pictures.value[0].startswith(b"\x89PNG")
    assert run.scalars[Tag(measure="probe_accuracy", subject="model")].step.tolist() == steps
    assert run.tensors[Tag(measure="filter_weights", subject="body.0")].unit == ""
    assert (tmp_path / "projector_config.pbtxt").exists()


@pytest.mark.usefixtures("_time_enough")
def test_a_taken_up_training_counts_from_its_first_step(tmp_path: Path) -> None:
    train(tmp_path, every=4, first_step=100)
    weights = torchvitals.read(tmp_path).tensors[Tag(measure="filter_weights", subject="body.0")]
    assert weights.step.tolist() == [100, 112, 124]


def test_why_something_is_not_shown_stands_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> Exhibits:
        return Exhibits(problems=("what was learned: only filters are shown, because of this test",))

    monkeypatch.setattr("torchvitals.explanation.portray.portray", failing)
    train(tmp_path, every=1, probe=probe())
    manifest = torchvitals.read(tmp_path).manifest
    assert manifest is not None
    unseen = {u.subject: u.reason for u in manifest.unseen}
    assert unseen["what was learned"] == "only filters are shown, because of this test"


class FakeClock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def perf_counter(self) -> float:
        return self.now_s

    time = perf_counter


@dataclass
class SlowPortrait:
    """Takes long, whatever it is told."""

    clock: FakeClock
    takes_s: float
    given_s: list[float] = field(default_factory=list)
    measures: tuple[MeasureInfo, ...] = ()

    def __call__(self, seconds: float) -> Exhibits:
        self.given_s.append(seconds)
        self.clock.now_s += self.takes_s
        return Exhibits(scalars=((Tag(measure="seen", subject="model"), 1.0),))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(portraits_module, "time", fake)
    return fake


def looked(portraits: Portraits, clock: FakeClock, *, steps: int, step_s: float) -> list[int]:
    found = []
    for step in range(steps):
        clock.now_s += step_s
        if portraits.run(step):
            found.append(step)
    return found


def test_looks_lie_at_growing_distances(clock: FakeClock) -> None:
    portraits = Portraits(SlowPortrait(clock, 0.001), overhead=0.02)
    assert looked(portraits, clock, steps=1000, step_s=0.001) == [0, 10, 20, 40, 80, 160, 320, 640]
    assert portraits.last(800) is None, "the last look is recent enough"
    assert portraits.last(900) is not None


@pytest.mark.parametrize("takes_s", [0.05, 0.2, 3.0])
@pytest.mark.parametrize("overhead", [0.02, 0.005])
def test_the_gift_is_all_that_is_spent_beyond_the_share(takes_s: float, overhead: float, clock: FakeClock) -> None:
    portrait = SlowPortrait(clock, takes_s)
    portraits, began_s = Portraits(portrait, overhead=overhead), clock.now_s
    spent_s = 0.0
    for step in range(20000):
        clock.now_s += 0.05
        spent_s += portraits.run(step)
        trained_s = clock.now_s - began_s - spent_s
        # The first look is made without knowing what it takes; no other is begun that would go beyond.
        assert spent_s <= overhead * SHARE * trained_s + GIFT_S + takes_s
    assert len(portrait.given_s) > 1 or overhead * SHARE * trained_s < takes_s
    assert portrait.given_s[0] == min(LOOK_S, GIFT_S)
    if takes_s > LOOK_S:
        assert all(given >= takes_s for given in portrait.given_s[1:]), "the share has to pay for it"


def test_the_look_at_the_end_has_time_of_its_own(clock: FakeClock) -> None:
    portrait = SlowPortrait(clock, 0.1)
    portraits = Portraits(portrait, overhead=0.02)
    looked(portraits, clock, steps=300, step_s=1e-4)
    record = portraits.last(299)
    assert record is not None
    assert record.step == 299
    assert portrait.given_s[-1] >= LAST_S


def test_what_is_written_is_paid_for_and_joins_the_numbers_of_its_step(clock: FakeClock) -> None:
    portraits = Portraits(SlowPortrait(clock, 0.01), overhead=0.02, first_step=5)
    assert portraits.run(5) == pytest.approx(0.01)
    other, own = StepRecord(step=4, wall_time=0.0), StepRecord(step=5, wall_time=0.0)
    assert portraits.added_to(other) is other
    shown = portraits.added_to(own)
    assert [str(t) for t, _ in shown.scalars] == ["seen/model"]
    assert portraits.added_to(own) is own
    portraits.wrote(portraits_module.BYTES + 1, 0.02)
    assert portraits.run(400) == 0.0, "the log has no room"


def test_a_portrait_that_raises_is_not_called_again(caplog: pytest.LogCaptureFixture) -> None:
    class Raising:
        measures = ()
        calls = 0

        def __call__(self, _: float) -> Exhibits:
            self.calls += 1
            raise RuntimeError("not today")

    portrait = Raising()
    model = nn.Linear(3, 2)
    optimizer, sink = torch.optim.SGD(model.parameters(), lr=0.1), ListSink()
    vitals = Vitals(model, [optimizer], sink=sink, every=1, portrait=portrait)
    with caplog.at_level(logging.WARNING, "torchvitals"):
        for _ in range(25):
            model(torch.ones(2, 3)).sum().backward()
            optimizer.step()
        vitals.close()
    assert portrait.calls == 1
    assert [r.getMessage() for r in caplog.records] == [
        "torchvitals looks no more at what was learned: RuntimeError: not today"
    ]
    assert sink.steps[-1] == 24


def test_no_look_at_the_end_of_a_training_that_broke_off(clock: FakeClock) -> None:
    portrait = SlowPortrait(clock, 0.001)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train(vitals: Vitals, *, raises: bool) -> None:
        with vitals:
            for _ in range(8):
                model(torch.ones(2, 3)).sum().backward()
                optimizer.step()
            if raises:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Vitals(model, [optimizer], sink=ListSink(), every=1, portrait=portrait), raises=True)
    assert len(portrait.given_s) == 1
    train(Vitals(model, [optimizer], sink=ListSink(), every=1, portrait=portrait), raises=False)
    assert len(portrait.given_s) == 3


def test_the_size_of_a_record_counts_tensors_and_images() -> None:
    record, tag = StepRecord(step=0, wall_time=0.0), Tag(measure="a", subject="b")
    pixels, values = np.zeros((10, 10), dtype=np.uint8), np.zeros((5, 5), dtype=np.float32)
    shown = record.showing(Exhibits(images=((tag, pixels),), tensors=((tag, values),), scalars=((tag, 1.0),)))
    assert shown.size_bytes - record.size_bytes == 100 + 100 + 3 * 22
    assert record.showing(Exhibits()).size_bytes == record.size_bytes


def test_a_portrait_itself_touches_nothing() -> None:
    model, (x, y) = Sampling(), probe()
    loss = model(x).sum()
    loss.backward()
    states = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}, [p.grad for p in model.parameters()]
    calls = model.calls
    with torch.no_grad():
        portray(model, x, y, loss_fn=nn.CrossEntropyLoss())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert all(torch.equal(v, states[1][k]) for k, v in model.state_dict().items())
    assert all(a is b for a, b in zip(states[2], [p.grad for p in model.parameters()], strict=True))
    assert (model.calls, model.training) == (calls, True)
