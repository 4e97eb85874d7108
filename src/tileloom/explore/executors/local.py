"""This process, or several of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import Any, ClassVar

from tileloom.core.errors import InputError
from tileloom.explore.executors.base import ATTEMPTS, Answer, LostWorkersError, Task


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """workers: processes; 1 = this one, without a pool."""

    workers: int = 1
    scheduler: str | None = None

    name: ClassVar[str] = "local"

    def __post_init__(self) -> None:
        if self.scheduler is not None:
            raise InputError(f"--scheduler {self.scheduler} is for --executor dask")

    def run(self, job: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
        if self.workers == 1:
            for task in tasks:
                yield task, job(task)
            return
        yield from self._run(job, iter(tasks))

    def _run(self, job: Callable[[Task], Answer], tasks: Iterator[Task]) -> Iterator[tuple[Task, Answer]]:
        lost: dict[Any, int] = {}
        again: list[Task] = []
        while True:
            flying: dict[Future[Answer], Task] = {}
            pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))
            try:
                yield from self._fly(pool, job, again, tasks, flying)
                return
            except BrokenProcessPool:
                again = list(flying.values())
                for task in again:
                    lost[task] = lost.get(task, 0) + 1
                    if lost[task] >= ATTEMPTS:
                        raise LostWorkersError(
                            f"a worker died {ATTEMPTS} times while {task} was evaluated; use fewer --workers, or a smaller `chunk`"
                        ) from None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _fly(
        self,
        pool: ProcessPoolExecutor,
        job: Callable[[Task], Answer],
        again: list[Task],
        tasks: Iterator[Task],
        flying: dict[Future[Answer], Task],
    ) -> Iterator[tuple[Task, Answer]]:
        """Two tasks per worker at a time, so that answers do not pile up; `flying` is what is not answered yet."""
        for task in again:
            flying[pool.submit(job, task)] = task
        again.clear()
        while True:
            for task in islice(tasks, max(0, 2 * self.workers - len(flying))):
                flying[pool.submit(job, task)] = task
            if not flying:
                return
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                answer = future.result()
                yield flying.pop(future), answer
