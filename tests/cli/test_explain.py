import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchvitals
from torchvitals.core.tag import Tag

PROGRAM = """
from dataclasses import dataclass

import torch
from torch import nn
from beside import CLASSES


@dataclass
class Settings:
    hidden: int = 6


def build():
    return nn.Sequential(nn.Linear(4, Settings().hidden), nn.ReLU(), nn.Linear(6, CLASSES))


def batch():
    return build(), torch.ones(5, 4), torch.tensor([0, 1, 2, 0, 1])


def broken():
    raise RuntimeError("no data here")


NUMBER = 3
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("CLASSES = 3\n", encoding="utf-8")
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    torch.save(model.state_dict(), tmp_path / "last.pt")
    torch.save((torch.randn(9, 4), torch.arange(9) % 3), tmp_path / "batch.pt")
    return tmp_path / "train.py"


def test_a_model_with_its_checkpoint_and_a_batch(cli, program: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    checkpoint, batch = tmp_path / "last.pt", tmp_path / "batch.pt"
    result = cli(
        "explain", f"{program}:build", "--checkpoint", checkpoint, "--inputs", batch, "--logdir", log, "--occlusion",
        "--influence", checkpoint, "--step", 3,
    )  # fmt: skip
    assert (result.code, result.out) == (0, ""), result.err
    assert "Accuracy: " in result.err
    assert f"torchvitals dashboard {log}" in result.err
    run = torchvitals.read(log)
    assert run.steps.tolist() == [3]
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    x, y = torch.load(batch, weights_only=True)
    right = (model(x).argmax(dim=1) == y).float().mean().item()
    accuracy = run.scalar("probe_accuracy", "model")
    assert accuracy is not None
    assert accuracy.value[0] == pytest.approx(right)
    assert Tag(measure="self_influence", subject="model") in run.vectors
    assert Tag(measure="occlusion_values", subject="model") in run.tensors


def test_without_torch_it_says_what_to_install(program: Path) -> None:
    words = "import sys; sys.modules['torch'] = None; from torchvitals.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", words, "explain", f"{program}:batch"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'torchvitals[record]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_factory_that_brings_its_batch(cli, program: Path, tmp_path: Path) -> None:
    result = cli("explain", f"{program}:batch", "--logdir", tmp_path / "log")
    assert result.code == 0, result.err
    assert torchvitals.read(tmp_path / "log").scalar("majority_accuracy", "model").value[0] == pytest.approx(0.4)


@pytest.mark.parametrize("kind", ["npy", "tensor", "dict"])
def test_other_files_of_inputs(cli, program: Path, tmp_path: Path, kind: str) -> None:
    x = torch.randn(7, 4)
    path = tmp_path / ("x.npy" if kind == "npy" else "x.pt")
    if kind == "npy":
        np.save(path, x.numpy())
    else:
        torch.save({"inputs": x, "targets": torch.arange(7) % 3} if kind == "dict" else x, path)
    result = cli("explain", f"{program}:build", "--inputs", path, "--logdir", tmp_path / "log")
    assert result.code == 0, result.err
    run = torchvitals.read(tmp_path / "log")
    np.testing.assert_array_equal(run.tensors[Tag(measure="probe_inputs", subject="model")].value[0], x.numpy())
    assert (run.scalar("probe_accuracy", "model") is not None) == (kind == "dict")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train.py"], "names no function; write it as FILE.py:FACTORY"),
        (["other.py:build"], "There is no file"),
        (["train.py:make_it"], "has no function 'make_it'; it has Settings, batch, broken, build"),
        (["train.py:NUMBER"], "has no function 'NUMBER'"),
        (["train.py:broken"], "raised RuntimeError: no data here"),
        (["train.py:Settings"], "returns Settings; return a torch.nn.Module"),
        (["train.py:build"], "a model without a batch"),
        (["train.py:build", "--inputs", "none.pt"], "There is no file"),
        (["train.py:build", "--inputs", "none.npy"], "There is no file"),
        (["train.py:build", "--inputs", "last.pt"], "and no batch; write it with torch.save((inputs, targets)"),
        (["train.py:batch", "--checkpoint", "none.pt"], "There is no file"),
        (["train.py:batch", "--checkpoint", "batch.pt"], "holds no state dict"),
        (["train.py:batch", "--checkpoint", "other.pt"], "lacks 0.bias"),
        (["train.py:batch", "--influence", "other.pt"], "lacks 0.bias"),
        (["failing.py:build"], "raised SystemExit while it was imported"),
    ],
)
def test_wrong_use_is_answered_in_one_line(cli, program: Path, tmp_path: Path, monkeypatch, arguments, words: str) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    (tmp_path / "failing.py").write_text("raise SystemExit(2)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = cli("explain", *arguments, "--logdir", tmp_path / "log")
    assert result.code == 2
    assert words in result.err
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "log").exists()
    assert program.is_file()
