"""Mapping a whole network: each distinct problem is searched once, results are weighted by how often it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tileloom.architecture.model import Architecture
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.network import DistinctProblem, Network

Progress = Callable[[str, int, int], None]
"""progress(layer name, done, total): called when a problem is finished. The library itself prints nothing."""


@dataclass(frozen=True, slots=True)
class LayerResult:
    """A distinct problem of the network and the search's answer for it."""

    distinct: DistinctProblem
    result: SearchResult


@dataclass(frozen=True)
class NetworkResult:
    """Every distinct layer with its answer. Totals count each layer as often as the network runs it."""

    network: Network
    architecture: Architecture
    objective: Objective
    mapper: str
    model: str
    layers: tuple[LayerResult, ...]
    seconds: float = 0.0
    seed: int | None = None
    options: tuple[tuple[str, str], ...] = field(default=())

    @property
    def energy_pj(self) -> float:
        """Of the mapped layers, weighted by count."""
        return sum(r.result.cost.energy_pj * r.distinct.count for r in self.layers if r.result.cost is not None)

    @property
    def cycles(self) -> float:
        """Of the mapped layers run one after another, weighted by count."""
        return sum(r.result.cost.cycles * r.distinct.count for r in self.layers if r.result.cost is not None)

    @property
    def status(self) -> Literal["optimal", "feasible", "infeasible", "stopped"]:
        """The weakest status of any layer."""
        order: tuple[Literal["infeasible", "stopped", "feasible", "optimal"], ...]
        order = ("infeasible", "stopped", "feasible", "optimal")
        found = {r.result.status for r in self.layers}
        return next((s for s in order if s in found), "optimal")

    def __getitem__(self, name: str) -> SearchResult:
        """The answer for a layer by name; layers that share a problem share it."""
        for r in self.layers:
            if name == r.distinct.problem.name or name in r.distinct.layers:
                return r.result
        raise KeyError(name)
