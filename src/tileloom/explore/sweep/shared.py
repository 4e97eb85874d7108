"""The optimal mapper for many chips of one structure at once: everything that prices do not change is done once.

Templates, tile chains and their exact group fronts depend on the structure only. Per chip there remain the numbers of
its energies, throughputs and capacities, bounds for all templates in one go, and a search that begins with the best
mapping known from the other chips, which proves most templates away. Answers are proven as the mapper's own are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture
from tileloom.explore.sweep.chips import SENTINEL, capacities, table_of, together
from tileloom.explore.sweep.many import spread
from tileloom.explore.sweep.relation import relate
from tileloom.explore.sweep.shared_kernels import combined, evaluate_everywhere, floors_of, root_bounds, usable_of
from tileloom.mapping.tree import MappingTree
from tileloom.search.mappers.optimal import TIE
from tileloom.search.objective import Objective
from tileloom.search.optimal.arrays import CostArrays, Goal, LimitArrays
from tileloom.search.optimal.build import build_mapping
from tileloom.search.optimal.classes import WORTH_IT
from tileloom.search.optimal.columns import Compiled, rank_groups
from tileloom.search.optimal.compile import Layout, compile_template
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY, search
from tileloom.search.optimal.options import pareto
from tileloom.search.optimal.prepare import PARETO_AT_MOST, Prepared, prepare, ranges
from tileloom.search.optimal.run import CODES, run_scalar
from tileloom.search.optimal.space import required_use, setting_of, templates
from tileloom.workload.problem import Problem

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NO_ARCHIVE = np.empty((0, 2)), np.empty((0, 0), np.int64)

MARGIN = 1.25
"""A template is searched up to this multiple of the best known value: what it costs beyond that is a bound elsewhere."""

PROVEN = 1e-12
"""A mapping within this share of a lower bound is optimal: bounds are sums in another order than costs."""


@dataclass(frozen=True)
class Priced:
    """A template, its group fronts, and its arithmetic for every chip: a row per chip."""

    prepared: Prepared
    plus: Floats
    minus: Floats
    offsets: Floats
    leakage: Floats
    high: Floats
    least: Floats
    most: Floats

    def cost(self, chip: int) -> CostArrays:
        return self.prepared.cost._replace(
            plus=self.plus[chip], minus=self.minus[chip], offsets=self.offsets[chip], leakage=float(self.leakage[chip])
        )

    def limits(self, chip: int) -> LimitArrays:
        return self.prepared.limits._replace(high=self.high[chip])


@dataclass(frozen=True, eq=False)
class Found:
    """A mapping by template and rows of its table; equal to itself only."""

    template: int
    rows: Ints


@dataclass
class SharedSearch:
    """Best mappings of one problem for chips of one structure.

    chips      at least one; all with the same `structure_of`
    searched   templates searched, over all chips: what sharing saves is to be seen against chips * templates
    """

    problem: Problem
    chips: Sequence[Architecture]
    objective: Objective
    searched: int = 0
    priced: list[Priced] = field(default_factory=list)
    known: list[Found] = field(default_factory=list)
    floors: list[Floats] = field(default_factory=list)
    floor_at: list[int] = field(default_factory=list)

    def solve(self) -> list[MappingTree | None]:
        """Per chip the best mapping: proven to 1e-12, ties broken as by OptimalMapper; None where none fits."""
        self.setting = setting_of(self.problem, together(self.chips))
        self.sizes = table_of(self.chips, capacities)
        self.priced = [self._price(c) for c in self._compiled()]
        code = CODES[self.objective]
        self.code, self.bounds = code, self._bounds(code)
        self.best, self.best_at = np.full(len(self.chips), inf), np.full(len(self.chips), -1)
        self.costs: list[Floats] = []
        self.relation = relate(self.chips)
        self.optima, self.second = np.full(len(self.chips), inf), np.full(len(self.chips), inf)
        self.solved = np.empty(0, np.int64)
        winners = [-1] * len(self.chips)
        for chip in self.relation.order:
            if self.best[chip] * (1 - PROVEN) > self._floor(chip, self.solved, self.optima, code != LATENCY):
                self._search(chip, code, inf, inf, self.best[chip])
            self.optima[chip] = self.best[chip]
            winners[chip] = int(self.best_at[chip])
            if code != EDP and winners[chip] >= 0:
                winners[chip] = self._tied(chip, winners[chip])
            self.solved = np.append(self.solved, chip)
        trees: dict[int, MappingTree] = {}
        return [None if at < 0 else self._tree(at, trees) for at in winners]

    def _floor(self, chip: int, solved: Ints, optima: Floats, priced: bool) -> float:
        r = self.relation
        usable = solved[usable_of(chip, r.paces, r.sizes, solved)]
        return float(combined(r.prices[chip], r.prices[usable], optima[usable], priced))

    def _compiled(self) -> list[Compiled]:
        layout, lower = Layout(self.setting, rank_groups(self.setting)), required_use(self.setting)
        found: dict[object, Compiled] = {}
        for template in templates(self.setting):
            compiled = compile_template(layout, template, energy_matters=True, time_matters=True, lower=lower)
            found.setdefault(compiled.key, compiled)
        return list(found.values())

    def _price(self, compiled: Compiled) -> Priced:
        count = len(self.chips)
        prepared = _reduced(prepare(compiled, EDP))
        terms = [t for s in (compiled.energy, *compiled.busy) for t in s]
        high = np.empty((count, len(compiled.limits)))
        for j, limit in enumerate(compiled.limits):
            high[:, j] = (
                self.sizes[:, int(limit.high) - SENTINEL] if limit.high >= SENTINEL and limit.high < inf else limit.high
            )
        starts = prepared.starts
        groups = [prepared.table[a:b] for a, b in pairwise(starts)]
        return Priced(
            prepared=prepared,
            plus=_columns([spread(t.plus, count) for t in terms], count),
            minus=_columns([spread(t.minus, count) for t in terms], count),
            offsets=_columns([spread(o, count) for o in (compiled.energy_offset, *compiled.busy_offset)], count),
            leakage=spread(compiled.leakage, count),
            high=high,
            least=np.prod([g.min(axis=0) for g in groups], axis=0),
            most=np.prod([g.max(axis=0) for g in groups], axis=0),
        )

    def _bounds(self, objective: int) -> Floats:
        """float64[chips, templates, 2]: least energy and cycles of every template on every chip."""
        found = np.empty((len(self.chips), len(self.priced), 2))
        for i, p in enumerate(self.priced):
            found[:, i] = root_bounds(
                p.least, p.most, p.prepared.cost, p.plus, p.minus, p.offsets, p.leakage, objective
            )
        return found

    def _search(self, chip: int, objective: int, energy_limit: float, cycle_limit: float, incumbent: float) -> int:
        """Searches a chip for something better than the incumbent; number of the mapping found, -1 for none."""
        bounds = self.bounds[chip]
        root = _values(bounds[:, 0], bounds[:, 1], objective)
        # Floors hold for the objective without limits, and searches beyond the incumbent serve other chips' floors.
        free = energy_limit == cycle_limit == inf
        wanted = (root < incumbent) & (bounds[:, 0] <= energy_limit) & (bounds[:, 1] <= cycle_limit)
        if self.floors:
            floors = self._template_floors(chip, wanted)
            if free:
                root = np.maximum(root, floors)
                wanted &= root < incumbent
            else:
                # Of two limits one is that of the search's own objective, and floors are about that.
                wanted &= floors <= min(energy_limit, cycle_limit)
        order = [int(i) for i in np.argsort(root, kind="stable") if wanted[i]]
        best, winner = incumbent, -1
        rows = np.zeros(0, np.int64)
        for i in order:
            if root[i] >= best:
                break
            self.searched += 1
            goal = Goal(objective, 1.0, energy_limit, cycle_limit, 0, i)
            beyond = best * MARGIN if free else best
            value, chosen = self._search_template(chip, goal, bounds[i], beyond)
            root[i] = max(root[i], value)
            if value < best and chosen is not None:
                best, winner, rows = value, i, chosen
        if free:
            self.floors.append(root)
            self.floor_at.append(chip)
        return -1 if winner < 0 else self._learn(Found(winner, rows))

    def _search_template(self, chip: int, goal: Goal, bounds: Floats, incumbent: float) -> tuple[float, Ints | None]:
        """The template's best value below the incumbent and its rows; (incumbent, None) where there is none."""
        p = self.priced[goal.template]
        if len(p.prepared.table) < WORTH_IT:
            # The table holds fronts already, so the search itself has all the filtering that is worth it.
            value, rows, *_ = search(
                p.prepared.table, p.prepared.starts, p.cost(chip), p.limits(chip), goal, incumbent, *NO_ARCHIVE, 0
            )
            return float(value), rows if value < incumbent else None
        one = replace(
            p.prepared, cost=p.cost(chip), limits=p.limits(chip),
            root_energy=float(bounds[0]), root_cycles=float(bounds[1]),
        )  # fmt: skip
        outcome = run_scalar(
            [one], goal.objective, energy_limit=goal.energy_limit, cycle_limit=goal.cycle_limit, incumbent=incumbent
        )
        return outcome.value, outcome.rows

    def _template_floors(self, chip: int, wanted: npt.NDArray[np.bool_]) -> Floats:
        """Of wanted templates a lower bound of their best value on a chip, from what was found on it and on others."""
        r = self.relation
        usable = usable_of(chip, r.paces, r.sizes, np.array(self.floor_at, np.int64))
        if not len(usable):
            return np.zeros(len(self.priced))
        prices = r.prices[np.array(self.floor_at)[usable]]
        known = np.array([self.floors[n] for n in usable])
        # A little less, for rounding: a floor must never exceed the value it stands for.
        lowest: Floats = floors_of(r.prices[chip], prices, known, self.objective != "latency", wanted) * (1 - PROVEN)
        return lowest

    def _learn(self, found: Found) -> int:
        """What a new mapping costs on every chip; the best known per chip is kept."""
        p = self.priced[found.template]
        cost = np.empty((len(self.chips), 2))
        values = p.prepared.table[found.rows].prod(axis=0)
        evaluate_everywhere(
            values, p.prepared.cost, p.plus, p.minus, p.offsets, p.leakage, p.prepared.limits, p.high, cost
        )
        value = _values(cost[:, 0], cost[:, 1], self.code)
        number = len(self.known)
        better = value < self.best
        self.best[better], self.best_at[better] = value[better], number
        self.known.append(found)
        self.costs.append(cost)
        return number

    def _tied(self, chip: int, at: int) -> int:
        """Among mappings whose objective agrees with the optimum the one with the best other objective.

        Proven from other chips where that can be. Energy first: a faster mapping z within the tie would be within the
        tie nowhere among chips j whose tied optimum is as slow as here, so its energy exceeds theirs by more than the
        tie, and so does its energy here exceed the bound that they give. Latency first: ties here are ties on chips
        whose optimum is as high, so their tied energies bound the energy here.
        """
        energy_first = self.code == ENERGY
        first, second = (0, 1) if energy_first else (1, 0)
        within = self.best[chip] * (1 + TIE)
        costs = np.array([cost[chip] for cost in self.costs])
        tied = np.where(costs[:, first] <= within, costs[:, second], inf)
        at = int(tied.argmin()) if tied.min() < costs[at, second] else at
        incumbent = costs[at, second]
        if energy_first:
            others = self.solved[self.second[self.solved] >= incumbent * (1 - PROVEN)]
            proven = self._floor(chip, others, self.optima, True) >= self.best[chip] * (1 - PROVEN)
        else:
            others = self.solved[self.optima[self.solved] >= self.best[chip] * (1 - PROVEN)]
            proven = self._floor(chip, others, self.second, True) >= incumbent * (1 - PROVEN)
        if not proven:
            energy_limit, cycle_limit = (within, inf) if energy_first else (inf, within)
            found = self._search(chip, LATENCY if energy_first else ENERGY, energy_limit, cycle_limit, incumbent)
            at = at if found < 0 else found
        self.second[chip] = self.costs[at][chip, second]
        return at

    def _tree(self, at: int, trees: dict[int, MappingTree]) -> MappingTree:
        if at not in trees:
            found = self.known[at]
            prepared = self.priced[found.template].prepared
            trees[at] = build_mapping(self.setting, prepared.compiled.template, prepared.tiles(found.rows))
        return trees[at]


def _reduced(prepared: Prepared) -> Prepared:
    """The template with only the group fronts left in its table; exact whatever the prices, as every count is a criterion."""
    kept: list[Ints] = []
    for g, (columns, equal) in enumerate(prepared.distinct):
        own = np.arange(prepared.starts[g], prepared.starts[g + 1])
        if len(own) < PARETO_AT_MOST:
            own = own[pareto(prepared.table[own][:, columns], equal)]
        kept.append(own)
    options = tuple(
        replace(o, tiles=o.tiles[rows - start], values=o.values[rows - start])
        for o, rows, start in zip(prepared.options, kept, prepared.starts)
    )
    return replace(
        prepared,
        options=options,
        table=np.ascontiguousarray(prepared.table[np.concatenate(kept)]),
        starts=ranges([len(k) for k in kept]),
    )


def _columns(columns: list[Floats], count: int) -> Floats:
    return np.ascontiguousarray(np.array(columns).T) if columns else np.zeros((count, 0))


def _values(energy: Floats, cycles: Floats, objective: int) -> Floats:
    if objective == LATENCY:
        return cycles
    return energy * cycles if objective == EDP else energy
