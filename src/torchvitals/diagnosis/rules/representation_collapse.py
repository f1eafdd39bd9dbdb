"""representation-collapse: inside the network all samples look the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import after_warmup
from torchvitals.diagnosis.own_targets import targets_shrink
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentationCollapse(Rule):
    """From some layer on, the activations of different samples point in one direction: the input is forgotten there.

    What it sees:
        The mean cosine between a module's outputs for two samples of the batch, and whether the loss leaves the trivial
        prediction; for losses between two outputs of the network, whether its targets shrink to one point.

    Why it matters:
        What follows that layer cannot tell the samples apart. In self-supervised learning the loss is then at its best while
        nothing has been learned.

    Formula:
        mean cosine > 0.999 in at least half of the recorded steps after the first ten ∧ the run does not learn; or the same in
        the last third of the run ∧ the variance of the targets falls below 1 % of its start ∧ 1 − cosine to a tenth of its own.

    When it is wrong:
        Outputs that are all positive have large cosines in good health, deep sigmoid networks above 0.99: a run that learns is
        not judged by them, unless it makes its own targets. Modules with fewer than eight outputs a sample are not measured.
        Equal inputs make equal activations; dead or saturated units and a vanishing signal do so, too, and explain this finding
        where they are found.

    What to do:
        Look at the first module named. For joint-embedding losses add what keeps samples apart: negatives, a stopped gradient
        with a predictor, a variance term.

    References:
        Collapse of embeddings: Chen & He, Exploring simple Siamese representation learning, 2021; Bardes et al., VICReg, 2022.
        A cosine above 0.99 at the trivial loss as "input ignored" is our proposal, here at 0.999. Notes C3b, C2e.
    """

    code: ClassVar[str] = "TV208"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss", "activation_cosine")
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "constant-output",
        "target-scale",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "learning-rate-too-low",
        "adam-epsilon-dominance",
    )
    notes: ClassVar[tuple[str, ...]] = ("C3b", "C2e")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a hidden mean over the batch",
            program="""
                class Averaging(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.fc1, self.fc2, self.out = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

                    def forward(self, x):
                        h = torch.relu(self.fc1(x))
                        h = torch.relu(self.fc2(h.mean(dim=0, keepdim=True).expand_as(h)))
                        return self.out(h)

                model = Averaging()
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            """,
            module="fc2",
        ),
        Case(
            name="two views that must agree, and nothing else",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=16)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = None

                def train(vitals):
                    for x, _ in digits(250):
                        optimizer.zero_grad()
                        nn.functional.mse_loss(model(x + 0.3 * x.roll(1, 0)), model(x - 0.3 * x.roll(1, 0))).backward()
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="sigmoid layers that learn",
            program="""
                model = mlp(depth=2, activation=nn.Sigmoid)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
            """,
        ),
        Case(
            name="two views that must agree, and other samples must not",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=16)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = None

                def train(vitals):
                    for x, _ in digits(250):
                        optimizer.zero_grad()
                        z = model(torch.cat([x + 0.1 * x.roll(1, 0), x - 0.1 * x.roll(1, 0)]))
                        a, b = nn.functional.normalize(z, dim=1).chunk(2)
                        nn.functional.cross_entropy(a @ b.T / 0.2, torch.arange(len(a))).backward()
                        optimizer.step()
            """,
        ),
    )

    alike: float = 0.999  # mean cosine above which the samples look the same
    share: float = 0.5  # of the recorded steps in which it must hold
    warmup: int = 10  # steps not looked at, where there are later ones
    narrowed: float = 0.1  # of its first value, below which 1 − cosine has collapsed with them

    def check(self, run: Run) -> Outcome:
        """Find the first module at which the samples become equal."""
        assert run.manifest is not None
        series = {n: s for n, s in run.by_subject("activation_cosine").items() if np.isfinite(s.value).sum() >= 3}
        if not series:
            return self.skip("no module with eight outputs a sample was seen three times")
        constant = run.scalar("constant_feature_fraction", "model")
        if constant is not None and len(constant) and median(constant.value) == 1.0:
            return self.skip("the samples of a batch are equal themselves")
        own = targets_shrink(run)
        judged = (self._narrows if own else self._alike) if own or not learning(run).well else None
        sick = {n: s for n, s in series.items() if judged is not None and judged(s)}
        if not sick:
            name = max(series, key=lambda n: median(series[n].value))
            state = "; the run learns" if learning(run).well else ""
            return self.clean(
                f"largest mean cosine {median(series[name].value):.4g} ({name}), same above {self.alike:g}{state}"
            )
        return (self._finding(run, sick, own),)

    def _alike(self, series: Series) -> bool:
        late = after_warmup(series.step, self.warmup)
        return persistent(series.value[late] > self.alike, self.share)

    def _narrows(self, series: Series) -> bool:
        """Whether the samples were apart at first, and are so no more."""
        tail = series.value[-max(2, len(series) // 3) :]
        return persistent(tail > 1 - self.narrowed * (1 - float(series.value[0])), self.share)

    def _finding(self, run: Run, sick: dict[str, Series], own: bool) -> Finding:
        name, series = next(iter(sick.items()))
        state, last = learning(run), median(series.value[-3:])
        bad = series.value > (1 - self.narrowed * (1 - float(series.value[0])) if own else self.alike)
        how = (
            "The targets, which the network makes itself, shrink to one point and the samples with them"
            if own
            else "All samples"
        )
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if own else Severity.CRITICAL,
            module=name,
            modules=tuple(sick),
            first_step=first_true(bad, series.step) or 0,
            last_step=int(series.step[-1]),
            summary=f"{how}: mean cosine {last:.4g} at {name}."
            if own
            else f"{how} look the same at {name}: mean cosine {last:.4g}.",
            evidence=(
                Evidence(
                    tag=f"activation_cosine/{name}",
                    observed=last,
                    high=self.alike,
                    sentence=f"mean cosine between samples {float(series.value[0]):.4g} at first, {last:.4g} in the end",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Add a term that keeps samples apart: negatives, a variance term, or a stopped gradient with a predictor."
                    if own
                    else f"Look at what {name} is given: a mean or norm over the batch, a constant that dwarfs the signal, an unused input.",
                    expect="the cosine between samples stays clearly below 1 while the loss falls",
                ),
                Remedy(
                    change="Compare the activations of two very different samples, module by module.",
                    expect="they differ up to the module that has to be repaired",
                ),
            ),
            notes=self.notes,
        )
