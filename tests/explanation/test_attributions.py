import sys

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerConductance, LayerGradCam, LayerIntegratedGradients, Occlusion
from explained import (
    Raising,
    Reused,
    autoencoder,
    convnet,
    image,
    reader,
    scalar,
    sharp,
    table_net,
    tags,
    tensor,
    unchanged,
    vector,
)
from torch import nn
from torch.nn.utils import prune

from torchvitals.core.manifest import MeasureInfo
from torchvitals.explanation.attributions import attribute, occlude
from torchvitals.explanation.measures import MEASURES
from torchvitals.explanation.randomised import agreement, rank_correlation, redrawn
from torchvitals.explanation.replica import replica
from torchvitals.explanation.sizes import averaged, within

IMAGES, LABELS = torch.randn(11, 2, 8, 8, generator=torch.Generator().manual_seed(4)), torch.arange(11) % 3
TABLE = torch.randn(9, 5, generator=torch.Generator().manual_seed(5))
TOKENS = torch.randint(3, 20, (9, 6), generator=torch.Generator().manual_seed(6))


def test_grad_cam_is_captums_and_that_of_the_paper() -> None:
    model = convnet()
    found = unchanged(model, lambda: attribute(model, IMAGES, LABELS))
    assert found.problems == ()
    x = IMAGES[:8].clone().requires_grad_()
    theirs = LayerGradCam(model, model[4]).attribute(x, target=LABELS[:8], relu_attributions=True)
    np.testing.assert_allclose(tensor(found, "grad_cam_values/4"), theirs[:, 0].detach().numpy(), atol=1e-7)
    maps = model[:5](IMAGES[:8]).detach().requires_grad_()
    picked = model[5:](maps).gather(1, LABELS[:8, None]).sum()
    weight = torch.autograd.grad(picked, maps)[0].mean(dim=(2, 3), keepdim=True)
    by_hand = (weight * maps).sum(dim=1).relu().detach().numpy()
    np.testing.assert_allclose(tensor(found, "grad_cam_values/4"), by_hand, atol=1e-6)
    assert by_hand.max() > 0
    assert image(found, "grad_cam/4").ndim == 3


def test_integrated_gradients_are_captums_and_add_up() -> None:
    model = convnet()
    found = attribute(model, IMAGES, LABELS)
    theirs, delta = IntegratedGradients(model).attribute(
        IMAGES[:8], target=LABELS[:8], n_steps=24, return_convergence_delta=True
    )
    values = tensor(found, "integrated_gradients_values/model")
    np.testing.assert_allclose(values, theirs.detach().numpy(), atol=1e-6)
    assert scalar(found, "convergence_delta/model") == pytest.approx(delta.abs().mean().item(), abs=1e-6)
    with torch.no_grad():
        change = (model(IMAGES[:8]) - model(torch.zeros(8, 2, 8, 8))).gather(1, LABELS[:8, None])[:, 0].numpy()
    np.testing.assert_allclose(values.sum(axis=(1, 2, 3)), change, atol=0.01)
    assert image(found, "integrated_gradients/model").dtype == np.uint8


def test_a_regression_is_attributed_by_the_sum_of_its_outputs() -> None:
    model = table_net(outputs=2)
    targets = torch.ones(9, 2) / 3
    found = unchanged(model, lambda: attribute(model, TABLE, targets))
    theirs = IntegratedGradients(lambda x: model(x).sum(dim=1)).attribute(TABLE[:8], n_steps=24)
    np.testing.assert_allclose(tensor(found, "integrated_gradients_values/model"), theirs.detach().numpy(), atol=1e-6)
    assert "grad_cam" not in {tag.partition("/")[0] for tag in tags(found)}


def test_without_targets_the_largest_output_is_asked_about() -> None:
    model = sharp()
    predicted = model(IMAGES).argmax(dim=1)
    assert len(predicted.unique()) > 1
    a, b = attribute(model, IMAGES), attribute(model, IMAGES, predicted)
    np.testing.assert_array_equal(
        tensor(a, "integrated_gradients_values/model"), tensor(b, "integrated_gradients_values/model")
    )


def test_conductance_is_captums() -> None:
    model = table_net()
    found = attribute(model, TABLE, torch.randn(9, 1))
    theirs = LayerConductance(model, model[1]).attribute(TABLE[:8], target=0, n_steps=24)
    by_hand = theirs.detach().abs().mean(dim=0).numpy()
    np.testing.assert_allclose(vector(found, "unit_conductance/1"), by_hand, atol=1e-6)


