"""Union's hardware studies: the shape of a flexible array, and the bandwidth that fills it, each with the best mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.explore.arch_variants import filling_memory, reshaped, saturation, with_bandwidth
from tileloom.explore.study import Chart, Column, Lines, StudyResult, Value
from tileloom.search.cache import Cache
from tileloom.search.driver import map_problem
from tileloom.search.network import Progress
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.problem import Problem

COLUMNS = (
    Column("problem", "the problem"),
    Column("array", "rows x columns, or as the chip has it"),
    Column("bandwidth_gb_per_s", "of the memory that fills the array; empty: as the chip has it", "GB/s"),
    Column("energy_pj", "energy of the best mapping found", "energy pJ"),
    Column("cycles", "its latency"),
    Column("utilization", "useful operations / (cycles * peak)", "use"),
    Column("edp_pj_cycles", "energy * cycles", "EDP"),
    Column("edp_to_best", "EDP / least EDP of this problem", "to best"),
    Column("bottleneck", "component that is busy longest"),
    Column("status", "optimal (proven), feasible, stopped, infeasible"),
    Column("gap", "proven: (objective - lower bound) / objective"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One chip with one problem. aspect: (rows, columns) or None;  bandwidth in GB/s or None: as the chip has it."""

    problem: Problem
    aspect: tuple[int, int] | None
    bandwidth: float | None
    result: SearchResult

    @property
    def edp(self) -> float | None:
        return None if self.result.cost is None else self.result.cost.edp


def explore_architecture(
    problems: Sequence[Problem],
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    aspects: Sequence[tuple[int, int]] = (),
    bandwidths: Sequence[float] = (),
    memory: str | None = None,
    fanout: str | None = None,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> tuple[Point, ...]:
    """Every problem on every shape and every bandwidth (their product where both are given)."""
    todo = [(p, a, b) for p in problems for a in aspects or (None,) for b in bandwidths or (None,)]
    found: list[Point] = []
    for problem, aspect, bandwidth in todo:
        chip = architecture if aspect is None else reshaped(architecture, *aspect, fanout)
        if bandwidth is not None:
            chip = with_bandwidth(chip, bandwidth, memory)
        result = map_problem(problem, chip, objective, mapper=mapper, model=model, options=options, cache=cache)
        found.append(Point(problem, aspect, bandwidth, result))
        if progress is not None:
            progress(f"{problem.name} on {chip.name}", len(found), len(todo))
    return tuple(found)


def arch_result(
    points: Sequence[Point], architecture: Architecture, objective: Objective, memory: str | None = None
) -> StudyResult:
    """The table, the best chip of each problem, where bandwidth saturates, and a chart of each."""
    best = {
        name: min((p.edp for p in points if p.problem.name == name and p.edp), default=None)
        for name in dict.fromkeys(p.problem.name for p in points)
    }
    swept = any(p.bandwidth is not None for p in points)
    shaped = any(p.aspect is not None for p in points)
    hidden = {"gap", *(() if swept else ("bandwidth_gb_per_s",)), *(() if shaped else ("array",))}
    headline = [_best(points, name) for name in best]
    if swept:
        headline += [_saturated(points, name) for name in best]
    return StudyResult(
        name="explore-arch",
        title=f"Variants of {architecture.name}, {objective}",
        columns=COLUMNS,
        rows=tuple(_row(p, best[p.problem.name]) for p in points),
        settings={
            "architecture": architecture.name,
            "objective": objective,
            **({"filled by": filling_memory(architecture, memory).name} if swept else {}),
        },
        headline=tuple(headline),
        notes=(
            "Every variant has the best mapping its search found; status stopped: it ended before the proof, gap says how far from it.",
            *(("Energy per access is kept while bandwidth changes.",) if swept else ()),
        ),
        charts=tuple(_charts(points)),
        brief=tuple(c.name for c in COLUMNS if c.name not in hidden),
        complete=all(p.result.cost is not None for p in points),
    )


def _shape(point: Point) -> str:
    return "as given" if point.aspect is None else f"{point.aspect[0]}x{point.aspect[1]}"


def _row(p: Point, best: float | None) -> tuple[Value, ...]:
    cost = p.result.cost
    front: tuple[Value, ...] = (p.problem.name, _shape(p), p.bandwidth)
    if cost is None:
        return (*front, None, None, None, None, None, None, p.result.status, None)
    ratio = cost.edp / best if best else None
    middle: tuple[Value, ...] = (cost.energy_pj, cost.cycles, cost.utilization, cost.edp, ratio, cost.bottleneck)
    return (*front, *middle, p.result.status, p.result.gap)


def _best(points: Sequence[Point], name: str) -> tuple[str, str, str]:
    here = [p for p in points if p.problem.name == name and p.edp]
    if not here:
        return (name, "nothing fits", "")
    first = min(here, key=lambda p: p.edp or 0.0)
    worst = max(here, key=lambda p: p.edp or 0.0)
    speed = "" if first.bandwidth is None else f", {first.bandwidth:g} GB/s"
    ratio = (worst.edp or 0.0) / (first.edp or 1.0)
    return (name, f"{_shape(first)}{speed}, EDP {first.edp:.3e}", f"the worst variant has {ratio:.3g}x")


def _saturated(points: Sequence[Point], name: str) -> tuple[str, str, str]:
    found = [(p.bandwidth, p.edp) for p in points if p.problem.name == name and p.bandwidth and p.edp]
    at = saturation(found)
    if at is None:
        return (f"{name}, bandwidth", "-", "")
    if at == max(found)[0]:
        return (f"{name}, bandwidth", f"EDP still falls at {at:g} GB/s", "the largest that was tried")
    return (f"{name}, bandwidth", f"EDP saturates at {at:g} GB/s", "within 1 % of the largest")


def _charts(points: Sequence[Point]) -> list[Chart]:
    """EDP over rows of the array and over bandwidth, each layer against its own best."""
    best: dict[str, float] = {}
    for p in points:
        if p.edp:
            best[p.problem.name] = min(best.get(p.problem.name, p.edp), p.edp)
    charts: list[Chart] = []
    for kind, title, x in (("aspect", "Shape of the array", "rows x columns"), ("bandwidth", "Fill bandwidth", "GB/s")):
        series: dict[str, list[tuple[float, float, str]]] = {}
        ticks: dict[float, str] = {}
        for p in points:
            at = p.bandwidth if kind == "bandwidth" else None if p.aspect is None else float(p.aspect[0])
            if at is None or not p.edp:
                continue
            ticks[at] = f"{at:g}" if kind == "bandwidth" else _shape(p)
            other = _shape(p) if kind == "bandwidth" else "" if p.bandwidth is None else f"{p.bandwidth:g} GB/s"
            name = p.problem.name if other in ("", "as given") else f"{p.problem.name}, {other}"
            series.setdefault(name, []).append(
                (at, p.edp / best[p.problem.name], f"{name}, {ticks[at]}: EDP {p.edp:.3e}")
            )
        if series:
            charts.append(
                Lines(
                    title=title,
                    lead="EDP of the best mapping, divided by the least of the same layer.",
                    x=x,
                    y="EDP / least EDP",
                    series=tuple((name, tuple(sorted(found))) for name, found in series.items()),
                    ticks=tuple(sorted(ticks.items())) if len(ticks) <= 16 else (),
                    log_y=any(y > 5 for found in series.values() for _, y, _ in found),
                )
            )
    return charts
