"""Layer costs from any mapper and cost model of Tileloom: one search per distinct layer and chip, remembered on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tileloom.architecture.model import Architecture
from tileloom.explore.codesign.layer import Unit
from tileloom.explore.codesign.tables import LayerCosts, Refused
from tileloom.search.cache import Cache
from tileloom.search.driver import map_network
from tileloom.search.network import Progress
from tileloom.search.objective import Objective
from tileloom.workload.network import Layer, Network

PJ_PER_NJ = 1000.0


def mapped_costs(
    units: Sequence[Unit],
    chips: Sequence[Architecture],
    objective: Objective = "edp",
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    workers: int = 1,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> LayerCosts:
    """The cost of every unit on every chip under the best mapping found; a chip that some unit does not fit is left out."""
    layers = tuple(_layer(i, u) for i, u in enumerate(units))
    network = Network("distinct layers", layers)
    kept, refused = [], []
    for chip in chips:
        found = map_network(
            network, chip, objective, mapper=mapper, model=model, workers=workers, cache=cache, progress=progress
        )
        missing = [r for r in found.layers if r.result.cost is None]
        if missing:
            reason = "; ".join(missing[0].result.reasons) or missing[0].result.status
            refused.append(Refused(chip.name, f"layer {missing[0].distinct.problem.name}: {reason}"))
        else:
            costs = {name: r.result.cost for r in found.layers for name in r.distinct.layers}
            kept.append((chip, [costs[layer.name] for layer in layers]))
    shape = (len(kept), len(units))
    cycles = np.array([[c.cycles for c in row if c] for _, row in kept], np.float64).reshape(shape)
    energy = np.array([[c.energy_pj / PJ_PER_NJ for c in row if c] for _, row in kept], np.float64).reshape(shape)
    areas = [chip.area_mm2 * 1e6 or float("nan") for chip, _ in kept]
    names = tuple(chip.name for chip, _ in kept)
    nothing = np.zeros(shape)
    return LayerCosts(
        names, names, cycles, energy, nothing, nothing.astype(np.bool_), np.array(areas),
        np.full(len(kept), np.nan), tuple(refused), len(units) * len(chips), names,
    )  # fmt: skip


def _layer(number: int, unit: Unit) -> Layer:
    name = f"{number}: {unit}" if not hasattr(unit, "of") else f"{number}"
    problem = replace(unit.problem(), name=name)
    return Layer(name=name, problem=problem, operator=problem.op)
