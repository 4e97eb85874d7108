"""A network's results as rows of plain values and as a polars frame; the columns are those of columns.py."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from tileloom.mapping.yaml import mapping_to_yaml
from tileloom.search.columns import COLUMNS
from tileloom.search.network import LayerResult, NetworkResult

if TYPE_CHECKING:
    import polars

Value = str | int | float | None


def row(layer: LayerResult) -> dict[str, Value]:
    """One distinct layer, a value for every column; None where there is no mapping."""
    problem, result = layer.distinct.problem, layer.result
    cost = result.cost
    values: dict[str, Value] = {
        "layer": problem.name,
        "layers": ", ".join(layer.distinct.layers),
        "operation": problem.op,
        "equation": problem.equation,
        "sizes": " ".join(f"{d.name}={d.extent}" for d in problem.dims),
        "count": layer.distinct.count,
        "macs": problem.macs,
        "status": result.status,
        "energy_pj": cost.energy_pj if cost else None,
        "cycles": cost.cycles if cost else None,
        "edp_pj_cycles": cost.edp if cost else None,
        "utilization": cost.utilization if cost else None,
        "bottleneck": cost.bottleneck if cost else None,
        "lower_bound": result.lower_bound,
        "gap": result.gap if cost else None,
        "evaluated": result.evaluated,
        "space_size": _as_float(result.space_size),
        "seconds": result.seconds,
        "mapping": mapping_to_yaml(result.mapping, problem.name) if result.mapping else None,
        "reasons": "; ".join(result.reasons) or None,
    }
    return {column.name: values[column.name] for column in COLUMNS}


def _as_float(number: int) -> float:
    """Spaces can be larger than the largest float."""
    try:
        return float(number)
    except OverflowError:
        return inf


def to_frame(result: NetworkResult) -> polars.DataFrame:
    """One row per distinct layer, in network order."""
    import polars

    types = {"text": polars.String, "int": polars.Int64, "float": polars.Float64}
    schema = {column.name: types[column.kind] for column in COLUMNS}
    return polars.DataFrame([row(layer) for layer in result.layers], schema=schema, orient="row")
