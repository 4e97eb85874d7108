"""Which algorithm computes a problem best on a chip: native loops against TTGT and im2col, with and without what they move.

Every algorithm is mapped by the same mapper under the same cost model; the published finding is that small extents favour
TTGT when an axis of the array takes one dim only, so both rules are run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from tileloom.architecture.model import Architecture, Fanout
from tileloom.core.errors import InputError
from tileloom.cost.rewrite import RewriteCost, rewrite_cost
from tileloom.explore.study import Bars, Column, StudyResult, Value
from tileloom.search.cache import Cache
from tileloom.search.driver import map_problem
from tileloom.search.network import Progress
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import ALGORITHMS, algorithm, rewrites
from tileloom.workload.rewrite.base import Rewrite

ANY, ONE = "any", "one"
RULES = {ANY: "any dims on an axis", ONE: "one dim per axis"}
MAX_CHOICES = 81
"""Ways to give every axis one dim of the product, each a search of its own."""
COLUMNS = (
    Column("problem", "the problem"),
    Column("algorithm", "how it is computed"),
    Column("dims_per_axis", "how many dims may lie on one axis of the array: any, or one", "axis"),
    Column("gemm", "sizes of what is mapped"),
    Column("energy_pj", "energy of the mapped problem alone", "energy pJ"),
    Column("cycles", "its latency"),
    Column("utilization", "useful operations / (cycles * peak)", "use"),
    Column("edp_pj_cycles", "energy * cycles, of the mapped problem alone", "EDP"),
    Column("moved_elements", "elements written in another order", "moved"),
    Column("rewrite_energy_pj", "energy of moving them in the outermost memory"),
    Column("rewrite_cycles", "cycles that takes"),
    Column("total_energy_pj", "energy with the moves"),
    Column("total_cycles", "latency with the moves"),
    Column("total_edp_pj_cycles", "energy * cycles, with the moves", "EDP with moves"),
    Column("edp_to_native", "EDP / EDP of native loops under the same rule", "to native"),
    Column("total_edp_to_native", "the same with the moves", "with moves"),
    Column("status", "optimal (proven), feasible, stopped, infeasible"),
    Column("gap", "proven: (objective - lower bound) / objective, of the mapped problem alone"),
    Column("seconds", "time of the search"),
)
BRIEF = (
    "problem", "algorithm", "dims_per_axis", "energy_pj", "cycles", "utilization", "edp_pj_cycles", "total_edp_pj_cycles",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row: a problem under an algorithm and a rule for the axes."""

    rewrite: Rewrite
    rule: str
    result: SearchResult
    moves: RewriteCost
    overlap: bool

    @property
    def core_edp(self) -> float | None:
        return None if self.result.cost is None else self.result.cost.edp

    @property
    def total_edp(self) -> float | None:
        if self.result.cost is None:
            return None
        energy, cycles = self.moves.with_core(self.result.cost, self.overlap)
        return energy * cycles


def with_dims_per_axis(architecture: Architecture, most: int | None) -> Architecture:
    """The chip with at most so many dims on every axis of its fanouts; None leaves it as it is."""
    if most is None:
        return architecture

    def narrowed(node: Fanout) -> Fanout:
        return replace(node, axes=tuple(replace(a, max_dims=min(most, a.max_dims or most)) for a in node.axes))

    return replace(architecture, nodes=tuple(narrowed(n) if isinstance(n, Fanout) else n for n in architecture.nodes))


def one_group_per_axis(architecture: Architecture, chosen: Rewrite) -> list[Architecture]:
    """The chips whose mappings together are those with one dim on every axis.

    Where a dim of the product is several of the problem's (implicit im2col), one chip per choice of a group for each axis:
    the axis takes that group's dims alone.
    """
    if not chosen.groups:
        return [with_dims_per_axis(architecture, 1)]
    extents = chosen.problem.extents
    groups = [dims for dims in (tuple(d for d in g if extents[d] > 1) for _, g in chosen.groups) if dims]
    if not groups:
        return [architecture]
    axes = [(f.name, a) for f in architecture.fanouts for a in f.axes]
    options = [[g for g in groups if not a.dims or set(g) & set(a.dims)] or [groups[0]] for _, a in axes]
    if prod(len(o) for o in options) > MAX_CHOICES:
        raise InputError(
            f"'{architecture.name}' has {len(axes)} axes: more than {MAX_CHOICES} ways to give each one dim of the product; "
            "compare with --dims-per-axis any"
        )
    return [_with_groups(architecture, dict(zip(((f, a.name) for f, a in axes), c))) for c in product(*options)]


