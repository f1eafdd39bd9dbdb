"""Every instrument against plain autograd and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recording import attach, batch, net, readings
from torch import Tensor, nn

from torchvitals.record.instruments.activation_histogram import ActivationHistogram
from torchvitals.record.instruments.activation_moments import ActivationMoments
from torchvitals.record.instruments.firing_rate import FiringRate
from torchvitals.record.instruments.input_moments import InputMoments
from torchvitals.record.instruments.loss import Loss
from torchvitals.record.instruments.saturated_fraction import SaturatedFraction
from torchvitals.record.instruments.targets import Targets
from torchvitals.record.kinds import activation_kind
from torchvitals.record.sights import ForwardSight, InputSight, LossSight


def forward(module: nn.Module, x: Tensor, unit_dim: int = -1) -> ForwardSight:
    output = module(x).detach()
    return ForwardSight(subject="m", module=module, activation=activation_kind(module), output=output, unit_dim=unit_dim)


def losses(loss: Tensor, outputs: Tensor | None = None, targets: Tensor | None = None) -> LossSight:
    return LossSight(loss=loss, outputs=outputs, targets=targets)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.AdamW, torch.optim.Adagrad])
def test_gradients_weights_and_updates_are_those_of_a_manual_copy(make: type[torch.optim.Optimizer]) -> None:
    model, (x, y) = net(), batch()
    optimizer = make(model.parameters(), lr=0.05, weight_decay=0.1)  # type: ignore[call-arg]
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    vitals, sink = attach(model, optimizer)
    expected: list[dict[str, float]] = []
    for step in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        optimizer.step()
        together = torch.cat([g.flatten() for g in gradients.values()])
        expected.append({"global_grad_norm/model": together.norm().item(), "learning_rate/group0": 0.05 * 0.5**step})
        for name, old in before.items():
            moved = model.get_parameter(name).detach() - old
            expected[-1][f"grad_norm/{name}"] = gradients[name].norm().item()
            expected[-1][f"weight_norm/{name}"] = old.norm().item()
            expected[-1][f"update_ratio/{name}"] = (moved.norm() / old.norm()).item()
        scheduler.step()
    vitals.close()
    for i, values in enumerate(expected):
        found = sink.scalars(i)
        assert {tag: found[tag] for tag in values} == pytest.approx(values, rel=1e-5)


def test_a_parameter_of_zeros_that_moves_has_an_infinite_update_ratio_and_one_that_stays_has_none() -> None:
    model = net()
    nn.init.zeros_(model[0].bias)
    nn.init.zeros_(model[2].bias)
    model[2].bias.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    nn.functional.cross_entropy(model(batch()[0]), batch()[1]).backward()
    optimizer.step()
    vitals.close()
    assert sink.scalars()["update_ratio/0.bias"] == np.inf
    assert sink.scalars()["update_ratio/2.bias"] == 0.0


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_loss_is_the_mean_and_survives_a_change_in_place(reduction: str) -> None:
    value = nn.functional.cross_entropy(*(net()(batch()[0]), batch()[1]), reduction=reduction).detach()
    expected = value.mean().item()
    found = list(Loss().measure(losses(value)))
    value /= 1000
    assert readings(found) == {"loss/train": pytest.approx(expected)}


def test_activation_moments_and_nonfinite_counts_per_module() -> None:
    x = torch.tensor([[1.0, torch.nan], [torch.inf, 2.0]])
    broken = readings(list(ActivationMoments().measure(forward(nn.Identity(), x))))
    assert broken.pop("nonfinite_activations/m") == 2
    assert {tag for tag, value in broken.items() if np.isfinite(value)} == set()
    sight = forward(nn.Linear(4, 6), batch()[0])
    found = readings(list(ActivationMoments().measure(sight)))
    a = sight.output.double().numpy()
    assert found == pytest.approx(
        {
            "activation_mean/m": a.mean(),
            "activation_std/m": a.std(),
            "activation_rms/m": np.sqrt((a**2).mean()),
            "activation_min/m": a.min(),
            "activation_max/m": a.max(),
            "nonfinite_activations/m": 0,
        },
        rel=1e-5,
    )


def test_firing_rate_per_unit_and_dead_fraction() -> None:
    x = torch.tensor([[1.0, -1.0, 2.0, -3.0], [1.0, -1.0, -2.0, -3.0]])
    assert readings(list(FiringRate().measure(forward(nn.ReLU(), x)))) == {
        "firing_rate/m": [1.0, 0.0, 0.5, 0.0],
        "dead_fraction/m": 0.5,
        "firing_samples/m": 2.0,
    }


def test_firing_rate_per_channel_behind_a_convolution() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 16, 3), nn.ReLU())
    with torch.no_grad():
        model[1].weight[2], model[1].bias[2] = 0.0, -1.0  # type: ignore[index]
    x = torch.randn(8, 1, 6, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    maps = model[:3](x)
    model(x).sum().backward()
    optimizer.step()
    vitals.close()
    expected = (maps > 0).double().mean(dim=(0, 2, 3)).tolist()
    assert sink.vectors()["firing_rate/2"] == pytest.approx(expected)
    assert sink.scalars()["dead_fraction/2"] == pytest.approx(1 / 5)
    assert sink.scalars()["firing_samples/2"] == 8 * 16
    assert len(sink.vectors()["firing_rate/5"]) == 3
    assert "firing_rate/0" not in sink.vectors()


@pytest.mark.parametrize(
    ("module", "x", "share"),
    [
        (nn.Tanh(), [0.0, 1.0, 3.0, -3.0], 0.5),
        (nn.Sigmoid(), [0.0, 3.0, 6.0, -6.0], 0.5),
        (nn.Hardtanh(), [0.0, 0.97, 1.0, 2.0, -1.5], 0.6),
        (nn.Hardsigmoid(), [0.0, 2.9, 3.0, -4.0], 0.5),
        (nn.Softsign(), [0.0, 10.0, 100.0, -100.0], 0.5),
    ],
)
def test_saturation_is_counted_by_the_flat_zones_of_the_kind(module: nn.Module, x: list[float], share: float) -> None:
    found = readings(list(SaturatedFraction().measure(forward(module, torch.tensor([x])))))
    assert found == {"saturated_fraction/m": pytest.approx(share)}


@pytest.mark.parametrize("module", [nn.Linear(4, 6), nn.ReLU(), nn.GELU()])
def test_an_unbounded_module_has_no_saturation(module: nn.Module) -> None:
    assert list(SaturatedFraction().measure(forward(module, 100 * batch()[0]))) == []


@pytest.mark.parametrize("shape", [(7,), (3, 5), (1000,), (100, 333)])
def test_a_histogram_stands_for_the_whole_tensor(shape: tuple[int, ...]) -> None:
    ((_, sample),) = ActivationHistogram().measure(forward(nn.Identity(), torch.ones(shape)))
    assert sample.size == np.prod(shape)  # type: ignore[union-attr]
    assert sample.values.numel() <= 2048  # type: ignore[union-attr]


def test_class_counts_leave_out_what_is_no_class() -> None:
    targets = torch.tensor([[0, 2], [2, -100]])
    found = list(Targets().measure(losses(torch.tensor(1.0), torch.zeros(2, 4, 2), targets)))
    counts = [1.0, 0.0, 2.0, 0.0]
    entropy = -sum(k / 3 * np.log(k / 3) for k in counts if k)
    assert readings(found) == {"target_class_count/train": counts, "target_entropy/train": pytest.approx(entropy)}


def test_target_variance_is_the_mean_over_columns() -> None:
    targets = torch.randn(16, 3) * torch.tensor([1.0, 2.0, 3.0])
    found = readings(list(Targets().measure(losses(torch.tensor(1.0), torch.zeros(16, 3), targets))))
    t = targets.double()
    assert found == pytest.approx(
        {
            "target_variance/train": t.var(dim=0).mean().item(),
            "target_mean/train": t.mean().item(),
            "target_min/train": t.min().item(),
            "target_max/train": t.max().item(),
            "target_integer_fraction/train": 0.0,
        },
        rel=1e-5,
    )


def test_input_moments_are_those_of_floating_inputs_only() -> None:
    x = batch(32)[0].double()
    found = readings(list(InputMoments().measure(InputSight(inputs=x.float()))))
    assert found["input_mean/model"] == pytest.approx(x.mean().item(), abs=1e-6)
    assert found["input_std/model"] == pytest.approx(x.std(correction=0).item(), rel=1e-5)
    assert found["nonfinite_inputs/model"] == 0
    assert list(InputMoments().measure(InputSight(inputs=torch.arange(5)))) == []
