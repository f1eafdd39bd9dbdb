"""What the dashboard ships beside its code."""

from __future__ import annotations

import tomllib

import pytest
from apps.values import DASHBOARD

from torchvitals.present.theme import CATEGORICAL, SEQUENTIAL


@pytest.fixture
def config() -> dict:
    return tomllib.loads((DASHBOARD / ".streamlit" / "config.toml").read_text())


def test_it_stays_on_this_machine_and_tells_nobody(config: dict) -> None:
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["server"]["showEmailPrompt"] is False
    assert config["browser"]["gatherUsageStats"] is False


def test_light_and_dark_follow_the_system(config: dict) -> None:
    assert set(config["theme"]) == {"light", "dark"}  # any other key would pin the page to light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chart_colours_are_those_of_the_theme(config: dict, scheme: str) -> None:
    assert tuple(config["theme"][scheme]["chartCategoricalColors"]) == CATEGORICAL
    assert tuple(config["theme"][scheme]["chartSequentialColors"]) == SEQUENTIAL
    assert len(CATEGORICAL) == len(SEQUENTIAL) == 10


def test_no_folder_and_no_icon_that_streamlit_would_misread() -> None:
    assert not (DASHBOARD / "pages").exists()  # legacy navigation would run its files without app.py
    for source in DASHBOARD.rglob("*.py"):
        assert ":material/" not in source.read_text(encoding="utf-8"), "it makes the browser ask another host for the icon"
