"""shape-broadcast: outputs and targets of different shapes are compared all with all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, persistent
from torchvitals.diagnosis.consequences import OF_A_BROKEN_CONTRACT
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.loss_kinds import BY_DISTANCE, loss_kind
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeBroadcast(Rule):
    """The loss compares every output with every target of the batch, because their shapes differ and broadcast.

    What it sees:
        The shapes of outputs and targets as the loss was given them, and whether broadcasting spreads them to more elements than
        either has: (N, 1) against (N,) makes N×N differences.

    Why it matters:
        Each output is pulled towards the mean of all targets. The loss falls to the variance of the targets and stays there, as
        if the inputs said nothing; PyTorch warns at most.

    Formula:
        broadcast = 1 in at least half of the recorded steps ∧ the two shapes are equal but for dimensions of size 1 ∧ they have
        different numbers of dimensions.

    When it is wrong:
        Comparing all with all can be meant: contrastive losses, quantile regression with (N, Q, 1) against (N, 1, Q). Those have
        equal numbers of dimensions, or sizes that differ, and are not reported; nor is a target of one number for all outputs.
        With a batch of one nothing is spread.

    What to do:
        Make the shapes equal: squeeze the output or unsqueeze the target.

    References:
        The shapes decide, so there is nothing to tune. Notes S26, C2c.
    """

    code: ClassVar[str] = "TV205"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "broadcast")
    min_steps: ClassVar[int] = 1
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = OF_A_BROKEN_CONTRACT
    notes: ClassVar[tuple[str, ...]] = ("S26", "C2c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a column of outputs against a row of targets",
            program="""
                import warnings

                warnings.simplefilter("ignore")  # PyTorch's own, which a notebook shows once
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, x[:, 20:28].sum(dim=1)) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="an error written out, in a small net",
            program="""
                model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                x = torch.randn(16, 2)
                batches = [(x, x[:, :1] * x[:, 1:])] * 60

                def loss_fn(prediction, target):
                    return ((prediction - target) ** 2).mean()

                def train(vitals):
                    for x, y in batches:
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="shapes that agree",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, x[:, 20:28].sum(dim=1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="a loss over all pairs, which is meant",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=4)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

                def loss_fn(z, y):
                    distance = (z[:, None] - z[None]).pow(2).sum(dim=2)
                    same = (y[:, None] == y[None]).float()
                    return (same * distance + (1 - same) * torch.relu(4 - distance)).mean()
            """,
        ),
        Case(
            name="quantiles against quantiles",
            program="""
                model = nn.Sequential(*mlp(depth=1, activation=nn.ReLU, outputs=5), nn.Unflatten(1, (5, 1)))
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = [(x, x[:, 20:25].sum(dim=1)[:, None, None].expand(-1, 1, 5)) for x, _ in digits(300)]

                def loss_fn(quantiles, targets):
                    return (quantiles - targets).abs().mean()
            """,
        ),
    )

    share: float = 0.5  # of the recorded steps in which it must hold

    def check(self, run: Run) -> Outcome:
        """Read the flag, and make sure by the shapes that the spreading is none that can be meant."""
        assert run.manifest is not None
        series = run.scalar("broadcast", "loss")
        if series is None or not len(series):
            return self.skip("the loss was seen without floating outputs and targets")
        output, target = run.manifest.output_shape or (), run.manifest.target_shape or ()
        spread = series.value == 1
        if not persistent(spread, self.share):
            return self.clean(f"outputs {output} and targets {target} meet one to one")
        if not _mismatched(output, target):
            return self.clean(f"outputs {output} and targets {target} spread, in a way that can be meant")
        return (self._finding(run, run.manifest, first_true(spread, series.step) or 0, int(series.step[-1])),)

    def _finding(self, run: Run, manifest: Manifest, first: int, last: int) -> Finding:
        output, target = manifest.output_shape or (), manifest.target_shape or ()
        state = learning(run)
        exact = loss_kind(manifest) in BY_DISTANCE
        what = "The loss" if exact else "The loss (written in the loop)"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if state.well else Severity.CRITICAL,
            first_step=first,
            last_step=last,
            summary=f"{what} compares outputs {output} with targets {target}: each output with every target of the batch.",
            evidence=(
                Evidence(
                    tag="broadcast/loss",
                    observed=1.0,
                    high=0.0,
                    sentence=f"{output} against {target} broadcasts to more elements than either has",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change=f"Give both one shape: {_repair(output, target)}.",
                    expect="the loss falls below the variance of the targets, where it has been held",
                ),
                Remedy(
                    change="Assert it in the loop: `assert output.shape == target.shape`.",
                    expect="the next mismatch stops at its line",
                ),
            ),
            notes=self.notes,
        )


def _mismatched(output: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether the shapes are those of the same things, with a dimension of size 1 too many on one side."""
    return len(output) != len(target) and [n for n in output if n != 1] == [n for n in target if n != 1]


def _repair(output: tuple[int, ...], target: tuple[int, ...]) -> str:
    if len(output) > len(target):
        return "`output.squeeze(-1)`, or `target.unsqueeze(-1)`"
    return "`target.squeeze(-1)`, or `output.unsqueeze(-1)`"
