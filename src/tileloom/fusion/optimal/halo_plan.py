"""Which overlapping tiles there are in a graph: for every stack's last layer, tile and loop order, all ways to keep overlaps.

Tiles are followed backwards from a leader. What a layer must make in each iteration (its state) depends only on the
tile and on where overlaps are kept on the way, so equal states are met once and the choices of tensors are joined by
their keys: a key names memory and, per tile loop, the windows, whether overlaps stay, and where. Nothing is priced here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, Literal

from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import OUTSIDE, Key
from tileloom.mapping.windows import Intervals, Windows, axis_of, cut, extents_of, hull, read_by
from tileloom.workload.problem import Problem, Tensor

HaloMode = Literal["none", "recompute", "horizontal", "full", "any"]
HALO_MODES: tuple[HaloMode, ...] = ("none", "recompute", "horizontal", "full", "any")

GRID_X = (1, 4, 16, 60, 240, 960)
GRID_Y = (1, 4, 18, 72, 270, 540)
"""Tile sizes of DeFiNES's published grid (FSRCNN)."""


@dataclass(frozen=True)
class HaloOptions:
    """What is searched.

    mode       'recompute', 'horizontal', 'full': one of DeFiNES's modes for all tensors, rows outside and columns
               inside; 'any': a choice per tensor and tile loop, both loop orders; 'none': no tile loops
    tiles_y, tiles_x   tile sizes of the last two tiled axes of a stack's last map (None: `ladder`); those not below
               the map's extent mean that it is not cut
    depth      most layers of a stack
    one_stack  the whole graph is one stack: nothing but its inputs and its outputs passes the outermost memory
    """

    mode: HaloMode = "any"
    tiles_y: tuple[int, ...] | None = None
    tiles_x: tuple[int, ...] | None = None
    depth: int = 12
    one_stack: bool = False


@dataclass(frozen=True)
class TileLoop:
    """Cuts `extent` of a leader's dim in `trips` tiles of `tile`, the last one smaller where it does not divide."""

    trips: int
    tile: int
    extent: int

    def __str__(self) -> str:
        return f"{self.trips} of {self.tile}"


@dataclass(frozen=True, eq=False)
class HaloAxis:
    """Part of a key: one axis of a tensor under one tile loop. Equal content is one object (`Plan` interns it).

    strip   1 + index of the memory that keeps the overlap, 0: it is made again
    """

    axis: int
    windows: Windows
    strip: int


@dataclass(frozen=True, eq=False)
class Regions:
    """What a problem makes in each iteration; interned. sizes: extent -> iterations, without empty ones."""

    parts: Intervals
    sizes: Mapping[int, int]


State = tuple[tuple[TileLoop, int, Regions], ...]
"""Per tile loop: the loop, the problem's dim (position), what it makes."""


@dataclass(frozen=True)
class HaloSpec:
    """A way to run one layer below tile loops: keys per tensor, and its state. leader: its output is what is cut."""

    keys: tuple[Key, ...]
    state: State
    leader: bool


