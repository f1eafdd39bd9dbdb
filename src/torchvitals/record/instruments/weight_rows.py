"""Whether the units of a layer differ from one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ParameterSight
from torchvitals.record.statistics import strided_sample

ROWS = 64  # rows compared with one another: 2016 pairs
COLUMNS = 4096  # elements of a row that are looked at
SAMPLE = 16_384  # elements of the standard deviation
TWIN = 0.999  # cosine beyond which two rows compute the same
# Two independent directions come that close with a chance of 1.4 % in 2 dimensions, 0.05 % in 3, 0.002 % in 4: of 64 rows in
# a plane 60 % have a twin by chance, of 64 rows with four columns 0.1 %.
LEAST_COLUMNS = 4
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRows(Instrument[ParameterSight]):
    """Share of a weight's rows that have a twin among the rows, and the standard deviation of all its elements.

    A row holds the incoming weights of one unit, filter or token. Units with equal rows get equal gradients and stay equal,
    whatever the learning rate; a standard deviation of exactly 0 is a constant initialisation. Rows are compared within an
    even choice of at most 64, zeros with zeros. Rows of fewer than four elements point the same way by chance.
    """

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="twin_rows_fraction",
            unit="fraction",
            meaning="share of a weight's rows with a row of cosine above 0.999",
        ),
        MeasureInfo(name="weight_std", unit="", meaning="standard deviation of the elements of a weight"),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """Two scalars for each floating parameter of two rows or more, one when its rows are short."""
        for name, parameter in zip(sight.names, sight.parameters, strict=True):
            if not parameter.is_floating_point() or parameter.ndim < 2 or parameter.shape[0] < 2 or parameter.numel() == 0:
                continue
            weight = parameter.detach()
            if weight[0].numel() >= LEAST_COLUMNS:
                yield Tag(measure="twin_rows_fraction", subject=name), _twins(_choice(weight))
            yield Tag(measure="weight_std", subject=name), _spread(weight)


def _choice(weight: Tensor) -> Tensor:
    """Rows and columns that stand for a weight (R, …), as (r, c) with r ≤ ROWS and c ≤ COLUMNS."""
    rows = weight[:: -(-weight.shape[0] // ROWS)].flatten(1)
    return rows[:, :: -(-rows.shape[1] // COLUMNS) | 1].float()


def _twins(rows: Tensor) -> Tensor:
    """Share of the rows (r, c) that have a twin, as a 0-d tensor."""
    peak = rows.abs().amax(dim=1, keepdim=True)
    unit = rows / peak.clamp(min=TINY)  # the squares of tiny weights would be zero
    size: Tensor = torch.linalg.vector_norm(unit, dim=1, keepdim=True)
    unit = unit / size.clamp(min=TINY)
    zero = peak[:, 0] == 0
    alike = (unit @ unit.T > TWIN) | (zero[:, None] & zero)
    return alike.fill_diagonal_(False).any(dim=1).float().mean()


def _spread(weight: Tensor) -> Tensor:
    """Standard deviation of a strided sample, as a 0-d tensor; exactly 0 for a constant, whose mean may round."""
    values = strided_sample(weight, SAMPLE).float()
    return (values - values[0]).std(correction=0)
