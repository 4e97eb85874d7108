"""A Dask cluster: one that is running (`scheduler`), or one made on this machine for the time of the sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from tileloom.core.errors import InputError, MissingDependencyError
from tileloom.explore.executors.base import ATTEMPTS, Answer, LostWorkersError, Task

START_S = 60


@dataclass(frozen=True, slots=True)
class DaskExecutor:
    """workers: processes of an own cluster (and with a scheduler, the tasks in flight: two per worker it has);
    scheduler: address as tcp://host:8786, or a scheduler file. Workers need the same Tileloom installed."""

    workers: int = 2
    scheduler: str | None = None

    name: ClassVar[str] = "dask"

    def run(self, job: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
        """Dask gives the tasks of a dead worker to another; one that kills ATTEMPTS workers raises LostWorkersError."""
        try:
            import dask
            import distributed as loaded
        except ImportError as error:
            raise MissingDependencyError("distributed", "dask", "--executor dask") from error
        distributed: Any = loaded
        waiting = iter(tasks)
        settings = {"distributed.scheduler.allowed-failures": ATTEMPTS - 1}
        with dask.config.set(settings), ExitStack() as stack:
            client = self._client(distributed, stack)
            flying: dict[Any, Task] = {}
            done = distributed.as_completed()
            while True:
                room = max(2, 2 * len(client.scheduler_info()["workers"]))
                for task in islice(waiting, max(0, room - len(flying))):
                    future = client.submit(job, task, pure=False)
                    flying[future.key] = task
                    done.add(future)
                if not flying:
                    return
                future = next(done)
                task = flying.pop(future.key)
                try:
                    answer = future.result()
                except distributed.KilledWorker as error:
                    raise LostWorkersError(f"{ATTEMPTS} workers died while {task} was evaluated: {error}") from error
                future.release()
                yield task, answer

    def _client(self, distributed: Any, stack: ExitStack) -> Any:
        if self.scheduler is None:
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=self.workers, threads_per_worker=1, processes=True, dashboard_address=None
                )
            )
            return stack.enter_context(distributed.Client(cluster))
        where = {"address": self.scheduler} if "://" in self.scheduler else {"scheduler_file": self.scheduler}
        try:
            return stack.enter_context(distributed.Client(**where, timeout=START_S))
        except (OSError, ValueError) as error:
            raise InputError(f"--scheduler {self.scheduler}: no Dask scheduler answers there ({error})") from error
