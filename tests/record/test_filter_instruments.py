"""Instruments about the filters of convolutions, on layers made by hand and in real training, against plain numpy."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from recording import attach
from torch import nn

from torchvitals.record.filter_looks import FilterLooks
from torchvitals.record.filters import FILTERS, filters_of, sketch_of, weight_of
from torchvitals.record.instrument import Instrument
from torchvitals.record.instruments.filter_change import FilterChange
from torchvitals.record.instruments.filter_norm import FilterNorm
from torchvitals.record.instruments.filter_roughness import FilterRoughness
from torchvitals.record.instruments.filter_similarity import FilterSimilarity
from torchvitals.record.sights import FilterSight

INSTRUMENTS: tuple[Instrument[FilterSight], ...] = (FilterNorm(), FilterSimilarity(), FilterRoughness(), FilterChange())
LAYERS: dict[str, nn.modules.conv._ConvNd] = {
    "1-d": nn.Conv1d(3, 8, 7),
    "2-d": nn.Conv2d(3, 12, 5),
    "flat": nn.Conv2d(4, 6, (1, 7)),
    "3-d": nn.Conv3d(2, 6, 3),
    "grouped": nn.Conv2d(8, 12, 3, groups=4),
    "depthwise": nn.Conv2d(8, 16, 5, groups=8),
    "transposed": nn.ConvTranspose2d(6, 10, 4),
    "transposed and grouped": nn.ConvTranspose2d(6, 9, 3, groups=3),
    "transposed 1-d": nn.ConvTranspose1d(5, 7, 9),
}
Array = NDArray[np.float64]


def of(module: nn.modules.conv._ConvNd, first: nn.modules.conv._ConvNd | None = None) -> FilterSight:
    looks = FilterLooks(nn.ModuleDict({"layer": first or module}))
    sight = looks.sight(["layer.weight"])
    assert sight is not None
    return FilterSight(names=["layer"], modules=[module], first=sight.first)


def measured(instrument: Instrument[FilterSight], sight: FilterSight) -> Array | None:
    found = list(instrument.measure(sight))
    assert len(found) <= 1
    for tag, _ in found:
        assert str(tag) == f"{instrument.measures[0].name}/layer"
    return found[0][1].double().numpy() if found else None  # type: ignore[union-attr]


def rows_of(module: nn.modules.conv._ConvNd) -> list[Array]:
    """The filter of every output channel (C, *k), from the definition of the layer: what an input of one 1 puts out."""
    weight = module.weight.detach().double().numpy()
    if not module.transposed:
        return list(weight)
    inputs, outputs = module.in_channels // module.groups, module.out_channels // module.groups
    return [weight[g * inputs : (g + 1) * inputs, o] for g in range(module.groups) for o in range(outputs)]


def white(*kernel: int) -> float:
    """Share of the cosine transform's indices above half the Nyquist frequency."""
    return float(np.mean([sum((j / k) ** 2 for j, k in zip(i, kernel, strict=True)) > 0.25 for i in np.ndindex(*kernel)]))


def roughness(kernels: Array) -> float:
    """Of one filter (C, *k), by a plain Fourier transform of each kernel mirrored at all its borders."""
    energy = np.zeros(kernels.shape[1:])
    for kernel in kernels:
        mirrored = kernel
        for d in range(kernel.ndim):
            mirrored = np.concatenate((mirrored, np.flip(mirrored, d)), axis=d)
        spectrum = np.abs(np.fft.fftn(mirrored))[tuple(slice(0, k) for k in kernel.shape)] ** 2
        for d, k in enumerate(kernel.shape):  # index 0 stands once in the mirrored spectrum, the others twice
            spectrum = spectrum * np.where(np.arange(k) == 0, 0.5, 1.0).reshape(
                [-1 if i == d else 1 for i in range(kernel.ndim)]
            )
        energy += spectrum
    high = np.array([sum((j / k) ** 2 for j, k in zip(i, energy.shape, strict=True)) > 0.25 for i in np.ndindex(energy.shape)])
    return float(energy.reshape(-1)[high].sum() / energy.sum())


@pytest.mark.parametrize("name", LAYERS)
def test_a_filter_is_what_one_output_channel_is_computed_with(name: str) -> None:
    module = copy.deepcopy(LAYERS[name])
    weight = weight_of(module)
    assert weight is not None
    filters = filters_of(module, weight).double().numpy()
    assert np.array_equal(filters, np.stack(rows_of(module)))
    with torch.no_grad():  # silencing filter 1 silences output channel 1, and no other
        module.bias[:] = 0  # type: ignore[index]
        filters_of(module, module.weight)[1] = 0
        rows = filters_of(module, module.weight).flatten(1)
        if rows[1].any():  # a copy: the layout of a transposed convolution with groups
            module.weight[0, 1] = module.weight[1, 1] = 0
        out = module(torch.randn(1, module.in_channels, *[12] * len(module.kernel_size)))[0].flatten(1)
    assert (out[1] == 0).all()
    assert (out[[0, 2]] != 0).any(dim=1).all()


