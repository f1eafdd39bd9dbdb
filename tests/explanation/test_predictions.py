from dataclasses import dataclass

import numpy as np
import pytest
import torch
from explained import Raising, autoencoder, convnet, image, reader, scalar, sharp, table_net, tags, tensor, unchanged, vector
from torch import nn

from torchvitals.explanation.latents import jacobian_norms
from torchvitals.explanation.measures import MEASURES
from torchvitals.explanation.overlay import pictures
from torchvitals.explanation.predictions import predict

GENERATOR = torch.Generator().manual_seed(8)
IMAGES = torch.randn(40, 2, 8, 8, generator=GENERATOR)
LABELS = torch.randint(0, 3, (40,), generator=GENERATOR)


def test_classes_are_counted_as_by_hand() -> None:
    model = sharp()
    found = unchanged(model, lambda: predict(model, IMAGES, LABELS, nn.CrossEntropyLoss()))
    assert found.problems == ()
    with torch.no_grad():
        p = model(IMAGES).double().softmax(dim=1).numpy()
    table, labels = np.zeros((3, 3)), LABELS.numpy()
    for row, label in zip(p, labels, strict=True):
        table[label, row.argmax()] += 1
    np.testing.assert_array_equal(tensor(found, "confusion_matrix/model"), table)
    np.testing.assert_allclose(vector(found, "probe_recall/model"), [table[i, i] / table[i].sum() for i in range(3)], rtol=1e-6)
    assert scalar(found, "probe_accuracy/model") == pytest.approx(np.trace(table) / 40)
    assert scalar(found, "majority_accuracy/model") == max(np.mean(labels == c) for c in range(3))


def test_calibration_is_the_papers() -> None:
    model = sharp()
    found = predict(model, IMAGES, LABELS)
    with torch.no_grad():
        p = model(IMAGES).double().softmax(dim=1).numpy()
    sure, right = p.max(axis=1), p.argmax(axis=1) == LABELS.numpy()
    count, hits, error = [], [], 0.0
    for m in range(10):
        inside = (sure > m / 10) & (sure <= (m + 1) / 10)
        count.append(inside.sum())
        hits.append(right[inside].sum())
        error += abs(right[inside].mean() - sure[inside].mean()) * inside.mean() if inside.any() else 0
    assert sum(n > 0 for n in count) > 3
    np.testing.assert_array_equal(vector(found, "probe_confidence_count/model"), count)
    np.testing.assert_array_equal(vector(found, "probe_confidence_right/model"), hits)
    assert scalar(found, "calibration_error/model") == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize("ending", [nn.Softmax(dim=1), nn.LogSoftmax(dim=1)])
def test_probabilities_are_taken_as_such(ending: nn.Module) -> None:
    plain, ended = predict(sharp(), IMAGES, LABELS), predict(nn.Sequential(sharp(), ending), IMAGES, LABELS)
    for tag in ("calibration_error/model", "probe_accuracy/model"):
        assert scalar(ended, tag) == pytest.approx(scalar(plain, tag), abs=1e-6)
    np.testing.assert_allclose(
        vector(ended, "probe_loss_per_sample/model"), vector(plain, "probe_loss_per_sample/model"), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), reduction="sum"),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.functional.cross_entropy,
        nn.MultiMarginLoss(),
    ],
)
def test_the_loss_of_each_sample_is_that_of_a_batch_of_one(loss_fn) -> None:
    model = convnet()
    found = vector(predict(model, IMAGES, LABELS, loss_fn), "probe_loss_per_sample/model")
    with torch.no_grad():
        outputs = model(IMAGES)
        one = [loss_fn(o[None], y[None]).item() for o, y in zip(outputs, LABELS, strict=True)]
    if getattr(loss_fn, "weight", None) is not None:
        assert loss_fn.reduction == "sum"  # the user's own is as it was
    np.testing.assert_allclose(found, one, rtol=1e-5)


