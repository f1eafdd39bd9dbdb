"""saturated-activation: sigmoid or tanh units that sit in their flat zones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import after_warmup
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturatedActivation(Rule):
    """Most outputs of a hidden sigmoid or tanh layer lie in its flat zones, where its derivative is close to zero.

    What it sees:
        The share of outputs beyond ±0.97 for tanh, outside [0.01, 0.99] for sigmoid, of hidden activation modules only.

    Why it matters:
        In the flat zone z(1−z) ≈ 0: the gradient of the weights below and of the inputs dies, and the output is almost binary.

    Formula:
        share of |tanh| ≥ 0.97, or of σ ∉ (0.01, 0.99); found at > 50 % in at least half of the recorded steps after warm-up.

    When it is wrong:
        Output sigmoids of a confident classifier and the gates of LSTM and GRU saturate by design and are not judged. A layer
        can live with a third of its outputs saturated. If the run learns well it is info at most.

    What to do:
        Smaller initial weights, inputs with zero mean and unit variance, normalisation layers, or ReLU.

    References:
        Glorot & Bengio 2010; 0.97 is the counting line of Karpathy's makemore lecture, part 3. A healthy one-layer sigmoid
        network had 35 % of its outputs beyond it. Notes S5.
    """

    code: ClassVar[str] = "TV702"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("manifest", "saturated_fraction")
    min_steps: ClassVar[int] = 6
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "vanishing-gradient",
        "loss-not-decreasing",
        "learning-rate-too-low",
        "constant-output",
        "representation-collapse",
        "loss-plateau",
        "underfitting",
    )
    notes: ClassVar[tuple[str, ...]] = ("C1a", "C1b", "S5")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="tanh with weights ten times too large",
            program="""
                model = mlp(depth=4, activation=nn.Tanh)
                for layer in model:
                    if isinstance(layer, nn.Linear):
                        nn.init.normal_(layer.weight, std=1.2)
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
            """,
            module="1",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a sigmoid at the output",
            program="""
                model = nn.Sequential(mlp(depth=2, activation=nn.ReLU, outputs=1), nn.Sigmoid())
                loss_fn = nn.BCELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = [(x, (y == 0).float().unsqueeze(1)) for x, y in digits(300)]
            """,
        ),
        Case(
            name="an LSTM, whose gates saturate",
            program="""
                class Reader(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.lstm, self.out = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 10)

                    def forward(self, x):
                        return self.out(self.lstm(x.view(-1, 8, 8))[0][:, -1])

                model = Reader()
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
            """,
        ),
    )

    fraction: float = 0.5  # of a layer's outputs in the flat zones
    share: float = 0.5  # of the recorded steps in which it must hold
    warmup: int = 5  # steps not looked at

    def check(self, run: Run) -> Outcome:
        """Judge every hidden bounded activation."""
        assert run.manifest is not None
        hidden = _hidden(run.manifest)
        found = run.by_subject("saturated_fraction")
        series = {n: s for n, s in found.items() if {n, n.rpartition("#")[0]} & hidden and len(s)}
        if not series:
            return self.skip("no hidden sigmoid or tanh was seen, neither a module nor a function")
        sick = {n: s for n, s in series.items() if persistent(self._flat(s), self.share)}
        if not sick:
            name = max(series, key=lambda n: median(series[n].value))
            return self.clean(
                f"at most {median(series[name].value):.0%} of a layer's outputs saturated ({name}), below {self.fraction:.0%}"
            )
        return (self._finding(run, sick),)

    def _flat(self, series: Series) -> np.ndarray:
        return np.asarray(series.value[after_warmup(series.step, self.warmup)] > self.fraction)

    def _finding(self, run: Run, sick: dict[str, Series]) -> Finding:
        module, worst = next(iter(sick.items()))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if learning(run).well else Severity.CRITICAL,
            module=module,
            modules=tuple(sick),
            first_step=first_true(worst.value > self.fraction, worst.step) or 0,
            last_step=int(worst.step[-1]),
            summary=f"{median(worst.value):.0%} of the outputs of {module} lie where its derivative is close to zero.",
            evidence=tuple(
                Evidence(
                    tag=f"saturated_fraction/{name}",
                    observed=median(s.value),
                    low=0.0,
                    high=self.fraction,
                    unit="fraction",
                    sentence=f"{median(s.value):.0%} of the outputs of {name} saturated (median over the steps)",
                )
                for name, s in list(sick.items())[:4]
            ),
            remedies=(
                Remedy(
                    change="Initialise smaller: Xavier with the gain of the activation (torch.nn.init.calculate_gain).",
                    expect="the saturated fraction starts below one tenth",
                ),
                Remedy(
                    change="Standardise the inputs to zero mean and unit variance.",
                    expect="the first layer's saturated fraction falls first, the others follow",
                ),
                Remedy(
                    change="Put a normalisation layer before the activation, or replace it by ReLU.",
                    expect="the gradient norms of the layers below rise by decades",
                ),
            ),
            notes=self.notes,
        )


def _hidden(manifest: Manifest) -> frozenset[str]:
    """Activations with a module that has weights behind them in forward order; the last one is the output's."""
    fired = [m for m in manifest.modules if m.fired]
    last = max((i for i, m in enumerate(fired) if m.parameters), default=-1)
    return frozenset(m.name for m in fired[: last + 1] if m.activation)
