"""The loss is found whatever it is made of, with the outputs and targets it was computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from recording import attach, batch, net
from torch import Tensor, nn
from torch.nn import functional as F

from torchvitals.record.functions import LOSS_FUNCTIONS
from torchvitals.record.passes import Passes
from torchvitals.record.sights import LossSight, Sight

N = 8
LABELS = batch(N)[1]
REAL = torch.linspace(-1, 1, 3 * N).reshape(N, 3)
BINARY = (REAL > 0).float()
SIGNS = BINARY * 2 - 1
SEVERAL = LABELS[:, None].expand(N, 3)
Loss = Callable[[Tensor], Tensor]


def guard(call: Callable[..., None], /, *args: Any, **kwargs: Any) -> None:
    with torch.no_grad():
        call(*args, **kwargs)


class Watched:
    """A model with the hooks of a measured step on it, and the losses that they show."""

    def __init__(self, model: nn.Module, loss_fn: nn.Module | None = None, *, light: bool = False) -> None:
        self.model = model
        self.losses: list[LossSight] = []
        self.passes = Passes(model, loss_fn, self._show, guard)
        self.passes.attach(list(model.parameters()), light=light, sequences=False)

    def _show(self, sight: Sight) -> None:
        if isinstance(sight, LossSight):
            self.losses.append(sight)

    def end(self) -> LossSight:
        """The update has come: the loss that was shown last."""
        self.passes.finish()
        self.passes.remove()
        assert torch._C._len_torch_function_stack() == 0
        return self.losses[-1]


def seen(loss: Loss, *, light: bool = False) -> tuple[LossSight, Tensor, Tensor]:
    """What is seen of a loss of (N, 3) outputs, the loss itself and the outputs."""
    watched = Watched(net(), light=light)
    outputs = watched.model(batch(N)[0])
    value = loss(outputs)
    value.backward()
    return watched.end(), value.detach(), outputs.detach()


def ctc(logits: Tensor) -> Tensor:
    one = torch.tensor([1])
    return F.ctc_loss(logits.log_softmax(1).unsqueeze(1), torch.tensor([[1, 2]]), one * N, one * 2)


FUNCTIONS: dict[str, tuple[Loss, Tensor]] = {
    "binary_cross_entropy": (lambda o: F.binary_cross_entropy(o.sigmoid(), BINARY), BINARY),
    "binary_cross_entropy_with_logits": (lambda o: F.binary_cross_entropy_with_logits(o, BINARY), BINARY),
    "cross_entropy": (lambda o: F.cross_entropy(o, LABELS), LABELS),
    "ctc_loss": (ctc, torch.tensor([[1, 2]])),
    "gaussian_nll_loss": (lambda o: F.gaussian_nll_loss(o, REAL, torch.ones(N, 3)), REAL),
    "huber_loss": (lambda o: F.huber_loss(o, REAL), REAL),
    "kl_div": (lambda o: F.kl_div(o.log_softmax(1), REAL.softmax(1), reduction="batchmean"), REAL.softmax(1)),
    "l1_loss": (lambda o: F.l1_loss(o, REAL), REAL),
    "mse_loss": (lambda o: F.mse_loss(o, REAL), REAL),
    "multi_margin_loss": (lambda o: F.multi_margin_loss(o, LABELS), LABELS),
    "multilabel_margin_loss": (
        lambda o: F.multilabel_margin_loss(o, LABELS[:, None].expand(N, 3)),
        LABELS[:, None].expand(N, 3),
    ),
    "multilabel_soft_margin_loss": (lambda o: F.multilabel_soft_margin_loss(o, BINARY), BINARY),
    "nll_loss": (lambda o: F.nll_loss(o.log_softmax(1), LABELS), LABELS),
    "poisson_nll_loss": (lambda o: F.poisson_nll_loss(o, BINARY), BINARY),
    "smooth_l1_loss": (lambda o: F.smooth_l1_loss(o, REAL), REAL),
    "soft_margin_loss": (lambda o: F.soft_margin_loss(o, SIGNS), SIGNS),
}


def test_every_loss_function_is_tried() -> None:
    assert set(FUNCTIONS) == set(LOSS_FUNCTIONS.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_loss_function_is_seen_with_what_it_was_given(name: str) -> None:
    loss, targets = FUNCTIONS[name]
    sight, value, outputs = seen(loss)
    assert sight.kind == name
    assert torch.equal(sight.loss, value)
    assert sight.targets is not None
    assert torch.equal(sight.targets, targets)
    assert sight.outputs is not None
    assert sight.outputs.numel() == outputs.numel()


def by_hand(o: Tensor) -> Tensor:
    p = o.sigmoid()
    return -(BINARY * torch.log(p + 1e-8) + (1 - BINARY) * torch.log(1 - p + 1e-8)).mean()


def focal(o: Tensor) -> Tensor:
    p = o.softmax(1).clamp(1e-6, 1 - 1e-6)
    right = p[range(N), LABELS]
    return (-((1 - right) ** 2) * right.log()).mean()


HAND_WRITTEN: dict[str, tuple[Loss, Tensor | None, Loss | None]] = {
    "MSE": (lambda o: ((o - REAL) ** 2).mean(), REAL, lambda o: o),
    "half a MSE": (lambda o: 0.5 * torch.sub(o, REAL).square().mean(), REAL, lambda o: o),
    "MSE from the other side": (lambda o: (REAL - o).pow(2).mean(), REAL, lambda o: o),
    "BCE": (by_hand, BINARY, lambda o: o.sigmoid()),
    "NLL by index": (lambda o: -o.log_softmax(1)[range(N), LABELS].mean(), LABELS, lambda o: o.log_softmax(1)),
    "NLL by two tensors": (lambda o: -o.log_softmax(1)[torch.arange(N), LABELS].mean(), LABELS, lambda o: o.log_softmax(1)),
    "NLL by gather": (lambda o: -o.log_softmax(1).gather(1, LABELS[:, None]).mean(), LABELS, lambda o: o.log_softmax(1)),
    "NLL by one-hot": (
        lambda o: -(F.one_hot(LABELS, 3).float() * o.log_softmax(1)).sum(1).mean(),
        LABELS,
        lambda o: o.log_softmax(1),
    ),
    "NLL of probabilities": (lambda o: -o.softmax(1).log()[range(N), LABELS].mean(), LABELS, lambda o: o.softmax(1)),
    "focal": (focal, LABELS, lambda o: o.softmax(1).clamp(1e-6, 1 - 1e-6)),
    "hinge": (lambda o: (1 - SIGNS * o).relu().mean(), SIGNS, lambda o: o),
    "sum of squares": (lambda o: ((o - REAL) ** 2).sum(), REAL, lambda o: o),
    "sum over a count": (lambda o: (o - REAL).square().sum() / N, REAL, lambda o: o),
    "sum over a counted mask": (lambda o: ((o - REAL).abs() * BINARY).sum() / BINARY.sum(), REAL, lambda o: o),
    "of the outputs alone": (lambda o: o.square().mean() - o.std(), None, lambda o: o),
    "one batch of a whole data set": (lambda o: (o - REAL.repeat(2, 1)[torch.arange(N)]).square().mean(), REAL, lambda o: o),
    "a permuted data set": (lambda o: (o - REAL[torch.arange(N).flip(0)]).abs().mean(), REAL.flip(0), lambda o: o),
    "labels as numbers": (lambda o: (o[:, 0] - LABELS.float()).square().mean(), LABELS.float(), lambda o: o[:, 0]),
}


@pytest.mark.parametrize("light", [False, True], ids=["sampled", "light"])
@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_a_hand_written_loss_is_seen_with_its_outputs_and_targets(name: str, light: bool) -> None:
    loss, targets, outputs_of = HAND_WRITTEN[name]
    sight, value, outputs = seen(loss, light=light)
    assert sight.kind == ""
    assert torch.equal(sight.loss, value)
    if targets is None:
        assert sight.targets is None
    else:
        assert sight.targets is not None
        assert torch.equal(sight.targets, targets)
    assert outputs_of is not None
    assert sight.outputs is not None
    torch.testing.assert_close(sight.outputs, outputs_of(outputs))


def test_several_terms_added_are_one_loss_and_the_first_function_says_what_it_is_about() -> None:
    def loss(o: Tensor) -> Tensor:
        return F.cross_entropy(o, LABELS) + 0.1 * F.mse_loss(o, REAL) + 0.01 * o.abs().mean()

    sight, value, outputs = seen(loss)
    assert torch.equal(sight.loss, value)
    assert sight.kind == "cross_entropy"
    assert sight.targets is LABELS or torch.equal(sight.targets, LABELS)  # type: ignore[arg-type]
    assert torch.equal(sight.outputs, outputs)  # type: ignore[arg-type]


def divided_in_place(loss: Tensor) -> Tensor:
    loss /= 4
    return loss


SCALINGS: dict[str, Loss] = {
    "divided": lambda loss: loss / 4,
    "divided twice": lambda loss: loss / 2 / 2,
    "divided in place": divided_in_place,
    "scaled": lambda loss: torch.amp.GradScaler("cpu", init_scale=2.0**8).scale(loss),  # type: ignore[return-value]
    "divided and scaled": lambda loss: torch.amp.GradScaler("cpu", init_scale=2.0**8).scale(loss / 4),  # type: ignore[return-value]
}
DEFINITIONS: dict[str, Loss] = {
    "function": lambda o: F.cross_entropy(o, LABELS),
    "two functions": lambda o: F.cross_entropy(o, LABELS) + 0.5 * F.mse_loss(o, REAL),
    "sum()": lambda o: sum([F.cross_entropy(o, LABELS), o.abs().mean()]),  # type: ignore[return-value, arg-type]
    "by hand": lambda o: (o - REAL).square().mean(),
    "negative": lambda o: -o.log_softmax(1)[range(N), LABELS].mean(),
    "in place": lambda o: F.cross_entropy(o, LABELS).add_(o.abs().mean()),
}


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_loss_shared_out_for_accumulation_or_scaled_is_shown_as_it_was_defined(definition: str, scaling: str) -> None:
    defined: list[float] = []

    def loss(o: Tensor) -> Tensor:
        value = DEFINITIONS[definition](o)
        defined.append(value.item())
        return SCALINGS[scaling](value)

    sight, _, _ = seen(loss)
    assert sight.loss.item() == pytest.approx(defined[0], rel=1e-6)


@pytest.mark.parametrize("factor", [lambda loss: 0.25 * loss, lambda loss: loss * torch.tensor(0.25)], ids=["number", "tensor"])
def test_a_factor_that_is_no_scaler_is_part_of_the_loss(factor: Loss) -> None:
    sight, value, _ = seen(lambda o: factor(F.mse_loss(o, REAL)))
    assert torch.equal(sight.loss, value)


def test_a_sum_divided_by_the_number_of_samples_is_a_mean() -> None:
    sight, value, _ = seen(lambda o: F.cross_entropy(o, LABELS, reduction="sum") / N)
    assert torch.equal(sight.loss, value)


def test_weighted_samples_are_one_loss() -> None:
    weights = torch.linspace(0, 1, N)
    sight, value, _ = seen(lambda o: (weights * F.cross_entropy(o, LABELS, reduction="none")).sum() / weights.sum())
    assert torch.equal(sight.loss, value)
    assert torch.equal(sight.targets, LABELS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda o: F.mse_loss(REAL, o),
        lambda o: F.mse_loss(target=REAL, input=o),
        lambda o: nn.MSELoss()(o, REAL),
        lambda o: nn.MSELoss()(target=REAL, input=o),
    ],
    ids=["swapped", "by name", "module", "module by name"],
)
def test_outputs_and_targets_are_told_apart_however_they_are_passed(call: Loss) -> None:
    sight, value, outputs = seen(call)
    assert torch.equal(sight.loss, value)
    assert torch.equal(sight.outputs, outputs)  # type: ignore[arg-type]
    assert torch.equal(sight.targets, REAL)  # type: ignore[arg-type]


class SmoothedLoss(nn.Module):
    """A loss of the user's own."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean().sqrt()


