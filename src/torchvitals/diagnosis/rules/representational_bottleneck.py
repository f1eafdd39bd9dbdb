"""representational-bottleneck: a layer so small that what the task needs does not fit through it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.run import Run
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentationalBottleneck(Rule):
    """The representation shrinks abruptly from one layer to the next, and the network does not learn.

    What it sees:
        The number of values a sample has after each layer with weights, in forward order: channels times positions, or units.

    Why it matters:
        What does not fit through a layer is gone for all behind it. Pooling before widening throws positions away that more
        channels could have kept.

    Formula:
        n_i values after layer i, the head left out. A grid that shrinks for good: n_{i−1}/n_i ≥ 16 at a map, and no later map
        has more than 2·n_i. Or a waist: n_{i−1}/n_i ≥ 8, a later layer with ≥ 8·n_i, and n_i below the number of outputs.

    When it is wrong:
        Autoencoders have a waist on purpose, decoders and squeeze blocks widen again, a value head stands beside others: a
        network that learns is accused of nothing, and one that passes everything through one or two values is remarked on. Classic networks shrink 4 times at a pooling and up to 13
        times at their last convolution. Pooling and flattening are no layers with weights; they show in the next one. Layers of
        parallel branches are seen one after the other.

    What to do:
        Widen first, then pool; or pool and convolve side by side and join the two.

    References:
        Szegedy et al., Rethinking the Inception architecture, 2016 (avoid representational bottlenecks; grids reduced in
        parallel branches). LeNet-5's last convolution: 1,600 values to 120. Notes S23, S29, C1d.
    """

    code: ClassVar[str] = "TV408"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss")
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "representation-collapse",
        "constant-output",
        "dead-relu",
        "dead-filters",
        "loss-plateau",
        "loss-not-decreasing",
    )
    notes: ClassVar[tuple[str, ...]] = ("S23", "S29", "C1d")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="positions averaged away before the network widens",
            program="""
                model = nn.Sequential(
                    nn.Conv2d(1, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.ReLU(),
                    nn.Flatten(), nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def spots(n):
                    for _ in range(n):
                        y, at = torch.randint(0, 4, (32,)), torch.randint(0, 8, (2, 32))
                        x = 0.1 * torch.randn(32, 1, 16, 16)
                        x[torch.arange(32), 0, at[0] + 8 * (y // 2), at[1] + 8 * (y % 2)] = 3.0
                        yield x, y

                batches = spots(200)
            """,
            module="3",
        ),
        Case(
            name="one unit between wide layers, of which most inputs are lost",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1), nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64),
                )
                loss_fn = nn.MSELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def itself(n):
                    for _ in range(n):
                        x = torch.randn(64, 64)
                        yield x, x

                batches = itself(200)
            """,
            module="2",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a network that pools and widens",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 2), nn.ReLU(),
                    nn.Flatten(), nn.Linear(32, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="an autoencoder with a code of four numbers",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 4), nn.Linear(4, 48), nn.Tanh(), nn.Linear(48, 64),
                )
                loss_fn = nn.MSELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
                batches = [(x, x) for x, _ in digits(300)]
            """,
        ),
    )

    grid: float = 16.0  # shrinkage of a map from one layer to the next; 4 at a pooling, 13 in LeNet-5
    waist: float = 8.0  # shrinkage and widening about a waist
    next_to_nothing: int = 2  # values of a waist that is remarked on in a run that learns, too
    again: float = 2.0  # widening behind a grid that has shrunk, beyond which it is no loss for good

    def check(self, run: Run) -> Outcome:
        """Compare the sizes of successive layers."""
        assert run.manifest is not None
        layers = _layers(run.manifest)
        if len(layers) < 3:
            return self.skip("fewer than two hidden layers with a known shape")
        state = learning(run)
        found = self._bottleneck(run.manifest, layers)
        harmless = state.status not in {"stalled", "diverged"}
        if harmless and not (state.well and found is not None and found[2] <= self.next_to_nothing):
            name, factor = self._worst(run.manifest, layers)
            return self.clean(f"the sharpest shrinkage is {factor:.3g}-fold ({name}); {state.sentence or 'no sign of harm'}")
        if found is None:
            name, factor = self._worst(run.manifest, layers)
            return self.clean(f"the sharpest shrinkage is {factor:.3g}-fold ({name}), {self.grid:g}-fold is abrupt")
        return (self._finding(run, *found),)

    def _worst(self, manifest: Manifest, layers: tuple[ModuleInfo, ...]) -> tuple[str, float]:
        sizes = _sizes(manifest, layers)
        factor, name = max((sizes[i] / sizes[i + 1], m.name) for i, m in enumerate(layers[:-1]))
        return name, factor

    def _bottleneck(self, manifest: Manifest, layers: tuple[ModuleInfo, ...]) -> tuple[ModuleInfo, int, int] | None:
        """The first layer that is one, with the number of values before and after it."""
        sizes = _sizes(manifest, layers)
        outputs = math.prod((manifest.output_shape or layers[-1].output_shape or (1,))[1:])
        for i, module in enumerate(layers[:-1]):  # the head may be as narrow as the task
            before, after, later = sizes[i], sizes[i + 1], max(sizes[i + 2 : -1], default=0)
            maps = max((n for n, m in zip(sizes[i + 2 :], layers[i + 1 : -1], strict=False) if _is_map(m)), default=0)
            if _is_map(module) and before >= self.grid * after and maps <= self.again * after:
                return module, before, after
            if before >= self.waist * after and max(later, sizes[-1]) >= self.waist * after and after < outputs:
                return module, before, after
        return None

    def _finding(self, run: Run, module: ModuleInfo, before: int, after: int) -> Finding:
        state = learning(run)
        shape = "×".join(str(n) for n in (module.output_shape or ())[1:])
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=module.name,
            modules=(module.name,),
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"At {module.name} {before:,} values of a sample become {after:,} ({shape})"
            + (", and nothing is learned." if not state.well else "."),
            evidence=(
                Evidence(
                    tag="",
                    observed=before / after,
                    high=self.grid,
                    unit="times",
                    sentence=f"{before:,} values before {module.name}, {after:,} after it; poolings shrink 4-fold",
                ),
                Evidence(tag="loss/train", observed=state.current, high=state.reference, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Widen before you shrink: more channels or units first, then the pooling or the stride.",
                    expect="the number of values falls by no more than 4 from layer to layer, and the loss falls",
                ),
                Remedy(
                    change="Pool and convolve with a stride side by side, and concatenate the two.",
                    expect="the grid shrinks, the number of values hardly",
                ),
            ),
            notes=self.notes,
        )


def _layers(manifest: Manifest) -> tuple[ModuleInfo, ...]:
    """Modules with a weight of two dimensions or more whose output shape is known, in forward order."""
    weighted = {p.module for p in manifest.parameters if len(p.shape) >= 2}
    return tuple(m for m in manifest.modules if m.fired and m.name in weighted and len(m.output_shape or ()) >= 2)


def _sizes(manifest: Manifest, layers: tuple[ModuleInfo, ...]) -> list[int]:
    """Values of a sample at the input and after each layer; without a known input, as many there as after the first."""
    after = [max(math.prod((m.output_shape or (1,))[1:]), 1) for m in layers]
    first = math.prod(manifest.input_shape[1:]) if manifest.input_shape and len(manifest.input_shape) > 1 else after[0]
    return [max(first, 1), *after]


def _is_map(module: ModuleInfo) -> bool:
    """Whether a module puts out channels over positions in two dimensions or more."""
    return len(module.output_shape or ()) > 3
