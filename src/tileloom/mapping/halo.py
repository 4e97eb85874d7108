"""Tile loops over overlapping windows in a fused tree: which problems follow which, what overlaps are kept, per tile.

A loop named `last.p ~ middle.p ~ first.p` cuts dim p of problem `last` in tiles; the other problems follow: in every
iteration each makes what its readers below the loop need (through strides, kernels and padding, exact at the borders).
`Hold` with mode 'strip' directly above such a loop keeps the overlap of a tensor's windows from one iteration to the
next (only the new part is made or loaded); without one the overlap is made again. Extents differ from tile to tile, so
a problem has one branch per extents, `compute first@p=74,q=10`, which runs in the iterations where it makes just that.
Costs are in cost/halo.py, what is alive when in fused_occupancy.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from tileloom.core.errors import InputError
from tileloom.mapping.tree import Compute, Hold, Loop, Pipe, Seq, TreeNode
from tileloom.mapping.windows import (
    Intervals,
    Windows,
    axis_of,
    cut,
    extents_of,
    hull,
    moved_strips,
    read_by,
    reservations_for,
)
from tileloom.workload.problem import Dim, Problem, Tensor

FOLLOW = " ~ "
"""Between the dims of a tile loop: the leader's first, then those of the problems that follow it."""

AT = "@"
"""Between a problem and the extents of one of its branches."""

Address = tuple[int, ...]


@dataclass(frozen=True)
class Tiling:
    """One tile loop.

    place     its address;  dims: problem -> its dim, the leader first;  axes: tensor -> the axis that moves
    windows   tensor -> what of the axis each iteration reads;  regions: problem -> what of its dim each iteration makes
    strips    tensor -> memory of its strip;  made: tensors that a problem below the loop makes for others below it
    """

    place: Address
    tile: int
    dims: Mapping[str, str]
    axes: Mapping[str, int]
    windows: Mapping[str, Windows]
    regions: Mapping[str, Intervals]
    strips: Mapping[str, str]
    made: frozenset[str]

    @property
    def leader(self) -> str:
        return next(iter(self.dims))

    @property
    def trips(self) -> int:
        return len(self.regions[self.leader])


def is_tiling(node: TreeNode) -> bool:
    """Whether a node is a tile loop that problems follow."""
    return isinstance(node, Loop) and FOLLOW in node.dim


def follow_dim(dims: Mapping[str, str]) -> str:
    """Name of a tile loop: problem -> dim, the leader first."""
    return FOLLOW.join(f"{problem}.{dim}" for problem, dim in dims.items())


def tile_name(problem: str, extents: Mapping[str, int]) -> str:
    """Name of the branch of a problem that makes tiles of these extents."""
    return f"{problem}{AT}{','.join(f'{d}={n}' for d, n in extents.items())}"


def split_name(name: str) -> tuple[str, dict[str, int]]:
    """Problem and extents of a branch's name.

    >>> split_name("conv1@P=74,Q=10")
    ('conv1', {'P': 74, 'Q': 10})
    """
    problem, at, text = name.rpartition(AT)
    if not at or not text:
        return name, {}
    found = {}
    for part in text.split(","):
        dim, equals, number = part.rpartition("=")
        if not equals or not number.isdecimal():
            return name, {}
        found[dim] = int(number)
    return problem, found


def tile_problem(problem: Problem, extents: Mapping[str, int]) -> Problem:
    """The problem of one tile, named after its extents."""
    dims = tuple(Dim(d.name, extents.get(d.name, d.extent)) for d in problem.dims)
    return replace(problem, name=tile_name(problem.name, extents), dims=dims)


def positions(problem: Problem, tensor: Tensor, axis: int) -> int:
    """Positions of a tensor's axis that hold data, as one problem sees it."""
    a = tensor.axes[axis]
    return a.span(problem.extents) - a.pad_lo - a.pad_hi


