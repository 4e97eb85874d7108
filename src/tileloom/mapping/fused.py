"""Fused mappings: a tree whose Seq branches run several problems under shared loops, read one problem at a time.

A shared loop names the dim of every problem it iterates: by its plain name where all agree on name and tile, else as
`first.m = second.k` with the tile of the first; all make the same number of trips. A Hold above a Seq keeps its
tensor from the first branch that uses it to the last; above a loop it keeps it for all branches of the loop.
What is alive when is in fused_occupancy.py; costs are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tileloom.core.errors import InputError
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

JOIN = " = "
"""Between the dims that one shared loop iterates."""

Address = tuple[int, ...]
"""Position in the tree: index in the node list, then branch and index in it, and so on."""


@dataclass(frozen=True)
class Branch:
    """One problem's way through the tree.

    chain      its nodes as a mapping of its own: other problems' tensors left out, loops over its own dims
    places     per node of the chain its address in the tree
    """

    problem: Problem
    chain: MappingTree
    places: tuple[Address, ...]


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
    faults: list[str] = []
    found: list[Branch] = []
    for path in _paths(mapping.nodes, ()):
        leaf = path[-1][1]
        assert isinstance(leaf, Compute)
        name = leaf.problem if leaf.problem is not None else (problems[0].name if len(problems) == 1 else "")
        if name not in by_name:
            faults.append(f"a compute node names problem '{name}'; the problems are {', '.join(by_name)}")
        else:
            branch = _branch(by_name[name], path, by_name, faults)
            if branch is not None:
                found.append(branch)
    names = [b.problem.name for b in found]
    faults += [f"'{n}' is computed {names.count(n)} times" for n in dict.fromkeys(names) if names.count(n) > 1]
    if not faults:
        faults += [f"'{n}' is never computed" for n in by_name if n not in names]
    if faults:
        raise InputError(faults)
    return tuple(found)


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
