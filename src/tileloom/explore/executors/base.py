"""What every executor offers: tasks in, (task, answer) pairs out, in whatever order they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Protocol, TypeVar

from tileloom.core.errors import TileloomError

Task = TypeVar("Task")
Answer = TypeVar("Answer")

ATTEMPTS = 3
"""Times that a task may lose its worker before it is taken for the cause."""


class LostWorkersError(TileloomError):
    """A task killed its worker again and again (out of memory, say); everything else that is complete is stored."""


class Executor(Protocol):
    """Options are the fields of the implementing frozen dataclass: `workers`, and `scheduler` where there is one."""

    name: ClassVar[str]

    def run(self, job: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
        """Every task once; one whose worker dies is given to another. `job` and tasks can be pickled, tasks hashed."""
        ...
