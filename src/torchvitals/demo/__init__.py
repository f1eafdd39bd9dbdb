"""Small networks on handwritten digits: one healthy, four each with one fault; and four to look into."""

from __future__ import annotations

from torchvitals.demo.scenarios import Scenario, scenarios
from torchvitals.demo.showcases import showcases
from torchvitals.demo.training import train

__all__ = ["Scenario", "scenarios", "showcases", "train"]
