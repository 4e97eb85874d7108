"""Literal access counts of one mapping: values read and written per memory and tensor, MACs and steps, exact integers.

This is the definition that models, kernels and oracle are compared with; it holds no energies, widths or cycles.
A Hold says that each time it is entered its whole tile is fetched (and, for outputs, written back); reuse is where
the Hold is. Tiles need not divide: remainders are counted as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from tileloom.architecture.model import Architecture, Memory
from tileloom.core.errors import InputError
from tileloom.cost.base import require_chain
from tileloom.cost.reuse import Pace, Rule, TensorOrder, final_extents, require_plain, spread
from tileloom.mapping.tree import Hold, Loop, MappingTree, walk
from tileloom.workload.problem import Problem, Tensor


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


def count(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Counts:
    """Count everything that a mapping moves and computes.

    For two Holds of a tensor next to each other, parent and child (the last child is the Compute), with F the
    footprint of the tile at the child, every number below is a sum of F over visits of the child:
        R_tot    visits in time, times instances; loops in space between the two over dims that do not index the
                 tensor count once if the axis multicasts (inputs) or reduces (outputs) it
        R_child  visits in time, times all instances
        S_...    the same, of temporal loops only those over fully relevant dims: the first visits
    inputs:   parent reads R_tot, child writes R_child
    outputs:  parent reads R_tot - S_tot, parent writes R_tot, child writes R_child - S_child, child reads R_child
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
        _count_tensor(table, TensorOrder(problem, architecture, mapping, tensor), architecture, problem.copy)
    return Counts(
        accesses=tuple(AccessCount(memory, tensor, *row) for (memory, tensor), row in table.items()),
        macs=0 if problem.copy else problem.macs,
        steps=0 if problem.copy else _visits(problem, mapping, spatial="widest", temporal="all"),
        units=_visits(problem, mapping, spatial="all", temporal="widest"),
        spatial_use=spatial_use(problem, architecture, mapping),
    )


def spatial_use(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[tuple[str, str, int], ...]:
    """(fanout, axis, instances in use) of every axis of the architecture."""
    use = {(f.name, a.name): 1 for f in architecture.fanouts for a in f.axes}
    for step in walk(mapping, problem.extents):
        if isinstance(step.node, Loop) and step.node.spatial:
            key = (step.node.target or "", step.node.axis or "")
            use[key] = use.get(key, 1) * step.trips
    return tuple((fanout, axis, n) for (fanout, axis), n in use.items())


def _visits(problem: Problem, mapping: MappingTree, *, spatial: Pace, temporal: Pace) -> int:
    paced = [(loop, spatial if loop.spatial else temporal) for loop in mapping.loops]
    return prod(
        sum(spread(extent, [item for item in paced if item[0].dim == dim]).values())
        for dim, extent in problem.extents.items()
    )


def _count_tensor(
    table: dict[tuple[str, str], list[int]], order: TensorOrder, architecture: Architecture, copy: bool
) -> None:
    """Add what crosses each pair of neighbouring Holds of one tensor (the Compute is the last child)."""
    tensor = order.tensor
    ends = (*order.keeps, len(order.nodes))
    for parent_at, child_at in pairwise(ends):
        parent = _memory(order, parent_at, architecture)
        child = _memory(order, child_at, architecture) if child_at < len(order.nodes) else None
        if child is None and copy:
            continue
        flow = Crossing(order, architecture, parent_at, child_at)
        # A copy never accumulates, so nothing is read back. The first visit of an output element needs no read.
        skip = child is None or not child.refetch_first_output
        up, down = tensor.is_output, not (tensor.is_output and copy)
        row = table[parent.name, tensor.name]
        total, each = flow.reads_of_parent(skip and not parent.refetch_first_output)
        _add(row, reads=(total, each) if down else (0, 0), writes=flow.writes_of_parent() if up else (0, 0))
        if child is not None:
            row = table[child.name, tensor.name]
            fill, fill_each = flow.writes_of_child(skip)
            _add(row, reads=flow.reads_of_child() if up else (0, 0), writes=(fill, fill_each) if down else (0, 0))
        for at in order.holds:
            if parent_at < at < child_at:
                passing = Crossing(order, architecture, at, child_at)
                row = table[_memory(order, at, architecture).name, tensor.name]
                _add(row, reads=passing.reads_of_parent(skip) if down else (0, 0), writes=(0, 0))
                if up:
                    _add(row, reads=passing.writes_of_parent(), writes=(0, 0))


def _add(row: list[int], *, reads: tuple[int, int], writes: tuple[int, int]) -> None:
    row[0] += reads[0]
    row[1] += writes[0]
    row[2] += reads[1]
    row[3] += writes[1]


def _memory(order: TensorOrder, at: int, architecture: Architecture) -> Memory:
    node = order.nodes[at][1]
    assert isinstance(node, Hold)
    return architecture.memory(node.memory)


@dataclass(frozen=True, slots=True)
class Crossing:
    """What moves between the Hold at `parent_at` and the node at `child_at` of a tensor's order.

    Every method gives (of all instances, of the busiest instance).
    """

    order: TensorOrder
    architecture: Architecture
    parent_at: int
    child_at: int

    def reads_of_parent(self, skip_first: bool) -> tuple[int, int]:
        total, each = self._volume(self._shared), self._volume(self._one_parent)
        if skip_first and self.order.tensor.is_output:
            total -= self._volume(self._first(self._shared))
            each -= self._volume(self._first(self._one_parent))
        return total, each

    def writes_of_parent(self) -> tuple[int, int]:
        return self._volume(self._shared), self._volume(self._one_parent)

    def writes_of_child(self, skip_first: bool) -> tuple[int, int]:
        total, each = self.reads_of_child()
        if skip_first and self.order.tensor.is_output:
            total -= self._volume(self._first(_every))
            each -= self._volume(self._first(_one_child))
        return total, each

    def reads_of_child(self) -> tuple[int, int]:
        return self._volume(_every), self._volume(_one_child)

    def _volume(self, rule: Rule) -> int:
        return self.order.volume(self.child_at, rule)

    def _reused(self, position: int, loop: Loop) -> bool:
        """One transfer serves all instances of this loop."""
        tensor: Tensor = self.order.tensor
        if position < self.parent_at or tensor.relevance(loop.dim) != "irrelevant":
            return False
        return self.architecture.fanout(loop.target or "").axis(loop.axis or "").multicast.has(tensor)

    def _shared(self, position: int, loop: Loop) -> Pace:
        return "widest" if loop.spatial and self._reused(position, loop) else "all"

    def _one_parent(self, position: int, loop: Loop) -> Pace:
        if not loop.spatial:
            return "all"
        return "widest" if position < self.parent_at or self._reused(position, loop) else "all"

    def _first(self, rule: Rule) -> Rule:
        """Only first visits: of loops that do not index the tensor one iteration, of halo loops the first."""
        pace: dict[str, Pace] = {"relevant": "all", "irrelevant": "widest", "partial": "start"}
        relevance = self.order.tensor.relevance
        return lambda position, loop: rule(position, loop) if loop.spatial else pace[relevance(loop.dim)]


def _every(position: int, loop: Loop) -> Pace:
    return "all"


def _one_child(position: int, loop: Loop) -> Pace:
    return "widest" if loop.spatial else "all"
