from pathlib import Path

import numpy as np
import pytest
import torch
from explained import convnet, scalar, table_net, vector
from torch import nn

from torchvitals.errors import ConfigError
from torchvitals.explanation.calibration import probabilities
from torchvitals.explanation.checkpoints import load_weights, read_weights
from torchvitals.explanation.influence import self_influence
from torchvitals.explanation.predictions import predict

X, Y = torch.randn(12, 5, generator=torch.Generator().manual_seed(20)), torch.arange(12) % 3


def checkpoints(folder: Path) -> list[Path]:
    """Two states of one network, some steps apart."""
    model = table_net(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    paths = []
    for number in range(2):
        paths.append(folder / f"{number}.pt")
        torch.save(model.state_dict(), paths[-1])
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), Y).backward()
            optimizer.step()
    return paths


@pytest.mark.parametrize("loss_fn", [None, nn.CrossEntropyLoss(label_smoothing=0.1)])
def test_self_influence_is_the_squared_gradient_of_the_last_layer(tmp_path: Path, loss_fn) -> None:
    paths, model = checkpoints(tmp_path), table_net(3)
    state = torch.get_rng_state()
    found = self_influence(model, paths, X, Y, loss_fn)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.problems == ()
    expected = np.zeros(12)
    twin = table_net(3)
    for path in paths:
        twin.load_state_dict(torch.load(path, weights_only=True))
        for i in range(12):
            loss = (loss_fn or nn.CrossEntropyLoss())(twin(X[i : i + 1]), Y[i : i + 1])
            expected[i] += torch.autograd.grad(loss, twin[2].weight)[0].square().sum().item()
    np.testing.assert_allclose(vector(found, "self_influence/model"), expected, rtol=1e-4)


def test_a_wrong_label_comes_out_on_top(tmp_path: Path) -> None:
    torch.manual_seed(21)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(60, 2)
    y = (x[:, 0] > 0).long()
    wrong = int(x[:, 0].abs().argmax())
    y[wrong] = 1 - y[wrong]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, tmp_path / "last.pt")
    found = self_influence(model.eval(), [tmp_path / "last.pt"], x, y)
    assert vector(found, "self_influence/model").argmax() == wrong
    assert vector(predict(model, x, y), "probe_loss_per_sample/model").argmax() == wrong
    assert scalar(predict(model, x, y), "probe_accuracy/model") > 0.9


def test_a_network_without_a_linear_layer_is_a_problem_in_words(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten()).eval()
    torch.save(model.state_dict(), tmp_path / "a.pt")
    found = self_influence(model, [tmp_path / "a.pt"], torch.randn(3, 1, 4), torch.tensor([0, 1, 1]))
    assert found.problems == ("self-influence: the model calls no nn.Linear",)


def test_a_checkpoint_of_another_network_is_refused_by_name(tmp_path: Path) -> None:
    torch.save(table_net(3).state_dict(), tmp_path / "a.pt")
    with pytest.raises(ConfigError, match=r"lacks 1\.bias, .* and \d more") as error:
        load_weights(convnet(), tmp_path / "a.pt")
    assert "it has 2.bias, 2.weight; it holds another shape: 0.bias (6,) for (4,), 0.weight (6, 5) for (4, 2, 3, 3)" in str(
        error.value
    )
    with pytest.raises(ConfigError, match=r"another shape: 2\.bias \(3,\) for \(2,\)"):
        load_weights(table_net(2), tmp_path / "a.pt")


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model."])
@pytest.mark.parametrize("holder", ["", "state_dict", "model"])
def test_weights_are_found_where_loops_keep_them(tmp_path: Path, prefix: str, holder: str) -> None:
    model, other = table_net(3), table_net(3)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    weights = {prefix + k: v for k, v in model.state_dict().items()}
    torch.save({holder: weights, "epoch": 1} if holder else weights, tmp_path / "a.pt")
    load_weights(other, tmp_path / "a.pt")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pt")
    torch.save(table_net(3), tmp_path / "whole.pt")
    for name in ("trap.pt", "whole.pt"):
        with pytest.raises(ConfigError, match="cannot be read as tensors alone"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(ConfigError, match="There is no file"):
        read_weights(tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ConfigError, match="holds no state dict"):
        read_weights(tmp_path / "list.pt")


def test_probabilities_survive_large_logits() -> None:
    assert probabilities(np.array([[1000.0, 0.0], [-1000.0, 0.0]])).round(3).tolist() == [[1, 0], [0, 1]]
