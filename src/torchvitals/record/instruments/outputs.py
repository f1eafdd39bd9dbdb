"""What the network puts out: where it lies, whether it depends on the input, and whether its rows are probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import OutputSight
from torchvitals.record.statistics import moments
from torchvitals.record.thinning import spread, thin, widened

ROWS = 4096  # rows looked at, at most
ELEMENTS = 65_536  # elements looked at in these rows, …
FEW = 8  # … unless that were fewer rows than this, as for a vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs(Instrument[OutputSight]):
    """Mean, standard deviation, minimum and maximum of all outputs; what the rows have in common; what each row holds.

    `output_spread` is mean_c(std over the batch of column c): next to nothing against |`output_mean`| when the network says
    the same whatever it is shown. Rows of (N, C) outputs with C ≥ 2 are classes, so far as the shape tells:
    `row_sum_error` = max_n |Σ_c z_nc − 1| below 1e-3 with no negative output is a softmax that has been taken already, and
    before cross-entropy is taken a second time. `logit_spread` = mean_n(std over the classes). `log_partition` =
    mean_n |ln Σ_c exp z_nc| drifts in long trainings; the z-loss of PaLM (Chowdhery et al., 2022) pulls it to 0.
    """

    sight: ClassVar[type] = OutputSight
    cadence: ClassVar[Cadence] = Cadence.FADING
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="output_mean", unit="", meaning="mean of the model's outputs over the batch"),
        MeasureInfo(name="output_std", unit="", meaning="standard deviation of all the model's outputs of the batch"),
        MeasureInfo(name="output_min", unit="", meaning="smallest of the model's outputs over the batch"),
        MeasureInfo(name="output_max", unit="", meaning="largest of the model's outputs over the batch"),
        MeasureInfo(
            name="output_spread",
            unit="",
            meaning="standard deviation of an output over the samples, mean over the outputs; 0: the input plays no part",
        ),
        MeasureInfo(
            name="row_sum_error",
            unit="",
            meaning="largest distance of a sample's summed outputs from 1; 0: they are probabilities",
        ),
        MeasureInfo(name="logit_spread", unit="", meaning="standard deviation over a sample's outputs, mean over the samples"),
        MeasureInfo(name="log_partition", unit="nats", meaning="size of the log-sum-exp of a sample's outputs, mean"),
    )

    def measure(self, sight: OutputSight) -> Iterator[Reading]:
        """Four scalars; a fifth for two samples or more, and three for (N, C) outputs of at least two columns."""
        outputs = sight.outputs
        if outputs.numel() == 0 or not outputs.is_floating_point():
            return
        mean, std, _, low, high = moments(outputs).unbind(0)
        yield Tag(measure="output_mean", subject="model"), mean
        yield Tag(measure="output_std", subject="model"), std
        yield Tag(measure="output_min", subject="model"), low
        yield Tag(measure="output_max", subject="model"), high
        if outputs.ndim and outputs.shape[0] > 1:
            yield Tag(measure="output_spread", subject="model"), _spread(outputs)
        if outputs.ndim == 2 and outputs.shape[1] > 1:
            yield from _of_rows(outputs)


def _spread(outputs: Tensor) -> Tensor:
    rows = thin(outputs, ROWS)
    columns = thin(rows.reshape(rows.shape[0], -1), ROWS, ELEMENTS // rows.shape[0])
    return spread(widened(columns), dim=0).mean()


def _of_rows(outputs: Tensor) -> Iterator[Reading]:
    """Whole rows only: a sum over some of the classes is no sum."""
    rows = widened(thin(outputs, min(ROWS, max(FEW, ELEMENTS // outputs.shape[1]))))
    yield Tag(measure="row_sum_error", subject="model"), (rows.sum(dim=1) - 1).abs().amax()
    yield Tag(measure="logit_spread", subject="model"), spread(rows, dim=1).mean()
    yield Tag(measure="log_partition", subject="model"), rows.logsumexp(dim=1).abs().mean()
