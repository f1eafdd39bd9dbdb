"""missing-nonlinearity: linear layers follow one another without an activation between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ModuleInfo
from torchvitals.core.run import Run
from torchvitals.diagnosis.chains import chained_pairs, is_affine
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage

Pair = tuple[ModuleInfo, ModuleInfo]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingNonlinearity(Rule):
    """Two linear or convolution layers are chained without an activation, so together they are no more than one.

    What it sees:
        The layers in the order of the forward pass, the shapes of their weights, and the activations (modules and functions) that
        were reached between them.

    Why it matters:
        W₂(W₁x + b₁) + b₂ is linear in x. A network without any activation is a linear model however deep it is: it cannot learn
        what is not linear in the inputs, and its depth only makes the optimisation harder.

    Formula:
        layers i and i+1 of the forward order ∧ of one parent ∧ out_i = in_{i+1} ∧ no known activation between. A finding for a
        network that is affine as a whole; for a single pair only if the run does not learn, info otherwise.

    When it is wrong:
        Layers that share their input (query, key and value, several heads), narrow middles (LoRA, latent codes, factorised
        heads), depthwise before pointwise convolutions, and layers around a norm or an attention are not paired. Functions that
        are not known as activations (sin, a square, max pooling, one's own) are not seen: where they stand between layers of one
        module, this finding is wrong. Skipped where functions cannot be seen at all.

    What to do:
        Put an activation between the two, or merge them into one layer.

    References:
        UMLAUT and NeuraLint look for missing activations in Keras sources; the survey to the fault taxonomy of Humbatova et al.
        (ICSE 2020) has wrong activations at 43 % of practitioners and missing layers at 24 %. Notes C1a, C1d, S14.
    """

    code: ClassVar[str] = "TV206"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest",)
    min_steps: ClassVar[int] = 1
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("underfitting", "loss-plateau", "loss-not-decreasing")
    notes: ClassVar[tuple[str, ...]] = ("C1a", "C1d", "S14")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="three linear layers for an exclusive or",
            program="""
                model = nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 1))
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                loss_fn = nn.MSELoss()
                batches = [(x, x[:, :1] * x[:, 1:]) for x in torch.randn(100, 64, 2).sign()]
            """,
            module="1",
        ),
        Case(
            name="convolutions without an activation",
            program="""
                class Plain(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3)
                        self.head = nn.Linear(16, 10)

                    def forward(self, x):
                        return self.head(self.conv2(self.conv1(x.reshape(-1, 1, 8, 8))).mean(dim=(2, 3)))

                model = Plain()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = digits(100)
            """,
            module="conv2",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a low-rank adapter and two heads",
            program="""
                class Adapted(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.base, self.down, self.up = nn.Linear(64, 64), nn.Linear(64, 4), nn.Linear(4, 64)
                        self.digit, self.parity = nn.Linear(64, 10), nn.Linear(64, 10)

                    def forward(self, x):
                        h = torch.relu(self.base(x) + self.up(self.down(x)))
                        return self.digit(h) + self.parity(h)

                model = Adapted()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="attention written out",
            program="""
                class Attending(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.query, self.key, self.value = nn.Linear(8, 32), nn.Linear(8, 32), nn.Linear(8, 32)
                        self.out, self.head = nn.Linear(32, 32), nn.Linear(256, 10)

                    def forward(self, x):
                        rows = x.reshape(-1, 8, 8)
                        q, k, v = self.query(rows), self.key(rows), self.value(rows)
                        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
                        return self.head(torch.relu(self.out(mixed)).flatten(1))

                model = Attending()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            """,
        ),
        Case(
            name="a linear model",
            program="""
                model = nn.Linear(64, 10)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
            """,
        ),
    )

    def check(self, run: Run) -> Outcome:
        """Walk through the layers in the order of the forward pass."""
        assert run.manifest is not None
        blind = [u.subject for u in run.manifest.unseen if u.subject in ("functions", "activations")]
        if blind or not any(m.fired for m in run.manifest.modules):
            return self.skip("activations called as functions could not be seen in this run")
        pairs = list(chained_pairs(run))
        if not pairs:
            return self.clean("no two linear or convolution layers are chained without an activation between")
        return (self._finding(run, pairs, is_affine(run)),)

    def _finding(self, run: Run, pairs: list[Pair], affine: bool) -> Finding:
        state = learning(run)
        modules = tuple(dict.fromkeys(second.name for _, second in pairs))
        named = ", ".join(f"{a.name} → {b.name}" for a, b in pairs[:4]) + (
            f" and {len(pairs) - 4} more" if len(pairs) > 4 else ""
        )
        summary = f"No activation between {named}: together they are one linear layer"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if affine or not state.well else Severity.INFO,
            module=modules[0],
            modules=modules,
            first_step=int(run.steps[0]) if len(run.steps) else 0,
            last_step=int(run.steps[-1]) if len(run.steps) else 0,
            summary=f"{summary}, and so is the whole network." if affine else f"{summary}.",
            evidence=(
                Evidence(
                    tag="",
                    observed=float(len(pairs)),
                    high=0.0,
                    unit="pairs",
                    sentence=f"{len(pairs)} pairs of layers without an activation that was seen between them",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change=f"Put an activation (ReLU, GELU) between {pairs[0][0].name} and {pairs[0][1].name}.",
                    expect="a training loss below the one that a linear model reaches",
                ),
                Remedy(
                    change="If a linear map is wanted, merge the layers into one.",
                    expect="the same loss with fewer weights",
                ),
            ),
            notes=self.notes,
        )