def test_a_unit_that_the_head_ignores_conducts_nothing() -> None:
    model = table_net()
    with torch.no_grad():
        model[2].weight[:, 3] = 0
    conductance = vector(attribute(model, TABLE, torch.randn(9, 1)), "unit_conductance/1")
    assert conductance[3] == 0
    assert (np.delete(conductance, 3) > 0).all()


def test_tokens_are_attributed_through_their_embedding() -> None:
    model = reader()
    found = unchanged(model, lambda: attribute(model, TOKENS, torch.arange(9) % 3))
    assert found.problems == ()
    theirs = LayerIntegratedGradients(model, model.words).attribute(
        TOKENS[:8], baselines=torch.full_like(TOKENS[:8], 2), target=torch.arange(8) % 3, n_steps=24
    )
    values = tensor(found, "integrated_gradients_values/model")
    assert values.shape == (8, 6)
    np.testing.assert_allclose(values, theirs.sum(dim=-1).detach().numpy(), atol=1e-6)


def test_tokens_without_an_embedding_are_a_problem_in_words() -> None:
    class OneHot(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(20, 3)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(nn.functional.one_hot(tokens, 20).float().mean(dim=1))

    found = attribute(OneHot().eval(), TOKENS)
    assert any("no nn.Embedding" in p for p in found.problems)


def test_occlusion_is_captums() -> None:
    model = convnet()
    found = unchanged(model, lambda: occlude(model, IMAGES, LABELS))
    with torch.no_grad():
        theirs = Occlusion(model).attribute(IMAGES[:8], (2, 1, 1), (2, 1, 1), target=LABELS[:8], baselines=0)
    np.testing.assert_allclose(tensor(found, "occlusion_values/model"), theirs.numpy(), atol=1e-6)
    assert image(found, "occlusion/model").ndim == 3


def test_occlusion_of_a_feature_is_the_fall_of_the_output() -> None:
    model = table_net()
    values = tensor(occlude(model, TABLE, torch.randn(9, 1)), "occlusion_values/model")
    with torch.no_grad():
        for feature in range(5):
            covered = TABLE[:8].clone()
            covered[:, feature] = 0
            np.testing.assert_allclose(values[:, feature], (model(TABLE[:8]) - model(covered))[:, 0].numpy(), atol=1e-6)


def test_occluded_tokens_become_padding() -> None:
    model = reader()
    values = tensor(occlude(model, TOKENS, torch.zeros(9, dtype=torch.long)), "occlusion_values/model")
    covered = TOKENS[:8].clone()
    covered[:, 5] = 2
    with torch.no_grad():
        fall = (model(TOKENS[:8]) - model(covered))[:, 0]
    np.testing.assert_allclose(values[:, 5], fall.numpy(), atol=1e-6)


def test_random_weights_keep_their_scale_and_nothing_else() -> None:
    model = convnet()
    state = torch.get_rng_state()
    random = redrawn(model)
    assert torch.equal(torch.get_rng_state(), state)
    for (name, before), after in zip(model.named_parameters(), random.parameters(), strict=True):
        assert torch.equal(before, after) == (before.std() == 0), name  # the scales of batch norm were all one
        assert after.mean().item() == pytest.approx(before.mean().item(), abs=4 * before.std().item() / before.numel() ** 0.5)
    torch.testing.assert_close(random[4].weight.std(), model[4].weight.std(), rtol=0.2, atol=0)
    assert all(torch.equal(a, b) for a, b in zip(redrawn(model).parameters(), random.parameters(), strict=True))


def test_pruned_weights_are_randomised_too() -> None:
    model = table_net()
    prune.l1_unstructured(model[0], "weight", amount=0.3)
    random = redrawn(model)
    assert not torch.equal(random[0].weight, model[0].weight)
    found = attribute(replica(model), TABLE)
    assert found.problems == ()
    values, others = (tensor(found, f"integrated_gradients_{n}/model") for n in ("values", "randomised"))
    assert not np.allclose(values, others)


def test_agreement_is_spearmans_over_what_differs_from_the_baseline() -> None:
    def ranks(x: np.ndarray) -> np.ndarray:
        return (x[:, None] > x).sum(axis=1) + ((x[:, None] == x).sum(axis=1) + 1) / 2

    def spearman(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.corrcoef(ranks(x), ranks(y))[0, 1])

    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 6, (4, 30)).astype(np.float32) for _ in range(2))
    assert rank_correlation(a[0], b[0]) == pytest.approx(spearman(a[0], b[0]), abs=1e-9)
    counted = rng.random((4, 30)) < 0.7
    expected = np.mean([spearman(np.abs(x[k]), np.abs(y[k])) for x, y, k in zip(a, b, counted, strict=True)])
    assert agreement(a, b, counted) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(rank_correlation(np.ones(5, np.float32), a[0, :5]))


