"""One point: a network on a machine with tile sizes and an overlap-storing mode, stack by stack and tile by tile.

Puts the parts of this folder in order and adds up; grids of points are in grid.py, searches in search.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from tileloom.core.errors import InputError
from tileloom.cost.models.zigzag.layer import ZigzagNetwork
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.geometry import Column, counted_columns
from tileloom.fusion.graph import Graph, Pads, aim, read_graph
from tileloom.fusion.intervals import exact_columns
from tileloom.fusion.memory import Levels, Tile, decide_levels
from tileloom.fusion.rules import CORRECTED, Rules
from tileloom.fusion.stacks import (
    INPUTS,
    OUTPUTS,
    WEIGHTS,
    Cuts,
    Stack,
    automatic_cuts,
    cut,
    shrunk_maps,
    single_layer_cuts,
)
from tileloom.fusion.tiles import Evaluate, Neighbours, Step, run_tile

Mode = Literal[1, 2, 3]
MODES: dict[int, str] = {1: "fully recompute", 2: "H-cached, V-recompute", 3: "fully cached"}
MAX_TILE = 2**31


@dataclass(frozen=True, slots=True)
class TileType:
    """Equal tiles of a stack. steps: inputs and layers in order."""

    count: int
    size: tuple[int, int]
    near: Neighbours
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class StackResult:
    """levels: memories of the weights and the kept lines;  first_tile: (x, y) of the remainder tile, which comes first."""

    stack: Stack
    tile: tuple[int, int]
    first_tile: tuple[int, int]
    levels: Levels
    types: tuple[TileType, ...]
    weight_memory: str | None
    h_memories: tuple[str, ...]
    v_memories: tuple[str, ...]

    @cached_property
    def energy_pj(self) -> float:
        return sum(t.count * (_energy(s) + s.before.energy_pj) for t in self.types for s in t.steps)

    @cached_property
    def cycles(self) -> int:
        """With the loading of each tile's first data, without its off-loading, as the original adds it up."""
        return sum(t.count * (_cycles(s) + s.before.cycles) for t in self.types for s in t.steps)

    @cached_property
    def macs(self) -> int:
        return sum(t.count * s.layer.macs for t in self.types for s in t.steps if s.layer is not None)


@dataclass(frozen=True)
class Totals:
    """Sums over all tiles. `computing` is latency 0, `cycles` latency 1 with the copies, `with_offloading` latency 2.

    uncounted_copy_cycles   each kind of tile's copies once: what the original's latency 2 adds instead (Q14)
    """

    energy_pj: float
    mac_pj: float
    memory_pj: float
    copy_pj: float
    cycles: int
    ideal_cycles: int
    temporal_cycles: int
    computing_cycles: int
    loading_cycles: int
    offloading_cycles: int
    copy_cycles: int
    uncounted_copy_cycles: int
    macs: int

    @property
    def with_offloading(self) -> int:
        return self.cycles + self.offloading_cycles

    @property
    def edp(self) -> float:
        return self.energy_pj * self.cycles


@dataclass(frozen=True)
class Point:
    """What is evaluated. cuts: 'auto' (weights of a stack fit on the chip), 'single', or layers to cut after."""

    mode: Mode
    tile_x: int
    tile_y: int
    cuts: Cuts | Literal["auto", "single"] = "auto"


@dataclass(frozen=True)
class PointResult:
    point: Point
    cuts: Cuts
    stacks: tuple[StackResult, ...]
    totals: Totals = field(repr=False)


@dataclass(frozen=True)
class Setting:
    """A network made ready for a machine. pads: (layer, operand) -> padding before the map, for the corrected rules."""

    graph: Graph
    machine: ZigzagMachine
    rules: Rules
    pads: Pads = field(default_factory=dict)


def prepare(
    network: ZigzagNetwork, machine: ZigzagMachine, rules: Rules = CORRECTED, pads: Pads | None = None
) -> Setting:
    """Checks network and machine against each other and, where padding is not known or not wanted, takes it away.

    Raises InputError for operands that no memory holds, layers without a place, cycles, several outputs.
    """
    return prepare_graph(read_graph(network), machine, rules, pads)


