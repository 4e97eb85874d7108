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

from tileloom.core.errors import InputError, did_you_mean
from tileloom.mapping.diagnostic import Diagnostic, error, label
from tileloom.mapping.halo import (
    Tiling,
    is_tiling,
    leaf_problem,
    own_holds,
    split_name,
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
    found, faults = read_branches(mapping, problems)
    if faults:
        raise InputError([f"{f.where}: {f.why}" for f in faults])
    return found


def read_branches(
    mapping: MappingTree, problems: Sequence[Problem]
) -> tuple[tuple[Branch, ...], tuple[Diagnostic, ...]]:
    """As `branches`, with everything that is wrong with the tree's shape as diagnostics; loops at fault are left out.

    E-TREE the form of the tree;  E-PROBLEM who is computed;  E-SHARED loops above several problems
    """
    by_name = {p.name: p for p in problems}
    faults: list[Diagnostic] = []
    found: list[Branch] = []
    met: list[str] = []
    tiles = _tile_loops(mapping, problems, faults)
    for path in _paths(mapping.nodes, (), faults):
        at, leaf = path[-1]
        assert isinstance(leaf, Compute)
        name, extents = leaf_problem(leaf, by_name)
        if leaf.problem is None and len(problems) == 1:
            name = problems[0].name
        if name not in by_name:
            which = f"problem '{name}', which there is not" if name else "no problem"
            near = did_you_mean(name, list(by_name)) if name else ""
            faults.append(
                error(
                    "E-PROBLEM",
                    place_label(at, leaf),
                    f"a compute node names {which}{near}; the problems are {', '.join(by_name)}",
                    "Name one of them",
                )
            )
            continue
        met.append(leaf.problem or name)
        if met.count(met[-1]) > 1 or (tiles is None and any(is_tiling(node) for _, node in path)):
            continue
        loops = tuple(tiles[p] for p, _ in path if p in tiles) if tiles else ()
        own = _tile_branch(by_name[name], path, by_name, loops, extents, faults) if loops else None
        if not loops:
            found.append(_branch(by_name[name], path, by_name, faults))
        elif own is not None:
            found.append(own)
    faults += _counted(by_name, met)
    faults += _missing_tiles(found)
    return tuple(found), tuple(dict.fromkeys(faults))


def _tile_loops(
    mapping: MappingTree, problems: Sequence[Problem], faults: list[Diagnostic]
) -> dict[Address, Tiling] | None:
    """Tile loops that problems follow (halo.py); None where they cannot be followed."""
    try:
        return tilings(mapping.nodes, problems)
    except InputError as problem:
        fix = "Let every problem below follow along the axis of its output that its readers tile"
        faults += [error("E-FOLLOW", "tile loops", str(why), fix) for why in str(problem).split("\n")]
        return None


def _counted(problems: Mapping[str, Problem], met: Sequence[str]) -> Iterator[Diagnostic]:
    computed = {split_name(name)[0] if name not in problems else name for name in met}
    for name in dict.fromkeys((*problems, *met)):
        if met.count(name) > 1:
            why = f"'{name}' is computed {met.count(name)} times"
            yield error("E-PROBLEM", name, why, "Leave one of its compute nodes; repeats are loops or counts")
        elif name in problems and name not in computed:
            yield error("E-PROBLEM", name, f"'{name}' is never computed", f"Add a branch that computes '{name}'")


def _missing_tiles(found: Sequence[Branch]) -> Iterator[Diagnostic]:
    names = {b.problem.name for b in found}
    for problem, loops in {b.layer.name: (b.layer, b.loops) for b in found if b.loops}.values():
        for sizes in tile_counts(problem, loops):
            name = tile_problem(problem, tile_extents(problem, loops, sizes)).name
            if name not in names:
                yield error("E-FOLLOW", name, f"tiles '{name}' are never computed", "Add a branch for these extents")


def place_label(address: Address, node: TreeNode) -> str:
    """How a node of a tree is named: 'node 2.1.0 (for m step 2)' is the first node of the second branch of node 2."""
    return label(".".join(map(str, address)), node)


Path = list[tuple[Address, TreeNode]]


def paths_of(mapping: MappingTree) -> Iterator[Path]:
    """The way to every Compute: addresses and nodes, branch nodes left out."""
    return _paths(mapping.nodes, (), [])


def _paths(nodes: Sequence[TreeNode], prefix: Address, faults: list[Diagnostic]) -> Iterator[Path]:
    """Ways from these nodes to every compute node below; what follows a node that ends a way is a fault."""
    way: Path = []
    for i, node in enumerate(nodes):
        at = (*prefix, i)
        if isinstance(node, Seq | Pipe | Par):
            _ends(nodes, prefix, i, faults)
            if not node.children:
                faults.append(error("E-TREE", place_label(at, node), "it has no branch", "Give it branches"))
            for b, child in enumerate(node.children):
                nested = [n for n in child if isinstance(n, Seq | Pipe | Par)]
                if nested and not isinstance(node, Seq):
                    faults.append(
                        error(
                            "E-TREE",
                            place_label((*at, b, child.index(nested[0])), nested[0]),
                            f"a {type(nested[0]).__name__.lower()} inside a branch of "
                            f"a {type(node).__name__.lower()}: what runs at the same time is one problem each",
                            "Use a seq around it, or give each problem its own branch",
                        )
                    )
                for rest in _paths(child, (*at, b), faults):
                    yield [*way, *rest]
            return
        way.append((at, node))
        if isinstance(node, Compute):
            _ends(nodes, prefix, i, faults)
            yield way
            return
    where = f"branch {'.'.join(map(str, prefix))}" if prefix else "mapping"
    faults.append(error("E-TREE", where, "it ends without a compute node", "End every branch with one compute node"))


def _ends(nodes: Sequence[TreeNode], prefix: Address, i: int, faults: list[Diagnostic]) -> None:
    if i + 1 < len(nodes):
        faults.append(
            error(
                "E-TREE",
                place_label((*prefix, i + 1), nodes[i + 1]),
                f"it stands behind {place_label((*prefix, i), nodes[i])}, where the way ends",
                "Put it above, or into a branch",
            )
        )


def _branch(problem: Problem, path: Path, problems: Mapping[str, Problem], faults: list[Diagnostic]) -> Branch:
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
            kept = _own_loop(problem.name, node, at, current, faults)
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
    path: Path,
    problems: Mapping[str, Problem],
    loops: tuple[Tiling, ...],
    extents: Mapping[str, int],
    faults: list[Diagnostic],
) -> Branch | None:
    """The branch of one kind of tile: what is below the tile loops, and the Holds above that it works from."""
    name = problem.name
    lacking = [loop.place for loop in loops if name not in loop.dims]
    if lacking:
        why = f"a tile loop stands above '{name}' and does not say which of its dims follows"
        faults.append(error("E-FOLLOW", _at(path, lacking[0]), why, f"Add ' ~ {name}.DIM' to it"))
        return None
    counts = {tuple(tile_extents(problem, loops, k).items()): n for k, n in tile_counts(problem, loops).items()}
    times = counts.get(tuple(extents.items()), 0)
    if not times:
        known = "; ".join(",".join(f"{d}={n}" for d, n in k) for k in counts)
        given = ",".join(f"{d}={n}" for d, n in extents.items()) or "nothing"
        why = f"'{name}' makes no tiles of {given} below its tile loops; it makes those of {known}"
        faults.append(error("E-FOLLOW", place_label(*path[-1]), why, "Name a branch for each of these"))
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
            why = f"a loop over '{node.dim if isinstance(node, Loop) else '...'}' stands above a tile loop"
            faults.append(error("E-FOLLOW", place_label(at, node), why, "Put it below all tile loops"))
            return None
    tile = tile_problem(problem, extents)
    branch = _branch(replace(tile, name=name), kept, {**problems, name: replace(tile, name=name)}, faults)
    return None if branch is None else replace(branch, problem=tile, times=times, whole=problem, loops=loops)


