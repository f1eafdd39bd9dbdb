from __future__ import annotations

import numpy as np

from torchvitals.core.manifest import Manifest, ParameterInfo
from torchvitals.present.figures.parameter_share import MOST, parameter_share


def parameter(module: str, *shape: int, trainable: bool = True, optimized: bool = True) -> ParameterInfo:
    return ParameterInfo(name=f"{module}.weight", module=module, shape=shape, trainable=trainable, optimized=optimized)


def test_the_largest_is_on_top_and_shares_add_up() -> None:
    small, large = parameter("head", 10, 10), parameter("body", 30, 10)
    (bars,) = parameter_share(Manifest(parameters=(small, large))).data
    assert list(bars.y) == ["body", "head"]
    assert np.allclose(bars.x, [0.75, 0.25])
    assert list(bars.text) == ["300", "100"]


def test_what_becomes_of_parameters_is_told_apart() -> None:
    parameters = (parameter("a", 50), parameter("b", 30, trainable=False), parameter("c", 20, optimized=False))
    bars = {t.name: list(t.x) for t in parameter_share(Manifest(parameters=parameters)).data}
    assert bars == {"trained": [0.5, 0, 0], "frozen": [0, 0.3, 0], "in no optimizer": [0, 0, 0.2]}


def test_a_thousand_layers_become_a_few_bars_and_the_rest() -> None:
    parameters = tuple(parameter(f"layers.{i}", 1000 - i) for i in range(1000))
    (bars,) = parameter_share(Manifest(parameters=parameters)).data
    assert len(bars.y) == MOST + 1
    assert bars.y[-1] == "984 others"
    assert np.isclose(sum(bars.x), 1)


def test_a_network_without_parameters_says_so() -> None:
    assert not parameter_share(Manifest()).data


def test_a_name_is_text() -> None:
    (bars,) = parameter_share(Manifest(parameters=(parameter("<b>x</b>", 2),))).data
    assert bars.y[0] == "&lt;b&gt;x&lt;/b&gt;"
