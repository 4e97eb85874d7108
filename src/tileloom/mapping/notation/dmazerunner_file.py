"""dMazeRunner's execution methods in files: YAML of ours, and the lines that the original prints. Both are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.files import is_file
from tileloom.core.jsonio import parse_json
from tileloom.core.yamlio import Document, load_yaml
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, method_of_loops
from tileloom.workload.problem import Problem

KEY = "execution_method"
_KEYS = ("problem", "imperfect", "tiling", "dram_order", "spm_order")
_PRINTED = "Tiling factors (DRAM, SPM, RF, SPATIAL):"
_ORDERS = "Ordering (DRAM, SPM):"
MAX_BYTES = 1_000_000


def method_to_yaml(method: ExecutionMethod, problem: str = "", *, imperfect: bool = False) -> str:
    """The method as YAML. `read_method` gives the same one back. imperfect: its tiles need not divide.

    execution_method:
      problem: conv5_2
      tiling:   # DRAM, SPM, RF, SPATIAL
        N: [1, 1, 1, 4]
      dram_order: [N]   # outermost first
      spm_order: [N]
    """
    lines = [f"{KEY}:", *([f"  problem: {json.dumps(problem)}"] if problem else [])]
    lines += ["  imperfect: true"] if imperfect else []
    lines += ["  tiling:   # DRAM, SPM, RF, SPATIAL"]
    lines += [f"    {n}: {list(four)}" for n, four in zip(method.loops, zip(*method.tiling, strict=True), strict=True)]
    orders = (("dram_order", method.dram_order), ("spm_order", method.spm_order))
    lines += [f"  {k}: [{', '.join(o)}]   # outermost first" for k, o in orders if o]
    return "\n".join(lines) + "\n"


def is_method_file(path: str | PathLike[str]) -> bool:
    """Whether the file holds an execution method, by its first lines. False for one that cannot be read."""
    try:
        with Path(path).open(encoding="utf-8") as stream:
            head = stream.read(4096)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(re.search(rf"^{KEY}:", head, re.MULTILINE)) or _PRINTED in head


def read_method(path: str | PathLike[str], problem: Problem) -> ExecutionMethod:
    """The execution method of a file for this problem.

    Of printed text the first method is read; its factors are in the order of the problem's dims.
    Raises InputError with the file, and the line where there is one, for each mistake.
    """
    name = str(path)
    if _is_printed(Path(path)):
        return _printed(Path(path), problem)
    document = load_yaml(name)
    data: Any = document.data
    body = data.get(KEY) if isinstance(data, Mapping) else None
    if not isinstance(body, Mapping):
        raise InputError(f"{name}: expected '{KEY}:' with tiling, dram_order, spm_order", file=name)
    faults = [
        f"{document.at((KEY, k))}: unknown key '{k}'{did_you_mean(str(k), _KEYS)}" for k in body if k not in _KEYS
    ]
    tiling = body.get("tiling")
    if not isinstance(tiling, Mapping) or not all(isinstance(v, list) for v in tiling.values()):
        at = document.at((KEY, "tiling"))
        faults.append(f"{at}: 'tiling' must give [DRAM, SPM, RF, SPATIAL] for each of {', '.join(problem.extents)}")
    if faults:
        raise InputError(faults, file=name)
    return _built(document, body, problem)


def _built(document: Document, body: Mapping[str, Any], problem: Problem) -> ExecutionMethod:
    imperfect = body.get("imperfect", False)
    if not isinstance(imperfect, bool):
        raise InputError(f"{document.at((KEY, 'imperfect'))}: 'imperfect' is {imperfect!r}; expected true or false")
    faults = [
        f"{document.at((KEY, 'tiling', n))}: loop '{n}': factor {f!r} is not a whole number of at least 1"
        for n, four in body["tiling"].items()
        for f in four
        if not isinstance(f, int) or isinstance(f, bool) or f < 1
    ]
    if faults:
        raise InputError(faults, file=document.file)
    dram_order, spm_order = (tuple(map(str, body.get(k) or ())) for k in ("dram_order", "spm_order"))
    try:
        method = method_of_loops(body["tiling"], problem.extents, imperfect=imperfect)
        return replace(method, dram_order=dram_order, spm_order=spm_order)
    except InputError as error:
        at = document.at((KEY, "tiling"))
        raise InputError([f"{at}: {p}" for p in error.problems], file=document.file) from None


def _is_printed(path: Path) -> bool:
    return is_file(path) and path.stat().st_size <= MAX_BYTES and _PRINTED in path.read_text("utf-8", "replace")


def _printed(path: Path, problem: Problem) -> ExecutionMethod:
    lines = path.read_text("utf-8", "replace").splitlines()
    number = next(i for i, line in enumerate(lines, 1) if _PRINTED in line)
    following = lines[number] if number < len(lines) else ""
    try:
        levels = _listed(lines[number - 1].partition(_PRINTED)[2])
        orders = _listed(following.partition(_ORDERS)[2]) if _ORDERS in following else [[], []]
        columns = [tuple(level) for level in levels]
        dram_order, spm_order = (tuple(map(str, o)) for o in orders)
    except (InputError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}:{number}: not factors and orders as dMazeRunner prints them", file=str(path)
        ) from error
    try:
        if len(columns) != 4 or any(len(c) != len(problem.dims) for c in columns):
            raise InputError(f"expected four levels of {len(problem.dims)} factors ({' '.join(problem.extents)})")
        dram, spm, rf, space = columns
        method = ExecutionMethod(
            loops=tuple(problem.extents),
            dram=dram,
            spm=spm,
            rf=rf,
            spatial=space,
            dram_order=dram_order,
            spm_order=spm_order,
        )
        method.check(problem.extents)
    except InputError as error:
        raise InputError([f"{path}:{number}: {p}" for p in error.problems], file=str(path)) from None
    return method


def _listed(text: str) -> Any:
    """Nested tuples or lists of numbers and names as Python prints them."""
    brackets = text.strip().replace("(", "[").replace(")", "]").replace("'", '"')
    return parse_json(re.sub(r",\s*]", "]", brackets))