def tiling_of(
    problems: Sequence[Problem], dims: Mapping[str, str], tile: int, strips: Mapping[str, str], place: Address = ()
) -> Tiling:
    """Follows one tile loop through problems in execution order. strips: tensor -> memory that keeps its overlap.

    dims   problem -> dim, the leader first
    Raises InputError where a problem's dim is not the one that its readers move, or a tensor's axes are not single.
    """
    by_name = {p.name: p for p in problems}
    faults = [f"the tile loop '{follow_dim(dims)}' names '{p}.{d}', which no problem has"
              for p, d in dims.items() if p not in by_name or d not in by_name[p].extents]  # fmt: skip
    if faults:
        raise InputError(faults)
    leader = next(iter(dims))
    regions: dict[str, Intervals] = {leader: cut(by_name[leader].extents[dims[leader]], tile)}
    asked: dict[str, list[Intervals]] = {}
    axes: dict[str, int] = {}
    windows: dict[str, Windows] = {}
    made = {by_name[p].output.name: by_name[p] for p in dims}
    for problem in reversed([p for p in problems if p.name in dims]):
        dim, out = dims[problem.name], problem.output
        axis = axis_of(out, dim)
        if axis is None or out.axes[axis].terms != ((dim, 1),):
            faults.append(f"dim '{dim}' of '{problem.name}' is not alone on one axis of its output '{out.name}'")
            continue
        if problem.name != leader:
            if out.name not in asked:
                faults.append(f"no problem below the tile loop '{follow_dim(dims)}' reads '{out.name}'")
                continue
            if axes[out.name] != axis:
                faults.append(f"readers of '{out.name}' tile its axis {axes[out.name]}, '{problem.name}' axis {axis}")
                continue
            windows[out.name] = Windows(hull(asked[out.name]), out.name in strips)
            regions[problem.name] = windows[out.name].new
        for tensor in problem.inputs:
            at = axis_of(tensor, dim)
            if at is None:
                continue
            if axes.setdefault(tensor.name, at) != at:
                faults.append(f"readers of '{tensor.name}' tile different axes of it")
            source = made.get(tensor.name)
            size = source.extents[dims[source.name]] if source is not None else positions(problem, tensor, at)
            asked.setdefault(tensor.name, []).append(read_by(problem, tensor, at, dim, regions[problem.name], size))
    if faults:
        raise InputError(faults)
    for name, parts in asked.items():
        if name not in windows:
            windows[name] = Windows(hull(parts), name in strips)
    inside = frozenset(made) & set(asked)
    return Tiling(place, tile, dict(dims), axes, windows, regions, dict(strips), inside)


def named_dims(loop: Loop) -> dict[str, str]:
    """Problem -> dim of a tile loop, the leader first."""
    found = {}
    for part in loop.dim.split(FOLLOW):
        problem, _, dim = part.rpartition(".")
        found[problem] = dim
    return found


def tilings(nodes: Sequence[TreeNode], problems: Sequence[Problem], prefix: Address = ()) -> dict[Address, Tiling]:
    """Every tile loop of a tree, by address. Raises as `tiling_of`."""
    found: dict[Address, Tiling] = {}
    strips: dict[str, str] = {}
    for i, node in enumerate(nodes):
        at = (*prefix, i)
        if isinstance(node, Hold) and node.mode == "strip":
            strips |= dict.fromkeys(node.tensors, node.memory)
        elif isinstance(node, Loop) and is_tiling(node):
            found[at] = tiling_of(problems, named_dims(node), node.tile, strips, at)
            strips = {}
        elif isinstance(node, Seq | Pipe):
            for b, child in enumerate(node.children):
                found |= tilings(child, problems, (*at, b))
    return found


@dataclass(frozen=True)
class Load:
    """Elements of a tensor that are moved between two memories beside what its branches do.

    why   'resident' (once above the tile loops), 'new part' (of a window whose overlap stays), 'strip'
    """

    problem: str
    tensor: str
    source: str
    target: str
    elements: int
    why: str


def tile_counts(problem: Problem, loops: Sequence[Tiling]) -> dict[tuple[int, ...], int]:
    """Extents in each loop's dim -> number of tiles of just these extents."""
    found: dict[tuple[int, ...], int] = {(): 1}
    for loop in loops:
        sizes = extents_of(loop.regions[problem.name])
        found = {(*k, n): v * times for k, v in found.items() for n, times in sizes.items()}
    return found


