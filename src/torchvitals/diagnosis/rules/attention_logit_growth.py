"""attention-logit-growth: attention logits that keep growing, as they do before a divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true, median
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import POOL, majority
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionLogitGrowth(Rule):
    """The largest attention logit has left the range in which a softmax chooses, and grows on.

    What it sees:
        The largest size of a visible scaled logit q·k/√d of each attention call, over the steps.

    Why it matters:
        Queries and keys multiply, so that both growing together square the growth. At a lead of 20 the softmax is one-hot, its
        gradient zero; in half precision the logits lose their last digits, then overflow.

    Formula:
        m = median of the last two recorded values: m > 50, at least twice the first (five times, where that is beyond 50), and no
        less than half of the largest. Found when the run does not learn, or when m > 1000 whether it learns or not.

    When it is wrong:
        Healthy attention sharpens: 57 was reached by a small net that had learned its task, so a run that learns is accused only
        beyond 1000. Logits that fall again are not growing. The value is the largest of an excerpt of the batch and noisy;
        hence medians of two.

    What to do:
        Normalise queries and keys, lower the learning rate or warm it up, decay the query and key weights.

    References:
        Wortsman et al., Small-scale proxies for large-scale Transformer training instabilities, 2023 (growth precedes
        divergence; normalised queries and keys prevent it). Kimi K2 technical report, 2025 (logits beyond 1000 in unstable runs,
        held at 100 by rescaling the weights). Four healthy transformers of two layers ended at 2 to 9. Notes R6.
    """

    code: ClassVar[str] = "TV704"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("attention_max_logit",)
    min_steps: ClassVar[int] = 4
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "attention-collapse",
        "weight-explosion",
        "non-finite",
        "gradient-spike",
        "loss-spike",
        "loss-divergence",
        "loss-plateau",
        "loss-not-decreasing",
    )
    notes: ClassVar[tuple[str, ...]] = ("R6",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="queries and keys that learn a hundred times too fast",
            program="""
                class Reader(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.embed, self.head = nn.Linear(8, 32), nn.Linear(32, 10)
                        self.block = nn.TransformerEncoderLayer(32, 2, dim_feedforward=64, dropout=0.0, batch_first=True)

                    def forward(self, x):
                        return self.head(self.block(self.embed(x.view(-1, 8, 8)))[:, -1])

                model = Reader()
                fast = model.block.self_attn.in_proj_weight
                slow = [p for p in model.parameters() if p is not fast]
                optimizer = torch.optim.Adam([{"params": [fast], "lr": 0.3}, {"params": slow, "lr": 1e-3}])
            """,
        ),
        Case(
            name="a temperature that falls without end",
            program=f"""
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.head, self.cold = nn.Linear(8, 48), nn.Linear(16, 2), 1.0

    def forward(self, x):
        self.cold *= 1.1
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        seen = nn.functional.scaled_dot_product_attention(self.cold * q[:, -1:], k, v)
        return self.head(seen[:, 0])

{majority(48, 8)}
model = Pool()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
batches = majority(250)
""",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="attention that sharpens while it learns",
            program=f"""
{POOL}
model = Pool()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
batches = majority(200)
""",
        ),
        Case(
            name="large logits from the start that do not grow",
            program="""
                class Reader(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.embed, self.head = nn.Linear(8, 32), nn.Linear(32, 10)
                        self.block = nn.TransformerEncoderLayer(32, 2, dim_feedforward=64, dropout=0.0, batch_first=True)
                        nn.init.normal_(self.block.self_attn.in_proj_weight[:64], std=1.0)

                    def forward(self, x):
                        return self.head(self.block(self.embed(x.view(-1, 8, 8))).mean(1))

                model = Reader()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
    )

    logit: float = 50.0  # beyond which growth is a sign of harm in a run that does not learn
    extreme: float = 1000.0  # beyond which it is in any run
    growth: float = 2.0  # last over first
    large_growth: float = 5.0  # times a first value that is beyond `logit` already
    near: float = 0.5  # of the largest value, below which the logits have come down again

    def check(self, run: Run) -> Outcome:
        """Judge every attention call."""
        found = {n: s.finite() for n, s in run.by_subject("attention_max_logit").items()}
        found = {n: s for n, s in found.items() if len(s) >= self.min_steps}
        if not found:
            return self.skip(f"no attention logits were measured in {self.min_steps} steps or more")
        ends = {n: median(s.value[-2:]) for n, s in found.items()}
        grown = {
            n: s for n, s in found.items() if ends[n] > self.logit and ends[n] >= max(self._grown(s), self.near * s.value.max())
        }
        largest = max(ends, key=lambda n: ends[n])
        if not grown:
            return self.clean(
                f"largest attention logit {ends[largest]:.3g} at the end ({largest}), not grown beyond {self.logit:g}"
            )
        state = learning(run)
        if state.status not in {"stalled", "diverged"} and not any(ends[n] > self.extreme for n in grown):
            return self.clean(
                f"largest attention logit {ends[largest]:.3g} and growing ({largest}), below {self.extreme:g} while the run learns"
            )
        return (self._finding(run, grown, ends),)

    def _grown(self, series: Series) -> float:
        """The value that is growth; logits that are large from the beginning have other causes, and vary much by chance."""
        first = float(series.value[0])
        return first * (self.growth if first <= self.logit else self.large_growth)

    def _finding(self, run: Run, grown: dict[str, Series], ends: dict[str, float]) -> Finding:
        name = max(grown, key=lambda n: ends[n])
        series, start = grown[name], float(grown[name].value[0])
        entropy = run.scalar("attention_entropy", name)
        left = median(entropy.value[-2:]) if entropy is not None else float("nan")
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=name,
            modules=tuple(grown),
            first_step=first_true(np.asarray(series.value > self.logit), series.step) or 0,
            last_step=int(series.step[-1]),
            summary=f"The largest attention logit of {name} grew from {start:.3g} to {ends[name]:.3g}.",
            evidence=(
                Evidence(
                    tag=f"attention_max_logit/{name}",
                    observed=ends[name],
                    high=self.logit,
                    sentence=f"largest logit {ends[name]:.3g} at the end, {ends[name] / start:.2g} times that of the first steps",
                ),
                Evidence(
                    tag=f"attention_entropy/{name}",
                    observed=left,
                    unit="fraction",
                    sentence=f"of the entropy that the attention could have {left:.1%} is left",
                ),
            ),
            remedies=(
                Remedy(
                    change="Normalise queries and keys (layer or RMS norm of each head) before their product.",
                    expect="the largest attention logit stays below the root of the head's width times the learned gain",
                ),
                Remedy(
                    change="Lower the learning rate of the query and key weights, or warm it up over more steps.",
                    expect="the curve of the largest logit flattens below 50",
                ),
                Remedy(
                    change="Let nothing but training change the scale of the scores: 1/√d, no schedule of a temperature.",
                    expect="the first value is near 1 and the curve is smooth",
                ),
            ),
            notes=self.notes,
        )
