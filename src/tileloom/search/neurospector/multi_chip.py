"""NeuroSpector's multi-chip partition: which layers share the chips side by side, and on how many chips each.

Faithful mode keeps the original's accounting, whose best cost may be negative; corrected mode compares like with like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.analysis import Analysis, analyze_packed
from tileloom.cost.models.neurospector.machine import pack
from tileloom.mapping.notation.neurospector import CHIP_X, CHIP_Y, DRAM, GB
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Table, as_table, one_dataflow, searched_rows
from tileloom.search.neurospector.kernels import search_all
from tileloom.search.neurospector.splits import joint_splits
from tileloom.workload.frontends.neurospector import ConvLayer


@dataclass(frozen=True, kw_only=True)
class Share:
    """One way to run a layer: alone, or beside others on `chips` chips. cost: its DRAM level, in the metric."""

    parallel: bool
    chips: int
    cost: np.floating
    table: Table
    analysis: Analysis


@dataclass(frozen=True, kw_only=True)
class Partition:
    """cost: of the best combination as the search counts it;  layers: each with its table;  shares: what was chosen.

    saved_pj  DRAM energy of input reads that layers side by side share
    """

    cost: float
    layers: tuple[Chosen, ...]
    shares: tuple[Share, ...]
    saved_pj: float

    @property
    def printed_result(self) -> float:
        """What the original prints as its result: the layers' totals minus the partition's cost (no meaningful quantity)."""
        return float(sum(layer.value for layer in self.layers) - self.cost)


def partition(
    accelerator: Accelerator, layers: Sequence[ConvLayer], metric: Metric = "energy", *, faithful: bool = False
) -> Partition:
    """The best combination of shares, then bottom-up inside each. Raises UnsupportedError for a machine of one chip."""
    if accelerator.array("multi_chips").size < 2:
        raise UnsupportedError(f"accelerator '{accelerator.name}' has one chip; layers cannot be put side by side")
    options = [_shares(accelerator, layer, metric, faithful) for layer in layers]
    machine_chips = accelerator.array("multi_chips").size
    best: tuple[np.floating, tuple[Share, ...], float] | None = None
    # The first layer varies fastest; faithfully, running all of them alone is never looked at.
    combinations = [tuple(reversed(c)) for c in product(*reversed(options))]
    for shares in combinations[1:] if faithful else combinations:
        together = [s for s in shares if s.parallel]
        if sum(s.chips for s in together) > machine_chips:
            continue
        saved = _saved(accelerator, shares, together, faithful)
        cost = np.float32(0) if faithful else np.float64(0)
        for share in shares:
            cost = cost + share.cost
        if faithful or metric == "energy":
            cost = cost - cost.dtype.type(saved)
        if best is None or cost < best[0]:
            best = (cost, shares, saved)
    if best is None:
        raise InputError(
            f"no combination of {len(layers)} layers fits the {machine_chips} chips of '{accelerator.name}'"
        )
    cost, shares, saved = best
    chosen = tuple(_inside(accelerator, x, s, metric, faithful) for x, s in zip(layers, shares))
    return Partition(cost=float(cost), layers=chosen, shares=shares, saved_pj=saved)


def _shares(accelerator: Accelerator, layer: ConvLayer, metric: Metric, faithful: bool) -> list[Share]:
    rows = [r for r in searched_rows(accelerator) if r in (GB, CHIP_X, CHIP_Y, DRAM)]
    splits = joint_splits(layer.dims, len(rows))
    machine = pack(accelerator, layer.stride, faithful=faithful)
    chip = machine.chip if faithful else machine.chip.copy()
    if not faithful:
        chip[k.DECIDED] = 4
    seen, cost, tables, _ = search_all(
        np.array(rows, dtype=np.int64), splits.size, splits.factor, chip, machine.prices, metric == "energy", True
    )
    found = [
        Share(
            parallel=True, chips=n, cost=cost[n], table=tables[n], analysis=analyze_packed(machine, as_table(tables[n]))
        )
        for n in range(len(seen))
        if seen[n]
    ]
    # The original only remembers the lowest cost of numbers of chips that it meets twice.
    known = [s for s in found if seen[s.chips] > 1] if faithful else found
    if not known:
        raise InputError(f"layer '{layer.name}' cannot be laid out on the chips of '{accelerator.name}'")
    lowest = min(known, key=lambda s: s.cost)
    return [
        Share(parallel=False, chips=lowest.chips, cost=lowest.cost, table=lowest.table, analysis=lowest.analysis),
        *found,
    ]


def _saved(accelerator: Accelerator, shares: tuple[Share, ...], together: list[Share], faithful: bool) -> float:
    """DRAM energy in pJ of inputs read once for several layers.

    Faithfully: the LAST parallel layer's tile, times the first layer's count where all share the smallest tile (else
    once), times the trailing layers with that tile less one. Corrected: the smallest tile, once for each layer but one.
    """
    if len(together) < 2:
        return 0.0
    price = np.float32(accelerator.dram.energy_pj[0])
    tiles = [s.analysis.levels["dram"].sent[0] for s in together]
    least = min(tiles)
    if not faithful:
        reads = min(s.analysis.levels["dram"].reads[0] * t for s, t in zip(together, tiles))
        return float(reads) * (len(together) - 1) * float(price)
    matches = 0
    for tile in reversed(tiles):
        if tile != least:
            break
        matches += 1
    count = shares[0].analysis.levels["dram"].reads[0] if matches == len(tiles) else 1
    return float(np.float32(tiles[-1]) * np.float32(count) * np.float32(max(1, matches - 1)) * price)


def _inside(accelerator: Accelerator, layer: ConvLayer, share: Share, metric: Metric, faithful: bool) -> Chosen:
    start = share.table.copy()
    whole = tuple(int(v) for v in start[DRAM]) == layer.dims
    return one_dataflow(accelerator, layer, metric, faithful=faithful, start=start, end=DRAM if whole else GB)
