"""The public functions behind `import tileloom`: load, map, evaluate, compare, check.

Thin: each calls the layer that does the work. What the command line can do, these functions can do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tileloom.architecture.model import Architecture
from tileloom.core.errors import IllegalMappingError, InputError, UnsupportedError, did_you_mean
from tileloom.cost.base import Cost
from tileloom.cost.registry import MODELS, get_model
from tileloom.mapping.legality import Diagnostic, check_mapping
from tileloom.mapping.tree import MappingTree
from tileloom.search.cache import Cache
from tileloom.search.driver import map_network, map_problem
from tileloom.search.network import NetworkResult, Progress
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Problem

if TYPE_CHECKING:
    import polars

Source = str | os.PathLike[str]


def load_network(source: Source, *, bind: Mapping[str, int] | None = None, bits: int | None = None) -> Network:
    """A network from an ONNX or YAML file, a library name, or an einsum string (a network of one layer).

    bind   sizes of symbolic dimensions, as {"N": 1}, or of an einsum's indices
    bits   of every value of an ONNX network or einsum; default 8
    Raises InputError naming the file and node.
    """
    if is_einsum(source):
        problem = load_problem(source, sizes=bind, bits=bits)
        return Network(
            problem.name, (Layer(name=problem.name, problem=problem, operator=problem.op),), source=str(source)
        )
    from tileloom.workload.load import load_network as load

    return load(_path(source), bind, **_given(bits=bits))


def load_problem(
    source: Source,
    *,
    sizes: Mapping[str, int] | None = None,
    bind: Mapping[str, int] | None = None,
    bits: int | None = None,
) -> Problem:
    """One problem: a YAML file with one, 'network.onnx:layer', or an einsum string with the sizes of its indices.

    >>> load_problem("O[m, n] += A[m, k] * B[k, n]", sizes={"m": 4, "n": 4, "k": 8}).macs
    128
    """
    from tileloom.workload.load import load_problem as load

    if is_einsum(source):
        return load(str(source), sizes=sizes or {}, **_given(bits=bits))
    if sizes:
        raise InputError(f"{source}: sizes are for an einsum; for symbolic dimensions of a file give bind (--bind)")
    path, layer = split_layer(str(source))
    return load(path, layer=layer, bind=bind, **_given(bits=bits))


def is_einsum(source: Source) -> bool:
    """Whether it reads as an einsum, not as a name or path: 'ij,jk->ik' or 'C[m, n] += A[m, k] * B[k, n]'."""
    return isinstance(source, str) and ("->" in source or ("=" in source and "[" in source))


def split_layer(source: str) -> tuple[str, str | None]:
    """'net.onnx:conv1' -> ('net.onnx', 'conv1'); a layer's own name may hold colons, so may a path.

    >>> split_layer("net.onnx:block:0/conv"), split_layer("net.onnx")
    (('net.onnx', 'block:0/conv'), ('net.onnx', None))
    """
    if Path(source).is_file():
        return source, None
    for end in (".onnx:", ".yaml:", ".yml:"):
        if end in source:
            path, _, layer = source.partition(end)
            return path + end[:-1], layer
    name, colon, layer = source.partition(":")
    return (name, layer) if colon else (source, None)


def _path(source: Source) -> str | Path:
    return source if isinstance(source, str) else Path(source)


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def load_architecture(source: Source, *, variables: Mapping[str, str] | None = None) -> Architecture:
    """A chip by library name or from a YAML file. Raises InputError with every fault and its line.

    variables  for the templates of AccelForge files, as {"SIZE": "4"}
    """
    if variables:
        raise InputError(f"{source}: variables {sorted(variables)} were given, but it is not a template")
    from tileloom.architecture.load import load_architecture as load

    return load(_path(source))


def load_mapping(source: Source, problem: Problem | None = None) -> MappingTree:
    """A mapping from a YAML file; with its problem, dimensions and tensors are checked as it is read."""
    from tileloom.mapping.yaml import mapping_from_yaml

    return mapping_from_yaml(Path(source), problem)


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

    def save(self, folder: Source) -> Path:
        """Write the run directory (run.json, results.parquet, best/*.yaml) and return it. Replaces an earlier run only."""
        from tileloom.explore.run import write_run

        return write_run(self, Path(folder))

    def report(self, folder: Source) -> Path:
        """`save`, with report.html in it; returns the page."""
        from tileloom.explore.run import write_run
        from tileloom.report.data import write_dataset
        from tileloom.report.extract import extract
        from tileloom.report.html import write_report

        def add_page(draft: Path) -> None:
            write_dataset(extract(self), draft)
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
    """What the mapping costs. Raises IllegalMappingError with every broken rule."""
    chosen = get_model(model)
    _require_legal(problem, architecture, mapping)
    return chosen.evaluate(problem, architecture, mapping)


def check(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[Diagnostic, ...]:
    """Every rule that the mapping breaks and every warning, with place, numbers and remedy; legal without 'error's."""
    return check_mapping(problem, architecture, mapping)


def _require_legal(problem: Problem, architecture: Architecture, mapping: MappingTree) -> None:
    errors = [d for d in check(problem, architecture, mapping) if d.severity == "error"]
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


def _verdict(model: str, problem: Problem, architecture: Architecture, mapping: MappingTree) -> ModelVerdict:
    try:
        return ModelVerdict(model, get_model(model).evaluate(problem, architecture, mapping))
    except UnsupportedError as error:
        return ModelVerdict(model, None, str(error))
