"""underfitting: the updates are healthy, but the network is too small for what it is to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.curves import adversarial, error_of_median, finite_loss, latest, span
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.layers import after_warmup, row_median, update_ratios, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Underfitting(Rule):
    """The network is too small: its weights move as they should, and the loss stays high.

    What it sees:
        A loss that lies at the constant prediction although the relative updates are in the healthy band, in a network without a
        hidden layer, or with one of at most two units; and, where it was logged, a validation loss like the training loss.

    Why it matters:
        What the network cannot express no learning rate will teach it. A line cannot part an inner from an outer circle.

    Formula:
        Loss of the last fifth ≥ 0.9 × reference (info from 0.5 on), no lower than the fifth before it by more than three standard errors; median
        ‖Δw‖/‖w‖ in [1e-4, 3e-2]; narrowest trained layer before the last ≤ 2 units, or only one trained layer; L_val − L_train ≤
        0.25 × reference.

    When it is wrong:
        A small network on data without structure looks the same: labels that have nothing to do with the inputs. Then a larger
        network fails on validation, too. Whether a wide network is too small the loss cannot tell; it is not accused. A run that
        learns is info at most.

    What to do:
        A wider or deeper network; then overfit a handful of samples to see that it can.

    References:
        The notes' S14: the loss does not fall though the updates are healthy. Healthy band of the updates: 51 small runs, see
        learning-rate-too-high. Notes C2b, S14.
    """

    code: ClassVar[str] = "TV912"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.GENERALISATION
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss", "update_ratio", "weight_norm")
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("loss-not-decreasing", "loss-plateau")
    notes: ClassVar[tuple[str, ...]] = ("C2b", "S14", "O9")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a line through an exclusive or",
            program="""
                model = nn.Linear(2, 1)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.BCEWithLogitsLoss()
                points = [2 * torch.rand(64, 2) - 1 for _ in range(300)]
                batches = [(x, (x[:, :1] * x[:, 1:] > 0).float()) for x in points]
            """,
        ),
        Case(
            name="circles within circles through one hidden unit",
            program="""
                model = nn.Sequential(nn.Linear(2, 1), nn.Tanh(), nn.Linear(1, 2))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                points = [2 * torch.rand(64, 2) - 1 for _ in range(300)]
                batches = [(x, (torch.sin(9 * x.norm(dim=1)) > 0).long()) for x in points]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a line where a line is enough",
            program="""
                model = nn.Linear(64, 10)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
            """,
        ),
        Case(
            name="the exclusive or in a net of two, four and one",
            program="""
                model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-2)
                loss_fn = nn.BCEWithLogitsLoss()
                points = [2 * torch.rand(64, 2) - 1 for _ in range(300)]
                batches = [(x, (x[:, :1] * x[:, 1:] > 0).float()) for x in points]
            """,
        ),
    )

    width: int = 2  # units of the narrowest hidden layer that is called too narrow
    low: float = 1e-4  # ‖Δw‖/‖w‖ below which the learning rate is the cause, not the network
    high: float = 3e-2  # … and above which
    warmup: int = 10  # steps not looked at
    gap: float = 0.25  # of the reference loss: a validation loss so far above training is not underfitting
    poor: float = 0.5  # of the reference: a run that learns is remarked on above that
    errors: float = 3.0  # standard errors within which the loss is flat
    span: int = 100  # steps of the run, at the least

    def check(self, run: Run) -> Outcome:
        """High, flat, moving, narrow: all four."""
        loss, state = finite_loss(run, "train"), learning(run)
        if loss is None or len(loss) < self.min_steps or span(loss) < self.span:
            return self.skip(f"fewer than {self.min_steps} finite losses over {self.span} steps")
        if adversarial(run):
            return self.skip("several optimizers: a high loss is no sign of a network that is too small")
        if not (state.status == "stalled" or (state.well and state.current > self.poor * abs(state.reference))):
            return self.clean(state.sentence)
        layers, matrices = weights(run), _matrices(run)
        if not layers or any(not p.optimized for p in layers):
            return self.clean("weights that no optimizer owns: not a matter of the network's size")
        narrowest = min((p.shape[0] for p in matrices[:-1]), default=0)
        if len(matrices) > 1 and narrowest > self.width:
            return self.clean(f"the narrowest hidden layer has {narrowest} units; no sign that the network is too small")
        moved = self._moved(run, layers)
        if not self.low <= moved <= self.high:
            return self.clean(f"updates of {moved:.2g} are out of the healthy band: not a matter of the network's size")
        last, before = latest(loss, 0.2), latest(loss, 0.4)
        fall = median(before.value[: len(before) - len(last)]) - median(last.value)
        if fall > self.errors * 2**0.5 * error_of_median(last.value):
            return self.clean(f"the loss is still falling ({fall:.2g} from one fifth to the next)")
        validation = finite_loss(run, "val")
        if validation is not None and median(validation.value[-3:]) - state.current > self.gap * abs(state.reference):
            return self.clean("training and validation loss differ: not a matter of the network's size")
        return (self._finding(run, layers, state, moved),)

    def _moved(self, run: Run, layers: Sequence[ParameterInfo]) -> float:
        steps, ratio = update_ratios(run, layers)
        return median(row_median(ratio)[after_warmup(steps, self.warmup)]) if steps.size else float(np.nan)

    def _finding(self, run: Run, layers: Sequence[ParameterInfo], state: Learning, moved: float) -> Finding:
        narrow = min(_matrices(run)[:-1], key=lambda p: p.shape[0], default=None)
        size = sum(p.size for p in layers)
        what = "has no hidden layer" if narrow is None else f"passes everything through {narrow.shape[0]} hidden units"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=None if narrow is None else narrow.module,
            modules=() if narrow is None else (narrow.module,),
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"The network {what} ({size} weights): its updates are healthy ({moved:.2g}), yet {state.sentence}.",
            evidence=(
                Evidence(
                    tag=f"update_ratio/{layers[0].name}",
                    observed=moved,
                    low=self.low,
                    high=self.high,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ {moved:.2g} (median of the weights): the optimizer does its part",
                ),
                Evidence(tag="loss/train", observed=state.current, high=0.9 * state.reference, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Add a hidden layer of 16 units or more with ReLU or tanh, or widen the narrowest one.",
                    expect="the loss leaves the constant prediction within some hundred steps",
                ),
                Remedy(
                    change="Overfit 16 samples with the larger network, without dropout or decay.",
                    expect="the loss goes to zero; if not, inputs and targets do not belong together",
                ),
            ),
            notes=self.notes,
        )


def _matrices(run: Run) -> list[ParameterInfo]:
    """Every weight of two dimensions and more in forward order, frozen ones and embeddings as well: they are layers, too."""
    assert run.manifest is not None
    return [p for p in run.manifest.parameters if len(p.shape) >= 2]