def _with_groups(architecture: Architecture, groups: Mapping[tuple[str, str], tuple[str, ...]]) -> Architecture:
    def narrowed(node: Fanout) -> Fanout:
        axes = []
        for axis in node.axes:
            group = groups[node.name, axis.name]
            allowed = tuple(d for d in group if not axis.dims or d in axis.dims) or axis.dims
            axes.append(replace(axis, dims=allowed, max_dims=None))
        return replace(node, axes=tuple(axes))

    return replace(architecture, nodes=tuple(narrowed(n) if isinstance(n, Fanout) else n for n in architecture.nodes))


def _best(found: Sequence[SearchResult]) -> SearchResult:
    """The least value of several searches of parts of one space, with what is known of the whole: the least bound."""
    if len(found) == 1:
        return found[0]
    best = min(found, key=lambda r: r.value)
    mapped = [r for r in found if r.cost is not None]
    if not mapped:
        return best
    proven = all(r.status == "optimal" for r in mapped)
    return replace(
        best,
        status="optimal" if proven else "stopped" if all(r.lower_bound > 0 for r in mapped) else "feasible",
        lower_bound=min(r.lower_bound for r in mapped),
        evaluated=sum(r.evaluated for r in found),
        space_size=sum(r.space_size for r in found),
        seconds=sum(r.seconds for r in found),
    )


