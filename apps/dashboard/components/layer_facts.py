"""What a layer is, as the log's description of the network has it."""

from __future__ import annotations

import math

import streamlit as st

from components import words
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run


def show(run: Run, layer: str) -> None:
    """Kind, shape of the output, parameters with their shapes; what is odd about them is said."""
    manifest = run.manifest
    module = manifest.module(layer) if manifest else None
    if manifest is None or (module is None and not _parameters(manifest, layer)):
        st.text("The log does not describe this layer: only what was measured of it is known.")
        return
    parameters = _parameters(manifest, layer)
    with st.container(key="layer-facts", horizontal=True, gap="large"):
        for word, value in _facts(module, parameters).items():
            with st.container(key=f"fact-{word.replace(' ', '-')}", gap=None, width="content"):
                st.caption(word)
                words.say(value)
    for sentence in _oddities(module, parameters):
        words.say(sentence)


def _parameters(manifest: Manifest, layer: str) -> list[ParameterInfo]:
    return [p for p in manifest.parameters if (p.module or p.name) == layer]


def _facts(module: ModuleInfo | None, parameters: list[ParameterInfo]) -> dict[str, str]:
    facts = {}
    if module is not None:
        facts["Kind"] = module.kind
        if module.activation and module.activation.lower() != module.kind.lower():
            facts["Activation"] = module.activation
        if module.output_shape:
            facts["Output, batch first"] = shape(module.output_shape)
    for parameter in parameters[:6]:
        facts[parameter.name.rpartition(".")[2]] = shape(parameter.shape)
    if parameters:
        facts["Parameters"] = f"{sum(math.prod(p.shape) for p in parameters):,}"
    return facts


def _oddities(module: ModuleInfo | None, parameters: list[ParameterInfo]) -> list[str]:
    """What a reader would not expect of a layer in training."""
    said = []
    if module is not None and not module.fired:
        said.append("No recorded forward pass reached this layer.")
    frozen = [p.name for p in parameters if not p.trainable]
    forgotten = [p.name for p in parameters if p.trainable and not p.optimized]
    if frozen:
        said.append(f"Frozen, requires_grad is off: {', '.join(frozen)}.")
    if forgotten:
        said.append(f"In no parameter group of an optimizer that was seen: {', '.join(forgotten)}.")
    return said


def shape(sizes: tuple[int, ...]) -> str:
    """A shape as people write it.

    Example:
        >>> shape((64, 3, 8, 8)), shape(())
        ('64 × 3 × 8 × 8', 'one number')
    """
    return " × ".join(f"{n:,}" for n in sizes) or "one number"
