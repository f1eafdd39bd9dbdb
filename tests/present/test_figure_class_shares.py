from __future__ import annotations

import numpy as np
from hand_made import run_of

from torchvitals.core.run import Run
from torchvitals.present.figures.class_shares import MOST, class_shares, counted


def counts(targets: list[list[float]], predictions: list[list[float]] | None = None) -> Run:
    vectors = {"target_class_count/train": targets}
    if predictions is not None:
        vectors["predicted_class_count/train"] = predictions
    return run_of({}, vectors=vectors)


def test_targets_are_of_the_whole_run_and_predictions_of_its_end() -> None:
    predicted = [[0.0, 10.0]] * 8 + [[6.0, 4.0], [8.0, 2.0]]
    targets, predictions = class_shares(counts([[2.0, 8.0]] * 10, predicted)).data
    assert list(targets.x) == ["0", "1"]
    assert np.allclose(targets.y, [0.2, 0.8])
    assert np.allclose(predictions.y, [0.7, 0.3])


def test_of_many_classes_the_most_frequent_and_the_rarest_are_drawn() -> None:
    figure = class_shares(counts([list(np.arange(1000.0) + 1)]))
    shown = [int(c) for c in figure.data[0].x]
    assert len(shown) == MOST
    assert shown[0] == 999
    assert shown[-1] == 0
    assert "of 1,000" in figure.layout.xaxis.title.text


def test_counts_that_are_not_finite_count_as_none() -> None:
    total = counted(counts([[1.0, np.nan], [2.0, 3.0]]), "target_class_count")
    assert total is not None
    assert total.tolist() == [3.0, 3.0]


def test_a_network_that_predicts_nothing_has_targets_only() -> None:
    assert [t.name for t in class_shares(counts([[1.0, 1.0]], [[0.0, 0.0]])).data] == ["targets"]


def test_targets_that_are_no_classes_are_said_to_be_none() -> None:
    figure = class_shares(Run(name="e"))
    assert not figure.data
    assert "no class indices" in figure.layout.annotations[0].text
