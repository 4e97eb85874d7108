"""dMazeRunner's searches as mappers: `auto_optimizer` with its lowered filters, and the proven optimum of its space.

Both cost with the model `dmazerunner` only. The walk is in full.py, the lowering in auto.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.base import CostModel, Profile
from tileloom.cost.models.dmazerunner.capacity import valid
from tileloom.cost.models.dmazerunner.model import DmazerunnerModel, chip_of
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.dmazerunner import Converted, ExecutionMethod, to_tree
from tileloom.search.dmazerunner.auto import START, auto_optimize
from tileloom.search.dmazerunner.full import Exploration, Optimum, optimum, uneven_optimum
from tileloom.search.dmazerunner.reasons import too_small, why_none
from tileloom.search.objective import Objective, SearchResult, Status
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class AutoOptimizer:
    """dMazeRunner's auto-optimizer: strict filters, lowered until enough mappings are found.

    min_pe, min_rf, min_spm   utilisation to start from
    min_methods               mappings that are enough
    no_feature_dram           filter loops must not run at DRAM level;  no_spatial_reduction: no reduction across PEs
    all_loops                 do without those two filters
    begin_reduce_spm          PE or register threshold from which the scratchpad's is lowered, too
    disable_prunings          PE or register threshold from which the two filters are dropped and one mapping is enough
    model                     a DmazerunnerModel; None = the corrected one
    """

    min_pe: float = 0.8
    min_rf: float = 0.8
    min_spm: float = 0.5
    min_methods: int = 100
    no_feature_dram: bool = True
    no_spatial_reduction: bool = True
    all_loops: bool = False
    begin_reduce_spm: float = 0.6
    disable_prunings: float = 0.3
    model: CostModel | None = None

    name: ClassVar[str] = "auto_optimizer"
    profile: ClassVar[Profile] = DmazerunnerModel.profile
    PROVES_OPTIMAL: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> Pruning:
        """The filters of the first round. InputError for impossible ones."""
        names = ("begin_reduce_spm", "disable_prunings")
        faults = [
            f"option '{n}' of mapper '{self.name}' is {getattr(self, n)}; expected 0 to 1"
            for n in names
            if not 0 <= getattr(self, n) <= 1
        ]
        if faults:
            raise InputError(faults)
        return Pruning(
            pe=self.min_pe,
            rf=self.min_rf,
            spm=self.min_spm,
            no_feature_dram=self.no_feature_dram and not self.all_loops,
            no_spatial_reduction=self.no_spatial_reduction and not self.all_loops,
            min_methods=self.min_methods,
        )

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """'feasible', or 'infeasible' when the filters reach zero before a mapping is found."""
        started = perf_counter()
        model = _model(self.model, self.name)
        nest, chip = Nest.of(problem), chip_of(problem, architecture, model.options)
        # Its filters are dropped in the end, so only what no filter can mend is final.
        if reasons := too_small(nest, chip):
            return _infeasible(self.name, problem, objective, started, reasons)
        found = auto_optimize(
            nest,
            chip,
            self._start(),
            begin_reduce_spm=self.begin_reduce_spm,
            disable_prunings=self.disable_prunings,
            faithful=model.faithful,
        )
        lowered = (("rounds of lowered filters", len(found.rounds)),)
        return _result(self.name, problem, architecture, objective, model, chip, found.exploration, started, lowered)


@dataclass(frozen=True, slots=True)
class DmazerunnerMapper:
    """The optimum over every factor split inside the chip's limits, with all orders that differ in reuse.

    min_pe, min_rf, min_spm   least utilisation
    no_feature_dram           filter loops must not run at DRAM level
    no_spatial_reduction      loops that the output lacks must not be spatial
    imperfect                 tiles need not divide; each is then charged as the largest one (corrected model only)
    max_steps                 of the search over such tiles; beyond it the answer is 'stopped'
    model                     a DmazerunnerModel; None = the corrected one
    """

    min_pe: float = 0.0
    min_rf: float = 0.0
    min_spm: float = 0.0
    no_feature_dram: bool = False
    no_spatial_reduction: bool = False
    imperfect: bool = False
    max_steps: int = 100_000_000
    model: CostModel | None = None

    name: ClassVar[str] = "dmazerunner"
    profile: ClassVar[Profile] = DmazerunnerModel.profile
    PROVES_OPTIMAL: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._pruning()

    def _pruning(self) -> Pruning:
        return Pruning(
            pe=self.min_pe,
            rf=self.min_rf,
            spm=self.min_spm,
            no_feature_dram=self.no_feature_dram,
            no_spatial_reduction=self.no_spatial_reduction,
        )

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """'optimal' over that space, or 'infeasible'."""
        started = perf_counter()
        model = _model(self.model, self.name)
        nest, chip = Nest.of(problem), chip_of(problem, architecture, model.options)
        pruning = self._pruning()
        if reasons := too_small(nest, chip, pruning):
            return _infeasible(self.name, problem, objective, started, reasons)
        if self.imperfect and model.faithful:
            raise UnsupportedError(
                "dMazeRunner itself has tiles that divide only: leave --imperfect out, or take mode=corrected"
            )
        # A good mapping first: the better it is, the more branches the bounds cut off.
        start = replace(
            START, pe=max(START.pe, pruning.pe), rf=max(START.rf, pruning.rf), spm=max(START.spm, pruning.spm)
        )
        quick = auto_optimize(nest, chip, start, faithful=model.faithful).exploration.best
        known = quick[objective] if quick and not valid(nest, chip, quick[objective].method, pruning) else None
        value = known.value if known else inf
        even = Optimum(best=None, evaluated=0, left_out=0)
        if known is None or not self.imperfect:
            even = optimum(nest, chip, objective, pruning, faithful=model.faithful, known=value)
        proven, best = even, even.best or known
        if self.imperfect:
            value = best.value if best else inf
            proven = uneven_optimum(nest, chip, objective, pruning, known=value, most_steps=self.max_steps)
            best = proven.best or best
            proven = replace(proven, evaluated=proven.evaluated + even.evaluated)
        found = Exploration(methods=proven.evaluated, best={objective: best} if best else None, pruning=pruning)
        cut = (("branches that the bounds cut off", proven.left_out),)
        result = _result(self.name, problem, architecture, objective, model, chip, found, started, cut, proven=True)
        if proven.proven or result.mapping is None:
            return result
        return replace(result, status="stopped", lower_bound=min(max(proven.floor, 0.0), result.lower_bound))


def _model(model: CostModel | None, mapper: str) -> DmazerunnerModel:
    if model is None:
        return DmazerunnerModel()
    if not isinstance(model, DmazerunnerModel):
        raise UnsupportedError(
            f"mapper '{mapper}' searches with the cost model 'dmazerunner' only, not '{model.name}': --model dmazerunner"
        )
    return model


def _infeasible(
    name: str, problem: Problem, objective: Objective, started: float, reasons: tuple[str, ...]
) -> SearchResult:
    return SearchResult(
        problem=problem,
        objective=objective,
        status="infeasible",
        evaluated=0,
        seconds=perf_counter() - started,
        mapper=name,
        reasons=reasons,
    )


def _result(
    name: str,
    problem: Problem,
    architecture: Architecture,
    objective: Objective,
    model: DmazerunnerModel,
    chip: DmazeChip,
    found: Exploration,
    started: float,
    explain: tuple[tuple[str, int], ...],
    *,
    proven: bool = False,
) -> SearchResult:
    if found.best is None:
        reasons = why_none(Nest.of(problem), chip, found.pruning)
        return replace(
            _infeasible(name, problem, objective, started, reasons), evaluated=found.methods, explain=explain
        )
    method = found.best[objective].method
    converted, broken = _legal_tree(method, problem, architecture)
    if broken:
        # Its space knows the number of PEs and the sizes of memories, not the wires and shapes of this chip.
        return SearchResult(
            problem=problem,
            objective=objective,
            status="stopped",
            evaluated=found.methods,
            seconds=perf_counter() - started,
            mapper=name,
            reasons=("the best mapping by dMazeRunner's rules breaks a rule of this chip", *broken),
            explain=explain,
        )
    cost = model.evaluate_method(problem, architecture, chip, method, converted.losses[2:])
    status: Status = "optimal" if proven else "feasible"
    return SearchResult(
        problem=problem,
        objective=objective,
        status=status,
        mapping=converted.mapping,
        cost=cost,
        lower_bound=_value(cost.energy_pj, cost.cycles, objective) if proven else 0.0,
        evaluated=found.methods,
        seconds=perf_counter() - started,
        mapper=name,
        explain=explain,
    )


def _legal_tree(
    method: ExecutionMethod, problem: Problem, architecture: Architecture
) -> tuple[Converted, tuple[str, ...]]:
    """The tree that shows where tiles stay, or the plain one where only that is legal; and the rules that both break."""
    first: tuple[Converted, tuple[str, ...]] | None = None
    for stationary in (True, False):
        converted = to_tree(method, problem, architecture, stationary=stationary)
        found = check_mapping(problem, architecture, converted.mapping)
        broken = tuple(str(d) for d in found if d.severity == "error")
        if not broken:
            return converted, ()
        first = first or (converted, broken)
    assert first is not None
    return first


def _value(energy_pj: float, cycles: float, objective: Objective) -> float:
    return energy_pj if objective == "energy" else cycles if objective == "latency" else energy_pj * cycles
