"""A whole model under dMazeRunner's optimizer: the best mapping of each distinct layer, and totals in two ways.

One layer's search is in search/dmazerunner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tileloom.architecture.notation.dmazerunner import DmazeArchitecture
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.search.dmazerunner.auto import START, AutoResult, auto_optimize
from tileloom.workload.frontends.dmazerunner import DmazeLayer, merged


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One distinct layer and its search."""

    layer: DmazeLayer
    result: AutoResult

    def value(self, objective: str) -> float:
        """pJ, cycles or pJ * cycles; 0 for a layer that was given up."""
        best = self.result.exploration.best
        return best[objective].value if best else 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the layers of each objective's own best mapping; `edp` sums EDPs, `edp_of_sums` multiplies sums."""

    layers: int
    energy_pj: float
    cycles: float
    edp: float
    methods: int

    @property
    def edp_of_sums(self) -> float:
        return self.energy_pj * self.cycles


@dataclass(frozen=True, slots=True)
class ModelRun:
    """All distinct layers of a model in order."""

    layers: tuple[LayerRun, ...]

    def totals(self, *, faithful: bool = False) -> Totals:
        """Layers weighted by how often they run; `faithful` counts each once, as the original prints."""
        weights = [1 if faithful else run.layer.instances for run in self.layers]

        def total(objective: str) -> float:
            return sum(w * run.value(objective) for w, run in zip(weights, self.layers, strict=True))

        return Totals(
            layers=sum(run.layer.instances for run in self.layers),
            energy_pj=total("energy"),
            cycles=total("latency"),
            edp=total("edp"),
            methods=sum(run.result.exploration.methods for run in self.layers),
        )


def optimize_model(
    layers: Iterable[DmazeLayer], architecture: DmazeArchitecture | None = None, *, faithful: bool = True
) -> ModelRun:
    """The auto-optimizer on every distinct layer."""
    arch = architecture or DmazeArchitecture()
    runs = []
    for layer in merged(tuple(layers)):
        result = auto_optimize(
            Nest.of(layer.problem()),
            arch.chip,
            START,
            begin_reduce_spm=arch.begin_reduce_spm,
            disable_prunings=arch.disable_prunings,
            faithful=faithful,
        )
        runs.append(LayerRun(layer, result))
    return ModelRun(tuple(runs))