def prepare_graph(graph: Graph, machine: ZigzagMachine, rules: Rules = CORRECTED, pads: Pads | None = None) -> Setting:
    """The same for a graph. Without `pads` nothing is known of padding, and maps shrink by the kernels."""
    faults = [
        f"machine '{machine.name}': no memory holds '{operand}', the memory operand of {what}"
        for operand, what in ((WEIGHTS, "weights"), (INPUTS, "inputs"), (OUTPUTS, "outputs"))
        if operand not in machine.operands
    ]
    for node in graph.layers:
        for operand in node.layer.operands:
            made = operand.name in {f.operand for f in node.feeds}
            wanted = OUTPUTS if operand.is_output else INPUTS if made else WEIGHTS
            if operand.memory_operand != wanted and not (made and len(node.feeds) == 2):
                faults.append(
                    f"layer {node.id}: operand {operand.name} is linked to '{operand.memory_operand}'; depth-first "
                    f"scheduling needs {wanted} for {'data' if made else 'outputs' if operand.is_output else 'weights'}"
                )
    if not faults and len({machine.top(o).name for o in (WEIGHTS, INPUTS, OUTPUTS)}) > 1:
        tops = {o: machine.top(o).name for o in (WEIGHTS, INPUTS, OUTPUTS)}
        faults.append(f"machine '{machine.name}': the top memories differ ({tops}); feature maps pass through one")
    if faults:
        raise InputError(faults)
    if rules.maps_shrink or pads is None:
        graph, pads = shrunk_maps(aim(graph, {})), {}
    return Setting(graph, machine, rules, pads)


def choose_cuts(setting: Setting, cuts: Cuts | Literal["auto", "single"]) -> Cuts:
    if cuts == "auto":
        return automatic_cuts(setting.graph, setting.machine, setting.rules)
    if cuts == "single":
        return single_layer_cuts(setting.graph)
    return tuple(cuts)


def run_point(setting: Setting, point: Point, evaluate: Evaluate | None, *, proper_cuts: bool = False) -> PointResult:
    """Evaluates one point. evaluate=None: stacks, sizes, levels and copies, without layer costs.

    proper_cuts   a cut after layer 0 counts although the rules are the original's
    Raises DoesNotFitError when a layer's tile fits nowhere, InputError for sizes and cuts that cannot be.
    """
    _check(point)
    cuts = choose_cuts(setting, point.cuts)
    rules = setting.rules
    if proper_cuts:
        rules = replace(rules, cut_zero_is_no_cut=False)
    stacks = cut(setting.graph, cuts, rules, setting.pads)
    results = tuple(run_stack(setting, s, point.mode, (point.tile_x, point.tile_y), evaluate) for s in stacks)
    return PointResult(point, cuts, results, add_up(results))


def _check(point: Point) -> None:
    faults = [f"mode is {point.mode!r}; expected one of {list(MODES)}"] if point.mode not in MODES else []
    for name, size in (("tile x", point.tile_x), ("tile y", point.tile_y)):
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_TILE:
            faults.append(f"{name} is {size!r}; expected a whole number from 1 to {MAX_TILE}")
    if faults:
        raise InputError(faults)