@pytest.mark.parametrize("given", [True, False], ids=["given to watch", "not given"])
def test_a_loss_module_of_the_users_own(given: bool) -> None:
    loss_fn = SmoothedLoss()
    watched = Watched(net(), loss_fn if given else None)
    outputs = watched.model(batch(N)[0])
    loss = loss_fn(outputs, REAL)
    loss.backward()
    sight = watched.end()
    assert torch.equal(sight.loss, loss)
    assert torch.equal(sight.outputs, outputs)  # type: ignore[arg-type]
    assert torch.equal(sight.targets, REAL)  # type: ignore[arg-type]
    assert sight.kind == ("SmoothedLoss" if given else "")
    assert len(watched.losses) == 1


@dataclass
class ModelOutput:
    loss: Tensor | None
    logits: Tensor


class LossInside(nn.Module):
    """As the models of a well-known library do it: labels go in, the loss comes out."""

    def __init__(self, *, own: bool) -> None:
        super().__init__()
        self.net, self.own = net(), own

    def forward(self, x: Tensor, labels: Tensor | None = None) -> ModelOutput:
        logits = self.net(x)
        if labels is None:
            return ModelOutput(None, logits)
        loss = -logits.log_softmax(1)[range(len(x)), labels].mean() if self.own else F.cross_entropy(logits, labels)
        return ModelOutput(loss, logits)


