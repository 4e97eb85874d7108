"""Literal access counts of one mapping: values read and written per memory and tensor, MACs and steps, exact integers.

This is the definition that models, kernels and oracle are compared with; it holds no energies, widths or cycles.
A Hold says that each time it is entered its whole tile is fetched (and, for outputs, written back); reuse is where
the Hold is. Tiles need not divide: remainders are counted as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

from tileloom.architecture.model import Architecture, Memory
from tileloom.core.errors import InputError
from tileloom.cost.base import require_chain
from tileloom.cost.reuse import Pace, Rule, TensorOrder, final_extents, require_plain, spread
from tileloom.cost.sliding import moves, slides, sliding_volume
from tileloom.mapping.tree import Hold, Loop, MappingTree
from tileloom.workload.problem import Problem, Tensor

Halo = Literal["refetch", "sliding"]


@dataclass(frozen=True, slots=True)
class AccessCount:
    """Values that one tensor moves at one memory: over all instances, and at the busiest one."""

    memory: str
    tensor: str
    reads: int
    writes: int
    reads_per_instance: int
    writes_per_instance: int


@dataclass(frozen=True)
class Counts:
    """accesses     one row per memory and tensor held there, in the order of the Holds
    macs         points computed (0 for a copy);  steps: temporal iterations of the busiest compute unit
    units        compute units in use;  spatial_use: (fanout, axis, instances in use)
    """

    accesses: tuple[AccessCount, ...]
    macs: int
    steps: int
    units: int
    spatial_use: tuple[tuple[str, str, int], ...]

    def at(self, memory: str, tensor: str) -> AccessCount:
        for row in self.accesses:
            if (row.memory, row.tensor) == (memory, tensor):
                return row
        raise InputError(f"tensor '{tensor}' is not held in '{memory}'")


def count(problem: Problem, architecture: Architecture, mapping: MappingTree, *, halo: Halo = "refetch") -> Counts:
    """Count everything that a mapping moves and computes.

    For two Holds of a tensor next to each other, parent and child (the last child is the Compute), with F the
    footprint of the tile at the child, every number below is a sum of F over visits of the child:
        R_tot    visits in time, times instances; loops in space between the two over dims that do not index the
                 tensor count once if the axis multicasts (inputs) or reduces (outputs) it
        R_child  visits in time, times all instances
        S_...    the same, of temporal loops only those over fully relevant dims: the first visits
    inputs:   parent reads R_tot, child writes R_child
    outputs:  parent reads R_tot - S_tot, parent writes R_tot, child writes R_child - S_child, child reads R_child
    halo = "sliding": a memory keeps what the next window of an input shares with this one (sliding.py); only the
    innermost loop in time above the memory slides.
    Nothing is checked but what counting needs: legality and capacity are in mapping/legality.py.
    Raises UnsupportedError for branches and Joint loops, InputError for a tensor that is held nowhere and a dim that
    is not cut down to 1 at the Compute.
    Source: AccelForge 1.0 (same counts, tests/reference/accelforge); remainders: derived here.
    """
    require_chain(mapping, "counts")
    require_plain(mapping, "counts")
    uncut = [
        f"dim '{d}' still has extent {e} at the compute; add a loop with tile 1"
        for d, e in final_extents(problem, mapping)
    ]
    if uncut:
        raise InputError(uncut)
    table: dict[tuple[str, str], list[int]] = {
        (node.memory, name): [0, 0, 0, 0] for node in mapping.holds for name in node.tensors
    }
    for tensor in problem.tensors:
        order = TensorOrder(problem, architecture, mapping, tensor)
        for term in terms(order, architecture, copy=problem.copy):
            row, at = table[term.memory.name, tensor.name], 0 if term.action == "read" else 1
            row[at] += _values(order, term, term.total, halo)
            row[at + 2] += _values(order, term, term.each, halo)
    return Counts(
        accesses=tuple(AccessCount(memory, tensor, *row) for (memory, tensor), row in table.items()),
        macs=0 if problem.copy else problem.macs,
        steps=0 if problem.copy else _visits(problem, mapping, lambda loop: "widest" if loop.spatial else "all"),
        units=_visits(problem, mapping, lambda loop: "all" if loop.spatial else "widest"),
        spatial_use=spatial_use(problem, architecture, mapping),
    )


def spatial_use(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[tuple[str, str, int], ...]:
    """(fanout, axis, instances in use) of every axis of the architecture."""

    def lying(fanout: str, axis: str) -> Callable[[Loop], Pace]:
        return lambda loop: "all" if (loop.target, loop.axis) == (fanout, axis) else "widest"

    return tuple(
        (f.name, a.name, _visits(problem, mapping, lying(f.name, a.name))) for f in architecture.fanouts for a in f.axes
    )


def _visits(problem: Problem, mapping: MappingTree, pace: Callable[[Loop], Pace]) -> int:
    """Visits of the Compute when each loop is counted as `pace` says."""
    return prod(
        sum(spread(extent, [(loop, pace(loop)) for loop in mapping.loops if loop.dim == dim]).values())
        for dim, extent in problem.extents.items()
    )


@dataclass(frozen=True, slots=True)
class Term:
    """One reason why a memory is accessed: the visits of the node at `end` of a tensor's order, each with its tile.

    total, each   which visits: of all instances, of the busiest one
    skip_first    the visits that see a tile for the first time are left out (`first_visits`)
    """

    memory: Memory
    action: Literal["read", "write"]
    end: int
    total: Rule
    each: Rule
    skip_first: bool = False


def terms(order: TensorOrder, architecture: Architecture, *, copy: bool) -> Iterator[Term]:
    """Everything one tensor does at the memories that hold it; the rule of `count` in one place.

    copy  the problem only moves data: nothing accumulates, so outputs are never read back, and nothing is computed
    """
    output = order.tensor.is_output
    down, up = not (output and copy), output
    for parent_at, end in pairwise((*order.keeps, len(order.nodes))):
        parent = _memory(order, parent_at, architecture)
        child = _memory(order, end, architecture) if end < len(order.nodes) else None
        if child is None and copy:
            continue
        skip = output and (child is None or not child.refetch_first_output)
        crossing = Crossing(order, architecture, parent_at)
        if down:
            skip_read = skip and not parent.refetch_first_output
            yield Term(parent, "read", end, crossing.shared, crossing.one_parent, skip_read)
        if up:
            yield Term(parent, "write", end, crossing.shared, crossing.one_parent)
        if child is not None and down:
            yield Term(child, "write", end, every, one_child, skip)
        if child is not None and up:
            yield Term(child, "read", end, every, one_child)
        for at in order.holds:
            if parent_at < at < end:
                toll, passing = _memory(order, at, architecture), Crossing(order, architecture, at)
                if down:
                    yield Term(toll, "read", end, passing.shared, passing.one_parent, skip)
                if up:
                    yield Term(toll, "read", end, passing.shared, passing.one_parent)


def first_visits(tensor: Tensor, rule: Rule) -> Rule:
    """Of the visits of `rule`, those that see an output tile first.

    In time every iteration of fully relevant loops, one of loops that do not index the tensor, the first of halo loops.
    """
    pace: dict[str, Pace] = {"relevant": "all", "irrelevant": "widest", "partial": "start"}
    return lambda position, loop: rule(position, loop) if loop.spatial else pace[tensor.relevance(loop.dim)]


@dataclass(frozen=True, slots=True)
class Crossing:
    """What leaves the Hold at `parent_at` of a tensor's order: which loops above its child multiply transfers."""

    order: TensorOrder
    architecture: Architecture
    parent_at: int

    def shared(self, position: int, loop: Loop) -> Pace:
        """One transfer per group of instances that the wires serve together."""
        return "widest" if loop.spatial and self._reused(position, loop) else "all"

    def one_parent(self, position: int, loop: Loop) -> Pace:
        """The same, of the busiest instance of the parent."""
        if not loop.spatial:
            return "all"
        return "widest" if position < self.parent_at or self._reused(position, loop) else "all"

    def _reused(self, position: int, loop: Loop) -> bool:
        tensor = self.order.tensor
        if position < self.parent_at or tensor.relevance(loop.dim) != "irrelevant":
            return False
        return self.architecture.fanout(loop.target or "").axis(loop.axis or "").multicast.has(tensor)


