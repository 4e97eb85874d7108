"""The best energy, time or product of several einsums run one after another, each by the optimal mapper.

Energy and latency add over einsums, so their optima are those of the einsums; a product needs the einsums' fronts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tileloom.architecture.model import Architecture
from tileloom.core.errors import TileloomError
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.frontends.accelforge import AccelforgeEinsum

Work = Sequence[tuple[AccelforgeEinsum, Architecture]]
Point = tuple[float, float]
"""pJ and cycles."""


class NoMappingError(TileloomError):
    """The optimal mapper finds no legal mapping; the text says why."""


@dataclass(frozen=True)
class Best:
    """pJ and cycles of the best mappings, whether they are proved to be, and the mapping of each einsum."""

    energy_pj: float
    cycles: float
    proved: bool
    mappings: tuple[tuple[AccelforgeEinsum, Architecture, MappingTree], ...]


def best_point(work: Work, objective: Objective) -> Best:
    """The best mappings, one per einsum that computes. Raises NoMappingError when an einsum has none."""
    moving = [(e, a) for e, a in work if not e.problem.copy]
    if objective == "edp" and len(moving) > 1:
        energy, cycles = min(best_points(work), key=lambda p: p[0] * p[1])
        return Best(energy, cycles, True, ())
    energy = cycles = 0.0
    proved = True
    mappings = []
    for einsum, architecture in moving:
        result = _search(einsum, architecture, objective)
        if result.cost is None or result.mapping is None:
            raise NoMappingError(f"einsum '{einsum.name}': no mapping: {'; '.join(result.reasons) or result.status}")
        energy += result.cost.energy_pj * einsum.n_instances
        cycles += result.cost.cycles * einsum.n_instances
        proved = proved and result.status == "optimal"
        mappings.append((einsum, architecture, result.mapping))
    return Best(energy, cycles, proved, tuple(mappings))


def _search(einsum: AccelforgeEinsum, architecture: Architecture, objective: Objective) -> SearchResult:
    from tileloom.search.mappers.optimal import OptimalMapper

    return OptimalMapper().search(einsum.problem, architecture, objective)


def best_points(work: Work) -> list[Point]:
    """All non-dominated (pJ, cycles) of the einsums together."""
    from tileloom.search.mappers.optimal import OptimalMapper

    total: list[Point] = [(0.0, 0.0)]
    for einsum, architecture in work:
        if einsum.problem.copy:
            continue
        result = OptimalMapper(pareto=True).search(einsum.problem, architecture, "energy")
        if not result.front:
            raise NoMappingError(f"einsum '{einsum.name}': no mapping: {'; '.join(result.reasons) or result.status}")
        n = einsum.n_instances
        total = _front((e + c.energy_pj * n, t + c.cycles * n) for e, t in total for _, c in result.front)
    return total


def _front(points: Iterable[Point]) -> list[Point]:
    kept: list[Point] = []
    for energy, cycles in sorted(points):
        if not kept or cycles < kept[-1][1]:
            kept.append((energy, cycles))
    return kept
