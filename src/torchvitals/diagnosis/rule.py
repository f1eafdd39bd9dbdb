"""What every symptom rule is: thresholds as fields, one method, and its own documentation."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from torchvitals.core.finding import Clean, Outcome, Severity, Skipped, Why
from torchvitals.core.run import Run

HEADINGS = ("What it sees", "Why it matters", "Formula", "When it is wrong", "What to do", "References")


class Stage(IntEnum):
    """Where in the chain of causes a symptom stands; what comes first explains what comes later."""

    NUMERICS = 0
    INPUT = 1
    CONTRACT = 2  # between outputs, loss and targets
    LOOP = 3  # zero_grad, step, which parameters are optimized
    INIT = 4
    LEARNING_RATE = 5
    FLOW = 6  # gradients through depth and time
    UNITS = 7  # dead and saturated units
    LOSS = 8  # what the loss curve alone shows
    DATA = 9
    GENERALISATION = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A small real training program that has, or has not, the symptom.

    `program` is Python that the tests run with `torch`, `nn`, `digits` and `mlp` at hand; it must define `model` and
    `optimizer` and may define `loss_fn`, `batches` or a whole `train(vitals)`.
    """

    name: str
    program: str
    module: str | None = None  # the module a sick case must be located at


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(ABC):
    """One symptom. Its dataclass fields are its thresholds; its docstring is its documentation.

    `check` may assume that every measure of `needs` is present and that at least `min_steps` steps were recorded: the
    engine sees to that, and to the learning gate for rules that are `gated`.
    """

    code: ClassVar[str]  # stable short code
    severity: ClassVar[Severity]  # the worst it can report
    stage: ClassVar[Stage]
    needs: ClassVar[tuple[str, ...]]  # measures without which it is skipped
    min_steps: ClassVar[int]  # recorded steps without which it is skipped
    whole: ClassVar[bool] = False  # True: it also sees the steps after everything has turned NaN
    gated: ClassVar[bool]  # True: its only harm is not learning, so a run that learns well gets `info` at most
    explains: ClassVar[tuple[str, ...]]  # symptoms that follow from this one
    notes: ClassVar[tuple[str, ...]]  # ids of the course-notes items it serves
    sick: ClassVar[tuple[Case, ...]]
    healthy: ClassVar[tuple[Case, ...]]

    @classmethod
    def name(cls) -> str:
        """The stable symptom name, derived from the class name: `DeadRelu` is `dead-relu`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def summary(cls) -> str:
        """The first line of the documentation."""
        return cls.documentation().partition("\n")[0]

    @classmethod
    def documentation(cls) -> str:
        """The docstring, unindented: the docs page, `torchvitals symptoms NAME` and the dashboard's help are made of it."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def sections(cls) -> dict[str, str]:
        """The documentation by its headings (`HEADINGS`); the text before the first heading is not in it."""
        parts = re.split(rf"^({'|'.join(HEADINGS)}):\s*\n", cls.documentation(), flags=re.MULTILINE)
        return {head: inspect.cleandoc(body) for head, body in zip(parts[1::2], parts[2::2], strict=True)}

    @abstractmethod
    def check(self, run: Run) -> Outcome:
        """Findings, or why there are none, or why the rule could not judge."""

    def clean(self, reason: str) -> Clean:
        """Judged, nothing found: the value seen, against its band."""
        return Clean(rule=self.name(), reason=reason)

    def skip(self, reason: str, why: Why = Why.NOT_APPLICABLE) -> Skipped:
        """Could not judge, and why: mostly because there is nothing in this training that it could judge."""
        return Skipped(rule=self.name(), reason=reason, why=why)

    def too_early(self, reason: str) -> Skipped:
        """There is not enough evidence yet: a longer log would have it."""
        return self.skip(reason, Why.TOO_EARLY)
