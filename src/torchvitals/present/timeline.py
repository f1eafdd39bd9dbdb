"""Where a step lies on the axis below a chart: its number, or the time since the run began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import Steps

_UNITS = ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """Steps (S,) and their places (S,) on the axis, both ascending."""

    step: Steps
    place: NDArray[np.float64]
    title: str = "step"

    @classmethod
    def of(cls, run: Run, clock: str = "step") -> Timeline:
        """The timeline of a run; `time` where its log has no wall time falls back to steps."""
        if clock == "time" and (timed := _elapsed(run)) is not None:
            step, seconds = timed
            unit, name = next((u for u in _UNITS if seconds[-1] >= 2 * u[0]), _UNITS[-1])
            return cls(step=step, place=seconds / unit, title=f"{name} since the first record")
        step = run.steps
        return cls(step=step, place=step.astype(np.float64))

    @property
    def ends(self) -> tuple[float, float]:
        """First and last place."""
        return (float(self.place[0]), float(self.place[-1])) if len(self.place) else (0.0, 1.0)

    def at(self, step: NDArray[Any]) -> NDArray[np.float64]:
        """The places of steps; between two recorded ones in proportion, steps themselves as they are."""
        if self.title == "step" or not len(self.step):
            return np.asarray(step, dtype=np.float64)
        return np.asarray(np.interp(step, self.step, self.place))

    def ticks(self) -> dict[str, Any]:
        """What Plotly is told of the axis: whole steps get no fractions."""
        return {"tickformat": ",d"} if self.title == "step" and self.ends[1] - self.ends[0] >= 5 else {}


def has_time(run: Run) -> bool:
    """Whether the log keeps when its steps were taken."""
    return _elapsed(run) is not None


def _elapsed(run: Run) -> tuple[Steps, NDArray[np.float64]] | None:
    """Every step that has a time, and the seconds since the first; a clock that was set back stands still meanwhile."""
    timed = [(s.step, s.wall_time) for s in run.scalars.values() if s.wall_time is not None and len(s)]
    if not timed:
        return None
    step, where = np.unique(np.concatenate([s for s, _ in timed]), return_index=True)
    seconds = np.concatenate([t for _, t in timed])[where]
    seconds = np.where(np.isfinite(seconds), seconds, -np.inf)
    seconds = np.maximum.accumulate(seconds)
    start, end = float(seconds[0]), float(seconds[-1])
    return (step, seconds - start) if np.isfinite(start) and end > start else None
