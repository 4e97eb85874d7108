"""A whole model under dMazeRunner's optimizer: the best mapping of each distinct layer, and totals in two ways.

One layer's search is in search/dmazerunner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tileloom.architecture.notation.dmazerunner import DmazeArchitecture, DmazeChip, Pruning
from tileloom.core.errors import UnsupportedError
from tileloom.core.files import write_text_atomic
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.explore.run import file_names
from tileloom.explore.study import refuse_folder
from tileloom.mapping.notation.dmazerunner_file import method_to_yaml
from tileloom.search.dmazerunner.auto import START, AutoResult, auto_optimize
from tileloom.search.dmazerunner.full import GOALS, Exploration, optimum
from tileloom.search.dmazerunner.reasons import why_none
from tileloom.workload.frontends.dmazerunner import DmazeLayer, merged
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ModelLayer:
    """A distinct layer; instances: how often the model runs it."""

    name: str
    kind: str
    instances: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One distinct layer and its search.

    proven   by objective, the least value over the whole space, where that was asked for
    reasons  why there is no mapping
    """

    layer: ModelLayer
    result: AutoResult
    proven: tuple[tuple[str, float], ...] = ()
    reasons: tuple[str, ...] = ()

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


def model_layers(source: Iterable[DmazeLayer] | Network) -> tuple[ModelLayer, ...]:
    """Distinct layers of its own model file or of any network."""
    if isinstance(source, Network):
        kinds = {layer.name: layer.operator for layer in source.layers}
        return tuple(ModelLayer(d.problem.name, kinds[d.layers[0]], d.count, d.problem) for d in source.problems)
    return tuple(ModelLayer(x.name, x.kind, x.instances, x.problem()) for x in merged(tuple(source)))


def optimize_model(
    source: Iterable[DmazeLayer] | Network,
    architecture: DmazeArchitecture | None = None,
    *,
    faithful: bool = True,
    start: Pruning = START,
    prove: bool = False,
    progress: Progress | None = None,
) -> ModelRun:
    """The auto-optimizer on every distinct layer.

    prove  also the optimum of the whole space for every objective
    A layer that its model cannot describe has no mapping and says why.
    """
    arch = architecture or DmazeArchitecture()
    layers = model_layers(source)
    runs = []
    for layer in layers:
        runs.append(_run(layer, arch, start, faithful, prove))
        if progress is not None:
            progress(layer.name, len(runs), len(layers))
    return ModelRun(tuple(runs))


def write_methods(run: ModelRun, folder: Path, objective: str = "edp") -> tuple[Path, ...]:
    """The best execution method of every layer as a file in folder/methods, which `evaluate` takes. InputError when the
    folder holds anything that no study wrote."""
    refuse_folder(folder)
    target = folder / "methods"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    stems = file_names(r.layer.name for r in run.layers)
    for r, stem in zip(run.layers, stems, strict=True):
        best = r.result.exploration.best
        if best is not None:
            written.append(target / f"{stem}.yaml")
            write_text_atomic(written[-1], method_to_yaml(best[objective].method, r.layer.name))
    return tuple(written)


def _run(layer: ModelLayer, arch: DmazeArchitecture, start: Pruning, faithful: bool, prove: bool) -> LayerRun:
    try:
        nest = Nest.of(layer.problem)
        result = auto_optimize(
            nest,
            arch.chip,
            start,
            begin_reduce_spm=arch.begin_reduce_spm,
            disable_prunings=arch.disable_prunings,
            faithful=faithful,
        )
    except UnsupportedError as error:
        nothing = Exploration(methods=0, best=None, pruning=start)
        return LayerRun(layer, AutoResult(nothing, (), (0.0, 0.0, 0.0), start), (), (str(error),))
    reasons = why_none(nest, arch.chip, result.pruning) if result.given_up else ()
    proven = _proven(nest, arch.chip, result, faithful) if prove else ()
    return LayerRun(layer, result, proven, reasons)


def _proven(nest: Nest, chip: DmazeChip, quick: AutoResult, faithful: bool) -> tuple[tuple[str, float], ...]:
    values = []
    for goal in GOALS:
        best = quick.exploration.best
        known = best[goal].value if best else float("inf")
        found = optimum(nest, chip, goal, faithful=faithful, known=known)
        value = found.best.value if found.best else known
        if value < float("inf"):
            values.append((goal, value))
    return tuple(values)