@pytest.mark.parametrize("name", LAYERS)
def test_norms_against_numpy(name: str) -> None:
    expected = [np.linalg.norm(row) for row in rows_of(LAYERS[name])]
    assert measured(FilterNorm(), of(LAYERS[name])) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_similarities_against_numpy(name: str) -> None:
    module = LAYERS[name]
    rows = [row.reshape(-1) / np.linalg.norm(row) for row in rows_of(module)]
    of_group = module.out_channels // module.groups
    expected = [
        max(abs(a @ b) for j, b in enumerate(rows) if i != j and i // of_group == j // of_group) for i, a in enumerate(rows)
    ]
    assert measured(FilterSimilarity(), of(module)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_roughness_against_the_fourier_transform(name: str) -> None:
    expected = [roughness(row) for row in rows_of(LAYERS[name])]
    assert measured(FilterRoughness(), of(LAYERS[name])) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("kernel", "share"), [(3, 5 / 9), (5, 17 / 25), (7, 36 / 49), (11, 91 / 121)])
def test_white_noise_has_the_share_of_the_high_frequencies(kernel: int, share: float) -> None:
    assert white(kernel, kernel) == pytest.approx(share, abs=1e-12)
    generator = torch.Generator().manual_seed(0)
    module = nn.Conv2d(8, 256, kernel)
    with torch.no_grad():
        module.weight[:] = torch.randn(module.weight.shape, generator=generator)
    found = measured(FilterRoughness(), of(module))
    assert found is not None
    assert found.mean() == pytest.approx(white(kernel, kernel), abs=0.01)


def test_smooth_filters_are_smooth_and_a_chessboard_is_rough() -> None:
    x = torch.linspace(-1, 1, 7)
    edge, blob, step = x.expand(7, 7), torch.exp(-2 * (x[:, None] ** 2 + x**2)), torch.sign(x).expand(7, 7)
    chess = (torch.arange(7)[:, None] + torch.arange(7)) % 2 - 0.5
    module = nn.Conv2d(1, 5, 7)
    with torch.no_grad():
        module.weight[:, 0] = torch.stack((edge, blob, step, chess, torch.ones(7, 7)))
    found = measured(FilterRoughness(), of(module))
    assert found is not None
    assert (found[[0, 1, 4]] < 0.01).all()
    assert found[2] < 0.15
    assert found[3] > 0.95


def test_change_against_numpy() -> None:
    for module in (LAYERS["2-d"], LAYERS["transposed and grouped"]):
        later = copy.deepcopy(module)
        with torch.no_grad():
            later.weight += 0.1 * torch.randn(later.weight.shape, generator=torch.Generator().manual_seed(0))
        pairs = zip(rows_of(module), rows_of(later), strict=True)
        expected = [np.linalg.norm(now - first) / np.linalg.norm(first) for first, now in pairs]
        assert measured(FilterChange(), of(later, module)) == pytest.approx(expected, rel=1e-4)
    assert measured(FilterChange(), of(nn.Conv2d(3, 12, 3), LAYERS["2-d"])) is None


def test_the_sketch_of_a_large_layer_tells_the_change_of_the_whole() -> None:
    module = nn.Conv2d(64, 64, 3)
    later = copy.deepcopy(module)
    with torch.no_grad():
        later.weight += 0.5 * later.weight.std() * torch.randn(later.weight.shape, generator=torch.Generator().manual_seed(0))
    assert of(module).first[0].numel() <= 4096
    found = measured(FilterChange(), of(later, module))
    assert found is not None
    assert np.median(found) == pytest.approx(0.5, rel=0.1)


def test_large_layers_are_thinned_evenly() -> None:
    module = nn.Conv2d(3, 1100, 3)
    with torch.no_grad():
        module.weight[:] = torch.arange(1100.0)[:, None, None, None]
    assert measured(FilterNorm(), of(module)) == pytest.approx(math.sqrt(27) * np.arange(0, 1100, 3), rel=1e-5)
    for instrument in INSTRUMENTS[1:]:
        found = measured(instrument, of(module))
        assert found is not None
        assert len(found) == 367 <= FILTERS
    wide = nn.Conv2d(600, 20, 3)
    with torch.no_grad():
        wide.weight[7] = -3 * wide.weight[2]
    similar, rough = measured(FilterSimilarity(), of(wide)), measured(FilterRoughness(), of(wide))
    assert similar is not None
    assert rough is not None
    assert np.flatnonzero(similar > 0.98).tolist() == [2, 7]
    assert np.delete(similar, [2, 7]).max() < 0.25
    assert rough == pytest.approx([roughness(row) for row in rows_of(wide)], abs=0.08)


def test_a_grouped_layer_that_is_thinned_is_compared_within_its_groups() -> None:
    module = nn.Conv2d(4, 1024, 3, groups=2)
    with torch.no_grad():
        module.weight[512] = module.weight[0]  # the same, but it sees other channels
        module.weight[514] = module.weight[1022]
    found = measured(FilterSimilarity(), of(module))
    assert found is not None
    assert np.flatnonzero(found > 0.999).tolist() == [257, 511]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype: torch.dtype) -> None:
    module = copy.deepcopy(LAYERS["2-d"])
    other = copy.deepcopy(module).to(dtype)
    for instrument in INSTRUMENTS[:3]:
        assert measured(instrument, of(other)) == pytest.approx(measured(instrument, of(module)), rel=0.05)
        assert all(v.dtype == torch.float32 for _, v in instrument.measure(of(other)))  # type: ignore[union-attr]