def every(position: int, loop: Loop) -> Pace:
    """Each instance of the child moves its own copy."""
    return "all"


def one_child(position: int, loop: Loop) -> Pace:
    """Visits of the busiest instance of the child."""
    return "widest" if loop.spatial else "all"


def _values(order: TensorOrder, term: Term, rule: Rule, halo: Halo) -> int:
    if halo == "sliding" and not order.tensor.is_output and term.end < len(order.nodes):
        return _sliding(order, term.end, rule)
    values = order.volume(term.end, rule)
    return values - order.volume(term.end, first_visits(order.tensor, rule)) if term.skip_first else values


def _sliding(order: TensorOrder, end: int, rule: Rule) -> int:
    inner = [(i, n) for p, i, n in order.dividing if p < end and not n.spatial]
    if not inner or not slides(order.tensor, inner[-1][1]):
        return order.volume(end, rule)
    index, loop = inner[-1]
    paced = order.paced(end, rule)
    at = next(k for k, (i, _, _) in enumerate(paced[loop.dim]) if i == index)
    plain = {d: [(n, pace) for _, n, pace in loops] for d, loops in paced.items()}
    spreads = {d: spread(order.extents[d], loops) for d, loops in plain.items()}
    return sliding_volume(order.tensor, spreads, loop.dim, moves(order.extents[loop.dim], plain[loop.dim], at))


def _memory(order: TensorOrder, at: int, architecture: Architecture) -> Memory:
    node = order.nodes[at][1]
    assert isinstance(node, Hold)
    return architecture.memory(node.memory)
