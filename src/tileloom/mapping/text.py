"""Prints a mapping as the loop nest a person would draw; errors, reports and golden tests show this text.

It is for reading only: yaml.py holds the exact form that can be read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tileloom.mapping.halo import split_name
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

JOINED_BY = {Seq: ("seq", "then"), Pipe: ("pipe", "into"), Par: ("par", "beside")}
"""How a branch node is introduced, and the word between two of its branches."""


class TrafficRow(Protocol):
    """The part of a cost row that is printed beside a Hold or a Compute."""

    @property
    def component(self) -> str: ...
    @property
    def tensor(self) -> str: ...
    @property
    def energy_pj(self) -> float: ...


class CostLike(Protocol):
    """What is read of a cost; the layer that makes it lies above this one."""

    @property
    def traffic(self) -> Sequence[TrafficRow]: ...
    @property
    def energy_pj(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _Line:
    place: str
    body: str
    note: str = ""


def to_text(
    mapping: MappingTree, problem: Problem | Iterable[Problem] | None = None, cost: CostLike | None = None
) -> str:
    """The loop nest, one node a line: where, what, and the tile below it.

        DRAM  hold I W O
              for k in 4        (tile 16)
        PE.X  spatial c in 16
        RF    hold W
        MAC   compute

    problem  gives trip counts ('for k in 4'); a fused mapping takes all its problems. Without it tiles are shown
             ('for k step 16').
    cost     adds to every Hold and Compute the energy of its tensors there, in pJ, and its share of the whole.
    """
    problems = () if problem is None else (problem,) if isinstance(problem, Problem) else tuple(problem)
    lines = list(_lines(mapping.nodes, _Extents(problems), cost, ""))
    place_width = max((len(line.place) for line in lines), default=0) + 2
    body_width = max((len(line.body) for line in lines if line.note), default=0) + 2
    return "\n".join(f"{line.place:<{place_width}}{line.body:<{body_width}}{line.note}".rstrip() for line in lines)


class _Extents:
    """Current extent of each dim on the way in: what the loops left, or else the extent in the branch's problem."""

    def __init__(self, problems: tuple[Problem, ...], current: dict[str, int] | None = None) -> None:
        self.problems = problems
        self.current = dict(current or {})

    def of(self, dim: str) -> int | None:
        found = (p.extents[dim] for p in self.problems if dim in p.extents)
        return self.current[dim] if dim in self.current else next(found, None)

    def branch(self, nodes: Sequence[TreeNode]) -> _Extents:
        """The same for one branch: the problems computed in it come first."""
        computed = [split_name(name) for name in dict.fromkeys(_problems_in(nodes))]
        names = {name for name, _ in computed}
        # Below tile loops a branch is for tiles of given extents.
        tile = computed[0][1] if len(computed) == 1 else {}
        return _Extents(tuple(sorted(self.problems, key=lambda p: p.name not in names)), {**self.current, **tile})


def _problems_in(nodes: Sequence[TreeNode]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Compute) and node.problem is not None:
            yield node.problem
        elif isinstance(node, Seq | Pipe | Par):
            for child in node.children:
                yield from _problems_in(child)


def _lines(nodes: Sequence[TreeNode], extents: _Extents, cost: CostLike | None, indent: str) -> Iterator[_Line]:
    for node in nodes:
        if isinstance(node, Loop):
            place = f"{node.target or '?'}.{node.axis}" if node.spatial else node.target or ""
            text, note = _loop(node, extents)
            yield _Line(place, indent + ("spatial " if node.spatial else "for ") + text, note)
        elif isinstance(node, Joint):
            places = dict.fromkeys(f"{loop.target or '?'}.{loop.axis or '?'}" for loop in node.loops)
            parts = [_loop(loop, extents) for loop in node.loops]
            notes = ", ".join(note.strip("()") for _, note in parts if note)
            body = "spatial " + " with ".join(text for text, _ in parts)
            yield _Line("/".join(places), indent + body, f"({notes})" if notes else "")
        elif isinstance(node, Hold):
            word = {"keep": "hold", "stream": "stream", "strip": "keep overlap of"}[node.mode]
            yield _Line(node.memory, indent + " ".join((word, *node.tensors)), _energy(cost, node.memory, node.tensors))
        elif isinstance(node, Compute):
            body = "compute" if node.problem is None else f"compute {node.problem}"
            yield _Line(node.unit, indent + body, _energy(cost, node.unit, ("",)))
        else:
            opening, between = JOINED_BY[type(node)]
            yield _Line("", indent + opening)
            for number, child in enumerate(node.children):
                if number:
                    yield _Line("", indent + between)
                yield from _lines(child, extents.branch(child), cost, indent + "  ")


def _loop(loop: Loop, extents: _Extents) -> tuple[str, str]:
    """'k in 4' and '(tile 16, last 2)', or 'k step 16' where the extent is not known. Moves the extents inside."""
    outside = extents.of(loop.dim)
    known = outside is not None and bool(extents.problems)
    tile = loop.tile if outside is None else min(loop.tile, outside)
    extents.current[loop.dim] = tile
    ends = [f"{word} {value}" for word, value in (("first", loop.first), ("last", loop.last)) if value is not None]
    if not known or outside is None:
        return f"{loop.dim} step {loop.tile}", f"({', '.join(ends)})" if ends else ""
    remainder = outside % tile
    if remainder and loop.first is None and loop.last is None:
        ends.append(f"last {remainder}")
    notes = [f"tile {tile}", *ends] if tile > 1 or ends else []
    return f"{loop.dim} in {loop.trips(outside)}", f"({', '.join(notes)})" if notes else ""


def _energy(cost: CostLike | None, component: str, tensors: tuple[str, ...]) -> str:
    if cost is None:
        return ""
    energy = sum(r.energy_pj for r in cost.traffic if r.component == component and r.tensor in tensors)
    share = energy / cost.energy_pj if cost.energy_pj else 0.0
    return f"{energy:.4g} pJ ({share:.1%})"
