"""Recomputes dMazeRunner's results: mappings with all their order pairs, searches, the energy validation, its studies.

Rows are read in dmazerunner_rows.py; mappings are checked in dmazerunner_mapping.py. Counts, cycles and DMA numbers are
exact, energies within 1 pJ of their rounding, EDPs to 1e-9. Of the authors' own tables only the counts are compared.
What commands printed is compared as printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import TileloomError
from tileloom.cost.models.dmazerunner.capacity import NO_FILTERS
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import order_numbers
from tileloom.cost.models.dmazerunner.reference import cost_under_orders, method_costs
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip
from tileloom.explore.conform.dmazerunner_mapping import exact, mapping_checks, near, within_one
from tileloom.explore.conform.dmazerunner_printed import printed_checks
from tileloom.explore.conform.dmazerunner_rows import (
    Row,
    Unread,
    chip_of,
    layer_of,
    method_of,
    pruning_of,
    pruning_of_arguments,
    read_rows,
)
from tileloom.explore.dmazerunner.design import DesignPoint, design_sweep, points
from tileloom.explore.dmazerunner.memory import RF_PJ, SPM_PJ, memory_point
from tileloom.explore.dmazerunner.validation import dataflow_name, validation_row
from tileloom.search.dmazerunner.auto import START, auto_optimize
from tileloom.search.dmazerunner.full import Exploration, count_methods, explore
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer

_OBJECTIVES = {"min_energy": "energy", "min_cycle": "latency", "min_edp": "edp"}
_PARTS = ("MAC", "RF", "NOC", "SPM", "DRAM")


def conform_dmazerunner(
    reference: str | Path, limit: int | None = None, progress: Progress | None = None
) -> ConformReport:
    """Recomputes every row of a directory's JSON and CSV files (at most `limit` rows).

    A row that cannot be recomputed is skipped with the reason and counts as not matched. Raises InputError for a
    directory without rows.
    """
    rows, ignored = read_rows(Path(reference))
    rows = rows[:limit]
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, row in enumerate(rows, 1):
        if isinstance(row, Unread):
            skipped.append(Skip(row.name, row.reason))
        else:
            try:
                checks.extend(_checks(row))
            except TileloomError as error:
                skipped.append(Skip(row.name, str(error).split("\n")[0]))
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                skipped.append(Skip(row.name, f"a value is missing or not of its form: {error!r}"))
        if progress is not None:
            progress(row.name, done, len(rows))
    notes = (f"no rows in {', '.join(ignored)}",) if ignored else ()
    return ConformReport("dmazerunner", tuple(r.name for r in rows), tuple(checks), tuple(skipped), notes)


def _checks(row: Row) -> Iterator[Check]:
    if row.kind == "mapping":
        return mapping_checks(row)
    if row.kind == "printed":
        return printed_checks(row.name, row.values["kind"], row.values)
    by_kind = {
        "validation": _validation, "auto": _auto, "search": _search, "memory": _memory, "design": _design,
        "table": _table,
    }  # fmt: skip
    return by_kind[row.kind](row)


def _validation(row: Row) -> Iterator[Check]:
    v, layer = row.values, RESNET[5]
    loops = str(v["loop_order"]).split()
    tiling = {
        n: [json.loads(v[f"{level}_tiling"])[i] for level in ("DRAM", "SPM", "RF", "Spatial")]
        for i, n in enumerate(loops)
    }
    got = validation_row(method_of(layer, tiling), v["dataflow_mechanism"], float(v["yang_et_al_Energy"]), layer)
    yield Check("validation", row.name, "dataflow", got.dataflow == v["dataflow"], v["dataflow"], got.dataflow)
    assert got.dataflow == dataflow_name(v["dataflow_mechanism"])
    for name, value in zip(_PARTS, got.parts_pj, strict=True):
        if v.get(f"energy_{name}_dMazeRunner"):
            yield near("validation", row.name, f"energy {name}", float(v[f"energy_{name}_dMazeRunner"]), value)
    if v.get("energy_total_dMazeRunner"):
        yield within_one("validation", row.name, "energy", float(v["energy_total_dMazeRunner"]), got.total_pj)
    if v.get("abs_diff_percent"):
        yield near("validation", row.name, "error percent", float(v["abs_diff_percent"]), got.error_percent)


def _auto(row: Row) -> Iterator[Check]:
    v = row.values
    layer, chip, argv = layer_of(v["layer"]), chip_of(v), list(v.get("argv") or ["--auto-optimize"])
    nest = Nest.of(layer.problem())
    if "--auto-optimize" in argv:
        found = auto_optimize(nest, chip, pruning_of_arguments(argv, START))
        exploration, given_up = found.exploration, found.given_up
        stated = v.get("final_thresholds") or {}
        for name, value in zip(("PE", "RF", "SPM"), found.thresholds, strict=True):
            if name in stated:
                yield exact("thresholds", row.name, name, stated[name], value)
        for name in ("no_feature_dram", "no_spatial_reduction"):
            if name in stated:
                yield exact("thresholds", row.name, name, stated[name], getattr(found.pruning, name))
        if "min_exec_methods" in stated:
            yield exact(
                "thresholds", row.name, "min_exec_methods", stated["min_exec_methods"], found.pruning.min_methods
            )
    else:
        pruning = pruning_of_arguments(argv, NO_FILTERS)
        exploration = explore(nest, chip, pruning)
        # Without the auto-optimizer a layer with too few mappings is skipped, although it has a best one.
        given_up = exploration.best is None or exploration.methods < pruning.min_methods
    if "skipped" in v:
        yield exact("searches", row.name, "skipped", bool(v["skipped"]), given_up)
    yield from _found(row, layer, chip, exploration)


def _search(row: Row) -> Iterator[Check]:
    layer, chip = layer_of(row.values["layer"]), chip_of(row.values)
    exploration = explore(Nest.of(layer.problem()), chip, pruning_of(row.values["thresholds"]))
    yield from _found(row, layer, chip, exploration)


def _found(row: Row, layer: DmazeLayer, chip: DmazeChip, got: Exploration) -> Iterator[Check]:
    """Count, minima, and the stated tilings evaluated again (of equal ones, which is named is chance)."""
    v, nest = row.values, Nest.of(layer.problem())
    if v.get("mappings_evaluated") is not None:
        yield exact("counts", row.name, "mappings", v["mappings_evaluated"], got.methods)
    for key, objective in _OBJECTIVES.items():
        if v.get(key) is None:
            continue
        expected = float(v[key])
        value = got.best[objective].value if got.best else float("inf")
        yield _value(row.name, key, expected, value)
        tiling = v.get(f"{key}_tiling_DRAM_SPM_RF_SPATIAL")
        if tiling is None:
            continue
        method = method_of(layer, tiling)
        least = method_costs(nest, chip, method).best(objective)[2]
        again = {"energy": float(least.energy_pj), "latency": float(least.cycles), "edp": least.edp}[objective]
        yield _value(row.name, f"{key} of its tiling", expected, again)
        orders = v.get(f"{key}_order_DRAM_SPM")
        if orders:
            dram, spm = (order_numbers(nest, names) for names in orders)
            pair = cost_under_orders(nest, chip, method, dram, spm)
            under = {"energy": float(pair.energy_pj), "latency": float(pair.cycles), "edp": pair.edp}[objective]
            yield _value(row.name, f"{key} of its orders", expected, under)


def _value(row: str, what: str, expected: float, got: float) -> Check:
    if "energy" in what:
        return within_one("minima", row, what, expected, got)
    return exact("minima", row, what, expected, got) if "cycle" in what else near("minima", row, what, expected, got)


def _memory(row: Row) -> Iterator[Check]:
    v = row.values
    layer = RESNET[int(v["layer_index"])]
    chip = DmazeChip(
        cgra_size=v["n_PE"], rf_elements=v["rf_elements_used"], spm_banks=v["spm_banks"], bank_bytes=v["bank_bytes"],
        rf_energy=v["rf_energy"], spm_energy=v["spm_energy"],
    )  # fmt: skip
    thresholds = {"PE": v["PE_UTIL"], "RF": v["RF_UTIL"], "SPM": v["SPM_UTIL"]}
    pruning = pruning_of({**v, **thresholds})
    if v["spm_kB"] in SPM_PJ and v["rf_bytes_label"] in RF_PJ and v["variant"] in ("paper_settings", "shipped_code"):
        point = memory_point(v["spm_kB"], v["rf_bytes_label"], v["variant"], v["n_PE"])
        same = point.chip == chip and point.pruning == pruning
        yield Check(
            "settings", row.name, "chip and filters", same, f"{chip} {pruning}", f"{point.chip} {point.pruning}"
        )
    renamed = {
        **{k: v[k] for k in ("mappings_evaluated", "min_edp", "min_energy") if k in v},
        "min_edp_tiling_DRAM_SPM_RF_SPATIAL": v.get("tiling_DRAM_SPM_RF_SPATIAL"),
        "min_energy_tiling_DRAM_SPM_RF_SPATIAL": v.get("energy_tiling_DRAM_SPM_RF_SPATIAL"),
    }
    exploration = explore(Nest.of(layer.problem()), chip, pruning)
    yield from _found(Row(row.name, row.kind, renamed), layer, chip, exploration)


def _table(row: Row) -> Iterator[Check]:
    """The authors' tables: how many mappings there are. Their EDPs come from an older cost model."""
    v = row.values
    point = memory_point(int(v["spm_kB"]), int(v["rf_bytes"]), "paper_settings", int(v["n_PE"]))
    got = count_methods(Nest.of(RESNET[v["layer_index"]].problem()), point.chip, point.pruning)
    yield exact("counts", row.name, "mappings", int(v["mappings_evaluated"] or 0), got)