def test_the_worst_samples_come_first_in_the_picture() -> None:
    found = predict(convnet(), IMAGES, LABELS, nn.CrossEntropyLoss())
    losses = vector(found, "probe_loss_per_sample/model")
    worst = np.argsort(-losses)[:8]
    expected = pictures(IMAGES.numpy()[worst])
    shown = image(found, "most_lost/model")
    side = (shown.shape[1] - 7) // 8
    assert expected is not None
    for i in range(8):
        tile = shown[:: side // 8, i * (side + 1) : i * (side + 1) + side : side // 8]
        np.testing.assert_allclose(tile / 255, expected[i], atol=0.003)


def test_a_target_that_is_no_class_is_left_out() -> None:
    labels = LABELS.clone()
    labels[:10] = -100
    found, rest = predict(convnet(), IMAGES, labels, nn.CrossEntropyLoss()), predict(convnet(), IMAGES[10:], LABELS[10:])
    np.testing.assert_array_equal(tensor(found, "confusion_matrix/model"), tensor(rest, "confusion_matrix/model"))
    assert vector(found, "probe_loss_per_sample/model")[:10].tolist() == [0] * 10


@pytest.mark.parametrize("axis", [1, -1])
def test_a_class_for_each_position(axis: int) -> None:
    outputs = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(9))
    labels = torch.randint(0, 3, (4, 5), generator=torch.Generator().manual_seed(10))
    given = outputs if axis == 1 else outputs.movedim(1, -1)
    found = predict(nn.Identity(), given.clone(), labels)
    assert scalar(found, "probe_accuracy/model") == pytest.approx((outputs.argmax(dim=1) == labels).float().mean().item())
    by_hand = nn.functional.cross_entropy(outputs, labels, reduction="none").mean(dim=1)
    np.testing.assert_allclose(vector(found, "probe_loss_per_sample/model"), by_hand.numpy(), rtol=1e-5)


def test_one_output_for_two_classes() -> None:
    logits, labels = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]]), torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    found = predict(nn.Identity(), logits, labels, nn.BCEWithLogitsLoss())
    np.testing.assert_array_equal(tensor(found, "confusion_matrix/model"), [[1, 1], [1, 1]])
    again = predict(nn.Identity(), logits.sigmoid(), labels, nn.BCELoss())
    assert scalar(again, "calibration_error/model") == pytest.approx(scalar(found, "calibration_error/model"), abs=1e-6)
    assert "confusion_matrix/model" not in tags(predict(nn.Identity(), logits, labels, nn.MSELoss()))


def test_one_hot_targets_are_classes() -> None:
    model, rows = convnet(), nn.functional.one_hot(LABELS, 3).float()
    np.testing.assert_array_equal(
        tensor(predict(model, IMAGES, rows), "confusion_matrix/model"),
        tensor(predict(model, IMAGES, LABELS), "confusion_matrix/model"),
    )


def test_outputs_that_are_not_finite_are_told_and_left_out() -> None:
    logits = torch.tensor([[2.0, 1.0], [torch.nan, 0.0], [0.0, 3.0]])
    found = predict(nn.Identity(), logits, torch.tensor([0, 1, 1]))
    assert found.problems == ("classification: 1 of 3 outputs are not finite and are left out",)
    assert tensor(found, "confusion_matrix/model").sum() == 2
    nothing = predict(nn.Identity(), torch.full((2, 2), torch.nan), torch.tensor([0, 1]))
    assert "probe_accuracy/model" not in tags(nothing)


def test_a_class_without_a_sample_has_no_recall() -> None:
    recall = vector(predict(convnet(), IMAGES, LABELS.clamp(max=1)), "probe_recall/model")
    assert np.isnan(recall).tolist() == [False, False, True]


def test_many_classes_have_no_matrix() -> None:
    found = predict(nn.Identity(), torch.randn(4, 300), torch.arange(4))
    assert "confusion_matrix/model" not in tags(found)
    assert any("300 classes" in p for p in found.problems)


def test_the_probe_is_kept_as_it_was() -> None:
    model = convnet()
    found = predict(model, IMAGES, LABELS)
    np.testing.assert_array_equal(tensor(found, "probe_inputs/model"), IMAGES.numpy())
    np.testing.assert_array_equal(tensor(found, "probe_targets/model"), LABELS.numpy()[:, None])
    np.testing.assert_allclose(tensor(found, "probe_outputs/model"), model(IMAGES).detach().numpy(), rtol=1e-6)
    assert {tag.partition("/")[0] for tag in tags(found)} <= {m.name for m in MEASURES}


