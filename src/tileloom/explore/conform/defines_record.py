"""Our points in the shape of DeFiNES's recorded ones, key by key, so that they can be compared.

Nothing is computed here but sums over tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.result import Moves, ZigzagCost
from tileloom.fusion.copies import CopyAction
from tileloom.fusion.depth_first import PointResult, StackResult, TileType
from tileloom.fusion.stacks import OUTPUTS
from tileloom.fusion.tiles import Step

Plain = dict[str, Any]
WAYS = ("rd_out_to_low", "wr_in_by_low", "rd_out_to_high", "wr_in_by_high")
INPUT_NAME = "InputLayerNode_substack_input_layer"


def substack(result: StackResult) -> Plain:
    """What a stack decided. Cuts are told as written in the list of cuts."""
    return {
        "layers": list(result.stack.graph.ids),
        "cut_before": result.stack.before,
        "cut_after": result.stack.after,
        "total_OX": result.stack.extent[0],
        "total_OY": result.stack.extent[1],
        "first_col_tile_x": result.first_tile[0],
        "first_row_tile_y": result.first_tile[1],
        "weight_top_mem": result.weight_memory,
        "h_cache_mem": sorted(result.h_memories),
        "v_cache_mem": sorted(result.v_memories),
    }


def totals(result: PointResult) -> Plain:
    t = result.totals
    return {
        "energy_pj": t.energy_pj,
        "latency_total1": t.cycles,
        "latency_total2_as_summed": t.computing_cycles
        + t.loading_cycles
        + t.offloading_cycles
        + t.uncounted_copy_cycles,
        "mac_energy": t.mac_pj,
        "mem_energy_layers": t.memory_pj,
        "copy_energy": t.copy_pj,
        "copy_latency": t.copy_cycles,
        "mac_count": t.macs,
        "ideal_cycle": t.ideal_cycles,
        "ideal_temporal_cycle": t.temporal_cycles,
        "latency_total0": t.computing_cycles,
        "data_loading": t.loading_cycles,
        "data_offloading": t.offloading_cycles,
    }


def layer_tiles(result: PointResult) -> Iterator[tuple[str, Plain]]:
    """(layer, record) of every kind of tile of every layer, in order."""
    for kind, step in _steps(result):
        if step.layer is None:
            continue
        record: Plain = {
            "count": kind.count,
            "dims": step.sizes,
            "macs": step.layer.macs,
            "elems": {o.name: step.layer.elements(o.name) for o in step.layer.operands},
            "top": _tops(step),
        }
        if step.found is not None and step.found.cost is not None:
            record |= _cost(step.found.cost)
        if step.found is not None and step.found.mapping is not None:
            m = step.found.mapping
            # Loops that are unrolled at the same level have no order.
            across = [[sorted(loops) for loops in levels] for levels in m.spatial]
            record["spatial_mapping"] = _loops(m.operands, across)
            record["temporal_mapping"] = _loops(m.operands, m.temporal)
        yield str(step.node), record


def copy_tiles(result: PointResult, machine: ZigzagMachine) -> Iterator[tuple[str, Plain]]:
    """(name of the layer or input, record) of the copies before it, for every kind of tile.

    Inputs of stacks share a name: the original numbers them in an order that changes from run to run.
    """
    outputs = machine.levels(OUTPUTS)

    def memory(level: int | None) -> str | None:
        return None if level is None else outputs[level].name

    for kind, step in _steps(result):
        near = kind.near
        yield (
            joined(step.label),
            {
                "count": kind.count,
                "energy": step.before.energy_pj,
                "latency": step.before.cycles,
                "dims": step.sizes,
                "h_make": memory(near.make_h),
                "h_use": memory(near.use_h),
                "v_make": memory(near.make_v),
                "v_use": memory(near.use_v),
                "extra": list(step.extra),
                "actions": [_action(a, machine) for a in step.before.actions],
            },
        )


def joined(label: str) -> str:
    """The name under which copies are compared."""
    return INPUT_NAME if label.startswith(INPUT_NAME) else label


def layer_sums(result: PointResult) -> dict[str, Plain]:
    """Per layer: energies, latencies and accesses of all its tiles."""
    found: dict[str, Plain] = {}
    for kind, step in _steps(result):
        cost = step.found.cost if step.found is not None else None
        if cost is None:
            continue
        add(
            found.setdefault(str(step.node), {}),
            {
                "energy": cost.energy_pj,
                "mac_energy": cost.mac_pj,
                "latency0": cost.cycles_computing,
                "latency1": cost.cycles_with_loading,
                "latency2": cost.cycles,
                "ideal_cycle": cost.ideal_cycles,
                "ideal_temporal_cycle": cost.temporal_cycles,
                "energy_by_mem": _moves(cost.operands, cost.energy),
                "word_access": _moves(cost.operands, cost.words),
            },
            kind.count,
        )
    return found


def copy_sums(result: PointResult, machine: ZigzagMachine) -> dict[str, Plain]:
    """Per layer or input: energy and cycles of the copies before it, energy by operand, level and direction."""
    found: dict[str, Plain] = {}
    for kind, step in _steps(result):
        by_memory = {o: [dict.fromkeys(WAYS, 0.0) for _ in machine.levels(o)] for o in machine.operands}
        for hop in (h for a in step.before.actions for h in a.hops):
            sender, receiver = machine.level(hop.operand, hop.sender), machine.level(hop.operand, hop.receiver)
            by_memory[hop.operand][sender]["rd_out_to_high" if hop.up else "rd_out_to_low"] += hop.read_pj
            by_memory[hop.operand][receiver]["wr_in_by_low" if hop.up else "wr_in_by_high"] += hop.written_pj
        record = {"energy": step.before.energy_pj, "latency": step.before.cycles, "energy_by_mem": by_memory}
        add(found.setdefault(joined(step.label), {}), record, kind.count)
    return found


def add(total: Plain, part: Plain, count: int = 1) -> None:
    """total += count * part, key by key and level by level."""
    for key, value in part.items():
        if isinstance(value, dict):
            add(total.setdefault(key, {}), value, count)
        elif isinstance(value, list):
            levels = total.setdefault(key, [])
            levels.extend({} for _ in range(len(value) - len(levels)))
            for level, item in zip(levels, value):
                add(level, item, count)
        else:
            total[key] = total.get(key, 0) + count * value


def _steps(result: PointResult) -> Iterator[tuple[TileType, Step]]:
    for stack in result.stacks:
        for kind in stack.types:
            for step in kind.steps:
                yield kind, step


def _tops(step: Step) -> Plain:
    assert step.layer is not None
    weights = step.tops["W"]
    output = step.layer.output.name
    data = {o.name: step.tops["I"] for o in step.layer.inputs}
    return {output: step.tops["O"], **data, **({"W": weights} if weights is not None and "W" in data else {})}


def _cost(cost: ZigzagCost) -> Plain:
    return {
        "energy": cost.energy_pj,
        "mac_energy": cost.mac_pj,
        "energy_breakdown": {o: [sum(m) for m in levels] for o, levels in zip(cost.operands, cost.energy)},
        "word_access": _moves(cost.operands, cost.words),
        "elem_moves": _moves(cost.operands, cost.elements),
        "latency": {
            "ideal_cycle": cost.ideal_cycles,
            "ideal_temporal_cycle": cost.temporal_cycles,
            "SS_comb": cost.stall_cycles,
            "data_loading": cost.loading_cycles,
            "data_offloading": cost.offloading_cycles,
            "total0": cost.cycles_computing,
            "total1": cost.cycles_with_loading,
            "total2": cost.cycles,
        },
        "mem_util_shared": {o: list(levels) for o, levels in zip(cost.operands, cost.shared_utilization)},
        "double_buffer": {o: list(levels) for o, levels in zip(cost.operands, cost.double_buffered)},
    }


def _moves(operands: Iterable[str], levels: Iterable[tuple[Moves[Any], ...]]) -> Plain:
    return {o: [dict(zip(WAYS, m)) for m in moves] for o, moves in zip(operands, levels)}


def _loops(operands: Iterable[str], levels: Iterable[Iterable[Iterable[tuple[str, float]]]]) -> Plain:
    return {o: [[[d, n] for d, n in loops] for loops in found] for o, found in zip(operands, levels)}


def _action(action: CopyAction, machine: ZigzagMachine) -> Plain:
    source, target = action.source, action.target
    return {
        "bits": action.bits,
        "src": [source.operand, machine.level(source.operand, source.memory), source.memory],
        "dst": [target.operand, machine.level(target.operand, target.memory), target.memory],
        "energy": action.energy_pj,
        "chain": list(action.path),
        "latency_breakdown": [h.cycles for h in action.hops],
    }
