"""What the benchmarks share: CPU seconds, compiling first, empty tables, the line that says where it was measured."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

from tileloom.architecture.model import Architecture
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import OBJECTIVES
from tileloom.search.optimal import options
from tileloom.workload.problem import Problem

Answer = TypeVar("Answer")


def cpu_seconds(job: Callable[[], Answer]) -> tuple[Answer, float]:
    """The answer and the CPU time of this process while it was found (all threads, no children)."""
    started = process_time()
    answer = job()
    return answer, process_time() - started


def of_command(command: Sequence[str], cwd: Path | None = None) -> tuple[float, float]:
    """(CPU seconds of the command and its children, seconds on the clock); raises when it fails."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before, started = spent(), perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return spent() - before, perf_counter() - started


def compile_kernels(problem: Problem, architecture: Architecture) -> None:
    """One small search per objective: afterwards nothing is left to compile."""
    for objective in OBJECTIVES:
        OptimalMapper().search(problem, architecture, objective)


def forget() -> None:
    """Empty the tables that searches share, so that a case starts as in a new process."""
    for table in (options.group_options, options.group_tiles, options.divisor_tiles, options._compositions):
        table.cache_clear()


def where() -> str:
    versions = f"Python {platform.python_version()}"
    for name in ("numpy", "numba"):
        versions += f", {name} {__import__(name).__version__}"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"measured on {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}; {versions}"
