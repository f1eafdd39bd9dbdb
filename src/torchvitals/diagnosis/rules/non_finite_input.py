"""non-finite-input: NaN or infinity comes in with the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series, Steps
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.sound import collapse_step


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFiniteInput(Rule):
    """A batch held NaN or infinity, and the loss or the gradients of that step did, too.

    What it sees:
        The count of non-finite elements in the inputs, and the mean of floating targets, at every recorded step; then the
        loss and the gradients of the same steps.

    Why it matters:
        The network and its settings are innocent: no learning rate and no clipping helps against a NaN in the data. One such batch
        is enough to lose all weights.

    Formula:
        nonfinite_inputs > 0, or mean of the targets not finite, for the first time at the first step whose loss or gradients
        are not finite.

    When it is wrong:
        Missing values that the model fills or masks are no fault: the loss stays finite, and that is only mentioned. The same for
        targets left out by a mask. A bad batch between two recorded steps is not seen; non-finite then stands alone.

    What to do:
        Find the samples, clean or drop them, and check every batch with torch.isfinite.

    References:
        UMLAUT looks at the inputs once the loss is NaN; the notes' C2a: are the values plausible. Notes C2a, C2c.
    """

    code: ClassVar[str] = "TV112"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.INPUT
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 1
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "exploding-gradient",
        "gradient-spike",
        "learning-rate-too-high",
        "zero-gradient",
        "weights-not-updating",
        "loss-not-decreasing",
        "loss-spike",
        "loss-divergence",
        "activation-scale-drift",
        "poor-weight-init",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2a", "C2c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a missing value in some of the samples",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [(torch.where(x == x[0, 20], torch.nan, x), y) for x, y in digits(60)]
            """,
        ),
        Case(
            name="targets of a regression that hold an infinity",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 1)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                loss_fn = nn.MSELoss()
                batches = [
                    (x, torch.where(torch.arange(64) == 3, torch.inf, x[:, 30])[:, None] if i % 10 == 5 else x[:, 30:31])
                    for i, (x, _) in enumerate(digits(60))
                ]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="missing values that the model fills",
            program="""
                class Filled(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.body = mlp(depth=2, activation=nn.ReLU)

                    def forward(self, x):
                        return self.body(torch.nan_to_num(x, nan=0.0))

                model = Filled()
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
                batches = [(torch.where(torch.rand_like(x) < 0.05, torch.nan, x), y) for x, y in digits(300)]
            """,
        ),
        Case(
            name="missing targets that a mask leaves out",
            program="""
                model = mlp(depth=2, activation=nn.Tanh, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def loss_fn(out, y):
                    known = ~y.isnan()
                    return ((out[known] - y[known]) ** 2).mean()

                targets = [(x, 5 * x[:, 20:40].mean(1, keepdim=True)) for x, _ in digits(300)]
                batches = [(x, torch.where(torch.rand_like(y) < 0.1, torch.nan, y)) for x, y in targets]
            """,
        ),
    )

    allowed: int = 0  # non-finite elements of a batch that are let pass

    def check(self, run: Run) -> Outcome:
        """The first batch that was not finite and did harm."""
        inputs, targets = run.scalar("nonfinite_inputs", "model"), run.scalar("target_mean", "train")
        if inputs is None and targets is None:
            return self.skip("neither floating inputs nor floating targets were seen")
        places = {
            "inputs": _steps(inputs, None if inputs is None else ~(inputs.value <= self.allowed)),
            "targets": _steps(targets, None if targets is None else ~np.isfinite(targets.value)),
        }
        looked = max(len(s) for s in (inputs, targets) if s is not None)
        if not any(steps.size for steps in places.values()):
            return self.clean(f"inputs and targets finite in {looked} recorded batches")
        harmed = _harmed(run)
        start = int(harmed[0]) if harmed.size else None
        # What came in before and did no harm is filled or masked: it is not what did it now.
        guilty = {name: steps for name, steps in places.items() if steps.size and steps[0] == start}
        if start is None or not guilty:
            count = len(np.unique(np.concatenate(list(places.values()))))
            return self.clean(
                f"{count} of {looked} recorded batches hold NaN or infinity, which reaches neither loss nor gradients"
            )
        return (self._finding(run, start, guilty, inputs),)

    def _finding(self, run: Run, start: int, guilty: dict[str, Steps], inputs: Series | None) -> Finding:
        lasting = collapse_step(run) is not None
        where = " and ".join(guilty)
        count = max(steps.size for steps in guilty.values())
        elements = float(inputs.value[inputs.step == start][0]) if inputs is not None and start in inputs.step else 0.0
        many = f"{elements:g} elements of the inputs are" if "inputs" in guilty else "the mean of the targets is"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.CRITICAL if lasting else Severity.WARNING,
            first_step=start,
            last_step=max(int(steps[-1]) for steps in guilty.values()),
            summary=f"NaN or infinity comes in with the {where} of step {start}; {count} recorded batches hold some.",
            evidence=(
                Evidence(
                    tag="nonfinite_inputs/model" if "inputs" in guilty else "target_mean/train",
                    observed=elements if "inputs" in guilty else float("nan"),
                    low=0.0 if "inputs" in guilty else None,
                    high=0.0 if "inputs" in guilty else None,
                    unit="elements" if "inputs" in guilty else "",
                    sentence=f"{many} not finite at step {start}, the first with a loss or gradient that is not",
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Check inputs and targets of every batch with torch.isfinite(…).all(), and look at the one of step {start}.",
                    expect="the check names the samples; without them the loss stays finite",
                ),
                Remedy(
                    change="Fill missing values (mean, or 0 after standardising, with a column that says so) or drop the samples.",
                    expect="the count of non-finite inputs is zero at every step",
                ),
                Remedy(
                    change="Look at what computes them: a logarithm of zero, a division by a standard deviation of zero.",
                    expect="raw and prepared data have equally many missing values",
                ),
            ),
            notes=self.notes,
        )


def _steps(series: Series | None, bad: np.ndarray | None) -> Steps:
    return np.empty(0, dtype=np.int64) if series is None or bad is None else series.step[bad]


def _harmed(run: Run) -> Steps:
    """Steps at which the loss or a gradient is not finite, ascending."""
    loss = run.scalar("loss", "train")
    found = [] if loss is None else [loss.step[~np.isfinite(loss.value)]]
    found += [s.step[~(s.value <= 0)] for s in run.by_subject("nonfinite_gradients").values()]
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
