"""dMazeRunner's execution method: four factors per loop and two loop orders, as a value, to and from the mapping tree.

Levels are DRAM, SPM, RF (in time) and SPATIAL, outermost first; order matters at DRAM and SPM only. What such a mapping
costs is in cost/models/dmazerunner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from tileloom.architecture.model import Architecture, Fanout
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.factors import divisors
from tileloom.mapping.normalise import blocked, hoist
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Problem

LEVELS = ("DRAM", "SPM", "RF", "SPATIAL")
Factors = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionMethod:
    """Factors per loop and level, and loop orders.

    loops   names in canonical order; dram, spm, rf, spatial: one factor per loop in that order
    dram_order, spm_order   all loops, outermost first
    The product of a loop's four factors is its trip count; `check` says whether it is.
    """

    loops: tuple[str, ...]
    dram: Factors
    spm: Factors
    rf: Factors
    spatial: Factors
    dram_order: tuple[str, ...] = ()
    spm_order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = []
        for level, factors in zip(LEVELS, self.tiling, strict=True):
            if len(factors) != len(self.loops):
                faults.append(f"{level} has {len(factors)} factors for {len(self.loops)} loops")
            faults += [f"{level} factor {f!r} is not a whole number of at least 1" for f in factors if not _whole(f)]
        for level, order in (("DRAM", self.dram_order), ("SPM", self.spm_order)):
            if order and sorted(order) != sorted(self.loops):
                faults.append(f"{level} order {list(order)} does not name each of {list(self.loops)} once")
        if faults:
            raise InputError(faults)

    @property
    def tiling(self) -> tuple[Factors, Factors, Factors, Factors]:
        """(DRAM, SPM, RF, SPATIAL), as the original prints it."""
        return self.dram, self.spm, self.rf, self.spatial

    @property
    def extents(self) -> Factors:
        """Trip counts: products of the four factors."""
        return tuple(prod(four) for four in zip(*self.tiling, strict=True))

    def tiles(self, extents: Sequence[int]) -> tuple[Factors, Factors, Factors]:
        """Extents of the tiles in the scratchpad, in all PEs and in one PE: evenly cut, the last ones may be smaller."""
        spm = tuple(-(-e // d) for e, d in zip(extents, self.dram, strict=True))
        array = tuple(-(-t // s) for t, s in zip(spm, self.spm, strict=True))
        return spm, array, tuple(-(-t // p) for t, p in zip(array, self.spatial, strict=True))

    def check(self, extents: Mapping[str, int], *, imperfect: bool = False) -> None:
        """InputError naming every loop whose factors do not multiply to its trip count.

        imperfect   they may multiply to more, when no iteration is idle with tiles cut evenly
        """
        unknown = [f"unknown loop '{n}'{did_you_mean(n, extents)}" for n in self.loops if n not in extents]
        faults = [
            f"loop '{n}': {' * '.join(str(f[i]) for f in self.tiling)} = {e}, its trip count is {extents[n]}"
            for i, (n, e) in enumerate(zip(self.loops, self.extents, strict=True))
            if n in extents and extents[n] != e and not (imperfect and self._covers(i, extents[n]))
        ]
        missing = [f"loop '{n}' has no factors" for n in extents if n not in self.loops]
        if unknown or faults or missing:
            raise InputError([*unknown, *faults, *missing])

    def _covers(self, place: int, extent: int) -> bool:
        dram, spm, rf, space = (f[place] for f in self.tiling)
        held = -(-extent // dram)
        array = -(-held // spm)
        one = -(-array // space)
        return (dram, spm, space, rf) == (-(-extent // held), -(-held // array), -(-array // one), one)

    def with_orders(self, dram: Sequence[str], spm: Sequence[str]) -> ExecutionMethod:
        return replace(self, dram_order=tuple(dram), spm_order=tuple(spm))

    def __str__(self) -> str:
        orders = (list(self.dram_order or self.loops), list(self.spm_order or self.loops))
        return f"Tiling factors (DRAM, SPM, RF, SPATIAL):  {self.tiling}\nOrdering (DRAM, SPM): {orders}"


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def method_of_loops(
    factors: Mapping[str, Sequence[int]], extents: Mapping[str, int], *, imperfect: bool = False
) -> ExecutionMethod:
    """Of per-loop [DRAM, SPM, RF, SPATIAL] factors; InputError for an unknown loop, another length, a wrong product.

    >>> method_of_loops({"X": [2, 1, 1, 4], "K": [1, 1, 3, 1]}, {"X": 8, "K": 3}).spatial
    (4, 1)
    """
    faults = [
        f"unknown loop '{n}'{did_you_mean(n, extents)}; there are {', '.join(extents)}"
        for n in factors
        if n not in extents
    ]
    faults += [f"loop '{n}' has no factors" for n in extents if n not in factors]
    faults += [
        f"loop '{n}': {list(four)} has {len(four)} factors; expected {list(LEVELS)}"
        for n, four in factors.items()
        if len(four) != 4
    ]
    if faults:
        raise InputError(faults)
    columns = [tuple(factors[n][level] for n in extents) for level in range(4)]
    method = ExecutionMethod(loops=tuple(extents), dram=columns[0], spm=columns[1], rf=columns[2], spatial=columns[3])
    method.check(extents, imperfect=imperfect)
    return method


@dataclass(frozen=True, slots=True)
class Converted:
    """A mapping tree and what it does not say of the execution method."""

    mapping: MappingTree
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """An execution method and what it does not say of the mapping tree."""

    method: ExecutionMethod
    losses: tuple[str, ...] = ()


def to_tree(
    method: ExecutionMethod, problem: Problem, architecture: Architecture, *, stationary: bool = True
) -> Converted:
    """The loop nest of a method on a chip of three memories, one fanout and one unit.

    stationary  holds moved outward to where the order keeps a tile (our literal meaning of the same reuse);
                False: all holds of a memory at one boundary, as the original writes it
    """
    method.check(problem.extents, imperfect=True)
    outer, inner, registers, unit = _places(problem, architecture)
    losses = ["the order of loops of one trip", "DMA bursts, start-up and stalls, which are options of the model"]
    names = tuple(t.name for t in problem.tensors)
    left = dict(problem.extents)

    def loops(order: Sequence[str], factors: Factors) -> list[TreeNode]:
        nodes: list[TreeNode] = []
        for name in order:
            factor = factors[method.loops.index(name)]
            if factor > 1:
                left[name] = -(-left[name] // factor)
                nodes.append(Loop(name, left[name]))
        return nodes

    def spatial_loops() -> list[TreeNode]:
        array = architecture.fanouts[0]
        nodes: list[TreeNode] = []
        for name, factor, axis in _on_axes(method, array, losses):
            left[name] = -(-left[name] // factor)
            nodes.append(Loop(name, left[name], array.name, axis))
        return nodes

    nodes: list[TreeNode] = [Hold(names, outer), *loops(method.dram_order or method.loops, method.dram)]
    nodes += [Hold(names, inner), *loops(method.spm_order or method.loops, method.spm)]
    nodes += [*spatial_loops(), Hold(names, registers), *loops(method.loops, method.rf)]
    tree = MappingTree((*nodes, Compute(unit)))
    return Converted(hoist(tree, problem) if stationary else tree, tuple(losses))


def _on_axes(method: ExecutionMethod, array: Fanout, losses: list[str]) -> list[tuple[str, int, str]]:
    """(loop, factor, axis) that share the spatial factors out over the axes; the original knows only their number."""
    room = {a.name: a.size for a in array.axes}
    placed: list[tuple[str, int, str]] = []
    # Large factors first, while the axes are still empty.
    for name, whole in sorted(zip(method.loops, method.spatial, strict=True), key=lambda item: -item[1]):
        rest = whole
        while rest > 1:
            share, axis = max((max(d for d in divisors(rest) if d <= max(r, 1)), a) for a, r in room.items())
            if share == 1:
                axis, share = array.axes[0].name, rest
                losses.append(
                    f"{whole} PEs along '{name}' do not fit the shape of the array; axis '{axis}' is too small"
                )
            room[axis] //= share
            rest //= share
            placed.append((name, share, axis))
    return placed


def from_tree(mapping: MappingTree, problem: Problem, architecture: Architecture) -> Recovered:
    """The method of a mapping tree. UnsupportedError where the notation has no form for it: tiles that are not
    cut evenly, tensors that bypass a memory, other levels."""
    if not mapping.is_chain:
        raise UnsupportedError("an execution method is of one problem; the mapping has seq, pipe or par branches")
    outer, inner, registers, _ = _places(problem, architecture)
    flat = blocked(mapping, problem)
    names = tuple(problem.extents)
    factors = {level: dict.fromkeys(names, 1) for level in LEVELS}
    orders: dict[str, list[str]] = {level: [] for level in LEVELS}
    left, losses = dict(problem.extents), []
    whole: dict[str, int] = {}
    held: dict[str, set[str]] = {m: set() for m in (outer, inner, registers)}
    level = 0
    for node in flat.nodes:
        if isinstance(node, Hold):
            if node.memory not in held or node.mode == "stream":
                raise UnsupportedError(
                    f"dMazeRunner has no place for a {node.mode} of {', '.join(node.tensors)} in {node.memory}"
                )
            held[node.memory] |= set(node.tensors)
            level = max(level, list(held).index(node.memory))
            continue
        if isinstance(node, Joint):
            raise UnsupportedError("dMazeRunner has no loops that advance together")
        if not isinstance(node, Loop):
            continue
        if node.first is not None or node.last is not None:
            raise UnsupportedError(f"dMazeRunner has no first or last tile of its own: '{node.dim}'")
        where = "SPATIAL" if node.spatial else LEVELS[level]
        if where == "RF":
            whole.setdefault(node.dim, left[node.dim])
        trips, left[node.dim] = -(-left[node.dim] // node.tile), node.tile
        if trips > 1 and where == "RF":
            orders["RF"].append(node.dim)
        elif trips > 1:
            if where in ("DRAM", "SPM") and factors[where][node.dim] > 1:
                losses.append(f"two loops over '{node.dim}' at {where} became one, in the place of the outer")
            else:
                orders[where].append(node.dim)
            factors[where][node.dim] *= trips
    _refuse_bypass(held, problem)
    for name, rest in left.items():
        factors["RF"][name] = whole.get(name, rest)
    if len(orders["RF"]) > 1:
        losses.append("the order of loops inside the register file, which costs nothing here")
    full = {lv: (*(n for n in names if n not in orders[lv]), *orders[lv]) for lv in ("DRAM", "SPM")}
    columns = [tuple(factors[lv][n] for n in names) for lv in LEVELS]
    method = ExecutionMethod(
        loops=names,
        dram=columns[0],
        spm=columns[1],
        rf=columns[2],
        spatial=columns[3],
        dram_order=full["DRAM"],
        spm_order=full["SPM"],
    )
    try:
        method.check(problem.extents, imperfect=True)
    except InputError as error:
        raise UnsupportedError(f"dMazeRunner needs tiles that divide or are cut evenly: {error}") from None
    return Recovered(method, tuple(losses))


def _refuse_bypass(held: Mapping[str, set[str]], problem: Problem) -> None:
    for memory, tensors in held.items():
        missing = [t.name for t in problem.tensors if t.name not in tensors]
        if missing:
            raise UnsupportedError(
                f"dMazeRunner keeps every tensor in every memory; {', '.join(missing)} not in {memory}"
            )


def _places(problem: Problem, architecture: Architecture) -> tuple[str, str, str, str]:
    """Names of DRAM, scratchpad, registers and unit. UnsupportedError for another shape of chip."""
    unit = architecture.compute_for(problem)
    nodes = architecture.path(unit) if unit is not None else ()
    shape = [type(n).__name__ for n in nodes]
    if unit is None or shape != ["Memory", "Memory", "Fanout", "Memory", "Compute"]:
        raise UnsupportedError(
            f"dMazeRunner needs a memory, a scratchpad, an array, registers and a unit for '{problem.name}'; "
            f"'{architecture.name}' has {', '.join(n.name for n in nodes) or 'no unit for it'}"
        )
    first, second, _, third, _ = (n.name for n in nodes)
    return first, second, third, unit.name
