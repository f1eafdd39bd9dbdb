"""One recorder on one network, measured in a process of its own: prints a line of JSON.

Two trainings of the same seed take turns, and which of them begins alternates. What a recorder's own threads do is counted
as its cost in whichever turn they do it.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from overhead_arms import ARMS, DENSE, START_S, Arm, Recorder
from overhead_clock import KINDS, TrainingClock
from overhead_models import WORKLOADS, Training, Workload

WARM_UP = 5
LAST_GIFTS = 30  # steps in which those that were planned already come to an end
ROUND = 10  # the pairs measured are a multiple of the intervals of the arms
BARE = Recorder()


class Pair(NamedTuple):
    """Seconds of one step of each training; CPU, or wall where the work is done by another device."""

    off_s: float
    on_s: float
    off_wall_s: float
    on_wall_s: float


class Pairs:
    """The two trainings, one of them recorded."""

    def __init__(self, workload: Workload, arm: Arm, folder: Path) -> None:
        self.clock = TrainingClock()  # before a recorder is imported, which might keep a reference to Python's own
        self._wall, self._process, self._thread = (self.clock.real[kind] for kind in KINDS)
        self._cuda = torch.cuda.is_available()
        device = "cuda" if self._cuda else "cpu"
        self.block = ROUND if self._cuda else 1  # steps between two synchronisations
        for number in range(3):  # the first steps of a process pay for what is set up once
            Training(workload, device).step(number)
        self._off, self._on = Training(workload, device), Training(workload, device)
        self.recorder = arm.attach(self._on, folder)
        self._number = 0

    def pair(self) -> Pair:
        """One turn of each."""
        first = self._number
        turns: list[Callable[[int], tuple[float, float, float]]] = [self._turn_off, self._turn_on]
        order = (0, 1) if first // self.block % 2 == 0 else (1, 0)
        found = {which: turns[which](first) for which in order}
        self._number += self.block
        (off_s, others_s, off_wall_s), (on_s, _, on_wall_s) = found[0], found[1]
        seconds = (off_wall_s, on_wall_s) if self._cuda else (off_s, on_s + others_s)
        return Pair(*(s / self.block for s in (*seconds, off_wall_s, on_wall_s)))

    def alone(self) -> float:
        """A turn of the recorded training only; returns its wall seconds."""
        _, _, wall_s = self._turn_on(self._number)
        self._number += self.block
        return wall_s

    def _turn_off(self, first: int) -> tuple[float, float, float]:
        """CPU seconds of the step, CPU seconds of other threads meanwhile, wall seconds.

        Functions are not overridden in it: a recorder that overrides them until its next step does not see this one.
        """
        with self.clock.stopped(), torch._C.DisableTorchFunction():
            own_s, all_s, wall_s = self._turn(self._off, BARE, first, self._thread)
        return own_s, max(all_s - own_s, 0.0), wall_s

    def _turn_on(self, first: int) -> tuple[float, float, float]:
        return self._turn(self._on, self.recorder, first, self._process)

    def _turn(
        self, training: Training, recorder: Recorder, first: int, clock: Callable[[], float]
    ) -> tuple[float, float, float]:
        """Seconds by the given clock, CPU seconds of the process, wall seconds."""
        self._synchronise()
        wall_s, all_s, own_s = self._wall(), self._process(), clock()
        for number in range(first, first + self.block):
            recorder.before(number)
            loss = training.step(number)
            recorder.after(number, loss)
        self._synchronise()
        return clock() - own_s, self._process() - all_s, self._wall() - wall_s

    def _synchronise(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()


def measure(pairs: Pairs, folder: Path, *, steps: int, seconds: float, start: bool) -> dict[str, object]:
    """The start, then pairs until there are enough or the time is over."""
    start_s = through_the_start(pairs) if start else None
    for _ in range(WARM_UP):
        pairs.pair()
    with pairs.clock.stopped():
        pairs.recorder.flush()
    before = size(folder)
    found: list[Pair] = []
    end_s = time.monotonic() + seconds
    while len(found) % ROUND or not found or (len(found) < steps and time.monotonic() < end_s):
        found.append(pairs.pair())
    with pairs.clock.stopped():
        pairs.recorder.flush()
    grown = size(folder) - before
    pairs.recorder.close()
    return {"start_s": start_s, "bytes": grown, "pairs": found, "steps_a_pair": pairs.block}


def through_the_start(pairs: Pairs) -> float:
    """What it costs in seconds; returns when the budget alone decides.

    The log-spaced looks are a gift up to the thousandth step, which a large network takes many minutes to reach; they are
    ended here, so that the steady state is what is measured after this.
    """
    from torchvitals.record import schedule

    found = [pairs.pair() for _ in range(DENSE)]
    passed_s = 0.0
    while passed_s < START_S:
        found.append(pairs.pair())
        passed_s += found[-1].off_wall_s
    schedule.LOG_SPACED = 0
    for _ in range(LAST_GIFTS):
        pairs.alone()
    return sum(pair.on_s - pair.off_s for pair in found)


def size(folder: Path) -> int:
    """Bytes in the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("model", choices=WORKLOADS)
    parser.add_argument("--steps", type=int, default=10**9, help="measure at most so many pairs of steps")
    parser.add_argument("--seconds", type=float, default=10.0, help="measure for so long")
    parser.add_argument("--no-start", action="store_true", help="do not wait for a budget to come into its own")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    arm = ARMS[options.arm]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = Pairs(WORKLOADS[options.model], arm, folder)
        start = arm.budgeted and not options.no_start
        found = measure(pairs, folder, steps=options.steps, seconds=options.seconds, start=start)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