@pytest.mark.parametrize("own", [True, False])
def test_a_loss_computed_inside_the_model(own: bool) -> None:
    watched = Watched(LossInside(own=own))
    output = watched.model(batch(N)[0], labels=LABELS)
    output.loss.backward()
    sight = watched.end()
    assert torch.equal(sight.loss, output.loss)
    assert torch.equal(sight.outputs, output.logits)  # type: ignore[arg-type]
    # The model's own arithmetic is not followed inside of it.
    assert (sight.targets is None) == own


def test_what_the_loop_computes_wins_over_a_loss_function_inside_the_model() -> None:
    class Quantised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            out = self.net(x)
            return out, F.mse_loss(out, out.detach().round())

    watched = Watched(Quantised())
    outputs, commitment = watched.model(batch(N)[0])
    loss = F.cross_entropy(outputs, LABELS) + commitment
    loss.backward()
    sight = watched.end()
    assert torch.equal(sight.loss, loss)
    assert sight.kind == "cross_entropy"
    assert torch.equal(sight.targets, LABELS)  # type: ignore[arg-type]


def test_metrics_of_the_batch_are_not_taken_for_the_loss() -> None:
    watched = Watched(net())
    outputs = watched.model(batch(N)[0])
    loss = F.cross_entropy(outputs, LABELS)
    with torch.no_grad():
        assert F.mse_loss(outputs, REAL) > 0
        assert (outputs.argmax(1) == LABELS).float().mean() >= 0
    assert F.l1_loss(outputs, REAL) > 0  # with gradients, but no backward pass
    loss.backward()
    assert F.l1_loss(outputs, REAL) > 0
    sight = watched.end()
    assert torch.equal(sight.loss, loss)
    assert sight.kind == "cross_entropy"
    assert len(watched.losses) == 1


