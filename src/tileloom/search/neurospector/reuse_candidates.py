"""Tables of one layer worth considering when its neighbours can share what stays on the chip. Prices no sharing itself.

The tile that everything below DRAM holds decides what a layer can take over and hand on, so candidates differ in it: the
cheapest at DRAM for what they could save, each finished inwards by the bottom-up search, and bottom-up's own choice.
"""

from __future__ import annotations

import numpy as np

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.machine import pack
from tileloom.mapping.notation.neurospector import CHIP_X, CHIP_Y, DRAM, GB
from tileloom.search.neurospector.bottom_up import (
    Chosen,
    Metric,
    Mode,
    Table,
    bottom_up,
    dataflow_choices,
    one_dataflow,
)
from tileloom.search.neurospector.proof import LatticeSearch
from tileloom.workload.frontends.neurospector import ConvLayer

MOST = 12
"""Tiles of each dataflow combination that are finished inwards."""
LAYOUTS = 8
"""Layouts of the chips that are looked at, those of most chips first."""


def candidates(accelerator: Accelerator, layer: ConvLayer, metric: Metric, mode: Mode) -> list[Chosen]:
    """Bottom-up's choice first, then tables around other tiles below DRAM, each valid; corrected rules."""
    found = [bottom_up(accelerator, layer, metric, mode)]
    if not found[0].feasible or accelerator.global_buffer is None or accelerator.global_buffer.dataflow is None:
        return found
    for choice in dataflow_choices(accelerator, mode):
        for start in _starts(choice, layer, metric):
            chosen = one_dataflow(choice, layer, metric, faithful=False, start=start, end=GB)
            if chosen.feasible:
                found.append(chosen)
    return found


def _starts(accelerator: Accelerator, layer: ConvLayer, metric: Metric) -> list[Table]:
    """Tables whose rows of DRAM, chips and GB are filled (GB's with all that lies further in)."""
    search = LatticeSearch(accelerator, layer, metric, "fixed", faithful=False)
    lat, flow = search.lattice, search.flows[0]
    price = float(
        flow.rules.prices[k.E_DRAM] if metric == "energy" else flow.rules.prices[k.U_DRAM] / flow.rules.prices[k.W_DRAM]
    )
    layouts = np.argsort(-lat.size[search.chips.cells], kind="stable")[:LAYOUTS]
    least = pack(accelerator, layer.stride, faithful=False).chip[k.FIXED : k.FIXED + 8]
    ranked = []
    for place in layouts:
        h = int(search.chips.cells[place])
        cost = search.outer(0, h)
        inside = lat.extent % np.maximum(least, 1) == 0
        cost[~inside.all(axis=1)] = np.inf
        # What could be saved at most: the whole of what is held of the input now and of the output by the next layer.
        promise = cost - price * (lat.tile[:, 0] + lat.tile[:, 2]) * int(lat.size[h])
        for n in np.argsort(promise, kind="stable")[: 4 * MOST]:
            if np.isfinite(cost[n]):
                ranked.append((float(promise[n]), int(n), int(place)))
    starts, seen = list[Table](), set[tuple[int, ...]]()
    for _, n, place in sorted(ranked):
        h = int(search.chips.cells[place])
        held = tuple(int(v) for v in lat.extent[n] * lat.extent[h])
        if held in seen or len(starts) == MOST:
            continue
        seen.add(held)
        table = np.ones((10, 8), np.int64)
        table[GB], table[CHIP_X], table[CHIP_Y] = (
            lat.extent[n],
            lat.extent[search.chips.x[place]],
            lat.extent[search.chips.y[place]],
        )
        table[DRAM] = np.array(layer.dims, np.int64) // np.array(held, np.int64)
        starts.append(table)
    return starts
