"""Which samples of the probe a network had to learn by heart: TracIn's self-influence, on request."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.tag import Tag
from torchvitals.explanation.apart import apart, attempt, captum
from torchvitals.explanation.checkpoints import load_weights
from torchvitals.explanation.leaf_calls import call, leaf_calls


def self_influence(
    model: nn.Module,
    checkpoints: Sequence[str | Path],
    inputs: object,
    targets: Tensor,
    loss_fn: object = None,
) -> Exhibits:
    """How much a step on a sample alone would lower its own loss, added up over checkpoints (Pruthi et al. 2020, TracInCP).

    Vector `self_influence/model` (N,): Σ over checkpoints of ‖∂loss/∂W‖² of the last linear layer's weight, with a learning
    rate of one. Samples that are rare or mislabelled come out high. It costs a pass for each checkpoint; the loss of
    each sample, which costs nothing more, finds most of them too.

    Args:
        model: a copy in eval mode; its weights are those of the last checkpoint afterwards.
        checkpoints: files with state dicts, read as tensors only.
        inputs: what the model is called with; a tuple is several arguments.
        targets: what the loss is called with.
        loss_fn: a loss of PyTorch; cross-entropy when it is none.

    Raises:
        ConfigError: a checkpoint that is not of this model.
    """
    for checkpoint in checkpoints:  # before any work, and not as a problem: the user named the file
        load_weights(model, checkpoint)
    with apart(model):
        return attempt("self-influence", lambda: _influence(model, checkpoints, inputs, targets, _summed(loss_fn)))


def _influence(
    model: nn.Module, checkpoints: Sequence[str | Path], inputs: object, targets: Tensor, loss_fn: Callable[..., Any]
) -> Exhibits:
    with torch.no_grad():
        _, calls = leaf_calls(model, lambda: call(model, inputs))
    head = next((c.module for c in reversed(calls) if isinstance(c.module, nn.Linear)), None)
    if head is None:
        return Exhibits(problems=("self-influence: the model calls no nn.Linear",))
    arguments = cast(tuple[Tensor, ...], inputs if isinstance(inputs, tuple) else (inputs,))
    batch = (*arguments, targets)

    def load(into: nn.Module, path: str) -> float:
        load_weights(into, path)
        return 1.0  # as the learning rate: all checkpoints count alike

    method = captum("captum.influence").TracInCPFast(
        model,
        head,
        torch.utils.data.TensorDataset(*batch),
        [str(path) for path in checkpoints],
        checkpoints_load_func=load,
        loss_fn=loss_fn,
        batch_size=len(targets),
    )
    values = method.self_influence(batch).detach().float().cpu().numpy().astype(np.float32)
    return Exhibits(vectors=((Tag(measure="self_influence", subject="model"), values),))


def _summed(loss_fn: object) -> Callable[..., Any]:
    """The loss as a sum over samples, so that the gradients of the samples can be told apart."""
    single: Any = copy.copy(loss_fn) if isinstance(loss_fn, nn.modules.loss._Loss) else nn.CrossEntropyLoss()
    single.reduction = "sum"
    return cast(Callable[..., Any], single)