def run_stack(
    setting: Setting, stack: Stack, mode: Mode, tile: tuple[int, int], evaluate: Evaluate | None
) -> StackResult:
    """All tiles of one stack; equal ones once."""
    columns = _columns(setting.rules, stack.graph, "x", tile[0], cached=mode >= 2)
    rows = _columns(setting.rules, stack.graph, "y", tile[1], cached=mode == 3)
    levels = decide_levels(stack.graph, setting.machine, mode, columns, rows, setting.rules)
    kinds: dict[tuple[object, ...], tuple[Column, Column, Neighbours]] = {}
    counts: dict[tuple[object, ...], int] = {}
    for j, row in enumerate(rows):
        for i, column in enumerate(columns):
            near = _neighbours(mode, levels, columns, rows, i, j)
            across, down = _content(column, near.use_h, near.make_h), _content(row, near.use_v, near.make_v)
            key: tuple[object, ...] = (column.size, row.size, near, across, down)
            kinds.setdefault(key, (column, row, near))
            counts[key] = counts.get(key, 0) + column.count * row.count
    types = []
    for key, (column, row, near) in kinds.items():
        parts = Tile(stack.graph, column.actual, row.actual)
        steps = run_tile(stack, parts, setting.machine, levels, near, setting.rules, evaluate)
        types.append(TileType(counts[key], (column.size, row.size), near, steps))
    return StackResult(
        stack,
        tile,
        (columns[0].size, rows[0].size),
        levels,
        tuple(types),
        None if levels.weights is None else setting.machine.levels(WEIGHTS)[levels.weights].name,
        _used(setting.machine, [t.near.make_h for t in types]),
        _used(setting.machine, [t.near.make_v for t in types]),
    )


def _columns(rules: Rules, graph: Graph, axis: str, size: int, *, cached: bool) -> tuple[Column, ...]:
    return (counted_columns if rules.maps_shrink else exact_columns)(graph, axis, size, cached=cached)


def _content(column: Column, use: int | None, make: int | None) -> tuple[object, ...]:
    extents = column.actual
    reads = tuple(extents.overlap.items()) if use is not None else ()
    writes = tuple((n, min(w, extents.out[n])) for n, w in extents.width.items()) if make is not None else ()
    return tuple(extents.out.items()), tuple(extents.full.items()), reads, writes


def _neighbours(
    mode: int, levels: Levels, columns: Sequence[Column], rows: Sequence[Column], i: int, j: int
) -> Neighbours:
    column, row = columns[i], rows[j]
    h = levels.h[j] if mode >= 2 else None
    v = levels.v if mode == 3 else None
    return Neighbours(
        is_first=column.is_first and row.is_first,
        make_h=None if column.is_last else h,
        use_h=None if column.is_first else h,
        make_v=None if row.is_last else v,
        use_v=None if row.is_first else v,
    )


def _used(machine: ZigzagMachine, levels: Sequence[int | None]) -> tuple[str, ...]:
    found = dict.fromkeys(level for level in levels if level is not None)
    return tuple(machine.levels(OUTPUTS)[level].name for level in found)


def _energy(step: Step) -> float:
    return step.found.cost.energy_pj if step.found is not None and step.found.cost is not None else 0.0


def _cycles(step: Step) -> int:
    return int(step.found.cost.cycles_with_loading) if step.found is not None and step.found.cost is not None else 0


def add_up(stacks: Sequence[StackResult]) -> Totals:
    """Totals over stacks; a layer that stands in several stacks counts in each."""
    mac = memory = copied = 0.0
    ideal = temporal = computing = loading = offloading = copy_cycles = once = macs = 0
    for result in stacks:
        for kind in result.types:
            for step in kind.steps:
                copied += kind.count * step.before.energy_pj
                copy_cycles += kind.count * step.before.cycles
                once += step.before.cycles
                macs += kind.count * step.layer.macs if step.layer is not None else 0
                cost = step.found.cost if step.found is not None else None
                if cost is None:
                    continue
                mac += kind.count * cost.mac_pj
                memory += kind.count * (cost.energy_pj - cost.mac_pj)
                ideal += kind.count * cost.ideal_cycles
                temporal += kind.count * cost.temporal_cycles
                computing += kind.count * cost.cycles_computing
                loading += kind.count * int(cost.loading_cycles)
                offloading += kind.count * int(cost.offloading_cycles)
    return Totals(
        energy_pj=sum(s.energy_pj for s in stacks),
        mac_pj=mac,
        memory_pj=memory,
        copy_pj=copied,
        cycles=computing + loading + copy_cycles,
        ideal_cycles=ideal,
        temporal_cycles=temporal,
        computing_cycles=computing,
        loading_cycles=loading,
        offloading_cycles=offloading,
        copy_cycles=copy_cycles,
        uncounted_copy_cycles=once,
        macs=macs,
    )