def test_the_agreement_told_is_that_of_the_two_tensors() -> None:
    found = attribute(table_net(), TABLE, torch.randn(9, 1))
    values, others = (tensor(found, f"integrated_gradients_{n}/model") for n in ("values", "randomised"))
    assert scalar(found, "attribution_agreement/model") == pytest.approx(agreement(values, others, values == values), abs=1e-9)
    assert not np.allclose(values, others)


def test_an_autoencoder_is_not_asked() -> None:
    model, x = autoencoder(), torch.randn(6, 16)
    found = attribute(model, x, x)
    assert tags(found) == set()
    assert found.problems == ()


def test_a_relu_called_twice_and_a_loop_without_gradients_in_autocast() -> None:
    torch.manual_seed(7)
    model = Reused().eval()
    outside = attribute(model, TABLE, torch.arange(9) % 3)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        inside = unchanged(model, lambda: attribute(model, TABLE, torch.arange(9) % 3))
    assert outside.problems == inside.problems == ()
    for name in ("unit_conductance/relu",):
        np.testing.assert_array_equal(vector(inside, name), vector(outside, name))
        assert vector(inside, name).shape == (4,)


def test_further_arguments_go_along() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(5, 2)

        def forward(self, x: torch.Tensor, weight: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.head(x * weight)}

    model, weight = Two().eval(), torch.rand(9, 5)
    found = attribute(model, (TABLE, weight), torch.zeros(9, dtype=torch.long))
    by_hand = (TABLE * weight)[:8] * model.head.weight[0]
    np.testing.assert_allclose(tensor(found, "integrated_gradients_values/model"), by_hand.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [({"x": TABLE}, "not dict"), (torch.ones(5), "shape (5,)"), ((), "not nothing"), (torch.ones(4, 7), "RuntimeError")],
)
def test_inputs_that_cannot_be_attributed_are_a_problem_in_words(inputs: object, words: str) -> None:
    found = attribute(table_net(), inputs)
    assert len(found.problems) == 1
    assert words in found.problems[0]


def test_a_model_that_raises_is_a_problem_in_one_line() -> None:
    assert attribute(Raising(), TABLE).problems == ("attributions: RuntimeError: no pass today",)
    assert occlude(Raising(), TABLE).problems == ("attributions: RuntimeError: no pass today",)


def test_without_captum_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    problems = attribute(table_net(), TABLE).problems
    assert len(problems) == 2
    assert all("pip install captum" in p for p in problems)


def test_what_is_not_finite_does_not_end_the_look() -> None:
    x = IMAGES.clone()
    x[0, 0, 0, 0] = torch.nan
    found = attribute(convnet(), x, LABELS)
    assert found.problems == ()
    assert np.isnan(scalar(found, "convergence_delta/model"))


def test_large_pictures_are_averaged_and_cut_to_size() -> None:
    rng = np.random.default_rng(0)
    large = rng.random((8, 3, 224, 225), dtype=np.float32)
    kept = within(large)
    assert kept is not None
    assert kept.nbytes <= 256 * 1024
    assert kept.shape == (6, 3, 56, 56)
    np.testing.assert_allclose(kept[2, 1, 3, 5], large[2, 1, 12:16, 20:24].mean(), rtol=1e-5)
    assert averaged(large[:1], 100).shape == (1, 3, 2, 2)
    assert within(np.zeros((2, 100_000), np.float32)) is None
    few = rng.random((3, 5), dtype=np.float32)
    np.testing.assert_array_equal(within(few), few)


def test_every_measure_is_described_once() -> None:
    names = [m.name for m in MEASURES]
    assert len(names) == len(set(names))
    found = attribute(convnet(), IMAGES, LABELS) + occlude(convnet(), IMAGES, LABELS)
    assert {tag.partition("/")[0] for tag in tags(found)} <= set(names)
    assert all(isinstance(m, MeasureInfo) and m.meaning for m in MEASURES)
