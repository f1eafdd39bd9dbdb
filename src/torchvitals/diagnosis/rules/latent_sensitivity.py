"""latent-sensitivity: an autoencoder whose code answers to noise more than to what the inputs are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag
from torchvitals.diagnosis.rule import Case, Rule, Stage

Values = NDArray[np.float64]
AUTOENCODER = """
def train(vitals):
    held = next(digits(1))[0]
    for step, (x, _) in enumerate(digits(200)):
        optimizer.zero_grad()
        loss_fn(model(x), x).backward()
        optimizer.step()
        if step % 40 == 0:
            with torch.no_grad():
                z = held @ model[0].weight.T + model[0].bias
                norms = (slope(z).square() @ model[0].weight.square().sum(1)).sqrt()  # ∂h/∂x = h'(z) W
                looks = {"latent_sensitivity/1": norms.mean() / 8**0.5, "activation_std/1": code(z).std()}
            vitals.log(**looks)
"""  # what is recorded of the code when `watch` is given a probe, by hand; model[0] is linear, model[1] is what follows


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSensitivity(Rule):
    """Small changes of the input move the code of an autoencoder further than other inputs do.

    What it sees:
        How far the units of the code move with the input, ‖∂h/∂x‖_F/√D, against how far apart the codes of different inputs
        lie, at the looks at the probe.

    Why it matters:
        A code that follows the noise of single pixels says little of what is in the input: the decoder cannot use it, inputs
        that are alike lie far apart, and a noisy input is not recognised.

    Formula:
        q = s·σ_x/σ_h ≥ 3 at the last two looks, with s = mean ‖∂h/∂x‖_F/√D, σ_x the standard deviation of the inputs and σ_h that
        of the code over the inputs. To first order noise of standard deviation ε in every pixel moves a unit of the code by s·ε,
        so that noise of the inputs' own size moves it by q times its spread. q does not change with the units of x and h; a
        linear code of white noise has q = 1.

    When it is wrong:
        Networks whose output is not shaped like their input are not judged: features of a classifier may turn sharply between
        classes. Nor is the growth of s: it grew four- to elevenfold in healthy training, because the code itself grew. Codes
        that are periodic by design (angles, hashes) are sensitive by design. σ_x includes what differs between pixels, so that
        q is rather too large.

    What to do:
        A contractive penalty λ‖∂h/∂x‖², noise on the input with a clean target, sparsity, weight decay.

    References:
        Rifai et al., Contractive auto-encoders, 2011 (the penalty; they give no limit). Own measurement: q of 0.3 to 0.7 at the
        end of 14 trainings of ordinary autoencoders on digits and up to 2 at birth; 2.7 with first weights a hundred times too
        large under tanh; 6 to 24 for codes that wrap around. Notes S22.
    """

    code: ClassVar[str] = "TV708"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.UNITS
    needs: ClassVar[tuple[str, ...]] = ("manifest",)
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "representational-bottleneck",
        "loss-plateau",
        "loss-not-decreasing",
        "underfitting",
        "train-eval-gap",
    )
    notes: ClassVar[tuple[str, ...]] = ("S22",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a sine of a frequency far too high",
            program=f"""
class Sine(nn.Module):
    def forward(self, z):
        return torch.sin(30 * z)

