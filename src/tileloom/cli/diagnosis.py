"""What `tileloom doctor` looks at: Python, libraries, extras, the cost model's self-test, known clashes, the cache."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import isclose
from pathlib import Path
from typing import Any

from tileloom import __version__

CORE = ("numpy", "numba", "pydantic", "ruamel.yaml", "typer", "rich", "polars")
EXTRAS = {"onnx": ("onnx",), "plot": ("altair", "vl-convert-python"), "accelforge": ("jinja2",)}


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` False makes the command fail; an extra that is absent is fine and `present` False."""

    name: str
    ok: bool
    detail: str
    present: bool = True

    @property
    def mark(self) -> str:
        return ("ok  " if self.present else "-   ") if self.ok else "FAIL"


def examine() -> tuple[Finding, ...]:
    """Everything, in a fixed order."""
    return tuple(_all())


def _all() -> Iterator[Finding]:
    yield Finding("tileloom", True, f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding("python", sys.version_info >= (3, 11), f"{platform.python_version()} ({sys.executable})")
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    libc = " ".join(platform.libc_ver()).strip()
    yield Finding("system", True, f"{system}, {libc}" if libc else system)
    for name in CORE:
        found = _version(name)
        yield Finding(name, found is not None, found or f"missing: pip install {name}")
    for extra, packages in EXTRAS.items():
        yield _extra(extra, packages)
    yield solver_clash(_version("highspy"), find_spec("ortools") is not None)
    yield _tried("compiled kernels", _compiled)
    yield _tried("self-test", _self_test)
    yield _tried("cache", _cache)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _extra(extra: str, packages: tuple[str, ...]) -> Finding:
    found = {name: _version(name) for name in packages}
    missing = [name for name, v in found.items() if v is None]
    if missing:
        return Finding(f"extra {extra}", True, f"not installed: pip install 'tileloom[{extra}]'", present=False)
    return Finding(f"extra {extra}", True, ", ".join(f"{n} {v}" for n, v in found.items()))


def solver_clash(highspy: str | None, has_ortools: bool) -> Finding:
    """highspy 1.15 and ortools cannot be imported in one process (ortools issue 5246); 1.14 can."""
    if highspy is None or not has_ortools:
        return Finding("solver clash", True, "none: highspy and ortools are not installed together")
    numbers = [int(part) for part in highspy.split(".")[:2] if part.isdecimal()]
    if numbers < [1, 15]:
        return Finding("solver clash", True, f"none: highspy {highspy} goes with ortools")
    return Finding("solver clash", False, f"highspy {highspy} crashes beside ortools: pip install 'highspy<1.15'")


def _tried(name: str, check: Callable[[], str]) -> Finding:
    # A diagnosis reports whatever goes wrong; nothing is hidden by catching it here.
    try:
        return Finding(name, True, check())
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _compiled() -> str:
    from numba import njit

    def triangle(n: int) -> int:
        total = 0
        for i in range(n):
            total += i
        return total

    compiled: Any = njit(triangle)
    got = compiled(1000)
    if got != 499500:
        raise ValueError(f"a compiled loop gave {got} instead of 499500")
    return "numba compiles and computes right"


def _self_test() -> str:
    """A 4x4x4 product on a DRAM with 1 pJ per access, kept whole in a buffer: every number is known by hand."""
    from tileloom import api
    from tileloom.architecture.load import parse_architecture
    from tileloom.mapping.yaml import mapping_from_yaml

    problem = api.load_problem("C[m, n] += A[m, k] * B[k, n]", sizes={"m": 4, "n": 4, "k": 4}, bits=8)
    cost = api.evaluate(problem, parse_architecture(CHIP), mapping_from_yaml(NEST))
    # 16 reads of A and of B and 16 writes of C at 1 pJ each, and 64 multiply-accumulates at 1 pJ.
    dram, arithmetic = cost.energy_by("component")[("DRAM",)], cost.energy_by("component")[("MAC",)]
    if not (isclose(dram, 48) and isclose(arithmetic, 64)):
        raise ValueError(f"DRAM takes {dram} pJ instead of 48, the arithmetic {arithmetic} instead of 64")
    return "a 4x4x4 product costs what it must"


def _cache() -> str:
    from tileloom.search.cache import default_folder

    folder = default_folder()
    answers = sum(1 for _ in folder.glob("answers/*/*.json"))
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(nearest, os.W_OK):
        raise PermissionError(f"{folder} cannot be written; set TILELOOM_CACHE or give --cache DIR")
    return f"{folder}: {answers} answers"


CHIP = """
name: self-test
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 1.0, width_bits: 8}, keep: all}
- {memory: Buffer, size_bits: 1024, access: {energy_pj: 0.0, width_bits: 8}}
- {compute: MAC, energy_pj: 1.0}
"""
NEST = """
mapping:
  problem: product
  nodes:
  - hold: {memory: DRAM, tensors: [A, B, C]}
  - hold: {memory: Buffer, tensors: [A, B, C]}
  - {for: m, tile: 1}
  - {for: n, tile: 1}
  - {for: k, tile: 1}
  - {compute: MAC}
"""
