"""Where each feature of the input lies, how far it spreads, and how far its batch mean should stray."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import InputSight
from torchvitals.record.statistics import share
from torchvitals.record.thinning import spread, thin, widened

FEATURES = 64  # entries of the vectors; further features are left out at an even stride
SAMPLES = 1024  # samples of the batch looked at: the standard error of a mean over more tells nothing new
ELEMENTS = 65_536  # elements looked at, unless FEATURES × SAMPLES of them are too few positions to share
CHECKED = 16_384  # features of which it is checked whether they are constant
ROWS = 16  # samples compared in that check, at the least


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFeatures(Instrument[InputSight]):
    """Statistics of F ≤ 64 features: the columns of an (N, F) input, the channels of an (N, C, …) input.

    Of more than 64 features every s-th is looked at, s the smallest odd number that leaves at most 64: entry i is feature
    i·s. Mean, standard deviation, minimum and maximum are over samples and positions and show the scale of each feature.

    Whether the loader shuffles shows without labels in the dispersion D_f = Var_t(m_ft) / mean_t(e_ft²), averaged over the
    features with e > 0, where m is `input_feature_mean` and e `input_feature_error` of the recorded steps t. By
    e² = Var(means of the samples)/N the mean of N samples drawn at random would vary from batch to batch, so D is about 1,
    or less when a batch is much of the data. At batch sizes of 16 to 128 it was at most 1.27 shuffled and at least 6.4
    sorted or in blocks. Images have few channels, whose means tell less: scikit-learn's digits as two channels of 8×8 gave
    at most 1.38 shuffled, and sorted by class 3.1 at batch size 8 to 7.6 at 128. The error is taken over samples, each with
    the mean of its positions: the pixels of an image depend on one another, so that over pixels e² would come out many
    times too small, and every image loader as unshuffled.
    Inputs of three dimensions have no `input_feature_error`: (N, C, L), (N, T, F) and (T, N, F) look alike, and successive
    times are no random draws. Batches that are grouped on purpose (by length, in time) are dispersed, too.

    `constant_feature_fraction` is that of one batch. A feature that is seldom non-zero is constant in many batches and not
    in all, so a rule takes the smallest value over the steps.
    """

    sight: ClassVar[type] = InputSight
    cadence: ClassVar[Cadence] = Cadence.FADING
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="batch_size", unit="samples", meaning="size of the first dimension of the model's input"),
        MeasureInfo(name="input_feature_mean", unit="", meaning="mean of each feature or channel of the input over the batch"),
        MeasureInfo(name="input_feature_min", unit="", meaning="smallest value of each feature or channel in the batch"),
        MeasureInfo(name="input_feature_max", unit="", meaning="largest value of each feature or channel in the batch"),
        MeasureInfo(name="input_feature_std", unit="", meaning="standard deviation of each feature or channel in the batch"),
        MeasureInfo(
            name="input_feature_error",
            unit="",
            meaning="standard error of each feature's batch mean, if the samples are drawn at random",
        ),
        MeasureInfo(
            name="constant_feature_fraction",
            unit="fraction",
            meaning="share of the input's features or channels that are the same throughout the batch",
        ),
    )

    def measure(self, sight: InputSight) -> Iterator[Reading]:
        """The batch size; of dense floating inputs four vectors of F more, and with two samples F errors and a share."""
        x = sight.inputs
        if x.ndim:
            yield Tag(measure="batch_size", subject="model"), float(x.shape[0])
        if x.ndim < 2 or x.numel() == 0 or not x.is_floating_point() or x.layout is not torch.strided:
            return
        features = _features(x)
        flat = features.flatten(1)
        yield Tag(measure="input_feature_mean", subject="model"), flat.mean(dim=1)
        yield Tag(measure="input_feature_min", subject="model"), flat.amin(dim=1)
        yield Tag(measure="input_feature_max", subject="model"), flat.amax(dim=1)
        if x.shape[0] < 2:  # the spread over one sample says nothing about the feature
            return
        yield Tag(measure="input_feature_std", subject="model"), spread(flat, dim=1)
        if x.ndim != 3:
            yield Tag(measure="input_feature_error", subject="model"), _error(features)
        yield Tag(measure="constant_feature_fraction", subject="model"), _constant_fraction(x)


def _features(x: Tensor) -> Tensor:
    """(N, F, …) as a copy (F', N', P) in float32 or float64, features first, with at most P positions a sample."""
    few = thin(x, SAMPLES, FEATURES)
    rows, columns = few.shape[:2]
    few = thin(few.reshape(rows, columns, -1), rows, columns, ELEMENTS // (rows * columns))
    return widened(few).movedim(1, 0).contiguous()


def _error(features: Tensor) -> Tensor:
    """s/√N of each feature (F, N, P), s the standard deviation (by N − 1) over the samples' means: (F,)."""
    return spread(features.mean(dim=2), dim=1) / math.sqrt(features.shape[1] - 1)


def _constant_fraction(x: Tensor) -> Tensor:
    """Share of the features (N, F, …) whose smallest value is their largest, as a 0-d tensor."""
    wide = thin(x, x.shape[0], CHECKED)
    rows = thin(wide, max(ROWS, ELEMENTS // wide.shape[1]))
    few = thin(rows.reshape(*rows.shape[:2], -1), *rows.shape[:2], max(1, ELEMENTS // (rows.shape[0] * rows.shape[1])))
    return share(few.amax(dim=(0, 2)) == few.amin(dim=(0, 2)))
