"""Vital signs for PyTorch training.

    vitals = torchvitals.watch(model, optimizer, logdir="runs/a", loss_fn=loss_fn)

records while you train; `read`, `diagnose` and `report` say what is wrong, where, since when and what to change. Importing
this package imports neither torch nor plotly; each public name loads what it needs when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchvitals.api import diagnose as diagnose
    from torchvitals.api import read as read
    from torchvitals.api import report as report
    from torchvitals.api import watch as watch
    from torchvitals.core.diagnosis import Diagnosis as Diagnosis
    from torchvitals.core.finding import Finding as Finding
    from torchvitals.core.finding import Severity as Severity
    from torchvitals.core.run import Run as Run
    from torchvitals.errors import TorchvitalsError as TorchvitalsError
    from torchvitals.errors import TrainingStoppedError as TrainingStoppedError
    from torchvitals.explaining import explain as explain

__version__ = "0.1.0"

_HOME = {
    "Diagnosis": "torchvitals.core.diagnosis",
    "Finding": "torchvitals.core.finding",
    "Run": "torchvitals.core.run",
    "Severity": "torchvitals.core.finding",
    "TorchvitalsError": "torchvitals.errors",
    "TrainingStoppedError": "torchvitals.errors",
    "diagnose": "torchvitals.api",
    "explain": "torchvitals.explaining",
    "read": "torchvitals.api",
    "report": "torchvitals.api",
    "watch": "torchvitals.api",
}

__all__ = [
    "Diagnosis",
    "Finding",
    "Run",
    "Severity",
    "TorchvitalsError",
    "TrainingStoppedError",
    "diagnose",
    "explain",
    "read",
    "report",
    "watch",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'torchvitals' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
