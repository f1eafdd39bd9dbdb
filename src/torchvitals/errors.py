"""Every error torchvitals raises on purpose, as one tree.

TorchvitalsError
├── TagError              a tag that cannot be parsed or printed
├── RecordingError        `watch` was called with something it cannot attach to
├── LogError              the log exists but cannot be used
│   ├── LogNotFoundError  nothing at that path
│   └── EmptyLogError     a path without a single recorded point
├── ConfigError           an unknown or ill-typed setting
├── TrainingStoppedError  a finding that `watch(stop_on=…)` was to stop the training for
└── MissingDependencyError   an optional package is not installed

Each message ends with what to do next. Inside a training loop none of these is ever raised, but for `TrainingStoppedError`
where `stop_on` asks for it: see `record.loop`.
"""

from typing import Any


class TorchvitalsError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns for it."""

    exit_code = 4


class TagError(TorchvitalsError, ValueError):
    """A tag that cannot be parsed or printed without loss."""


class RecordingError(TorchvitalsError, ValueError):
    """`watch` was given a model, optimizer or folder it cannot attach to."""

    exit_code = 2


class LogError(TorchvitalsError):
    """A log that exists but cannot be used."""

    exit_code = 3


class LogNotFoundError(LogError, FileNotFoundError):
    """No file or folder at the path given."""


class EmptyLogError(LogError):
    """A folder or file without one recorded point."""


class ConfigError(TorchvitalsError, ValueError):
    """An unknown rule, threshold or setting."""

    exit_code = 2


class TrainingStoppedError(TorchvitalsError, RuntimeError):
    """A finding that `watch(stop_on=…)` was to stop the training for; `finding` is that finding.

    It is raised by the optimizer's step that was under way when the finding was confirmed; the weights have been updated.
    """

    def __init__(self, message: str, finding: Any = None) -> None:
        super().__init__(message)
        self.finding = finding


class MissingDependencyError(TorchvitalsError, ImportError):
    """An optional package is needed for this call and is not installed."""

    exit_code = 2