def compare_algorithms(
    problems: Sequence[Problem],
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    algorithms: Sequence[str] = (),
    rules: Sequence[str] = (ANY, ONE),
    overlap: bool = False,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """Every problem under every algorithm that takes it (or those named) and every rule for the axes.

    overlap  moves run beside the product instead of before and after it
    Raises InputError for a name that is no algorithm or rule.
    """
    wrong = [f"no rule '{r}'; there are: {', '.join(RULES)}" for r in rules if r not in RULES]
    if wrong:
        raise InputError(wrong)
    for name in algorithms:
        algorithm(name)
    todo = [(p, r, rule) for p in problems for r in _chosen(p, algorithms) for rule in rules]
    if problems and not todo:
        reasons = [f"'{p.name}', {n}: {algorithm(n).accepts(p)}" for p in problems for n in algorithms]
        raise InputError(["no problem is taken by the algorithms that were named", *reasons[:5]])
    known: dict[tuple[Problem, Architecture], SearchResult] = {}

    def mapped(problem: Problem, chip: Architecture) -> SearchResult:
        if (problem, chip) not in known:
            known[problem, chip] = map_problem(
                problem, chip, objective, mapper=mapper, model=model, options=options, cache=cache
            )
        return known[problem, chip]

    found: list[Outcome] = []
    for problem, chosen, rule in todo:
        chips = one_group_per_axis(architecture, chosen) if rule == ONE else [architecture]
        result = _best([mapped(chosen.problem, chip) for chip in chips])
        found.append(Outcome(chosen, rule, result, rewrite_cost(chosen, architecture), overlap))
        if progress is not None:
            progress(f"{problem.name} {chosen.label}", len(found), len(todo))
    return tuple(found)


def _chosen(problem: Problem, names: Sequence[str]) -> Iterable[Rewrite]:
    if not names:
        return rewrites(problem)
    return [ALGORITHMS[n].apply(problem) for n in names if ALGORITHMS[n].accepts(problem) is None]


def algorithms_result(outcomes: Sequence[Outcome], architecture: Architecture, objective: Objective) -> StudyResult:
    """The table, the best algorithm of each problem and rule, and a chart of EDP."""
    native = {(o.rewrite.native.name, o.rule): o for o in outcomes if o.rewrite.algorithm == "native"}
    rows = tuple(_row(o, native.get((o.rewrite.native.name, o.rule))) for o in outcomes)
    return StudyResult(
        name="explore-algorithms",
        title=f"Algorithms on {architecture.name}, {objective}",
        columns=COLUMNS,
        rows=rows,
        settings={"architecture": architecture.name, "objective": objective},
        headline=tuple(_headline(outcomes)),
        notes=(
            "EDP alone is of the mapped product, as published comparisons take it; 'with moves' adds reading and writing "
            "every moved element once in the outermost memory.",
            *_im2col_notes(outcomes),
        ),
        charts=(_chart(outcomes),),
        brief=BRIEF,
        complete=all(o.result.cost is not None for o in outcomes),
    )


def _im2col_notes(outcomes: Sequence[Outcome]) -> Iterable[str]:
    labels = {o.rewrite.label for o in outcomes}
    if "im2col-gather" in labels:
        yield "im2col-gather stores nothing more, but on-chip memories hold patches: each is read from the image again."
    if "im2col-implicit" in labels:
        yield (
            "im2col-implicit gathers at the units: tiles are pieces of the image with their halos, read once per tile; with "
            "any dims on an axis that is the native space, with one an axis takes the dims of M, N or K together."
        )


def _row(o: Outcome, native: Outcome | None) -> tuple[Value, ...]:
    cost = o.result.cost
    sizes = " ".join(f"{name}={n}" for name, n in o.rewrite.sizes.items())
    front: tuple[Value, ...] = (o.rewrite.native.name, o.rewrite.label, o.rule, sizes)
    moved: tuple[Value, ...] = (o.rewrite.moved_elements, o.moves.energy_pj, o.moves.cycles)
    end: tuple[Value, ...] = (o.result.status, o.result.gap if cost else None, o.result.seconds)
    if cost is None:
        return (*front, None, None, None, None, *moved, None, None, None, None, None, *end)
    energy, cycles = o.moves.with_core(cost, o.overlap)
    base = native.core_edp if native is not None else None
    return (
        *front, cost.energy_pj, cost.cycles, cost.utilization, cost.edp, *moved, energy, cycles, energy * cycles,
        cost.edp / base if base else None, energy * cycles / base if base else None, *end,
    )  # fmt: skip


def _headline(outcomes: Sequence[Outcome]) -> Iterable[tuple[str, str, str]]:
    for problem in dict.fromkeys(o.rewrite.native.name for o in outcomes):
        for rule in dict.fromkeys(o.rule for o in outcomes):
            here = [o for o in outcomes if (o.rewrite.native.name, o.rule) == (problem, rule) and o.result.cost]
            if not here:
                yield f"{problem}, {RULES[rule]}", "nothing fits", ""
                continue
            alone = min(here, key=lambda o: o.core_edp or 0.0)
            total = min(here, key=lambda o: o.total_edp or 0.0)
            yield (
                f"{problem}, {RULES[rule]}",
                f"{alone.rewrite.label}, EDP {alone.core_edp:.3e}",
                f"with moves {total.rewrite.label}, {total.total_edp:.3e}",
            )


def _chart(outcomes: Sequence[Outcome]) -> Bars:
    """EDP against the least of the problem, so that problems of any size stand in one chart."""
    least: dict[str, float] = {}
    for o in outcomes:
        if o.core_edp is not None:
            name = o.rewrite.native.name
            least[name] = min(least.get(name, o.core_edp), o.core_edp)
    rows = []
    for o in outcomes:
        if o.core_edp is not None and o.total_edp is not None:
            unit = least[o.rewrite.native.name]
            parts = (o.core_edp / unit, max(0.0, o.total_edp - o.core_edp) / unit)
            rows.append((o.rewrite.native.name, f"{o.rewrite.label}, {RULES[o.rule]}", parts, f"{o.total_edp:.3e}"))
    return Bars(
        title="Energy-delay product",
        lead="Times the least of the problem: of what is mapped alone, and what the moves of the rewrite add; pJ * cycles at the end.",
        parts=("alone", "moves"),
        rows=tuple(rows),
    )
