"""A network's results as plain data: what run.json holds and `map --json` prints. Writes no file.

Units are in the names. Energies, cycles and accesses of a layer are for one run of it; totals count repeats.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tileloom import __version__
from tileloom.core.digest import digest, digest_file
from tileloom.cost.base import Cost
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.yaml import mapping_to_yaml
from tileloom.search.network import LayerResult, NetworkResult
from tileloom.workload.problem import Problem

RUN_FORMAT = "tileloom run 1"
LIBRARIES = ("numpy", "numba", "polars", "pydantic", "onnx")


def describe(result: NetworkResult) -> dict[str, Any]:
    """Everything about a run: inputs by content hash, settings, versions, totals, every layer with its breakdown."""
    network, architecture = result.network, result.architecture
    return {
        "format": RUN_FORMAT,
        "status": result.status,
        "network": {"name": network.name, **_source(network.source), "content_sha256": digest(network)},
        "architecture": {
            "name": architecture.name,
            **_source(architecture.source),
            "content_sha256": digest(architecture),
            "area_mm2": architecture.area_mm2,
            "frequency_hz": architecture.frequency_hz,
        },
        "objective": result.objective,
        "mapper": result.mapper,
        "model": result.model,
        "seed": result.seed,
        "options": dict(result.options),
        "seconds": result.seconds,
        "versions": versions(),
        "totals": totals(result),
        "layers": [layer_record(layer) for layer in result.layers],
        "vector_ops": [{"name": v.name, "operator": v.operator, "elements": v.elements} for v in network.vector_ops],
        "skipped": [asdict(s) for s in network.skipped],
    }


def totals(result: NetworkResult) -> dict[str, Any]:
    """Sums over the mapped layers, each as often as the network runs it."""
    mapped = [r for r in result.layers if r.result.cost is not None]
    return {
        "energy_pj": result.energy_pj,
        "cycles": result.cycles,
        "edp_pj_cycles": result.energy_pj * result.cycles,
        "macs": result.network.macs,
        "macs_mapped": sum(r.distinct.problem.macs * r.distinct.count for r in mapped),
        "layers": sum(r.distinct.count for r in result.layers),
        "distinct": len(result.layers),
        "distinct_mapped": len(mapped),
        "distinct_optimal": sum(r.result.status == "optimal" for r in result.layers),
    }


def layer_record(layer: LayerResult) -> dict[str, Any]:
    """One distinct layer: the problem, the search's answer, the mapping (YAML and text), the cost with its parts."""
    problem, result = layer.distinct.problem, layer.result
    cost = result.cost
    return {
        "name": problem.name,
        "layers": list(layer.distinct.layers),
        "count": layer.distinct.count,
        **_problem(problem),
        "status": result.status,
        "reasons": list(result.reasons),
        "energy_pj": cost.energy_pj if cost else None,
        "cycles": cost.cycles if cost else None,
        "edp_pj_cycles": cost.edp if cost else None,
        "lower_bound": result.lower_bound,
        "gap": result.gap if cost else None,
        "evaluated": result.evaluated,
        "space_size": result.space_size,
        "seconds": result.seconds,
        "explain": [{"what": what, "count": count} for what, count in result.explain],
        "mapping": mapping_to_yaml(result.mapping, problem.name) if result.mapping else None,
        "mapping_text": to_text(result.mapping, problem) if result.mapping else None,
        "cost": cost_record(cost) if cost else None,
        "front": [
            {**_front_record(problem, mapping, cost), "chosen": mapping == result.mapping}
            for mapping, cost in result.front
        ],
    }


def cost_record(cost: Cost) -> dict[str, Any]:
    """A cost with every part; the parts of the energy sum to `energy_pj`."""
    return {
        "model": cost.model,
        "energy_pj": cost.energy_pj,
        "cycles": cost.cycles,
        **({} if cost.overlapped_cycles is None else {"overlapped_cycles": cost.overlapped_cycles}),
        "edp_pj_cycles": cost.edp,
        "macs": cost.macs,
        "utilization": cost.utilization,
        "bottleneck": cost.bottleneck,
        "traffic": [asdict(t) for t in cost.traffic],
        "leakage_pj": dict(cost.leakage_pj),
        "cycles_by_component": dict(cost.cycles_by_component),
        "occupancy": [asdict(o) for o in cost.occupancy],
        "spatial_use": [{"fanout": f, "axis": a, "instances": n} for f, a, n in cost.spatial_use],
        "notes": list(cost.notes),
    }


def versions() -> dict[str, str]:
    """Of Tileloom, Python and the libraries that results depend on; read from metadata, nothing is imported."""
    found = {"tileloom": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "operation": problem.op,
        "equation": problem.equation,
        "dims": {d.name: d.extent for d in problem.dims},
        "tensors": [
            {"name": t.name, "role": t.role, "bits": t.bits, "elements": problem.size(t.name)} for t in problem.tensors
        ],
        "macs": problem.macs,
    }


def _front_record(problem: Problem, mapping: MappingTree, cost: Cost) -> dict[str, Any]:
    return {
        "energy_pj": cost.energy_pj,
        "cycles": cost.cycles,
        "edp_pj_cycles": cost.edp,
        "mapping": mapping_to_yaml(mapping, problem.name),
    }


def _source(source: str) -> dict[str, Any]:
    """Where it came from, with the file's own hash when it is a file."""
    try:
        is_file = Path(source).is_file()
    except (OSError, ValueError):
        is_file = False
    return {"source": source, "file_sha256": digest_file(Path(source)) if is_file else None}
