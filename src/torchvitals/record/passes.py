"""Everything that is hooked while a measured step runs: forward passes, the loss, backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from torchvitals.core.manifest import Unseen
from torchvitals.record import compiled
from torchvitals.record.backward import BackwardHooks, OutputGradients
from torchvitals.record.forward import ForwardHooks
from torchvitals.record.hooks import Guard, Handles, PassHook
from torchvitals.record.losses import outputs_and_targets
from torchvitals.record.outline import Firing
from torchvitals.record.sequences import SequenceGradients
from torchvitals.record.shadow import ShadowPass
from torchvitals.record.sights import LossSight, Sight

SHADOWED = "the model is compiled; its activations come from an uncompiled pass without gradients beside the compiled one"
ENCLOSED = "the model is called inside a compiled function, which would be compiled anew with hooks in it"
NO_MODE = "torch.compile is used in this process, and compiled functions would notice if functions were watched"


class Passes:
    """Puts all hooks on for a measured step, and takes them off after it."""

    def __init__(self, model: nn.Module, loss_fn: nn.Module | None, show: Callable[[Sight], None], guard: Guard) -> None:
        self.model = model
        self._show = show
        self._loud, self._guard = guard, (quiet := _quiet(guard))
        self._loss_fn = loss_fn
        self._handles = Handles()
        self._searched = False
        self._enclosed = False  # whether the model is called inside a compiled function
        self.outputs = OutputGradients(quiet)
        self.sequences = SequenceGradients(quiet)
        self.forward = ForwardHooks(model, show, quiet, self.outputs, self.sequences)
        self.backward = BackwardHooks(quiet, lambda: self.forward.passes)
        self.shadow: ShadowPass | None = None

    def attach(self, parameters: Iterable[nn.Parameter], *, light: bool, sequences: bool) -> None:
        """Put the hooks on; with `light` only those that show the loss."""
        self._look_for_compilation()
        told = light and self.forward.losses.muted  # the loss module says all that a light look wants to know
        self.forward.attach(light=light, hooked=self.shadow is None and not self._enclosed and not told)
        if self.shadow is not None:
            self.shadow.attach(light=light)
        if self._loss_fn is not None:
            hook = PassHook(self._guard, self._on_loss)
            self._handles.add(self._loss_fn.register_forward_hook(hook, with_kwargs=True))
        if not light:
            self.sequences.wanted = sequences
            self.backward.attach(parameters)

    def finish(self) -> None:
        """The update is about to begin: no loss will come any more."""
        self.forward.finish()
        if not self.forward.passes and self.backward.arrived() and compiled.in_use():
            self._enclosed = True

    def remove(self) -> None:
        """Take the hooks off."""
        self._handles.remove()
        self.forward.remove()
        self.outputs.remove()
        self.sequences.remove()
        self.backward.remove()
        if self.shadow is not None:
            self.shadow.remove()

    def firings(self) -> tuple[Firing, ...]:
        """The modules and functions that were reached, in forward order."""
        return tuple(self.forward.firings.values())

    def known(self) -> object:
        """What the manifest says of the passes; another value than last time: it has more to say."""
        shadow = None if self.shadow is None else self.shadow.failure
        seen = self.forward.functions_seen, self._enclosed
        return len(self.forward.firings), self.forward.losses.kind, shadow, seen

    def unseen(self) -> Iterator[Unseen]:
        """What cannot be seen in this training, and why."""
        if self.shadow is not None:
            yield Unseen(subject="activation gradients", reason=self.shadow.failure or SHADOWED)
        elif not self.forward.functions_seen:
            yield Unseen(subject="functions", reason=NO_MODE)
        if self._enclosed:
            yield Unseen(subject="activations", reason=ENCLOSED)
        for name in compiled.compiled_parts(self.model) if self.shadow is None else ():
            yield Unseen(subject=name, reason="this part of the model is compiled for itself")

    def _look_for_compilation(self) -> None:
        """The model may have been compiled before it was watched, or at any time after that."""
        if self.shadow is not None:
            return
        target = self.model if compiled.is_compiled(self.model) else None
        if target is None and not self._searched and compiled.in_use():
            self._searched, target = True, compiled.wrapper_of(self.model)
        if target is not None:
            self.shadow = ShadowPass(target, self.forward, self._loud)  # runs the model, whose functions are to be seen

    def _on_loss(self, training: bool, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], loss: object) -> None:
        if not training or not isinstance(loss, Tensor):
            return
        self.forward.losses.mute()
        outputs, targets = outputs_and_targets(args, kwargs)
        self._show(LossSight(loss=loss.detach(), outputs=outputs, targets=targets, kind=type(module).__name__))


def _quiet(guard: Guard) -> Guard:
    """The guard, with all function modes off: neither the loop's own nor ours is to see what we compute."""

    def run(call: Callable[..., None], /, *args: Any, **kwargs: Any) -> None:
        with torch._C.DisableTorchFunction():
            guard(call, *args, **kwargs)

    return run