def tile_extents(problem: Problem, loops: Sequence[Tiling], sizes: Sequence[int]) -> dict[str, int]:
    """Dims of a problem -> extents of one tile."""
    return {loop.dims[problem.name]: n for loop, n in zip(loops, sizes)}


def other_axes(problem: Problem, tensor: Tensor, loops: Sequence[Tiling]) -> int:
    """Positions of the axes of a tensor that no tile loop moves."""
    moved = {loop.axes[tensor.name] for loop in loops if tensor.name in loop.axes}
    sizes = [positions(problem, tensor, a) if not tensor.is_output else x.span(problem.extents)
             for a, x in enumerate(tensor.axes) if a not in moved]  # fmt: skip
    return prod(sizes)


def leaf_problem(node: Compute, by_name: Mapping[str, Problem]) -> tuple[str, dict[str, int]]:
    """Problem of a leaf and, below tile loops, the extents that the branch is for."""
    name = node.problem or ""
    return (name, {}) if name in by_name else split_name(name)


def held_elements(
    problem: Problem, tensor: Tensor, loops: Sequence[Tiling], memory: str
) -> tuple[int, tuple[tuple[int, str, int], ...]]:
    """Elements of a tensor's window in `memory` that no strip of it shares, and (loop, memory, elements) of its strips.

    problem   whose view of the tensor counts: the one that makes it, or a reader of what comes from outside
    """
    moving = [i for i, loop in enumerate(loops) if tensor.name in loop.windows]
    windows = [loops[i].windows[tensor.name] for i in moving]
    strips = [loops[i].strips.get(tensor.name) for i in moving]
    others = other_axes(problem, tensor, loops)
    rest, sizes = reservations_for(windows, strips, memory)
    return rest * others, tuple((i, at, n * others) for i, at, n in zip(moving, strips, sizes) if at is not None)


def own_holds(path: Sequence[tuple[Address, TreeNode]], loops: Sequence[Tiling]) -> dict[Address, Hold]:
    """Holds above the last tile loop that the branches of a problem work from, each with just those tensors.

    What lies further out is read by loads: once for a tensor held again above the tile loops, for the new part of every
    window where its overlap stays.
    """
    last = loops[-1].place
    found: dict[str, tuple[Address, Hold]] = {}
    for at, node in path:
        if at == last:
            break
        if isinstance(node, Hold) and node.mode == "keep":
            found |= dict.fromkeys(node.tensors, (at, node))
    stripped = {t for loop in loops for t in loop.strips}
    kept: dict[Address, Hold] = {}
    for t, (at, node) in found.items():
        if t not in stripped:
            own = kept[at].tensors if at in kept else ()
            kept[at] = replace(node, tensors=(*own, t))
    return kept


def loads_of(path: Sequence[tuple[Address, TreeNode]], problem: Problem, loops: Sequence[Tiling]) -> tuple[Load, ...]:
    """What is moved for a problem beside what its branches do; path: the way to one of its branches."""
    last = loops[-1].place
    above: dict[str, list[str]] = {}
    below: dict[str, str] = {}
    inside = False
    for at, node in path:
        inside = inside or at == last
        if isinstance(node, Hold) and node.mode == "keep":
            for t in node.tensors:
                if inside:
                    below.setdefault(t, node.memory)
                else:
                    above.setdefault(t, []).append(node.memory)
    made_here = problem.output.name
    found = []
    for tensor in problem.tensors:
        name = tensor.name
        windows = [loop.windows[name] for loop in loops if name in loop.windows]
        strips = [loop.strips.get(name) for loop in loops if name in loop.windows]
        others = other_axes(problem, tensor, loops)
        outer = above.get(name, [])
        for source, target in pairwise(outer):
            found.append(Load(problem.name, name, source, target, problem.size(name), "resident"))
        if not any(strips) or (outer and name == made_here):
            continue
        if outer:
            new = prod(sum(b - a for a, b in w.new) for w in windows)
            found.append(Load(problem.name, name, outer[-1], below[name], new * others, "new part"))
        elif name != made_here:
            continue
        for where, back, saved in moved_strips(windows, strips, below[name]):
            found.append(Load(problem.name, name, where, below[name], back * others, "strip"))
            found.append(Load(problem.name, name, below[name], where, saved * others, "strip"))
    return tuple(found)