model = nn.Sequential(nn.Linear(64, 8), Sine(), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
code, slope = model[1], lambda z: 30 * torch.cos(30 * z)
{AUTOENCODER}""",
            module="1",
        ),
        Case(
            name="a code that wraps around",
            program=f"""
class Wrap(nn.Module):
    def forward(self, z):
        return (20 * z) % 1.0

model = nn.Sequential(nn.Linear(64, 8), Wrap(), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
code, slope = model[1], lambda z: torch.full_like(z, 20.0)
{AUTOENCODER}""",
            module="1",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a code between −1 and 1",
            program=f"""
model = nn.Sequential(nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
code, slope = torch.tanh, lambda z: 1 - torch.tanh(z).square()
{AUTOENCODER}""",
        ),
        Case(
            name="a linear code a thousand times larger than the inputs",
            program=f"""
class Scale(nn.Module):
    def forward(self, z):
        return 1000 * z

model = nn.Sequential(nn.Linear(64, 8), Scale(), nn.BatchNorm1d(8), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
code, slope = lambda z: 1000 * z, lambda z: torch.full_like(z, 1000.0)
{AUTOENCODER}""",
        ),
    )

    quotient: float = 3.0  # of the code's move with noise of the inputs' size to its own spread; 1 is white noise, linearly
    patience: int = 20  # steps between the first look and the last

    def check(self, run: Run) -> Outcome:
        """Judge every code that was looked at."""
        assert run.manifest is not None
        looks = {name: s for name, s in run.by_subject("latent_sensitivity").items() if len(s)}
        if not looks:
            return self.skip("no latent code was looked at; an autoencoder's is when watch(..., probe=...) is given a batch")
        if not _rebuilds_its_input(run.manifest):
            return self.skip("the output is not shaped like the input")
        judged = {n: s for n, s in looks.items() if len(s) >= 2 and s.step[-1] - s.step[0] >= self.patience}
        if not judged:
            return self.too_early("the latent code was looked at once")
        quotients = {n: q for n, s in judged.items() if (q := _quotients(run, n, s)) is not None}
        if not quotients:
            return self.skip("the spread of the inputs or of the code is not known")
        last = {n: float(q[-2:].min()) for n, q in quotients.items()}
        worst = max(last, key=lambda n: float(np.nan_to_num(last[n], nan=-1.0, posinf=-1.0)))
        if not self.quotient <= last[worst] < math.inf:
            return self.clean(
                f"noise as large as the inputs moves {worst} by {last[worst]:.2g} of its spread, below {self.quotient:g}"
            )
        return (self._finding(judged[worst], quotients[worst]),)

    def _finding(self, series: Series, quotients: Values) -> Finding:
        name, quotient = series.tag.subject, float(quotients[-2:].min())
        below = np.flatnonzero(~(quotients >= self.quotient))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            module=name,
            modules=(name,),
            first_step=int(series.step[below[-1] + 1 if below.size else 0]),
            last_step=int(series.step[-1]),
            summary=f"Noise a tenth as large as the inputs moves the code at {name} by {quotient / 10:.0%} of its spread.",
            evidence=(
                Evidence(
                    tag=f"latent_sensitivity/{name}",
                    observed=quotient,
                    high=self.quotient,
                    unit="times",
                    sentence=f"‖∂h/∂x‖/√D is {series.value[-1]:.3g}, {quotient:.2g} times the spread of the code per spread of the inputs",
                ),
            ),
            remedies=(
                Remedy(
                    change="Add λ times the mean of ‖∂h/∂x‖² to the loss, λ so that the term is about a tenth of it.",
                    expect="latent_sensitivity falls while latent_deviation keeps its size",
                ),
                Remedy(
                    change="Add noise to the inputs and keep the clean ones as targets; or use weight decay on the encoder.",
                    expect="latent_sensitivity falls, and held-out inputs are rebuilt as well as those of the training",
                ),
            ),
            notes=self.notes,
        )


def _rebuilds_its_input(manifest: Manifest) -> bool:
    """Whether a sample of the output has as many numbers as one of the input."""
    shapes = manifest.input_shape, manifest.output_shape
    return all(shape is not None and len(shape) > 1 for shape in shapes) and (
        math.prod((shapes[0] or ())[1:]) == math.prod((shapes[1] or ())[1:])
    )


def _quotients(run: Run, name: str, series: Series) -> Values | None:
    """s·σ_x/σ_h at every look (S,); None when a spread is not known."""
    inputs, units = run.scalar("input_std", "model"), run.vectors.get(Tag(measure="latent_deviation", subject=name))
    if units is not None and len(units):
        step, spread = units.step, np.array([np.sqrt(np.mean(np.square(np.asarray(v, dtype=np.float64)))) for v in units.value])
    elif (whole := run.scalar("activation_std", name)) is not None and len(whole):
        step, spread = whole.step, whole.value
    else:
        return None
    if inputs is None or not len(inputs):
        return None
    return np.asarray(series.value * float(np.median(inputs.value)) / np.interp(series.step, step, spread))
