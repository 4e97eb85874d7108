"""Recomputes DeFiNES's results: automatic stack cuts, points without mapping search, and full depth-first points.

Rows are read in defines_rows.py, ours put into their shape in defines_record.py. Whole numbers and names must be equal,
energies agree to 1e-9.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tileloom.core.errors import TileloomError
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, relative_error
from tileloom.explore.conform.defines_record import (
    Plain,
    add,
    copy_sums,
    copy_tiles,
    joined,
    layer_sums,
    layer_tiles,
    substack,
    totals,
)
from tileloom.explore.conform.defines_rows import CUTS, POINT, Reference, Row, read_reference
from tileloom.fusion.depth_first import Point, PointResult, Setting, choose_cuts, prepare, run_point
from tileloom.fusion.memo import Memo, Searching
from tileloom.fusion.rules import FAITHFUL
from tileloom.fusion.tiles import DoesNotFitError

TOLERANCE = 1e-9


def conform_defines(reference: str | Path, limit: int | None = None, progress: Progress | None = None) -> ConformReport:
    """Recomputes every row of a directory (at most `limit` rows).

    The directory holds architectures.json and workloads.json, and any of stack_cuts.json, structure_points.json,
    points/*.json and points_summary.csv. A row that cannot be recomputed is skipped with the reason and counts as not
    matched. Raises InputError for a directory without rows.
    """
    known = read_reference(Path(reference))
    rows = known.rows[:limit]
    memos: dict[tuple[str, int], Memo] = {}
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, row in enumerate(rows, 1):
        try:
            checks += _checks(known, row, memos)
        except (TileloomError, DoesNotFitError, KeyError, ValueError, TypeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error).split("\n")[0]
            skipped.append(Skip(row.name, what))
        if progress is not None:
            progress(row.name, done, len(rows))
    return ConformReport("defines", tuple(r.name for r in rows), tuple(checks), tuple(skipped))


def _checks(known: Reference, row: Row, memos: dict[tuple[str, int], Memo]) -> list[Check]:
    machine = known.machine(row)
    setting = prepare(known.network(row), machine, FAITHFUL)
    if row.kind == CUTS:
        return [_compare(CUTS, row, "cuts", list(row.expected), list(choose_cuts(setting, "auto")))]
    if row.kind == POINT:
        limit = int(row.inputs["lpf_limit"])
        memo = memos.setdefault((setting.machine.name, limit), Memo(Searching(limit)))
        return list(_full(row, setting, memo))
    return list(_structure(row, setting))


def _point(row: Row) -> Point:
    inputs = row.inputs
    option = inputs.get("cuts_option", "auto")
    cuts = "single" if option == "single" else "auto"
    return Point(int(inputs["mode"]), int(inputs["tile_x"]), int(inputs["tile_y"]), cuts)  # type: ignore[arg-type]


def _structure(row: Row, setting: Setting) -> Iterator[Check]:
    result = run_point(setting, _point(row), None)
    expected = row.expected
    yield from _stacks(row, expected, result)
    theirs = {
        str(la["layer"]): [_without(t, "top") | {"top": _present(t["top"])} for t in la["types"]]
        for la in expected["layers"]
    }
    yield from _tiles("structure layers", row, theirs, layer_tiles(result), ("count", "dims", "macs", "elems", "top"))
    copies: dict[str, list[Plain]] = {}
    for entry in expected["copies"]:
        for t in entry["types"]:
            near = {k: t["top"].get(k) for k in ("h_make", "h_use", "v_make", "v_use")}
            copies.setdefault(joined(entry["before"]), []).append(_without(t, "top") | near | {"dims": t["tile_dims"]})
    keys = (k for k in COPY_KEYS if k != "extra")
    yield from _tiles("structure copies", row, copies, copy_tiles(result, setting.machine), tuple(keys))
    t = result.totals
    for key, ours in (("copy_energy_total", t.copy_pj), ("copy_latency_total", t.copy_cycles), ("mac_total", t.macs)):
        yield _compare("structure totals", row, key, expected[key], ours)


def _full(row: Row, setting: Setting, memo: Memo) -> Iterator[Check]:
    proper = row.inputs.get("cuts_option", "auto") != "auto"
    result = run_point(setting, _point(row), memo.evaluate, proper_cuts=proper)
    expected = row.expected
    ours = totals(result)
    for key, value in expected["totals"].items():
        yield _compare("point totals", row, key, value, ours.get(key))
    if "substacks" not in expected:
        return
    yield from _stacks(row, expected, result)
    layers = {str(e["layer"]): e for e in expected["layers"] if e["kind"] == "layer"}
    yield from _records("point layers", row, layers, layer_sums(result))
    yield from _records("point copies", row, _joined_copies(expected["layers"]), copy_sums(result, setting.machine))
    tiles: dict[str, list[Plain]] = {}
    copies: dict[str, list[Plain]] = {}
    for t in expected["tiles"]:
        if t["kind"] == "layer":
            across = {o: [sorted(loops) for loops in levels] for o, levels in t["spatial_mapping"].items()}
            tiles.setdefault(str(t["layer"]), []).append(t | {"top": t["top_mem"], "spatial_mapping": across})
        else:
            trace = t["trace"]
            near = {k: trace[k] for k in ("dims", "h_make", "h_use", "v_make", "v_use")}
            name = joined(t["name"].removeprefix("datamovement_b4_"))
            # A copy from a memory to itself is listed there; it moves nothing.
            actions = [a for a in t["actions"] if a["src"] != a["dst"]]
            extra = [trace["extra_O"], trace["extra_I"]]
            copies.setdefault(name, []).append(t | near | {"extra": extra, "actions": actions})
    yield from _tiles("tile layers", row, tiles, layer_tiles(result), LAYER_KEYS)
    yield from _tiles("tile copies", row, copies, copy_tiles(result, setting.machine), COPY_KEYS)


LAYER_KEYS = (
    "count",
    "dims",
    "top",
    "energy",
    "mac_energy",
    "energy_breakdown",
    "word_access",
    "elem_moves",
    "latency",
    "spatial_mapping",
    "temporal_mapping",
    "mem_util_shared",
    "double_buffer",
)
COPY_KEYS = ("count", "dims", "energy", "latency", "h_make", "h_use", "v_make", "v_use", "extra", "actions")


def _stacks(row: Row, expected: Plain, result: PointResult) -> Iterator[Check]:
    yield _compare("stacks", row, "cuts", expected["stack_cuts"], list(result.cuts))
    yield _compare("stacks", row, "number of stacks", len(expected["substacks"]), len(result.stacks))
    for number, (theirs, found) in enumerate(zip(expected["substacks"], result.stacks)):
        wanted = theirs | {k: sorted(theirs[k]) for k in ("h_cache_mem", "v_cache_mem")}
        for key, ours in substack(found).items():
            yield _compare("stacks", row, f"stack {number} {key}", wanted[key], ours)


def _tiles(
    kind: str, row: Row, theirs: Mapping[str, list[Plain]], ours: Iterable[tuple[str, Plain]], keys: Iterable[str]
) -> Iterator[Check]:
    found: dict[str, list[Plain]] = {}
    for name, record in ours:
        found.setdefault(name, []).append(record)
    for name, wanted in theirs.items():
        own = found.get(name, [])
        yield _compare(kind, row, f"{name}: kinds of tiles", len(wanted), len(own))
        # Stack inputs of one name come in an order of their own.
        pairs = zip(sorted(wanted, key=_order), sorted(own, key=_order)) if "substack" in name else zip(wanted, own)
        for number, (theirs_, ours_) in enumerate(pairs):
            for key in keys:
                yield _compare(kind, row, f"{name} tile {number} {key}", theirs_.get(key), ours_.get(key))


def _order(record: Plain) -> str:
    bits = [a["bits"] for a in record["actions"]]
    near = [record[k] for k in ("h_make", "h_use", "v_make", "v_use")]
    return json.dumps([dict(sorted(record["dims"].items())), record["count"], bits, near])


def _records(kind: str, row: Row, theirs: Mapping[str, Plain], ours: Mapping[str, Plain]) -> Iterator[Check]:
    for name, wanted in theirs.items():
        for key, value in wanted.items():
            if key not in ("kind", "layer", "name"):
                yield _compare(kind, row, f"{name} {key}", value, ours.get(name, {}).get(key))


def _joined_copies(entries: Iterable[Plain]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for entry in entries:
        if entry["kind"] == "copy":
            name = joined(entry["name"].removeprefix("datamovement_b4_"))
            add(found.setdefault(name, {}), {k: v for k, v in entry.items() if k not in ("kind", "name")})
    return found


def _without(record: Plain, key: str) -> Plain:
    return {k: v for k, v in record.items() if k != key}


def _present(tops: Plain) -> Plain:
    return {k: v for k, v in tops.items() if v is not None}


def _compare(kind: str, row: Row, what: str, expected: Any, got: Any) -> Check:
    """Whole numbers, names and lists must be equal; fractions agree to 1e-9."""
    error, where = _difference(expected, got)
    if not where:
        return Check(kind, row.name, what, True, "equal", "equal", error)
    place, theirs, ours = where
    return Check(kind, row.name, f"{what}{place}", False, _show(theirs), _show(ours), error)


def _difference(expected: Any, got: Any) -> tuple[float, tuple[str, Any, Any] | None]:
    """(worst relative error, first difference as (place, theirs, ours))."""
    if isinstance(expected, dict) and isinstance(got, dict):
        if set(expected) - set(got):
            return float("inf"), ("", sorted(expected), sorted(got))
        return _worst((f".{k}", v, got[k]) for k, v in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return float("inf"), ("", expected, got)
        return _worst((f"[{i}]", a, b) for i, (a, b) in enumerate(zip(expected, got)))
    if isinstance(expected, int | float) and isinstance(got, int | float):
        error = relative_error(float(expected), float(got))
        exact = isinstance(expected, int) and isinstance(got, int)
        return error, ("", expected, got) if error > (0.0 if exact else TOLERANCE) else None
    return (0.0, None) if expected == got else (float("inf"), ("", expected, got))


def _worst(parts: Iterable[tuple[str, Any, Any]]) -> tuple[float, tuple[str, Any, Any] | None]:
    worst, first = 0.0, None
    for place, expected, got in parts:
        error, where = _difference(expected, got)
        worst = max(worst, error)
        if where and first is None:
            first = (place + where[0], where[1], where[2])
    return worst, first


def _show(value: Any) -> float | str:
    return value if isinstance(value, float) else str(value)[:200]
