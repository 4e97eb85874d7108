"""Bounds and exact costs over a layer's lattice, compiled: what the proof of the best table needs of every tile.

A table is a chain of tiles a | l | s | n | c of the layer: a is spread over the MACs, l lies in a local buffer, s = l u is
spread over the PEs, n lies in the global buffer, c = n h is spread over the chips. Its cost is

    near(a; u h)  +  middle(l, s; counts of GB)  +  outer(n, c),

and the counts of GB depend on s, n and h alone. So the best a below every l is one table, and of the n above an s only those
on the front of (outer and GB's own cost; the three counts) can be best, whatever l and u are.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from tileloom.cost.kernels.neurospector import (
    ALLOC,
    COUNT,
    COUNTS_SIZE,
    E_DRAM,
    E_GB,
    E_LB,
    FAITHFUL,
    FIXED,
    GB_BYPASS,
    GB_FLOW,
    GB_KIND,
    HAS_GB,
    IS,
    LB_FLOW,
    LB_KIND,
    OS,
    SEND,
    STRIDE,
    U_DRAM,
    U_GB,
    U_LB,
    W_DRAM,
    W_GB,
    W_LB,
    WS,
    count_accesses,
)
from tileloom.search.neurospector.lattice_kernels import least_of_divisors, least_of_multiples, product_cell

CASES = np.array([7, 6, 5, 3, 0])
"""Which types' tiles differ between s and n (bits input, weight, output): all, all but one, none."""


class Rules(NamedTuple):
    """chip, prices (float64): the packed machine;  per_cycle: pJ, or 1 for cycles;  whole: the layer's own cell.

    fixed: energy of the MACs;  local, shared: whether the rows of LB and GB are searched
    """

    chip: NDArray[np.int64]
    prices: NDArray[np.float64]
    energy: bool
    per_cycle: float
    fixed: float
    whole: int
    local: bool
    shared: bool


@nb.njit(cache=True)
def dram_costs(lat, rules):
    """(cost [8, cells], counts [8, cells, 3]) of DRAM for every tile c that the chips get, by the types that differ at GB.

    Infinite where DRAM's row breaks its constraint. Counts of the output are reads and writes together.
    """
    cells = lat.size.shape[0]
    cost, moved = np.empty((8, cells)), np.empty((8, cells, 3))
    counts = np.zeros(COUNTS_SIZE, dtype=np.int64)
    m = np.ones((10, 8), dtype=np.int64)
    p, fixed = rules.prices, rules.chip[FIXED + 16 : FIXED + 24]
    for cell in range(cells):
        allowed = True
        for d in range(8):
            m[9, d] = lat.extent[rules.whole, d] // lat.extent[cell, d]
            if fixed[d] and fixed[d] != m[9, d]:
                allowed = False
        for mask in range(8):
            seen = mask & rules.chip[GB_BYPASS]
            if seen != mask:
                cost[mask, cell] = cost[seen, cell]
                moved[mask, cell] = moved[seen, cell]
                continue
            for t in range(3):
                counts[ALLOC + 6 + t], counts[SEND + 6 + t] = lat.tile[rules.whole, t], lat.tile[cell, t]
                counts[ALLOC + 3 + t], counts[SEND + 3 + t] = 1 + (mask >> t & 1), 1
            count_accesses(m, rules.chip, counts)
            total = 0.0 if allowed else np.inf
            for t in range(3):
                times = counts[COUNT + 8 + t]
                if t == 2:
                    times += counts[COUNT + 11]
                moved[mask, cell, t] = times
                elements = float(lat.tile[cell, t] * times)
                if rules.energy:
                    total += elements * p[E_DRAM + t]
                total += rules.per_cycle * np.ceil(elements / p[W_DRAM]) * p[U_DRAM + t]
            cost[mask, cell] = total
    return cost, moved


@nb.njit(cache=True)
def near_cost(lat, rules, a, units, reduced, rough):
    """LB's upper side and the MACs' time: tile a on the MACs, `units` PEs times chips, that divide C R S by `reduced`.

    rough: a lower bound instead, with the fewest output accesses there can be
    """
    p, tile = rules.prices, lat.tile[a]
    volume = lat.size[rules.whole] / (lat.size[a] * units)
    moved_o = volume if rough else volume * (2 - lat.crs[a] * reduced / lat.crs[rules.whole])
    cost = 0.0
    if rules.energy:
        inputs = tile[0] * volume * p[E_LB] + tile[1] * volume * p[E_LB + 1]
        cost = (inputs + tile[2] * moved_o * p[E_LB + 2]) * units
    i = np.ceil(tile[0] / p[W_LB]) * volume * p[U_LB]
    w = np.ceil(tile[1] / p[W_LB]) * volume * p[U_LB + 1]
    o = np.ceil(tile[2] / p[W_LB]) * moved_o * p[U_LB + 2]
    busy = max(i, w, o) if rules.chip[LB_KIND] == 1 else i + w + o
    return cost + rules.per_cycle * (busy + volume)


