"""zero-gradient: trainable weights that the loss does not reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import weights
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.wording import listed, modules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroGradient(Rule):
    """Weights that are to be trained get no gradient, or one that is exactly zero, at every step.

    What it sees:
        For each weight tensor that an optimizer owns: whether backward reached it (`.grad` is None where it did not), and whether
        its gradient was ever different from zero.

    Why it matters:
        A path cut by detach, `.data`, numpy or no_grad, or by a function whose derivative is zero (round, sign, argmax), looks
        like training from outside: the loss is computed, the optimizer steps, and what lies before the cut keeps its initial
        values.

    Formula:
        ‖g‖ = 0, or no gradient, at every recorded step (5 at least). Cut: all trainable weights before some point of the forward
        pass; a side branch (later weights without, earlier ones with a gradient) is only unused.

    When it is wrong:
        Embeddings, experts and branches rest on some steps: every recorded step must agree, and modules that no recorded forward
        pass reached are left out. Only an output that nobody uses is info (a pooler, an auxiliary head). Hinge losses and solved
        tasks end with a zero gradient, but do not begin with it. Zero weights at birth (LoRA, ReZero) pass a gradient from the
        second step on. A gradient that fades layer by layer until the number format ends is vanishing-gradient's.

    What to do:
        Follow loss.grad_fn back to the layer named here; where the chain ends, the cut is.

    References:
        PyTorch autograd mechanics (detach, no_grad, requires_grad). SageMaker Debugger's AllZero and AUTOTRAINER's share of zero
        entries count elements, of which 40 % were zero in healthy runs; whole tensors were zero in none. Notes C2c, S4.
    """

    code: ClassVar[str] = "TV303"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LOOP
    needs: ClassVar[tuple[str, ...]] = ("manifest", "update_ratio")
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-low",
        "vanishing-gradient",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "constant-output",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2c", "C1e", "S4")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a detached encoder",
            program="""
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.encoder = mlp(depth=2, activation=nn.ReLU, outputs=32)
                        self.head = nn.Sequential(nn.ReLU(), nn.Linear(32, 10))

                    def forward(self, x):
                        return self.head(self.encoder(x).detach())

                model = Net()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(150)
            """,
            module="encoder.0",
        ),
        Case(
            name="a rounded code, whose derivative is zero",
            program="""
                class Rounded(nn.Module):
                    def forward(self, x):
                        return torch.round(torch.sigmoid(x))

                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Flatten(), Rounded(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = digits(150)
            """,
            module="1",
        ),
        Case(
            name="gradients cleared between backward and step",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def train(vitals):
                    for x, y in digits(100):
                        loss_fn(model(x), y).backward()
                        optimizer.zero_grad()
                        optimizer.step()
            """,
        ),
        Case(
            name="a loss that was made a leaf to silence the error",
            program="""
                model = mlp(depth=2, activation=nn.Tanh)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

                def train(vitals):
                    for x, y in digits(100):
                        optimizer.zero_grad()
                        loss_fn(model(x).detach().requires_grad_(), y).backward()
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a low-rank adapter and a gate that start at zero",
            program="""
                class Adapter(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.a, self.b = nn.Linear(64, 4, bias=False), nn.Linear(4, 64, bias=False)
                        nn.init.zeros_(self.b.weight)
                        self.block, self.gate = nn.Linear(64, 64), nn.Parameter(torch.zeros(1))
                        self.head = nn.Linear(64, 10)

                    def forward(self, x):
                        x = x + self.b(self.a(x))
                        return self.head(torch.relu(x + self.gate * torch.relu(self.block(x))))

                model = Adapter()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="two experts that take turns",
            program="""
                class Turns(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.experts = nn.ModuleList([mlp(depth=1, activation=nn.ReLU) for _ in range(2)])

                    def forward(self, x):
                        return self.experts[int(x.sum() * 10) % 2](x)

                model = Turns()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="a separable task that a hinge loss has solved",
            program="""
                model = mlp(depth=1, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MultiMarginLoss()
                batches = list(digits(1)) * 200
            """,
        ),
    )

    faded: float = 1e-12  # of the last layer's gradient: below it a neighbour shows that the gradient has faded, not been cut

    def check(self, run: Run) -> Outcome:
        """No gradient anywhere, a cut, or gradients that are exactly zero."""
        assert run.manifest is not None
        mine = [p for p in weights(run) if p.optimized]
        if not run.manifest.optimizers or not mine:
            return self.skip("no weight of two dimensions or more is in an optimizer")
        if "grad_norm" not in run.measures:
            return (self._nowhere(run, mine),)
        lacking, zero = [p for p in mine if self._lacks(run, p)], [p for p in mine if self._is_zero(run, p)]
        without = {p.name for p in (*lacking, *zero)}
        if not without:
            return self.clean(f"all {len(mine)} weights of the optimizer had a gradient other than 0")
        cut = [p for i, p in enumerate(mine) if all(q.name in without for q in mine[: i + 1])]
        if lacking and not cut:
            return (self._finding(run, lacking, "their output is not used by the loss", Severity.INFO),)
        if lacking:
            return (self._finding(run, cut, "backward does not reach them", self._graded(run, cut, mine)),)
        if self._has_faded(run, zero, mine):
            return self.clean("the gradient fades to zero layer by layer; nothing cuts it")
        off = self._off(run)
        why = f"every unit of {off} is off for every sample" if off else "their gradient is exactly 0"
        return (self._finding(run, zero, why, self._graded(run, zero, mine)),)

    def _lacks(self, run: Run, parameter: ParameterInfo) -> bool:
        missing = run.scalar("missing_gradient", parameter.name)
        stepped = run.scalar("update_ratio", parameter.name)
        return missing is not None and stepped is not None and self.min_steps <= len(stepped) <= len(missing)

    def _is_zero(self, run: Run, parameter: ParameterInfo) -> bool:
        gradient = run.scalar("grad_norm", parameter.name)
        return gradient is not None and len(gradient) >= self.min_steps and bool((gradient.value == 0).all())

    @staticmethod
    def _off(run: Run) -> str | None:
        """The first activation that put out zeros only, at every recorded step."""
        rates = run.vectors_by_subject("firing_rate")
        return next((name for name, s in rates.items() if len(s) and bool((s.matrix() == 0).all())), None)

    @staticmethod
    def _graded(run: Run, bad: Sequence[ParameterInfo], mine: Sequence[ParameterInfo]) -> Severity:
        return Severity.CRITICAL if len(bad) == len(mine) or not learning(run).well else Severity.WARNING

    def _has_faded(self, run: Run, zero: Sequence[ParameterInfo], mine: Sequence[ParameterInfo]) -> bool:
        typical = [median(s.value) if (s := run.scalar("grad_norm", p.name)) is not None else np.nan for p in mine]
        alive = [g for g in typical if g > 0]
        return bool(alive) and min(alive) < self.faded * alive[-1] and mine[0] in zero

    def _nowhere(self, run: Run, mine: Sequence[ParameterInfo]) -> Finding:
        if "activation_grad_norm" in run.measures:
            return self._finding(run, mine, "gradients were computed, and cleared before the step", Severity.CRITICAL)
        return self._finding(run, mine, "no parameter has a gradient; the loss is cut off from the model", Severity.CRITICAL)

    def _finding(self, run: Run, bad: Sequence[ParameterInfo], why: str, severity: Severity) -> Finding:
        names, largest = [p.name for p in bad], max(bad, key=lambda p: p.size)
        modules, moved = modules_of(names), run.scalar("update_ratio", largest.name)
        steps = run.steps if moved is None else moved.step
        zero = run.scalar("grad_norm", largest.name) is not None
        tag = f"grad_norm/{largest.name}" if zero else f"update_ratio/{largest.name}"
        seen = "the gradient norm is 0" if zero else "there is no gradient, and no change,"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=severity,
            module=modules[0],
            modules=modules,
            first_step=int(steps[0]),
            last_step=int(steps[-1]),
            summary=f"{listed(names)} cannot learn: {why}.",
            evidence=(
                Evidence(tag=tag, observed=0.0, low=0.0, sentence=f"{largest.name}: {seen} at all {len(steps)} recorded steps"),
            ),
            remedies=_remedies(why, modules),
            notes=self.notes,
        )


def _remedies(why: str, modules: Sequence[str]) -> tuple[Remedy, ...]:
    if "cleared" in why:
        change = "Call optimizer.zero_grad() before loss.backward(), not between it and optimizer.step()."
        return (Remedy(change=change, expect="grad_norm is recorded and the update ratio lies near 1e-3"),)
    if "is off" in why:
        change = "Initialise with He and zero bias, lower the learning rate, or use LeakyReLU or ELU there."
        return (Remedy(change=change, expect="firing rates spread around one half and every weight has a gradient"),)
    return (
        Remedy(
            change=f"Look after {modules[-1]} for .detach(), .data, .item(), numpy, torch.no_grad(), or a new tensor made of values.",
            expect="every weight has a gradient norm above 0 from the first steps on",
        ),
        Remedy(
            change="Replace round, sign, argmax and hard thresholds on that path by soft ones, or a straight-through estimator.",
            expect="the gradient-flow view shows all layers",
        ),
        Remedy(
            change=f"If {modules[0]} is meant to rest, say so: module.requires_grad_(False).",
            expect="this finding is gone and backward gets cheaper",
        ),
    )
