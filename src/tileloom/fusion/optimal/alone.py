"""What every problem of a graph costs by itself, with every tensor in the outermost memory: layer by layer."""

from __future__ import annotations

from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import Objective

Pair = tuple[float, float]


def layer_by_layer(graph: FusedGraph, objective: Objective) -> tuple[Pair | None, ...]:
    """Per problem (pJ, cycles) of all its runs under its best own mapping; None where it does not fit that way.

    Problems that differ only in names are searched once; copies move nothing when both sides are outermost.
    """
    known: dict[object, Pair | None] = {}
    found: list[Pair | None] = []
    for layer in graph.layers:
        chip = layer.chips.get(frozenset())
        key = (layer.problem.signature, layer.count, None if chip is None else id(chip), layer.problem.copy)
        if key not in known:
            if chip is None:
                known[key] = None
            elif layer.problem.copy:
                known[key] = (0.0, 0.0)
            else:
                cost = OptimalMapper(tie_break=False).search(layer.problem, chip, objective).cost
                known[key] = None if cost is None else (cost.energy_pj * layer.count, cost.cycles * layer.count)
        found.append(known[key])
    return tuple(found)
