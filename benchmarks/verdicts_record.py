"""Trains the programs with torchvitals attached. A run that is recorded is not trained again."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from verdicts_program import Program

FACTS = "program.json"  # beside the log: what the training came to


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A program trained once."""

    program: Program
    seed: int
    folder: Path

    @property
    def done(self) -> bool:
        """Whether it is there already; a recording that was cut short lies elsewhere."""
        return (self.folder / FACTS).exists()


def recordings(programs: Iterable[Program], seeds: Sequence[int], folder: Path) -> list[Recorded]:
    """Every program with every seed, one seed after the other."""
    return [Recorded(program=p, seed=s, folder=folder / p.set / f"{p.key}-{s}") for s in seeds for p in programs]


def record(job: Recorded) -> float:
    """Train it in this process as a user would; returns the seconds it took."""
    import torch

    import torchvitals

    part = job.folder.with_name(f"{job.folder.name}.part{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    began_s, error = time.perf_counter(), ""
    torch.manual_seed(job.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of some of the planted faults
        training = job.program.build()
        with torchvitals.watch(training.model, logdir=part) as vitals:
            try:
                training.run(lambda loss: vitals.log(val_loss=loss))
            except Exception:  # a fault may end the training, as it would its user's
                error = traceback.format_exc()
    seconds = time.perf_counter() - began_s
    facts = {"key": job.program.key, "seed": job.seed, "steps": len(training.losses), "seconds": seconds, "error": error}
    tenth = max(len(training.losses) // 10, 1)
    facts |= {"first_loss": str(_mean(training.losses[:3])), "last_loss": str(_mean(training.losses[-tenth:]))}
    (part / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    shutil.rmtree(job.folder, ignore_errors=True)
    part.rename(job.folder)
    return seconds


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def record_all(jobs: Sequence[Recorded], *, processes: int) -> list[str]:
    """Record what is not there yet; returns what could not be recorded, in words."""
    left, failures = [job for job in jobs if not job.done], []
    if not left:
        return []
    began_s = time.monotonic()
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_alone)
    with pool:
        # By name: the functions that build a program cannot be sent to another process.
        waiting = {pool.submit(_record, job.program.key, job.program.set, job.seed, str(job.folder)): job for job in left}
        for number, future in enumerate(as_completed(waiting), start=1):
            job = waiting[future]
            if problem := future.exception():
                failures.append(f"{job.folder.name}: {type(problem).__name__}: {problem}")
            said = failures[-1] if problem else f"{job.folder.name}: {future.result():.1f} s"
            print(f"{number} of {len(left)}, {time.monotonic() - began_s:.0f} s: {said}", file=sys.stderr, flush=True)
    return failures


def _alone() -> None:
    """Several processes of one thread each; small networks gain nothing from a second thread."""
    import torch

    torch.set_num_threads(1)


def _record(key: str, which: str, seed: int, folder: str) -> float:
    from verdicts_set import programs

    (program,) = (p for p in programs(which) if p.key == key)
    return record(Recorded(program=program, seed=seed, folder=Path(folder)))
