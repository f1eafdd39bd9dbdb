"""What torchvitals says of the recorded runs. Nothing is trained here, so a changed rule is judged anew in a minute."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from verdicts_program import Program
from verdicts_record import FACTS, Recorded

import torchvitals
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Severity
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.diagnosis.engine import all_rules, diagnose

CUTS = (10, 20, 40, 80, 160)  # steps after which a running training is looked at
Blobs = TypeVar("Blobs", VectorSeries, HistogramSeries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One finding, by us or by another tool."""

    symptoms: tuple[str, ...]  # ours: one; a less definite word of another tool may count as several
    modules: tuple[str, ...] = ()
    root: bool = True
    loud: bool = True  # at or above the level asked for; below it is a remark, as about a fault that does no harm


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One run and what was said of it, in order."""

    program: Program
    seed: int
    said: tuple[Said, ...]
    reported_at: int | None = None  # the first of CUTS, or the last step, by which a true symptom was reported
    learned: bool = True
    problem: str = ""  # why there is no judgement

    @property
    def alarms(self) -> tuple[Said, ...]:
        """The roots that are loud."""
        return tuple(s for s in self.said if s.root and s.loud)

    @property
    def remarks(self) -> tuple[Said, ...]:
        """The roots that are not."""
        return tuple(s for s in self.said if s.root and not s.loud)

    @property
    def true(self) -> tuple[Said, ...]:
        """What was said rightly, whether as a root or as its consequence."""
        return tuple(s for s in self.said if set(s.symptoms) & set(self.program.symptoms))

    @property
    def loud(self) -> bool:
        """Something true was said aloud."""
        return any(s.loud for s in self.true)

    @property
    def named(self) -> bool:
        """The planted symptom itself was reported, not only one that is true as well."""
        return any(self.program.symptoms[0] in s.symptoms for s in self.said)

    @property
    def first(self) -> bool:
        """The first thing said is true."""
        return bool(self.said) and self.said[0] in self.true

    @property
    def located(self) -> bool | None:
        """Whether a true finding names the place of the fault; None where the fault is nowhere in particular."""
        if not self.program.modules or not self.true:
            return None
        places = {place for s in self.true for place in s.modules}
        return any(_within(place, module) for place in places for module in self.program.modules)


def _within(place: str, module: str) -> bool:
    """`hidden2.weight`, and a second call `hidden2#1`, are in `hidden2`."""
    return place == module or place.startswith((f"{module}.", f"{module}#", f"{module}/"))


def judge_all(jobs: Sequence[Recorded], level: Severity, *, processes: int) -> list[Judged]:
    """Every run that was recorded."""
    done = [job for job in jobs if job.done]
    if processes == 1:
        found = [look(str(job.folder), job.program.symptoms, level) for job in done]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            found = list(
                pool.map(look, *zip(*((str(j.folder), j.program.symptoms, level) for j in done), strict=True), chunksize=8)
            )
    pairs = zip(done, found, strict=True)
    return [Judged(program=j.program, seed=j.seed, learned=learned(j), **said) for j, said in pairs]  # type: ignore[arg-type]


def look(folder: str, symptoms: Sequence[str], level: Severity) -> dict[str, object]:
    """What is said of one run, and since when one of the symptoms is: fields of `Judged`."""
    try:
        run = torchvitals.read(folder)
    except torchvitals.TorchvitalsError as error:
        return {"said": (), "problem": str(error)}
    diagnosis = judged(run)
    said, at = said_by(diagnosis, level), None
    if any(set(s.symptoms) & set(symptoms) for s in said):
        at = next((c for c in CUTS if _reports(until(run, c), symptoms, level)), int(run.steps[-1]) + 1)
    return {"said": said, "reported_at": at}


def judged(run: Run) -> Diagnosis:
    """By all rules as they come, whatever the settings of this machine are."""
    return diagnose(run, all_rules())


def said_by(diagnosis: Diagnosis, level: Severity) -> tuple[Said, ...]:
    """The findings in the order of the diagnosis, which is by severity."""
    return tuple(
        Said(
            symptoms=(f.symptom,),
            modules=tuple(filter(None, (f.module, *f.modules))),
            root=f.caused_by is None,
            loud=f.severity >= level,
        )
        for f in diagnosis.findings
    )


def _reports(run: Run, symptoms: Iterable[str], level: Severity) -> bool:
    return any(set(s.symptoms) & set(symptoms) for s in said_by(judged(run), level))


def until(run: Run, step: int) -> Run:
    """The run as it stood before a step."""
    return replace(
        run,
        scalars={t: s.between(-np.inf, step - 1) for t, s in run.scalars.items() if s.step[0] < step},
        vectors=_cut(run.vectors, step),
        histograms=_cut(run.histograms, step),
    )


def _cut(blobs: Mapping[Tag, Blobs], end: int) -> dict[Tag, Blobs]:
    kept = {}
    for tag, series in blobs.items():
        if n := int(np.sum(series.step < end)):
            kept[tag] = replace(series, step=series.step[:n], value=series.value[:n])
    return kept


def learned(job: Recorded) -> bool:
    """Whether the loss fell by a tenth at least, as it does where a training is healthy."""
    facts = json.loads(Path(job.folder, FACTS).read_text(encoding="utf-8"))
    first, last = float(facts["first_loss"]), float(facts["last_loss"])
    return not job.program.learns or last < first - 0.1 * abs(first)
