"""zero-init: weights that start as one constant and cannot leave it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import weights
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.symmetry import keeps_twins, nothing_tells_apart, starts_at_zero, stays_constant


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroInit(Rule):
    """A weight starts as zero, or as one constant, and either never moves or keeps all its units alike.

    What it sees:
        The standard deviation of every trainable weight at the first recorded step, and what has become of those that start at
        exactly 0: whether their gradient stays 0, whether their rows stay equal.

    Why it matters:
        With W = 0 no signal passes forward and no gradient passes back, so that nothing below learns. With any other constant
        all units of a layer compute the same, get the same gradient and stay the same: a layer of one unit.

    Formula:
        σ(W) = 0 at the first step, and 20 steps later or more: σ(W) = 0 while ‖g_W‖ = 0 in at least half of the steps; or W was
        zero and at least half of its rows have a twin (cosine > 0.999). Equal rows of another constant are symmetric-units.
        Rows of fewer than four elements have no such cosine; there a zero bias and a loss that does not fall are asked for.

    When it is wrong:
        Zeros by design leave their constant within a few steps and are not reported: the last layer of a residual branch, the
        second factor of LoRA, a head, a zero convolution, constant weights under random biases. The head is not asked for
        twins, because classes that never occur share their gradient. Biases and norm parameters start constant by custom.
        Frozen weights, and those that have a gradient and are still not moved, are other faults.

    What to do:
        Random weights: the default initialisation, He for ReLU, Xavier for tanh and sigmoid.

    References:
        Goodfellow, Bengio & Courville, Deep Learning, 2016, section 8.4 (breaking the symmetry between units). Constant weights
        under random biases reached 94 % accuracy on digits. Notes S7, C1c.
    """

    code: ClassVar[str] = "TV402"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.INIT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "weight_std", "grad_norm")
    min_steps: ClassVar[int] = 2
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "symmetric-units",
        "duplicate-filters",
        "poor-weight-init",
        "vanishing-gradient",
        "zero-gradient",
        "weights-not-updating",
        "dead-relu",
        "dead-filters",
        "constant-output",
        "representation-collapse",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "loss-plateau",
        "loss-not-decreasing",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S7", "C1c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="all weights and biases zero",
            program="""
                model = mlp(depth=3, activation=nn.ReLU)
                for p in model.parameters():
                    nn.init.zeros_(p)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
            module="0",
        ),
        Case(
            name="a convolutional network of zeros",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Conv2d(8, 16, 3), nn.Tanh(),
                    nn.Flatten(), nn.Linear(256, 10),
                )
                for p in model.parameters():
                    nn.init.zeros_(p)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = digits(150)
            """,
            module="1",
        ),
        Case(
            name="a 2-4-1 network of equal sigmoids",
            program="""
                model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
                for p in model.parameters():
                    nn.init.zeros_(p)
                loss_fn = nn.MSELoss()
                optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
                x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
                batches = [(x, torch.tensor([[0.0], [1.0], [1.0], [0.0]]))] * 300
            """,
            module="0",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="residual branches that start at zero",
            program="""
                class Block(nn.Sequential):
                    def forward(self, x):
                        return x + super().forward(x)

                blocks = [Block(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(2)]
                for block in blocks:
                    nn.init.zeros_(block[2].weight)
                model = nn.Sequential(*blocks, nn.Linear(64, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="a head of zeros with classes that never occur",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=40)
                nn.init.zeros_(model[4].weight)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
    )

    patience: int = 20  # steps within which a constant by design has been left
    twins: float = 0.5  # of the rows that have a twin: not a few by chance
    share: float = 0.5  # of the later steps in which the gradient must be zero

    def check(self, run: Run) -> Outcome:
        """Look at what starts constant, then at what became of it."""
        found = {p: s for p in weights(run) if p.optimized and (s := run.scalar("weight_std", p.name)) is not None and len(s)}
        if not found:
            return self.skip("no trainable weight with two rows or more was measured")
        constant = {p: s for p, s in found.items() if s.value[0] == 0}
        if not constant:
            least = min(found, key=lambda p: float(found[p].value[0]))
            return self.clean(f"smallest initial spread {found[least].value[0]:.2g} ({least.name}), above 0")
        if max(int(s.step[-1] - s.step[0]) for s in constant.values()) < self.patience:
            return self.skip(
                f"{len(constant)} weights start constant; {self.patience} steps are needed to see what becomes of them"
            )
        head = weights(run)[-1].name
        stuck = {p: why for p, s in constant.items() if (why := self._stuck(run, p, s, head=p.name == head))}
        if not stuck:
            names = ", ".join(p.name for p in list(constant)[:3])
            return self.clean(f"{len(constant)} weights start constant ({names}) and have left it by step {self.patience}")
        return (self._finding(run, constant, stuck),)

    def _stuck(self, run: Run, parameter: ParameterInfo, spread: Series, *, head: bool) -> str:
        """Why the constant still holds; empty when it does not."""
        if stays_constant(run, parameter, spread, share=self.share):
            return "its gradient is zero, so it never moves"
        if head or spread.value[-1] == 0:  # constant with a gradient: something else keeps it from moving
            return ""
        if starts_at_zero(run, parameter.name) and keeps_twins(run, parameter, least=self.twins, patience=self.patience):
            return "its rows are still equal"
        return "nothing tells its units apart" if nothing_tells_apart(run, parameter) else ""

    def _finding(self, run: Run, constant: dict[ParameterInfo, Series], stuck: dict[ParameterInfo, str]) -> Finding:
        modules = tuple(dict.fromkeys(p.module or p.name for p in stuck))
        first, why = next(iter(stuck.items()))
        state = learning(run)
        norm = run.scalar("weight_norm", first.name)
        size = float(norm.value[0]) / math.sqrt(first.size) if norm is not None and len(norm) else math.nan
        others = f", and {len(stuck) - 1} more" if len(stuck) > 1 else ""
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if state.well else self.severity,
            module=modules[0],
            modules=modules,
            first_step=int(constant[first].step[0]),
            last_step=int(constant[first].step[-1]),
            summary=f"{first.name} starts with every element at {size:.3g} and {why}{others}.",
            evidence=(
                Evidence(
                    tag=f"weight_std/{first.name}",
                    observed=0.0,
                    low=0.0,
                    sentence=f"standard deviation of {first.name} at the first step exactly 0; {why}",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Initialise weights at random: leave PyTorch's default, or kaiming_uniform_ for ReLU, xavier_uniform_"
                    " for tanh and sigmoid. Only biases may start at zero.",
                    expect="weight_std is above 0 at step 0, no row has a twin, and the gradient reaches every layer",
                ),
                Remedy(
                    change="Where a branch is to start at zero, make only its last factor zero.", expect="it has a gradient"
                ),
            ),
            notes=self.notes,
        )
