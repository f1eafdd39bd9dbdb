"""Filters: whose they are, in which order, and how they look."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.explanation.filters import MOST_FILTERS, filters, filters_of, image_shape, picture
from torchvitals.explanation.mosaic import shades
from torchvitals.explanation.sizes import LIMIT_BYTES


def weights(found: Exhibits) -> dict[str, np.ndarray]:
    return {str(tag): array for tag, array in found.tensors}


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(2, 6, 5),
        nn.Conv2d(3, 8, 3),
        nn.Conv3d(2, 4, 3),
        nn.Conv2d(6, 6, 3, groups=6),
        nn.Conv2d(4, 6, 3, groups=2),
    ],
    ids=["1d", "2d", "3d", "depthwise", "groups"],
)
def test_the_weights_of_a_convolution_as_they_are(layer: nn.Module) -> None:
    found = filters(nn.Sequential(nn.Identity(), layer))
    assert list(weights(found)) == ["filter_weights/1"]
    assert np.array_equal(weights(found)["filter_weights/1"], layer.weight.detach().numpy())
    assert [str(tag) for tag, _ in found.images] == ["filters/1"]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_filter_of_a_transposed_convolution_is_what_makes_one_channel(groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(4, 8, 3, groups=groups, bias=False)
    kernels = filters_of(layer)
    assert kernels is not None
    assert kernels.shape == (8, 4 // groups, 3, 3)
    x = torch.zeros(1, 4, 1, 1)
    x[0, 1] = 1.0  # a single pixel of channel 1 prints the kernels from it
    group, inside = 1 // (4 // groups), 1 % (4 // groups)
    expected = torch.zeros(8, 3, 3)
    of_group = slice(group * (8 // groups), (group + 1) * (8 // groups))
    expected[of_group] = kernels[of_group, inside]
    assert torch.equal(layer(x)[0], expected)


def test_the_first_layer_and_others_spread_over_the_depth() -> None:
    layers = [nn.Conv2d(2, 2, 1 if i in (2, 4) else 3) for i in range(9)]
    assert list(weights(filters(nn.Sequential(*layers)))) == [f"filter_weights/{i}" for i in (0, 3, 6, 8)]
    assert list(weights(filters(nn.Sequential(*layers[2:3])))) == ["filter_weights/0"]


@pytest.mark.parametrize("shape", [(512, 512, 3, 3), (200, 3, 11, 11), (8, 1, 300, 300), (70, 4, 9, 9, 9)])
def test_large_layers_are_thinned(shape: tuple[int, ...]) -> None:
    kind = {4: nn.Conv2d, 5: nn.Conv3d}[len(shape)]
    layer = kind(shape[1], shape[0], shape[2:])
    array = weights(filters(nn.Sequential(layer)))["filter_weights/0"]
    assert len(array) == min(shape[0], MOST_FILTERS)
    assert array.nbytes <= LIMIT_BYTES
    places = np.linspace(0, shape[0] - 1, len(array)).round().astype(int)
    assert np.array_equal(
        array[:, 0].reshape(len(array), -1)[:, 0], layer.weight.detach().numpy()[places, 0].reshape(len(array), -1)[:, 0]
    )


def test_three_channels_are_colours() -> None:
    kernels = np.random.default_rng(0).normal(size=(10, 3, 32, 32)).astype(np.float32)
    found = picture(kernels)
    assert found.shape == (2 * 33 - 1, 8 * 33 - 1, 3)
    assert np.array_equal(found[:32, 33:65], shades(kernels, signed=True)[1].transpose(1, 2, 0))


def test_other_channels_stand_below_one_another() -> None:
    kernels = np.random.default_rng(0).normal(size=(5, 12, 32, 32)).astype(np.float32)
    found = picture(kernels)
    assert found.shape == (8 * 33 - 1, 5 * 33 - 1)
    assert np.array_equal(found[2 * 33 : 2 * 33 + 32, 33:65], shades(kernels[:, :8], signed=True)[1, 2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_and_broken_weights(dtype: torch.dtype) -> None:
    layer = nn.Conv2d(1, 4, 3).to(dtype)
    with torch.no_grad():
        layer.weight[0, 0, 0, 0] = torch.nan
    ((_, array),) = filters(nn.Sequential(layer)).tensors
    assert array.dtype == np.float32
    assert np.array_equal(array, layer.weight.detach().float().numpy(), equal_nan=True)


@pytest.mark.parametrize(
    ("inputs", "features", "shape"),
    [
        (torch.zeros(2, 3, 8, 6), 144, (3, 8, 6)),
        (torch.zeros(2, 28, 28), 784, (1, 28, 28)),
        (torch.zeros(2, 64), 64, (1, 8, 8)),
        (torch.zeros(2, 25), 25, None),  # hardly pixels
        (torch.zeros(2, 65), 65, None),
        (torch.zeros(2, 3, 8, 6), 100, None),
        (None, 64, None),
    ],
)
def test_a_linear_layer_has_filters_when_it_sees_images(
    inputs: torch.Tensor | None, features: int, shape: tuple[int, ...] | None
) -> None:
    assert image_shape(inputs, features) == shape
    model = nn.Sequential(nn.Flatten(), nn.Linear(features, 5), nn.ReLU(), nn.Linear(5, 2))
    found = weights(filters(model, inputs))
    assert list(found) == ([] if shape is None else ["filter_weights/1"])
    if shape is not None:
        assert np.array_equal(found["filter_weights/1"], model[1].weight.detach().numpy().reshape(5, *shape))


def test_a_parametrised_weight_is_not_computed_while_training() -> None:
    layer = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 2, 3))
    before = [b.clone() for b in layer.buffers()]
    assert filters(nn.Sequential(layer)).tensors == ()
    assert all(torch.equal(a, b) for a, b in zip(before, layer.buffers(), strict=True))
    assert list(weights(filters(nn.Sequential(layer).eval()))) == ["filter_weights/0"]