def test_a_regression() -> None:
    model, x, y = table_net(2), torch.randn(7, 5), torch.randn(7, 2)
    found = unchanged(model, lambda: predict(model, x, y, nn.SmoothL1Loss()))
    by_hand = [nn.functional.smooth_l1_loss(model(a[None]), b[None]).item() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(vector(found, "probe_loss_per_sample/model"), by_hand, rtol=1e-5)
    squared = ((model(x) - y) ** 2).mean(dim=1).detach().numpy()
    np.testing.assert_allclose(vector(predict(model, x, y, print), "probe_loss_per_sample/model"), squared, rtol=1e-5)
    assert "probe_accuracy/model" not in tags(found)


def test_an_autoencoder_shows_its_reconstructions_and_its_code() -> None:
    model, x = autoencoder(), torch.randn(30, 16, generator=torch.Generator().manual_seed(11)) * 3
    with torch.no_grad():
        model[2].weight[1] *= 1e-3
    found = unchanged(model, lambda: predict(model, x, x, nn.MSELoss()))
    code = model[:3](x).detach().numpy().astype(np.float64)
    np.testing.assert_allclose(tensor(found, "reconstruction_values/model"), model(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vector(found, "latent_deviation/2"), code.std(axis=0), rtol=1e-4)
    assert scalar(found, "active_latents/2") == (code.var(axis=0) > 0.01).sum() == 2


def test_pictures_of_reconstructions_share_one_range() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Linear(64, 64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.5 * x

    x = torch.rand(3, 1, 8, 8)
    shown = image(predict(Half(), x, x), "reconstruction/model").astype(float)
    height = (shown.shape[0] - 1) // 2
    above, below = shown[:height, :height].mean(), shown[height + 1 :, :height].mean()
    assert below == pytest.approx(above / 2, rel=0.05)


@pytest.mark.parametrize("units", [3, 12])
def test_the_norm_of_the_jacobian_is_near_the_exact_one(units: int) -> None:
    torch.manual_seed(12)
    layer, x = nn.Sequential(nn.Linear(10, units), nn.Tanh()), torch.randn(20, 10)
    exact = torch.stack([torch.autograd.functional.jacobian(layer, row).norm() for row in x])
    given = x.clone().requires_grad_()
    norms = jacobian_norms(given, lambda: layer(given))
    assert norms is not None
    if units <= 4:  # one direction for each unit: no estimate
        torch.testing.assert_close(norms, exact)
    else:
        assert norms.mean().item() == pytest.approx(exact.mean().item(), rel=0.05)
        many = jacobian_norms(given, lambda: layer(given), directions=11)
        assert many is not None
        assert (many - exact).abs().mean() < (norms - exact).abs().mean()


def test_sensitivity_is_that_norm_for_each_unit_of_the_code() -> None:
    model, x = autoencoder(), torch.randn(30, 16, generator=torch.Generator().manual_seed(13))
    exact = [torch.autograd.functional.jacobian(model[:3], row).norm().item() / 3**0.5 for row in x]
    assert scalar(predict(model, x, x), "latent_sensitivity/2") == pytest.approx(np.mean(exact), rel=1e-5)


def test_the_head_of_a_classifier_has_a_sensitivity_and_tokens_have_none() -> None:
    assert scalar(predict(table_net(3), torch.randn(6, 5), torch.arange(6) % 3), "latent_sensitivity/1") > 0
    found = predict(reader(), torch.randint(0, 20, (6, 4)), torch.arange(6) % 3)
    assert not any(tag.startswith("latent_sensitivity") for tag in tags(found))
    assert found.problems == ()


def test_a_model_that_raises_is_a_problem_in_one_line() -> None:
    assert predict(Raising(), IMAGES, LABELS).problems == ("predictions: RuntimeError: no pass today",)


def test_outputs_in_a_container() -> None:
    @dataclass(slots=True)
    class Output:
        labels: torch.Tensor
        logits: torch.Tensor

    class Wrapped(nn.Module):
        def __init__(self, wrap) -> None:
            super().__init__()
            self.net, self.wrap = convnet(), wrap

        def forward(self, x: torch.Tensor) -> object:
            return self.wrap(self.net(x))

    expected = tensor(predict(convnet(), IMAGES, LABELS), "confusion_matrix/model")
    for wrap in (lambda y: Output(y.argmax(dim=1), y), lambda y: {"a": None, "b": [y, y]}, lambda y: (y, y)):
        found = predict(Wrapped(wrap), IMAGES, LABELS)
        np.testing.assert_array_equal(tensor(found, "confusion_matrix/model"), expected)
    assert predict(Wrapped(str), IMAGES, LABELS).problems


def test_without_targets_only_what_needs_none() -> None:
    found = predict(convnet(), IMAGES)
    assert tags(found) == {"probe_inputs/model", "probe_outputs/model", "latent_sensitivity/8"}
