"""Ground truth for small nests: walks every iteration in time and space and counts sets of elements that really move.

It shares no formula with counts.py and is far too slow for anything but tests and explanations. Energy and time are
not its business.

Two readings of the same mapping:
    literal   each time a Hold is entered its whole rectangular tile is transferred; must equal counts.py
    ideal     only elements that are needed, and not there already, are transferred
Whatever `ideal` saves has a name (`savings`):
    stationary      the tile is the same as in the visit before (a Hold below a loop that does not move the tensor)
    halo-refetch    the tile overlaps that of the visit before (sliding window)
    neighbour-halo  an element goes to several neighbours at once that do not have the same tile
    stride-gap      positions inside the tile that no iteration touches (stride larger than the kernel)
    partial-output  an output indexed by a sum of dims: elements fetched back that were never written
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import Literal

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.counts import AccessCount, Counts
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.problem import Problem, Tensor

Mode = Literal["literal", "ideal"]
Element = tuple[int, ...]
Elements = frozenset[Element]
Place = tuple[int, ...]
"""Indices of all spatial loops above a node: which of its instances."""

MAX_POINTS = 20_000
NONE: Elements = frozenset()


@dataclass(frozen=True, slots=True)
class Visit:
    """One instance of a node is entered.

    time     indices of the temporal loops above
    corner   ranges of the dims that alone index an axis: equal for visits of the same output tile
    tile     the rectangle;  touched: elements that an iteration below uses
    """

    time: tuple[int, ...]
    place: Place
    corner: tuple[tuple[int, int], ...]
    tile: Elements
    touched: Elements


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one visit moves, down into the child (`fetch`) and back up (`drain`), in both readings."""

    visit: Visit
    fetch: Elements
    ideal_fetch: Elements
    drain: Elements
    ideal_drain: Elements
    before: Visit | None
    after: Visit | None


@dataclass(frozen=True, slots=True)
class Saving:
    """Values by which `ideal` stays below `literal` for one reason."""

    memory: str
    tensor: str
    action: Literal["read", "write"]
    name: str
    values: int


class _Ledger:
    """Running totals: (memory, tensor, action) -> instance -> values, and what was saved under which name."""

    def __init__(self, mapping: MappingTree) -> None:
        self.moved: dict[tuple[str, str, str], Counter[Place]] = {
            (hold.memory, tensor, action): Counter()
            for hold in mapping.holds
            for tensor in hold.tensors
            for action in ("read", "write")
        }
        self.saved: Counter[tuple[str, str, str, str]] = Counter()


def simulate(problem: Problem, architecture: Architecture, mapping: MappingTree, mode: Mode = "literal") -> Counts:
    """Run the nest and count. Raises UnsupportedError for more than MAX_POINTS iterations, branches and Joint loops.

    Spatial loops must stand on the right side of the Holds (legality); none is moved here.
    """
    ledger, visits = _run(problem, architecture, mapping, mode)
    leaves = Counter(v.place for v in visits[len(mapping.nodes) - 1, problem.output.name])
    rows = []
    for hold in mapping.holds:
        for tensor in hold.tensors:
            read, write = (ledger.moved[hold.memory, tensor, action] for action in ("read", "write"))
            rows.append(
                AccessCount(
                    hold.memory,
                    tensor,
                    sum(read.values()),
                    sum(write.values()),
                    max(read.values(), default=0),
                    max(write.values(), default=0),
                )
            )
    return Counts(
        accesses=tuple(rows),
        macs=0 if problem.copy else sum(leaves.values()),
        steps=0 if problem.copy else max(leaves.values()),
        units=len(leaves),
        spatial_use=_axes_in_use(architecture, mapping, leaves),
    )


