"""Why no schedule of a graph fits: the memory, what is alive at the worst moment, and the smallest size that would do."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from tileloom.architecture.model import Architecture, Memory
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Limits
from tileloom.search.optimal.kernels import ENERGY
from tileloom.search.screen import never_fits

MOST_BITS = 2**50
SHOWN = 6
BISECT_LAYERS = 24
"""Graphs of more layers are not solved again and again to find the smallest size."""


def why_nothing_fits(graph: FusedGraph, limits: Limits) -> tuple[str, ...]:
    """One line per memory that is too small; or the problems that fit nowhere."""
    alone = [
        f"'{layer.name}': {reason}"
        for layer in graph.layers
        for chip in [layer.chip]
        if frozenset() in layer.chips
        for reason in map(str, never_fits(layer.problem, chip))
    ]
    found = []
    # Outermost tensors need no more room than kept ones, so what each problem needs alone is what a long graph needs.
    parts = [graph] if len(graph.layers) <= BISECT_LAYERS else _alone(graph)
    for part in parts:
        for name in graph.memories:
            line = _smallest(part, name, limits)
            if line:
                found.append(line)
    found = found or _together(parts, limits)
    if found:
        return tuple(dict.fromkeys(found))
    more = (f"and {len(alone) - SHOWN} more of this kind",) if len(alone) > SHOWN else ()
    return (*dict.fromkeys(alone[:SHOWN]), *more) or (
        "no combination of memories, shared loops and tiles meets all capacities and array sizes together",
    )


def _together(parts: list[FusedGraph], limits: Limits) -> list[str]:
    """Lines about memories of which no single one is to blame: each with all others as large as they need be."""
    found = []
    for part in parts:
        sized = [m for m in part.memories if part.layers[0].chip.memory(m).capacity_bits is not None]
        for name in sized:
            roomy = part
            for other in sized:
                roomy = with_capacity(roomy, other, MOST_BITS) if other != name else roomy
            line = "" if _fits(roomy, limits) else _smallest(roomy, name, limits)
            if line:
                found.append(f"{line} (the other memories must be larger too)")
    return found


def _alone(graph: FusedGraph) -> list[FusedGraph]:
    """Every different problem that does not fit by itself, as a graph of one."""
    different = {layer.problem.signature: layer for layer in reversed(graph.layers) if frozenset() in layer.chips}
    alone = [
        FusedGraph(layer.name, (replace(layer, chips={frozenset(): layer.chips[frozenset()]}),))
        for layer in different.values()
    ]
    return [g for g in alone if not _fits(g, Limits(0))]


def with_capacity(graph: FusedGraph, memory: str, bits: int) -> FusedGraph:
    """The same graph on hardware where one memory has another size."""

    def other(chip: Architecture) -> Architecture:
        nodes = tuple(
            replace(n, capacity_bits=bits) if isinstance(n, Memory) and n.name == memory else n for n in chip.nodes
        )
        return replace(chip, nodes=nodes)

    layers = tuple(
        replace(layer, chips={inside: other(chip) for inside, chip in layer.chips.items()}) for layer in graph.layers
    )
    return replace(graph, layers=layers)


def _fits(graph: FusedGraph, limits: Limits) -> bool:
    from tileloom.fusion.optimal.kinds import kinds_of
    from tileloom.fusion.optimal.solve import Solver

    return isfinite(Solver(graph, kinds_of(graph, ENERGY, limits), ENERGY).run().value)


def _smallest(graph: FusedGraph, name: str, limits: Limits) -> str:
    """The line about one memory, '' when no size of it alone would do."""
    from tileloom.fusion.optimal.mapper import fused_optimal

    capacity = graph.layers[0].chip.memory(name).capacity_bits
    if capacity is None:
        return ""
    if not _fits(with_capacity(graph, name, MOST_BITS), limits):
        return ""
    high = max(2 * capacity, 64)
    while not _fits(with_capacity(graph, name, high), limits):
        high *= 8
    low = capacity
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(with_capacity(graph, name, middle), limits):
            high = middle
        else:
            low = middle
    result = fused_optimal(with_capacity(graph, name, high), "energy", max_fused_loops=limits.max_loops)
    if result.cost is None:
        return ""
    moment = max(result.cost.moments, key=lambda m: m.bits(name))
    alive = ", ".join(
        f"{r.tensor} {r.bits}" for r in sorted(moment.alive, key=lambda r: -r.bits) if r.memory == name and r.bits
    )
    return (
        f"memory '{name}' has {capacity} bits, and no schedule of '{graph.name}' fits; {high} bits are the least that "
        f"would do: while '{moment.problem}' runs it then holds {alive} bits"
    )
