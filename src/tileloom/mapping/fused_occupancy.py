"""What a fused mapping keeps where and while what runs: reservations of all problems and who is alive with whom.

Source: the rules of loop trees with Sequential branches (AccelForge 1.0): what lies above a loop that two problems
share is there while either runs; what lies below is freed in between; an intermediate lives until its last reader.
Branches that run at the same time (par, and pipe where its loops make more than one trip) are there together; between
two stages of a pipe there are as many tiles as are made before the oldest is done with. Derived here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.mapping.fused import Address, Branch
from tileloom.mapping.halo import held_elements
from tileloom.mapping.residency import backing_index, reserved_tile
from tileloom.mapping.tree import Hold, Loop, MappingTree, Par, Pipe, Seq, TreeNode, walk
from tileloom.workload.problem import Problem

STRIP = " (strip)"
"""Behind the name of a tensor: the overlap of its windows that stays from one tile to the next."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Bits that a tensor's tile takes in a memory; owner: the problem whose copy it is ('' for a shared tensor).

    place      below this node of the tree the space is taken;  users: problems that it serves
    """

    memory: str
    tensor: str
    bits: int
    owner: str
    place: Address
    users: tuple[str, ...]
    persistent: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """What is alive in every memory while one problem runs."""

    problem: str
    alive: tuple[Reservation, ...]

    def bits(self, memory: str) -> int:
        return sum(r.bits for r in self.alive if r.memory == memory)


def reservations_of(
    mapping: MappingTree,
    found: Sequence[Branch],
    chips: Mapping[str, Architecture],
    persistent: frozenset[str] = frozenset(),
    counts: Mapping[str, int] | None = None,
    joined: Mapping[str, int] | None = None,
) -> tuple[Reservation, ...]:
    """Reservations of all branches. A tensor's outermost Hold counts once for all problems that pass it.

    chips   the architecture as each problem meets it;  counts: how often a problem runs (persistent tensors)
    joined  values of tensors that several problems write parts of
    """
    users: dict[tuple[str, Address], list[str]] = {}
    for branch in found:
        for t in branch.problem.tensors:
            index = backing_index(branch.chain, t.name)
            if index is not None:
                users.setdefault((t.name, branch.places[index]), []).append(branch.problem.name)
    flying = {key: in_flight(mapping, found, key[1], names) for key, names in users.items() if len(names) > 1}
    rows: list[Reservation] = []
    shared_bits: dict[tuple[str, Address], int] = {}
    for branch in found:
        chip, problem = chips[branch.layer.name], branch.problem
        for index, node in enumerate(branch.chain.nodes):
            if not isinstance(node, Hold) or node.mode == "stream":
                continue
            memory = chip.memory(node.memory)
            for name in node.tensors:
                tensor = problem.tensor(name)
                tile = reserved_tile(problem, branch.chain, index, name)
                one = tensor.footprint(tile) * memory.bits_of(tensor)
                bits = one * memory.buffers
                key = (name, branch.places[index])
                backs = index == backing_index(branch.chain, name)
                if backs and (len(users[key]) > 1 or _windowed(branch, name, key[1])):
                    # The producer's view decides: what it writes is what is kept (a reader's padding is not).
                    if tensor.is_output or key not in shared_bits:
                        # A part is as long along the axis of the join as its share of all values, and that is not tiled.
                        whole = one * (joined or {}).get(name, 0) // problem.size(name) or one
                        shared_bits[key] = whole * max(memory.buffers, flying.get(key, 1))
                    continue
                place = branch.places[stop_of(problem, branch.chain, index, name)]
                lasting = backs and name in persistent
                times = (counts or {}).get(branch.layer.name, 1) if lasting else 1
                rows.append(Reservation(memory.name, name, bits * times, problem.name, place, (problem.name,), lasting))
    for (name, place), bits in shared_bits.items():
        names = tuple(users[name, place])
        branch = next(b for b in found if b.problem.name == names[0])
        node = branch.chain.nodes[branch.places.index(place)]
        assert isinstance(node, Hold)
        if _windowed(branch, name, place):
            rows += _windows(branch, name, node, place, names, chips[branch.layer.name])
        else:
            if branch.loops:
                # Held above its tile loops: all of it, not what one kind of tile needs.
                memory, tensor = chips[branch.layer.name].memory(node.memory), branch.layer.tensor(name)
                bits = branch.layer.size(name) * memory.bits_of(tensor) * memory.buffers
            rows.append(Reservation(node.memory, name, bits, "", place, names, name in persistent))
    return tuple(rows)


def loop_trips(found: Sequence[Branch]) -> dict[Address, int]:
    """Address -> trips of every loop in time that makes more than one; shared ones make the same for all."""
    return {
        branch.places[k]: step.trips
        for branch in found
        for k, step in enumerate(walk(branch.chain, branch.problem.extents))
        if isinstance(step.node, Loop) and not step.node.spatial and step.trips > 1
    }


def rounds(mapping: MappingTree, found: Sequence[Branch], at: Address) -> int:
    """Iterations of the loops in time right above a branch node (within the list of nodes that it ends)."""
    return prod(n for place, n in loop_trips(found).items() if place[:-1] == at[:-1])


def in_flight(mapping: MappingTree, found: Sequence[Branch], place: Address, users: Sequence[str]) -> int:
    """Tiles of a tensor held at `place` that are there at once: 1, but for one that passes between stages of a pipe.

    A tile lives from the stage that makes it to the last that reads it, and stage j works on the tile of iteration
    s - j at step s. With M iterations to a tile, users i to j: ceil((j - i) / M) + 1, at most all tiles there are.
    """
    leaves = [b.places[-1] for b in found if b.problem.name in users]
    nodes, depth = _nodes_at(mapping, place[:-1]), len(place)
    last = len(nodes) - 1
    if not nodes or not isinstance(nodes[last], Pipe) or any(len(leaf) <= depth for leaf in leaves):
        return 1
    stages = [leaf[depth] for leaf in leaves]
    trips = {at[-1]: n for at, n in loop_trips(found).items() if at[:-1] == place[:-1]}
    tiles = prod(n for k, n in trips.items() if k < place[-1])
    each = prod(n for k, n in trips.items() if k > place[-1])
    return min(-(-(max(stages) - min(stages)) // each) + 1, tiles)


def node_at(mapping: MappingTree, at: Address) -> TreeNode:
    """The node at an address."""
    return _nodes_at(mapping, at[:-1])[at[-1]]


def _nodes_at(mapping: MappingTree, prefix: Address) -> Sequence[TreeNode]:
    nodes: Sequence[TreeNode] = mapping.nodes
    for k in range(0, len(prefix), 2):
        node = nodes[prefix[k]]
        assert isinstance(node, Seq | Pipe | Par)
        nodes = node.children[prefix[k + 1]]
    return nodes


def _windowed(branch: Branch, name: str, place: Address) -> bool:
    """Whether what lies at `place` is a window of a tile loop that others share, or whose overlap stays."""
    if not branch.loops or place <= branch.loops[-1].place:
        return False
    return any(name in x.windows and (name in x.strips or name in x.made) for x in branch.loops)


def _windows(
    branch: Branch, name: str, node: Hold, place: Address, names: tuple[str, ...], chip: Architecture
) -> list[Reservation]:
    """Window and strips of one tensor; the first user's view of it counts: its producer's."""
    tensor = branch.layer.tensor(name)
    rest, strips = held_elements(branch.layer, tensor, branch.loops, node.memory)
    memory = chip.memory(node.memory)
    found = [Reservation(memory.name, name, rest * memory.bits_of(tensor) * memory.buffers, "", place, names)]
    for loop, at, elements in strips:
        own, tile_loop = chip.memory(at), branch.loops[loop].place
        above = (*tile_loop[:-1], tile_loop[-1] - 1)
        found.append(Reservation(at, name + STRIP, elements * own.bits_of(tensor) * own.buffers, "", above, names))
    return found


def stop_of(problem: Problem, chain: MappingTree, index: int, name: str) -> int:
    """Index of the last node of a chain that a reservation sinks below: the Hold itself, or a loop further in."""
    node = chain.nodes[index]
    assert isinstance(node, Hold)
    if index == backing_index(chain, name) or node.tensors[-1:] != (name,):
        return index
    tensor, stop = problem.tensor(name), index
    for k, step in enumerate(walk(chain, problem.extents)):
        if k <= index or (isinstance(step.node, Loop) and step.trips == 1):
            continue
        if not isinstance(step.node, Loop):
            break
        relevance = tensor.relevance(step.node.dim)
        if step.node.spatial or relevance == "irrelevant":
            break
        stop = k
        if relevance == "partial":
            break
    return stop


def timeline(mapping: MappingTree, found: Sequence[Branch], reserved: Sequence[Reservation]) -> tuple[Moment, ...]:
    """Per problem, in execution order, everything that is alive while it runs.

    A copy within one memory is one tile under two names: while it runs only its source is listed.
    """
    together = _Together(mapping, found)
    moments = []
    for branch in found:
        alive = [r for r in reserved if together.alive(r, branch.problem.name)]
        if branch.problem.copy and _stays(branch):
            alive = [
                r for r in alive if r.tensor != branch.problem.output.name or r.memory != _backed_in(branch, r.tensor)
            ]
        moments.append(Moment(branch.problem.name, tuple(alive)))
    return tuple(moments)


def _stays(copy: Branch) -> bool:
    """Whether source and target of a copy are backed in one memory."""
    return len({_backed_in(copy, t.name) for t in copy.problem.tensors}) == 1


def _backed_in(branch: Branch, tensor: str) -> str | None:
    index = backing_index(branch.chain, tensor)
    node = branch.chain.nodes[index] if index is not None else None
    return node.memory if isinstance(node, Hold) else None


class _Together:
    """Which reservations are there while which problem runs."""

    def __init__(self, mapping: MappingTree, found: Sequence[Branch]) -> None:
        self.mapping = mapping
        self.order = {b.problem.name: i for i, b in enumerate(found)}
        self.leaves = {b.problem.name: b.places[-1] for b in found}
        self.loops = {
            b.places[k]
            for b in found
            for k, step in enumerate(walk(b.chain, b.problem.extents))
            if isinstance(step.node, Loop) and step.trips > 1
        }
        self.loops |= {x.place for b in found for x in b.loops if x.trips > 1}
        self.rounds = {
            at[:end]: rounds(mapping, found, at[:end]) for at in self.leaves.values() for end in range(1, len(at), 2)
        }

    def alive(self, r: Reservation, problem: str) -> bool:
        """From its first to its last user, while a problem runs that shares a loop below it with a user, and while
        one runs at the same time as a user."""
        if r.persistent:
            return True
        at = [self.order[u] for u in r.users]
        if min(at) <= self.order[problem] <= max(at):
            return True
        here = self.leaves[problem]
        return any(
            self._loop_between(r.place, self.leaves[u], here) or self._side_by_side(self.leaves[u], here)
            for u in r.users
        )

    def _loop_between(self, place: Address, one: Address, other: Address) -> bool:
        """Whether the ways to two leaves have a loop of more than one trip in common below `place`."""
        shared, depth = _common(one, other), len(place) - 1
        return any(
            len(place) <= len(loop) <= shared + 1
            and loop[:-1] == one[: len(loop) - 1]
            and loop[-1] < one[len(loop) - 1]
            and loop[:depth] == place[:depth]
            and loop[depth] > place[depth]
            for loop in self.loops
        )

    def _side_by_side(self, one: Address, other: Address) -> bool:
        if one == other:
            return False
        at = one[: _common(one, other)]
        node = node_at(self.mapping, at)
        return isinstance(node, Par) or (isinstance(node, Pipe) and self.rounds[at] > 1)


def _common(one: Address, other: Address) -> int:
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return shared
