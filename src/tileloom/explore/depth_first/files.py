"""What a study leaves on disk: run.json, results (Parquet and CSV), accesses and top memories, the report's dataset.

Every file is written whole or not at all; kept answers lie in answers/ beside them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from tileloom.core.digest import digest
from tileloom.core.errors import InputError
from tileloom.core.files import write_bytes_atomic, write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.explore.depth_first.record import (
    COLUMNS,
    accesses,
    layer_record,
    memories_of,
    numbers,
    row_of,
    stack_record,
    tops,
)
from tileloom.explore.depth_first.run import StudyResult
from tileloom.explore.depth_first.study import plain
from tileloom.explore.record import versions
from tileloom.fusion.depth_first import MODES, PointResult
from tileloom.fusion.search import Plan

FORMAT = "tileloom depth-first run 1"
DATASET = "report.json"
Plain = dict[str, Any]


def write_files(result: StudyResult, folder: str | Path) -> Path:
    """Writes the run into a folder, made when it is not there. Raises InputError when that cannot be."""
    out = Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made: {error.strerror or error}; give another place") from error
    rows = [row_of(o) for o in result.grid.outcomes]
    write_text_atomic(out / "run.json", to_json(run_record(result)))
    write_text_atomic(out / "results.csv", csv_text(COLUMNS, rows))
    write_bytes_atomic(out / "results.parquet", _parquet(rows))
    write_bytes_atomic(out / "accesses.parquet", _parquet(list(_accesses(result))))
    write_bytes_atomic(out / "top_memories.parquet", _parquet(list(_tops(result))))
    write_text_atomic(out / DATASET, to_json(dataset(result)))
    return out


def run_record(result: StudyResult) -> Plain:
    """Inputs by content, options, versions and the answers of the study."""
    setting = result.setting
    return {
        "format": FORMAT,
        "study": plain(result.study),
        "content_sha256": {"network": digest(setting.graph), "architecture": digest(setting.machine)},
        "notes": list(result.sources.notes),
        "versions": versions(),
        "points": len(result.grid.outcomes),
        "failed": result.failed,
        "tile_layers": {"asked": result.grid.asked, "searched": result.grid.distinct},
        "baselines": {b.name: row_of(b.outcome) for b in result.baselines},
        "search": search_record(result),
    }


def search_record(result: StudyResult) -> Plain | None:
    """What was searched, the trade-offs found and the best plan; None when nothing runs."""
    search = result.search
    if search is None:
        return None
    return {
        "proof": "exhaustive over the declared modes, tiles and cuts",
        "stacks": len(search.stacks),
        "strategies": search.evaluated,
        "refused": search.refused,
        "tile_layers": {"asked": search.asked, "searched": search.distinct},
        "best": {w: plan_record(search.best(w)) for w in ("energy", "latency", "edp")},  # type: ignore[arg-type]
        "front": [{"energy_pj": p.energy_pj, "cycles": p.cycles} for p in search.front],
    }


def plan_record(plan: Plan) -> Plain:
    """A strategy per stack."""
    return {
        "energy_pj": plan.energy_pj,
        "cycles": plan.cycles,
        "edp_pj_cycles": plan.edp,
        "stacks": [{"mode": int(c.mode), **stack_record(c.stack)} for c in plan.choices],
    }


def dataset(result: StudyResult) -> Plain:
    """Everything that the report shows."""
    machine = result.setting.machine
    points = []
    for outcome in result.grid.outcomes:
        row = row_of(outcome)
        if outcome.result is not None:
            row["accesses"] = accesses(outcome.result, machine)
        points.append(row)
    best = result.best
    shown = best.as_point() if best is not None else None
    return {
        "format": FORMAT,
        "title": result.study.title,
        "network": result.setting.graph.name,
        "architecture": machine.name,
        "study": plain(result.study),
        "modes": {str(m): MODES[m] for m in result.study.modes},
        "notes": list(result.sources.notes),
        "versions": versions(),
        "layers": len(result.setting.graph.layers),
        "tile_layers": {"asked": result.grid.asked, "searched": result.grid.distinct},
        "memories": memories_of(machine),
        "points": points,
        "baselines": [{"name": b.name, **row_of(b.outcome)} for b in result.baselines],
        "search": search_record(result),
        "best_layers": layer_record(shown) if shown is not None else [],
        "top_memories": [{"mode": m, **_named_tops(p)} for m, p in _best_per_mode(result).items() if p is not None],
    }


def _best_per_mode(result: StudyResult) -> dict[int, PointResult | None]:
    """The point of each mode with the least of the objective."""
    value = {
        "energy": lambda p: p.totals.energy_pj,
        "latency": lambda p: p.totals.cycles,
        "edp": lambda p: p.totals.edp,
    }[result.study.objective]
    return {
        m: min((p for p in result.grid.found if p.point.mode == m), key=value, default=None) for m in result.study.modes
    }


def _named_tops(point: PointResult) -> Plain:
    """layer -> {'input', 'output', 'weight'} -> memory -> tiles, of one point."""
    found: Plain = {}
    for entry in tops(point):
        layer = found.setdefault(entry["layer"], {"input": {}, "output": {}, "weight": {}})
        for what in ("input", "output", "weight"):
            memory = entry[what]
            if memory is not None:
                layer[what][memory] = layer[what].get(memory, 0) + entry["count"]
    return {"tile_x": point.point.tile_x, "tile_y": point.point.tile_y, "layers": found}


def _accesses(result: StudyResult) -> Iterator[Plain]:
    for point in result.grid.found:
        for memory, series in accesses(point, result.setting.machine).items():
            where = {"mode": int(point.point.mode), "tile_x": point.point.tile_x, "tile_y": point.point.tile_y}
            yield from ({**where, "memory": memory, "series": s, "accesses": n} for s, n in series.items())


def _tops(result: StudyResult) -> Iterator[Plain]:
    return chain.from_iterable(
        ({"mode": int(p.point.mode), "tile_x": p.point.tile_x, "tile_y": p.point.tile_y, **t} for t in tops(p))
        for p in result.grid.found
    )


def csv_text(columns: Iterable[str], rows: Iterable[Plain]) -> str:
    """Rows as CSV; numbers are written so that they read back the same."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)
    return stream.getvalue()


def _parquet(rows: list[Plain]) -> bytes:
    import polars as pl

    stream = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(stream)
    return stream.getvalue()


def summary(point: PointResult) -> Plain:
    """One point for `--json`: its row and its stacks."""
    return {
        "mode": int(point.point.mode),
        "tile_x": point.point.tile_x,
        "tile_y": point.point.tile_y,
        **numbers(point),
        "stacks": [stack_record(s) for s in point.stacks],
    }
