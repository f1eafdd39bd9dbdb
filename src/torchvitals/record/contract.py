"""Shapes and types of what goes in, comes out and was to come out: what model and loss agreed on."""

from __future__ import annotations

from torch import Tensor

from torchvitals.record.sights import InputSight, LossSight, OutputSight, Sight


class Contract:
    """Remembers the first of each that was seen."""

    def __init__(self) -> None:
        self.input_shape: tuple[int, ...] | None = None
        self.output_shape: tuple[int, ...] | None = None
        self.target_shape: tuple[int, ...] | None = None
        self.target_dtype = ""

    def note(self, sight: Sight) -> None:
        """Look at the shapes of a sight."""
        if isinstance(sight, InputSight):
            self.input_shape = self.input_shape or tuple(sight.inputs.shape)
        elif isinstance(sight, OutputSight):
            self.output_shape = self.output_shape or tuple(sight.outputs.shape)
        elif isinstance(sight, LossSight):
            self._note_loss(sight.outputs, sight.targets)

    def known(self) -> object:
        """Another value than last time: there is more to say."""
        return self.input_shape, self.output_shape, self.target_shape, self.target_dtype

    def _note_loss(self, outputs: Tensor | None, targets: Tensor | None) -> None:
        if targets is None or self.target_dtype:
            return
        self.target_shape, self.target_dtype = tuple(targets.shape), str(targets.dtype).removeprefix("torch.")
        if outputs is not None:  # what the loss was given, which need not be what the model returned first
            self.output_shape = tuple(outputs.shape)
