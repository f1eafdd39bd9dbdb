"""recurrent-gradient-decay: a loss that reaches only the last few steps of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import READER, clear
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.sequences import MEASURES, gradients_through_time, horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentGradientDecay(Rule):
    """The gradient through time dies within a quarter of the sequence, and the network does not learn.

    What it sees:
        The norm of the loss's gradient for the input of every time step of a recurrent layer, or for the state after every call
        of a cell: how far back it stays above 1 % of its largest. The gradients of the weights do not show this, because they
        sum over time.

    Why it matters:
        Going back one step multiplies the gradient by the recurrent matrix and the derivative of the activation; below one, a
        product of many is nothing. What happened earlier than the memory horizon has no say in the update.

    Formula:
        h/T < 0.25 in at least half of the recorded steps after the first fifth of the run, where h is the number of steps back
        until ‖∂L/∂x_t‖ falls to 1 % of its largest; and the loss has not left that of a constant prediction. Sequences of 8
        steps or more.

    When it is wrong:
        Every default cell starts like this, and many tasks need the last steps only: a run that learns is never accused. A run
        may stall for another reason; the rules about input, loss and learning rate then name it first. Steps of padding are not
        counted. Only what reaches the loss through the output sequence is measured, not through the final state.

    What to do:
        An LSTM or GRU instead of a plain RNN, orthogonal or identity recurrent weights, a forget bias of 1, attention over the
        states, shorter sequences.

    References:
        Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013. First over last gradient over 28 steps at
        initialisation: 1.7e-7 (RNN), 1.2e-6 (LSTM, GRU), 1.7e-2 (orthogonal RNN), 4.9e-3 (LSTM with forget bias 1). A plain RNN
        that had learned to use the last of 40 steps had h/T = 0.1 in good health. Notes S3, R1, R2, C1f.
    """

    code: ClassVar[str] = "TV605"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss")
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("vanishing-gradient", "constant-output", "loss-plateau", "loss-not-decreasing")
    notes: ClassVar[tuple[str, ...]] = ("S3", "R1", "R2", "C1f")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a plain RNN asked for the first of sixty steps",
            program=f"""
{READER}
{clear("first", 60, at=0)}
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
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
        self.cell, self.out = nn.LSTMCell(4, 32), nn.Linear(32, 4)

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.out(state[0])

{clear("first", 60, at=0)}
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
batches = first(100)
""",
            module="cell",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a task of the last of forty steps",
            program=f"""
{READER}
{clear("last", 40, at=-1)}
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
batches = last(200)
""",
        ),
        Case(
            name="a GRU that reads the pixels of a digit in rows of four",
            program="""
                class Reader(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.gru, self.out = nn.GRU(4, 32, batch_first=True), nn.Linear(32, 10)

                    def forward(self, x):
                        return self.out(self.gru(x.view(-1, 16, 4))[0].mean(1))

                model = Reader()
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
            """,
        ),
    )

    fraction: float = 0.25  # of the sequence that the gradient reaches; defaults start at 0.1 to 0.3 of 40 to 80 steps
    start: float = 0.2  # of the run that is not looked at, where it was measured later: every cell starts with a short memory
    share: float = 0.5  # of the later recorded steps
    length: int = 8  # time steps below which the fraction is too coarse

    def check(self, run: Run) -> Outcome:
        """Judge every recurrent module with sequences that are long enough."""
        found = gradients_through_time(run, least=self.length)
        if not found:
            return self.skip(f"no gradient through {self.length} time steps or more was measured")
        state = learning(run)
        if state.status == "unknown":
            return self.skip(state.sentence or "it is not known whether the loss falls")
        begin = run.steps[0] + self.start * (run.steps[-1] - run.steps[0])
        reach = {n: (s.step, np.array([horizon(np.asarray(v)) for v in s.value])) for n, s in found.items()}
        # A short run may not have been measured so late: then the last two looks stand for the rest of it.
        late = {n: h[(at >= begin) | (at >= at[-2:][0])] for n, (at, h) in reach.items()}
        late = {n: h for n, h in late.items() if np.isfinite(h).sum() >= 2}
        if not late:
            return self.skip("a gradient through time was measured in fewer than two steps, or was zero throughout")
        short = [n for n, h in late.items() if persistent(h[np.isfinite(h)] < self.fraction, self.share)]
        least = min(late, key=lambda n: median(late[n]))
        seen = f"the gradient reaches {median(late[least]):.0%} of the sequence ({least})"
        if not short:
            return self.clean(f"{seen}, at least {self.fraction:.0%} is asked for")
        if state.well:
            return self.clean(f"{seen}, below {self.fraction:.0%}, and the task needs no more: {state.sentence}")
        return (self._finding(run, short, found[short[0]], *reach[short[0]]),)

    def _finding(self, run: Run, short: list[str], series: VectorSeries, at: np.ndarray, reach: np.ndarray) -> Finding:
        name, length, low = short[0], len(series.value[-1]), reach < self.fraction
        observed, state = median(reach[low]), learning(run)
        measure = next(m for m in MEASURES if name in run.vectors_by_subject(m))
        gates = [(n, s) for n, s in run.by_subject("forget_gate_mean").items() if n.startswith(f"{name}.")]
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=name,
            modules=tuple(short),
            first_step=first_true(low, at) or 0,
            last_step=int(at[low][-1]),
            summary=f"The loss reaches back {observed * length:.0f} of {length} time steps of {name}.",
            evidence=(
                Evidence(
                    tag=f"{measure}/{name}",
                    observed=observed,
                    low=self.fraction,
                    unit="fraction",
                    sentence=f"gradient above 1 % of its largest over {observed:.0%} of the sequence (median)",
                ),
                *(
                    Evidence(
                        tag=f"forget_gate_mean/{gate}",
                        observed=median(s.value),
                        unit="fraction",
                        sentence=f"mean forget gate {median(s.value):.2g}; what passes k steps is about its k-th power",
                    )
                    for gate, s in gates[:1]
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Use an LSTM or GRU; in an LSTM start the forget bias at 1 or above.",
                    expect="the gradient through time falls by less than a tenth a step",
                ),
                Remedy(
                    change="Initialise the recurrent weight orthogonally, or as the identity with ReLU.",
                    expect="the memory horizon spans most of the sequence at the first step",
                ),
                Remedy(
                    change="Let attention or a mean over all states reach the loss, or shorten the sequences.",
                    expect="early time steps get a gradient of the order of the last one's",
                ),
            ),
            notes=self.notes,
        )
