"""The skeleton of a mapping space: which tensors sit in which memory, in what order, and where loops may stand.

A `Layout` fixes everything but tiles and loop order; space.py fills it in and size.py counts the ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, permutations, product
from math import prod

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.constraints import Constraints, OrderRule
from tileloom.mapping.utilization import may_lie_on
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True, slots=True)
class Place:
    """An axis that loops may lie on. `memories_above`: how many memories of the path lie outside its fanout."""

    fanout: Fanout
    axis: FanoutAxis
    memories_above: int


@dataclass(frozen=True)
class Frame:
    """The part of the hardware a problem uses, and the dims that need loops (extent above 1)."""

    problem: Problem
    unit: Compute
    memories: tuple[Memory, ...]
    places: tuple[Place, ...]
    constraints: Constraints

    @cached_property
    def dims(self) -> tuple[str, ...]:
        return tuple(d.name for d in self.problem.dims if d.extent > 1)

    def clusters_fit(self, used: Sequence[int]) -> bool:
        """Whether so many places of each axis are within what rules allow a fanout's axes together."""
        return all(
            prod(u for p, u in zip(self.places, used) if p.fanout.name == name) <= most
            for name, most in self.constraints.clusters
        )

    def choices(self, memory: Memory) -> Iterator[tuple[Tensor, ...]]:
        """Sets of tensors that a memory below the outermost one may hold: `keep` and any part of `may_keep`."""
        tensors = self.problem.tensors
        must = [t for t in tensors if memory.keep.has(t)]
        may = [t for t in tensors if memory.may_keep.has(t) and t not in must]
        for extra in chain.from_iterable(combinations(may, k) for k in range(len(may) + 1)):
            yield tuple(t for t in tensors if t in must or t in extra)

    def layouts(self) -> Iterator[Layout]:
        """Every placement and order of holds; those of a memory lie above those of the memories inside it."""
        for placement in product(*(tuple(self.choices(m)) for m in self.memories[1:])):
            for order in product(*(permutations(held) for held in placement)):
                holds = tuple((m, t) for m, held in enumerate(order, start=1) for t in held)
                yield Layout(self, holds)


def frame_of(problem: Problem, architecture: Architecture, constraints: Constraints) -> Frame:
    """Raises UnsupportedError when no unit takes the problem, or the outermost memory does not take every tensor."""
    unit = architecture.compute_for(problem)
    if unit is None:
        takes = ", ".join(f"{c.name}: {c.n_inputs}" for c in architecture.computes)
        raise UnsupportedError(
            f"no compute unit of '{architecture.name}' takes '{problem.name}' with {len(problem.inputs)} inputs "
            f"(units and the numbers of inputs they take: {takes}) (E-NINPUT)"
        )
    memories: list[Memory] = []
    places: list[Place] = []
    for node in architecture.path(unit):
        if isinstance(node, Memory):
            memories.append(node)
        elif isinstance(node, Fanout):
            places.extend(Place(node, axis, len(memories)) for axis in node.axes if axis.size > 1)
    outside = [t.name for t in problem.tensors if not memories[0].allows(t)]
    if outside:
        raise UnsupportedError(
            f"the outermost memory '{memories[0].name}' does not take {', '.join(outside)}; "
            "a mapping space needs every tensor to come from there (E-BYPASS)"
        )
    return Frame(problem, unit, tuple(memories), tuple(places), constraints)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one loop per dim: in time (place -1) or on Frame.places[place], below hold `block` (0 = the top)."""

    block: int
    place: int = -1


@dataclass(frozen=True)
class Layout:
    """holds: (memory index, tensor) of every hold below the outermost memory's, outermost first."""

    frame: Frame
    holds: tuple[tuple[int, Tensor], ...]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Per block its temporal slot, then the axes whose fanout has that block's hold as the lowest one above it."""
        found: list[Slot] = []
        for block in range(len(self.holds) + 1):
            found.append(Slot(block))
            found.extend(
                Slot(block, i) for i, p in enumerate(self.frame.places) if self.held_above(p.memories_above) == block
            )
        return tuple(found)

    def held_above(self, memory: int) -> int:
        """Number of holds in memories outside the one with this index."""
        return sum(1 for m, _ in self.holds if m < memory)

    @cached_property
    def _allowed(self) -> dict[str, tuple[int, ...]]:
        return {dim: tuple(i for i, slot in enumerate(self.slots) if self._takes(slot, dim)) for dim in self.frame.dims}

    def allowed(self, dim: str) -> tuple[int, ...]:
        """Indices of the slots where a loop over this dim may stand."""
        return self._allowed[dim]

    @cached_property
    def block_starts(self) -> tuple[int, ...]:
        """Per block, the index of its temporal slot; slots with a smaller index lie above the block's hold."""
        return tuple(i for i, slot in enumerate(self.slots) if slot.place < 0)

    def _takes(self, slot: Slot, dim: str) -> bool:
        frame = self.frame
        full_at = [i for i, m in enumerate(frame.memories) if (dim, m.name) in frame.constraints.full_at]
        if slot.place < 0:
            return all(slot.block >= self.held_above(i + 1) for i in full_at)
        place = frame.places[slot.place]
        if dim in frame.constraints.no_spatial or any(place.memories_above <= i for i in full_at):
            return False
        return may_lie_on(frame.problem, place.axis, dim)

    def boundary(self, memory: int) -> int:
        """Slots before this index lie above everything that is held in that memory."""
        held = self.held_above(memory + 1)
        for index, slot in enumerate(self.slots):
            inside = slot.place >= 0 and self.frame.places[slot.place].memories_above > memory
            if slot.block > held or (slot.block == held and (slot.place < 0 or inside)):
                return index
        return len(self.slots)

    def order_rule(self, block: int) -> OrderRule | None:
        """The rule for the loops in time below the block's hold: that of the memory the hold is in."""
        memory = self.holds[block - 1][0] if block else 0
        return self.frame.constraints.order_of(self.frame.memories[memory].name)

    def halo_dims(self, block: int) -> frozenset[str]:
        """Dims whose loop, placed first in the block, shortens the sliding window of the hold above it."""
        if block == 0:
            return frozenset()
        tensor = self.holds[block - 1][1]
        return frozenset(d for d in self.frame.dims if tensor.relevance(d) == "partial")
