"""The order in which the points of a fused tree run, one by one: what fused_oracle.py looks at.

A tree is walked as it stands; whether it may run, what it moves and what it keeps are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.fused import Address, dims_of
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem


@dataclass(frozen=True)
class Met:
    """A node on the way to a point: iteration of a loop (0 for others) and the problem's ranges below it."""

    at: Address
    node: TreeNode
    index: int
    trips: int
    ranges: Mapping[str, tuple[int, int]]
    dim: str = ""
    stage: int = -1


@dataclass(frozen=True)
class Point:
    """One iteration of one problem at one time; in a pipe or par several points have the same time.

    settled   when others can count on what it made: at once, or at the end of the step of a pipe
    """

    time: int
    problem: str
    way: tuple[Met, ...]
    settled: int = -1

    @property
    def here(self) -> Mapping[str, tuple[int, int]]:
        return self.way[-1].ranges


_Branch = tuple[Sequence[TreeNode], Address, Mapping[str, Mapping[str, tuple[int, int]]], Mapping[str, tuple[Met, ...]]]
"""Nodes, their place, ranges and ways so far of the problems in it."""


class Schedule:
    """The order in which the points of a tree run."""

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        self.problems = problems
        self.clock = 0
        self.points: list[Point] = []

    def run(self, mapping: MappingTree) -> list[Point]:
        start = {name: {d: (0, n) for d, n in p.extents.items()} for name, p in self.problems.items()}
        self._nodes(mapping.nodes, (), start, dict.fromkeys(self.problems, ()))
        return self.points

    def _nodes(
        self,
        nodes: Sequence[TreeNode],
        prefix: Address,
        ranges: Mapping[str, Mapping[str, tuple[int, int]]],
        ways: Mapping[str, tuple[Met, ...]],
        index: int = 0,
    ) -> None:
        """Everything from nodes[index] on; `ways` holds the problems below."""
        node, at = nodes[index], (*prefix, index)
        piped = isinstance(nodes[-1], Pipe)
        if isinstance(node, Compute):
            name = node.problem or next(iter(self.problems))
            way = (*ways[name], Met(at, node, 0, 1, ranges[name]))
            self.points.append(Point(self.clock, name, way, self.clock))
            self.clock += 1
        elif isinstance(node, Seq):
            for b, child in enumerate(node.children):
                self._branch(child, (*at, b), ranges, ways)
        elif isinstance(node, Par):
            self._at_once([(child, (*at, b), ranges, ways) for b, child in enumerate(node.children)])
        elif isinstance(node, Pipe) or (piped and index == 0):
            self._pipe(nodes, prefix, ranges, ways)
        elif isinstance(node, Loop):
            for r, w in self._iterations(node, at, ranges, ways):
                self._nodes(nodes, prefix, r, w, index + 1)
        elif isinstance(node, Hold) and node.mode == "keep":
            self._nodes(nodes, prefix, ranges, self._met(node, at, ranges, ways), index + 1)
        else:
            raise UnsupportedError("the oracle takes loops, holds that keep and branches; no joint loops, no streams")

    def _branch(
        self,
        nodes: Sequence[TreeNode],
        prefix: Address,
        ranges: Mapping[str, Mapping[str, tuple[int, int]]],
        ways: Mapping[str, tuple[Met, ...]],
    ) -> None:
        names = set(_computed(nodes))
        self._nodes(
            nodes,
            prefix,
            {n: r for n, r in ranges.items() if n in names},
            {n: w for n, w in ways.items() if n in names},
        )

    def _at_once(self, branches: Sequence[_Branch]) -> None:
        """All begin now; time goes on when the last has ended."""
        start = end = self.clock
        before = len(self.points)
        for branch in branches:
            self.clock = start
            self._branch(*branch)
            end = max(end, self.clock)
        self.clock = end
        self.points[before:] = [replace(p, settled=end - 1) for p in self.points[before:]]

    def _met(
        self,
        node: TreeNode,
        at: Address,
        ranges: Mapping[str, Mapping[str, tuple[int, int]]],
        ways: Mapping[str, tuple[Met, ...]],
    ) -> dict[str, tuple[Met, ...]]:
        return {name: (*way, Met(at, node, 0, 1, ranges[name])) for name, way in ways.items()}

    def _iterations(
        self,
        loop: Loop,
        at: Address,
        ranges: Mapping[str, Mapping[str, tuple[int, int]]],
        ways: Mapping[str, tuple[Met, ...]],
    ) -> Iterator[tuple[dict[str, Mapping[str, tuple[int, int]]], dict[str, tuple[Met, ...]]]]:
        """Ranges and ways of every iteration of a loop, of all problems that it iterates."""
        named = dims_of(loop)
        dims = named or {name: loop.dim for name, r in ranges.items() if loop.dim in r}
        pieces: dict[str, list[tuple[int, int]]] = {}
        trips = 0
        for name, dim in dims.items():
            low, high = ranges[name][dim]
            if named and name != next(iter(named)):
                step = (high - low) // max(trips, 1)
                pieces[name] = [(low + k * step, low + (k + 1) * step) for k in range(trips)]
            else:
                pieces[name] = list(_cut(loop, low, high))
                trips = max(trips, len(pieces[name]))
        for k in range(trips):
            # A plain loop above problems with fewer trips of their own is illegal; they skip what they do not have.
            r = {n: {**old, dims[n]: pieces[n][k]} if n in dims else old for n, old in ranges.items() if n not in dims or k < len(pieces[n])}  # fmt: skip
            w = {
                n: (*way, Met(at, loop, k, len(pieces[n]), r[n], dims[n]))
                for n, way in ways.items()
                if n in r and n in dims
            }
            yield r, {**{n: way for n, way in ways.items() if n in r and n not in dims}, **w}

    def _pipe(
        self,
        nodes: Sequence[TreeNode],
        prefix: Address,
        ranges: Mapping[str, Mapping[str, tuple[int, int]]],
        ways: Mapping[str, tuple[Met, ...]],
    ) -> None:
        """At step s stage i does iteration s - i of the loops right above the pipe."""
        rounds = [(dict(ranges), dict(ways))]
        for k, node in enumerate(nodes[:-1]):
            at = (*prefix, k)
            if isinstance(node, Loop) and node.spatial:
                raise UnsupportedError("the oracle takes no loop in space right above a pipe")
            if isinstance(node, Loop):
                rounds = [inner for r, w in rounds for inner in self._iterations(node, at, r, w)]  # type: ignore[misc]
            else:
                rounds = [(r, self._met(node, at, r, w)) for r, w in rounds]
        pipe, at = nodes[-1], (*prefix, len(nodes) - 1)
        assert isinstance(pipe, Pipe)
        for s in range(len(rounds) + len(pipe.children) - 1):
            step: list[_Branch] = []
            for i, child in enumerate(pipe.children):
                if 0 <= s - i < len(rounds):
                    r, w = rounds[s - i]
                    step.append(
                        (child, (*at, i), r, {n: tuple(_staged(m, prefix, i) for m in way) for n, way in w.items()})
                    )
            self._at_once(step)


def _computed(nodes: Sequence[TreeNode]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Compute):
            yield node.problem or ""
        elif isinstance(node, Seq | Pipe | Par):
            for child in node.children:
                yield from _computed(child)


def _staged(met: Met, prefix: Address, stage: int) -> Met:
    """Loops right above a pipe run for each stage at its own time."""
    return Met(met.at, met.node, met.index, met.trips, met.ranges, met.dim, stage) if met.at[:-1] == prefix else met


def _cut(loop: Loop, low: int, high: int) -> Iterator[tuple[int, int]]:
    step = loop.tile if loop.first is None else loop.first
    while low < high:
        yield low, min(low + step, high)
        low, step = low + step, loop.tile
