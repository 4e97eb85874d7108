"""The optimal mapper: the best mapping of a problem with a proof, or the reasons why there is none.

It searches every template of the space (search/optimal/) and returns the certificate; the cost it reports is that of
the `loopnest` model on the mapping it returns, which is checked to be what the search promised.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, isclose
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Cost, CostModel, Profile
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.constraints import FREE, Constraints, constrain
from tileloom.mapping.legality import is_legal
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective, SearchResult, Status, value_of
from tileloom.search.optimal.arrays import Ints
from tileloom.search.optimal.build import build_mapping
from tileloom.search.optimal.columns import Compiled, rank_groups
from tileloom.search.optimal.compile import Layout, compile_template
from tileloom.search.optimal.explain import explain, why_infeasible
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY
from tileloom.search.optimal.options import count_chains
from tileloom.search.optimal.prepare import Prepared, may_reach, prepare
from tileloom.search.optimal.run import CODES, Outcome, run_front, run_scalar
from tileloom.search.optimal.space import Setting, Template, required_use, setting_of, templates
from tileloom.workload.problem import Problem

TIE = 1e-9
"""Mappings whose objective agrees to this relative difference are ties, decided by the other objective."""


@dataclass(frozen=True, slots=True)
class OptimalMapper:
    """Options of the search.

    gap         stop once proven within this share of the optimum (0 = prove the optimum itself)
    remainders  loops per dim that may leave a smaller last tile (0 = tiles divide)
    pareto      return every non-dominated (energy, latency) mapping as `front`
    node_limit  give up after this many nodes and report the bound reached (0 = never)
    tie_break   among mappings with the best energy take the fastest, among the fastest the one with the least energy
    constraints on axes and on what memories keep narrow the space; other mappers take the other rules, too
    """

    gap: float = 0.0
    remainders: int = 0
    pareto: bool = False
    node_limit: int = 0
    tie_break: bool = True
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "optimal"
    profile: ClassVar[Profile] = Profile(models=("loopnest",))
    PROVES_OPTIMAL: ClassVar[bool] = True

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Shapes: any problem whose dims a chain of loops can cover. Raises UnsupportedError for other cost models."""
        if self.model is not None and not isinstance(self.model, LoopnestModel):
            raise UnsupportedError(
                f"mapper 'optimal' proves optima of model 'loopnest', not of '{self.model.name}'; "
                "use mapper 'exhaustive' or 'random' with it (E-MODEL)"
            )
        if not self.constraints.plain:
            raise UnsupportedError(
                "mapper 'optimal' takes constraints on axes (dims, max_dims, min_util, allow_reduction) and on what memories "
                "keep; for no_spatial, full_at, tile, order and max_size use mapper 'exhaustive', 'hybrid', 'genetic', "
                "'decoupled' or 'random'"
            )
        started = perf_counter()
        setting = setting_of(problem, constrain(problem, architecture, self.constraints))
        job = _Job(self, setting, objective, Layout(setting, rank_groups(setting)), required_use(setting))
        if not setting.dims or problem.copy:
            result = job.without_loops()
        else:
            result = job.result(job.front() if self.pareto else job.best())
        return replace(result, seconds=perf_counter() - started)