@pytest.mark.parametrize(
    "loss_of", [lambda o: F.cross_entropy(o, LABELS), lambda o: (o - REAL).abs().mean()], ids=["function", "own"]
)
def test_backward_may_be_called_in_any_way(loss_of: Loss) -> None:
    ways: list[Callable[[Tensor, nn.Module], Any]] = [
        lambda loss, _: torch.autograd.backward(loss),
        lambda loss, _: torch.autograd.backward([loss]),
        lambda loss, model: torch.autograd.grad(loss, list(model.parameters())),
        lambda loss, model: loss.backward(inputs=list(model.parameters())),
    ]
    for way in ways:
        watched = Watched(net())
        loss = loss_of(watched.model(batch(N)[0]))
        way(loss, watched.model)
        assert torch.equal(watched.end().loss, loss)
        assert len(watched.losses) == 1


def test_a_gradient_penalty_is_not_the_loss_but_a_part_of_it() -> None:
    watched = Watched(net())
    x = batch(N)[0].requires_grad_()
    outputs = watched.model(x)
    (slope,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
    loss = F.cross_entropy(outputs, LABELS) + slope.square().mean()
    loss.backward()
    assert torch.equal(watched.end().loss, loss)


def test_a_loss_of_two_forward_passes() -> None:
    watched = Watched(net())
    x = batch(N)[0]
    one, two = watched.model(x), watched.model(-x)
    loss = (one - REAL).square().mean() + (one - two).abs().mean()
    loss.backward()
    assert torch.equal(watched.end().loss, loss)


def test_a_model_left_without_a_loss_shows_none() -> None:
    watched = Watched(net())
    assert watched.model(batch(N)[0]).shape == (N, 3)
    watched.passes.finish()
    watched.passes.remove()
    assert watched.losses == []


def test_the_loss_of_the_last_micro_batch_is_the_one_recorded() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer, loss_fn=F.cross_entropy)
    last = []
    for _ in range(3):
        for part in range(4):
            loss = F.cross_entropy(model(batch()[0] * part), batch()[1])
            (loss / 4).backward()
        optimizer.step()
        optimizer.zero_grad()
        last.append(loss.item())
    vitals.close()
    assert sink.series("loss/train") == pytest.approx(last, rel=1e-6)
    assert sink.manifests[-1].loss == "cross_entropy"