@nb.njit(cache=True)
def near_row(lat, rules, spread_a, units, reduced, row):
    """Fills row with the least `near_cost` below every tile l, infinite where LB breaks a rule.

    row [cells], or [a] where LB's row is not searched: l is a then
    """
    fixed = rules.chip[FIXED : FIXED + 8]
    row[:] = np.inf
    if not rules.local:
        for j in range(spread_a.shape[0]):
            if lat.local[spread_a[j]] and np.max(fixed) < 2:
                row[j] = near_cost(lat, rules, spread_a[j], units, reduced, False)
        return
    if spread_a.shape[0] == 1 and np.max(fixed) == 0:
        row[:] = near_cost(lat, rules, spread_a[0], units, reduced, False)
    else:
        for a in spread_a:
            row[a] = near_cost(lat, rules, a, units, reduced, False)
        least_of_divisors(row, lat, fixed)
    for cell in range(row.shape[0]):
        if not lat.local[cell]:
            row[cell] = np.inf


@nb.njit(cache=True)
def rough_row(lat, rules, spread_a, units):
    """For every tile s a bound of `near_cost` for all l below it, with `units` PEs times chips at most."""
    row = np.full(lat.size.shape[0], np.inf)
    for a in spread_a:
        row[a] = near_cost(lat, rules, a, units, 1, True)
    least_of_divisors(row, lat, np.zeros(8, dtype=np.int64))
    return row


@nb.njit(cache=True)
def shared_side(lat, rules, s, reads_i, reads_w, moved_o, chips):
    """GB's upper side for given counts."""
    if not rules.chip[HAS_GB]:
        return 0.0
    p, tile = rules.prices, lat.tile[s]
    i, w, o = tile[0] * reads_i, tile[1] * reads_w, tile[2] * moved_o
    cost = 0.0
    if rules.energy:
        cost = (i * p[E_GB] + w * p[E_GB + 1] + o * p[E_GB + 2]) * chips
    i = np.ceil(i / p[W_GB]) * p[U_GB]
    w = np.ceil(w / p[W_GB]) * p[U_GB + 1]
    o = np.ceil(o / p[W_GB]) * p[U_GB + 2]
    return cost + rules.per_cycle * (max(i, w, o) if rules.chip[GB_KIND] == 1 else i + w + o)


@nb.njit(cache=True)
def shared_counts(lat, rules, s, n, c, chips, dram):
    """(input, weight, output) accesses of GB; a type whose tile stays the same takes DRAM's counts dram[c]."""
    flow = rules.chip[LB_FLOW]
    volume = lat.size[rules.whole] // (lat.size[s] * chips)
    rows, outside = lat.crs[n] // lat.crs[s], lat.crs[rules.whole] // lat.crs[c]
    still = lat.bpq[n] // lat.bpq[s]
    reads_i, reads_w = float(volume), float(volume)
    moved_o = 2.0 * volume - volume // (rows * outside)
    if flow == IS:
        share = lat.k[n] // lat.k[s]
        if share == 1 and rules.chip[FAITHFUL]:
            share = max(still, rows)
        reads_i = volume // share
    elif flow == WS:
        reads_w = volume // still
    elif flow == OS:
        moved_o = volume // (rows * outside) * (2.0 * outside - 1)
    if lat.tile[n, 0] == lat.tile[s, 0]:
        reads_i = dram[c, 0]
    if lat.tile[n, 1] == lat.tile[s, 1]:
        reads_w = dram[c, 1]
    if lat.tile[n, 2] == lat.tile[s, 2]:
        moved_o = dram[c, 2]
    return reads_i, reads_w, moved_o


@nb.njit(cache=True)
def outer_cost(lat, rules, n, c, mask, chips, cost, moved):
    """DRAM's cost and GB's lower side; infinite where GB does not hold n."""
    if not lat.shared[n]:
        return np.inf
    total = cost[mask, c]
    if rules.energy and rules.chip[HAS_GB]:
        low = 0.0
        for t in range(3):
            low += lat.tile[n, t] * moved[mask, c, t] * rules.prices[E_GB + t]
        total += low * chips
    return total


