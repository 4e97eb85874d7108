"""A task that kills its own process, for tests of executors; alone in its file so that workers load nothing else."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def double(task: tuple[str, int]) -> int:
    """Dies when it is task 3 and no earlier attempt left its mark (always, for the mark '')."""
    mark, number = task
    if number == 3 and (not mark or not Path(mark).exists()):
        if mark:
            Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number
