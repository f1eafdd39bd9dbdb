"""wrong-mode: modules that are trained in evaluation mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import first_true
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.wording import listed

BATCH_NORMS = ("BatchNorm", "SyncBatchNorm", "LazyBatchNorm", "InstanceNorm", "LazyInstanceNorm")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongMode(Rule):
    """The training goes on in evaluation mode: dropout is off and batch norm keeps to its moving averages.

    What it sees:
        On training passes (those with gradients), which modules that behave differently in evaluation mode are in it, and since
        when.

    Why it matters:
        Without dropout the regularisation that was asked for is not there, and the validation loss shows it late. Batch norm
        then neither normalises by the batch nor updates its averages, which drift away from the weights that move on.

    Formula:
        evaluation_modes > 0 in at least half of the training passes looked at since it was first seen, two at least, and in the
        last one. Warning when the mode changed during the run, or when anything but batch norm is concerned; else info.

    When it is wrong:
        Batch norm frozen for fine-tuning is meant: when it is frozen from the first step on, or beside others that are not, it is
        info. So are modules below which no parameter is trained. A pass in evaluation mode with gradients, as for adversarial
        examples, does not count when the last pass of the step is in training mode.

    What to do:
        Call model.train() after every validation, and before the first epoch on a model that was loaded.

    References:
        torch.nn.Module.train and eval; models of the transformers library are in evaluation mode when they come from
        from_pretrained (its documentation). Notes S27.
    """

    code: ClassVar[str] = "TV306"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LOOP
    needs: ClassVar[tuple[str, ...]] = ("manifest", "evaluation_modes")
    min_steps: ClassVar[int] = 2  # readings, each a fifth recorded step
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "batch-norm-stale",
        "train-eval-gap",
        "overfitting",
        "loss-divergence",
        "exploding-gradient",
        "activation-scale-drift",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S27",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a loaded model that nobody put into training mode",
            program="""
                class Tagger(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.rows = nn.LSTM(8, 32, num_layers=2, dropout=0.3, batch_first=True)
                        self.head = nn.Linear(32, 10)

                    def forward(self, x):
                        return self.head(self.rows(x.view(-1, 8, 8))[0][:, -1])

                model = Tagger().eval()
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
                batches = digits(200)
            """,
            module="rows",
        ),
        Case(
            name="left in evaluation mode after the first validation",
            program="""
                model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(300)):
                        if i == 60:
                            model.eval()
                            with torch.no_grad():
                                model(x)
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
            """,
            module="2",
        ),
        Case(
            name="batch norm in evaluation mode from the second epoch on",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(),
                    nn.Linear(288, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(300)):
                        if i == 100:
                            model.eval()
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
            """,
            module="2",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="validation passes with a return to training mode",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(300)):
                        if i % 50 == 0:
                            model.eval()
                            with torch.no_grad():
                                model(x)
                            model.train()
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="adversarial examples made in evaluation mode",
            program="""
                model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def train(vitals):
                    for x, y in digits(200):
                        model.eval()
                        x = x.clone().requires_grad_()
                        (direction,) = torch.autograd.grad(loss_fn(model(x), y), x)
                        model.train()
                        optimizer.zero_grad()
                        loss_fn(model((x + 0.02 * direction.sign()).detach()), y).backward()
                        optimizer.step()
            """,
        ),
        Case(
            name="a model without dropout and batch norm, in evaluation mode",
            program="""
                model = mlp(depth=2, activation=nn.ReLU).eval()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
    )

    share: float = 0.5  # of the passes looked at since the mode was first wrong
    passes: int = 2  # passes that must have been looked at since then

    def check(self, run: Run) -> Outcome:
        """Since when, how steadily, and which modules."""
        count = run.scalar("evaluation_modes", "model")
        if count is None or not len(count):
            return self.skip("no training pass was looked at")
        wrong = count.value > 0
        onset = first_true(wrong, count.step)
        if onset is None:
            return self.clean(f"no module was in evaluation mode on {len(count)} training passes")
        since = wrong[count.step >= onset]
        if not wrong[-1] or since.size < self.passes or since.mean() < self.share:
            return self.clean(
                f"modules in evaluation mode on {wrong.mean():.0%} of {len(count)} training passes, not lastingly"
            )
        found = {name: s for name, s in run.by_subject("evaluation_mode").items() if s.step[-1] == count.step[-1]}
        if not found:
            return self.skip("the log does not say which modules")
        return (self._finding(run, count, onset, list(found)),)

    def _finding(self, run: Run, count: Series, onset: int, names: list[str]) -> Finding:
        meant = self._is_meant(run, onset > int(count.step[0]), names)
        since = f"since step {onset}" if onset > int(count.step[0]) else "from the first step on"
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.INFO if meant else Severity.WARNING,
            module=names[0],
            modules=tuple(names),
            first_step=onset,
            last_step=int(count.step[-1]),
            summary=f"{listed(names)} {'is' if len(names) == 1 else 'are'} trained in evaluation mode {since}"
            + (", as in fine-tuning with frozen batch norm." if meant else "."),
            evidence=(
                Evidence(
                    tag="evaluation_modes/model",
                    observed=float(count.value[-1]),
                    high=0.0,
                    unit="modules",
                    sentence=f"{int(count.value[-1])} modules in evaluation mode on training passes {since}",
                ),
            ),
            remedies=(
                Remedy(
                    change="Call model.train() at the start of every epoch, after every model.eval().",
                    expect="evaluation_modes is 0 on every training pass",
                ),
                Remedy(
                    change="If batch norm is to stay frozen, keep it so and freeze its weight and bias, too.",
                    expect="this finding stays at info",
                ),
            ),
            notes=self.notes,
        )

    @staticmethod
    def _is_meant(run: Run, changed: bool, names: list[str]) -> bool:
        """Frozen batch norm from the start or beside others in training mode, or a part of the model that is not trained."""
        assert run.manifest is not None
        trained = [p.name for p in run.manifest.parameters if p.trainable]
        parents = {name: name.rpartition(".")[0] for name in names}
        resting = [n for n, up in parents.items() if not any(t.startswith(f"{up}." if up else "") for t in trained)]
        norms = {m.name for m in run.manifest.modules if m.kind.startswith(BATCH_NORMS)}
        awake = norms - set(names)
        others = [n for n in names if n not in norms and n not in resting]
        return not others and (not changed or bool(awake) or len(resting) == len(names))
