"""The public functions behind `import tileloom`: load, map, evaluate, compare, check.

Thin: each calls the layer that does the work. What the command line can do, these functions can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tileloom.architecture.model import Architecture
from tileloom.core.errors import IllegalMappingError, UnsupportedError, did_you_mean
from tileloom.cost.base import Cost, CostModel
from tileloom.cost.registry import MODELS, get_model
from tileloom.explore.sources import Source, load_architecture, load_mapping, load_network, load_problem
from tileloom.mapping.legality import Diagnostic, check_mapping
from tileloom.mapping.tree import MappingTree
from tileloom.search.cache import Cache
from tileloom.search.conformability import diagnose, refusals
from tileloom.search.driver import map_network, map_problem
from tileloom.search.network import NetworkResult, Progress
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem

if TYPE_CHECKING:
    import polars

__all__ = [
    "ModelVerdict",
    "NetworkMapping",
    "check",
    "compare",
    "evaluate",
    "load_architecture",
    "load_mapping",
    "load_network",
    "load_problem",
    "map",
    "networks",
]


class Networks:
    """The library of networks by attribute: `tileloom.networks.resnet18`."""

    def __getattr__(self, name: str) -> Network:
        if name.startswith("__"):
            raise AttributeError(name)
        known = _by_attribute()
        if name not in known:
            raise AttributeError(f"no network '{name}'{did_you_mean(name, known)}; there are: {', '.join(known)}")
        return load_network(known[name])

    def __dir__(self) -> list[str]:
        return list(_by_attribute())


networks = Networks()


def _by_attribute() -> dict[str, str]:
    from tileloom.workload.library import library_names

    return {_attribute(name): name for name in library_names()}


def _attribute(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


class NetworkMapping(NetworkResult):
    """A mapped network that can show itself as a table and be written as a run directory."""

    def table(self) -> polars.DataFrame:
        """One row per distinct layer; columns and units are listed in search/columns.py."""
        from tileloom.search.table import to_frame

        return to_frame(self)

    def _repr_html_(self) -> str:
        return str(self.table()._repr_html_())

    def save(self, folder: Source) -> Path:
        """Write the run directory (run.json, results.parquet, best/*.yaml) and return it. Replaces an earlier run only."""
        from tileloom.explore.run import write_run

        return write_run(self, Path(folder))

    def report(self, folder: Source, *, command: str = "") -> Path:
        """`save`, with report.html in it; returns the page. `command`: what made the run, for the page to show."""
        from tileloom.core.digest import digest
        from tileloom.explore.run import write_run
        from tileloom.report.data import Provenance, write_dataset
        from tileloom.report.extraction import extract
        from tileloom.report.html import write_report

        def add_page(draft: Path) -> None:
            inputs = ((self.network.name, digest(self.network)), (self.architecture.name, digest(self.architecture)))
            write_dataset(extract(self, Provenance(command=command, inputs=inputs)), draft)
            write_report(draft, draft)

        return write_run(self, Path(folder), add_page) / "report.html"


@overload
def map(
    workload: Network,
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> NetworkMapping: ...
@overload
def map(
    workload: Problem,
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> SearchResult: ...
def map(
    workload: Network | Problem,
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> NetworkMapping | SearchResult:
    """The best mapping of a problem, or of every distinct layer of a network.

    objective  'energy' (pJ), 'latency' (cycles) or 'edp' (pJ * cycles)
    options    fields of the mapper, as {"gap": 0.01};  workers: processes (networks only)
    cache      True: the user's own on disk, False: none, or a folder
    A layer that fits nowhere has status 'infeasible' and reasons; the rest is mapped.
    """
    chosen: dict[str, Any] = {"mapper": mapper, "model": model, "options": options, "cache": cache}
    if isinstance(workload, Problem):
        return map_problem(workload, architecture, objective, **chosen)
    result = map_network(workload, architecture, objective, workers=workers, progress=progress, **chosen)
    return NetworkMapping(**{f.name: getattr(result, f.name) for f in fields(result)})


def evaluate(problem: Problem, architecture: Architecture, mapping: MappingTree, model: str = "loopnest") -> Cost:
    """What the mapping costs. Raises IllegalMappingError with every broken rule, UnsupportedError with every reason
    why the model does not take it."""
    chosen = get_model(model)
    _require_legal(problem, architecture, mapping)
    return _evaluated(model, chosen, problem, architecture, mapping)


def check(
    problem: Problem,
    architecture: Architecture,
    mapping: MappingTree | None = None,
    *,
    model: str = "loopnest",
    mapper: str | None = None,
    objective: Objective | None = None,
) -> tuple[Diagnostic, ...]:
    """Every rule that the mapping breaks, everything that the model does not take, and every warning, with place,
    numbers and remedy; fine without 'error's.

    mapping   None: whether model and mapper (None: 'optimal') can search the problem on the architecture
    """
    return diagnose(problem, architecture, mapping, model, mapper, objective)


def _require_legal(problem: Problem, architecture: Architecture, mapping: MappingTree) -> None:
    errors = [d for d in check_mapping(problem, architecture, mapping) if d.severity == "error"]
    if errors:
        raise IllegalMappingError(errors)


@dataclass(frozen=True)
class ModelVerdict:
    """One cost model's answer for a mapping: a cost, or why it does not take it."""

    model: str
    cost: Cost | None
    refusal: str = ""


def compare(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[ModelVerdict, ...]:
    """The same mapping under every cost model there is, side by side. Raises IllegalMappingError as `evaluate` does."""
    _require_legal(problem, architecture, mapping)
    return tuple(_verdict(name, problem, architecture, mapping) for name in MODELS.names())


def _verdict(name: str, problem: Problem, architecture: Architecture, mapping: MappingTree) -> ModelVerdict:
    try:
        return ModelVerdict(name, _evaluated(name, get_model(name), problem, architecture, mapping))
    except UnsupportedError as error:
        return ModelVerdict(name, None, str(error))


def _evaluated(name: str, model: CostModel, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
    reasons = [d for d in refusals(problem, architecture, name, mapping) if d.severity == "error"]
    if reasons:
        raise UnsupportedError("\n".join(str(r) for r in reasons))
    return model.evaluate(problem, architecture, mapping)
