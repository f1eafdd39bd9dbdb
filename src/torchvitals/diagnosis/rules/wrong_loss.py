"""wrong-loss: head, loss and targets do not belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.consequences import OF_A_BROKEN_CONTRACT
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.loss_faults import LossFault, loss_faults
from torchvitals.diagnosis.loss_kinds import loss_kind
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLoss(Rule):
    """The loss does not suit what the network puts out or what it is compared with.

    What it sees:
        Five pairs that leave their mark in the log: cross-entropy (or a softmax) of a single output, which is constant; a
        negative likelihood below zero, because it was given no log-probabilities or targets outside [0, 1]; class numbers
        compared by distance with C outputs; class numbers fitted by one output; the squared error of a softmax.

    Why it matters:
        The number falls or stands still for reasons that have nothing to do with the task, and the curve does not tell.

    Formula:
        C = 1 ∧ |L| < 1e-6; median of the last tenth of L < 0 ∧ (outputs with ln Σ exp z ≠ 0, or targets outside [0, 1]); distance loss ∧
        C ≥ 2 ∧ one whole number a sample ≤ C − 1; distance loss ∧ C = 1 ∧ whole numbers 0 … K, K ≥ 2, with the mean K/2 and the
        variance K(K + 2)/12 of equally frequent labels; squared error ∧ final softmax ∧ one-hot targets.

    When it is wrong:
        Counts and ratings are whole numbers that may be regressed: they are seldom equally frequent from 0 on, and a run that
        learns is only told (info), unless a sigmoid or tanh bounds the output. Labels of 0 and 1 under squared error are the
        Brier score and LSGAN, and are left alone. Targets outside [0, 1] that a weight masks out leave the loss positive and are
        not reported. A loss that the loop wrote itself is not known, and is not judged.

    What to do:
        One of many classes: one output per class, CrossEntropyLoss, integer labels. Several labels at once: a linear output for
        each, BCEWithLogitsLoss. Numbers: linear output, MSELoss, standardised targets.

    References:
        The pairs are of the documentation of the losses. Of 21 practitioners asked for the fault taxonomy of Humbatova et al.
        (ICSE 2020) 65 % had met a fault of the loss. Notes S26.
    """

    code: ClassVar[str] = "TV204"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss")
    min_steps: ClassVar[int] = 2
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("redundant-softmax", "output-range-mismatch", "target-scale", *OF_A_BROKEN_CONTRACT)
    notes: ClassVar[tuple[str, ...]] = ("S26",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="cross-entropy of one output",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [(x, (y < 5).float()[:, None]) for x, y in digits(100)]
            """,
        ),
        Case(
            name="NLLLoss of raw outputs",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.functional.nll_loss
                batches = digits(100)
            """,
        ),
        Case(
            name="one sigmoid unit for ten classes",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.ReLU, outputs=1), nn.Sigmoid())
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, y.float()[:, None]) for x, y in digits(100)]
            """,
        ),
        Case(
            name="labels of -1 and 1 for BCEWithLogitsLoss",
            program="""
                model = nn.Sequential(nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 1))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
                loss_fn = nn.BCEWithLogitsLoss()
                batches = [(x, 1 - 2 * (y < 5).float()[:, None]) for x, y in digits(150)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="squared error of labels 0 and 1",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.ReLU, outputs=1), nn.Sigmoid())
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, (y < 5).float()[:, None]) for x, y in digits(300)]
            """,
        ),
        Case(
            name="counts, which are whole numbers",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, (x[:, 18:40] > 0.6).sum(dim=1, keepdim=True).float()) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="several labels at once",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=3)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.functional.binary_cross_entropy_with_logits
                batches = [(x, torch.stack([y < 5, y % 2 == 0, y > 6], dim=1).float()) for x, y in digits(300)]
            """,
        ),
    )

    def check(self, run: Run) -> Outcome:
        """The surest fault that the log shows."""
        state, kind = learning(run), loss_kind(run.manifest)
        found = next(loss_faults(run), None)
        if found is not None:
            harmful = found.sure or not state.well
            severity = Severity.CRITICAL if found.sure else Severity.WARNING if harmful else Severity.INFO
            return (self._finding(run, found, severity, state.sentence, state.current),)
        if not kind:
            return self.skip("the loss is not one of those known: its pairing cannot be judged")
        assert run.manifest is not None
        shapes = f"outputs {run.manifest.output_shape}, targets {run.manifest.target_shape} {run.manifest.target_dtype}"
        return self.clean(f"{run.manifest.loss} with {shapes} is none of the pairs that cannot be meant")

    def _finding(self, run: Run, found: LossFault, severity: Severity, sentence: str, loss: float) -> Finding:
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=severity,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=found.summary,
            evidence=(found.evidence, Evidence(tag="loss/train", observed=loss, sentence=sentence)),
            remedies=(
                Remedy(change=found.change, expect=found.expect),
                Remedy(
                    change="Compare outputs and targets of one batch by eye: shapes, types, smallest and largest value.",
                    expect="each output has a target that means the same thing on the same scale",
                ),
            ),
            notes=self.notes,
        )
