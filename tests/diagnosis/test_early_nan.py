"""A NaN in the first steps is not the learning rate's doing when those steps were like any healthy Adam's."""

from __future__ import annotations

from pathlib import Path

from training import record

import torchvitals
from torchvitals.diagnosis.rule import Case

BAD_BATCH = Case(
    name="a NaN in the fifth batch",
    program="""
        model = mlp(depth=2, activation=nn.ReLU)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        batches = [(torch.full_like(x, torch.nan) if i == 4 else x, y) for i, (x, y) in enumerate(digits(60))]
    """,
)


def test_the_nan_is_the_root(tmp_path: Path) -> None:
    diagnosis = torchvitals.diagnose(record(BAD_BATCH, tmp_path, every=1))
    assert [f.symptom for f in diagnosis.roots] == ["non-finite-input"]
    assert diagnosis.roots[0].first_step == 4
    assert diagnosis.children(diagnosis.roots[0])[0].symptom == "non-finite"
