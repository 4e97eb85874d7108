"""Recomputes fused optima that AccelForge found: the same workload, chip and options, and ours proved and re-evaluated.

Rows are JSON lists of {tag, arch, workload, params, metric, energy, latency}; input files lie anywhere under inputs/.
AccelForge adds in single precision, so values are compared to 1e-6. Each row is one optimum of possibly several, so
only the metric that was searched for is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.accelforge import read_architecture
from tileloom.architecture.notation.accelforge_resolve import CLOCK_HZ, PICOJOULES
from tileloom.core.errors import InputError, TileloomError
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, close
from tileloom.fusion.optimal.graph_from import graph_of_accelforge
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.search.objective import Objective
from tileloom.workload.frontends.accelforge import read_workload

TOLERANCE = 1e-6
MAX_BYTES = 200_000_000
METRICS: dict[str, Objective] = {"ENERGY": "energy", "LATENCY": "latency", "ENERGY_DELAY_PRODUCT": "edp"}
KINDS = {"energy": "optimum energy", "latency": "optimum latency", "edp": "optimum EDP"}
BETTER = "below the tool's best"
_NEEDED = {"tag", "arch", "workload", "metric", "energy", "latency"}


@dataclass(frozen=True)
class FusedRow:
    """One row: files, template values, options, and the metric's value in joules and seconds."""

    name: str
    arch: Path
    workload: Path
    folders: tuple[Path, ...]
    variables: Mapping[str, object]
    objective: Objective
    value: float
    max_fused_loops: int | None
    loops_per_dim: int
    fuse: bool


def conform_fused(reference: str | Path, limit: int | None = None, progress: Progress | None = None) -> ConformReport:
    """Recomputes every row of a directory (at most `limit`). Raises InputError for a directory without rows."""
    entries = _entries(Path(reference))[:limit]
    checks: list[Check] = []
    skipped: list[Skip] = []
    notes: list[str] = []
    for done, (name, raw, directory) in enumerate(entries, 1):
        try:
            row = _row(name, raw, directory)
            checks.extend(_checks(row, notes))
        except (TileloomError, KeyError, TypeError, ValueError) as error:
            skipped.append(Skip(name, str(error).split("\n")[0][:300]))
        if progress is not None:
            progress(name, done, len(entries))
    return ConformReport("fused", tuple(n for n, _, _ in entries), tuple(checks), tuple(skipped), tuple(notes))


def solve(row: FusedRow) -> FusedResult:
    """Our optimum for a row, by AccelForge's rules."""
    workload = read_workload(row.workload, row.variables, row.folders)
    architecture = read_architecture(row.arch, row.variables, row.folders)
    graph = graph_of_accelforge(workload, architecture, fuse=row.fuse)
    return fused_optimal(
        graph,
        row.objective,
        max_fused_loops=row.max_fused_loops,
        max_fused_loops_per_dim=row.loops_per_dim,
        reversed_copies=True,
        early_reads=True,
    )


def _checks(row: FusedRow, notes: list[str]) -> Iterator[Check]:
    result = solve(row)
    if result.cost is None:
        yield Check("feasible", row.name, "a schedule", False, "one", "; ".join(result.reasons)[:200])
        return
    unit = {"energy": PICOJOULES, "latency": CLOCK_HZ, "edp": PICOJOULES * CLOCK_HZ}[row.objective]
    ours = result.value / unit
    kind = KINDS[row.objective]
    if ours < row.value * (1 - TOLERANCE) and result.status == "optimal":
        # The tree was evaluated literally and fits; a search that misses it is not what ours is measured by.
        share = 1 - ours / row.value
        notes.append(
            f"{row.name}: a schedule legal by the tool's rules has {row.objective} {ours:.9g}, {share:.3%} below the "
            f"best that its own search found ({row.value:.9g}); counted as matched"
        )
        yield Check(f"{kind} {BETTER}", row.name, row.objective, True, row.value, ours)
    else:
        yield close(kind, row.name, row.objective, row.value, ours, TOLERANCE)
    proved = result.status == "optimal"
    yield Check("proved", row.name, "lower bound", proved, "equals the optimum", "it does" if proved else result.status)
    yield from _fits(row, result)


def _fits(row: FusedRow, result: FusedResult) -> Iterator[Check]:
    """The tree's own occupancy, counted literally, stays within every memory that several problems share."""
    assert result.cost is not None
    for name in result.graph.memories:
        capacity = result.graph.layers[0].chip.memory(name).capacity_bits
        peak = result.cost.peak_bits(name)
        if capacity is not None:
            yield Check("occupancy", row.name, name, peak <= capacity, float(capacity), float(peak))


def _entries(directory: Path) -> list[tuple[str, Mapping[str, Any], Path]]:
    if not directory.is_dir():
        raise InputError(f"{directory} is no directory; give one with fused rows (JSON) and a folder inputs/")
    found: list[tuple[str, Mapping[str, Any], Path]] = []
    for path in sorted(directory.rglob("*.json")):
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are read", file=str(path))
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not readable as JSON: {str(error)[:200]}", file=str(path)) from None
        rows = data if isinstance(data, list) else []
        found += [
            (f"{path.stem}: {row['tag']}", row, directory)
            for row in rows
            if isinstance(row, Mapping) and set(row) >= _NEEDED
        ]
    if not found:
        raise InputError(f"{directory}: no JSON file there holds fused rows ({', '.join(sorted(_NEEDED))})")
    seen: dict[str, int] = {}
    named = []
    for name, row, home in found:
        seen[name] = seen.get(name, 0) + 1
        named.append((name if seen[name] == 1 else f"{name} ({seen[name]})", row, home))
    return named


def _row(name: str, raw: Mapping[str, Any], directory: Path) -> FusedRow:
    metric = str(raw["metric"]).replace("Metrics.", "")
    if metric not in METRICS:
        raise InputError(f"metric '{metric}' is not known; there are {', '.join(METRICS)}")
    objective = METRICS[metric]
    energy, latency = float(raw["energy"]), float(raw["latency"])
    loops = raw.get("max_fused_loops", "inf")
    folders = tuple(d for d in sorted(directory.rglob("*")) if d.is_dir())
    return FusedRow(
        name=name,
        arch=_find(directory, raw["arch"]),
        workload=_find(directory, raw["workload"]),
        folders=folders,
        variables=dict(raw.get("params") or {}),
        objective=objective,
        value={"energy": energy, "latency": latency, "edp": energy * latency}[objective],
        max_fused_loops=None if str(loops) in ("inf", "None") else int(loops),
        loops_per_dim=int(raw.get("max_fused_loops_per_rank_variable", 1)),
        fuse=not str(raw.get("main_memory_keep", "")).startswith("All"),
    )


def _find(directory: Path, name: object) -> Path:
    """A file of that base name anywhere in the directory; a name cannot lead elsewhere."""
    found = sorted(p for p in directory.rglob(Path(str(name)).name) if p.is_file())
    if not found:
        raise InputError(f"{directory} has no file '{str(name)[:100]}'")
    return found[0]
