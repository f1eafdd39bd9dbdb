"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.present.figures.confusion_matrix import WRITTEN, confusion_matrix


def test_colour_is_the_share_of_the_true_class_and_the_text_the_count() -> None:
    heat = confusion_matrix(np.array([[8.0, 2.0], [0.0, 5.0]])).data[0]
    np.testing.assert_allclose(heat.z, [[0.8, 0.2], [0, 1]])
    assert np.array(heat.text).tolist() == [["8", "2"], ["", "5"]]
    assert np.asarray(heat.customdata).tolist() == [[8, 2], [0, 5]]
    assert (heat.zmin, heat.zmax) == (0, 1)


def test_a_class_without_a_sample_is_empty_and_not_never_right() -> None:
    heat = confusion_matrix(np.array([[4.0, 0.0], [0.0, 0.0]])).data[0]
    assert np.isnan(heat.z[1]).all()


def test_many_classes_are_not_written_into_the_cells() -> None:
    figure = confusion_matrix(np.eye(WRITTEN + 80))
    assert figure.data[0].text is None
    assert figure.layout.xaxis.dtick == 5


@pytest.mark.parametrize("counts", [None, np.ones((2, 3)), np.ones(4), np.ones((0, 0))])
def test_what_is_no_confusion_matrix_says_so(counts: np.ndarray | None) -> None:
    assert "No confusion matrix" in confusion_matrix(counts).layout.annotations[0].text
