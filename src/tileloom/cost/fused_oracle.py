"""Ground truth for small fused mappings: runs the tree point by point and watches every element and every buffer.

It shares no formula with counts.py, fused_occupancy.py or fused_passing.py and is far too slow for anything but tests and
explanations. What it knows of a tree is the order in which its points run (fused_schedule.py), and of a Hold that it is entered
once for every combination of the loops above it. Energy and time are not its business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.core.errors import UnsupportedError
from tileloom.cost.counts import AccessCount
from tileloom.cost.fused_schedule import Met, Point, Schedule
from tileloom.mapping.fused import Address, own_copy
from tileloom.mapping.tree import Hold, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Problem, Tensor

MAX_POINTS = 20_000
Ranges = tuple[tuple[str, tuple[int, int]], ...]
Element = tuple[int, ...]
Instance = tuple[str, str, str, Address, tuple[int, ...]]
"""One tile in one memory: memory, tensor, owner ('' for all its users), Hold, iterations of the loops it lives in."""


@dataclass(frozen=True)
class FusedRun:
    """moved   per problem what it reads and writes at every hold (copies: at the two memories, if they differ)
    points   iterations per problem
    faults   every element of a tensor between problems that is not made exactly once, or read before it is whole
    live     per time: the problems that run, and bits per memory
    """

    moved: tuple[tuple[str, tuple[AccessCount, ...]], ...]
    points: tuple[tuple[str, int], ...]
    faults: tuple[str, ...]
    live: tuple[tuple[frozenset[str], tuple[tuple[str, int], ...]], ...]

    def bits(self, memory: str) -> list[tuple[frozenset[str], int]]:
        return [(running, dict(held).get(memory, 0)) for running, held in self.live]


def run_fused(
    problems: Sequence[Problem],
    chips: Mapping[str, Architecture],
    mapping: MappingTree,
    persistent: frozenset[str] = frozenset(),
    counts: Mapping[str, int] | None = None,
) -> FusedRun:
    """Run the tree. Names must be known and every dim cut down to 1 (legality); all else may be wrong.

    Raises UnsupportedError for more than MAX_POINTS iterations, joint loops, streams and a loop in space above a pipe.
    """
    if sum(p.macs for p in problems) > MAX_POINTS:
        raise UnsupportedError(f"the oracle walks every iteration; these problems have more than {MAX_POINTS}")
    by_name = {p.name: p for p in problems}
    points = Schedule(by_name).run(mapping)
    buffers = _Buffers(by_name, chips, points, persistent, counts or {})
    moved = []
    for problem in problems:
        mine = [p for p in points if p.problem == problem.name]
        moved.append((problem.name, tuple(_moves(problem, chips[problem.name], mine))))
    return FusedRun(
        moved=tuple(moved),
        points=tuple((p.name, sum(1 for q in points if q.problem == p.name)) for p in problems),
        faults=tuple(_faults(by_name, chips, points, buffers)),
        live=tuple(buffers.over_time()),
    )


@dataclass(frozen=True)
class _Held:
    """A tensor in a Hold on the way to a point: its instance, and the ranges of its tile there."""

    instance: Instance
    hold: int
    stop: int
    backs: bool
    tile: Mapping[str, tuple[int, int]]


class _Buffers:
    """Every tile that is ever in a memory, and from when to when."""

    def __init__(
        self,
        problems: Mapping[str, Problem],
        chips: Mapping[str, Architecture],
        points: Sequence[Point],
        persistent: frozenset[str],
        counts: Mapping[str, int],
    ) -> None:
        self.problems, self.chips, self.points = problems, chips, points
        self.persistent, self.counts = persistent, counts
        users: dict[tuple[str, Address], set[str]] = defaultdict(set)
        for point in points:
            for tensor in problems[point.problem].tensors:
                backing = _backing(point, tensor)
                if backing is not None:
                    users[tensor.name, point.way[backing].at].add(point.problem)
        self.common = {key for key, names in users.items() if len(names) > 1}
        self.spans: dict[object, tuple[int, int]] = {}
        self.held: list[dict[str, list[_Held]]] = []
        for point in points:
            for k, met in enumerate(point.way):
                if isinstance(met.node, Loop) and met.trips > 1:
                    low, high = self.spans.get(_execution(point, k), (point.time, point.time))
                    self.spans[_execution(point, k)] = min(low, point.time), max(high, point.time)
            self.held.append({t.name: list(self._holds(point, t)) for t in problems[point.problem].tensors})
        self.interval: dict[Instance, tuple[int, int]] = {}
        self.bits: dict[Instance, int] = {}
        self._fill()

    def _holds(self, point: Point, tensor: Tensor) -> Iterator[_Held]:
        backing, problem = _backing(point, tensor), self.problems[point.problem]
        for k, met in enumerate(point.way):
            own = _own(met.node, point.problem, problem)
            if tensor.name not in own:
                continue
            assert isinstance(met.node, Hold)
            stop = k if k == backing or own[-1] != tensor.name else _sunk(point, k, tensor, problem)
            owner = "" if k == backing and (tensor.name, met.at) in self.common else point.problem
            loops = tuple(m.index for m in point.way[: stop + 1] if isinstance(m.node, Loop) and m.trips > 1)
            instance = (met.node.memory, tensor.name, owner, met.at, loops)
            yield _Held(instance, k, stop, k == backing, point.way[stop].ranges)

    def _fill(self) -> None:
        writers = {p.output.name: name for name, p in self.problems.items()}
        end = self.points[-1].time
        for point, held in zip(self.points, self.held):
            problem = self.problems[point.problem]
            for name, places in held.items():
                for place in places:
                    low, high = self.span(point, place.stop)
                    times = 1
                    if place.backs and name in self.persistent:
                        low, high, times = 0, end, self.counts.get(point.problem, 1)
                        times = 1 if not place.instance[2] else times
                    known = self.interval.get(place.instance, (low, high))
                    self.interval[place.instance] = min(known[0], low), max(known[1], high)
                    if place.instance not in self.bits or writers.get(name) == point.problem:
                        memory, tensor = self.chips[point.problem].memory(place.instance[0]), problem.tensor(name)
                        size = len(_positions(tensor, place.tile)) * memory.bits_of(tensor)
                        self.bits[place.instance] = size * memory.buffers * times

    def span(self, point: Point, stop: int) -> tuple[int, int]:
        """A tile stays for the whole run of the first loop below it that makes several trips; else for the point."""
        for k in range(stop + 1, len(point.way)):
            if isinstance(point.way[k].node, Loop) and point.way[k].trips > 1:
                return self.spans[_execution(point, k)]
        return point.time, point.time

    def over_time(self) -> Iterator[tuple[frozenset[str], tuple[tuple[str, int], ...]]]:
        running: dict[int, dict[str, int]] = defaultdict(dict)
        for number, point in enumerate(self.points):
            running[point.time][point.problem] = number
        for time, names in running.items():
            alive = {i for i, (low, high) in self.interval.items() if low <= time <= high}
            for name, number in names.items():
                problem = self.problems[name]
                ends = [self.held[number][t.name][0].instance for t in problem.tensors if self.held[number][t.name]]
                if problem.copy and len({memory for memory, *_ in ends}) == 1:
                    # Within one memory a copy is one tile under two names.
                    alive -= {i for i in ends if i[1] == problem.output.name}
            table: dict[str, int] = defaultdict(int)
            for instance in alive:
                table[instance[0]] += self.bits[instance]
            yield frozenset(names), tuple(sorted(table.items()))


def _execution(point: Point, k: int) -> object:
    """One run of a loop from its first trip to its last: the loop, and the iterations of the loops around it."""
    met = point.way[k]
    return met.at, met.stage, tuple(m.index for m in point.way[:k] if isinstance(m.node, Loop))


def _own(node: TreeNode, name: str, problem: Problem) -> list[str]:
    """Tensors of one problem in a Hold."""
    if not isinstance(node, Hold):
        return []
    mine = {t.name: t.name for t in problem.tensors} | {own_copy(name, t.name): t.name for t in problem.tensors}
    return [mine[t] for t in node.tensors if t in mine]


def _backing(point: Point, tensor: Tensor) -> int | None:
    for k, met in enumerate(point.way):
        if isinstance(met.node, Hold) and {tensor.name, own_copy(point.problem, tensor.name)} & set(met.node.tensors):
            return k
    return None


def _sunk(point: Point, hold: int, tensor: Tensor, problem: Problem) -> int:
    """The innermost loop of those right below a Hold that only walk along the tensor, or slide over it once.

    What other problems hold in between is not there for this one.
    """
    stop = hold
    for k in range(hold + 1, len(point.way)):
        met = point.way[k]
        if isinstance(met.node, Loop) and met.trips == 1:
            continue
        if isinstance(met.node, Hold) and not _own(met.node, point.problem, problem):
            continue
        if not isinstance(met.node, Loop) or met.node.spatial or tensor.relevance(met.dim) == "irrelevant":
            break
        stop = k
        if tensor.relevance(met.dim) == "partial":
            break
    return stop


def _positions(tensor: Tensor, ranges: Mapping[str, tuple[int, int]]) -> list[Element]:
    """All positions from the first to the last on every axis."""
    lines = []
    for axis in tensor.axes:
        low = sum(c * ranges[d][0] for d, c in axis.terms)
        lines.append(range(low, sum(c * (ranges[d][1] - 1) for d, c in axis.terms) + 1))
    return list(product(*lines))


def _element(tensor: Tensor, ranges: Mapping[str, tuple[int, int]]) -> Element:
    """What one point touches, in positions of the data: padding before it is negative."""
    return tuple(sum(c * ranges[d][0] for d, c in axis.terms) - axis.pad_lo for axis in tensor.axes)


def _faults(
    problems: Mapping[str, Problem], chips: Mapping[str, Architecture], points: Sequence[Point], buffers: _Buffers
) -> Iterator[str]:
    """Of tensors between problems: elements made in several tiles, never made, or read before they are whole."""
    writers = {p.output.name: name for name, p in problems.items()}
    read = {t.name for p in problems.values() for t in p.inputs if writers.get(t.name, p.name) != p.name}
    made: dict[tuple[str, Element], set[Instance]] = defaultdict(set)
    whole: dict[tuple[Instance, Element], int] = {}
    for point, held in zip(points, buffers.held):
        out = problems[point.problem].output
        if out.name in read and held[out.name]:
            outer, *copies = held[out.name]
            element = _element(out, point.here)
            made[out.name, element].add(_same(outer.instance, chips[point.problem]))
            # What lies in a private copy comes back when that is left.
            done = max([point.settled, *(buffers.interval[c.instance][1] for c in copies)])
            key = _same(outer.instance, chips[point.problem]), element
            whole[key] = max(whole.get(key, done), done)
    for (name, element), tiles in made.items():
        if len(tiles) > 1:
            yield f"{name}{list(element)} is made in {len(tiles)} tiles"
    found: dict[str, None] = {}
    for point, held in zip(points, buffers.held):
        for tensor in problems[point.problem].inputs:
            if tensor.name not in read or not held[tensor.name]:
                continue
            element = _element(tensor, point.here)
            if (tensor.name, element) not in made:
                continue
            outer, *copies = held[tensor.name]
            # What lies in a private copy was fetched when that was entered.
            start = min([point.time, *(buffers.interval[c.instance][0] for c in copies)])
            since = whole.get((_same(outer.instance, chips[point.problem]), element))
            if since is None:
                found[f"'{point.problem}' reads {tensor.name}{list(element)} where it was never made"] = None
            elif start <= since:
                found[f"'{point.problem}' reads {tensor.name}{list(element)} before it is whole"] = None
    yield from found


def _same(instance: Instance, chip: Architecture) -> Instance:
    """Tiles in the outermost memory below no loop are one, whichever Hold they are in: nothing is dropped there."""
    memory, tensor, _, _, loops = instance
    return (memory, tensor, "", (), ()) if memory == chip.memories[0].name and not loops else instance


def _moves(problem: Problem, chip: Architecture, points: Sequence[Point]) -> Iterator[AccessCount]:
    """Each entry of a Hold moves its whole tile, and each point its values: the literal reading."""
    table: dict[tuple[str, str], dict[str, dict[tuple[int, ...], int]]] = {}
    for tensor in problem.tensors:
        holds = [
            k
            for k, met in enumerate(points[0].way)
            if tensor.name in _own(met.node, problem.name, problem) and isinstance(met.node, Hold)
        ]
        for k in holds:
            node = points[0].way[k].node
            assert isinstance(node, Hold)
            table[node.memory, tensor.name] = {"read": defaultdict(int), "write": defaultdict(int)}
        if not problem.copy:
            for parent, child in pairwise([*holds, len(points[0].way) - 1]):
                _cross(problem, chip, points, tensor, parent, child, table)
    if problem.copy:
        _copy(problem, points, table)
    for (memory, name), ways in table.items():
        read, write = ways["read"], ways["write"]
        yield AccessCount(
            memory,
            name,
            sum(read.values()),
            sum(write.values()),
            max(read.values(), default=0),
            max(write.values(), default=0),
        )


def _copy(
    problem: Problem, points: Sequence[Point], table: dict[tuple[str, str], dict[str, dict[tuple[int, ...], int]]]
) -> None:
    """Every element moves once, if source and target are in different memories."""
    (source,) = problem.inputs
    places = {name: memory for memory, name in table}
    if places[source.name] != places[problem.output.name]:
        for point in points:
            assert all(high - low == 1 for low, high in point.here.values())
            table[places[source.name], source.name]["read"][()] += 1
            table[places[problem.output.name], problem.output.name]["write"][()] += 1


def _cross(
    problem: Problem,
    chip: Architecture,
    points: Sequence[Point],
    tensor: Tensor,
    parent: int,
    child: int,
    table: dict[tuple[str, str], dict[str, dict[tuple[int, ...], int]]],
) -> None:
    """All traffic of a tensor between one Hold and the next, or the points."""
    leaf = child == len(points[0].way) - 1
    outer = points[0].way[parent].node
    inner = points[0].way[child].node
    assert isinstance(outer, Hold)
    above = table[outer.memory, tensor.name]
    below = table[inner.memory, tensor.name] if isinstance(inner, Hold) else None
    first_counts = isinstance(inner, Hold) and chip.memory(inner.memory).refetch_first_output
    first_read = first_counts or chip.memory(outer.memory).refetch_first_output
    entered: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    served: dict[str, set[object]] = {"read": set(), "write": set()}
    seen: set[object] = set()
    for point in points:
        loops = [(k, m) for k, m in enumerate(point.way[:child]) if isinstance(m.node, Loop)]
        time = tuple(m.index for _, m in loops if isinstance(m.node, Loop) and not m.node.spatial)
        space = [(k, m) for k, m in loops if isinstance(m.node, Loop) and m.node.spatial]
        place = tuple(m.index for _, m in space)
        if (time, place) in entered:
            continue
        entered.add((time, place))
        size = prod(axis.span({d: h - n for d, (n, h) in point.way[child].ranges.items()}) for axis in tensor.axes)
        corner = place, tuple(point.way[child].ranges[d] for d in problem.extents if tensor.relevance(d) == "relevant")
        again = not tensor.is_output or corner in seen
        seen.add(corner)
        # One transfer serves all instances along an axis with the wires for it, if they need the same tile.
        group = time, tuple(m.index for k, m in space if not (k > parent and _wired(chip, m, tensor)))
        instance = tuple(m.index for k, m in space if k < parent)
        if again or first_read:
            above["read"][instance] += 0 if group in served["read"] else size
            served["read"].add(group)
        if tensor.is_output:
            above["write"][instance] += 0 if group in served["write"] else size
            served["write"].add(group)
        if below is not None and not leaf:
            if again or first_counts:
                below["write"][place] += size
            if tensor.is_output:
                below["read"][place] += size


def _wired(chip: Architecture, met: Met, tensor: Tensor) -> bool:
    assert isinstance(met.node, Loop)
    axis = chip.fanout(met.node.target or "").axis(met.node.axis or "")
    return met.dim not in tensor.dims and axis.multicast.has(tensor)
