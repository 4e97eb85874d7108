"""Runs a study into a directory: what is not known yet is evaluated in chunks, stored, and merged into the front.

Tasks go out through an executor; parts are written here, by one process, so a killed run loses at most what was in
flight. Reports are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tileloom.core.errors import InputError
from tileloom.core.files import write_bytes_atomic
from tileloom.explore.executors.base import Executor
from tileloom.explore.executors.local import LocalExecutor
from tileloom.explore.record import versions
from tileloom.explore.store import PartName, Store, opened, read_parts
from tileloom.explore.sweep.adaptive import adaptive_answers
from tileloom.explore.sweep.best import write_best
from tileloom.explore.sweep.chunk import Counts
from tileloom.explore.sweep.front import front_of
from tileloom.explore.sweep.plan import Task, chunks, code_of, context_of, evaluate, key_of, plan_of
from tileloom.explore.sweep.study import Study

if TYPE_CHECKING:
    import polars as pl

SWEEP_FORMAT = "tileloom sweep 1"
FRONT_FILE = "front.parquet"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sweep stands: designs of this study that are known, of all; rate of this run and what is left of it."""

    done: int
    total: int
    counts: Counts
    designs_per_s: float
    seconds_left: float


@dataclass(frozen=True)
class SweepResult:
    """known: designs that were stored before this run began; counts: of the whole directory."""

    study: Study
    folder: Path
    counts: Counts
    known: int
    front: pl.DataFrame
    seconds: float

    @property
    def designs_per_s(self) -> float:
        return (self.counts.searched - self.known) / self.seconds if self.seconds else 0.0

    def as_plain(self) -> dict[str, Any]:
        c = self.counts
        return {
            "study": self.study.given.name,
            "directory": str(self.folder),
            "designs": self.study.space.size,
            "searched": c.searched,
            "evaluated": c.evaluated,
            "valid": c.valid,
            "pruned": c.pruned,
            "refused": c.refused,
            "known_before": self.known,
            "seconds": self.seconds,
            "designs_per_s": self.designs_per_s,
            "objectives": list(self.study.objectives),
            "front": self.front.to_dicts(),
        }


def run_sweep(
    study: Study,
    folder: Path,
    *,
    resume: bool = False,
    force: bool = False,
    executor: Executor | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> SweepResult:
    """Evaluate every design of a study that the directory does not hold yet.

    resume   go on with a directory that holds results of the same study (engine mapped: or of one that differs in the
             swept values, limits and objectives only)
    force    leave unreadable parts out, and evaluate their designs again
    Raises InputError: the directory is in use or holds something else, a part cannot be read, the disk is full.
    """
    started = perf_counter()
    record = {
        "format": SWEEP_FORMAT,
        "name": study.given.name,
        "context": context_of(study),
        "code": code_of(),
        "designs": study.space.size,
        "objectives": list(study.objectives),
        "study": study.text,
        "folder": str(study.folder.resolve()),
        "versions": versions(),
    }
    with opened(folder, record, resume=resume, force=force) as store:
        frames = read_parts(folder, force=force, set_aside=force)
        tasks, known, left = _tasks(study, store, frames)
        known_before = known.searched
        total = known_before + left
        counts, at = known, perf_counter()
        carry = executor or LocalExecutor()
        answers = carry.run(evaluate, tasks) if study.given.adaptive is None else adaptive_answers(study, frames, carry)
        for _, (part, data) in answers:
            store.write(part, data)
            counts += part.counts
            if progress is not None:
                rate = (counts.searched - known_before) / max(perf_counter() - at, 1e-9)
                seconds_left = (total - counts.searched) / rate if rate else 0.0
                progress(Progress(counts.searched, total, counts, rate, seconds_left))
        front = merge(study, folder, force=force)
        _write_front(folder, front)
        write_best(plan_of(study.text, str(study.folder), "study"), folder, front)
    return SweepResult(study, folder, counts, known_before, front, perf_counter() - started)


def merge(study: Study, folder: Path, *, force: bool = False) -> pl.DataFrame:
    """The front over all parts of a directory."""
    import polars as pl

    frames = [f for f in read_parts(folder, force=force) if len(f)]
    return front_of(study, pl.concat(frames)) if frames else pl.DataFrame()


def _write_front(folder: Path, front: pl.DataFrame) -> None:
    from io import BytesIO

    buffer = BytesIO()
    front.write_parquet(buffer)
    write_bytes_atomic(folder / FRONT_FILE, buffer.getvalue())


def _tasks(study: Study, store: Store, frames: list[pl.DataFrame]) -> tuple[list[Task], Counts, int]:
    """What is left to do, the counts of what is known, and how many designs are left (at most, in an adaptive study)."""
    known = Counts()
    parts = store.parts()
    for part in parts:
        known += part.counts
    if study.given.adaptive is not None:
        return [], known, max(0, study.given.adaptive.trials - known.searched)
    if study.given.engine == "mapped":
        tasks = list(_unknown_designs(study, frames))
        return tasks, known, sum(len(t.only or ()) for t in tasks)
    _require_tiling(store, parts)
    stored = {(p.start, p.stop) for p in parts}
    wanted = list(chunks(study, study.space.size))
    strange = [p for p in parts if (p.start, p.stop) not in set(wanted)]
    if strange:
        raise InputError(
            f"{store.folder}: parts hold {strange[0].stop - strange[0].start:,} designs each, this study asks for other "
            "chunks; keep `chunk` as it was, or give another --out"
        )
    tasks = [Task(study.text, str(study.folder), "study", a, b) for a, b in wanted if (a, b) not in stored]
    return tasks, known, sum(t.stop - t.start for t in tasks)


def _require_tiling(store: Store, parts: list[PartName]) -> None:
    for one, two in pairwise(parts):
        if two.start < one.stop:
            raise InputError(f"{store.folder}: parts {one} and {two} hold the same designs; remove one of them")


def _unknown_designs(study: Study, frames: list[pl.DataFrame]) -> Iterator[Task]:
    """Chunks of the space without designs whose key is stored, or came before in this study."""
    plan = plan_of(study.text, str(study.folder), "study")
    context = context_of(study)
    seen: set[str] = set()
    for stored in frames:
        seen.update(stored["key"])
    for start, stop in chunks(study, plan.space.size):
        only = []
        for i in range(start, stop):
            key = key_of(context, plan.content(plan.space.values(i)))
            if key not in seen:
                seen.add(key)
                only.append(i)
        if only:
            yield Task(study.text, str(study.folder), "study", start, stop, tuple(only))
