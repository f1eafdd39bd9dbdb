"""Shows the convolutions of a network, with a sketch of what their filters were when they were seen first."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from torchvitals.record.filters import filters_of, sketch_of, weight_of
from torchvitals.record.outline import clean_name
from torchvitals.record.sights import FilterSight


class FilterLooks:
    """Remembers up to 16 kB of each layer's first filters, so that what has become of them can be told."""

    def __init__(self, model: nn.Module) -> None:
        self._convolutions = {clean_name(n): m for n, m in model.named_modules() if isinstance(m, _ConvNd)}
        self._first: dict[str, Tensor] = {}

    def sight(self, parameters: Collection[str]) -> FilterSight | None:
        """The convolutions whose weights are among these parameters; None when there are none."""
        wanted = frozenset(parameters) if self._convolutions else frozenset()
        names, modules, first = [], [], []
        for name, module in self._convolutions.items():
            weight = weight_of(module) if (f"{name}.weight" if name else "weight") in wanted else None
            if weight is None:
                continue
            if name not in self._first:
                self._first[name] = sketch_of(filters_of(module, weight))
            names.append(name)
            modules.append(module)
            first.append(self._first[name])
        return FilterSight(names=names, modules=modules, first=first) if names else None
