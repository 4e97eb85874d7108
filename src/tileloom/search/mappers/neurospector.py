"""NeuroSpector's optimizers as mappers: they search its tables by its numbers; the nest found is priced by any model."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.neurospector_chip import accelerator_of
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.base import CostModel, Profile
from tileloom.cost.models.neurospector.model import NeurospectorModel
from tileloom.mapping.notation.neurospector_tree import tree_of
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Mode, bottom_up
from tileloom.search.neurospector.brute_force import MAX_TABLES, brute_force
from tileloom.search.neurospector.reasons import why_nothing_fits
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.frontends.neurospector import layer_of
from tileloom.workload.problem import Problem

PROFILE = Profile(
    operations=("conv2d", "matmul"), max_inputs=2, min_memories=2, max_memories=3, imperfect=False, uneven=False,
    objectives=("energy", "latency"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BottomUpMapper:
    """Level by level from DRAM inwards. Corrected rules.

    flexible   try every dataflow of every buffer; otherwise weights stay in the local, outputs in the global buffer
    model      prices the mapping found; the search always uses NeuroSpector's numbers
    """

    flexible: bool = True
    model: CostModel | None = None

    name: ClassVar[str] = "bottom_up"
    profile: ClassVar[Profile] = PROFILE
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        return _search(self, problem, architecture, objective, None)


@dataclass(frozen=True, slots=True)
class BruteForceMapper:
    """Every table, one after another; refuses spaces above `max_tables`. Options otherwise as `BottomUpMapper`."""

    flexible: bool = True
    max_tables: int = MAX_TABLES
    model: CostModel | None = None

    name: ClassVar[str] = "brute_force"
    profile: ClassVar[Profile] = PROFILE
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        return _search(self, problem, architecture, objective, self.max_tables)


def _search(
    mapper: BottomUpMapper | BruteForceMapper,
    problem: Problem,
    architecture: Architecture,
    objective: Objective,
    max_tables: int | None,
) -> SearchResult:
    started = perf_counter()
    if objective == "edp":
        raise UnsupportedError(
            f"mapper '{mapper.name}' minimises energy or latency, not edp; 'optimal' takes all three"
        )
    layer, names = layer_of(problem)
    accelerator, places = accelerator_of(architecture, problem, names)
    metric: Metric = "energy" if objective == "energy" else "cycle"
    mode: Mode = "flexible" if mapper.flexible else "fixed"
    if max_tables is None:
        found: Chosen = bottom_up(accelerator, layer, metric, mode)
    else:
        found = brute_force(accelerator, layer, metric, mode, max_tables=max_tables)
    if not found.feasible:
        return SearchResult(
            problem=problem, objective=objective, status="infeasible", mapper=mapper.name,
            evaluated=found.evaluated, seconds=perf_counter() - started,
            reasons=why_nothing_fits(found.accelerator, found.layer),
        )  # fmt: skip
    tree = tree_of(found.accelerator, found.table, problem, names, places)
    model = mapper.model or NeurospectorModel()
    try:
        cost = model.evaluate(problem, architecture, tree)
    except InputError as error:
        raise UnsupportedError(f"model '{model.name}' cannot price the table found: {error}") from error
    return SearchResult(
        problem=problem, objective=objective, status="feasible", mapping=tree, cost=cost, mapper=mapper.name,
        evaluated=found.evaluated, seconds=perf_counter() - started,
    )  # fmt: skip
