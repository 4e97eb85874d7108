"""Many points at once: equal tile-layers are searched once over the whole grid, in as many processes as asked for.

The bytes of the result do not depend on the number of processes. Answers can be kept in a folder, from which a killed
run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context

from tileloom.core.errors import InputError, TileloomError
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.depth_first import MODES, Point, PointResult, Setting, run_point
from tileloom.fusion.memo import Memo, Question, Searching, answer, ask
from tileloom.fusion.store import AnswerStore
from tileloom.fusion.tiles import DoesNotFitError, Tops
from tileloom.search.zigzag.loma import Found

Progress = Callable[[str, int, int], None]
"""progress(what, done, total)."""
BATCH = 32
"""Questions per task of a worker process: each answer is small."""


class WorkerError(TileloomError):
    """A worker process died (killed, or out of memory)."""


@dataclass(frozen=True)
class Outcome:
    """A point and its result, or the reason why it cannot run."""

    point: Point
    result: PointResult | None
    reason: str = ""


@dataclass(frozen=True)
class GridResult:
    """outcomes in the order of the points;  asked: tile-layers of all points, distinct: those that were searched."""

    setting: Setting
    searching: Searching
    outcomes: tuple[Outcome, ...]
    asked: int
    distinct: int

    @property
    def found(self) -> tuple[PointResult, ...]:
        return tuple(o.result for o in self.outcomes if o.result is not None)


def grid_points(
    modes: Iterable[int], tile_xs: Sequence[int], tile_ys: Sequence[int], cuts: Point | None = None
) -> tuple[Point, ...]:
    """Every combination, mode by mode, rows of tile_y inside: the order of the published figure.

    >>> [(p.mode, p.tile_x, p.tile_y) for p in grid_points([1], [1, 4], [9])]
    [(1, 1, 9), (1, 4, 9)]
    """
    chosen = "auto" if cuts is None else cuts.cuts
    return tuple(Point(m, x, y, chosen) for m, y, x in product(modes, tile_ys, tile_xs))  # type: ignore[arg-type]


PUBLISHED_TILES_X = (1, 4, 16, 60, 240, 960)
PUBLISHED_TILES_Y = (1, 4, 18, 72, 270, 540)
PUBLISHED_GRID = grid_points(MODES, PUBLISHED_TILES_X, PUBLISHED_TILES_Y)
"""The 108 points of the published artifact (FSRCNN on Meta_prototype_DF)."""


def run_grid(
    setting: Setting,
    points: Sequence[Point],
    searching: Searching | None = None,
    *,
    workers: int = 1,
    store: AnswerStore | None = None,
    progress: Progress | None = None,
) -> GridResult:
    """All points; one that cannot run has a reason and the others go on.

    searching  how each tile-layer is mapped;  store: where answers are kept from run to run
    Raises InputError for less than one worker, WorkerError when a worker process dies.
    """
    chosen = searching or Searching()
    if workers < 1:
        raise InputError(f"workers is {workers}; expected at least 1")
    memo = Memo(chosen)
    asked = 0
    questions: dict[Question, None] = {}
    for point in points:
        found = list(questions_of(setting, [lambda e, p=point: run_point(setting, p, e)]))  # type: ignore[misc]
        asked += len(found)
        questions |= dict.fromkeys(found)
    answer_all(setting.machine, questions, memo, workers=workers, store=store, progress=progress)
    outcomes = tuple(_outcome(setting, point, memo) for point in points)
    if store is not None:
        store.keep(setting.machine, chosen, memo.known)
    return GridResult(setting, chosen, outcomes, asked, len(memo.known))


def _outcome(setting: Setting, point: Point, memo: Memo) -> Outcome:
    try:
        return Outcome(point, run_point(setting, point, memo.evaluate))
    except (DoesNotFitError, InputError) as error:
        return Outcome(point, None, str(error))


def questions_of(setting: Setting, runs: Iterable[Callable[..., object]]) -> Iterator[Question]:
    """What the runs will ask the mapper, found by running them without it. A run that fails asks what it asked so far."""
    found: list[Question] = []

    def note(layer: ZigzagLayer, machine: ZigzagMachine, tops: Tops) -> Found | None:
        found.append(ask(layer, tops))
        return None

    for run in runs:
        try:
            run(note)
        except (DoesNotFitError, InputError):
            continue
    yield from found


def answer_all(
    machine: ZigzagMachine,
    questions: Iterable[Question],
    memo: Memo,
    *,
    workers: int = 1,
    store: AnswerStore | None = None,
    progress: Progress | None = None,
) -> None:
    """Fills the memo: from the store where it knows, otherwise from the mapper."""
    wanted = [q for q in dict.fromkeys(questions) if q not in memo.known]
    if store is not None:
        memo.learn(store.recall(machine, memo.searching, wanted))
    todo = [q for q in wanted if q not in memo.known]
    total, done = len(wanted), len(wanted) - len(todo)
    for batch, found in _answers(machine, todo, memo.searching, workers):
        answers = dict(zip(batch, found, strict=True))
        memo.learn(answers)
        if store is not None:
            store.keep(machine, memo.searching, answers)
        done += len(batch)
        if progress is not None:
            progress("tile-layers", done, total)


Batch = Sequence[Question]


def _answers(
    machine: ZigzagMachine, todo: Sequence[Question], searching: Searching, workers: int
) -> Iterator[tuple[Batch, Sequence[Found]]]:
    batches = [todo[i : i + BATCH] for i in range(0, len(todo), BATCH)]
    if workers == 1 or len(batches) < 2:
        for batch in batches:
            yield batch, answer_batch(machine, batch, searching)
        return
    pool = ProcessPoolExecutor(min(workers, len(batches)), mp_context=get_context("spawn"))
    try:
        jobs = {pool.submit(answer_batch, machine, batch, searching): batch for batch in batches}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            f"a worker process died while {len(todo)} tile-layers were searched by {workers} workers; "
            "use fewer workers, or one to see the failure itself"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def answer_batch(machine: ZigzagMachine, batch: Batch, searching: Searching) -> list[Found]:
    """What a worker process runs."""
    return [answer(question, machine, searching) for question in batch]