def savings(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[Saving, ...]:
    """Every value that `ideal` does not move, by name; they sum to literal - ideal for each memory and tensor."""
    ledger, _ = _run(problem, architecture, mapping, "ideal")
    rows = []
    for (memory, tensor, action, name), values in sorted(ledger.saved.items()):
        if values:
            rows.append(Saving(memory, tensor, "read" if action == "read" else "write", name, values))
    return tuple(rows)


def _run(
    problem: Problem, architecture: Architecture, mapping: MappingTree, mode: Mode
) -> tuple[_Ledger, dict[tuple[int, str], list[Visit]]]:
    if problem.macs > MAX_POINTS:
        raise UnsupportedError(f"the oracle walks every iteration; {problem.macs} points are more than {MAX_POINTS}")
    if any(not isinstance(n, Loop | Hold | Compute) for n in mapping.nodes):
        raise UnsupportedError("the oracle takes chains of loops and holds, no branches and no joint loops")
    visits: dict[tuple[int, str], list[Visit]] = defaultdict(list)
    for at, named, visit in _walk(problem, mapping, 0, {d: (0, n) for d, n in problem.extents.items()}, (), ()):
        visits[at, named].append(visit)
    ledger = _Ledger(mapping)
    for tensor in problem.tensors:
        holds = [i for i, n in enumerate(mapping.nodes) if isinstance(n, Hold) and tensor.name in n.tensors]
        keeps = [i for i in holds if _hold(mapping, i).mode == "keep"]
        if not keeps:
            raise InputError(f"tensor '{tensor.name}' is held nowhere")
        for parent, child in pairwise([*keeps, len(mapping.nodes) - 1]):
            leaf = child == len(mapping.nodes) - 1
            if leaf and problem.copy:
                continue
            crossing = _Crossing(architecture, mapping, tensor, parent, child, leaf, problem.copy)
            crossing.book(visits[child, tensor.name], ledger, mode, at=parent, passing=False)
            for between in holds:
                if parent < between < child:
                    crossing.book(visits[child, tensor.name], ledger, mode, at=between, passing=True)
    return ledger, visits


def _walk(
    problem: Problem,
    mapping: MappingTree,
    at: int,
    ranges: Mapping[str, tuple[int, int]],
    time: tuple[int, ...],
    place: Place,
) -> Iterator[tuple[int, str, Visit]]:
    """Visits of all Holds and of the Compute below node `at`, for one path through the loops above."""
    node = mapping.nodes[at]
    if isinstance(node, Loop):
        for index, piece in enumerate(_pieces(node, *ranges[node.dim])):
            inner = {**ranges, node.dim: piece}
            if node.spatial:
                yield from _walk(problem, mapping, at + 1, inner, time, (*place, index))
            else:
                yield from _walk(problem, mapping, at + 1, inner, (*time, index), place)
        return
    for tensor in problem.tensors:
        if isinstance(node, Compute) or (isinstance(node, Hold) and tensor.name in node.tensors):
            own = tuple((d, ranges[d]) for d in problem.extents if d in tensor.dims)
            corner = tuple(r for d, r in own if tensor.relevance(d) == "relevant")
            yield at, tensor.name, Visit(time, place, corner, _rectangle(tensor, own), _touched(tensor, own))
    if not isinstance(node, Compute):
        yield from _walk(problem, mapping, at + 1, ranges, time, place)


def _pieces(loop: Loop, low: int, high: int) -> Iterator[tuple[int, int]]:
    step = loop.tile if loop.first is None else loop.first
    while low < high:
        yield low, min(low + step, high)
        low, step = low + step, loop.tile


@lru_cache(maxsize=50_000)
def _rectangle(tensor: Tensor, ranges: tuple[tuple[str, tuple[int, int]], ...]) -> Elements:
    """All positions from the first to the last on every axis."""
    bounds = dict(ranges)
    lines = []
    for axis in tensor.axes:
        low = sum(c * bounds[d][0] for d, c in axis.terms)
        lines.append(range(low, sum(c * (bounds[d][1] - 1) for d, c in axis.terms) + 1))
    return frozenset(product(*lines))


@lru_cache(maxsize=50_000)
def _touched(tensor: Tensor, ranges: tuple[tuple[str, tuple[int, int]], ...]) -> Elements:
    """Elements that some iteration in the ranges uses."""
    dims = [d for d, _ in ranges]
    found = set()
    for point in product(*(range(*r) for _, r in ranges)):
        value = dict(zip(dims, point))
        found.add(tuple(sum(c * value[d] for d, c in axis.terms) for axis in tensor.axes))
    return frozenset(found)


def _hold(mapping: MappingTree, at: int) -> Hold:
    node = mapping.nodes[at]
    assert isinstance(node, Hold)
    return node


def _axes_in_use(
    architecture: Architecture, mapping: MappingTree, places: Iterable[Place]
) -> tuple[tuple[str, str, int], ...]:
    """Distinct combinations of indices that the loops of each axis take."""
    loops = [loop for loop in mapping.loops if loop.spatial]
    listed = list(places)
    rows = []
    for fanout in architecture.fanouts:
        for axis in fanout.axes:
            own = [k for k, loop in enumerate(loops) if (loop.target, loop.axis) == (fanout.name, axis.name)]
            rows.append((fanout.name, axis.name, len({tuple(place[k] for k in own) for place in listed})))
    return tuple(rows)


class _Crossing:
    """All traffic of one tensor between one Hold and the next, or the Compute."""

    def __init__(
        self,
        architecture: Architecture,
        mapping: MappingTree,
        tensor: Tensor,
        parent: int,
        child: int,
        leaf: bool,
        copy: bool,
    ) -> None:
        self.mapping, self.tensor, self.child, self.leaf = mapping, tensor, child, leaf
        self.architecture = architecture
        self.down = not (copy and tensor.is_output)
        inner = None if leaf else architecture.memory(_hold(mapping, child).memory)
        outer = architecture.memory(_hold(mapping, parent).memory)
        self.fill_first = inner is not None and inner.refetch_first_output
        self.read_first = self.fill_first or outer.refetch_first_output
        self.spatial = [(i, n) for i, n in enumerate(mapping.nodes[:child]) if isinstance(n, Loop) and n.spatial]

    def book(self, visits: list[Visit], ledger: _Ledger, mode: Mode, *, at: int, passing: bool) -> None:
        """Enter what moves into the ledger; `at` is the parent, or a stream Hold on the way when `passing`."""
        upper, name = _hold(self.mapping, at).memory, self.tensor.name
        into = self._transfers(visits, (self.read_first and not passing) or self.fill_first)
        if self.down:
            self._shared(into, "fetch", ledger, (upper, name, "read"), mode, at)
        if self.tensor.is_output:
            self._shared(into, "drain", ledger, (upper, name, "read" if passing else "write"), mode, at)
        if self.leaf or passing:
            return
        lower = _hold(self.mapping, self.child).memory
        if self.down:
            self._own(self._transfers(visits, self.fill_first), "fetch", ledger, (lower, name, "write"), mode)
        if self.tensor.is_output:
            self._own(into, "drain", ledger, (lower, name, "read"), mode)

    def _transfers(self, visits: list[Visit], first_counts: bool) -> list[Transfer]:
        instances: dict[Place, list[Visit]] = defaultdict(list)
        for visit in visits:
            instances[visit.place].append(visit)
        made = []
        for listed in instances.values():
            listed.sort(key=lambda v: v.time)
            corners: set[tuple[tuple[int, int], ...]] = set()
            seen: set[Element] = set()
            for before, visit, after in zip([None, *listed], listed, [*listed[1:], None]):
                old = visit.touched if first_counts or not self.tensor.is_output else visit.touched & seen
                there = NONE if self.leaf or before is None else before.touched
                stays = NONE if self.leaf or after is None else after.touched
                known = first_counts or not self.tensor.is_output or visit.corner in corners
                fetch = visit.tile if known else NONE
                made.append(Transfer(visit, fetch, old - there, visit.tile, visit.touched - stays, before, after))
                corners.add(visit.corner)
                seen |= visit.touched
        return made

    def _own(self, transfers: list[Transfer], way: str, ledger: _Ledger, key: tuple[str, str, str], mode: Mode) -> None:
        """The child's side: every instance moves its own copy."""
        for t in transfers:
            literal, ideal = _sets(t, way)
            ledger.moved[key][t.visit.place] += len(literal if mode == "literal" else ideal)
            for element in literal - ideal:
                ledger.saved[(*key, _reason(t, way, element))] += 1

    def _shared(
        self, transfers: list[Transfer], way: str, ledger: _Ledger, key: tuple[str, str, str], mode: Mode, at: int
    ) -> None:
        """The parent's side: one transfer serves a group of instances."""
        above = [k for k, (i, _) in enumerate(self.spatial) if i < at]
        wired = {k for k, (i, loop) in enumerate(self.spatial) if i > at and self._wired(loop)}
        alike = {k for k in wired if self.spatial[k][1].dim not in self.tensor.dims}
        groups: dict[tuple[object, ...], list[Transfer]] = defaultdict(list)
        for t in transfers:
            groups[(t.visit.time, _without(t.visit.place, alike))].append(t)
        sent: set[tuple[object, ...]] = set()
        for members in groups.values():
            first = members[0].visit
            parent = tuple(first.place[k] for k in above)
            literal = frozenset().union(*(_sets(t, way)[0] for t in members))
            ideal = frozenset().union(*(_sets(t, way)[1] for t in members))
            fresh = {e for e in ideal if (first.time, _without(first.place, wired), e) not in sent}
            sent |= {(first.time, _without(first.place, wired), e) for e in fresh}
            ledger.moved[key][parent] += len(literal if mode == "literal" else fresh)
            for element in literal - fresh:
                reason = "neighbour-halo" if element in ideal else _reason(members[0], way, element)
                ledger.saved[(*key, reason)] += 1

    def _wired(self, loop: Loop) -> bool:
        return self.architecture.fanout(loop.target or "").axis(loop.axis or "").multicast.has(self.tensor)


def _without(place: Place, dropped: set[int]) -> Place:
    return tuple(index for k, index in enumerate(place) if k not in dropped)


def _sets(transfer: Transfer, way: str) -> tuple[Elements, Elements]:
    if way == "fetch":
        return transfer.fetch, transfer.ideal_fetch
    return transfer.drain, transfer.ideal_drain


def _reason(transfer: Transfer, way: str, element: Element) -> str:
    if element not in transfer.visit.touched:
        return "stride-gap"
    other = transfer.before if way == "fetch" else transfer.after
    if other is None or element not in other.touched:
        return "partial-output"
    return "stationary" if other.tile == transfer.visit.tile else "halo-refetch"
