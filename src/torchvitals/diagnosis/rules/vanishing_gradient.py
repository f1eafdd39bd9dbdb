"""vanishing-gradient: the first layers get next to nothing of the gradient that the last layers get."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.layers import gradient_rms, row_median, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class VanishingGradient(Rule):
    """The gradient dies on its way back, so the first layers stop learning.

    What it sees:
        The root mean square of each weight's gradient, first layers against last layers. It compares layers with one another,
        so neither the scale of the loss nor a converged run, where all gradients are small together, looks like vanishing.

    Why it matters:
        Each layer multiplies the gradient by its weights and by the derivative of its activation: at most 0.25 for a sigmoid,
        at most 1 for tanh. Ten sigmoid layers leave a millionth. The layers near the input then keep their random weights.

    Formula:
        r(t) = median RMS(g) of the first k weights / median RMS(g) of the last k weights, k = min(3, L/2);
        found when r < 0.01 in at least half of the recorded steps.

    When it is wrong:
        Biases, embeddings, frozen and unused weights are left out. If the run learns well all the same (residual branches that
        start at zero, a head that does the work) it is reported as info at most. Networks with fewer than three weight layers
        are skipped.

    What to do:
        Use activations of the ReLU family, He or Xavier initialisation, normalisation layers or residual connections; for
        recurrent networks an LSTM. Dropout, early stopping, weight decay or another optimizer do not help.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010. Healthy range of r
        over 51 small healthy runs: 0.049 to 10.3; the threshold 0.01 flagged none of them, nor of 28 held out. Notes C1, S1.
    """

    code: ClassVar[str] = "TV601"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("manifest", "grad_norm")
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "loss-not-decreasing",
        "constant-output",
        "representation-collapse",
        "loss-plateau",
        "underfitting",
    )
    notes: ClassVar[tuple[str, ...]] = ("C1a", "C1d", "C1e", "S1")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="eight sigmoid layers",
            program="""
                model = mlp(depth=8, activation=nn.Sigmoid)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            """,
            module="0",
        ),
        Case(
            name="tanh with tiny initial weights",
            program="""
                model = mlp(depth=8, activation=nn.Tanh)
                for layer in model:
                    if isinstance(layer, nn.Linear):
                        nn.init.normal_(layer.weight, std=0.02)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            """,
            module="0",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="one sigmoid layer",
            program="""
                model = mlp(depth=1, activation=nn.Sigmoid)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="eight ReLU layers",
            program="""
                model = mlp(depth=8, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="biases before batch norm, whose gradient is zero by mathematics",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
                    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
                    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10),
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
            """,
        ),
    )

    ratio: float = 1e-2  # of the first layers' gradient to the last layers', below which it has vanished
    share: float = 0.5  # of the recorded steps in which it must hold
    layers: int = 3  # weight layers below which a network is too shallow to judge

    def check(self, run: Run) -> Outcome:
        """Compare the two ends of the network."""
        layers = weights(run)
        if len(layers) < self.layers:
            return self.skip(f"{len(layers)} weight layers; {self.layers} are needed to compare the ends")
        steps, rms = gradient_rms(run, layers)
        k = min(3, len(layers) // 2)
        first, last = row_median(rms[:, :k]), row_median(rms[:, -k:])
        usable = np.isfinite(first) & (last > 0)
        if usable.sum() < self.min_steps // 2:
            return self.skip("the last layers have no gradient to compare with")
        ratio, at = first[usable] / last[usable], steps[usable]
        low = ratio < self.ratio
        if not persistent(low, self.share):
            return self.clean(
                f"first/last gradient {median(ratio):.2g}, above {self.ratio:g} in {1 - low.mean():.0%} of the steps"
            )
        typical = np.array([median(rms[usable][:, i]) for i in range(len(layers))])
        starved = [p.module for p, g in zip(layers, typical, strict=True) if not g >= self.ratio * median(last[usable])]
        return (self._finding(run, at, low, median(ratio), [p.name for p in layers], starved),)

    def _finding(
        self, run: Run, at: np.ndarray, low: np.ndarray, observed: float, names: list[str], starved: list[str]
    ) -> Finding:
        onset = first_true(low, at)
        used = Counter(m.activation for m in run.manifest.modules if m.activation and m.fired) if run.manifest else Counter()
        activations = ", ".join(f"{n} × {kind}" for kind, n in used.most_common()) or "none seen as modules"
        times = f"{float(f'{1 / observed:.2g}'):,.0f} times smaller than" if observed > 0 else "zero, against"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=starved[0] if starved else names[0].rpartition(".")[0],
            modules=tuple(dict.fromkeys(starved)),
            first_step=onset or 0,
            last_step=int(at[-1]),
            summary=f"The gradient of the first layers is {times} that of the last layers.",
            evidence=(
                Evidence(
                    tag=f"grad_norm/{names[0]}",
                    observed=median(first.value) if (first := run.scalar("grad_norm", names[0])) else math.nan,
                    sentence=f"gradient norm of {names[0]}, the first weight of {len(names)}",
                ),
                Evidence(
                    tag="",
                    observed=observed,
                    low=self.ratio,
                    unit="ratio",
                    sentence=f"first-to-last gradient ratio {observed:.2g} (median), below {self.ratio:g} in {low.mean():.0%} of the steps",
                ),
                Evidence(tag="", observed=float(len(names)), unit="layers", sentence=f"{len(names)} weight layers deep"),
                Evidence(tag="", observed=float(sum(used.values())), unit="modules", sentence=f"activations: {activations}"),
            ),
            remedies=(
                Remedy(
                    change="Replace sigmoid and tanh between layers by ReLU, LeakyReLU or GELU.",
                    expect="the gradient norms of all layers lie within two decades of each other in the gradient-flow view",
                ),
                Remedy(
                    change="Put batch or layer normalisation between the layers, or residual connections around them.",
                    expect="the first/last gradient ratio rises above 0.05 within the first steps",
                ),
                Remedy(
                    change="Initialise for the activation: Xavier for tanh and sigmoid, He for ReLU (torch.nn.init).",
                    expect="the standard deviation of the activations stays of one order from the first layer to the last at step 0",
                ),
            ),
            notes=self.notes,
        )
