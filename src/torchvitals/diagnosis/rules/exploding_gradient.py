"""exploding-gradient: gradients far out of proportion to the weights and the loss they are to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import gradient_rms, row_median, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplodingGradient(Rule):
    """The gradient grows on its way back, or over the steps, until updates tear the weights apart.

    What it sees:
        Two things. Growth through depth: first layers with a far larger gradient than the last. And size: the gradient norm
        against what the loss to be gained and weights of ordinary size call for, a number without units, so that the scale of the
        loss or of the targets does not matter.

    Why it matters:
        A product of many factors above one grows without bound; ReLU's positive side does nothing against it. One step along
        such a gradient throws the weights far beyond the region in which the gradient was right.

    Formula:
        e(t) = ‖g‖ · √(2·Σ n_out) / L_ref, where √(2·Σ n_out) is the norm of all weights after He initialisation and L_ref the
        loss of the best constant prediction (the initial loss where that is not known). Found when e > 1000 in at least half of
        the recorded steps, or when median RMS(g) of the first k weights > 70 × that of the last k, k = min(3, L/2).

    When it is wrong:
        A run that learns well all the same is reported as info at most. A learning rate that is too high raises gradients one
        step later; then that is the root. With an unknown loss an explosion that is there from the start hides in L_ref.

    What to do:
        Clip the gradient norm, initialise with a smaller gain, or put normalisation layers in.

    References:
        Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural networks, 2013. The ratio 70 is AUTOTRAINER's
        (Zhang et al., ICSE 2021); healthy range over 51 small runs 0.049 to 10.3. e was 1 to 62 (median of the run) over the
        healthy cases of all rules here, 1e6 over the sick one. Notes C1e, S2.
    """

    code: ClassVar[str] = "TV602"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("manifest", "grad_norm", "global_grad_norm", "loss")
    min_steps: ClassVar[int] = 1  # an explosion of the first step may leave nothing finite for a second one
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "loss-not-decreasing",
        "noisy-filters",
        "learning-rate-too-high",
        "learning-rate-too-low",  # Adam's steps are of one size: small against weights that start far too large
        "dead-relu",
        "dead-filters",
        "saturated-activation",
        "initial-loss",
        "weight-explosion",
        "gradient-spike",
        "excessive-clipping",
        "constant-output",
        "representation-collapse",
        "loss-divergence",
        "loss-spike",
        "loss-plateau",
        "activation-scale-drift",
    )
    notes: ClassVar[tuple[str, ...]] = ("C1b", "C1c", "C1e", "S2", "S30")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="ten ReLU layers initialised three times too large",
            program="""
                model = mlp(depth=10, activation=nn.ReLU)
                for layer in model:
                    if isinstance(layer, nn.Linear):
                        nn.init.normal_(layer.weight, std=3 * (2 / layer.in_features) ** 0.5)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a summed loss",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                loss_fn = nn.CrossEntropyLoss(reduction="sum")
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="regression on large targets",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                loss_fn = nn.MSELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = [(x, 100 * x[:, 10:20].mean(1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    proportion: float = 1e3  # e above which a gradient is out of proportion
    ratio: float = 70.0  # of the first layers' gradient to the last layers'
    share: float = 0.5  # of the recorded steps in which one of the two must hold

    def check(self, run: Run) -> Outcome:
        """Look at the size first, then at the growth through depth."""
        steps, size = self._proportion(run)
        large = size > self.proportion
        depth_steps, growth = self._growth(run)
        grown = growth > self.ratio
        if persistent(large, self.share):
            return (self._finding(run, steps, large, size, "size"),)
        if persistent(grown, self.share):
            return (self._finding(run, depth_steps, grown, growth, "growth"),)
        depth = (
            f"first/last gradient {median(growth):.2g} below {self.ratio:g}"
            if growth.size
            else "too few layers to compare the ends"
        )
        return self.clean(f"gradient norm against weights and loss {median(size):.2g}, below {self.proportion:g}; {depth}")

    @staticmethod
    def _proportion(run: Run) -> tuple[np.ndarray, np.ndarray]:
        assert run.manifest is not None
        gradient, reference = run.scalar("global_grad_norm", "model"), learning(run).reference
        outputs = sum(p.shape[0] for p in run.manifest.parameters if p.trainable and p.optimized and len(p.shape) >= 2)
        if gradient is None or not reference > 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        finite = gradient.finite()
        return finite.step, finite.value * (2 * outputs) ** 0.5 / reference

    @staticmethod
    def _growth(run: Run) -> tuple[np.ndarray, np.ndarray]:
        layers = weights(run)
        k = min(3, len(layers) // 2)
        if not k:
            return np.empty(0, dtype=np.int64), np.empty(0)
        steps, rms = gradient_rms(run, layers)
        first, last = row_median(rms[:, :k]), row_median(rms[:, -k:])
        usable = np.isfinite(first) & (last > 0)
        return steps[usable], first[usable] / last[usable]

    def _finding(self, run: Run, steps: np.ndarray, bad: np.ndarray, values: np.ndarray, how: str) -> Finding:
        layers = weights(run)
        _, rms = gradient_rms(run, layers)
        worst = int(np.nanargmax(row_median(rms.T))) if layers and np.isfinite(rms).any() else None
        observed = median(values[bad])
        threshold = self.proportion if how == "size" else self.ratio
        what = "e (gradient norm against weights and loss)" if how == "size" else "first-to-last gradient ratio"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=layers[worst].module if worst is not None else None,
            modules=(layers[worst].module,) if worst is not None else (),
            first_step=first_true(bad, steps) or 0,
            last_step=int(steps[bad][-1]),
            summary=f"Gradients are out of proportion: {what} is {observed:.2g}, healthy below {threshold:g}.",
            evidence=(
                Evidence(
                    tag="global_grad_norm/model" if how == "size" else f"grad_norm/{layers[0].name}",
                    observed=observed,
                    high=threshold,
                    sentence=f"{what} {observed:.2g} (median), above {threshold:g} in {bad.mean():.0%} of the steps",
                ),
                Evidence(tag="", observed=float(len(layers)), unit="layers", sentence=f"{len(layers)} weight layers deep"),
            ),
            remedies=(
                Remedy(
                    change="Clip the gradient: torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) before optimizer.step().",
                    expect="the global gradient norm stays below the clipping value and the loss falls without jumps",
                ),
                Remedy(
                    change="Initialise with a smaller gain: He (2/n_in) for ReLU, Xavier for tanh, orthogonal for recurrent weights.",
                    expect="activation standard deviations at step 0 stay of one order through the layers",
                ),
                Remedy(
                    change="Put batch or layer normalisation between the layers.",
                    expect="the gradient norms of all layers lie within two decades of each other",
                ),
            ),
            notes=self.notes,
        )
