import io
from pathlib import Path

import numpy as np
import pytest
import torch
from explained import Raising, autoencoder, convnet, reader, traces
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator
from torch import nn

import torchvitals
from torchvitals.core.tag import Tag
from torchvitals.errors import RecordingError
from torchvitals.explanation.attributions import occlude
from torchvitals.explanation.ondemand import moved
from torchvitals.explanation.replica import replica

X, Y = torch.randn(12, 2, 8, 8, generator=torch.Generator().manual_seed(30)), torch.arange(12) % 3


def test_it_is_written_read_back_and_shown_by_tensorboard(tmp_path: Path) -> None:
    model = convnet()
    run = torchvitals.explain(model, X, Y, logdir=tmp_path, loss_fn=nn.CrossEntropyLoss(), step=7, occlusion=True)
    assert run.steps.tolist() == [7]
    expected = {f"{n}/model" for n in ("integrated_gradients_values", "occlusion_values", "confusion_matrix", "probe_inputs")}
    assert expected | {"grad_cam_values/4", "filter_weights/0", "feature_map_values/0"} <= {str(t) for t in run.tensors}
    direct = occlude(replica(model), X, Y).tensors[0][1]
    occlusion = run.tensors[Tag(measure="occlusion_values", subject="model")]
    np.testing.assert_array_equal(occlusion.value[0], direct)
    accumulator = EventAccumulator(str(tmp_path), size_guidance={IMAGES: 0}).Reload()
    shown = set(accumulator.Tags()["images"])
    assert {"grad_cam/4", "integrated_gradients/model", "occlusion/model", "most_lost/model", "confusion/model"} <= shown
    for tag in shown:
        pixels = Image.open(io.BytesIO(accumulator.Images(tag)[0].encoded_image_string))
        assert min(pixels.size) > 0
    assert accumulator.Scalars("probe_accuracy/model")[0].step == 7


def test_the_log_describes_itself(tmp_path: Path) -> None:
    run = torchvitals.explain(convnet(), X, Y, logdir=tmp_path)
    assert run.manifest is not None
    assert run.manifest.model == "Sequential"
    layers = {m.name: m for m in run.manifest.modules}
    assert layers["4"].fired
    assert layers["4"].output_shape == (12, 6, 4, 4)
    described = {m.name for m in run.manifest.measures}
    assert described == {t.measure for group in (run.scalars, run.vectors, run.tensors, run.images) for t in group}
    assert run.manifest.unseen == ()


def test_the_model_is_as_before(tmp_path: Path) -> None:
    model = convnet().train()
    model[0].weight.requires_grad_(False)
    calls = []
    model[4].register_forward_hook(lambda *_: calls.append(1))
    before = traces(model)
    torchvitals.explain(model, X, Y, logdir=tmp_path, loss_fn=nn.CrossEntropyLoss(), occlusion=True)
    assert traces(model) == before
    assert calls == []


@pytest.mark.parametrize(("make", "inputs"), [(reader, torch.randint(0, 20, (9, 6))), (autoencoder, torch.randn(9, 16))])
def test_texts_and_autoencoders(tmp_path: Path, make, inputs: torch.Tensor) -> None:
    run = torchvitals.explain(make(), inputs, inputs if inputs.is_floating_point() else torch.arange(9) % 3, logdir=tmp_path)
    assert run.manifest is not None
    assert run.manifest.unseen == ()
    name = "reconstruction_values" if inputs.is_floating_point() else "integrated_gradients_values"
    assert Tag(measure=name, subject="model") in run.tensors


def test_what_fails_is_told_in_the_log(tmp_path: Path) -> None:
    run = torchvitals.explain(nn.Sequential(nn.Conv2d(2, 4, 3), Raising()), X, Y, logdir=tmp_path)
    assert Tag(measure="filter_weights", subject="0") in run.tensors
    assert run.manifest is not None
    assert [u.reason.endswith("RuntimeError: no pass today") for u in run.manifest.unseen] == [True]


def test_an_explanation_may_be_made_again_and_a_training_is_not_taken_back(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    x, y = torch.randn(8, 4), torch.arange(8) % 2
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with torchvitals.watch(model, optimizer, logdir=tmp_path / "trained", every=1):
        for _ in range(6):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    with pytest.raises(RecordingError, match=r"training up to step 5, .* pass step=6"):
        torchvitals.explain(model, x, y, logdir=tmp_path / "trained")
    run = torchvitals.explain(model, x, y, logdir=tmp_path / "trained", step=6)
    loss = run.scalar("loss", "train")
    assert loss is not None
    assert loss.step.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.scalar("probe_accuracy", "model") is not None
    assert run.manifest is not None
    assert run.manifest.optimizers == ("SGD",)
    assert {"loss", "probe_accuracy"} <= {m.name for m in run.manifest.measures}
    first = torchvitals.explain(model, x, y, logdir=tmp_path / "own")
    again = torchvitals.explain(model, x[:5], y[:5], logdir=tmp_path / "own")
    tag = Tag(measure="probe_inputs", subject="model")
    assert [len(r.tensors[tag].value[-1]) for r in (first, again)] == [8, 5]


def test_wrong_arguments_are_answered_with_right_ones(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"torch\.nn\.Module, not int"):
        torchvitals.explain(3, X, logdir=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(RecordingError, match="step=-1 is no step"):
        torchvitals.explain(convnet(), X, logdir=tmp_path, step=-1)
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot be written to"):
        torchvitals.explain(convnet(), X, Y, logdir=tmp_path / "file")


def test_no_finding_comes_of_it(tmp_path: Path) -> None:
    run = torchvitals.explain(convnet(), X, Y, logdir=tmp_path)
    assert torchvitals.diagnose(run).roots == ()


def test_samples_go_where_the_weights_are() -> None:
    value = (torch.ones(2), {"mask": torch.ones(2), "n": 3}, [torch.ones(1)])
    there = moved(value, torch.device("meta"))
    assert there[0].device.type == there[1]["mask"].device.type == there[2][0].device.type == "meta"
    assert there[1]["n"] == 3
    assert moved(value, None) is value
