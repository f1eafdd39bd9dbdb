"""dead-filters: filters of a convolution that compute nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity, Why
from torchvitals.core.run import Run
from torchvitals.diagnosis.convolutions import (
    Convolution,
    Mask,
    convolutions,
    filters,
    never_on,
    next_to_zero,
    off_since,
    rectifier_behind,
)
from torchvitals.diagnosis.programs import CONVOLUTIONS
from torchvitals.diagnosis.rule import Case, Rule, Stage

ZERO_SIDED = frozenset({"relu", "relu6"})  # a channel that is never above zero has no gradient either


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadFilters(Rule):
    """A quarter of a convolution's filters are zero, or half of those that see the input are never on.

    What it sees:
        The norm of every filter at the last look, against the others of its layer; and of the first convolution also the
        channels that a ReLU behind it has let through for none of at least 1,024 samples and positions in the last steps.

    Why it matters:
        A filter of zeros puts out its bias whatever comes in, and one that is never on puts out nothing and gets no gradient.
        The network is as wide as the filters that are left, and pays for all of them.

    Formula:
        zero: ‖w_f‖ ≤ 0.001 · median of the norms above 0, in at least 25 % of the filters, 20 steps or more after the first
        look; never on: f_u = 0 in every step of the window, in at least 50 % of the filters of the first convolution.

    When it is wrong:
        A network that was pruned on purpose has such filters. Deeper channels that are never on are dead-relu's to judge: up to
        44 % of them, and 90 % at a high learning rate, were silent in small networks that learn well; of a first convolution
        12 % at most. Layers of fewer than four filters and frozen layers are not judged; filters that only start at zero and
        have left it are not reported.

    What to do:
        Look for what makes them zero: an initialisation that fills a part of the weight, a mask, a checkpoint of a narrower
        network. Where they died in training: lower the learning rate, zero the biases, or use LeakyReLU.

    References:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014 (dead features of the first layer);
        torch-audit TA405 (‖w‖ < 1e-6). Own measurement: in 24 healthy trainings on digits the smallest filter had 0.3 of the
        median norm. Notes S4, C3a.
    """

    code: ClassVar[str] = "TV705"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("manifest",)
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "dead-relu",
        "symmetric-units",
        "zero-gradient",
        "vanishing-gradient",
        "constant-output",
        "representation-collapse",
        "loss-plateau",
        "loss-not-decreasing",
        "underfitting",
    )
    notes: ClassVar[tuple[str, ...]] = ("C3a", "S4")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="filters of a narrower network in a wider one, the others left at zero",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
                )
                with torch.no_grad():
                    for conv in (model[1], model[4]):
                        conv.weight[10:] = 0.0
                        conv.bias[10:] = -0.5
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(200)
            """,
            module="1",
        ),
        Case(
            name="biases of the first convolution far below zero",
            program=f"""
{CONVOLUTIONS}with torch.no_grad():
    model[1].bias[:9] = -5.0
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
batches = digits(200)
""",
            module="1",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a convolution that starts at zero in a residual branch",
            program="""
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.stem, self.branch = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, 12, 3, padding=1)
                        self.head = nn.Linear(192, 10)
                        nn.init.zeros_(self.branch.weight)

                    def forward(self, x):
                        x = torch.relu(self.stem(x.view(-1, 1, 8, 8)))
                        x = nn.functional.max_pool2d(x + self.branch(x), 2)
                        return self.head(x.flatten(1))

                model = Net()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(200)
            """,
        ),
        Case(
            name="strong weight decay before batch norm",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 5, padding=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                    nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                    nn.Flatten(), nn.Linear(64, 10),
                )
                optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.3)
                batches = digits(200)
            """,
        ),
    )

    zero: float = 1e-3  # of the layer's median norm, at or below which a filter counts as zero
    zeros: float = 0.25  # share of a layer's filters that are zero
    silent: float = 0.5  # share of the first convolution's filters that are zero or never on; 0.12 was seen in good health
    least: int = 4  # filters of a layer below which it is not judged
    samples: int = 1024  # samples and positions a channel must have been silent for
    probes: int = 3  # recorded steps the window must span

    def check(self, run: Run) -> Outcome:
        """Judge the zeros of every convolution, then the silence of the first one."""
        layers = convolutions(run)
        if not layers:
            return self.skip("no convolution is trained")
        zero = {c: m for c in layers if (m := self._zeros(run, c)) is not None and m.size >= self.least}
        off = self._silent(run, layers[0], zero.get(layers[0]))
        if not zero and off is None:
            return self._unjudged(run, layers)
        sick = {c: m for c, m in zero.items() if m.mean() >= self.zeros}
        if off is not None and off.mean() >= self.silent:
            sick = {layers[0]: off, **{c: m for c, m in sick.items() if c is not layers[0]}}
        if not sick:
            most = max((float(m.mean()) for m in zero.values()), default=0.0)
            never = f"; {off.mean():.0%} of the first one's are never on" if off is not None else ""
            return self.clean(f"at most {most:.0%} of a convolution's filters are zero{never}")
        return (self._finding(run, sick, zero),)

    def _unjudged(self, run: Run, layers: tuple[Convolution, ...]) -> Outcome:
        if not any(t.measure == "filter_norm" for t in run.vectors):
            return self.skip("not measured: filter_norm", Why.NOT_MEASURED)
        if any(filters(run, "filter_norm", c.name) is not None for c in layers):
            return self.skip(f"no convolution has {self.least} filters")
        return self.too_early("the filters were looked at once")

    def _zeros(self, run: Run, layer: Convolution) -> Mask | None:
        norms = filters(run, "filter_norm", layer.name)
        return None if norms is None else next_to_zero(np.asarray(norms.value[-1], dtype=np.float64), self.zero)

    def _silent(self, run: Run, first: Convolution, zero: Mask | None) -> Mask | None:
        """Filters of the first convolution that never let anything through, those of zeros included."""
        assert run.manifest is not None
        activation = rectifier_behind(run.manifest, first.name, ZERO_SIDED)
        off = None if activation is None else never_on(run, activation, samples=self.samples, probes=self.probes)
        if off is None or off.size < self.least:
            return None
        return off | zero if zero is not None and zero.size == off.size else off

    def _finding(self, run: Run, sick: dict[Convolution, Mask], zero: dict[Convolution, Mask]) -> Finding:
        worst, mask = next(iter(sick.items()))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=worst.name,
            modules=tuple(c.name for c in sick),
            first_step=self._onset(run, worst, mask, zero.get(worst)),
            last_step=int(run.steps[-1]),
            summary=f"{int(mask.sum())} of the {mask.size} filters of {worst.name} are dead: zero, or never on.",
            evidence=tuple(self._evidence(run, c, m, zero.get(c)) for c, m in list(sick.items())[:4]),
            remedies=(
                Remedy(
                    change=f"Draw the dead filters of {worst.name} anew (torch.nn.init.kaiming_normal_) with a bias of zero.",
                    expect="filter_norm has no filter near zero, and firing_rate spreads around one half",
                ),
                Remedy(
                    change="Where they died in training: a learning rate 3 to 10 times lower, or LeakyReLU behind the convolution.",
                    expect="the share of dead filters stays where it was at the first step",
                ),
                Remedy(
                    change="Where they are zero on purpose, take them out: a narrower layer computes the same for less.",
                    expect="the same loss with fewer parameters",
                ),
            ),
            notes=self.notes,
        )

    def _evidence(self, run: Run, layer: Convolution, mask: Mask, zero: Mask | None) -> Evidence:
        if zero is not None and zero.mean() >= self.zeros:
            return Evidence(
                tag=f"filter_norm/{layer.name}",
                observed=float(zero.mean()),
                high=self.zeros,
                unit="fraction",
                sentence=f"{int(zero.sum())} of {zero.size} filters of {layer.name} have next to no norm",
            )
        assert run.manifest is not None
        activation = rectifier_behind(run.manifest, layer.name, ZERO_SIDED)
        return Evidence(
            tag=f"firing_rate/{activation}",
            observed=float(mask.mean()),
            high=self.silent,
            unit="fraction",
            sentence=f"{int(mask.sum())} of {mask.size} channels of {layer.name} were above zero for none of the last samples",
        )

    def _onset(self, run: Run, layer: Convolution, mask: Mask, zero: Mask | None) -> int:
        """The first look at which so many were zero, or the step since which so many have been off."""
        norms = filters(run, "filter_norm", layer.name)
        if norms is not None and zero is not None and zero.mean() >= self.zeros:
            counts = [next_to_zero(np.asarray(row, dtype=np.float64), self.zero).mean() for row in norms.value]
            return int(norms.step[next(i for i, share in enumerate(counts) if share >= self.zeros)])
        assert run.manifest is not None
        activation = rectifier_behind(run.manifest, layer.name, ZERO_SIDED)
        assert activation is not None
        return off_since(run, activation, mask, channels=max(1, int(np.ceil(self.silent * mask.size))))
