"""The rules about tensors that several problems of a fused mapping use: where they are backed, and when they are whole.

The other rules of fused mappings are in fused_legality.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tileloom.architecture.model import Architecture, Memory
from tileloom.mapping.diagnostic import Diagnostic, error
from tileloom.mapping.fused import Address, Branch, place_label
from tileloom.mapping.fused_occupancy import stop_of
from tileloom.mapping.residency import backing_index
from tileloom.mapping.tree import Hold, Loop, MappingTree, Par, Pipe, Seq, TreeNode, walk
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True)
class Use:
    """How one problem finds a tensor: its outermost hold and the loops above and below it that make several trips.

    rank    position of the problem in execution order
    """

    branch: Branch
    tensor: Tensor
    rank: int
    index: int
    loops: tuple[_Met, ...]

    @property
    def name(self) -> str:
        return self.branch.problem.name

    def chip(self, chips: Mapping[str, Architecture]) -> Architecture:
        return chips[self.branch.layer.name]

    @property
    def hold(self) -> Hold:
        node = self.branch.chain.nodes[self.index]
        assert isinstance(node, Hold)
        return node

    @property
    def place(self) -> Address:
        return self.branch.places[self.index]

    @property
    def above(self) -> tuple[_Met, ...]:
        return tuple(m for m in self.loops if m.index < self.index)


@dataclass(frozen=True)
class _Met:
    """A loop of several trips as one problem meets it. outside, tile: extents of its dim."""

    index: int
    place: Address
    loop: Loop
    trips: int
    outside: int
    tile: int

    @property
    def label(self) -> str:
        return place_label(self.place, self.loop)


def passing_faults(
    mapping: MappingTree,
    found: Sequence[Branch],
    chips: Mapping[str, Architecture],
    between: frozenset[str],
    aligned: Mapping[str, int],
    joined: frozenset[str],
) -> Iterator[Diagnostic]:
    """Every broken rule about tensors that pass from one problem to others, and about inputs that several problems
    find in one place below the outermost memory. aligned, joined: as of `check_fused`."""
    uses: dict[str, list[Use]] = {}
    for rank, branch in enumerate(found):
        for tensor in branch.problem.tensors:
            index = backing_index(branch.chain, tensor.name)
            if index is not None:
                use = Use(branch, _without_units(tensor, branch.problem), rank, index, _met(branch))
                uses.setdefault(tensor.name, []).append(use)
    for name, users in uses.items():
        outermost = {u.chip(chips).memories[0].name for u in users}
        if len(users) < 2 or (name not in between and {u.hold.memory for u in users} <= outermost):
            continue
        # Below tile loops over windows a problem has a branch for each of its extents.
        writers = [u for u in users if u.tensor.is_output]
        writer = (writers[0] if name in joined else writers[-1]) if writers else None
        if writer is not None:
            yield from _order_faults(mapping, name, writer, users)
        memories = {u.hold.memory for u in users}
        if len(memories) > 1:
            listed = ", ".join(f"'{u.name}' in {u.hold.memory} ({place_label(u.place, u.hold)})" for u in users)
            yield error(
                "E-BACKING",
                name,
                f"'{name}' passes between problems that look for it in different memories: {listed}",
                "Back it in one memory: hold it there above all its users, or in the outermost memory in each branch",
            )
            continue
        yield from _instance_faults(name, users, chips)
        yield from _above_faults(name, users)
        if len({u.place for u in users}) > 1:
            yield from _apart_faults(name, users, found, outermost)
        else:
            yield from _tile_faults(name, users, aligned.get(name))
            if writer is not None:
                for one in writers if name in joined else (writer,):
                    yield from _early_faults(name, one, users)
                yield from _copy_faults(name, writers, users)


def _without_units(tensor: Tensor, problem: Problem) -> Tensor:
    """The same without dims of extent 1: they move nothing."""
    axes = tuple(
        replace(axis, terms=tuple((d, c) for d, c in axis.terms if problem.extents.get(d, 1) > 1))
        for axis in tensor.axes
    )
    return replace(tensor, axes=axes)


def _met(branch: Branch) -> tuple[_Met, ...]:
    steps = enumerate(walk(branch.chain, branch.problem.extents))
    return tuple(
        _Met(k, branch.places[k], s.node, s.trips, s.outside[s.node.dim], min(s.node.tile, s.outside[s.node.dim]))
        for k, s in steps
        if isinstance(s.node, Loop) and s.trips > 1
    )


def _order_faults(mapping: MappingTree, name: str, writer: Use, users: Sequence[Use]) -> Iterator[Diagnostic]:
    for reader in users:
        if reader.tensor.is_output:
            continue
        where = place_label(reader.branch.places[-1], reader.branch.chain.nodes[-1])
        if reader.rank < writer.rank:
            yield error(
                "E-ORDER",
                where,
                f"'{reader.name}' reads '{name}' before '{writer.name}' writes it "
                f"({place_label(writer.branch.places[-1], writer.branch.chain.nodes[-1])})",
                f"Put the branch of '{writer.name}' first",
            )
        elif isinstance(_parting(mapping, reader.branch.places[-1], writer.branch.places[-1]), Par):
            yield error(
                "E-ORDER",
                where,
                f"'{reader.name}' reads '{name}' while '{writer.name}', beside it in a par, still writes it",
                "Use seq, or pipe below a loop",
            )


def _parting(mapping: MappingTree, one: Address, other: Address) -> TreeNode | None:
    """The branch node at which two ways part."""
    nodes: Sequence[TreeNode] = mapping.nodes
    for k in range(0, min(len(one), len(other)) - 1, 2):
        node = nodes[one[k]]
        if not isinstance(node, Seq | Pipe | Par) or one[k + 1] != other[k + 1]:
            return node
        nodes = node.children[one[k + 1]]
    return None


def _instance_faults(name: str, users: Sequence[Use], chips: Mapping[str, Architecture]) -> Iterator[Diagnostic]:
    for use in users:
        chip = use.chip(chips)
        memory = chip.memory(use.hold.memory)
        if chip.instances(memory) > 1:
            yield error(
                "E-INSTANCES",
                place_label(use.place, use.hold),
                f"'{name}' passes between problems in '{memory.name}', which has {chip.instances(memory)} instances; "
                "what one writes another need not find",
                f"Back it in one of {', '.join(_single(chip))}",
            )
            return
        if use.hold.mode == "stream":
            yield error(
                "E-BACKING",
                place_label(use.place, use.hold),
                f"'{name}' passes between problems, but its outermost hold only streams and keeps nothing",
                "Use a hold that keeps it",
            )
            return


def _single(chip: Architecture) -> list[str]:
    return [n.name for n in chip.nodes if isinstance(n, Memory) and chip.instances(n) == 1]


def _above_faults(name: str, users: Sequence[Use]) -> Iterator[Diagnostic]:
    """Loops above a backing hold may only walk along the tensor: else it is made again, or left before it is done."""
    for use in users:
        for met in use.above:
            relevance = use.tensor.relevance(met.loop.dim)
            if relevance == "relevant":
                continue
            dim = f"'{use.name}.{met.loop.dim}'"
            hold = place_label(use.place, use.hold)
            if use.tensor.is_output:
                why = (
                    f"dim {dim} is summed over, so every trip leaves '{name}' incomplete"
                    if relevance == "irrelevant"
                    else f"dim {dim} stands in a sum in {use.tensor}, so elements of '{name}' stay incomplete at the "
                    "edges of every trip"
                )
                yield error(
                    "E-PARTIAL", met.label, f"{why} in {hold} below the loop", f"Move the hold of '{name}' above it"
                )
            else:
                why = (
                    f"dim {dim} does not index '{name}', so each of the {met.trips} trips needs again what is in {hold}"
                    if relevance == "irrelevant"
                    else f"windows of {use.tensor} overlap from one trip over {dim} to the next, so part of '{name}' in "
                    f"{hold} would have to be made again"
                )
                yield error(
                    "E-RECOMPUTE", met.label, why, f"Move the hold of '{name}' above the loop, or tile a dim that walks "
                    f"along '{name}'"
                )  # fmt: skip


def _apart_faults(
    name: str, users: Sequence[Use], found: Sequence[Branch], outermost: set[str]
) -> Iterator[Diagnostic]:
    """Holds in several branches are one tensor only where nothing is ever dropped: outermost, and below no loop."""
    if users[0].hold.memory in outermost and not any(u.above for u in users):
        return
    listed = " and ".join(
        f"for '{u.name}' at node {'.'.join(map(str, u.place))}" for u in {u.place: u for u in users}.values()
    )
    first, last = users[0].rank, users[-1].rank
    deepest = max(users, key=lambda u: len(u.above))
    skipped = [
        b.problem.name
        for b in found[first + 1 : last]
        if deepest.above
        and not _stands_under(b, deepest.above[0].place)
        and b.problem.name not in {u.name for u in users}
    ]
    if skipped:
        yield error(
            "E-CUT",
            name,
            f"'{name}' is used by {', '.join(repr(u.name) for u in users)} below {deepest.above[0].label}, but "
            f"{', '.join(map(repr, skipped))} runs in between and stands outside that loop, which cannot skip it",
            f"Put {', '.join(map(repr, skipped))} under the same loop, or hold '{name}' whole above all of them",
        )
    else:
        yield error(
            "E-COMMON",
            name,
            f"'{name}' passes between problems in '{users[0].hold.memory}', but is held {listed} apart: what one "
            "branch leaves is gone when the next begins",
            f"Hold '{name}' once, above the branches of all its users",
        )


def _stands_under(branch: Branch, loop: Address) -> bool:
    leaf = branch.places[-1]
    return leaf[: len(loop) - 1] == loop[:-1] and leaf[len(loop) - 1] > loop[-1]


def _tile_faults(name: str, users: Sequence[Use], aligned: int | None) -> Iterator[Diagnostic]:
    """All users mean the same part of the tensor by the loops above the hold they share.

    aligned   how many of the first axes mean the same where users see others; None: all, if there are equally many
    """
    first = users[0]
    views = {u.name: [_part(u.tensor, m) for m in u.above] for u in users}
    for use in users[1:]:
        for met, mine, theirs in zip(use.above, views[use.name], views[first.name]):
            if mine != theirs and None not in (mine, theirs):
                yield error(
                    "E-TILE",
                    met.label,
                    f"'{first.name}' and '{use.name}' do not mean the same part of '{name}': {_told(theirs)} "
                    f"against {_told(mine)}",
                    f"Let the loop walk along one axis of '{name}' in equal steps, or hold '{name}' above it",
                )
        wholes = [tuple(a.span(u.branch.problem.extents) for a in u.tensor.axes) for u in (first, use)]
        walked = [p[0] for p in views[use.name] if p is not None]
        if any(a >= aligned for a in walked) if aligned is not None else walked and len(wholes[0]) != len(wholes[1]):
            yield error(
                "E-TILE",
                use.above[0].label,
                f"'{first.name}' sees '{name}' with {len(wholes[0])} axes and '{use.name}' with {len(wholes[1])}, so "
                "tiles of it are not the same",
                f"Hold '{name}' above all loops",
            )


Part = tuple[int, int, int]
"""Axis, positions of it inside the loop, and outside."""


def _part(tensor: Tensor, met: _Met) -> Part | None:
    """What one trip of a loop takes of a tensor; None unless its dim alone indexes one axis."""
    at = [(a, c) for a, axis in enumerate(tensor.axes) for d, c in axis.terms if d == met.loop.dim]
    if len(at) != 1 or len(tensor.axes[at[0][0]].terms) != 1:
        return None
    axis, coefficient = at[0]
    return axis, coefficient * met.tile, coefficient * met.outside


def _told(part: Part | None) -> str:
    if part is None:
        return "no part of its own"
    return f"{part[1]} of {part[2]} along axis {part[0]}"


def _early_faults(name: str, writer: Use, users: Sequence[Use]) -> Iterator[Diagnostic]:
    """Below the hold, a loop above both writer and reader must give the reader what the writer just made."""
    for reader in users:
        if reader.tensor.is_output:
            continue
        theirs = {m.place: m for m in writer.loops if m.index > writer.index}
        for met in reader.loops:
            if met.index < reader.index or met.place not in theirs:
                continue
            made, read = _part(writer.tensor, theirs[met.place]), _part(reader.tensor, met)
            if made is None or made != read:
                yield error(
                    "E-EARLY",
                    met.label,
                    f"below the hold of '{name}', one trip of '{writer.name}' finishes {_told(made)}, but "
                    f"'{reader.name}' then reads {_told(read) if read else 'more than that'}: parts of '{name}' that "
                    "are not there yet",
                    f"Let both walk along the same axis of '{name}' in equal steps, or take '{reader.name}' out of the "
                    "loop",
                )


def _copy_faults(name: str, writers: Sequence[Use], users: Sequence[Use]) -> Iterator[Diagnostic]:
    """A private copy above a loop that writer and reader share is filled before that loop, or written back after it."""
    for use in users:
        theirs = [u for u in (users if use.tensor.is_output else writers) if u.tensor.is_output != use.tensor.is_output]
        for k, node in enumerate(use.branch.chain.nodes):
            if k <= use.index or not isinstance(node, Hold) or name not in node.tensors:
                continue
            stop = stop_of(use.branch.problem, use.branch.chain, k, name)
            for met in use.loops:
                if met.index > stop and any(met.place == m.place for u in theirs for m in u.loops):
                    when = (
                        "is written back only after it, when others have read"
                        if use.tensor.is_output
                        else "is filled before it, when nothing is there yet"
                    )
                    yield error(
                        "E-EARLY",
                        place_label(use.branch.places[k], node),
                        f"the copy of '{name}' that '{use.name}' holds above {met.label}, which it shares with "
                        f"{', '.join(repr(u.name) for u in theirs)}, {when}",
                        "Hold the copy below that loop",
                    )
                    break
