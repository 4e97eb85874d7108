"""NeuroSpector's multi-chip partition: which layers share the chips side by side, and on how many chips each.

Faithful mode keeps the original's accounting, whose best cost may be negative. Corrected mode takes the proven best table
of each layer for every number of chips and prices whole combinations: layers side by side end with the slowest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.neurospector.analysis import Analysis, analyze_packed
from tileloom.cost.models.neurospector.machine import pack
from tileloom.mapping.notation.neurospector import CHIP_X, CHIP_Y, DRAM, GB
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Table, as_table, one_dataflow, searched_rows
from tileloom.search.neurospector.kernels import search_all
from tileloom.search.neurospector.proof import LatticeSearch
from tileloom.search.neurospector.splits import joint_splits
from tileloom.workload.frontends.neurospector import ConvLayer

MAX_COMBINATIONS = 10**6


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
    machine_chips = accelerator.array("multi_chips").size
    if machine_chips < 2:
        raise UnsupportedError(f"accelerator '{accelerator.name}' has one chip; layers cannot be put side by side")
    shares_of = _shares if faithful else _proven_shares
    options = [shares_of(accelerator, layer, metric) for layer in layers]
    if prod(len(o) for o in options) > MAX_COMBINATIONS:
        raise UnsupportedError(
            f"{len(layers)} layers have more than {MAX_COMBINATIONS} combinations of chips; give fewer"
        )
    best: tuple[np.floating, tuple[Share, ...], float] | None = None
    # The first layer varies fastest; faithfully, running all of them alone is never looked at.
    combinations = product(*reversed(options))
    if faithful:
        next(combinations)
    for backwards in combinations:
        shares = backwards[::-1]
        together = [i for i, s in enumerate(shares) if s.parallel]
        if sum(shares[i].chips for i in together) > machine_chips or (not faithful and len(together) == 1):
            continue
        if faithful:
            saved = _saved_faithful(accelerator, shares, [shares[i] for i in together])
            cost: np.floating = np.float32(0)
            for share in shares:
                cost = cost + share.cost
            cost = cost - np.float32(saved)
        else:
            saved = _saved(accelerator, layers, shares, together)
            cost = _together(shares, together, saved, metric)
        if best is None or cost < best[0]:
            best = (cost, shares, saved)
    if best is None:
        raise InputError(
            f"no combination of {len(layers)} layers fits the {machine_chips} chips of '{accelerator.name}'"
        )
    cost, shares, saved = best
    chosen = tuple(
        _inside(accelerator, x, s, metric) if faithful else _as_chosen(accelerator, x, s, metric)
        for x, s in zip(layers, shares)
    )
    return Partition(cost=float(cost), layers=chosen, shares=shares, saved_pj=saved)


def _proven_shares(accelerator: Accelerator, layer: ConvLayer, metric: Metric) -> list[Share]:
    """Alone on the machine, and beside others for every number of chips: the best of all tables in each case."""
    search = LatticeSearch(accelerator, layer, metric, "fixed", faithful=False)
    machine = pack(accelerator, layer.stride, faithful=False)
    found = []
    for chips in sorted({int(search.lattice.size[h]) for h in search.chips.cells}):
        search.run(float("inf"), chips=chips)
        best = search.table()
        if best is not None:
            analysis = analyze_packed(machine, as_table(best[1]))
            cost = np.float64(analysis.value(metric))
            found.append(Share(parallel=True, chips=chips, cost=cost, table=best[1], analysis=analysis))
    if not found:
        raise InputError(f"layer '{layer.name}' cannot be laid out on the chips of '{accelerator.name}'")
    return [replace(min(found, key=lambda s: s.cost), parallel=False), *found]


def _together(shares: Sequence[Share], together: Sequence[int], saved_pj: float, metric: Metric) -> np.float64:
    """What a combination costs: layers alone one after another, those side by side at once, static power for the time it takes."""
    side = [shares[i].analysis for i in together]
    alone = [s.analysis for s in shares if not s.parallel]
    cycles = sum(a.cycles for a in alone) + max((a.cycles for a in side), default=0.0)
    if metric == "cycle":
        return np.float64(cycles)
    power = max((a.static_pj / a.cycles for a in (*side, *alone)), default=0.0)
    return np.float64(sum(a.dynamic_pj for a in (*side, *alone)) + power * cycles - saved_pj)


def _saved(
    accelerator: Accelerator, layers: Sequence[ConvLayer], shares: Sequence[Share], together: Sequence[int]
) -> float:
    """DRAM energy in pJ of input reads that layers side by side share: those of one input, the fewest reads, all but once."""
    dram = [s.analysis.levels["dram"] for s in shares]
    groups = [[dram[i].sent[0] * dram[i].reads[0] for i in group] for group in _same_input(layers, together)]
    return sum(min(reads) * (len(reads) - 1) for reads in groups) * accelerator.dram.energy_pj[0]


def _same_input(layers: Sequence[ConvLayer], together: Sequence[int]) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for i in together:
        x = layers[i]
        B, channels = x.dims[1], x.dims[4] * x.dims[7]
        groups.setdefault((B, channels, x.input_height, x.input_width), []).append(i)
    return list(groups.values())


def input_sharers(layers: Sequence[ConvLayer], shares: Sequence[Share]) -> tuple[tuple[str, ...], ...]:
    """Names of layers side by side that read one input together (corrected mode), a tuple for each such input."""
    together = [i for i, s in enumerate(shares) if s.parallel]
    return tuple(tuple(layers[i].name for i in g) for g in _same_input(layers, together) if len(g) > 1)


def _as_chosen(accelerator: Accelerator, layer: ConvLayer, share: Share, metric: Metric) -> Chosen:
    return Chosen(accelerator=accelerator, layer=layer, metric=metric, strategies="all", analysis=share.analysis)


def _shares(accelerator: Accelerator, layer: ConvLayer, metric: Metric) -> list[Share]:
    """Faithfully: the lowest DRAM level cost for each number of chips, over all splits of the outer rows."""
    rows = [r for r in searched_rows(accelerator) if r in (GB, CHIP_X, CHIP_Y, DRAM)]
    splits = joint_splits(layer.dims, len(rows))
    machine = pack(accelerator, layer.stride, faithful=True)
    seen, cost, tables, _ = search_all(
        np.array(rows, dtype=np.int64),
        splits.size,
        splits.factor,
        machine.chip,
        machine.prices,
        metric == "energy",
        True,
    )
    found = [
        Share(
            parallel=True, chips=n, cost=cost[n], table=tables[n], analysis=analyze_packed(machine, as_table(tables[n]))
        )
        for n in range(len(seen))
        if seen[n]
    ]
    # The original only remembers the lowest cost of numbers of chips that it meets twice.
    known = [s for s in found if seen[s.chips] > 1]
    if not known:
        raise InputError(f"layer '{layer.name}' cannot be laid out on the chips of '{accelerator.name}'")
    lowest = min(known, key=lambda s: s.cost)
    return [
        Share(parallel=False, chips=lowest.chips, cost=lowest.cost, table=lowest.table, analysis=lowest.analysis),
        *found,
    ]


def _saved_faithful(accelerator: Accelerator, shares: tuple[Share, ...], together: list[Share]) -> float:
    """DRAM energy in pJ of inputs read once for several layers, as the original counts it.

    The LAST parallel layer's tile, times the first layer's count where all share the smallest tile (else once), times the
    trailing layers with that tile less one.
    """
    if len(together) < 2:
        return 0.0
    price = np.float32(accelerator.dram.energy_pj[0])
    tiles = [s.analysis.levels["dram"].sent[0] for s in together]
    least = min(tiles)
    matches = 0
    for tile in reversed(tiles):
        if tile != least:
            break
        matches += 1
    count = shares[0].analysis.levels["dram"].reads[0] if matches == len(tiles) else 1
    return float(np.float32(tiles[-1]) * np.float32(count) * np.float32(max(1, matches - 1)) * price)


def _inside(accelerator: Accelerator, layer: ConvLayer, share: Share, metric: Metric) -> Chosen:
    start = share.table.copy()
    whole = tuple(int(v) for v in start[DRAM]) == layer.dims
    return one_dataflow(accelerator, layer, metric, faithful=True, start=start, end=DRAM if whole else GB)
