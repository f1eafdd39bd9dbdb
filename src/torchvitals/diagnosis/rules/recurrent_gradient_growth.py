"""recurrent-gradient-growth: a gradient that grows with every step back in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import faint
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.sequences import MEASURES, gradients_through_time, growth


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentGradientGrowth(Rule):
    """The gradient through time grows like a power of the number of steps, so that long sequences explode.

    What it sees:
        The norm of the loss's gradient for the input of every time step, or for the state after every call of a cell, on a
        log scale against time; and the largest singular value of the recurrent weights.

    Why it matters:
        With a recurrent matrix that stretches the state at each step, the earliest steps decide the whole update, by chance:
        the forward pass is as sensitive to them. Twice the sequence squares the factor; then one step ruins the weights.

    Formula:
        log‖∂L/∂x_t‖ rises towards the past by a factor f > 1.05 a step, on a straight line (R² > 0.8), and f^T > 100, in at
        least half of the recorded steps; σ_max of a recurrent weight > 1 where it was measured.

    When it is wrong:
        A loss at every time step adds up towards the past, but linearly: that line is not straight on a log scale, and T-fold at
        most. ReLU networks with an identity matrix learn with factors up to 1.1, 45 over 40 steps. A run that learns is info
        at most.

    What to do:
        Clip the gradient norm, orthogonal recurrent weights, an LSTM or GRU, truncated backpropagation through time.

    References:
        Pascanu, Mikolov & Bengio 2013: σ_max > 1 is needed for the gradient to explode, not enough. Healthy recurrent layers had
        f from 0.49 to 1.1. Notes S3, R1, R3, S2.
    """

    code: ClassVar[str] = "TV606"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss")
    min_steps: ClassVar[int] = 1  # an explosion of the first step may leave nothing finite for a second one
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "exploding-gradient",
        "gradient-spike",
        "excessive-clipping",
        "loss-spike",
        "loss-divergence",
        "loss-oscillation",
        "loss-plateau",
        "loss-not-decreasing",
    )
    notes: ClassVar[tuple[str, ...]] = ("S3", "R1", "R3", "S2", "C1f")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a plain RNN with recurrent weights three times too large",
            program=f"""
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.RNN(4, 32, batch_first=True), nn.Linear(32, 4)
        nn.init.normal_(self.rnn.weight_hh_l0, std=3 / 32**0.5)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])

{faint(60)}
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
batches = first(150)
""",
            module="rnn",
        ),
        Case(
            name="a cell called step by step",
            program=f"""
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.RNNCell(4, 32), nn.Linear(32, 4)
        nn.init.normal_(self.cell.weight_hh, std=3 / 32**0.5)

    def forward(self, x):
        h = x.new_zeros(len(x), 32)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h)

{faint(40)}
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
batches = first(150)
""",
            module="cell",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a ReLU network that starts with the identity",
            program=f"""
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(32, 4)
        nn.init.eye_(self.rnn.weight_hh_l0)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])

{faint(40)}
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
batches = first(200)
""",
        ),
        Case(
            name="a loss at every step of an LSTM",
            program="""
                class Tagger(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.lstm, self.out = nn.LSTM(4, 32, batch_first=True), nn.Linear(32, 4)

                    def forward(self, x):
                        return self.out(self.lstm(x)[0]).flatten(0, 1)

                def repeat(n):
                    for _ in range(n):
                        y = torch.randint(0, 4, (16, 40))
                        yield nn.functional.one_hot(y, 4) + 0.1 * torch.randn(16, 40, 4), y.roll(1, dims=1).flatten()

                model = Tagger()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = repeat(150)
            """,
        ),
    )

    factor: float = 1.05  # growth of the gradient for each step back
    total: float = 100.0  # growth over the whole sequence; 45 was seen in good health
    straight: float = 0.8  # R² of the line on a log scale: geometric growth, no accident of a few steps
    share: float = 0.5  # of the recorded steps
    length: int = 8  # time steps below which nothing can be said

    def check(self, run: Run) -> Outcome:
        """Judge every recurrent module with sequences that are long enough."""
        found = gradients_through_time(run, least=self.length)
        if not found:
            return self.skip(f"no gradient through {self.length} time steps or more was measured")
        grown = {}
        highest, where = -np.inf, ""
        for name, series in found.items():
            fits = np.array([(*growth(np.asarray(v)), len(v)) for v in series.value])
            factors = fits[:, 0]
            geometric = (factors > self.factor) & (fits[:, 1] > self.straight) & (factors ** fits[:, 2] > self.total)
            if persistent(geometric, self.share) and self._stretches(run, name):
                grown[name] = (series.step, geometric, fits)
            if (typical := median(factors)) > highest:
                highest, where = typical, name
        if not grown:
            return self.clean(
                f"the gradient changes by a factor of {highest:.2g} a step back ({where}), {self.factor:g} is the limit"
            )
        return (self._finding(run, grown),)

    @staticmethod
    def _stretches(run: Run, name: str) -> bool:
        """Whether a recurrent weight of the module can stretch the state; where none was measured, the gradient tells."""
        norms = [s for n, s in run.by_subject("recurrent_spectral_norm").items() if n.rpartition(".")[0] == name]
        return not norms or any(bool((s.value > 1).any()) for s in norms)

    def _finding(self, run: Run, grown: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Finding:
        name, (steps, geometric, fits) = next(iter(grown.items()))
        factor, length = median(fits[geometric, 0]), int(fits[-1, 2])
        measure = next(m for m in MEASURES if name in run.vectors_by_subject(m))
        norms = [(n, s) for n, s in run.by_subject("recurrent_spectral_norm").items() if n.rpartition(".")[0] == name]
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if learning(run).well else self.severity,
            module=name,
            modules=tuple(grown),
            first_step=first_true(geometric, steps) or 0,
            last_step=int(steps[geometric][-1]),
            summary=f"The gradient of {name} grows {factor:.2g}-fold for each of {length} steps back: {factor**length:.1e} in all.",
            evidence=(
                Evidence(
                    tag=f"{measure}/{name}",
                    observed=factor,
                    high=self.factor,
                    unit="per time step",
                    sentence=f"growth {factor:.3g} a step back (median), healthy up to {self.factor:g}",
                ),
                *(
                    Evidence(
                        tag=f"recurrent_spectral_norm/{weight}",
                        observed=median(s.value),
                        sentence=f"largest singular value of {weight}: {median(s.value):.2g}; above 1 the state can be stretched",
                    )
                    for weight, s in norms[:2]
                ),
            ),
            remedies=(
                Remedy(
                    change="Initialise the recurrent weight orthogonally: torch.nn.init.orthogonal_.",
                    expect="its largest singular value starts at 1 and the gradient through time is level at the first step",
                ),
                Remedy(
                    change="Clip the gradient: torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) before optimizer.step().",
                    expect="the global gradient norm stays below the clipping value and the loss falls without jumps",
                ),
                Remedy(
                    change="Use an LSTM or GRU, or cut the backward pass every 20 to 50 steps (detach the state).",
                    expect="the factor for each step back lies below 1.05",
                ),
            ),
            notes=self.notes,
        )
