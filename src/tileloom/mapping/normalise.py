"""Rewrites of a mapping that keep what it does: one canonical form, and the step between two ways of stating reuse.

Here a Hold's place says when a tile is fetched again. Tools that detect reuse from loop order keep all holds of a
memory at one boundary; `hoist` and `blocked` go from that form to the literal one and back. Each function takes a
chain and gives a new one. Legality is not checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.diagnostic import Diagnostic, warning
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True)
class Normalised:
    """A rewritten mapping; `notes` say where its meaning is not exactly that of the original (W-HALO, E-UNEVEN)."""

    mapping: MappingTree
    notes: tuple[Diagnostic, ...] = ()


def normalise(mapping: MappingTree, problem: Problem, style: Literal["stationary", "blocked"]) -> Normalised:
    """`hoist` or `blocked`, with notes on what could not be kept exactly."""
    return _hoisted(mapping, problem) if style == "stationary" else _lowered(mapping, problem)


def canonical(mapping: MappingTree, problem: Problem) -> MappingTree:
    """Two mappings that do the same in the same order have equal canonical forms.

        before                          after
        DRAM  hold B                    DRAM  hold A B Z
        DRAM  hold A                          for k in 4
              for m in 1                GLB   hold B A
        DRAM  hold Z                          ...
              for k in 4
        GLB   hold B
        GLB   hold A

    Loops of one trip go; tiles are clipped to what reaches them; a `first` equal to `tile` goes; holds at one
    boundary are sorted and merged by memory. The last tensor of a boundary stays last, because only that one's
    reservation sinks below the loops that follow (residency.py).
    """
    return MappingTree(tuple([step.node for step in canonical_steps(mapping, problem)]))


class Placed(NamedTuple):
    """A node of a canonical form with its trips; divides: whether the tiles of a loop are all of one size."""

    node: TreeNode
    trips: int = 1
    divides: bool = True


def canonical_steps(mapping: MappingTree, problem: Problem) -> list[Placed]:
    """Nodes of `canonical` from the outside in."""
    _require_chain(mapping)
    found: list[Placed] = []
    run: list[Hold] = []
    current = dict(problem.extents)
    for node in mapping.nodes:
        placed: Placed | None
        if isinstance(node, Loop):
            outside = current[node.dim]
            placed = _placed(node, outside)
            if node.tile < outside:
                current[node.dim] = node.tile
        elif isinstance(node, Hold):
            run.append(node)
            continue
        elif isinstance(node, Joint):
            placed = _placed_joint(node, current)
            for loop in node.loops:
                current[loop.dim] = min(loop.tile, current[loop.dim])
        else:
            placed = Placed(node)
        if placed is not None:
            if run:
                found += [Placed(h) for h in _sorted_holds(run)]
                run = []
            found.append(placed)
    return [*found, *[Placed(h) for h in _sorted_holds(run)]] if run else found


def _placed(loop: Loop, outside: int) -> Placed | None:
    """The loop without what says nothing, None where it has one trip."""
    if loop.first is None and loop.last is None and loop.tile <= outside:
        # A tile as it mostly is, and most of the time of a conversion.
        trips, rest = divmod(outside, loop.tile)
        return Placed(loop, trips + (rest > 0), not rest) if trips > 1 or rest else None
    trips = loop.trips(outside)
    if trips == 1:
        return None
    if loop.tile > outside or loop.first is not None:
        tile = min(loop.tile, outside)
        loop = replace(loop, tile=tile, first=None if loop.first == tile else loop.first)
    return Placed(loop, trips, loop.divides(outside))


def _placed_joint(joint: Joint, outside: Mapping[str, int]) -> Placed | None:
    kept = [p for loop in joint.loops if (p := _placed(loop, outside[loop.dim])) is not None]
    if len(kept) < 2:
        return kept[0] if kept else None
    loops = tuple([p.node for p in kept if isinstance(p.node, Loop)])
    return Placed(Joint(loops), max(p.trips for p in kept), False)


def hoist(mapping: MappingTree, problem: Problem) -> MappingTree:
    """Moves every hold outward over the loops just above it that do not move its tensor.

        before                          after
        DRAM  hold A B Z                DRAM  hold A B Z
              for m in 2                      for m in 2
              for k in 4                GLB   hold Z
        GLB   hold A B Z                      for k in 4
              ...                       GLB   hold A B

    Only temporal loops are crossed, and no other hold of the same tensor. Where spatial loops stand between the hold
    and such loops, they are exchanged first, each keeping its trips, unless a hold stands between:

        before                          after
              for k in 4                PE.X  spatial m in 8
        PE.X  spatial m in 8            RF    hold Z
        RF    hold A Z                        for k in 4
                                        RF    hold A

    Never more traffic at any memory. It may need more space: a tile kept over a loop cannot sink below it.
    Loops over one dim are exchanged only when they divide evenly. Source: the meaning of loop order in Timeloop and
    ZigZag, where a tile stays as long as no loop that moves it has advanced.
    """
    return _hoisted(mapping, problem).mapping


def blocked(mapping: MappingTree, problem: Problem) -> MappingTree:
    """Moves the holds of each memory to one boundary, the innermost of them: what `hoist` undoes.

        before                          after
        DRAM  hold A B Z                DRAM  hold A B Z
              for m in 2                      for m in 2
        GLB   hold Z                          for k in 4
              for k in 4                GLB   hold A B Z
        GLB   hold A B                        ...

    A hold goes inward only over temporal loops that do not move its tensor. One that cannot reach the boundary stays
    where it is: that mapping has no blocked form (E-UNEVEN in the notes of `normalise`).
    """
    return _lowered(mapping, problem).mapping


def _require_chain(mapping: MappingTree) -> None:
    if not mapping.is_chain:
        raise UnsupportedError(
            "only a mapping of one problem can be normalised; this one has seq, pipe or par branches"
        )


def _sorted_holds(run: Sequence[Hold]) -> list[Hold]:
    """Merge a run of holds. Those of one tensor keep their order, the last tensor keeps its place."""
    names = [t for h in run for t in h.tensors]
    if not names:
        return []
    memory_mode = {(h.memory, h.mode) for h in run}
    if len(memory_mode) == 1 and len(set(names)) == len(names):
        tensors = (*sorted(names[:-1]), names[-1])
        return [run[0] if run[0].tensors == tensors else Hold(tensors, run[0].memory, run[0].mode)]
    single = [Hold((t,), h.memory, h.mode) for h in run for t in h.tensors]
    left, placed = single[:-1], []
    memory: tuple[str, str] | None = None
    while left:
        free = [h for i, h in enumerate(left) if not any(h.tensors == e.tensors for e in left[:i])]
        here = [h for h in free if (h.memory, h.mode) == memory]
        chosen = min(here or free, key=lambda h: (h.memory, h.mode, h.tensors))
        memory = (chosen.memory, chosen.mode)
        placed.append(chosen)
        left.remove(chosen)
    merged: list[Hold] = []
    for hold in (*placed, single[-1]):
        if merged and (merged[-1].memory, merged[-1].mode) == (hold.memory, hold.mode):
            merged[-1] = Hold((*merged[-1].tensors, *hold.tensors), hold.memory, hold.mode)
        else:
            merged.append(hold)
    return merged


_NONE: frozenset[str] = frozenset()


class _Item:
    """A node with what stands above it, so that two loops can be exchanged with their trips kept.

    tensor   the only one of a Hold;  temporal, spatial: what kind of loop;  dims: those it moves
    """

    __slots__ = ("dims", "even", "node", "spatial", "temporal", "tensor", "trips")

    def __init__(self, node: TreeNode, trips: int = 1, even: bool = True) -> None:
        self.node, self.trips, self.even = node, trips, even
        self.tensor: str | None = None
        self.dims: frozenset[str] = _NONE
        self.spatial = self.temporal = False
        if isinstance(node, Loop):
            self.dims = frozenset((node.dim,))
            self.spatial = node.axis is not None
            self.temporal = not self.spatial
        elif isinstance(node, Hold):
            self.tensor = node.tensors[0]
        elif isinstance(node, Joint):
            self.dims = frozenset([loop.dim for loop in node.loops])
            self.spatial = True


def _items(mapping: MappingTree, problem: Problem) -> list[_Item]:
    """Nodes of the canonical form, every Hold split into one per tensor.

    A loop inside one with a shorter last tile is uneven too: in that tile its trips are others.
    """
    items: list[_Item] = []
    uneven: set[str] = set()
    for node, trips, divides in canonical_steps(mapping, problem):
        if isinstance(node, Hold):
            items += [_Item(Hold((t,), node.memory, node.mode)) for t in node.tensors]
        elif isinstance(node, Loop):
            if not divides:
                uneven.add(node.dim)
            items.append(_Item(node, trips, node.dim not in uneven))
        else:
            items.append(_Item(node, trips, divides))
    return items


def _hoisted(mapping: MappingTree, problem: Problem) -> Normalised:
    _require_chain(mapping)
    items = _items(mapping, problem)
    notes: list[Diagnostic] = []
    for tensor in problem.tensors:
        for hold in [item for item in items if item.tensor == tensor.name]:
            _hoist_one(items, next(i for i, item in enumerate(items) if item is hold), tensor, problem, notes)
    return Normalised(_joined(items, problem), tuple(dict.fromkeys(notes)))


def _hoist_one(items: list[_Item], index: int, tensor: Tensor, problem: Problem, notes: list[Diagnostic]) -> None:
    """Move items[index], a hold of `tensor`, outward as far as it goes. Changes `items`."""
    place = group = start = index
    while start and _passes(items[start - 1], tensor):
        start -= 1
        # A hold that has crossed no loop keeps its place among the holds at its boundary.
        place = start if items[start].temporal else place
    group = start
    while group and items[group - 1].spatial:
        group -= 1
    run = group
    while run and items[run - 1].temporal and not items[run - 1].dims & tensor.dims:
        run -= 1
    spatial, temporal = items[group:start], items[run:group]
    if spatial and temporal:
        shared = frozenset(d for i in spatial for d in i.dims) & frozenset(d for i in temporal for d in i.dims)
        if all(item.even for item in (*spatial, *temporal) if item.dims & shared):
            items[run:start] = [*spatial, *temporal]
            place = run + len(spatial)
            for dim in sorted(shared):
                notes += _halo_note(problem, dim)
    items.insert(place, items.pop(index))


def _passes(item: _Item, tensor: Tensor) -> bool:
    """Whether a hold of the tensor can move outward over the item and still bring in the same tiles."""
    if item.tensor is not None:
        return item.tensor != tensor.name
    return item.temporal and not item.dims & tensor.dims


def _halo_note(problem: Problem, dim: str) -> list[Diagnostic]:
    halo = [t.name for t in problem.tensors if t.relevance(dim) == "partial"]
    if not halo:
        return []
    why = f"loops over '{dim}' in time and in space were exchanged, so each instance now works on strided positions of "
    return [warning("W-HALO", dim, why + ", ".join(halo), "Counts with shared halos differ; plain counts do not")]


def _lowered(mapping: MappingTree, problem: Problem) -> Normalised:
    _require_chain(mapping)
    items = _items(mapping, problem)
    notes: list[Diagnostic] = []
    memories = dict.fromkeys(item.node.memory for item in items if isinstance(item.node, Hold))
    # The innermost first: its holds may stand in the way of those of the same tensor further out.
    for memory in reversed(memories):
        mine = [item for item in items if isinstance(item.node, Hold) and item.node.memory == memory]
        for hold in mine[:-1]:
            assert isinstance(hold.node, Hold)
            tensor = problem.tensor(hold.node.tensors[0])
            start = next(i for i, item in enumerate(items) if item is hold)
            end = next(i for i, item in enumerate(items) if item is mine[-1])
            between = items[start + 1 : end]
            if any(item.spatial or item.tensor == tensor.name or item.dims & tensor.dims for item in between):
                why = f"'{tensor.name}' in '{memory}' lies above a loop that moves it, other tensors there below"
                fix = "Move it by hand, or use a form that has a boundary per tensor"
                notes.append(Diagnostic("E-UNEVEN", "warning", memory, why, fix))
            else:
                items.insert(end - 1, items.pop(start))
    return Normalised(_joined(items, problem), tuple(notes))


def _joined(items: Sequence[_Item], problem: Problem) -> MappingTree:
    """Rebuild the tree. Loops that divide evenly keep their trips where their order has changed."""
    current = dict(problem.extents)
    nodes: list[TreeNode] = []
    run: list[Hold] = []
    for item in items:
        node = item.node
        if isinstance(node, Hold):
            run.append(node)
            continue
        if isinstance(node, Loop):
            if item.even and node.tile * item.trips != current[node.dim]:
                node = replace(node, tile=current[node.dim] // item.trips)
            current[node.dim] = min(node.tile, current[node.dim])
        elif isinstance(node, Joint):
            for loop in node.loops:
                current[loop.dim] = min(loop.tile, current[loop.dim])
        if run:
            nodes += _sorted_holds(run)
            run = []
        nodes.append(node)
    return MappingTree((*nodes, *_sorted_holds(run)) if run else tuple(nodes))
