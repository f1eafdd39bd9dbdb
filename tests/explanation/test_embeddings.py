"""What the head is given, and the files for TensorBoard's projector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from torch import Tensor, nn
from torch.nn import functional as F

from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.explanation.embeddings import embeddings
from torchvitals.store.tensorboard import TensorBoardSink

POINTS = Tag(measure="embedding_values", subject="body/1")
LABELS = Tag(measure="probe_targets", subject="model")


def test_what_the_last_layer_is_given() -> None:
    torch.manual_seed(0)
    model, x = (
        nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 3)).eval(),
        torch.randn(7, 3, 4),
    )
    ((tag, values),) = embeddings(model, x).tensors
    assert str(tag) == "embedding_values/3"
    assert np.array_equal(values, model[2](model[1](model[0](x))).detach().numpy())


class Pooled(nn.Module):
    """A mean over time and a rectifier that are no layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 500), nn.Linear(500, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.body(x)).mean(dim=1))


def test_what_is_no_layer_is_contained() -> None:
    torch.manual_seed(0)
    model, x = Pooled().eval(), torch.randn(300, 5, 4)
    ((tag, values),) = embeddings(model, x).tensors
    assert str(tag) == "embedding_values/body"
    assert values.shape == (256, 256)
    columns = np.linspace(0, 499, 256).round().astype(int)
    expected = F.relu(model.body(x)).mean(dim=1).detach().numpy()
    assert np.allclose(values, expected[:256, columns], atol=1e-6)


def test_a_network_of_one_layer_has_none() -> None:
    assert embeddings(nn.Linear(3, 2), torch.randn(2, 3)).tensors == ()
    assert embeddings(nn.Sequential(nn.Linear(3, 2)), torch.randn(2, 3)).tensors == ()


def write(logdir: Path, *, labelled: bool = True) -> np.ndarray:
    generator = np.random.default_rng(0)
    sink = TensorBoardSink(logdir)
    for step in (0, 10):
        points = generator.normal(size=(5, 3)).astype(np.float32)
        labels = np.arange(5, dtype=np.float32)[:, None]
        tensors = ((POINTS, points), (LABELS, labels)) if labelled else ((POINTS, points),)
        sink.write(StepRecord(step=step, wall_time=1.0 + step, tensors=tensors))
    sink.close()
    return points


@pytest.mark.parametrize("labelled", [True, False])
def test_the_projector_finds_the_last_points(labelled: bool, tmp_path: Path) -> None:
    points = write(tmp_path, labelled=labelled)
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(encoding="utf-8"), ProjectorConfig())
    (entry,) = config.embeddings
    assert entry.tensor_name == "embedding_values/body/1"
    assert np.allclose(np.loadtxt(tmp_path / entry.tensor_path, delimiter="\t"), points, rtol=1e-4)
    assert bool(entry.metadata_path) == labelled
    if labelled:
        assert (tmp_path / entry.metadata_path).read_text(encoding="utf-8").split() == ["0", "1", "2", "3", "4"]


def test_entries_of_others_stay_and_none_is_doubled(tmp_path: Path) -> None:
    (tmp_path / "projector_config.pbtxt").write_text('embeddings {\n  tensor_name: "mine"\n}\n', encoding="utf-8")
    for _ in range(2):
        write(tmp_path)
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(encoding="utf-8"), ProjectorConfig())
    assert [e.tensor_name for e in config.embeddings] == ["mine", "embedding_values/body/1"]


def test_nothing_is_written_without_points(tmp_path: Path) -> None:
    sink = TensorBoardSink(tmp_path)
    sink.write(StepRecord(step=0, wall_time=1.0, scalars=((Tag(measure="loss"), 1.0),)))
    sink.close()
    assert [p.suffix for p in tmp_path.iterdir() if "tfevents" not in p.name] == []
