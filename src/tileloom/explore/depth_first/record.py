"""Depth-first results as plain data: one row per point, accesses by memory, tile types, top memories.

Units are in the names. Nothing is drawn or written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.depth_first import MODES, PointResult, StackResult
from tileloom.fusion.grid import Outcome
from tileloom.fusion.stacks import INPUTS, OUTPUTS, WEIGHTS
from tileloom.fusion.tiles import Step

Plain = dict[str, Any]

COLUMNS: dict[str, str] = {
    "mode": "1 everything recomputed, 2 columns kept, 3 columns and rows kept",
    "tile_x": "columns of a tile of each stack's last map",
    "tile_y": "rows of a tile of each stack's last map",
    "cuts": "layers after which the network is cut into stacks",
    "status": "ok, or failed with the reason",
    "energy_pj": "all of it",
    "cycles": "with copies and loading, without the last off-loading: what the paper plots",
    "cycles_with_offloading": "the same with the off-loading of every tile-layer",
    "edp_pj_cycles": "energy_pj * cycles",
    "macs": "operations, recomputed ones included",
    "mac_pj": "energy of the operations",
    "memory_pj": "energy of the layers' own accesses",
    "copy_pj": "energy of copies between memories",
    "ideal_cycles": "if every MAC unit worked in every cycle",
    "spatial_stall_cycles": "because the array is not filled",
    "temporal_stall_cycles": "because ports are too narrow",
    "preparation_cycles": "loading of the first data and copies",
    "copy_cycles": "copies alone",
    "uncounted_copy_cycles": "each kind of tile's copies once: what the original's latency 2 adds (Q14)",
    "tile_types": "kinds of tiles, all stacks",
    "weight_memory": "where weights lie after the first tile, per stack",
    "h_memory": "where columns are kept, per stack",
    "v_memory": "where rows are kept, per stack",
    "reason": "why a point failed",
}
"""Columns of the results table, in order, with their meaning."""


def row_of(outcome: Outcome) -> Plain:
    """One row of the results table."""
    point = outcome.point
    row: Plain = dict.fromkeys(COLUMNS)
    row |= {"mode": int(point.mode), "tile_x": point.tile_x, "tile_y": point.tile_y, "reason": outcome.reason}
    if outcome.result is None:
        return row | {"status": "failed", "cuts": cuts_text(point.cuts)}
    return row | {"status": "ok"} | numbers(outcome.result)


def numbers(result: PointResult) -> Plain:
    """The row's columns that a result gives."""
    t = result.totals
    return {
        "cuts": cuts_text(result.cuts),
        "energy_pj": t.energy_pj,
        "cycles": t.cycles,
        "cycles_with_offloading": t.with_offloading,
        "edp_pj_cycles": t.edp,
        "macs": t.macs,
        "mac_pj": t.mac_pj,
        "memory_pj": t.memory_pj,
        "copy_pj": t.copy_pj,
        "ideal_cycles": t.ideal_cycles,
        "spatial_stall_cycles": t.temporal_cycles - t.ideal_cycles,
        "temporal_stall_cycles": t.computing_cycles - t.temporal_cycles,
        "preparation_cycles": t.loading_cycles + t.copy_cycles,
        "copy_cycles": t.copy_cycles,
        "uncounted_copy_cycles": t.uncounted_copy_cycles,
        "tile_types": sum(len(s.types) for s in result.stacks),
        "weight_memory": " ".join(s.weight_memory or "-" for s in result.stacks),
        "h_memory": " ".join("+".join(s.h_memories) or "-" for s in result.stacks),
        "v_memory": " ".join("+".join(s.v_memories) or "-" for s in result.stacks),
    }


def cuts_text(cuts: object) -> str:
    """'auto', 'single', or '17 23' for layers; '' for none."""
    return cuts if isinstance(cuts, str) else " ".join(map(str, cuts)) if isinstance(cuts, tuple) else str(cuts)