@dataclass
class Plan:
    """All specs of a graph, per layer."""

    graph: FusedGraph
    options: HaloOptions
    specs: list[list[HaloSpec]] = field(default_factory=list)
    _windows: dict[object, Windows] = field(default_factory=dict)
    _axes: dict[object, HaloAxis] = field(default_factory=dict)
    _regions: dict[Intervals, Regions] = field(default_factory=dict)
    _reads: dict[object, Intervals] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states: list[dict[State, tuple[list[Key], int]]] = [{} for _ in self.graph.layers]
        self.feeds: dict[tuple[int, str], dict[State, list[Key]]] = {}
        self.places = {t: may_back(self.graph, t) for layer in self.graph.layers for t in layer.tensors}
        self.spatial = spatial_axes(self.graph)
        self.specs = [[] for _ in self.graph.layers]
        if self.options.mode == "none" or not one_chip(self.graph):
            return
        for i in reversed(range(len(self.graph.layers))):
            self._follow(i)
        self.specs = [list(self._specs(i)) for i in range(len(self.graph.layers))]

    # -- states

    def _follow(self, i: int) -> None:
        """Keys of the layer's output from all states of its readers, and the states they leave to the layer."""
        out = self.graph.layers[i].problem.output.name
        readers = [u for u in self.graph.uses[out] if u != i]
        if not readers or not self.places[out] or self.graph.producer.get(out) != i:
            return
        ways = [list(self.states[u]) + [s for s, _ in self._leading(u)] for u in readers]
        first = (
            ways[0] if len(ways) == 1 else [s for s in ways[0] if all(_loops(s) in map(_loops, w) for w in ways[1:])]
        )
        for state in first:
            rest = [[s for s in w if _loops(s) == _loops(state)] for w in ways[1:]]
            for others in product(*rest):
                self._keys_for(i, out, dict(zip(readers, (state, *others))))

    def _keys_for(self, i: int, out: str, states: Mapping[int, State]) -> None:
        depth = 1 + max(self.states[u][s][1] if s in self.states[u] else 1 for u, s in states.items())
        if depth > self.options.depth:
            return
        problem, whole = self.graph.layers[i].problem, self.graph.layers[i].whole
        loops = _loops(next(iter(states.values())))
        moved: list[tuple[int, int, Intervals]] = []
        for j in range(len(loops)):
            found = self._asked(problem, out, states, j)
            if found is None or problem.dims[found[1]].name in whole:
                return
            moved.append(found)
        for memory in self.places[out]:
            for strips in product(
                *(self._strips(out, memory, parts, j, len(loops)) for j, (_, _, parts) in enumerate(moved))
            ):
                entries, state = [], []
                for loop, (axis, dim, parts), strip in zip(loops, moved, strips):
                    windows = self._window(parts, strip > 0)
                    entries.append((self._axis(axis, windows, strip), loop))
                    state.append((loop, dim, self._region(windows.new)))
                # Entries of tile loops are opaque to the join: (what the tensor's users must agree on, the loop).
                key: Any = (memory, tuple(entries))
                outs, known = self.states[i].get(tuple(state), ([], depth))
                if key not in outs:
                    outs.append(key)
                self.states[i][tuple(state)] = (outs, min(known, depth))
                for u, s in states.items():
                    keys = self.feeds.setdefault((u, out), {}).setdefault(s, [])
                    if key not in keys:
                        keys.append(key)

    def _asked(
        self, problem: Problem, out: str, states: Mapping[int, State], j: int
    ) -> tuple[int, int, Intervals] | None:
        """(axis of the tensor, dim of its producer, windows) under loop j; None when it is not one axis moved by one dim."""
        axes, parts = set(), []
        for u, state in states.items():
            reader = self.graph.layers[u].problem
            name = reader.dims[state[j][1]].name
            axis = axis_of(reader.tensor(out), name)
            if axis is None or len(problem.output.axes) != len(reader.tensor(out).axes):
                return None
            if not self.graph.cuttable(out, axis):
                return None
            axes.add(axis)
            made = problem.output.axes[axis].terms
            if len(made) != 1 or made[0][1] != 1 or axis_of(problem.output, made[0][0]) is None:
                return None
            parts.append(self._read(u, reader, out, axis, name, state[j][2], problem.extents[made[0][0]]))
        if len(axes) != 1:
            return None
        axis = axes.pop()
        dim = problem.output.axes[axis].terms[0][0]
        windows = parts[0] if len(parts) == 1 else hull(parts)
        full = [b > a for a, b in windows]
        if not full[0] or any(later and not before for before, later in pairwise(full)):
            return None
        return axis, [d.name for d in problem.dims].index(dim), windows

    def _strips(self, tensor: str, memory: int, parts: Intervals, j: int, loops: int) -> list[int]:
        """Memories (1 + index) that may keep a tensor's overlap under loop j, 0 for none."""
        if not self._window(parts, True).strip:
            return [0]
        mode = self.options.mode
        kept = [m for m in self.places[tensor] if m <= memory]
        if mode == "recompute" or (mode == "horizontal" and j < loops - 1):
            return [0]
        if mode == "horizontal" and loops == 1:
            return kept
        return kept if mode in ("full", "horizontal") else [0, *kept]

    # -- leaders and specs

    def _leading(self, i: int) -> Iterator[tuple[State, list[Key]]]:
        """States of a layer whose output is cut itself, and where that output may be."""
        problem = self.graph.layers[i].problem
        out = problem.output.name
        last = i == len(self.graph.layers) - 1
        if self.options.one_stack and not last:
            return
        keys: list[Key] = [OUTSIDE]
        if out in self.graph.shared and not self.options.one_stack:
            keys += [(m, ()) for m in self.places[out]]
        axes = sorted(self.spatial[out])[-2:]
        sizes = []
        for n, axis in enumerate(axes):
            extent = problem.extents[problem.output.axes[axis].terms[0][0]]
            given = self.options.tiles_x if n == len(axes) - 1 else self.options.tiles_y
            sizes.append(dict.fromkeys(min(t, extent) for t in (given or ladder(extent))))
        for tiles in product(*sizes):
            state = []
            for axis, tile in zip(axes, tiles):
                dim = problem.output.axes[axis].terms[0][0]
                extent = problem.extents[dim]
                if tile < extent:
                    parts = cut(extent, tile)
                    at = [d.name for d in problem.dims].index(dim)
                    state.append((TileLoop(len(parts), tile, extent), at, self._region(parts)))
            if not state or any(problem.dims[at].name in self.graph.layers[i].whole for _, at, _ in state):
                continue
            yield tuple(state), keys
            if len(state) == 2 and self.options.mode == "any":
                yield tuple(reversed(state)), keys

    def _specs(self, i: int) -> Iterator[HaloSpec]:
        layer = self.graph.layers[i]
        if layer.problem.copy:
            return
        sources = [(s, o, False) for s, (o, _) in self.states[i].items()] + [(s, o, True) for s, o in self._leading(i)]
        for state, outs, leader in sources:
            ways = [outs if t.is_output else self._inputs(i, t, state) for t in layer.problem.tensors]
            inputs = [p for p, t in enumerate(layer.problem.tensors) if not t.is_output]
            for keys in product(*ways):
                if leader and not any(is_halo(keys[p]) for p in inputs):
                    continue
                yield HaloSpec(keys, state, leader)

    def _inputs(self, i: int, tensor: Tensor, state: State) -> list[Key]:
        """Keys of an input below the tile loops of a state."""
        name = tensor.name
        if name not in self.graph.shared:
            return [OUTSIDE]
        made = name in self.graph.producer
        found = list(self.feeds.get((i, name), {}).get(state, []))
        if self.options.one_stack and made:
            return found
        return [OUTSIDE, *((m, ()) for m in self.places[name] if made), *found]

    # -- interning

    def _read(
        self, u: int, reader: Problem, tensor: str, axis: int, dim: str, regions: Regions, size: int
    ) -> Intervals:
        key = (u, tensor, axis, dim, id(regions))
        found = self._reads.get(key)
        if found is None:
            found = read_by(reader, reader.tensor(tensor), axis, dim, regions.parts, size)
            self._reads[key] = found = self._region(found).parts
        return found

    def _window(self, parts: Intervals, kept: bool) -> Windows:
        key = (id(self._region(parts)), kept)
        found = self._windows.get(key)
        if found is None:
            found = self._windows[key] = Windows(self._region(parts).parts, kept)
        return found

    def _axis(self, axis: int, windows: Windows, strip: int) -> HaloAxis:
        key = (axis, id(windows), strip)
        found = self._axes.get(key)
        if found is None:
            found = self._axes[key] = HaloAxis(axis, windows, strip)
        return found

    def _region(self, parts: Intervals) -> Regions:
        found = self._regions.get(parts)
        if found is None:
            found = self._regions[parts] = Regions(parts, extents_of(parts))
        return found


