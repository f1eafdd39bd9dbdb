"""batch-size: tiny batches whose gradients are nearly all noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.curves import batch_size
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSize(Rule):
    """A batch of a few samples, whose gradient is noise for the most part, in a run that does not learn.

    What it sees:
        The gradients of successive steps: what they share is signal, what they do not is noise. And the batch size.

    Why it matters:
        Where noise prevails, most of each step leads nowhere: a larger batch makes the same way in fewer steps. Above the noise
        scale a larger batch brings next to nothing.

    Formula:
        B = mean(½‖g₁ − g₂‖²)/mean(g₁·g₂) in batches, the simple noise scale. Found when n ≤ 8 samples a batch, and B > 5 even
        if the signal is two standard errors larger than measured.

    When it is wrong:
        The noise scale grows without end as training converges, so a run that learns well is looked at only where a batch is a
        single sample, and then it is info. Labels
        without relation to the inputs give no signal, either: then no batch size helps. Larger
        batches are not accused, however noisy. Gradients that are not cleared share their past and look free of noise.

    What to do:
        A larger batch, accumulation over several backward passes, or a smaller learning rate.

    References:
        McCandlish et al., An empirical model of large-batch training, 2018 (arXiv 1812.06162), appendix A.1. Notes S19.
    """

    code: ClassVar[str] = "TV905"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.DATA
    needs: ClassVar[tuple[str, ...]] = ("batch_size", "gradient_signal", "gradient_noise", "loss")
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("loss-oscillation", "underfitting")
    notes: ClassVar[tuple[str, ...]] = ("C2f", "S19")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="single digits",
            program="""
                model = mlp(depth=1, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=3e-3)
                batches = list(digits(300, batch=1))
            """,
        ),
        Case(
            name="a regression on noise for the most part, in batches of two",
            program="""
                model = nn.Linear(64, 1)
                optimizer = torch.optim.SGD(model.parameters(), lr=2e-4)
                loss_fn = nn.MSELoss()
                inputs = [torch.randn(2, 64) for _ in range(300)]
                batches = [(x, 0.5 * x[:, :1] + 2 * torch.randn(2, 1)) for x in inputs]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="batches of two that suffice",
            program="""
                model = mlp(depth=1, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = list(digits(300, batch=2))
            """,
        ),
        Case(
            name="a linear classifier in batches of four",
            program="""
                model = nn.Linear(64, 10)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = list(digits(300, batch=4))
            """,
        ),
    )

    scale: float = 5.0  # noise scale in batches, at the least; healthy batches of 32 had 1.2 to 2.3 early on
    few: int = 8  # samples a batch that count as few
    fewest: int = 1  # the same in a run that learns
    errors: float = 2.0  # standard errors that the signal may be larger than measured

    def check(self, run: Run) -> Outcome:
        """Noise over signal, each averaged over the run."""
        n, signal, noise = batch_size(run), run.scalar("gradient_signal", "model"), run.scalar("gradient_noise", "model")
        if signal is None or noise is None or not n >= 1:
            return self.skip("not measured: gradients of successive steps, or the batch size")
        shared, lone = signal.finite().value, noise.finite().value
        if min(len(shared), len(lone)) < self.min_steps:
            return self.skip(f"fewer than {self.min_steps} pairs of successive gradients")
        state = learning(run)
        mean, error = float(shared.mean()), float(shared.std(ddof=1)) / math.sqrt(len(shared))
        most = max(mean, 0.0) + self.errors * error  # the signal may be this large: the noise scale is at least …
        ratio = float(np.mean(lone)) / most if most > 0 else 0.0
        most_judged = self.few if state.status == "stalled" else self.fewest
        if state.status not in {"stalled", "learning"} or n > most_judged or ratio <= self.scale:
            return self.clean(f"noise scale of at least {ratio:.3g} batches of {n:g}; judged up to {most_judged} samples")
        return (self._finding(run, n, ratio),)

    def _finding(self, run: Run, n: float, ratio: float) -> Finding:
        wanted = 2 ** math.ceil(math.log2(max(n * ratio, 2)))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"Batches of {n:g} are mostly noise: the noise of a gradient is at least {ratio:.3g} times its signal (squared norms).",
            evidence=(
                Evidence(
                    tag="gradient_noise/model",
                    observed=ratio,
                    high=self.scale,
                    unit="batches",
                    sentence=f"noise scale at least {ratio:.3g} batches, that is {n * ratio:.3g} samples",
                ),
                Evidence(
                    tag="batch_size/model", observed=n, low=self.few + 1.0, unit="samples", sentence=f"{n:g} samples a batch"
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Raise the batch size towards {min(wanted, 256)}, and the learning rate by the square root of the factor.",
                    expect="the noise scale in batches falls by the same factor, and the loss falls from step to step",
                ),
                Remedy(
                    change="Where memory does not allow it, accumulate several backward passes before each optimizer step.",
                    expect="the loss falls more smoothly per optimizer step",
                ),
            ),
            notes=self.notes,
        )
