"""Union's three case studies as presets: algorithms, mappers and dataflows, shapes of the array, fill bandwidth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.explore.algorithms import ANY, ONE, algorithms_result, compare_algorithms, with_dims_per_axis
from tileloom.explore.arch_study import arch_result, explore_architecture
from tileloom.explore.arch_variants import all_aspects
from tileloom.explore.study import Bars, Column, StudyResult, Value
from tileloom.explore.union.claims import EVEN, Claim, algorithm_claims, aspect_claims, bandwidth_claims
from tileloom.search.cache import Cache
from tileloom.search.driver import map_problem
from tileloom.search.network import Progress
from tileloom.search.objective import SearchResult
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.contractions import CONTRACTIONS, case_study

EXTENTS = (16, 32)
ASPECT_LAYERS = ("dlrm-2", "bert-1", "bert-3", "resnet50-3")
BANDWIDTH_LAYERS = ("dlrm-1", "bert-1", "bert-2")
BANDWIDTHS = tuple(float(2**n) for n in range(11))
DATAFLOWS = ("kcp_ws", "xp_ws", "yxp_os", "rs")
MAPPERS = ("optimal", "decoupled", "genetic", "hybrid", "random")
NO_NUMBERS = (
    "No number of the paper is public or could be verified: its findings are compared in direction, not in value."
)
NOTE_ONE = "Every axis of the array takes one dim; `explore-arch --dims-per-axis any` lets it take more."


def algorithm_study(
    architecture: Architecture,
    extents: Sequence[int] = EXTENTS,
    contractions: Sequence[str] = tuple(CONTRACTIONS),
    *,
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> StudyResult:
    """Case study 1: native loops against TTGT, under both rules for the axes."""
    problems = [case_study(name, n) for name in contractions for n in extents]
    found = compare_algorithms(
        problems, architecture, algorithms=("native", "ttgt"), rules=(ANY, ONE), options=options, cache=cache, progress=progress
    )  # fmt: skip
    result = algorithms_result(found, architecture, "edp")
    return _with_claims(result, "union algorithms", algorithm_claims(found))


COLUMNS = (
    Column("problem", "the layer"),
    Column("model", "cost model"),
    Column("mapper", "search method; template NAME is a fixed dataflow with its best tiles"),
    Column("energy_pj", "energy of the best mapping found", "energy pJ"),
    Column("cycles", "its latency"),
    Column("utilization", "useful operations / (cycles * peak)", "use"),
    Column("edp_pj_cycles", "energy * cycles", "EDP"),
    Column("edp_to_best", "EDP / least EDP of this layer and model", "to best"),
    Column("evaluated", "mappings whose cost was computed"),
    Column("status", "optimal (proven), feasible, stopped, infeasible"),
    Column("seconds", "time of the search", "s"),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One layer under one cost model by one mapper."""

    problem: Problem
    model: str
    mapper: str
    result: SearchResult


