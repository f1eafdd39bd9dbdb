"""Feature maps against hooks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchvitals.explanation.feature_maps import feature_maps, shrunk
from torchvitals.explanation.sizes import LIMIT_BYTES


def output_of(model: nn.Module, layer: nn.Module, x: Tensor) -> Tensor:
    found: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _m, _a, output: found.append(output.detach().clone()))
    with torch.no_grad():
        model(x)
    handle.remove()
    return found[0]


@pytest.mark.parametrize("in_place", [False, True])
def test_maps_are_what_the_layer_puts_out(in_place: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(in_place), nn.Conv2d(5, 3, 3), nn.BatchNorm2d(3), nn.ReLU(in_place)
    ).eval()
    x = torch.randn(6, 1, 9, 9)
    found = {str(tag): array for tag, array in feature_maps(model, x).tensors}
    assert list(found) == ["feature_map_values/0", "feature_map_values/2"]
    for i in (0, 2):
        assert np.array_equal(found[f"feature_map_values/{i}"], output_of(model, model[i], x)[:4].numpy())


@pytest.mark.parametrize("in_place", [False, True])
def test_activity_is_counted_after_the_rectifier(in_place: bool) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.ReLU(in_place), nn.Conv2d(5, 3, 3), nn.ReLU(in_place)]
    model = nn.Sequential(*layers, nn.BatchNorm2d(3)).eval()
    with torch.no_grad():
        model[1].bias += torch.tensor([-9.0, 0.2, 0.4, 0.0, 9.0])
        model[5].bias += 9.0  # comes after the rectifier: it does not count
    x = torch.randn(6, 1, 9, 9)
    found = {str(tag): array for tag, array in feature_maps(model, x).vectors}
    for name, rectifier in (("0", 2), ("3", 4)):
        active = (output_of(model, model[rectifier], x) > 0).float().mean(dim=(0, 2, 3))
        assert np.allclose(found[f"filter_activity/{name}"], active.numpy())
    assert found["filter_activity/0"][0] == 0.0


class Functional(nn.Module):
    """A rectifier in place, called as a function, before the normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.relu(self.conv(x), inplace=True)).sum(dim=2)


def test_a_function_in_place_is_noticed() -> None:
    torch.manual_seed(0)
    model, x = Functional().eval(), torch.randn(5, 2, 12)
    with torch.no_grad():
        model.norm.bias += 9.0
        expected = (model.conv(x) > 0).float().mean(dim=(0, 2))
    found = feature_maps(model, x)
    assert np.allclose(found.vectors[0][1], expected.numpy())
    assert found.tensors[0][1].shape == (4, 4, 10)
    assert found.images[0][1].ndim == 2


def test_large_maps_are_averaged() -> None:
    torch.manual_seed(0)
    output = torch.randn(9, 40, 64, 96)
    maps = shrunk(output).numpy()
    assert maps.shape == (4, 16, 32, 32)
    assert maps.nbytes <= LIMIT_BYTES
    channels = np.linspace(0, 39, 16).round().astype(int)
    blocks = output.numpy()[:4, channels].reshape(4, 16, 32, 2, 32, 3).mean(axis=(3, 5))
    assert np.allclose(maps, blocks, atol=1e-6)
    assert shrunk(torch.randn(2, 3, 1000)).shape == (2, 3, 256)


def test_of_three_dimensions_the_middle_slice_is_shown() -> None:
    model, x = nn.Sequential(nn.Conv3d(1, 2, 3)), torch.randn(2, 1, 7, 6, 6)
    ((_, maps),) = feature_maps(model, x).tensors
    assert np.array_equal(maps, output_of(model, model[0], x)[:, :, 2].numpy())


def test_chosen_layers() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
    found = feature_maps(model, torch.randn(2, 1, 8, 8), ["1", "2"])
    assert [str(tag) for tag, _ in found.tensors] == ["feature_map_values/1", "feature_map_values/2"]
    with pytest.raises(KeyError, match="no layer 7"):
        feature_maps(model, torch.randn(2, 1, 8, 8), ["7"])


def test_a_network_without_convolutions_has_none_and_no_hook_stays() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    assert feature_maps(model, torch.randn(2, 4)).tensors == ()
    convolutional = nn.Sequential(nn.Conv2d(1, 2, 3))
    feature_maps(convolutional, torch.randn(2, 1, 8, 8))
    assert all(not m._forward_hooks for m in convolutional.modules())
