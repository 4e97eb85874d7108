"""What a fused mapping keeps where and while what runs: reservations of all problems and who is alive with whom.

Source: the rules of loop trees with Sequential branches (AccelForge 1.0): what lies above a loop that two problems
share is there while either runs; what lies below is freed in between; an intermediate lives until its last reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tileloom.architecture.model import Architecture
from tileloom.mapping.fused import Address, Branch
from tileloom.mapping.halo import held_elements
from tileloom.mapping.residency import backing_index, reserved_tile
from tileloom.mapping.tree import Hold, Loop, MappingTree, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem


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
                bits = tensor.footprint(tile) * memory.bits_of(tensor) * memory.buffers
                key = (name, branch.places[index])
                backs = index == backing_index(branch.chain, name)
                if backs and (len(users[key]) > 1 or _windowed(branch, name, key[1])):
                    # The producer's view decides: what it writes is what is kept (a reader's padding is not).
                    if tensor.is_output or key not in shared_bits:
                        # A part is as long along the axis of the join as its share of all values, and that is not tiled.
                        shared_bits[key] = bits * (joined or {}).get(name, 0) // problem.size(name) or bits
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
        found.append(Reservation(at, f"{name} (strip)", elements * own.bits_of(tensor) * own.buffers, "", above, names))
    return found


def stop_of(problem: Problem, chain: MappingTree, index: int, name: str) -> int:
    """Index of the last node of a chain that a reservation sinks below: the Hold itself, or a loop further in."""
    node = chain.nodes[index]
    assert isinstance(node, Hold)
    if index == backing_index(chain, name) or node.tensors[-1:] != (name,):
        return index
    tensor, stop = problem.tensor(name), index
    for k in range(index + 1, len(chain.nodes)):
        loop = chain.nodes[k]
        if not isinstance(loop, Loop):
            break
        relevance = tensor.relevance(loop.dim)
        if loop.spatial or relevance == "irrelevant":
            break
        stop = k
        if relevance == "partial":
            break
    return stop


def timeline(mapping: MappingTree, found: Sequence[Branch], reserved: Sequence[Reservation]) -> tuple[Moment, ...]:
    """Per problem, in execution order, everything that is alive while it runs."""
    order = {b.problem.name: i for i, b in enumerate(found)}
    leaves = {b.problem.name: b.places[-1] for b in found}
    return tuple(
        Moment(b.problem.name, tuple(r for r in reserved if _alive(mapping, r, b.problem.name, order, leaves)))
        for b in found
    )


def _alive(
    mapping: MappingTree,
    r: Reservation,
    problem: str,
    order: Mapping[str, int],
    leaves: Mapping[str, Address],
) -> bool:
    """From its first to its last user, and while a problem runs that shares a loop below it with a user."""
    if r.persistent:
        return True
    at = [order[u] for u in r.users]
    if min(at) <= order[problem] <= max(at):
        return True
    return any(_loop_between(mapping, r.place, leaves[u], leaves[problem]) for u in r.users)


def _loop_between(mapping: MappingTree, place: Address, one: Address, other: Address) -> bool:
    """Whether the ways to two leaves have a loop in common below `place`."""
    common = 0
    while common < min(len(one), len(other)) and one[common] == other[common]:
        common += 1
    if one[: len(place) - 1] != place[:-1] or common < len(place) - 1:
        return False
    nodes: Sequence[TreeNode] = mapping.nodes
    for k in range(0, len(one), 2):
        start = place[k] + 1 if k == len(place) - 1 else 0
        if k >= len(place) - 1 and any(isinstance(n, Loop) for n in nodes[start : one[k]]):
            return True
        node = nodes[one[k]]
        if k + 1 >= common or not isinstance(node, Seq | Pipe):
            return False
        nodes = node.children[one[k + 1]]
    return False
