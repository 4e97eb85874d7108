"""Fused mappings: a tree whose Seq branches run several problems under shared loops, read one problem at a time.

A shared loop names the dim of every problem it iterates: by its plain name where all agree on name and tile, else as
`first.m = second.k` with the tile of the first; all make the same number of trips. A Hold above a Seq keeps its
tensor from the first branch that uses it to the last; above a loop it keeps it for all branches of the loop.
Tile loops over overlapping windows, with one branch per extents of a tile, are read by halo.py.
What is alive when is in fused_occupancy.py; costs are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tileloom.core.errors import InputError
from tileloom.mapping.halo import (
    Tiling,
    is_tiling,
    leaf_problem,
    own_holds,
    tile_counts,
    tile_extents,
    tile_problem,
    tilings,
)
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

JOIN = " = "
"""Between the dims that one shared loop iterates."""

Address = tuple[int, ...]
"""Position in the tree: index in the node list, then branch and index in it, and so on."""


@dataclass(frozen=True)
class Branch:
    """One problem's way through the tree.

    problem    below tile loops that of one tile, named after its extents
    chain      its nodes as a mapping of its own: other problems' tensors left out, loops over its own dims
    places     per node of the chain its address in the tree
    times      how often it runs: below tile loops, iterations in which the problem makes just these extents
    whole      the problem as given;  loops: the tile loops above it (halo.py), outermost first
    """

    problem: Problem
    chain: MappingTree
    places: tuple[Address, ...]
    times: int = 1
    whole: Problem | None = None
    loops: tuple[Tiling, ...] = ()

    @property
    def layer(self) -> Problem:
        """The problem as given."""
        return self.whole or self.problem


def shared_dim(dims: Mapping[str, str]) -> str:
    """Name of a loop over `dims` (problem -> dim), first problem first."""
    return JOIN.join(f"{problem}.{dim}" for problem, dim in dims.items())


def own_copy(problem: str, tensor: str) -> str:
    """Name, in a Hold above several problems, of the copy that only one of them uses."""
    return f"{problem}.{tensor}"


def dims_of(loop: Loop) -> dict[str, str]:
    """Problem -> dim for a loop with a joined name; empty for a plain one."""
    if JOIN not in loop.dim:
        return {}
    found = {}
    for part in loop.dim.split(JOIN):
        problem, _, dim = part.rpartition(".")
        found[problem] = dim
    return found


def branches(mapping: MappingTree, problems: Sequence[Problem]) -> tuple[Branch, ...]:
    """The way of every Compute of the tree, in execution order.

    Raises InputError for a Compute of an unknown problem, a problem computed twice or never, and a shared loop that
    does not say how a problem iterates it.
    """
    by_name = {p.name: p for p in problems}
    tiles = tilings(mapping.nodes, problems)
    faults: list[str] = []
    found: list[Branch] = []
    for path in paths_of(mapping):
        leaf = path[-1][1]
        assert isinstance(leaf, Compute)
        name, extents = leaf_problem(leaf, by_name)
        if leaf.problem is None and len(problems) == 1:
            name = problems[0].name
        if name not in by_name:
            faults.append(f"a compute node names problem '{name}'; the problems are {', '.join(by_name)}")
            continue
        loops = tuple(tiles[at] for at, node in path if at in tiles)
        if loops:
            branch = _tile_branch(by_name[name], path, by_name, loops, extents, faults)
        else:
            branch = _branch(by_name[name], path, by_name, faults)
        if branch is not None:
            found.append(branch)
    faults += _uncomputed(found, by_name) if not faults else []
    if faults:
        raise InputError(faults)
    return tuple(found)


def _uncomputed(found: Sequence[Branch], by_name: Mapping[str, Problem]) -> list[str]:
    names = [b.problem.name for b in found]
    faults = [f"'{n}' is computed {names.count(n)} times" for n in dict.fromkeys(names) if names.count(n) > 1]
    faults += [f"'{n}' is never computed" for n in by_name if n not in {b.layer.name for b in found}]
    for problem, loops in {b.layer.name: (b.layer, b.loops) for b in found if b.loops}.values():
        wanted = [tile_problem(problem, tile_extents(problem, loops, k)).name for k in tile_counts(problem, loops)]
        faults += [f"tiles '{n}' are never computed" for n in wanted if n not in names]
    return faults


def paths_of(mapping: MappingTree) -> Iterator[list[tuple[Address, TreeNode]]]:
    """The way to every Compute: addresses and nodes, branch nodes left out."""
    return _paths(mapping.nodes, ())


def _paths(nodes: Sequence[TreeNode], prefix: Address) -> Iterator[list[tuple[Address, TreeNode]]]:
    way: list[tuple[Address, TreeNode]] = []
    for i, node in enumerate(nodes):
        at = (*prefix, i)
        if isinstance(node, Seq | Pipe | Par):
            for b, child in enumerate(node.children):
                for rest in _paths(child, (*at, b)):
                    yield [*way, *rest]
            return
        way.append((at, node))
        if isinstance(node, Compute):
            yield way
            return
    raise InputError(f"a branch of the mapping at {prefix or 'the top'} ends without a compute node")


def _branch(
    problem: Problem, path: list[tuple[Address, TreeNode]], problems: Mapping[str, Problem], faults: list[str]
) -> Branch | None:
    own = {t.name for t in problem.tensors}
    current = {name: dict(p.extents) for name, p in problems.items()}
    chain: list[TreeNode] = []
    places: list[Address] = []
    for at, node in path:
        kept: TreeNode | None = node
        if isinstance(node, Hold):
            mine = {own_copy(problem.name, t): t for t in own}
            tensors = tuple(mine.get(t, t) for t in node.tensors if t in own or t in mine)
            kept = replace(node, tensors=tensors) if tensors else None
        elif isinstance(node, Loop):
            kept = _own_loop(problem.name, node, current, faults)
            if kept is None:
                return None
        elif isinstance(node, Joint):
            for loop in node.loops:
                current[problem.name][loop.dim] = loop.tile
        elif isinstance(node, Compute):
            kept = Compute(node.unit)
        if kept is not None:
            chain.append(kept)
            places.append(at)
    return Branch(problem, MappingTree(tuple(chain)), tuple(places))


def _tile_branch(
    problem: Problem,
    path: list[tuple[Address, TreeNode]],
    problems: Mapping[str, Problem],
    loops: tuple[Tiling, ...],
    extents: Mapping[str, int],
    faults: list[str],
) -> Branch | None:
    """The branch of one kind of tile: what is below the tile loops, and the Holds above that it works from."""
    name = problem.name
    lacking = [loop.place for loop in loops if name not in loop.dims]
    if lacking:
        faults.append(f"a tile loop stands above '{name}' and does not say which of its dims follows")
        return None
    counts = {tuple(tile_extents(problem, loops, k).items()): n for k, n in tile_counts(problem, loops).items()}
    times = counts.get(tuple(extents.items()), 0)
    if not times:
        known = "; ".join(",".join(f"{d}={n}" for d, n in k) for k in counts)
        given = ",".join(f"{d}={n}" for d, n in extents.items()) or "nothing"
        faults.append(f"'{name}' makes no tiles of {given} below its tile loops; it makes those of {known}")
        return None
    above = own_holds(path, loops)
    last = loops[-1].place
    ways = [at for at, _ in path]
    kept = []
    for k, (at, node) in enumerate(path):
        if k > ways.index(last):
            kept.append((at, node))
        elif at in above:
            kept.append((at, above[at]))
        elif isinstance(node, Loop | Joint) and not is_tiling(node):
            faults.append(f"a loop over '{node.dim if isinstance(node, Loop) else '...'}' stands above a tile loop")
            return None
    tile = tile_problem(problem, extents)
    branch = _branch(replace(tile, name=name), kept, {**problems, name: replace(tile, name=name)}, faults)
    return None if branch is None else replace(branch, problem=tile, times=times, whole=problem, loops=loops)


def _own_loop(name: str, loop: Loop, current: dict[str, dict[str, int]], faults: list[str]) -> Loop | None:
    """The loop as one problem meets it; moves the current extents of all problems it names."""
    dims = dims_of(loop)
    if not dims:
        if loop.dim not in current[name]:
            faults.append(f"'{name}' has no dim '{loop.dim}', which a loop above it iterates")
            return None
        for extents in current.values():
            if loop.dim in extents:
                extents[loop.dim] = min(loop.tile, extents[loop.dim])
        return loop
    if name not in dims:
        faults.append(
            f"the shared loop '{loop.dim}' stands above '{name}' and does not say which of its dims it iterates"
        )
        return None
    unknown = [f"{p}.{d}" for p, d in dims.items() if d not in current.get(p, {})]
    if unknown:
        faults.append(f"the shared loop '{loop.dim}' names {', '.join(unknown)}, which no problem has")
        return None
    first, dim = next(iter(dims.items()))
    trips = loop.trips(current[first][dim])
    for problem, d in dims.items():
        extent = current[problem][d]
        if extent % trips:
            faults.append(
                f"the shared loop '{loop.dim}' makes {trips} trips, which do not divide the {extent} of '{d}'"
            )
            return None
        current[problem][d] = extent // trips
    return replace(loop, dim=dims[name], tile=current[name][dims[name]])
