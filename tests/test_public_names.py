import ast
import pkgutil
from pathlib import Path

import pytest

import torchvitals

SOURCE = Path(torchvitals.__file__).read_text(encoding="utf-8")


def names_for_type_checkers() -> list[str]:
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    return sorted(
        alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname
    )


def test_all_is_sorted_and_complete() -> None:
    assert torchvitals.__all__ == sorted(torchvitals.__all__)
    assert names_for_type_checkers() == torchvitals.__all__
    assert set(dir(torchvitals)) == {*torchvitals.__all__, "__version__"}


@pytest.mark.parametrize("name", torchvitals.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(torchvitals, name).__doc__


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'wacht'; it offers .*watch"):
        torchvitals.wacht  # noqa: B018


def test_importing_every_submodule_leaves_the_names_alone() -> None:
    """A submodule named like a public function would replace it once imported."""
    submodules = {m.name for m in pkgutil.iter_modules(torchvitals.__path__)}
    assert submodules.isdisjoint(torchvitals.__all__)
