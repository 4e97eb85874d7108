"""THE mapping: an execution tree of loops, holds and compute, outermost first. It says how a problem runs.

Nodes are read from the outside in. `tile` of a loop is the extent of its dim INSIDE the loop, so a loop's trip count
is ceil(current extent / tile) and the current extent becomes `tile` below it. A `Hold` says: from here inward the
current tile of these tensors lives in that memory. Reuse is where the Hold is: above a loop that does not move the
tensor the tile stays, below it it is fetched again (literal semantics; normalise.py converts other conventions).
Legality is in legality.py, costs are in cost/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop over `dim`, in time, or in space on `axis` of the fanout `target`.

    first, last   extent of the first / last iteration's tile when it differs from `tile` (None: as the division gives)
    """

    dim: str
    tile: int
    target: str | None = None
    axis: str | None = None
    first: int | None = None
    last: int | None = None

    @property
    def spatial(self) -> bool:
        return self.axis is not None

    def trips(self, current: int) -> int:
        """Iterations when the extent above is `current`: ceil(current / tile), shifted by `first` when given."""
        if self.first is not None and self.first < current:
            return 1 + -(-(current - self.first) // self.tile)
        return -(-current // self.tile)

    def divides(self, current: int) -> bool:
        """Whether all iterations have tiles of one size when the extent above is `current`."""
        return self.first is None and self.last is None and current % min(self.tile, current) == 0


@dataclass(frozen=True, slots=True)
class Hold:
    """The current tile of `tensors` is kept in `memory`; 'stream' passes through without being stored (a toll).

    'strip', directly above a tile loop that problems follow (halo.py): the overlap of the windows stays from one
    iteration to the next.
    """

    tensors: tuple[str, ...]
    memory: str
    mode: Literal["keep", "stream", "strip"] = "keep"


@dataclass(frozen=True, slots=True)
class Joint:
    """Several spatial loops that advance together on one axis (MAESTRO's diagonal maps, skew)."""

    loops: tuple[Loop, ...]


@dataclass(frozen=True, slots=True)
class Compute:
    """The leaf: the unit `unit` computes one tile of `problem` (None: the mapping's only problem)."""

    unit: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Seq:
    """Branches one after another under the loops above."""

    children: tuple[tuple[TreeNode, ...], ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Branches pipelined: each works on the tile the one before it has finished."""

    children: tuple[tuple[TreeNode, ...], ...]


@dataclass(frozen=True, slots=True)
class Par:
    """Branches at the same time on different hardware."""

    children: tuple[tuple[TreeNode, ...], ...]


TreeNode = Loop | Hold | Joint | Compute | Seq | Pipe | Par
BRANCHING = (Seq, Pipe, Par)
_BRANCHING: frozenset[type] = frozenset(BRANCHING)


@dataclass(frozen=True)
class MappingTree:
    """nodes: outermost first; the last one is a Compute, or a Seq/Pipe/Par whose branches end in one."""

    nodes: tuple[TreeNode, ...]

    @property
    def is_chain(self) -> bool:
        """True for a mapping of a single problem: no branches."""
        return _BRANCHING.isdisjoint(map(type, self.nodes))

    @property
    def holds(self) -> tuple[Hold, ...]:
        return tuple(n for n in self.nodes if isinstance(n, Hold))

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Loops of a chain, those inside Joint included."""
        found: list[Loop] = []
        for node in self.nodes:
            if isinstance(node, Loop):
                found.append(node)
            elif isinstance(node, Joint):
                found.extend(node.loops)
        return tuple(found)

    def __str__(self) -> str:
        from tileloom.mapping.text import to_text

        return to_text(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


class Step(NamedTuple):
    """A node of a chain met on the way in, with the extents just outside it."""

    node: TreeNode
    outside: Mapping[str, int]
    trips: int


def walk(mapping: MappingTree, extents: Mapping[str, int]) -> Iterator[Step]:
    """Nodes of a chain from the outside in, each with the current extents above it and its trip count (1 for non-loops).

    Extents are those of a full tile; remainders are the business of cost/counts.py.
    """
    current = dict(extents)
    for node in mapping.nodes:
        outside = current
        if isinstance(node, Loop):
            extent = current[node.dim]
            trips = node.trips(extent)
            if node.tile < extent:
                current = {**current, node.dim: node.tile}
        elif isinstance(node, Joint):
            trips = max(loop.trips(current[loop.dim]) for loop in node.loops)
            current = dict(current)
            for loop in node.loops:
                current[loop.dim] = min(loop.tile, current[loop.dim])
        else:
            trips = 1
        yield Step(node, outside, trips)
