"""A mapping as most tools write one: per memory the tensors kept there, then its loops in time, then those in space.

What such a list cannot say is refused with its code, what it says less exactly is told. The notations that are lists of
this kind (Union's blocks, Timeloop's directives, ZigZag's loop lists) share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.normalise import canonical_steps, hoist, normalise
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, TreeNode, walk
from tileloom.workload.problem import Problem

Extents = Mapping[str, int]


class Turn(NamedTuple):
    """A loop that is left with its trips: those of all tiles but the last, when the tile does not divide.

    even  its tiles are of one size in every tile around it, so that it may change places with other loops of its dim
    """

    loop: Loop
    trips: int
    even: bool = True

    @property
    def dim(self) -> str:
        return self.loop.dim


@dataclass(frozen=True)
class Level:
    """kept: tensors, outermost boundary first; temporal, spatial: loops below the memory, outermost first."""

    memory: str
    kept: tuple[str, ...]
    temporal: tuple[Turn, ...] = ()
    spatial: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Levels:
    """Levels outermost first, and the unit that computes."""

    levels: tuple[Level, ...]
    unit: str

    def tree(self, extents: Extents) -> MappingTree:
        """The nest, every memory's holds at one boundary."""
        nodes: list[TreeNode] = []
        current = dict(extents)
        for level in self.levels:
            nodes.append(Hold(level.kept, level.memory))
            for turn in (*level.temporal, *level.spatial):
                now = current[turn.dim]
                tile = now // turn.trips if turn.even else turn.loop.tile
                current[turn.dim] = tile
                nodes.append(turn.loop if turn.loop.tile == tile else replace(turn.loop, tile=tile))
        return MappingTree((*(n for n in nodes if not isinstance(n, Hold) or n.tensors), Compute(self.unit)))


@dataclass
class _Open:
    memory: str
    kept: list[str] = field(default_factory=list)
    loops: list[Turn] = field(default_factory=list)

    def close(self) -> Level:
        """Loops in time first. Those of one dim may only change places when they divide."""
        temporal = tuple(t for t in self.loops if not t.loop.spatial)
        spatial = tuple(t for t in self.loops if t.loop.spatial)
        for dim in {t.dim for t in self.loops if not t.even}:
            before = [t for t in self.loops if t.dim == dim]
            after = [t for t in (*temporal, *spatial) if t.dim == dim]
            if before != after and not all(t.even for t in before):
                raise UnsupportedError(
                    f"E-RESID: '{dim}' is cut in space and then in time below '{self.memory}' by tiles that do not divide; "
                    "in this notation loops in time come first"
                )
        return Level(self.memory, tuple(self.kept), temporal, spatial)


def to_levels(mapping: MappingTree, problem: Problem, notation: str) -> Levels:
    """The levels of a chain.

    Raises UnsupportedError with every reason why `notation` has no form for it: branches, loops that advance together,
    streams, first tiles of another size, and memories whose tensors have no common boundary.
    """
    reasons = [*_unsayable(mapping)]
    if reasons:
        raise UnsupportedError(f"{notation} cannot hold this mapping: {'; '.join(reasons)}")
    flat = normalise(mapping, problem, "blocked")
    uneven = [f"{n.code}: {n.why}" for n in flat.notes if n.code == "E-UNEVEN"]
    if uneven:
        raise UnsupportedError(f"{notation} keeps all tensors of a memory at one boundary. {'; '.join(uneven)}")
    opened: list[_Open] = []
    unit = ""
    ragged: set[str] = set()
    for step in walk(flat.mapping, problem.extents):
        node = step.node
        if isinstance(node, Hold):
            last = opened[-1] if opened else None
            if last is not None and last.memory == node.memory and not last.loops:
                last.kept.extend(node.tensors)
            elif any(o.memory == node.memory for o in opened):
                raise UnsupportedError(
                    f"E-UNEVEN: {notation} has one boundary for '{node.memory}', this mapping several"
                )
            else:
                opened.append(_Open(node.memory, list(node.tensors)))
        elif isinstance(node, Loop):
            if not opened:
                raise UnsupportedError(f"{notation}: a loop over '{node.dim}' stands above the first hold")
            if not node.divides(step.outside[node.dim]):
                ragged.add(node.dim)
            opened[-1].loops.append(Turn(node, step.trips, node.dim not in ragged))
        elif isinstance(node, Compute):
            unit = node.unit
    return Levels(tuple(o.close() for o in opened), unit)


def _unsayable(mapping: MappingTree) -> list[str]:
    if not mapping.is_chain:
        return ["it has seq, pipe or par branches (E-FUSE)"]
    reasons = ["loops that advance together (E-JOINT)"] if any(isinstance(n, Joint) for n in mapping.nodes) else []
    reasons += [
        f"{', '.join(h.tensors)} pass '{h.memory}' without being kept (E-BYPASS)"
        for h in mapping.holds
        if h.mode != "keep"
    ]
    odd = dict.fromkeys(n.dim for n in mapping.loops if n.first is not None or n.last is not None)
    return [*reasons, *(f"'{d}' has a first or last tile of its own size (E-RESID)" for d in odd)]


