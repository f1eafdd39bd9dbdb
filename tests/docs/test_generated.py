import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from torchvitals.diagnosis.engine import all_rules

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path, generate: ModuleType) -> Path:
    """A tree with freshly generated pages."""
    (tmp_path / "README.md").write_text("Before\n<!-- symptoms:begin -->\nold\n<!-- symptoms:end -->\nAfter\n")
    generate.write(tmp_path)
    return tmp_path


def test_the_repository_is_fresh(generate: ModuleType) -> None:
    assert generate.stale(ROOT) == []


def test_what_was_just_written_is_fresh(copy: Path, generate: ModuleType) -> None:
    assert generate.stale(copy) == []
    pages = {path.stem for path in (copy / "docs" / "symptoms").glob("*.md")}
    assert pages == {rule.name() for rule in all_rules()} | {"README"}


def test_the_readme_keeps_what_stands_around_the_table(copy: Path) -> None:
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert text.startswith("Before\n")
    assert text.endswith("\nAfter\n")
    assert "\nold\n" not in text
    assert "(docs/symptoms/dead-relu.md)" in text


@pytest.mark.parametrize("page", ["README.md", "docs/symptoms/dead-relu.md", "docs/symptoms/README.md", "docs/measures.md"])
def test_an_edit_by_hand_is_seen(copy: Path, generate: ModuleType, page: str) -> None:
    file = copy / page
    file.write_text(file.read_text(encoding="utf-8").replace("dead", "deaf"), encoding="utf-8")
    assert any(diff.startswith(f"--- {page}") for diff in generate.stale(copy))


def test_a_page_without_a_rule_is_seen_and_removed(copy: Path, generate: ModuleType) -> None:
    left_over = copy / "docs" / "symptoms" / "no-such-symptom.md"
    left_over.touch()
    assert generate.stale(copy) == ["docs/symptoms/no-such-symptom.md: its rule is gone\n"]
    generate.write(copy)
    assert not left_over.exists()


def test_a_page_says_that_it_is_generated(copy: Path) -> None:
    for page in (copy / "docs").rglob("*.md"):
        assert "Generated" in page.read_text(encoding="utf-8").splitlines()[0]