def _design(row: Row) -> Iterator[Check]:
    v = row.values
    if "grid" in v:
        grid: Mapping[str, Sequence[int]] = v["grid"]
        chosen = points(grid["n_PEs"], grid["spm_kB"], grid["rf"], faithful=True)
        stated = {(p["n_PE"], p["spm_kB"], p["rf_size"]) for p in v["points"]}
        ours = {(p.pes, p.spm_kib, p.rf_bytes) for p in chosen}
        # A file may leave points out, but holds none that the original passes over.
        yield Check("settings", row.name, "points evaluated", stated <= ours, str(sorted(stated)), str(sorted(ours)))
        return
    point = DesignPoint(v["n_PE"], v["spm_kB"], v["rf_size"])
    (got_row,) = design_sweep(_design_layer(v), [point], faithful=True)
    pruning = got_row.pruning
    for key, name in (("PE_util", "pe"), ("RF_util", "rf"), ("SPM_util", "spm")):
        yield exact("thresholds", row.name, key, v[key], getattr(pruning, name, float("nan")))
    for key, name in (("no_feature_dram", "no_feature_dram"), ("no_reduction", "no_spatial_reduction")):
        yield exact("thresholds", row.name, key, v[key], getattr(pruning, name, float("nan")))
    if got_row.exploration is not None:
        yield exact("counts", row.name, "mappings", v["mappings"], got_row.exploration.methods)
    yield near("minima", row.name, "edp", v["edp"], got_row.edp)


def _design_layer(v: Mapping[str, Any]) -> DmazeLayer:
    """A point names its layer by the number in the table or by its name there."""
    if "layer_index" in v:
        return RESNET[int(v["layer_index"])]
    return next(layer for layer in RESNET if layer.name in str(v["layer"]).split())
