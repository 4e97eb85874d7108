"""Literal access counts of one mapping: values read and written per memory and tensor, MACs and steps, exact integers.

This is the definition that models, kernels and oracle are compared with; it holds no energies, widths or cycles.
A Hold says that each time it is entered its whole tile is fetched (and, for outputs, written back); reuse is where
the Hold is. Tiles need not divide: remainders are counted as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from tileloom.architecture.model import Architecture, Memory
from tileloom.core.errors import InputError
from tileloom.cost.base import require_chain
from tileloom.cost.reuse import Nest, Pace, Rule, TensorOrder, require_plain
from tileloom.cost.sliding import moves, slides, sliding_volume
from tileloom.mapping.tree import Hold, Loop, MappingTree
from tileloom.workload.problem import Problem

Halo = Literal["refetch", "sliding"]
_ALL: Pace = "all"


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
    nest = Nest(problem, mapping)
    uncut = [
        f"dim '{d}' still has extent {e} at the compute; add a loop with tile 1"
        for d, e in nest.final.items()
        if e != 1
    ]
    if uncut:
        raise InputError(uncut)
    table: dict[tuple[str, str], list[int]] = {
        (node.memory, name): [0, 0, 0, 0] for node in mapping.holds for name in node.tensors
    }
    for tensor in problem.tensors:
        order = TensorOrder(nest, architecture, tensor)
        for term in terms(order, architecture, copy=problem.copy):
            row, at = table[term.memory.name, tensor.name], 0 if term.action == "read" else 1
            row[at] += _values(order, term, term.total, halo)
            row[at + 2] += _values(order, term, term.each, halo)
    return Counts(
        accesses=tuple([AccessCount(memory, tensor, *row) for (memory, tensor), row in table.items()]),
        macs=0 if problem.copy else problem.macs,
        steps=0 if problem.copy else nest.visits(lambda loop: "widest" if loop.spatial else "all"),
        units=nest.visits(lambda loop: "all" if loop.spatial else "widest"),
        spatial_use=_spatial_use(nest, architecture),
    )


def spatial_use(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[tuple[str, str, int], ...]:
    """(fanout, axis, instances in use) of every axis of the architecture."""
    return _spatial_use(Nest(problem, mapping), architecture)


def _spatial_use(nest: Nest, architecture: Architecture) -> tuple[tuple[str, str, int], ...]:
    def lying(fanout: str, axis: str) -> Callable[[Loop], Pace]:
        return lambda loop: "all" if loop.axis == axis and loop.target == fanout else "widest"

    return tuple([(f.name, a.name, nest.visits(lying(f.name, a.name))) for f in architecture.fanouts for a in f.axes])


class Term(NamedTuple):
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
    wires = Wires(order, architecture)
    for parent_at, end in pairwise((*order.keeps, len(order.nodes))):
        parent = _memory(order, parent_at, architecture)
        child = _memory(order, end, architecture) if end < len(order.nodes) else None
        if child is None and copy:
            continue
        skip = output and (child is None or not child.refetch_first_output)
        shared, one_parent = wires.shared(parent_at), wires.one_parent(parent_at)
        if down:
            skip_read = skip and not parent.refetch_first_output
            yield Term(parent, "read", end, shared, one_parent, skip_read)
        if up:
            yield Term(parent, "write", end, shared, one_parent)
        if child is not None and down:
            yield Term(child, "write", end, wires.every(), wires.one_child(), skip)
        if child is not None and up:
            yield Term(child, "read", end, wires.every(), wires.one_child())
        for at in order.holds:
            if parent_at < at < end:
                toll, passing, one_toll = _memory(order, at, architecture), wires.shared(at), wires.one_parent(at)
                if down:
                    yield Term(toll, "read", end, passing, one_toll, skip)
                if up:
                    yield Term(toll, "read", end, passing, one_toll)


def first_visits(order: TensorOrder, rule: Rule) -> Rule:
    """Of the visits of `rule`, those that see an output tile first.

    In time every iteration of fully relevant loops, one of loops that do not index the tensor, the first of halo loops.
    """
    return tuple([first or pace for first, pace in zip(order.first, rule)])


class Wires:
    """Which loops of a tensor's order multiply its transfers.

    spatial   positions of the loops in space
    together  those whose instances the wires serve with one transfer: they do not index the tensor, and the axis
              multicasts (inputs) or reduces (outputs) it
    """

    def __init__(self, order: TensorOrder, architecture: Architecture) -> None:
        tensor = order.tensor
        loops = [(p, n) for p, (_, n) in enumerate(order.nodes) if isinstance(n, Loop) and n.axis is not None]
        self.spatial = [p for p, _ in loops]
        self.together = [
            p
            for p, n in loops
            if n.dim not in tensor.dims and architecture.fanout(n.target or "").axis(n.axis or "").multicast.has(tensor)
        ]
        self._every: Rule = tuple([_ALL for _ in order.nodes])

    def shared(self, parent_at: int) -> Rule:
        """What leaves the Hold at `parent_at`: one transfer per group of instances that the wires serve together."""
        return self._but([p for p in self.together if p >= parent_at])

    def one_parent(self, parent_at: int) -> Rule:
        """The same, of the busiest instance of the parent."""
        return self._but([p for p in self.spatial if p < parent_at or p in self.together])

    def every(self) -> Rule:
        """Each instance of the child moves its own copy."""
        return self._every

    def one_child(self) -> Rule:
        """Visits of the busiest instance of the child."""
        return self._but(self.spatial)

    def _but(self, widest: Sequence[int]) -> Rule:
        paces = [*self._every]
        for place in widest:
            paces[place] = "widest"
        return tuple(paces)


def _values(order: TensorOrder, term: Term, rule: Rule, halo: Halo) -> int:
    if halo == "sliding" and not order.tensor.is_output and term.end < len(order.nodes):
        return _sliding(order, term.end, rule)
    values = order.volume(term.end, rule)
    return values - order.volume(term.end, first_visits(order, rule)) if term.skip_first else values


def _sliding(order: TensorOrder, end: int, rule: Rule) -> int:
    nest, dividing = order.nest, {p for places in order.places.values() for p in places}
    inner = [(p, n) for p, (_, n) in enumerate(order.nodes[:end]) if p in dividing and isinstance(n, Loop)]
    in_time = [(p, n) for p, n in inner if not n.spatial]
    if not in_time or not slides(order.tensor, in_time[-1][1]):
        return order.volume(end, rule)
    place, loop = in_time[-1]
    paces = order.paces(end, rule, nest.extents)
    spreads = {d: nest.spread(d, p) for d, p in paces.items()}
    own = [(n, pace) for (_, n), pace in zip(nest.loops[loop.dim], paces[loop.dim])]
    moved = moves(nest.extents[loop.dim], own, order.places[loop.dim].index(place))
    return sliding_volume(order.tensor, spreads, loop.dim, moved)


def _memory(order: TensorOrder, at: int, architecture: Architecture) -> Memory:
    node = order.nodes[at][1]
    assert isinstance(node, Hold)
    return architecture.memory(node.memory)
