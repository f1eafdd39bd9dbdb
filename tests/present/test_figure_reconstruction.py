"""Input above, reconstruction below."""

from __future__ import annotations

import numpy as np
import pytest
from present.learned_samples import autoencoder_run

from torchvitals.present.figures.reconstruction import SHOWN, reconstruction
from torchvitals.present.learned import tensor_at


def test_inputs_stand_above_their_reconstructions_on_one_scale() -> None:
    run = autoencoder_run()
    inputs, outputs = (tensor_at(run, m, "model", 0) for m in ("probe_inputs", "reconstruction_values"))
    pixels, words = reconstruction(inputs, outputs).data
    np.testing.assert_allclose(pixels.z[:6, 7:13], inputs[1, 0], rtol=1e-6)
    np.testing.assert_allclose(pixels.z[7:, 7:13], outputs[1, 0], rtol=1e-6)
    assert (pixels.zmin, pixels.zmax) == (inputs[:SHOWN].min(), inputs[:SHOWN].max())
    error = float(np.mean((0.1 * inputs[1]) ** 2))
    assert np.array(words.text)[1, 1] == f"sample 1<br>mean squared error {error:.3g}"


def test_the_same_channel_is_shown_above_and_below() -> None:
    inputs, outputs = np.zeros((1, 2, 3, 3)), np.zeros((1, 2, 3, 3))
    inputs[0, 0], outputs[0, 0], outputs[0, 1] = 1.0, 0.5, 9.0
    assert (reconstruction(inputs, outputs).data[0].z[4:] == 0.5).all()


def test_colours_tables_and_nan_can_be_drawn() -> None:
    rng = np.random.default_rng(0)
    assert reconstruction(rng.uniform(size=(2, 3, 4, 4)), rng.uniform(size=(2, 3, 4, 4))).data[0].type == "image"
    assert reconstruction(np.ones((2, 5)), np.full((2, 5), np.nan)).to_json()


@pytest.mark.parametrize(
    ("inputs", "outputs"), [(None, np.ones((1, 2))), (np.ones((1, 2)), np.ones((1, 3))), (np.ones((0, 2)), np.ones((0, 2)))]
)
def test_what_does_not_fit_is_said(inputs: np.ndarray | None, outputs: np.ndarray) -> None:
    assert "No reconstructions" in reconstruction(inputs, outputs).layout.annotations[0].text
