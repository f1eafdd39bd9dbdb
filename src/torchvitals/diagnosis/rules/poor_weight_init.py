"""poor-weight-init: initial weights under which the signal fades or swells from layer to layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.scales import LAYERS, depth_ratio, hidden_scales, times


@dataclass(frozen=True, slots=True, kw_only=True)
class PoorWeightInit(Rule):
    """The first forward pass already loses its scale through depth, or throws the outputs far out.

    What it sees:
        The effect, not the recipe: the standard deviation of what the hidden layers put out at the first recorded step, from
        the first layer to the last, and how much larger the outputs are than the inputs while the loss is far above that of a
        constant prediction.

    Why it matters:
        A factor of 0.3 or of 3 a layer is a hundred-thousandth or a hundred thousand after ten: the last layers see no input
        any more, or saturate and overflow; the gradient goes the same way back.

    Formula:
        r = std_L/std_1 over the hidden weight layers (three or more, two thirds of the steps from layer to layer in the
        direction of the whole): found at r < 0.01 or r > 100. Or: std(outputs)/RMS(inputs) > 5 while the first loss is more
        than twice that of the best constant prediction. The run must not learn well.

    When it is wrong:
        The default initialisation of PyTorch has half of He's gain and shrinks activations to 0.15 to 0.35 in good health, so
        no variance of weights is held against a formula. Normalised and residual networks go up and down and show no trend.
        Layers that start at zero are left to zero-init, inputs of a wild scale to the rules about inputs (both ends are
        compared with one another). The loss counts only where the constant prediction's is known. If the run learns well it
        is info at most.

    What to do:
        He initialisation for the ReLU family, Xavier for tanh and sigmoid; a normalisation layer forgives most of it.

    References:
        Glorot & Bengio 2010; He et al., Delving deep into rectifiers, 2015. The band 0.01 to 100 is twice the decades that
        activation scales spanned in 51 healthy small runs (0.05 to 5); the initial loss was at most 1.7 times ln C in these.
        Outputs over inputs are below 1 with the default initialisation. Notes S8, C1c.
    """

    code: ClassVar[str] = "TV404"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.INIT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "activation_std", "loss")
    min_steps: ClassVar[int] = 1
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "activation-scale-drift",
        "initial-loss",
        "dead-relu",
        "dead-filters",
        "constant-output",
        "representation-collapse",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "non-finite",
        "loss-divergence",
        "loss-plateau",
        "loss-not-decreasing",
        "noisy-filters",
    )
    notes: ClassVar[tuple[str, ...]] = ("S8", "C1b", "C1c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="ten ReLU layers with weights five times too small and no bias",
            program="""
                model = mlp(depth=10, activation=nn.ReLU)
                for layer in model:
                    if isinstance(layer, nn.Linear):
                        nn.init.normal_(layer.weight, std=0.2 * (2 / layer.in_features) ** 0.5)
                        nn.init.zeros_(layer.bias)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = digits(150)
            """,
        ),
        Case(
            name="convolutions initialised with a standard deviation of one",
            program="""
                layers = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU()]
                for _ in range(3):
                    layers += [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
                model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))
                for p in model.parameters():
                    nn.init.normal_(p)
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-7)
                batches = digits(150)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="ten layers as PyTorch initialises them",
            program="""
                model = mlp(depth=10, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="He initialisation and a narrow last layer",
            program="""
                model = nn.Sequential(mlp(depth=4, width=128, activation=nn.ReLU, outputs=6), nn.ReLU(), nn.Linear(6, 10))
                for layer in model[0]:
                    if isinstance(layer, nn.Linear):
                        nn.init.kaiming_normal_(layer.weight)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="regression on targets far from zero",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                loss_fn = nn.MSELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = [(x, 3 + 10 * x[:, 10:20].mean(1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    fade: float = 1e-2  # std_L/std_1 below which the signal has faded
    swell: float = 100.0  # std_L/std_1 above which it has swollen
    gain: float = 5.0  # std(outputs)/RMS(inputs); below 1 by default, about 1.4 after He
    excess: float = 2.0  # first loss over that of a constant prediction; 0 of 51 healthy runs were above
    start: int = 5  # first recorded step from which a log no longer shows the initialisation

    def check(self, run: Run) -> Outcome:
        """Look at the first recorded forward pass."""
        names, steps, scales = hidden_scales(run)
        ratio = depth_ratio(scales[0]) if len(steps) and steps[0] <= self.start else math.nan
        gain, excess = self._gain(run), self._excess(run)
        if math.isnan(ratio) and math.isnan(gain * excess):
            return self.skip(
                f"fewer than {LAYERS} hidden layers, or no start, to see a trend in; no outputs to weigh the loss by"
            )
        if not math.isnan(ratio) and not self.fade <= ratio <= self.swell:
            what = Evidence(
                tag=f"activation_std/{names[-1]}",
                observed=float(scales[0, -1]),
                low=self.fade * float(scales[0, 0]),
                high=self.swell * float(scales[0, 0]),
                sentence=f"standard deviation {scales[0, 0]:.2g} after {names[0]}, {scales[0, -1]:.2g} after {names[-1]}",
            )
            depth = f"From the first to the last of {len(names)} hidden layers the signal {times(ratio)} before any training."
            return (self._finding(run, depth, what, names),)
        if gain > self.gain and excess > self.excess:
            what = Evidence(
                tag="output_std/model",
                observed=gain,
                high=self.gain,
                unit="times the inputs",
                sentence=f"outputs {gain:.2g} times as large as the inputs, first loss {excess:.2g} times a constant prediction's",
            )
            return (
                self._finding(run, f"Before any training the outputs are {gain:.2g} times as large as the inputs.", what, ()),
            )
        trend = f"std_L/std_1 {ratio:.2g} at the start, healthy {self.fade:g} to {self.swell:g}" if ratio == ratio else ""
        size = f"outputs {gain:.2g} times the inputs, below {self.gain:g}" if gain == gain else ""
        return self.clean("; ".join(part for part in (trend, size) if part) or "too few layers for a trend")

    def _gain(self, run: Run) -> float:
        """std(outputs)/RMS(inputs) at the start; token ids have no size of their own and count as 1."""
        outputs, inputs = run.scalar("output_std", "model"), run.scalar("input_rms", "model")
        if outputs is None or not len(outputs) or outputs.step[0] > self.start:
            return math.nan
        size = float(inputs.value[0]) if inputs is not None and len(inputs) else 1.0
        return float(outputs.value[0]) / size if size > 0 else math.nan

    def _excess(self, run: Run) -> float:
        state = learning(run)
        return state.initial / state.trivial if state.trivial is not None and state.trivial > 0 else math.nan

    def _finding(self, run: Run, summary: str, evidence: Evidence, names: tuple[str, ...]) -> Finding:
        state = learning(run)
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity if state.status in {"stalled", "diverged"} else Severity.WARNING,
            modules=names,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[0]),
            summary=summary,
            evidence=(evidence, Evidence(tag="loss/train", observed=state.initial, sentence=state.sentence)),
            remedies=(
                Remedy(
                    change="Initialise for the activation: kaiming_normal_ (variance 2/n_in) for the ReLU family,"
                    " xavier_normal_ (2/(n_in + n_out)) for tanh and sigmoid, biases at zero.",
                    expect="at step 0 the standard deviations of all hidden layers are of one order",
                ),
                Remedy(
                    change="Put batch or layer normalisation between the layers.",
                    expect="the activation scale no longer depends on depth, and the first loss is near that of a constant prediction",
                ),
            ),
            notes=self.notes,
        )