def mapper_study(
    architecture: Architecture,
    problems: Sequence[Problem],
    *,
    models: Sequence[str] = ("loopnest", "maestro"),
    mappers: Sequence[str] = MAPPERS,
    dataflows: Sequence[str] = DATAFLOWS,
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> StudyResult:
    """Case study 2: every mapper and every fixed dataflow, under every cost model that takes it.

    options   of the mapper `optimal`
    """
    searches: list[tuple[str, str, Mapping[str, Any]]] = [
        (m, m, options or {} if m == "optimal" else {}) for m in mappers
    ]
    searches += [(f"template {t}", "template", {"template": t}) for t in dataflows]
    todo = [
        (p, model, *s)
        for p in problems
        for model in models
        for s in searches
        if model == "loopnest" or s[1] != "optimal"
    ]
    found: list[Attempt] = []
    for problem, model, label, mapper, given in todo:
        result = map_problem(problem, architecture, "edp", mapper=mapper, model=model, options=given, cache=cache)
        found.append(Attempt(problem, model, label, result))
        if progress is not None:
            progress(f"{problem.name} {label}", len(found), len(todo))
    return _mapper_result(found, architecture)


def _mapper_result(found: Sequence[Attempt], architecture: Architecture) -> StudyResult:
    best: dict[tuple[str, str], float] = {}
    for a in found:
        key = (a.problem.name, a.model)
        best[key] = min(best.get(key, a.result.value), a.result.value)
    bars = [
        (
            f"{a.problem.name}, {a.model}",
            a.mapper,
            (a.result.value / best[a.problem.name, a.model],),
            f"{a.result.value:.3e}",
        )
        for a in found
        if a.result.cost is not None
    ]
    result = StudyResult(
        name="union mappers",
        title=f"Mappers and dataflows on {architecture.name}, edp",
        columns=COLUMNS,
        rows=tuple(_row(a, best[a.problem.name, a.model]) for a in found),
        settings={"architecture": architecture.name, "objective": "edp"},
        notes=("Mapper optimal proves optima of model loopnest only.",),
        charts=(
            Bars(
                title="Energy-delay product",
                lead="Times the best of the layer and model, on a logarithmic scale from 1; pJ * cycles at the end.",
                parts=("EDP",),
                rows=tuple(bars),
                logarithmic=True,
            ),
        ),
        brief=(
            "problem",
            "model",
            "mapper",
            "utilization",
            "edp_pj_cycles",
            "edp_to_best",
            "evaluated",
            "status",
            "seconds",
        ),
    )
    return _with_claims(result, "union mappers", mapper_claims(found))


def mapper_claims(found: Sequence[Attempt]) -> list[Claim]:
    """Free mapping against fixed dataflows; how near the mappers that prove nothing come to the best."""
    claims = []
    for key in dict.fromkeys((a.problem.name, a.model) for a in found):
        here = [a for a in found if (a.problem.name, a.model) == key and a.result.cost is not None]
        fixed = {a.mapper: a.result.value for a in here if a.mapper.startswith("template")}
        free = {a.mapper: a.result.value for a in here if not a.mapper.startswith("template")}
        if not fixed or not free:
            continue
        least, first = min(free.values()), min(fixed, key=lambda n: fixed[n])
        verdict = (
            "agrees" if least < fixed[first] * (1 - EVEN) else "even" if least <= fixed[first] else "does not hold"
        )
        others = ", ".join(f"{n} {v / least:.3g}x" for n, v in free.items())
        figures = f"best dataflow ({first.removeprefix('template ')}) {fixed[first] / least:.3g}x; {others}"
        claims.append((f"{key[0]}, {key[1]}: a free mapping beats a fixed dataflow", verdict, figures))
    return claims


def _row(a: Attempt, best: float) -> tuple[Value, ...]:
    cost, r = a.result.cost, a.result
    front: tuple[Value, ...] = (a.problem.name, a.model, a.mapper)
    if cost is None:
        return (*front, None, None, None, None, None, r.evaluated, r.status, r.seconds)
    middle: tuple[Value, ...] = (cost.energy_pj, cost.cycles, cost.utilization, cost.edp, cost.edp / best)
    return (*front, *middle, r.evaluated, r.status, r.seconds)


def aspect_study(
    architecture: Architecture,
    problems: Sequence[Problem],
    aspects: Sequence[tuple[int, int]] = (),
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> StudyResult:
    """Case study 3a: every shape of the array with as many places, one dim per axis."""
    chip = with_dims_per_axis(architecture, 1)
    points = explore_architecture(
        problems, chip, aspects=aspects or all_aspects(architecture), mapper=mapper, model=model, options=options,
        cache=cache, progress=progress,
    )  # fmt: skip
    result = arch_result(points, architecture, "edp")
    result = replace(result, notes=(*result.notes, NOTE_ONE))
    return _with_claims(result, "union aspect", aspect_claims(points))


def bandwidth_study(
    architecture: Architecture,
    problems: Sequence[Problem],
    bandwidths: Sequence[float] = BANDWIDTHS,
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> StudyResult:
    """Case study 3b: the bandwidth of what fills the chiplets of a package."""
    points = explore_architecture(
        problems, architecture, bandwidths=bandwidths, mapper=mapper, model=model, options=options, cache=cache,
        progress=progress,
    )  # fmt: skip
    return _with_claims(arch_result(points, architecture, "edp"), "union fill-bandwidth", bandwidth_claims(points))


def _with_claims(result: StudyResult, name: str, claims: Sequence[Claim]) -> StudyResult:
    return replace(result, name=name, headline=tuple(claims), notes=(*result.notes, NO_NUMBERS))
