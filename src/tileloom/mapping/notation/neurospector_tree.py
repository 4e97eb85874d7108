"""Scheduling tables as our loop nests and back. Losses are told; what a table cannot say at all is refused.

In a table the dataflow of a buffer stands for the order of the loops of the next row outwards: those that do not move the
stationary type are innermost there. A tree says it by that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from tileloom.architecture.notation.neurospector import DATAFLOWS, DIMS, TYPES, Accelerator, Dataflow
from tileloom.architecture.notation.neurospector_chip import Places
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.notation.neurospector import (
    CHIP_X,
    CHIP_Y,
    DRAM,
    GB,
    LB,
    MAC_X,
    MAC_Y,
    ONES,
    PE_X,
    PE_Y,
    ROWS,
    SchedulingTable,
)  # fmt: skip
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, TreeNode, walk
from tileloom.workload.frontends.neurospector import Names
from tileloom.workload.problem import Problem

STILL = {"IS": ("K",), "WS": ("B", "P", "Q"), "OS": ("C", "R", "S")}
"""Loops that do not move the stationary type."""


def tree_of(
    accelerator: Accelerator, table: SchedulingTable, problem: Problem, names: Names, places: Places
) -> MappingTree:
    """The loop nest: the same factors in the same places, each row ordered by the dataflow it stands under."""
    tensors = {t.role: t.name for t in problem.tensors}
    extents = dict(problem.extents)
    gb, lb = accelerator.global_buffer, accelerator.local_buffer
    nodes: list[TreeNode] = [Hold(tuple(tensors[t] for t in TYPES), places.dram)]  # type: ignore[index]

    def loops(row: int, flow: Dataflow | None, target: str | None = None, axis: str | None = None) -> None:
        still = STILL[flow] if flow else ()
        order = [d for d in range(8) if DIMS[d] not in still] + [d for d in range(8) if DIMS[d] in still]
        for d in order:
            name, factor = names[d], table.rows[row][d]
            if factor > 1 and name is not None:
                extents[name] //= factor
                nodes.append(Loop(name, extents[name], target, axis))

    def hold(bypass: tuple[str, ...], memory: str) -> None:
        kept = tuple(tensors[t] for t in TYPES if t not in bypass)  # type: ignore[index]
        if kept:
            nodes.append(Hold(kept, memory))

    loops(DRAM, gb.dataflow if gb else lb.dataflow)
    loops(CHIP_X, None, places.chips, "X")
    loops(CHIP_Y, None, places.chips, "Y")
    if gb:
        hold(gb.bypass, places.global_buffer)
        loops(GB, lb.dataflow)
    loops(PE_X, None, places.pes, "X")
    loops(PE_Y, None, places.pes, "Y")
    hold(lb.bypass, places.local_buffer)
    loops(LB, None)
    loops(MAC_X, None, places.macs, "X")
    loops(MAC_Y, None, places.macs, "Y")
    return MappingTree((*nodes, Compute(places.mac)))


@dataclass(frozen=True)
class ReadTree:
    """A table, the dataflows that the loop orders amount to, and what of the tree is lost in it."""

    table: SchedulingTable
    local_flow: Dataflow | None
    global_flow: Dataflow | None
    losses: tuple[str, ...]


def table_of(
    accelerator: Accelerator, mapping: MappingTree, problem: Problem, names: Names, places: Places
) -> ReadTree:
    """The table of a loop nest. Raises UnsupportedError for tiles that do not divide, joint loops and uneven holds."""
    column = {n: i for i, n in enumerate(names) if n}
    factors = {row: list(ONES) for row in range(len(ROWS))}
    orders: dict[int, list[int]] = {DRAM: [], GB: [], LB: []}
    fanouts = {places.chips: CHIP_X, places.pes: PE_X, places.macs: MAC_X}
    row, reasons, losses = DRAM, list[str](), list[str]()
    for step in walk(mapping, problem.extents):
        node = step.node
        if isinstance(node, Hold):
            into = {places.global_buffer: GB, places.local_buffer: LB}.get(node.memory, DRAM)
            if into > row:
                reasons.append(f"'{node.memory}' is held below a memory further in")
            if node.mode != "keep":
                losses.append(f"{', '.join(node.tensors)} pass '{node.memory}' without being kept")
            row = min(row, into)
        elif isinstance(node, Joint):
            reasons.append("loops that advance together")
        elif isinstance(node, Loop):
            outside = step.outside[node.dim]
            if outside % node.tile or node.first or node.last:
                reasons.append(f"{node.dim}: tiles of {node.tile} do not divide {outside}")
                continue
            d, factor = column[node.dim], outside // node.tile
            place = fanouts[node.target or ""] + (node.axis == "Y") if node.spatial else row
            factors[place][d] *= factor
            if not node.spatial and factor > 1:
                orders[row].append(d)
    losses += _uneven(accelerator, mapping, problem, places)
    if reasons:
        raise UnsupportedError(f"a scheduling table cannot hold this mapping: {'; '.join(reasons)}")
    table = SchedulingTable(tuple(tuple(factors[r]) for r in range(len(ROWS))))
    outer, inner = (GB, DRAM) if accelerator.global_buffer else (DRAM, DRAM)
    local, more = _flow(orders[outer], table.rows[outer])
    global_, most = _flow(orders[inner], table.rows[inner])
    losses += [f"{ROWS[r]}: the order beyond the dataflow" for r, lost in ((outer, more), (inner, most)) if lost]
    return ReadTree(table, local, global_ if accelerator.global_buffer else None, tuple(dict.fromkeys(losses)))


def _flow(order: Sequence[int], row: tuple[int, ...]) -> tuple[Dataflow | None, bool]:
    """The dataflow with the most reuse that an order (outermost first) gives, and whether the order says more."""
    best: Dataflow | None = None
    reuse = 1
    for flow in DATAFLOWS:
        count = 0
        for d in reversed(order):
            if DIMS[d] not in STILL[flow]:
                break
            count += 1
        kept = prod(row[d] for d in order[len(order) - count :])
        if kept > reuse:
            best, reuse = flow, kept  # type: ignore[assignment]
    still = STILL[best] if best else ()
    missed = bool(best) and prod(row[d] for d in order if DIMS[d] in still) > reuse
    return best, missed


def _uneven(accelerator: Accelerator, mapping: MappingTree, problem: Problem, places: Places) -> list[str]:
    found = []
    for memory, buffer in (
        (places.global_buffer, accelerator.global_buffer),
        (places.local_buffer, accelerator.local_buffer),
    ):
        held = {t for h in mapping.holds if h.memory == memory for t in h.tensors}
        wanted = {t.name for t in problem.tensors if buffer and t.role not in buffer.bypass}
        if buffer and held != wanted:
            found.append(
                f"'{memory}' holds {', '.join(sorted(held)) or 'nothing'}; a table holds {', '.join(sorted(wanted))}"
            )
    return found
