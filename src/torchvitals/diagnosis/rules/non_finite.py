"""non-finite: NaN or infinity in the loss, the gradients or the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.sound import collapse_step

# What is looked at within one step, in the order in which it happens; a NaN travels down this list.
ORDER = ("nonfinite_inputs", "nonfinite_weights", "nonfinite_activations", "loss", "nonfinite_gradients")
BACKWARDS = frozenset({"nonfinite_gradients"})  # starts at the end of the network


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite(Rule):
    """A number in the training became NaN or infinite.

    What it sees:
        The first recorded step at which the loss, a gradient or a weight holds a NaN or an infinity, and within that step the
        first place: inputs, weights, activations in forward order, loss, gradients from the end of the network.

    Why it matters:
        One NaN spreads through a matrix product to everything behind it; after one update with a NaN gradient the weights are
        lost, and no later step can repair them.

    Formula:
        count of elements with x ≠ x or |x| = ∞, per tensor and recorded step; any count above 0 is found.

    When it is wrong:
        Infinities in activations alone, with a finite loss and finite gradients, are not reported: masks put −∞ into attention
        logits on purpose. A run that is finite again later (a bad batch, a step skipped by a gradient scaler) is a warning, not
        critical. Between two recorded steps the first place can only be narrowed down; record with `every=1` to pin it.

    What to do:
        Look at what comes before it in the findings first: a learning rate that is too high or exploding gradients usually do.
        Otherwise look at the layer named for a logarithm, a division or a square root of something that can reach zero.

    References:
        Amazon SageMaker Debugger, rule ExplodingTensor; the notes' S2.
    """

    code: ClassVar[str] = "TV101"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.NUMERICS
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 1
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("loss-not-decreasing",)
    notes: ClassVar[tuple[str, ...]] = ("S2",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="the logarithm of a ReLU",
            program="""
                class LogOfRelu(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.hidden, self.relu, self.out = nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)

                    def forward(self, x):
                        return self.out(torch.log(self.relu(self.hidden(x))))

                model = LogOfRelu()
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            """,
            module="out",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="attention with a −∞ mask",
            program="""
                class Masked(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.embed, self.out = nn.Linear(8, 16), nn.Linear(16, 10)
                        self.attend = nn.MultiheadAttention(16, 2, batch_first=True)

                    def forward(self, x):
                        h = self.embed(x.view(-1, 8, 8))
                        mask = torch.full((8, 8), -torch.inf).triu(1)
                        return self.out(self.attend(h, h, h, attn_mask=mask, need_weights=False)[0][:, -1])

                model = Masked()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
    )

    def check(self, run: Run) -> Outcome:
        """The earliest bad step, and the first bad place in it."""
        bad = {
            (m, s): steps for m in ORDER for s, series in self._series(run, m).items() if (steps := _bad_steps(m, series)).size
        }
        harmful = {key: steps for key, steps in bad.items() if key[0] not in {"nonfinite_activations", "nonfinite_inputs"}}
        if not harmful:
            looked = sum(len(self._series(run, m)) for m in ORDER)
            masked = f"; infinities in {len(bad)} activations or inputs reach neither loss nor gradients" if bad else ""
            return self.clean(f"loss, gradients and weights finite at every recorded step ({looked} series){masked}")
        first = min(int(steps[0]) for steps in harmful.values())
        measure, subject = self._first_place(bad, first)
        lasting = collapse_step(run) is not None
        where = {"loss": "the loss", "nonfinite_inputs": "the inputs"}.get(measure, subject)
        what = measure.removeprefix("nonfinite_").rstrip("s") if measure != "loss" else "value"
        after = _last_good_step(run, first)
        since = f"at step {first}" if after is None or after == first - 1 else f"between steps {after} and {first}"
        fate = "and stays so" if lasting else "and is finite again later"
        return (
            Finding(
                symptom=self.name(),
                code=self.code,
                severity=Severity.CRITICAL if lasting else Severity.WARNING,
                module=None if measure in {"loss", "nonfinite_inputs"} else subject,
                modules=tuple(s for (m, s), steps in bad.items() if m == measure and steps[0] == first),
                first_step=first,
                last_step=max(int(steps[-1]) for steps in harmful.values()),
                summary=f"NaN or infinity: first in {where} ({what}), {since}, {fate}.",
                evidence=tuple(
                    _evidence(run, m, s, int(steps[0])) for (m, s), steps in _worst(harmful, (measure, subject), bad)
                ),
                remedies=_remedies(measure),
                notes=self.notes,
            ),
        )

    @staticmethod
    def _series(run: Run, measure: str) -> dict[str, Series]:
        found = run.by_subject(measure)
        return {"train": found["train"]} if measure == "loss" and "train" in found else {} if measure == "loss" else found

    @staticmethod
    def _first_place(bad: dict[tuple[str, str], np.ndarray], first: int) -> tuple[str, str]:
        at_first = [key for key, steps in bad.items() if first in steps]
        measure = next(m for m in ORDER if any(m == key[0] for key in at_first))
        subjects = [s for m, s in at_first if m == measure]
        return measure, subjects[-1 if measure in BACKWARDS else 0]


def _bad_steps(measure: str, series: Series) -> np.ndarray:
    bad = ~np.isfinite(series.value) if measure == "loss" else ~(series.value <= 0)
    return series.step[bad]


def _last_good_step(run: Run, first: int) -> int | None:
    before = run.steps[run.steps < first]
    return int(before[-1]) if before.size else None


def _worst(
    harmful: dict[tuple[str, str], np.ndarray], place: tuple[str, str], bad: dict[tuple[str, str], np.ndarray]
) -> list[tuple[tuple[str, str], np.ndarray]]:
    """The first place, then at most two more that show the spread."""
    others = [item for item in sorted(harmful.items(), key=lambda kv: int(kv[1][0])) if item[0] != place]
    return [(place, bad[place]), *others[:2]]


def _evidence(run: Run, measure: str, subject: str, step: int) -> Evidence:
    series = run.by_subject(measure)[subject]
    value = float(series.value[np.searchsorted(series.step, step)])
    if measure == "loss":
        return Evidence(tag=f"{measure}/{subject}", observed=value, sentence=f"the loss is {value} at step {step}")
    what = measure.removeprefix("nonfinite_")
    sentence = f"{value:g} non-finite elements in the {what} of {subject} at step {step}"
    return Evidence(tag=f"{measure}/{subject}", observed=value, low=0, high=0, unit="elements", sentence=sentence)


def _remedies(measure: str) -> tuple[Remedy, ...]:
    lower = Remedy(
        change="Lower the learning rate by a factor of 10, and clip the gradient norm (torch.nn.utils.clip_grad_norm_).",
        expect="the loss stays finite past this step and the global gradient norm shows no last rise before it",
    )
    guard = Remedy(
        change="Give every log, division and square root in the layer named a small ε, or use the loss that works on logits.",
        expect="the count of non-finite elements is zero in this layer at every step",
    )
    data = Remedy(
        change="Look for NaN in the data set and in the preprocessing: torch.isfinite(x).all() on every batch.",
        expect="the count of non-finite inputs is zero at every step",
    )
    return {"nonfinite_inputs": (data,), "nonfinite_activations": (guard, lower), "loss": (guard, lower)}.get(
        measure, (lower, guard)
    )
