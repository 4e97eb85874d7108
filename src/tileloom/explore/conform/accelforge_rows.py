"""Rows of AccelForge results as values: which files of a directory hold them, and what each row says.

Two shapes are known: a mapping with its evaluation (`mapping`, `result`, `arch`, `workload`, `params`) and a search with
its best mappings (`files`, `jinja`, `metrics`, `rows`). Nothing is computed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError
from tileloom.search.objective import Objective

_METRICS: dict[str, Objective] = {"ENERGY": "energy", "LATENCY": "latency", "ENERGY_DELAY_PRODUCT": "edp"}
MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Evaluated:
    """A mapping and its numbers by column name."""

    nodes: Sequence[Mapping[str, Any]]
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class ReferenceRow:
    """One row: input files, variables, and mappings with numbers.

    objectives  what was searched for; empty for a mapping that was only evaluated
    accepted    False: the tool refused the mapping
    occupancy   bits by memory where the row states them apart from the tool's own columns
    """

    name: str
    arch: Path
    workload: Path
    variables: Mapping[str, object]
    mappings: tuple[Evaluated, ...]
    einsums: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    min_usage: float | None = None
    accepted: bool = True
    occupancy: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Unread:
    """A row of a known file that is of no known shape."""

    name: str
    reason: str


def read_rows(directory: Path) -> tuple[ReferenceRow | Unread, ...]:
    """All rows of the JSON files of a directory, files in order of name.

    Files without any row of a known shape are passed over. Raises InputError when the directory has no row at all or a
    file is no JSON.
    """
    if not directory.is_dir():
        raise InputError(f"{directory} is no directory; give one with AccelForge results and folders arch/, workload/")
    found: list[ReferenceRow | Unread] = []
    for path in sorted(directory.rglob("*.json")):
        rows = _entries(_load(path))
        if any(_is_row(r) for r in rows):
            found += [_row(r, f"{path.stem}[{i}]", directory) for i, r in enumerate(rows)]
    if not found:
        raise InputError(f"{directory}: no JSON file there holds AccelForge rows")
    return tuple(found)


def _load(path: Path) -> Any:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are read", file=str(path))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {str(error)[:200]}", file=str(path)) from None


def _entries(data: Any) -> list[Any]:
    """The rows of a file: the list itself, a list under some key, or the file's only row."""
    if isinstance(data, list):
        return data
    if isinstance(data, Mapping):
        if _is_row(data):
            return [data]
        return [r for value in data.values() if isinstance(value, list) for r in value]
    return []


def _is_row(row: Any) -> bool:
    return _is_evaluation(row) or _is_search(row)


def _is_evaluation(row: Any) -> bool:
    return isinstance(row, Mapping) and {"mapping", "arch", "workload"} <= set(row)


def _is_search(row: Any) -> bool:
    return isinstance(row, Mapping) and {"files", "metrics", "rows"} <= set(row)


def _row(row: Any, name: str, directory: Path) -> ReferenceRow | Unread:
    try:
        if _is_search(row):
            return _search(row, str(row.get("tag", name)), directory)
        if _is_evaluation(row):
            return _evaluation(row, f"{name} {row['workload']}", directory)
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        return Unread(name, f"cannot be read: {str(error)[:200]}")
    return Unread(name, "of no known shape")


def _evaluation(row: Mapping[str, Any], name: str, directory: Path) -> ReferenceRow:
    result = row.get("result")
    numbers = _numbers(result) if isinstance(result, Mapping) else {}
    stated = row.get("accepted", row.get("valid"))
    accepted = bool(stated) if stated is not None else "Total|energy" in numbers
    stated_bits = [v for k, v in row.items() if k.startswith("independent_occupancy_bits")]
    occupancy: Mapping[str, Any] = stated_bits[0] if stated_bits else {}
    return ReferenceRow(
        name=name,
        arch=_inside(directory, "arch", row["arch"]),
        workload=_inside(directory, "workload", row["workload"]),
        variables=dict(row.get("params", row.get("jinja")) or {}),
        mappings=(Evaluated(row["mapping"], numbers),),
        einsums=tuple(row.get("einsums") or ()),
        accepted=accepted,
        occupancy=tuple((str(k), int(v)) for k, v in occupancy.items()) if accepted else (),
    )


def _search(row: Mapping[str, Any], name: str, directory: Path) -> ReferenceRow:
    arch, workload = row["files"][:2]
    wanted = str(row["metrics"]).replace("Metrics.", "").replace(",", "|").split("|")
    unknown = [m.strip() for m in wanted if m.strip() not in _METRICS]
    if unknown:
        raise InputError(f"metric '{unknown[0]}' is not known; there are {', '.join(_METRICS)}")
    usage = str(row.get("min_usage", "as in file"))
    return ReferenceRow(
        name=name,
        arch=_inside(directory, "arch", arch),
        workload=_inside(directory, "workload", workload),
        variables=dict(row.get("jinja") or {}),
        mappings=tuple(Evaluated(r["mapping"], _numbers(r["eval"])) for r in row["rows"]),
        einsums=tuple(row.get("einsums") or ()),
        objectives=tuple(_METRICS[m.strip()] for m in wanted),
        min_usage=None if usage == "as in file" else float(usage.split()[0]),
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {k: float(v) for k, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _inside(directory: Path, folder: str, name: object) -> Path:
    """A file of the directory's folder; a name cannot lead elsewhere."""
    path = (directory / folder / str(name)).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise InputError(f"'{str(name)[:100]}' lies outside {directory / folder}")
    if not path.is_file():
        raise InputError(f"{directory / folder} has no file '{str(name)[:100]}'")
    return path
