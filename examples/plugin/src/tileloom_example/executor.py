"""An executor of threads: for jobs that wait more than they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import ClassVar, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ThreadExecutor:
    """workers: threads."""

    workers: int = 4

    name: ClassVar[str] = "threads"

    def run(self, job: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
        with ThreadPoolExecutor(max(1, self.workers)) as pool:
            jobs = {pool.submit(job, task): task for task in tasks}
            for done in as_completed(jobs):
                yield jobs[done], done.result()