@dataclass(slots=True)
class _Job:
    """One search: the templates it prepared and what it counted on the way."""

    options: OptimalMapper
    setting: Setting
    objective: Objective
    layout: Layout
    lower: dict[int, float]
    alike: dict[object, list[Template]] = field(default_factory=dict)
    templates_listed: int = 0
    space_size: int = 0
    options_before: int = 0
    templates_equal: int = 0

    def prepare(self, *, energy: bool, time: bool, code: int) -> list[Prepared]:
        """All templates of the space, mirror images left out."""
        self.alike = {}
        found = []
        for template in templates(self.setting):
            self.templates_listed += template.images
            self.templates_equal += template.images - 1
            self.space_size += template.images * _chains(self.setting, template.allowed)
            compiled = self.compile(template, energy=energy, time=time)
            alike = self.alike.setdefault(compiled.key, [])
            alike.append(template)
            if len(alike) > 1:
                self.templates_equal += 1
                continue
            prepared = prepare(compiled, code, remainders=self.options.remainders)
            self.options_before += len(prepared.table)
            found.append(prepared)
        return found

    def compile(self, template: Template, *, energy: bool, time: bool) -> Compiled:
        return compile_template(self.layout, template, energy_matters=energy, time_matters=time, lower=self.lower)

    def best(self) -> Outcome:
        code = CODES[self.objective]
        gap, node_limit = self.options.gap, self.options.node_limit
        found = self.prepare(energy=code != LATENCY, time=code != ENERGY, code=code)
        outcome = run_scalar(found, code, gap=gap, node_limit=node_limit)
        unproven = outcome.prepared is None or not outcome.complete or gap > 0
        if not self.options.tie_break or unproven or code == EDP:
            return outcome
        return self._broken_tie(found, outcome, code)

    def _broken_tie(self, found: list[Prepared], first: Outcome, code: int) -> Outcome:
        """Search again for the other objective among mappings that reach the optimum of the first."""
        if first.prepared is None or first.rows is None:
            return first
        _, found_cost = self.mapping(first.prepared, first.rows)
        other = ENERGY if code == LATENCY else LATENCY
        within = first.value * (1 + TIE)
        # Every node needs both objectives now, so what can reach the optimum is compiled again as for EDP; templates
        # that were alike in the first objective need not be so in the other.
        again: dict[object, Compiled] = {}
        for p in found:
            # A little above: bounds are summed in another order than costs.
            if may_reach(p, code, within * (1 + TIE)):
                for template in self.alike[p.compiled.key]:
                    compiled = self.compile(template, energy=True, time=True)
                    again.setdefault(compiled.key, compiled)
        tied = [prepare(compiled, EDP, remainders=self.options.remainders) for compiled in again.values()]
        second = run_scalar(
            tied,
            other,
            energy_limit=inf if code == LATENCY else within,
            cycle_limit=within if code == LATENCY else inf,
            incumbent=found_cost.energy_pj if code == LATENCY else found_cost.cycles,
        )
        if second.prepared is None:
            return first
        return replace(first, prepared=second.prepared, rows=second.rows, counts=first.counts + second.counts)

    def front(self) -> Outcome:
        found = self.prepare(energy=True, time=True, code=EDP)
        code = CODES[self.objective]
        return run_front(found, code, gap=self.options.gap, node_limit=self.options.node_limit)

    def mapping(self, prepared: Prepared, rows: Ints) -> tuple[MappingTree, Cost]:
        mapping = build_mapping(self.setting, prepared.compiled.template, prepared.tiles(rows))
        return mapping, LoopnestModel().evaluate(self.setting.problem, self.setting.architecture, mapping)

    def without_loops(self) -> SearchResult:
        """Nothing to tile (one point, or a copy): only placements differ, so every legal one is evaluated."""
        problem, chip = self.setting.problem, self.setting.architecture
        found: list[tuple[float, MappingTree, Cost]] = []
        for template in templates(self.setting):
            self.templates_listed += 1
            mapping = build_mapping(self.setting, template, [[1] * len(a) for a in template.allowed])
            if is_legal(problem, chip, mapping):
                cost = LoopnestModel().evaluate(problem, chip, mapping)
                found.append((value_of(cost, self.objective), mapping, cost))
        value, mapping_found, cost_found = min(found, key=lambda f: f[0]) if found else (0.0, None, None)
        return SearchResult(
            problem=problem,
            objective=self.objective,
            status="optimal" if found else "infeasible",
            mapping=mapping_found,
            cost=cost_found,
            lower_bound=value,
            evaluated=len(found),
            space_size=self.templates_listed,
            mapper="optimal",
            reasons=() if found else why_infeasible(self.setting),
        )

    def result(self, outcome: Outcome) -> SearchResult:
        front = tuple(self.mapping(p, rows) for _, _, p, rows in outcome.points)
        status: Status = "optimal" if outcome.complete else "stopped"
        reasons: tuple[str, ...] = ()
        mapping: MappingTree | None = None
        cost: Cost | None = None
        if front:
            mapping, cost = min(front, key=lambda pair: value_of(pair[1], self.objective))
        elif outcome.prepared is not None and outcome.rows is not None:
            mapping, cost = self.mapping(outcome.prepared, outcome.rows)
        else:
            status = "infeasible" if outcome.complete else "stopped"
            reasons = why_infeasible(self.setting)
        value = inf if cost is None else value_of(cost, self.objective)
        if cost is not None and not isclose(value, outcome.value, rel_tol=1e-8):
            raise AssertionError(
                f"optimal mapper promised {outcome.value}, model 'loopnest' gives {value} for {self.setting.problem}"
            )
        # The model sums in another order; a bound above the value by rounding would look like a contradiction.
        lower = (
            0.0
            if cost is None
            else min(value, outcome.lower_bound if self.options.gap or not outcome.complete else value)
        )
        if status == "optimal" and lower < value * (1 - TIE):
            status = "stopped"
        return SearchResult(
            problem=self.setting.problem,
            objective=self.objective,
            status=status,
            mapping=mapping,
            cost=cost,
            lower_bound=lower,
            evaluated=int(outcome.counts[3]),
            space_size=self.space_size,
            mapper="optimal",
            reasons=reasons,
            front=front,
            explain=explain(
                outcome,
                templates=self.templates_listed,
                equal=self.templates_equal,
                before=self.options_before,
            ),
        )


def _chains(setting: Setting, allowed: tuple[tuple[int, ...], ...]) -> int:
    total = 1
    for dim, slots in zip(setting.dims, allowed):
        total *= count_chains(setting.problem.extents[dim], len(slots))
    return total
