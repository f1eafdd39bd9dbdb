"""One sample of the probe as the network sees it."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.present.figures.sample_picture import sample_picture


def test_a_sample_is_drawn_on_the_scale_of_all() -> None:
    inputs = np.arange(32.0).reshape(2, 1, 4, 4)
    heat = sample_picture(inputs, 1).data[0]
    assert (heat.zmin, heat.zmax) == (0, 31)
    np.testing.assert_array_equal(heat.z, inputs[1, 0])


def test_nan_is_framed() -> None:
    inputs = np.ones((1, 1, 4, 4))
    inputs[0, 0, 0, 0] = np.nan
    assert sample_picture(inputs, 0).data[1].name == "not finite"


@pytest.mark.parametrize("inputs", [None, np.ones((3, 5)), np.ones((0, 1, 2, 2))])
def test_what_is_no_picture_says_so(inputs: np.ndarray | None) -> None:
    assert "no picture" in sample_picture(inputs, 0).layout.annotations[0].text