def _at(path: Path, at: Address) -> str:
    return place_label(at, dict(path)[at])


def _own_loop(
    name: str, loop: Loop, at: Address, current: dict[str, dict[str, int]], faults: list[Diagnostic]
) -> Loop | None:
    """The loop as one problem meets it; moves the current extents of all problems it names."""
    dims, where = dims_of(loop), place_label(at, loop)

    def fault(why: str, fix: str) -> None:
        faults.append(error("E-SHARED", where, why, fix))

    if not dims:
        if loop.dim not in current[name]:
            near = did_you_mean(loop.dim, list(current[name]))
            fault(
                f"'{name}' has no dim '{loop.dim}'{near}, which a loop above it iterates",
                f"Name the dim of each problem, as '{name}.{next(iter(current[name]))} = other.{loop.dim}', "
                "or move the loop into the branches that have it",
            )
            return None
        for extents in current.values():
            if loop.dim in extents:
                extents[loop.dim] = min(loop.tile, extents[loop.dim])
        return loop
    if name not in dims:
        fault(
            f"the shared loop '{loop.dim}' stands above '{name}' and does not say which of its dims it iterates",
            f"Add '{JOIN}{name}.DIM' to it",
        )
        return None
    unknown = [f"{p}.{d}" for p, d in dims.items() if d not in current.get(p, {})]
    if unknown:
        fault(f"the shared loop '{loop.dim}' names {', '.join(unknown)}, which no problem has", "Correct the name")
        return None
    if loop.tile < 1 or loop.first is not None or loop.last is not None:
        fault(
            "a loop over dims of several names takes a tile of at least 1 and no 'first' or 'last'", "Give a tile only"
        )
        return None
    first, dim = next(iter(dims.items()))
    trips = loop.trips(current[first][dim])
    for problem, d in dims.items():
        extent = current[problem][d]
        if extent % trips:
            fault(
                f"the shared loop '{loop.dim}' makes {trips} trips, which do not divide the {extent} of "
                f"'{problem}.{d}'",
                f"Choose a tile of '{first}.{dim}' whose trips divide all extents",
            )
            return None
        current[problem][d] = extent // trips
    return replace(loop, dim=dims[name], tile=current[name][dims[name]])
