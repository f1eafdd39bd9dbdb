"""What holds for every instrument, those to come included."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import attach, batch, train
from torch import nn

from torchvitals.record import instruments
from torchvitals.record.instrument import Instrument
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


def test_what_is_yielded_was_declared_and_everything_declared_is_yielded(monkeypatch: pytest.MonkeyPatch) -> None:
    yielded: dict[str, set[str]] = {type(i).__name__: set() for i in ALL}
    for instrument in ALL:
        monkeypatch.setattr(type(instrument), "measure", _noting(type(instrument), yielded))
    for loss_fn, targets in ((nn.CrossEntropyLoss(), batch()[1]), (nn.MSELoss(), torch.rand(8, 3))):
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        vitals, _ = attach(model, optimizer, loss_fn=loss_fn, probe=(batch()[0], targets))
        for _ in range(2):
            optimizer.zero_grad()
            loss_fn(model(batch()[0]), targets).backward()
            optimizer.step()
        vitals.close()
    assert yielded == {type(i).__name__: {m.name for m in i.measures} for i in ALL}


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