def accesses(result: PointResult, machine: ZigzagMachine) -> dict[str, dict[str, int]]:
    """memory -> {'activation', 'weight', 'copy'} -> accesses: values moved by layers, bytes moved by copies."""
    found = {m.name: {"activation": 0, "weight": 0, "copy": 0} for m in machine.memories}
    for stack in result.stacks:
        for kind in stack.types:
            for step in kind.steps:
                for action in step.before.actions:
                    for memory in action.path:
                        found[memory]["copy"] += kind.count * ceil(action.bits / 8)
                for memory, series, moves in _layer_accesses(step):
                    found[memory][series] += kind.count * moves
    return found


def _layer_accesses(step: Step) -> Iterator[tuple[str, str, int]]:
    if step.found is None or step.found.cost is None or step.layer is None:
        return
    cost = step.found.cost
    weights = (
        {o.name for o in step.layer.inputs if o.memory_operand == WEIGHTS} if step.tops["W"] is not None else set()
    )
    for operand, memories, levels in zip(cost.operands, cost.memories, cost.elements):
        series = "weight" if operand in weights else "activation"
        for memory, moves in zip(memories, levels):
            yield memory, series, sum(moves)


def tops(result: PointResult) -> Iterator[Plain]:
    """Per stack, tile type and layer: the highest memory of inputs, output and weights."""
    for stack in result.stacks:
        for number, kind in enumerate(stack.types):
            for step in kind.steps:
                yield {
                    "stack": stack.stack.label,
                    "type": number,
                    "count": kind.count,
                    "layer": str(step.node),
                    "input": step.tops["I"],
                    "output": step.tops["O"],
                    "weight": step.tops["W"],
                    "retried": sum(step.extra) > 0,
                }


def stack_record(result: StackResult) -> Plain:
    """One stack for people: what it holds, where things lie, its kinds of tiles."""
    return {
        "stack": result.stack.label,
        "layers": [str(n.id) for n in result.stack.graph.layers],
        "map": list(result.stack.extent),
        "tile": [min(a, b) for a, b in zip(result.tile, result.stack.extent)],
        "first_tile": list(result.first_tile),
        "weight_memory": result.weight_memory,
        "h_memories": list(result.h_memories),
        "v_memories": list(result.v_memories),
        "tile_types": len(result.types),
        "tiles": sum(t.count for t in result.types),
        "energy_pj": result.energy_pj,
        "cycles": result.cycles,
        "macs": result.macs,
    }


def layer_record(result: PointResult) -> list[Plain]:
    """Per layer: energy split, cycles and MACs of all its tiles, copies before it included apart."""
    found: dict[str, Plain] = {}
    for stack in result.stacks:
        for kind in stack.types:
            for step in kind.steps:
                entry = found.setdefault(
                    str(step.node), {"layer": str(step.node), "energy_pj": 0.0, "copy_pj": 0.0, "cycles": 0, "macs": 0}
                )
                entry["copy_pj"] += kind.count * step.before.energy_pj
                entry["cycles"] += kind.count * step.before.cycles
                cost = step.found.cost if step.found is not None else None
                if cost is not None and step.layer is not None:
                    entry["energy_pj"] += kind.count * cost.energy_pj
                    entry["cycles"] += kind.count * int(cost.cycles_with_loading)
                    entry["macs"] += kind.count * step.layer.macs
    return list(found.values())


def point_name(mode: int, tile_x: int, tile_y: int) -> str:
    """'fully cached, 4 x 72'."""
    return f"{MODES[mode]}, {tile_x} x {tile_y}"


def memories_of(machine: ZigzagMachine) -> list[Plain]:
    """The machine's memories for the report, in the order of declaration."""
    return [
        {
            "name": m.name,
            "size_bits": m.size_bits,
            "operands": [{INPUTS: "input", WEIGHTS: "weight", OUTPUTS: "output"}.get(o, o) for o in m.operands],
            "instances": machine.copies(m),
        }
        for m in machine.memories
    ]
