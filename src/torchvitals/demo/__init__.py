"""Five small networks on handwritten digits: one healthy, four each with one fault."""

from __future__ import annotations

from torchvitals.demo.scenarios import Scenario, scenarios
from torchvitals.demo.training import train

__all__ = ["Scenario", "scenarios", "train"]
