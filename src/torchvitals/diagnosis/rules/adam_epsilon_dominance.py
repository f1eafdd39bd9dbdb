"""adam-epsilon-dominance: Adam divides by ε instead of by the size of the gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import table, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.wording import listed, modules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamEpsilonDominance(Rule):
    """The gradients are so small that Adam's ε, not their size, sets the step.

    What it sees:
        For each weight: the share of its entries whose √v̂, Adam's estimate of the gradient's size, is below ten times ε.

    Why it matters:
        Adam's step is lr·m̂/(√v̂ + ε), about lr whatever the gradient. Where ε outweighs √v̂ that is lost: the step shrinks with
        the gradient, as in plain gradient descent with a rate of lr/ε.

    Formula:
        d = share of entries with 0 < √v̂ < 10·ε. Found when d > 0.5 in at least half of the readings, for at least half of the
        weights. Warning when the loss has not left the trivial prediction; else info.

    When it is wrong:
        A large ε is chosen on purpose here and there (1e-3 to 1), and gradients are tiny in a solved task: both learn well, and
        are info. Entries that never had a gradient (rows of an embedding, dead units) do not count. Optimizers without a second
        moment and an ε are skipped.

    What to do:
        Lower ε, or scale the loss up until the gradients are far above it.

    References:
        Kingma & Ba, Adam, 2015: ε = 1e-8. Wortsman et al., Small-scale proxies for large-scale Transformer training
        instabilities, 2023: a smaller ε where the gradients have shrunk to its size. Notes O5, S10.
    """

    code: ClassVar[str] = "TV504"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LEARNING_RATE
    needs: ClassVar[tuple[str, ...]] = ("manifest", "epsilon_dominated_fraction")
    min_steps: ClassVar[int] = 2  # readings, each a fifth recorded step
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-low",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "constant-output",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("O5", "S10")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="an epsilon of one",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1.0)
                batches = digits(200)
            """,
        ),
        Case(
            name="a loss in units so small that the gradients are below 1e-8",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)

                def train(vitals):
                    for x, y in digits(200):
                        optimizer.zero_grad()
                        (1e-10 * loss_fn(model(x), y)).backward()
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="the usual epsilon",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="a scaled-down loss that stays above epsilon, with AMSGrad",
            program="""
                model = mlp(depth=3, activation=nn.Tanh)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, amsgrad=True)

                def train(vitals):
                    for x, y in digits(300):
                        optimizer.zero_grad()
                        (1e-2 * loss_fn(model(x), y)).backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="an embedding most of whose rows were never touched",
            program="""
                model = nn.Sequential(nn.Embedding(5000, 16), nn.Flatten(), nn.Linear(1024, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = [((x * 16).long(), y) for x, y in digits(200)]
            """,
        ),
    )

    dominated: float = 0.5  # share of a weight's entries whose √v̂ is below 10·ε
    share: float = 0.5  # of the readings, and of the weights, for which it must hold
    readings: int = 2  # of a weight, below which it is not judged

    def check(self, run: Run) -> Outcome:
        """Judge every weight that has a second moment."""
        layers = [p for p in weights(run) if p.optimized]
        steps, shares = table(run, "epsilon_dominated_fraction", layers)
        read = np.isfinite(shares).sum(axis=0) >= self.readings if steps.size else np.zeros(len(layers), dtype=bool)
        if not read.any():
            return self.skip("no weight with a second moment was read twice")
        columns = [shares[np.isfinite(shares[:, i]), i] for i in np.flatnonzero(read)]
        typical = np.array([median(c) for c in columns])
        bad = np.array([persistent(c > self.dominated, self.share) for c in columns])
        if bad.mean() < self.share:
            return self.clean(f"epsilon outweighs {median(typical):.0%} of the second moments of the typical weight")
        names = [layers[i].name for i in np.flatnonzero(read)[bad]]
        return (self._finding(run, names, float(typical[bad].max()), int(steps[-1])),)

    def _finding(self, run: Run, names: list[str], observed: float, last: int) -> Finding:
        stalled = learning(run).status == "stalled"
        moved = run.scalar("update_ratio", names[0])
        ratio = median(moved.value) if moved is not None else math.nan
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity if stalled else Severity.INFO,
            modules=modules_of(names),
            first_step=int(run.steps[0]),  # ε is a constant of the optimizer: it was so before the first reading
            last_step=last,
            summary=f"Epsilon, not the gradient's size, sets Adam's step for {observed:.0%} of the entries of {listed(names)}.",
            evidence=(
                Evidence(
                    tag=f"epsilon_dominated_fraction/{names[0]}",
                    observed=observed,
                    low=0.0,
                    high=self.dominated,
                    unit="fraction",
                    sentence=f"{observed:.0%} of the second moments are below ten times epsilon, healthy below {self.dominated:.0%}",
                ),
                Evidence(
                    tag=f"update_ratio/{names[0]}",
                    observed=ratio,
                    low=1e-4,
                    high=3e-2,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ of {names[0]} {ratio:.2g} (median), healthy 1e-4 to 3e-2",
                ),
            ),
            remedies=(
                Remedy(
                    change="Set eps to 1e-8, or to 1e-12 where the gradients themselves are of that size.",
                    expect="the share of dominated entries falls below one half and the update ratio nears lr divided by the weights' size",
                ),
                Remedy(
                    change="If the loss is in tiny units or divided by a large number, scale it (or the targets) to order 1.",
                    expect="the gradient norms lie far above epsilon",
                ),
            ),
            notes=self.notes,
        )
