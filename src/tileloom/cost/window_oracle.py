"""Ground truth for tile loops over overlapping windows: which elements every iteration needs, has, makes and keeps.

Element sets only: no intervals, no formula of mapping/windows.py or halo.py is used but the names in the tree. What runs
inside one tile is a chain like any other (oracle.py); far too slow for anything but tests and explanations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.halo import is_tiling, leaf_problem, named_dims
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, Seq, TreeNode
from tileloom.workload.problem import Problem, Tensor

Element = tuple[int, ...]
Iteration = tuple[int, ...]


@dataclass(frozen=True)
class WindowRun:
    """branches   (problem, extents of the tile) -> iterations in which just that is made
    made       tensor -> element -> how often it is made (of inputs: loaded into the window)
    most       tensor -> elements alive at once, at most: the window and what is kept of earlier ones
    faults     extents that occur without a branch, branches whose extents never occur
    """

    branches: Mapping[tuple[str, tuple[int, ...]], int]
    made: Mapping[str, Mapping[Element, int]]
    most: Mapping[str, int]
    faults: tuple[str, ...]


def run_windows(problems: Sequence[Problem], mapping: MappingTree) -> WindowRun:
    """Follow the tile loops of a tree that has them above everything else, one or two.

    Raises UnsupportedError for other trees.
    """
    loops, strips, below = _tile_loops(mapping)
    by_name = {p.name: p for p in problems}
    leaves = [leaf_problem(leaf, by_name) for leaf in _leaves(below)]
    inside = [p for p in problems if p.name in named_dims(loops[0])]
    leader = by_name[next(iter(named_dims(loops[0])))]
    tiles = [_cut(leader.extents[named_dims(x)[leader.name]], x.tile) for x in loops]
    steps = list(product(*(range(len(t)) for t in tiles)))
    regions: dict[str, dict[Iteration, dict[str, range]]] = {
        leader.name: {at: {named_dims(x)[leader.name]: t[k] for x, t, k in zip(loops, tiles, at)} for at in steps}
    }
    made: dict[str, Counter[Element]] = {}
    most: dict[str, int] = {}
    asked: dict[str, dict[Iteration, set[Element]]] = {}
    for problem in reversed(inside):
        out = problem.output.name
        if problem is not leader:
            made[out], most[out], new = _follow(asked[out], steps, [out in s for s in strips], len(loops))
            regions[problem.name] = {
                at: {named_dims(x)[problem.name]: _span(problem, named_dims(x)[problem.name], new[at]) for x in loops}
                for at in steps
            }
        written = {p.output.name: p for p in inside}
        for tensor in problem.inputs:
            known = asked.setdefault(tensor.name, {at: set() for at in steps})
            source = written.get(tensor.name)
            limits = [a.span(source.extents) for a in source.output.axes] if source else _sizes(problem, tensor)
            for at in steps:
                known[at] |= _read(problem, tensor, regions[problem.name][at], limits)
    for name, wanted in asked.items():
        if name not in made and name in {t for s in strips for t in s} | _moved(inside, loops):
            made[name], most[name], _ = _follow(wanted, steps, [name in s for s in strips], len(loops))
    branches: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for problem in inside:
        for at in steps:
            extents = tuple(len(r) for r in regions[problem.name][at].values())
            if all(extents):
                branches[problem.name, extents] += 1
    named = {(name, tuple(extents.values())) for name, extents in leaves}
    faults = [f"'{n}' makes {list(e)}, which no branch is for" for n, e in branches if (n, e) not in named]
    faults += [f"'{n}' never makes {list(e)}" for n, e in sorted(named) if (n, e) not in branches]
    return WindowRun(branches, made, most, tuple(faults))


def _tile_loops(mapping: MappingTree) -> tuple[list[Loop], list[set[str]], Sequence[TreeNode]]:
    """The tile loops, the tensors whose overlap each keeps, and the nodes below."""
    loops: list[Loop] = []
    strips: list[set[str]] = []
    waiting: set[str] = set()
    nodes: Sequence[TreeNode] = mapping.nodes
    last = max((k for k, n in enumerate(nodes) if is_tiling(n)), default=-1)
    for node in nodes[: last + 1]:
        if isinstance(node, Hold) and node.mode == "strip":
            waiting |= set(node.tensors)
        elif isinstance(node, Loop) and is_tiling(node):
            loops.append(node)
            strips.append(waiting)
            waiting = set()
        elif not isinstance(node, Hold):
            raise UnsupportedError("the oracle takes tile loops that stand above all other loops and branches")
    if not 1 <= len(loops) <= 2:
        raise UnsupportedError(f"the oracle takes one or two tile loops, not {len(loops)}")
    return loops, strips, nodes[last + 1 :]


def _leaves(nodes: Sequence[TreeNode]) -> Iterator[Compute]:
    for node in nodes:
        if isinstance(node, Compute):
            yield node
        elif isinstance(node, Seq):
            for child in node.children:
                yield from _leaves(child)


def _cut(extent: int, tile: int) -> list[range]:
    return [range(a, min(a + tile, extent)) for a in range(0, extent, tile)]


def _sizes(problem: Problem, tensor: Tensor) -> list[int]:
    return [a.span(problem.extents) - a.pad_lo - a.pad_hi for a in tensor.axes]


def _moved(problems: Sequence[Problem], loops: Sequence[Loop]) -> set[str]:
    """Tensors that some tile loop moves."""
    return {t.name for p in problems for t in p.tensors for x in loops if named_dims(x)[p.name] in t.dims}


def _read(problem: Problem, tensor: Tensor, region: Mapping[str, range], limits: Sequence[int]) -> set[Element]:
    """Elements that the points of a region touch; padding is none."""
    dims = [d for d in problem.extents if d in tensor.dims]
    found = set()
    for point in product(*(region.get(d, range(problem.extents[d])) for d in dims)):
        value = dict(zip(dims, point))
        element = tuple(sum(c * value[d] for d, c in a.terms) + a.offset - a.pad_lo for a in tensor.axes)
        if all(0 <= x < n for x, n in zip(element, limits)):
            found.add(element)
    return found


def _span(problem: Problem, dim: str, elements: set[Element]) -> range:
    """The range of a dim of the producer that makes these elements."""
    axis = next(a for a, x in enumerate(problem.output.axes) if x.terms == ((dim, 1),))
    places = sorted({e[axis] for e in elements})
    return range(places[0], places[-1] + 1) if places else range(0)


def _box(elements: set[Element]) -> set[Element]:
    sides = [sorted(set(side)) for side in zip(*elements)]
    return set(product(*(range(side[0], side[-1] + 1) for side in sides))) if elements else set()


def _follow(
    wanted: Mapping[Iteration, set[Element]], steps: Sequence[Iteration], keeps: Sequence[bool], depth: int
) -> tuple[Counter[Element], int, dict[Iteration, set[Element]]]:
    """(element -> how often it is made, elements alive at most, what every iteration makes) of one tensor.

    Without any strip each iteration makes all it needs. The inner loop's strip carries what the next tile needs too; the
    outer loop's what the next row of tiles needs, until that row has passed it.
    """
    outer, inner = (keeps[0], keeps[1]) if depth == 2 else (False, keeps[0])
    made: Counter[Element] = Counter()
    new: dict[Iteration, set[Element]] = {}
    held: set[Element] = set()
    row: set[Element] = set()
    handed: set[Element] = set()
    most = 0
    # Tiles are boxes: what a stride skips inside one is made, too.
    wanted = {at: _box(elements) for at, elements in wanted.items()}
    for n, at in enumerate(steps):
        here = wanted[at]
        if depth == 2 and n and steps[n - 1][0] != at[0]:
            handed, row, held = row, set(), set()
        new[at] = here - held - handed
        made.update(new[at])
        most = max(most, len(here | held | handed | row))
        rest = [steps[k] for k in range(n + 1, len(steps)) if steps[k][0] == at[0]] if depth == 2 else []
        after = steps[n + 1] if n + 1 < len(steps) else None
        held = here & wanted[after] if inner and after is not None and after[:-1] == at[:-1] else set()
        if depth == 2:
            handed = {e for e in handed if any(e in wanted[k] for k in rest)}
            below = set().union(*(wanted[k] for k in steps if k[0] == at[0] + 1)) if outer else set()
            row |= here & below
    return made, most, new