def test_zeros_tiny_weights_and_a_nan_stay_with_their_filter() -> None:
    module = copy.deepcopy(LAYERS["2-d"])
    with torch.no_grad():
        module.weight[0] = 0
        module.weight[1] = 1e-30 * module.weight[2]
        module.weight[3, 0, 0, 0] = math.nan
        module.weight[4, 0, 0, 0] = math.inf
    norm, similar, rough, change = (measured(i, of(module)) for i in INSTRUMENTS)
    assert norm is not None
    assert similar is not None
    assert rough is not None
    assert change is not None
    assert norm[0] == 0
    assert np.isfinite(norm).tolist() == [i not in (3, 4) for i in range(12)]
    assert similar[:3] == pytest.approx([0, 1, 1])
    assert np.isfinite(similar).tolist() == [i not in (3, 4) for i in range(12)]
    assert np.isnan(rough).tolist() == [i in (0, 3, 4) for i in range(12)]
    assert rough[1] == pytest.approx(rough[2], rel=1e-4)
    assert np.isnan(change[0])
    assert (change[5:] == 0).all()


def test_what_cannot_be_compared_yields_nothing() -> None:
    assert measured(FilterSimilarity(), of(nn.Conv2d(8, 8, 3, groups=8))) is None
    assert measured(FilterSimilarity(), of(nn.Conv2d(3, 8, 1))) is None
    assert measured(FilterSimilarity(), of(nn.Conv2d(3, 1, 5))) is None
    assert measured(FilterRoughness(), of(nn.Conv2d(3, 8, 1))) is None
    assert measured(FilterRoughness(), of(nn.ConvTranspose2d(3, 8, 2))) is None
    assert measured(FilterRoughness(), of(nn.Conv1d(1, 8, 80))) is None
    looks = FilterLooks(nn.Sequential(nn.Linear(3, 3), nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))))
    assert looks.sight(["0.weight", "1.weight"]) is None
    assert FilterLooks(nn.Conv2d(3, 4, 3)).sight(["weight"]) is not None
    assert FilterLooks(nn.Conv2d(3, 4, 3)).sight(["bias"]) is None


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda i: type(i).__name__)
@pytest.mark.parametrize("name", ["2-d", "transposed and grouped", "3-d"])
def test_nothing_is_read_on_the_host(instrument: Instrument[FilterSight], name: str) -> None:
    """A tensor on the meta device has no values: whoever asks for one raises."""
    (found,) = [value for _, value in instrument.measure(of(copy.deepcopy(LAYERS[name]).to("meta")))]
    assert isinstance(found, torch.Tensor)
    assert found.is_meta
    assert found.shape == (LAYERS[name].out_channels,)


def test_what_is_yielded_is_a_copy() -> None:
    module = copy.deepcopy(LAYERS["2-d"])
    sight = of(module)
    readings = [value for i in INSTRUMENTS for _, value in i.measure(sight)]
    before = [v.clone() for v in readings]  # type: ignore[union-attr]
    with torch.no_grad():
        module.weight.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, readings, strict=True))  # type: ignore[arg-type]


def test_a_training_records_how_far_its_filters_have_come() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 2, 3), nn.Flatten(), nn.Linear(128, 3))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.5), nn.CrossEntropyLoss()
    x, y = torch.randn(16, 1, 8, 8), torch.randint(0, 3, (16,))
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    weights = []
    for _ in range(26):
        weights.append([sketch_of(filters_of(m, m.weight.detach())).double().numpy() for m in (model[0], model[2])])
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
    vitals.close()
    looked = [i for i in range(26) if "filter_change/0" in sink.vectors(i)]
    assert looked == [0, 25]
    assert sink.vectors(0)["filter_change/0"] == [0.0] * 4
    for k, name in enumerate(("0", "2")):
        first, last = weights[0][k], weights[25][k]
        expected = np.linalg.norm(last - first, axis=1) / np.linalg.norm(first, axis=1)
        assert sink.vectors(25)[f"filter_change/{name}"] == pytest.approx(expected, rel=1e-4)
        assert set(sink.vectors(25)) >= {f"filter_norm/{name}", f"filter_similarity/{name}", f"filter_roughness/{name}"}