Form = tuple[object, ...]


def form(mapping: MappingTree, problem: Problem) -> Form:
    """Equal for mappings that differ only in what costs nothing: the order of loops in space among all others of a run.

    A run is what stands between two boundaries; the order in time is kept, and so is which tensor is held where.
    """
    found: list[object] = []
    temporal: list[object] = []
    spatial: list[object] = []
    held: list[tuple[str, str, str]] = []
    for node, trips, divides in canonical_steps(mapping, problem):
        if isinstance(node, Loop):
            if held:
                found.append(tuple(sorted(held)))
                held = []
            place = (node.target or "", node.axis or "", node.dim, trips, 0 if divides else node.tile)
            (spatial if node.spatial else temporal).append(place)
        elif isinstance(node, Hold):
            if temporal or spatial:
                found.append((tuple(temporal), tuple(sorted(spatial))))  # type: ignore[type-var]
                temporal, spatial = [], []
            held += [(node.memory, t, node.mode) for t in node.tensors]
        else:
            found.append((tuple(sorted(held)), tuple(temporal), tuple(sorted(spatial)), node))  # type: ignore[type-var]
            held, temporal, spatial = [], [], []
    return tuple(found)


def reuse_losses(
    mapping: MappingTree, problem: Problem, levels: Levels, *, stationary: bool, notation: str
) -> list[str]:
    """What is lost in where tiles are fetched again.

    stationary  readers keep a tile as long as no loop moves it (Timeloop, ZigZag); otherwise every tile is fetched at its
                boundary whatever the loops are (Union)
    """
    flat = levels.tree(problem.extents)
    back = hoist(flat, problem) if stationary else flat
    if back == mapping or form(back, problem) == form(mapping, problem):
        return []
    if stationary:
        return [
            f"{notation} keeps a tile as long as no loop moves it; here some are fetched again where the nest says so"
        ]
    return [f"where tiles are kept over loops that do not move them; {notation} has one boundary per memory"]


@dataclass(frozen=True, slots=True)
class Place:
    """An axis of a fanout between two memories, and the copies along it."""

    fanout: str
    axis: str
    size: int


def places_below(architecture: Architecture, memory: str) -> tuple[Place, ...]:
    """Axes of the fanouts between a memory and the next one inwards, outermost first."""
    found: list[Place] = []
    inside = False
    for node in architecture.nodes:
        if isinstance(node, Memory):
            if inside:
                break
            inside = node.name == memory
        elif inside and isinstance(node, Fanout):
            found += [Place(node.name, a.name, a.size) for a in node.axes]
    return tuple(found)


def places_between(architecture: Architecture, memories: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
    """Per memory of a mapping, the axes below it, those below the memories that the mapping leaves out included."""
    names = [m.name for m in architecture.memories]
    groups: list[list[Place]] = []
    for name in names:
        if name in memories or not groups:
            groups.append([])
        groups[-1] += places_below(architecture, name)
    return tuple(tuple(g) for g in groups)


def used_places(level: Level) -> tuple[Place, ...]:
    """The axes that a level's loops lie on, as large as they are used: all that is known without an architecture."""
    sizes: dict[tuple[str, str], int] = {}
    for turn in level.spatial:
        key = turn.loop.target or "", turn.loop.axis or ""
        sizes[key] = sizes.get(key, 1) * turn.trips
    return tuple(Place(*key, size) for key, size in sizes.items())


def on_places(level: Level, places: Iterable[Place]) -> tuple[tuple[Turn, ...], ...]:
    """The loops in space of each place, in its order; E-RESID where one dim's loops would change places and do not divide."""
    listed = list(places)
    order = {(p.fanout, p.axis): i for i, p in enumerate(listed)}
    stray = [t for t in level.spatial if (t.loop.target, t.loop.axis) not in order]
    if stray:
        where = f"{stray[0].loop.target}.{stray[0].loop.axis}"
        raise UnsupportedError(
            f"E-AXIS: a loop over '{stray[0].dim}' lies on {where}, which is not below '{level.memory}'"
        )
    ordered = sorted(level.spatial, key=lambda t: order[t.loop.target or "", t.loop.axis or ""])
    for dim in {t.dim for t in ordered if not t.even}:
        before, after = ([t for t in turns if t.dim == dim] for turns in (level.spatial, ordered))
        if before != after and not all(t.even for t in before):
            raise UnsupportedError(
                f"E-RESID: '{dim}' lies on several axes in another order, with tiles that do not divide"
            )
    return tuple(tuple(t for t in ordered if (t.loop.target, t.loop.axis) == (p.fanout, p.axis)) for p in listed)
