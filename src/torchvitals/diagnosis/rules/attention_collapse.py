"""attention-collapse: attention that looks at a single position, whatever it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import POOL, majority
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionCollapse(Rule):
    """The attention rows of a layer have next to no entropy: each query takes one key and nothing else.

    What it sees:
        The entropy of the attention weights over the logarithm of the number of visible keys, mean over rows and heads, of each
        attention call.

    Why it matters:
        Where one weight is 1 and all others are 0, the softmax has no gradient: queries and keys can no longer learn to look
        elsewhere, and the layer passes on one position instead of gathering. Low entropy goes along with oscillating and
        diverging loss.

    Formula:
        mean over heads and rows of −Σ a·ln a / ln(visible keys) < 0.05, in at least half of the recorded steps and in the last.

    When it is wrong:
        Single heads that copy from one place, or rest on the first token, are healthy; so the mean over all heads is judged.
        Rows with one visible key do not count. Layers of large language models that rest on one token come near 0.05 in good
        health: if the run learns well it is info at most.

    What to do:
        Smaller query and key weights, normalised queries and keys, learning-rate warm-up, the scale 1/√d.

    References:
        Zhai et al., Stabilizing Transformer Training by Preventing Attention Entropy Collapse, 2023. Four healthy transformers
        of two layers began at 0.98 or more and ended at 0.59 to 0.98. Notes R5, R6.
    """

    code: ClassVar[str] = "TV703"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("attention_entropy",)
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "constant-output",
        "gradient-spike",
        "vanishing-gradient",
        "loss-plateau",
        "loss-not-decreasing",
    )
    notes: ClassVar[tuple[str, ...]] = ("R5", "R6")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="queries and keys far too large",
            program=f"""
class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(4, 16), nn.Linear(16, 2)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        nn.init.normal_(self.attention.in_proj_weight[:32], std=4.0)

    def forward(self, x):
        x = self.embed(x)
        return self.head(self.attention(x, x, x)[0][:, -1])

{majority(24, 4)}
model = Last()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batches = majority(200)
""",
        ),
        Case(
            name="scores multiplied instead of divided by the root of the width",
            program=f"""
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.head = nn.Linear(8, 96), nn.Linear(32, 2)

    def forward(self, x):
        q, k, v = (4 * self.qkv(x)).chunk(3, dim=-1)
        seen = nn.functional.scaled_dot_product_attention(q[:, -1:], k, v / 4, scale=32**0.5)
        return self.head(seen[:, 0])

{majority(48, 8)}
model = Pool()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
batches = majority(200)
""",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a transformer that reads the rows of a digit",
            program="""
                class Reader(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.embed, self.head = nn.Linear(8, 32), nn.Linear(32, 10)
                        self.block = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64, dropout=0.0, batch_first=True)

                    def forward(self, x):
                        return self.head(self.block(self.embed(x.view(-1, 8, 8))).mean(1))

                model = Reader()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="attention that learns to leave positions out",
            program=f"""
{POOL}
model = Pool()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
batches = majority(250)
""",
        ),
    )

    entropy: float = 0.05  # of ln(visible keys), mean over heads; 0.59 and more in good health
    share: float = 0.5  # of the recorded steps in which it must hold

    def check(self, run: Run) -> Outcome:
        """Judge every attention call."""
        found = {n: s.finite() for n, s in run.by_subject("attention_entropy").items()}
        found = {n: s for n, s in found.items() if len(s) >= self.min_steps}
        if not found:
            return self.skip("no attention with a choice of keys was measured in three steps or more")
        sick = {n: s for n, s in found.items() if persistent(s.value < self.entropy, self.share) and s.value[-1] < self.entropy}
        if not sick:
            name = min(found, key=lambda n: float(found[n].value.min()))
            lowest, last = float(found[name].value.min()), float(found[name].value[-1])
            return self.clean(
                f"lowest attention entropy {lowest:.2g}, {last:.2g} at the end ({name}); below {self.entropy:g} for good is found"
            )
        return (self._finding(run, sick),)

    def _finding(self, run: Run, sick: dict[str, Series]) -> Finding:
        name, series = next(iter(sick.items()))
        observed, state = median(series.value), learning(run)
        logits = run.scalar("attention_max_logit", name)
        largest = median(logits.value) if logits is not None else float("nan")
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=name,
            modules=tuple(sick),
            first_step=first_true(series.value < self.entropy, series.step) or 0,
            last_step=int(series.step[-1]),
            summary=f"The attention of {name} keeps {observed:.1%} of the entropy it could have: one key takes it all.",
            evidence=(
                Evidence(
                    tag=f"attention_entropy/{name}",
                    observed=observed,
                    low=self.entropy,
                    unit="fraction",
                    sentence=f"mean entropy {observed:.2g} of ln(visible keys) (median over the steps), above {self.entropy:g} is healthy",
                ),
                Evidence(
                    tag=f"attention_max_logit/{name}",
                    observed=largest,
                    sentence=f"largest logit {largest:.3g}; a lead of 10 leaves the other keys less than a twenty-thousandth each",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Normalise queries and keys (layer or RMS norm of each head) before their product, scaled by 1/√d.",
                    expect="attention entropy starts near 1 and stays above 0.3",
                ),
                Remedy(
                    change="Initialise the query and key projections smaller: xavier_uniform_, or a tenth of what they are.",
                    expect="the largest attention logit at step 0 is below 5",
                ),
                Remedy(
                    change="Warm the learning rate up over the first few hundred steps.",
                    expect="attention entropy falls slowly, head by head, while the loss falls",
                ),
            ),
            notes=self.notes,
        )
