"""redundant-softmax: the loss takes a softmax or sigmoid of outputs that have been through an activation already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median, persistent
from torchvitals.diagnosis.consequences import OF_A_BROKEN_CONTRACT
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.heads import BOTH_SIDES, Head, columns, head, last_called
from torchvitals.diagnosis.loss_kinds import CROSS_ENTROPY, OF_LOGITS, loss_kind
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.squashed import band, keeps_to_band, squashed_by_the_loop


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundantSoftmax(Rule):
    """The outputs are squashed by an activation before a loss that applies its own softmax or sigmoid to them.

    What it sees:
        Cross-entropy, or binary cross-entropy with logits, of outputs whose rows are not negative and sum to 1, or that a final
        sigmoid, tanh or ReLU has bounded. A softmax that the loop takes between model and loss shows in the loss: the outputs
        are far apart and right, and yet it never falls below what probabilities can reach.

    Why it matters:
        The loss cannot approach zero, however right the network is: of probabilities of ten classes it ends at 1.46 nats. The
        gradient goes through two softmaxes and is small where the network is wrong and sure. Sigmoid before
        BCEWithLogitsLoss keeps every probability between 0.5 and 0.73, so nothing is ever called negative.

    Formula:
        min z ≥ 0 ∧ max_n |Σ_c z_nc − 1| < 1e-3 in at least half of the steps; or the last activation is bounded and the outputs
        have kept to its range in all of them. Least cross-entropy of C outputs in an interval of width w: ln(eʷ + C − 1) − w.

    When it is wrong:
        Outputs that happen to lie between 0 and 1, or an activation that is scaled up afterwards (30·tanh(z/30)), do not keep to
        the range and are not reported; nor are losses that take probabilities (NLLLoss, BCELoss, written out). A loss outside
        the band says that the loss got other outputs than the model returned first; then nothing is reported. log_softmax
        before cross-entropy changes nothing and is info, and so is a ReLU at the end of a network that learns well.

    What to do:
        Give the loss the outputs of the last linear layer; take softmax or sigmoid for predictions only.

    References:
        The pairing is that of the documentation of CrossEntropyLoss and BCEWithLogitsLoss; TheDeepChecker seeds the fault as
        redundant softmax, UMLAUT and NeuraLint look for its opposite. Notes S26.
    """

    code: ClassVar[str] = "TV203"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss", "output_min", "output_max")
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = OF_A_BROKEN_CONTRACT
    notes: ClassVar[tuple[str, ...]] = ("S26", "C3d")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a softmax layer before cross-entropy",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.ReLU), nn.Softmax(dim=1))
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
            module="5",
        ),
        Case(
            name="a softmax in the loop",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

                def train(vitals):
                    for x, y in digits(300):
                        optimizer.zero_grad()
                        loss_fn(torch.softmax(model(x), dim=1), y).backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="a sigmoid before BCEWithLogitsLoss",
            program="""
                class Small(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.hidden, self.out = nn.Linear(64, 16), nn.Linear(16, 1)

                    def forward(self, x):
                        return torch.sigmoid(self.out(torch.relu(self.hidden(x))))

                model = Small()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                loss_fn = nn.BCEWithLogitsLoss()
                batches = [(x, (y < 5).float()[:, None]) for x, y in digits(60)]
            """,
            module="sigmoid#0",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="log-softmax and NLLLoss",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.ReLU), nn.LogSoftmax(dim=1))
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.NLLLoss()
            """,
        ),
        Case(
            name="cross-entropy of a softmax, written out",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.ReLU), nn.Softmax(dim=1))
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

                def loss_fn(p, y):
                    return -torch.log(p[range(len(y)), y] + 1e-9).mean()
            """,
        ),
        Case(
            name="logits softly capped by a tanh",
            program="""
                class Capped(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.net = mlp(depth=2, activation=nn.ReLU)

                    def forward(self, x):
                        return 30 * torch.tanh(self.net(x) / 30)

                model = Capped()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="probabilities returned beside the logits that the loss is given",
            program="""
                class Both(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.net = mlp(depth=2, activation=nn.ReLU)

                    def forward(self, x):
                        z = self.net(x)
                        return torch.softmax(z, dim=1), z

                model = Both()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

                def train(vitals):
                    for x, y in digits(300):
                        optimizer.zero_grad()
                        loss_fn(model(x)[1], y).backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="a sigmoid before BCELoss",
            program="""
                model = nn.Sequential(*mlp(depth=1, activation=nn.Tanh, outputs=1), nn.Sigmoid())
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                loss_fn = nn.BCELoss()
                batches = [(x, (y < 5).float()[:, None]) for x, y in digits(200)]
            """,
        ),
    )

    row_error: float = 1e-3  # largest |Σ − 1| of a row that counts as probabilities; float32 softmax is below 1e-6
    share: float = 0.5  # of the recorded steps in which the rows must be probabilities

    def check(self, run: Run) -> Outcome:
        """Rows that sum to one, then a bounded last activation, then what the loss itself tells."""
        kind = loss_kind(run.manifest)
        if kind not in OF_LOGITS:
            return self.skip(f"{_name(run) or 'the loss of this loop'} is not known to take a softmax or sigmoid of its own")
        low, high = run.scalar("output_min", "model"), run.scalar("output_max", "model")
        if low is None or high is None or not len(low):
            return self.skip("the model's outputs were not recorded")
        last = head(run)
        if kind == CROSS_ENTROPY and self._are_probabilities(run, low) and keeps_to_band(run):
            return (self._squashed(run, "softmax", (0.0, 1.0)),)
        if last is not None and last.kind in BOTH_SIDES and (kind != CROSS_ENTROPY or keeps_to_band(run, last.high - last.low)):
            return (self._squashed(run, last.kind, (last.low, last.high), last),)
        if last is not None and last.low == 0 and last.kind not in BOTH_SIDES and bool((high.value > 0).any()):
            return (self._rectified(run, last),)
        if (seen := squashed_by_the_loop(run)) is not None:
            return (self._by_the_loop(run, *seen),)
        if last is not None and last.kind == "log_softmax" and kind == CROSS_ENTROPY:
            return (self._harmless(run, last),)
        return self.clean(
            f"outputs between {np.nanmin(low.value):.3g} and {np.nanmax(high.value):.3g}: no activation bounds them"
        )

    def _are_probabilities(self, run: Run, low: Series) -> bool:
        error = run.scalar("row_sum_error", "model")
        if error is None or len(error) != len(low) or (columns(run.manifest) or 0) < 2:
            return False
        return persistent((error.value < self.row_error) & (low.value >= 0), self.share)

    def _squashed(self, run: Run, kind: str, bounds: tuple[float, float], last: Head | None = None) -> Finding:
        called = last_called(run.manifest)
        module = last.name if last is not None else (called[0] if called is not None and called[1] == kind else None)
        least = ""
        if loss_kind(run.manifest) == CROSS_ENTROPY and (classes := columns(run.manifest)) is not None and classes > 1:
            floor = band(classes, bounds[1] - bounds[0])[0]
            least = f", so the loss of {classes} classes cannot fall below {floor:.3g}"
        elif kind in ("sigmoid", "softmax", "hardsigmoid"):
            least = ", so every probability lies between 0.5 and 0.73"
        return self._finding(
            run,
            f"The outputs have been through a {kind} when {_name(run)} applies its own{least}.",
            module,
            Evidence(
                tag="output_max/model",
                observed=median(_values(run, "output_max")),
                high=bounds[1],
                sentence=f"in all recorded steps the outputs lie between {bounds[0]:g} and {bounds[1]:g}",
            ),
            f"Remove the {kind} from what the loss is given; apply it only where probabilities are read.",
        )

    def _by_the_loop(self, run: Run, loss: float, right: float, least: float) -> Finding:
        return self._finding(
            run,
            f"The loss ends at {loss:.3g} although {right:.0%} are right and the outputs are sure: it is taken of their softmax.",
            None,
            Evidence(
                tag="loss/train",
                observed=loss,
                high=least,
                unit="nats",
                sentence=f"no loss is outside the band of probabilities, which begins at {least:.3g}",
            ),
            f"Remove the softmax between the model and {_name(run)}.",
        )

    def _rectified(self, run: Run, last: Head) -> Finding:
        return self._finding(
            run,
            f"{_name(run)} is given the outputs of {last.kind} ({last.name}): none of them can be negative.",
            last.name,
            Evidence(
                tag="output_min/model",
                observed=median(_values(run, "output_min")),
                sentence="the smallest output is never below 0; an output at 0 has no gradient",
            ),
            f"End with the linear layer: remove {last.name}.",
            Severity.INFO if learning(run).well else Severity.WARNING,
        )

    def _harmless(self, run: Run, last: Head) -> Finding:
        return self._finding(
            run,
            f"{_name(run)} takes the log-softmax of outputs that {last.name} has taken it of: the same result, computed twice.",
            last.name,
            Evidence(
                tag="output_max/model", observed=median(_values(run, "output_max")), high=0.0, sentence="no output is above 0"
            ),
            f"Remove {last.name}, or use NLLLoss.",
            Severity.INFO,
        )

    def _finding(
        self, run: Run, summary: str, module: str | None, seen: Evidence, change: str, severity: Severity | None = None
    ) -> Finding:
        state = learning(run)
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=severity or (Severity.WARNING if state.well else Severity.CRITICAL),
            module=module,
            modules=() if module is None else (module,),
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=summary,
            evidence=(seen, Evidence(tag="loss/train", observed=state.current, sentence=state.sentence)),
            remedies=(
                Remedy(change=change, expect="outputs of both signs without bounds, and a loss that falls towards zero"),
                Remedy(
                    change="Or keep the probabilities and take the loss that wants them: NLLLoss of log_softmax, BCELoss of sigmoid.",
                    expect="the same loss values as with logits",
                ),
            ),
            notes=self.notes,
        )


def _values(run: Run, measure: str) -> np.ndarray:
    series = run.scalar(measure, "model")
    return series.value if series is not None else np.empty(0)


def _name(run: Run) -> str:
    return run.manifest.loss if run.manifest is not None else ""
