"""symmetric-units: units of a layer that started alike and that training keeps alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import weights
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.symmetry import keeps_twins, travel


@dataclass(frozen=True, slots=True, kw_only=True)
class SymmetricUnits(Rule):
    """Half of a layer's units or more have a twin that starts with the same weights and gets the same gradient.

    What it sees:
        The share of a weight's rows (one per unit, filter or gate) that point the same way as another row, at the first recorded
        step and at the last, of weights that have moved meanwhile.

    Why it matters:
        Two units with equal weights in and equal weights out compute the same and are changed the same: they count as one,
        whatever the learning rate and however long the training. A layer of 64 such units has the capacity of one.

    Formula:
        share of rows with a cosine above 0.999 to another row ≥ 0.5 at the first and the last step and in at least half of the
        steps between, over 20 steps or more, in which Σ ‖Δw‖/‖w‖ ≥ 0.2. Rows that differ but slightly at the start part by then:
        0.999 is an angle of 2.6°, or a change by 4.5 %.

    When it is wrong:
        Rows of fewer than four elements, embeddings and frozen weights are not judged, nor the head, where classes that never
        occur share their gradient. Rows of zeros count as twins: a network that was pruned by half before is reported.
        Weights that have moved less than that prove nothing and are left out.

    What to do:
        Random weights in every layer.

    References:
        Goodfellow, Bengio & Courville, Deep Learning, 2016, section 8.4. Largest cosine between rows of usual initialisations:
        0.83 for 3×3 convolutions of one channel, 0.97 for the gates of recurrent layers. Notes S7, C1c.
    """

    code: ClassVar[str] = "TV403"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.INIT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "twin_rows_fraction", "update_ratio")
    min_steps: ClassVar[int] = 2
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "poor-weight-init",
        "duplicate-filters",
        "activation-scale-drift",
        "vanishing-gradient",
        "dead-relu",
        "dead-filters",
        "constant-output",
        "representation-collapse",
        "learning-rate-too-low",
        "loss-plateau",
        "loss-not-decreasing",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S7", "C1c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="every unit of a layer given the same random weights",
            program="""
                model = mlp(depth=2, activation=nn.Tanh)
                with torch.no_grad():
                    for layer in (model[0], model[2]):
                        layer.weight[:] = layer.weight[0].clone()
                        layer.bias.zero_()
                    model[4].weight[:] = model[4].weight[:, :1].clone()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
            module="0",
        ),
        Case(
            name="filters copied from one, averaged by the head",
            program="""
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.first, self.second = nn.Conv2d(1, 16, 3, bias=False), nn.Conv2d(16, 16, 3, bias=False)
                        self.head = nn.Linear(16, 10)
                        with torch.no_grad():
                            self.first.weight[:] = self.first.weight[0].abs().clone()
                            self.second.weight[:] = self.second.weight[0, 0].abs().clone()
                            self.head.weight[:] = self.head.weight[:, :1].clone()

                    def forward(self, x):
                        x = torch.relu(self.second(torch.relu(self.first(x.view(-1, 1, 8, 8)))))
                        return self.head(x.mean((2, 3)))

                model = Net()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(150)
            """,
            module="first",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="equal rows under random biases, which training tells apart",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                with torch.no_grad():
                    model[0].weight[:] = 0.02
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="an LSTM and a head with classes that never occur",
            program="""
                class Reader(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.lstm, self.out = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 30)

                    def forward(self, x):
                        return self.out(self.lstm(x.view(-1, 8, 8))[0][:, -1])

                model = Reader()
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
            """,
        ),
    )

    twins: float = 0.5  # of the rows that have a twin; usual initialisations have none
    patience: int = 20  # steps between the first look and the last
    moved: float = 0.2  # Σ ‖Δw‖/‖w‖, four times what parts rows that are told apart at all

    def check(self, run: Run) -> Outcome:
        """Judge every hidden weight whose rows can be compared."""
        layers = [p for p in weights(run)[:-1] if p.optimized]
        found = {p: s for p in layers if (s := run.scalar("twin_rows_fraction", p.name)) is not None and len(s)}
        if not found:
            return self.skip("no hidden weight with rows of four elements or more was measured")
        alike = [p for p, s in found.items() if s.value[0] >= self.twins]
        if not alike:
            most = max(found, key=lambda p: float(found[p].value[0]))
            return self.clean(
                f"at most {found[most].value[0]:.0%} of a layer's rows have a twin at the start ({most.name}), below {self.twins:.0%}"
            )
        far = [p for p in alike if travel(run, p) >= self.moved]
        if not far:
            return self.skip(f"{alike[0].name} starts with equal rows and has moved too little to tell whether they stay so")
        kept = {p: found[p] for p in far if keeps_twins(run, p, least=self.twins, patience=self.patience)}
        if not kept:
            return self.clean(
                f"{far[0].name} starts with equal rows; {found[far[0]].value[-1]:.0%} still have a twin at the end"
            )
        return (self._finding(run, kept),)

    def _finding(self, run: Run, kept: dict[ParameterInfo, Series]) -> Finding:
        modules = tuple(dict.fromkeys(p.module or p.name for p in kept))
        first, twins = next(iter(kept.items()))
        state, last = learning(run), float(np.min(twins.value[[0, -1]]))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if state.well else self.severity,
            module=modules[0],
            modules=modules,
            first_step=int(twins.step[0]),
            last_step=int(twins.step[-1]),
            summary=f"{last:.0%} of the {first.shape[0]} units of {first.module} have a twin, from the first step to the last.",
            evidence=(
                Evidence(
                    tag=f"twin_rows_fraction/{first.name}",
                    observed=last,
                    high=self.twins,
                    unit="fraction",
                    sentence=f"{last:.0%} of the rows of {first.name} point the same way as another, at the start and at the end",
                ),
                Evidence(
                    tag=f"update_ratio/{first.name}",
                    observed=travel(run, first),
                    sentence=f"although the weight has moved {travel(run, first):.2g} times its own size: twins get the same gradient",
                ),
            ),
            remedies=(
                Remedy(
                    change="Draw every row anew: torch.nn.init.kaiming_uniform_ for ReLU, xavier_uniform_ for tanh and sigmoid.",
                    expect="twin_rows_fraction is 0 at step 0 and stays there",
                ),
                Remedy(
                    change="If the copies are wanted (a widened network), add noise of a few per cent to them.",
                    expect="twin_rows_fraction falls to 0 within the first hundred steps",
                ),
            ),
            notes=self.notes,
        )
