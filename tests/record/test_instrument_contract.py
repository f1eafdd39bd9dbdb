"""What holds for every instrument, those to come included."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from recording import attach, train
from torch import Tensor, nn
from zoo import CLASSES, NETS

from torchvitals.record import instruments
from torchvitals.record.instrument import Cadence, Instrument
from torchvitals.record.sights import GradientSight, LossSight, Sight
from torchvitals.record.watch import all_instruments

FOLDER = Path(instruments.__path__[0])
ALL = all_instruments()
FORBIDDEN = (".item(", ".cpu(", ".tolist(", ".numpy(", "bool(", ".nonzero(", "print(")


@pytest.mark.parametrize("instrument", ALL, ids=lambda i: type(i).__name__)
def test_one_file_one_instrument_one_name(instrument: Instrument[Any]) -> None:
    file = Path(inspect.getfile(type(instrument)))
    assert re.sub(r"(?<!^)(?=[A-Z])", "_", type(instrument).__name__).lower() == file.stem
    assert instrument.measures
    assert all(m.name and m.meaning for m in instrument.measures)
    text = file.read_text(encoding="utf-8")
    assert [word for word in FORBIDDEN if word in text] == []


def test_every_file_is_found() -> None:
    assert len(ALL) == len([p for p in FOLDER.glob("*.py") if p.stem != "__init__"])


class Unused(nn.Module):
    """One layer is used, one is not, and a dropout layer is left in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle, self.dropout = nn.Linear(8, CLASSES), nn.Linear(8, CLASSES), nn.Dropout(0.5).eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.used(x))


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that shows what others do not."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    loss_fn: nn.Module = field(default_factory=nn.CrossEntropyLoss)
    dtype: torch.dtype = torch.float32
    parts: int = 1
    scaled: bool = False

    def run(self) -> None:
        torch.manual_seed(0)
        model = self.build().to(self.dtype)
        x, y = torch.randn(8, *self.shape, dtype=self.dtype), torch.randint(0, CLASSES, (8,))
        if isinstance(self.loss_fn, nn.MSELoss):
            y = torch.rand(8, CLASSES)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
        vitals, _ = attach(model, optimizer, loss_fn=self.loss_fn, probe=(x, y))
        for _ in range(7):  # the rare instruments look at the first and at the sixth
            optimizer.zero_grad()
            for _ in range(self.parts):
                loss = self.loss_fn(model(x), y) / self.parts
                (scaler.scale(loss) if self.scaled else loss).backward()
            if self.scaled:
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            if self.scaled:
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
        vitals.close()


TRAININGS = (
    *(Training(build=build, shape=shape) for build, shape in NETS.values()),
    Training(build=NETS["mlp"][0], shape=(8,), loss_fn=nn.MSELoss()),
    Training(build=NETS["mlp"][0], shape=(8,), dtype=torch.bfloat16),
    Training(build=NETS["mlp"][0], shape=(8,), parts=3, scaled=True),
    Training(build=Unused, shape=(8,)),
)


def test_what_is_yielded_was_declared_and_everything_declared_is_yielded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    yielded: dict[str, set[str]] = {type(i).__name__: set() for i in ALL}
    for instrument in ALL:
        monkeypatch.setattr(type(instrument), "measure", _noting(type(instrument), yielded))
    for training in TRAININGS:
        training.run()
    assert yielded == {type(i).__name__: {m.name for m in i.measures} for i in ALL}
    assert caplog.records == [], "none was disarmed"


@pytest.mark.parametrize("instrument", ALL, ids=lambda i: type(i).__name__)
def test_the_cadence_is_one_that_the_recorder_knows(instrument: Instrument[Any]) -> None:
    assert instrument.cadence in Cadence
    assert instrument.sight in get_args(Sight)
    light = instrument.cadence is Cadence.LIGHT
    assert not light or instrument.sight in (LossSight, GradientSight), "on a light step nothing else is shown"


@pytest.mark.parametrize("cadence", [Cadence.SAMPLED, Cadence.RARE, Cadence.SPARSE])
def test_an_instrument_looks_on_the_steps_of_its_cadence(cadence: Cadence) -> None:
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(4, 3), nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer := torch.optim.Adam(model.parameters()), loss_fn=loss_fn, every=2)
    train(model, optimizer, loss_fn, steps=60)
    vitals.close()
    # What is seen on the first step only tells nothing: an instrument may need two.
    looked = {i: [] for i in ALL if i.cadence is cadence}
    for record in sink.records:
        tags = [t for group in (record.scalars, record.vectors, record.histograms) for t, _ in group]
        for instrument, steps in looked.items():
            if {t.measure for t in tags} & own_measures(instrument):
                steps.append(record.step)
    seen = [steps for steps in looked.values() if steps]
    assert seen
    assert all(set(steps) <= set(range(0, 60, 2 * cadence)) for steps in seen)
    assert list(range(0, 60, 2 * cadence)) in seen


def own_measures(instrument: Instrument[Any]) -> set[str]:
    """The measures that no other instrument yields."""
    others = {m.name for other in ALL if other is not instrument for m in other.measures}
    return {m.name for m in instrument.measures} - others


def _noting(cls: type[Instrument[Any]], yielded: dict[str, set[str]]) -> Any:
    original = cls.measure

    def measure(self: Instrument[Any], sight: Any) -> Any:
        for tag, value in original(self, sight):
            yielded[cls.__name__].add(tag.measure)
            yield tag, value

    return measure


def test_the_log_names_every_measure() -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    train(model, optimizer, nn.CrossEntropyLoss(), steps=1)
    vitals.close()
    named = {m.name for m in sink.manifests[-1].measures}
    assert {tag.partition("/")[0] for tag in (*sink.scalars(), *sink.vectors(), *sink.histograms())} <= named
