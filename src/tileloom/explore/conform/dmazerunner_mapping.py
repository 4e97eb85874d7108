"""One mapping of dMazeRunner recomputed: its tiles, DMA bursts, reuse tables, every pair of orders, and its minima.

Orders are compared by what they reuse, since the end of an order's label comes from an unordered set there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from tileloom.cost.kernels.dmazerunner_arrays import minima
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import (
    Reuse,
    candidate_orders,
    distinct,
    order_names,
    order_numbers,
    reuse_vector,
)
from tileloom.cost.models.dmazerunner.reference import (
    MethodCosts,
    PairCost,
    cost_under_orders,
    method_costs,
    partial_sum_reads,
)
from tileloom.explore.conform.base import Check, close, relative_error
from tileloom.explore.conform.dmazerunner_rows import Row, chip_of, layer_of, method_of
from tileloom.mapping.notation.dmazerunner import ExecutionMethod

TOLERANCE = 1e-9
_MINIMA = (("min_energy", "energy", 0), ("min_cycles", "latency", 1), ("min_edp", "edp", 2))


def exact(kind: str, row: str, what: str, expected: float, got: float) -> Check:
    """Equal."""
    return close(kind, row, what, expected, got, 0.0)


def near(kind: str, row: str, what: str, expected: float, got: float) -> Check:
    """Equal but for the order in which doubles were added."""
    return close(kind, row, what, expected, got, TOLERANCE)


def within_one(kind: str, row: str, what: str, expected: float, got: float) -> Check:
    """Whole pJ, which may round either way."""
    return Check(kind, row, what, abs(expected - got) <= 1, float(expected), float(got), relative_error(expected, got))


def mapping_checks(row: Row) -> Iterator[Check]:
    """Every number of the row. Raises InputError, KeyError for a row that is not whole."""
    v = row.values
    layer, chip = layer_of(v["layer"]), chip_of(v)
    nest, method = Nest.of(layer.problem()), method_of(layer, v["tiling_DRAM_SPM_RF_Spatial"])
    costs = method_costs(nest, chip, method)
    yield from _tiles(row.name, v, nest, costs, chip.mac_energy, chip.rf_energy)
    yield from _orders(row.name, v, nest, method)
    if v.get("n_ordering_pairs") is not None:
        yield exact("order pairs", row.name, "number", v["n_ordering_pairs"], len(costs.pairs))
    if v.get("orderings"):
        yield from _pairs(row.name, v["orderings"], nest, method, costs)
    compiled = minima(nest, chip, method)
    for key, objective, place in _MINIMA:
        stated = v.get(key)
        if stated is None:
            continue
        check = within_one if key == "min_energy" else exact if key == "min_cycles" else near
        yield check("minima", row.name, key, stated["value"], compiled.values[place])
        orders = [order_numbers(nest, stated[k]) for k in ("dram_order", "spm_order")]
        pair = cost_under_orders(nest, chip, method, orders[0], orders[1])
        value = {"energy": pair.energy_pj, "latency": pair.cycles, "edp": pair.edp}[objective]
        yield check("minima", row.name, f"{key} of its orders", stated["value"], value)
        if key == "min_edp" and "edp_point" in v:
            for name, got in zip(("MAC", "RF", "NOC", "SPM", "DRAM"), pair.parts_pj, strict=True):
                yield near("breakdown", row.name, name, v["edp_point"][name], got)


def _tiles(
    name: str, v: Mapping[str, Any], nest: Nest, costs: MethodCosts, mac_pj: float, rf_pj: float
) -> Iterator[Check]:
    p = costs.passes
    single: dict[str, float] = {
        "macs": nest.macs,
        "rf_pass_cycles": p.compute,
        "energy_MAC_useful": nest.macs * mac_pj,
        "energy_RF_useful": 4 * nest.macs * rf_pj,
    }
    for key, value in single.items():
        if key in v:
            yield (near if "energy" in key else exact)("tiles", name, key, v[key], value)
    tables: dict[str, Sequence[float]] = {
        "elements_RF": p.held_rf,
        "elements_PE_array": p.held_array,
        "elements_SPM": p.held_spm,
        "noc_distribution_cycles": p.distribution,
        "inter_pe_cycles": p.reduction,
        "inter_pe_energy": p.reduction_pj,
        "noc_energy_per_rf_pass": p.noc_pj,
        "spm_energy_per_rf_pass": p.spm_pj,
        "dma_cycles": p.dma_cycles,
        "dma_energy": p.dma_pj,
    }
    for key, values in tables.items():
        if key in v:
            kind = "DMA" if key.startswith("dma") else "tiles"
            for operand, value in zip(nest.operands, values, strict=True):
                yield (near if "energy" in key else exact)(
                    kind, name, f"{key} {operand.name}", v[key][operand.name], value
                )
    for operand, b in zip(nest.operands, p.bursts, strict=True):
        if "dma" in v:
            stated = v["dma"][operand.name]
            yield exact("DMA", name, f"invocations {operand.name}", stated["dma_invocations"], b.count)
            yield exact("DMA", name, f"burst {operand.name}", stated["data_accessed_dma"], b.values)


def _orders(name: str, v: Mapping[str, Any], nest: Nest, method: ExecutionMethod) -> Iterator[Check]:
    candidates = candidate_orders(nest)
    if "index_vars" in v:
        ours = {o.name: [nest.loops[i] for i in o.index] for o in nest.operands}
        yield Check("orders", name, "index loops", ours == v["index_vars"], str(v["index_vars"]), str(ours))
    stated = v.get("candidate_orderings_outer_to_inner")
    if stated is not None:
        # The three innermost names sort the list; what lies further out may be in any order.
        expected, got = [o[-3:] for o in stated], [list(order_names(nest, o)[-3:]) for o in candidates]
        yield exact("orders", name, "candidates", len(stated), len(candidates))
        same = [e[-1:] for e in expected] == [g[-1:] for g in got]
        yield Check("orders", name, "innermost loops of the candidates", same, str(expected), str(got))
    for key, factors in (("reuse_SPM", method.spm), ("reuse_DRAM", method.dram)):
        if key not in v:
            continue
        ours_by_reuse = distinct(nest, candidates, factors)
        listed = [tuple(entry["reuse"][o.name] for o in nest.operands) for entry in v[key]]
        yield Check("reuse", name, key, listed == list(ours_by_reuse), str(listed), str(list(ours_by_reuse)))
        for entry, vector in zip(v[key], listed, strict=True):
            of_label = reuse_vector(nest, order_numbers(nest, entry["ordering"]), factors)
            yield Check("reuse", name, f"{key} of its order", of_label == vector, str(vector), str(of_label))
            if "extra_comm" in entry:
                # At SPM level the tables count every visit but those of one stay; no cost uses them.
                trips = prod(factors)
                visits = 0 if vector[0] == trips else trips / vector[0]
                extra = partial_sum_reads(nest, factors, vector[0]) if key == "reuse_DRAM" else visits
                yield exact("reuse", name, f"{key} extra", entry["extra_comm"][nest.output.name], extra)


def _pairs(
    name: str, stated: Sequence[Mapping[str, Any]], nest: Nest, method: ExecutionMethod, costs: MethodCosts
) -> Iterator[Check]:
    ours = {(pair.dram, pair.spm): pair for _, _, pair in costs.pairs}
    for entry in stated:
        key: tuple[Reuse, Reuse] = (
            reuse_vector(nest, order_numbers(nest, entry["dram_order"]), method.dram),
            reuse_vector(nest, order_numbers(nest, entry["spm_order"]), method.spm),
        )
        pair = ours.get(key)
        yield Check(
            "order pairs", name, f"reuse {key}", pair is not None, "among ours", "among ours" if pair else "missing"
        )
        if pair is not None:
            yield from _pair(name, entry, nest, pair)


def _pair(name: str, entry: Mapping[str, Any], nest: Nest, pair: PairCost) -> Iterator[Check]:
    for key, table in (("comm_cycles", pair.comm), ("stall_cycles", pair.stall)):
        if key in entry:
            expected = {int(k): int(x) for k, x in entry[key].items()}
            yield Check("order pairs", name, key, expected == table, str(expected), str(table))
    if "spm_passes_per_noc_use" in entry:
        skips = {o.name: k for o, k in zip(nest.operands, pair.skip, strict=True)}
        expected_skips = entry["spm_passes_per_noc_use"]
        yield Check("order pairs", name, "skips", expected_skips == skips, str(expected_skips), str(skips))
    if "cycles_spm_pass" in entry:
        yield exact("cycles", name, "of an SPM pass", entry["cycles_spm_pass"], pair.pass_cycles)
    if "cycles" in entry:
        yield exact("cycles", name, "of the layer", entry["cycles"], pair.cycles)
    for key, value in (
        ("energy_spm_pass", pair.pass_energy_pj),
        ("energy_dram_level", pair.dram_energy_pj),
        ("edp", pair.edp),
    ):
        if key in entry:
            yield near("energy" if key != "edp" else "EDP", name, key, entry[key], value)
    if "energy" in entry:
        yield within_one("energy", name, "of the layer", entry["energy"], pair.energy_pj)
    if "breakdown" in entry:
        for part, value in zip(("MAC", "RF", "NOC", "SPM", "DRAM"), pair.parts_pj, strict=True):
            yield near("breakdown", name, part, entry["breakdown"][part], value)