@nb.njit(cache=True)
def outer_costs(lat, rules, h, cost, moved):
    """`outer_cost` of every tile n with cell h over the chips, where the tiles of all types differ from s."""
    found = np.full(lat.size.shape[0], np.inf)
    for n in range(found.shape[0]):
        c = product_cell(lat, n, h)
        if c >= 0:
            found[n] = outer_cost(lat, rules, n, c, 7, lat.size[h], cost, moved)
    return found


@nb.njit(cache=True)
def _relaxed_counts(lat, rules, s, left, chips, case, dram, c):
    """Fewest accesses of GB over all n above s, where the types of `CASES[case]` differ. left: the layer over s and h."""
    flow, faithful = rules.chip[LB_FLOW], rules.chip[FAITHFUL]
    volume = lat.size[rules.whole] / (lat.size[s] * chips)
    k, still, rows = left[0], left[1] * left[2] * left[3], left[4] * left[5] * left[6]
    reads_i, reads_w, moved_o = volume, volume, 2 * volume - volume / rows
    if flow == IS:
        share = k if case == 0 else 1
        if faithful:
            share = max(k, still, rows)
        reads_i = volume / share
    elif flow == WS and case == 0:
        reads_w = volume / still
    elif flow == OS and case == 0:
        moved_o = volume / rows
    if case == 1:
        reads_i = 1.0 if faithful and rules.chip[GB_FLOW] == IS else volume / k
    elif case == 2:
        reads_w = volume / still
    elif case == 3:
        moved_o = volume / rows
    elif case == 4:
        reads_i, reads_w, moved_o = dram[c, 0], dram[c, 1], dram[c, 2]
    return reads_i, reads_w, moved_o


@nb.njit(cache=True)
def chip_bounds(lat, rules, h, chips, near, cost, moved):
    """(bound [cells], bases [cells, 5], counts [cells, 5, 3]) for every tile s where cell h is spread over the chips.

    A base is the least of everything that does not depend on l, with the counts of its case; the bound adds the least
    that l and a can cost. near: `near_row(rough)` for the most PEs.
    """
    cells = lat.size.shape[0]
    bound, bases, counts = np.full(cells, np.inf), np.full((cells, 5), np.inf), np.empty((cells, 5, 3))
    place = np.empty(cells, dtype=np.int64)
    outer = np.full((5, cells), np.inf)
    for cell in range(cells):
        place[cell] = product_cell(lat, cell, h)
        if place[cell] >= 0:
            for case in range(5):
                outer[case, cell] = outer_cost(lat, rules, cell, place[cell], CASES[case], chips, cost, moved)
    if rules.shared:
        least_of_multiples(outer[0], lat, 0, 8)
        least_of_multiples(outer[1], lat, 0, 1)
        least_of_multiples(outer[2], lat, 1, 4)
        least_of_multiples(outer[3], lat, 4, 7)
    p = rules.prices
    left = np.empty(8, dtype=np.int64)
    for s in range(cells):
        if place[s] < 0 or not lat.shared[s] or near[s] == np.inf:
            continue
        e = lat.extent[s]
        for d in range(8):
            left[d] = lat.extent[rules.whole, d] // lat.extent[place[s], d]
        # PEs together hold at least what s spans; of the input only where its windows leave no gaps.
        low_i = lat.tile[s, 0] if rules.chip[STRIDE] <= 1 else e[1] * e[2] * e[3] * e[4] * e[7]
        for case in range(5):
            if outer[case, s] == np.inf or (case < 4 and not rules.shared):
                continue
            reads_i, reads_w, moved_o = _relaxed_counts(lat, rules, s, left, chips, case, moved[0], place[s])
            counts[s, case, 0], counts[s, case, 1], counts[s, case, 2] = reads_i, reads_w, moved_o
            base = rules.fixed + outer[case, s] + shared_side(lat, rules, s, reads_i, reads_w, moved_o, chips)
            bases[s, case] = base
            low = 0.0
            if rules.energy:
                low = low_i * reads_i * p[E_LB] + lat.tile[s, 1] * reads_w * p[E_LB + 1]
                low = (low + lat.tile[s, 2] * moved_o * p[E_LB + 2]) * chips
            bound[s] = min(bound[s], base + near[s] + low)
    return bound, bases, counts
