"""Searches tile size, overlap-storing mode and fuse depth together, per stack and for the whole network.

Stacks pass their maps through the top memory and run one after the other, so energies and cycles add up: the best
network over a declared grid is found exactly by going through all cuts between indivisible units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal

from tileloom.core.errors import InputError
from tileloom.fusion.depth_first import (
    MODES,
    Mode,
    PointResult,
    Setting,
    StackResult,
    Totals,
    add_up,
    run_stack,
)
from tileloom.fusion.depth_first import Point as FusionPoint
from tileloom.fusion.grid import Progress, answer_all, questions_of
from tileloom.fusion.memo import Memo, Searching
from tileloom.fusion.stacks import Cuts, Stack, automatic_cuts, cut, is_stack, units_of
from tileloom.fusion.store import AnswerStore
from tileloom.fusion.tiles import DoesNotFitError

Wanted = Literal["energy", "latency", "edp"]


@dataclass(frozen=True)
class Space:
    """What is searched. Tiles larger than a stack's map count once, as the whole map.

    cuts        'all': every way to cut between indivisible units; or one list of cuts
    max_layers  most layers of a stack, None = any number (fuse depth); the stacks of automatic cuts are always there
    """

    modes: tuple[Mode, ...] = (1, 2, 3)
    tile_xs: tuple[int, ...] = (1, 4, 16, 60, 240, 960)
    tile_ys: tuple[int, ...] = (1, 4, 18, 72, 270, 540)
    cuts: Cuts | Literal["all"] = "all"
    max_layers: int | None = None


@dataclass(frozen=True)
class Choice:
    """One stack with its strategy."""

    stack: StackResult
    mode: Mode
    tile: tuple[int, int]

    @property
    def energy_pj(self) -> float:
        return self.stack.energy_pj

    @property
    def cycles(self) -> int:
        return self.stack.cycles


@dataclass(frozen=True)
class Plan:
    """A strategy for every stack of the network, in order."""

    choices: tuple[Choice, ...]

    @property
    def energy_pj(self) -> float:
        return sum(c.energy_pj for c in self.choices)

    @property
    def cycles(self) -> int:
        return sum(c.cycles for c in self.choices)

    @property
    def edp(self) -> float:
        return self.energy_pj * self.cycles

    @property
    def totals(self) -> Totals:
        return add_up([c.stack for c in self.choices])

    def value(self, wanted: Wanted) -> float:
        return {"energy": self.energy_pj, "latency": float(self.cycles), "edp": self.edp}[wanted]

    def as_point(self) -> PointResult:
        """The plan in the shape of a point, for reports; tile sizes and modes are those of its stacks."""
        first = self.choices[0]
        cuts = tuple(c.stack.stack.after for c in self.choices if c.stack.stack.after is not None)
        return PointResult(
            FusionPoint(first.mode, *first.tile, cuts), cuts, tuple(c.stack for c in self.choices), self.totals
        )


@dataclass(frozen=True)
class SearchedStack:
    """All strategies of one stack: the trade-offs, and how many were looked at.

    refused   (mode, tile x, tile y, reason) of those that cannot run
    """

    stack: Stack
    front: tuple[Choice, ...]
    evaluated: int
    refused: tuple[tuple[int, int, int, str], ...]

    def best(self, wanted: Wanted) -> Choice | None:
        return min(self.front, key=lambda c: (_value(c, wanted), c.energy_pj, c.cycles), default=None)


@dataclass(frozen=True)
class FusionSearch:
    """front      plans of the whole network that no other beats in both energy and cycles, energy ascending
    best       by objective; on the front, and proven least over the space
    stacks     every stack looked at
    asked, distinct   tile-layers of all strategies, and those that were searched
    """

    space: Space
    front: tuple[Plan, ...]
    stacks: tuple[SearchedStack, ...]
    asked: int
    distinct: int

    def best(self, wanted: Wanted) -> Plan:
        return min(self.front, key=lambda p: (p.value(wanted), p.energy_pj))

    @property
    def evaluated(self) -> int:
        return sum(s.evaluated for s in self.stacks)

    @property
    def refused(self) -> int:
        return sum(len(s.refused) for s in self.stacks)


def search_fusion(
    setting: Setting,
    space: Space | None = None,
    searching: Searching | None = None,
    *,
    workers: int = 1,
    store: AnswerStore | None = None,
    progress: Progress | None = None,
) -> FusionSearch:
    """Every stack with every strategy of the space, and the plans of the network that no other beats.

    Exhaustive: `best` is the least over the space, given how single tile-layers are mapped (`searching`).
    Raises InputError for an empty space, and when some layers run under no strategy.
    """
    space = space or Space()
    _check(space)
    stacks = list(_stacks(setting, space))
    memo = Memo(searching or Searching())
    strategies = {s.label: list(_strategies(s, space)) for _, _, s in stacks}
    runs = [partial(run_stack, setting, s, m, t) for _, _, s in stacks for m, t in strategies[s.label]]
    questions = list(questions_of(setting, runs))
    answer_all(setting.machine, questions, memo, workers=workers, store=store, progress=progress)
    searched = []
    for done, (_, _, stack) in enumerate(stacks, 1):
        searched.append(_searched(setting, stack, strategies[stack.label], memo))
        if progress is not None:
            progress("stacks", done, len(stacks))
    spans = [(first, last) for first, last, _ in stacks]
    front = _plans(spans, searched)
    if not front:
        reasons = [f"layers {s.stack.label}: {s.refused[0][3]}" for s in searched if not s.front and s.refused]
        raise InputError(["no strategy of the space runs the whole network", *reasons[:5]])
    return FusionSearch(space, front, tuple(searched), len(questions), len(memo.known))


def _check(space: Space) -> None:
    faults = [f"mode {m} is not one of {list(MODES)}" for m in space.modes if m not in MODES]
    for name, values in (("modes", space.modes), ("tile_xs", space.tile_xs), ("tile_ys", space.tile_ys)):
        if not values:
            faults.append(f"{name} is empty: there is nothing to search")
    faults += [f"tile size {t} is not at least 1" for t in (*space.tile_xs, *space.tile_ys) if t < 1]
    if space.max_layers is not None and space.max_layers < 1:
        faults.append(f"max_layers is {space.max_layers}; expected at least 1")
    if faults:
        raise InputError(faults)


def _stacks(setting: Setting, space: Space) -> Iterator[tuple[int, int, Stack]]:
    """(first place, place after it, stack): of the given cuts, or between any two borders of units."""
    graph = setting.graph
    rules = replace(setting.rules, cut_zero_is_no_cut=False)
    if space.cuts != "all":
        # The original's automatic cuts can hold the input, which no layer needs as a stack of its own.
        cuts = tuple(c for c in space.cuts if c not in graph or not graph[c].is_input)
        stacks = cut(graph, cuts, rules, setting.pads)
        yield from ((i, i + 1, s) for i, s in enumerate(stacks))
        return
    units = units_of(graph, rules)
    ends = [unit[-1] for unit in units]
    borders = [None, *ends[:-1], None]
    chosen = automatic_cuts(graph, setting.machine, rules)
    automatic = set(pairwise((None, *chosen, None)))
    for first in range(len(ends)):
        for last in range(first + 1, len(ends) + 1):
            layers = [n for unit in units[first:last] for n in unit if not graph[n].is_input]
            if last > first + 1 and not is_stack(graph, layers):
                continue
            around = [b for b in (borders[first], borders[last]) if b is not None]
            wanted = (borders[first], borders[last])
            stack = next(s for s in cut(graph, around, rules, setting.pads) if (s.before, s.after) == wanted)
            shallow = space.max_layers is None or len(stack.graph.layers) <= space.max_layers
            if shallow or last == first + 1 or wanted in automatic:
                yield first, last, stack


def _strategies(stack: Stack, space: Space) -> Iterator[tuple[Mode, tuple[int, int]]]:
    """Modes and tiles that differ: a tile as large as the map is one tile in every mode."""
    wide, high = stack.extent
    tiles = dict.fromkeys((min(x, wide), min(y, high)) for y in space.tile_ys for x in space.tile_xs)
    for tile in tiles:
        modes: tuple[Mode, ...] = space.modes[:1] if tile == (wide, high) else space.modes
        yield from ((mode, tile) for mode in modes)


def _searched(
    setting: Setting, stack: Stack, strategies: Sequence[tuple[Mode, tuple[int, int]]], memo: Memo
) -> SearchedStack:
    found, refused = [], []
    for mode, tile in strategies:
        try:
            found.append(Choice(run_stack(setting, stack, mode, tile, memo.evaluate), mode, tile))
        except (DoesNotFitError, InputError) as error:
            refused.append((int(mode), *tile, str(error)))
    return SearchedStack(stack, tuple(_front(found)), len(strategies), tuple(refused))


def _value(choice: Choice, wanted: Wanted) -> float:
    values = {"energy": choice.energy_pj, "latency": float(choice.cycles)}
    return values.get(wanted, choice.energy_pj * choice.cycles)


def _front(choices: Sequence[Choice]) -> list[Choice]:
    """Choices that no other beats in both, energy ascending; of equal ones the first."""
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda c: (c.energy_pj, c.cycles)):
        if not kept or choice.cycles < kept[-1].cycles:
            kept.append(choice)
    return kept


def _plans(spans: Sequence[tuple[int, int]], searched: Sequence[SearchedStack]) -> tuple[Plan, ...]:
    """Fronts of the network's beginnings, stack by stack. Exact, because energies and cycles add up."""
    end = max(last for _, last in spans)
    fronts: dict[int, list[Plan]] = {0: [Plan(())]}
    for place in range(1, end + 1):
        plans = [
            Plan((*before.choices, choice))
            for (first, last), stack in zip(spans, searched)
            if last == place
            for before in fronts.get(first, ())
            for choice in stack.front
        ]
        kept: list[Plan] = []
        for plan in sorted(plans, key=lambda p: (p.energy_pj, p.cycles)):
            if not kept or plan.cycles < kept[-1].cycles:
                kept.append(plan)
        fronts[place] = kept
    return tuple(fronts[end])