def is_halo(key: Key) -> bool:
    """Whether a key's loops are tile loops."""
    return bool(key[1]) and isinstance(key[1][0][0], HaloAxis)


def _loops(state: State) -> tuple[TileLoop, ...]:
    return tuple(loop for loop, _, _ in state)


def ladder(extent: int) -> tuple[int, ...]:
    """Tile sizes of an axis where none are given: the divisor nearest to each power of four, and the whole.

    >>> ladder(540)
    (1, 4, 15, 60, 270, 540)
    """
    from tileloom.core.factors import divisors

    found, power = [], 1
    while power < extent:
        found.append(min(divisors(extent), key=lambda d: (abs(d - power), d)))
        power *= 4
    return tuple(dict.fromkeys([*found, extent]))


def may_back(graph: FusedGraph, tensor: str) -> tuple[int, ...]:
    """Memories (1 + index into graph.memories) that all users of a tensor may have it in, with no stop further out."""
    found = []
    for n, name in enumerate(graph.memories, start=1):
        fits = True
        for u in graph.uses[tensor]:
            layer = graph.layers[u]
            own = layer.problem.tensor(tensor)
            memories = layer.chip.memories
            at = next((k for k, m in enumerate(memories) if m.name == name), None)
            fits = fits and at is not None and memories[at].allows(own)
            fits = fits and not any(m.keep.has(own) for m in memories[1 : at or 1])
        if fits and (tensor not in graph.producer or len(graph.uses[tensor]) < 2 or _free(graph, tensor)):
            found.append(n)
    return tuple(found)


def _free(graph: FusedGraph, tensor: str) -> bool:
    """Whether the hardware's rules let a tensor be on chip for all its users."""
    return all(any(tensor in inside for inside in graph.layers[u].chips) for u in graph.uses[tensor])


def one_chip(graph: FusedGraph) -> bool:
    """Whether every problem meets the same hardware whatever is on chip, and runs once, nothing staying throughout."""
    return all(
        len({id(c) for c in layer.chips.values()}) == 1 and layer.count == 1 and not layer.persistent
        for layer in graph.layers
    )


def spatial_axes(graph: FusedGraph) -> dict[str, frozenset[int]]:
    """Output -> axes whose tiles, followed back through the graph, come to a window of a convolution or pooling."""
    found: dict[str, frozenset[int]] = {}
    for layer in graph.layers:
        problem = layer.problem
        axes = set()
        for a, axis in enumerate(problem.output.axes):
            if len(axis.terms) != 1 or axis.terms[0][1] != 1:
                continue
            dim = axis.terms[0][0]
            for t in problem.inputs:
                at = axis_of(t, dim)
                if at is not None and (len(t.axes[at].terms) > 1 or at in found.get(t.name, frozenset())):
                    axes.add(a)
        found[problem.output.name] = frozenset(axes)
    return found


__all__ = ["HALO_MODES", "HaloAxis", "HaloOptions", "HaloSpec", "Plan", "TileLoop", "is_halo", "ladder"]
