"""dead-relu: units of a ReLU layer that are never on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage

ZERO_SIDED = frozenset({"relu", "relu6"})  # both value and derivative are zero below zero: no way back


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRelu(Rule):
    """Most units of a ReLU layer put out zero for every input and can no longer learn.

    What it sees:
        Each unit (each channel of a convolution) over many batches: a unit is dead when it was above zero for none of at least
        1,024 samples in the last recorded steps. Zeros in a batch are not death: half of all ReLU outputs are zero at birth.

    Why it matters:
        A unit that is never on has a zero gradient: nothing moves its weights, so it stays off. A layer of such units passes
        neither signal forward nor gradient back.

    Formula:
        f_u = share of samples and positions with a_u > 0; dead share = share of units with f_u = 0 in every step of the
        window. Found at ≥ 60 %; critical at ≥ 90 %.

    When it is wrong:
        Sparsity can be wanted (top-k, sparse autoencoders) and wide layers keep many silent units in good health: up to 56 % in
        51 healthy runs. If the run learns well it is info at most. LeakyReLU, ELU, GELU and the like are not judged: their
        gradient does not vanish.

    What to do:
        Lower the learning rate, initialise with He and a zero bias, or use LeakyReLU or ELU.

    References:
        SageMaker Debugger DeadRelu (unit active < 1 %, layer > 50 %) and its false alarms: element counting flags 36 % of
        healthy models, per-unit counting 1 of 51. Notes S4.
    """

    code: ClassVar[str] = "TV701"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("manifest", "firing_rate", "firing_samples")
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "vanishing-gradient",
        "loss-not-decreasing",
        "learning-rate-too-low",
        "zero-gradient",
        "constant-output",
        "representation-collapse",
        "loss-plateau",
        "underfitting",
    )
    notes: ClassVar[tuple[str, ...]] = ("C1a", "S4")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a bias far below zero",
            program="""
                model = mlp(depth=3, activation=nn.ReLU)
                nn.init.constant_(model[2].bias, -5.0)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            """,
            module="3",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a wide ReLU network",
            program="""
                model = mlp(depth=2, width=256, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="LeakyReLU with the same low bias",
            program="""
                model = mlp(depth=3, activation=nn.LeakyReLU)
                nn.init.constant_(model[2].bias, -5.0)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="a convolutional network",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
            """,
        ),
    )

    share: float = 0.6  # of a layer's units that are dead; 0.56 was seen in good health
    critical: float = 0.9  # share from which a layer that also holds the training up is critical
    samples: int = 1024  # a unit must have been silent for
    probes: int = 3  # recorded steps the window must span

    def check(self, run: Run) -> Outcome:
        """Judge every ReLU module that was seen."""
        assert run.manifest is not None
        found = run.vectors_by_subject("firing_rate")
        rates = {name: series for name, series in found.items() if run.manifest.activation(name) in ZERO_SIDED}
        if not rates:
            return self.skip("no ReLU was seen, neither a module nor a function")
        windows = {name: self._window(run, name, series) for name, series in rates.items()}
        judged = {name: window for name, window in windows.items() if window}
        if not judged:
            return self.skip(f"fewer than {self.samples} samples in the recorded steps")
        dead = {name: self._dead(rates[name], window) for name, window in judged.items()}
        sick = {name: units for name, units in dead.items() if units.mean() >= self.share}
        if not sick:
            name = max(dead, key=lambda n: float(dead[n].mean()))
            return self.clean(f"at most {dead[name].mean():.0%} of a layer's units dead ({name}), below {self.share:.0%}")
        return (self._finding(run, rates, judged, sick),)

    def _window(self, run: Run, name: str, series: VectorSeries) -> int:
        """How many of the last recorded steps it takes to see enough samples; 0 when there are not enough."""
        counts = run.scalar("firing_samples", name)
        per_step = float(np.median(counts.value)) if counts is not None and len(counts) else 0.0
        if not 0 < per_step < np.inf:
            return 0
        window = max(self.probes, int(np.ceil(self.samples / per_step)), len(series) // 5)
        return window if window <= len(series) else 0

    @staticmethod
    def _dead(series: VectorSeries, window: int) -> np.ndarray:
        return np.asarray((series.matrix()[-window:] == 0).all(axis=0))

    def _finding(
        self, run: Run, rates: dict[str, VectorSeries], windows: dict[str, int], sick: dict[str, np.ndarray]
    ) -> Finding:
        onsets = {name: _onset(rates[name], units, self.share) for name, units in sick.items()}
        module = min(sick, key=lambda n: (onsets[n], list(rates).index(n)))
        share = float(sick[module].mean())
        stuck = not learning(run).well
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.CRITICAL if share >= self.critical and stuck else Severity.WARNING,
            module=module,
            modules=tuple(sick),
            first_step=onsets[module],
            last_step=int(rates[module].step[-1]),
            summary=f"{share:.0%} of the units of {module} are dead: above zero for none of the last samples.",
            evidence=tuple(
                Evidence(
                    tag=f"dead_fraction/{name}",
                    observed=float(units.mean()),
                    low=0.0,
                    high=self.share,
                    unit="fraction",
                    sentence=f"{int(units.sum())} of {units.size} units of {name} silent over the last {windows[name]} recorded steps",
                )
                for name, units in sorted(sick.items(), key=lambda kv: (kv[0] != module, -float(kv[1].mean())))[:4]
            ),
            remedies=(
                Remedy(
                    change="Lower the learning rate by 3 to 10 and initialise with He (torch.nn.init.kaiming_normal_) and zero bias.",
                    expect="the dead fraction stays below one half from the first steps on",
                ),
                Remedy(
                    change=f"Replace ReLU by LeakyReLU or ELU in {module}.",
                    expect="every unit has a gradient again and the loss starts to fall",
                ),
                Remedy(
                    change="Normalise the inputs and put batch normalisation before the activation.",
                    expect="firing rates spread around one half instead of piling up at zero",
                ),
            ),
            notes=self.notes,
        )


def _onset(series: VectorSeries, dead: np.ndarray, share: float) -> int:
    """The step from which so many of the units that end dead were silent that their share was reached."""
    fired = series.matrix()[:, dead] > 0
    last_fired = np.where(fired.any(axis=0), len(series) - 1 - fired[::-1].argmax(axis=0), -1)
    needed = max(1, int(np.ceil(share * dead.size)))
    index = int(np.sort(last_fired)[min(needed, last_fired.size) - 1]) + 1
    return int(series.step[min(index, len(series) - 1)])
