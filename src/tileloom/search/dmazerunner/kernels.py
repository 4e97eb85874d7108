"""Walks all execution methods of a layer inside the filters, depth first, and keeps the cheapest of each objective.

Factors are chosen for PEs, then registers, then the scratchpad; what remains runs at DRAM level. A branch is left as
soon as no completion of it can pass a filter. What passes is defined by cost/models/dmazerunner/capacity.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.cost.kernels.dmazerunner import BASE_PJ, array_stage, evaluate, footprint
from tileloom.search.dmazerunner.bounds import array_value, choice_bounds, least_traffic, least_value

PES, RF_VALUES, BANKS, BANK_BYTES, VALUE_BYTES, MIN_PE, MIN_RF, MIN_SPM = range(8)
"""Places in `limits`."""


@njit(cache=True, nogil=True)
def _space_fits(limits, low, high):
    pes, most = 1, 1
    for v in range(low.shape[0]):
        pes *= low[v]
        most *= high[v]
    # Sizes are whole where they are compared, so a float holds them exactly.
    if pes > limits[PES]:
        return -1
    return 0 if min(float(most), limits[PES]) / limits[PES] < limits[MIN_PE] else 1


@njit(cache=True, nogil=True)
def _registers_fit(axes, starts, limits, low, high):
    held, most = 0, 0
    for o in range(starts.shape[0] - 1):
        held += footprint(axes, starts[o], starts[o + 1], low)
        most += footprint(axes, starts[o], starts[o + 1], high)
    if held > limits[RF_VALUES]:
        return -1
    return 0 if most / limits[RF_VALUES] < limits[MIN_RF] else 1


@njit(cache=True, nogil=True)
def _scratchpad_fits(axes, starts, limits, low, high):
    held, most, banks = 0.0, 0.0, 0.0
    for o in range(starts.shape[0] - 1):
        size = footprint(axes, starts[o], starts[o + 1], low) * limits[VALUE_BYTES]
        held += size
        banks += np.ceil(size / limits[BANK_BYTES])
        most += footprint(axes, starts[o], starts[o + 1], high) * limits[VALUE_BYTES]
    usable = limits[BANKS] * limits[BANK_BYTES]
    if banks > limits[BANKS] or held > usable:
        return -1
    return 0 if most / usable < limits[MIN_SPM] else 1


@njit(cache=True, nogil=True)
def walk(axes, starts, reductions, output_loops, filters, table_starts, table, numbers, faithful, most_rows,
         divisors, quotient, last, limits, no_feature_dram, no_spatial_reduction, count_only, most_counted,
         goal, known, sizes, lacking, exclusive, dma):  # fmt: skip
    """Every method inside the filters.

    divisors  int64[loops, most]: of each trip count, ascending;  last int64[loops]: number of the trip count itself
    quotient  int64[loops, most, most]: number of divisors[i] / divisors[j], or -1
    Returns (methods, branches left for the bounds, best float64[3], factors int64[3, 4, loops] as DRAM, SPM, RF, SPATIAL, rows int64[3, 2]); stops
    after `most_counted` methods when that is positive.
    goal      -1, or the objective for whose sake branches that cannot be below `known` or the best found are left;
              then the other objectives' bests and the number of methods are of those looked at
    sizes, lacking, exclusive, dma   see bounds.py
    """
    n, m = last.shape[0], starts.shape[0] - 1
    choice = np.full(3 * n, -1, dtype=np.int64)
    left = np.zeros((4, n), dtype=np.int64)
    left[0] = last
    low, high, base = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    space, rf = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    array, whole = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    trips = np.ones(n, dtype=np.int64)
    spm, dram = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    fixed, prices = np.empty(1 + 2 * m, dtype=np.int64), np.empty(3 * m)
    scratch = np.empty((4, most_rows, m), dtype=np.int64)
    best, found, rows = np.full(3, np.inf), np.empty(3), np.zeros((3, 2), dtype=np.int64)
    kept, kept_rows = np.ones((3, 4, n), dtype=np.int64), np.zeros((3, 2), dtype=np.int64)
    energies, cycles, choices = np.zeros(m), np.zeros(m), 0
    extents, macs = np.ones(n, dtype=np.int64), 1.0
    for v in range(n):
        extents[v] = divisors[v, last[v]]
        macs *= extents[v]
    least = least_traffic(sizes, lacking, exclusive, dram, 0)
    limit = known
    methods, left_out = 0, 0
    position = 0
    while position >= 0:
        v, phase = position % n, position // n
        mine = left[phase, v]
        j = choice[position] + 1
        if phase == 2 and no_feature_dram and filters[v]:
            j = mine if choice[position] < mine else mine + 1
        while j <= mine and quotient[v, mine, j] < 0:
            j += 1
        if j > mine or (phase == 0 and no_spatial_reduction and reductions[v] and j > 0):
            choice[position] = -1
            position -= 1
            continue
        choice[position] = j
        left[phase + 1, v] = quotient[v, mine, j]
        for w in range(n):
            if phase == 0 or phase == 1:
                base[w] = 1
            else:
                base[w] = rf[w] * space[w]
            if w <= v:
                low[w] = base[w] * divisors[w, choice[phase * n + w]]
                high[w] = low[w]
            else:
                low[w] = base[w]
                closed = phase == 0 and no_spatial_reduction and reductions[w]
                high[w] = base[w] if closed else base[w] * divisors[w, left[phase, w]]
                if phase == 2 and no_feature_dram and filters[w]:
                    low[w] = high[w]
        if phase == 0:
            fits = _space_fits(limits, low, high)
        elif phase == 1:
            fits = _registers_fit(axes, starts, limits, low, high)
        else:
            fits = _scratchpad_fits(axes, starts, limits, low, high)
        if fits < 0:
            # Larger factors of this loop need more still.
            choice[position] = -1
            position -= 1
            continue
        if fits == 0:
            continue
        if goal >= 0 and phase == 2:
            dram[v] = divisors[v, left[3, v]]
            traffic = least_traffic(sizes, lacking, exclusive, dram, v + 1)
            if least_value(goal, energies, cycles, choices, traffic, dma, numbers) >= limit:
                left_out += 1
                continue
        if v < n - 1:
            position += 1
            continue
        if phase == 0:
            pes = 1.0
            for w in range(n):
                space[w] = divisors[w, choice[w]]
                pes *= space[w]
            if goal >= 0 and array_value(goal, pes, macs, least, dma, numbers) >= limit:
                left_out += 1
                continue
            position += 1
            continue
        if phase == 1:
            for w in range(n):
                rf[w] = divisors[w, choice[n + w]]
                array[w] = rf[w] * space[w]
                trips[w] = extents[w] // array[w]
            if not count_only:
                array_stage(axes, starts, reductions, numbers, rf, space, array, fixed, prices)
            if goal >= 0:
                choices = choice_bounds(lacking, exclusive, fixed, prices, trips, numbers[BASE_PJ],
                                        energies, cycles)  # fmt: skip
                if least_value(goal, energies, cycles, choices, least, dma, numbers) >= limit:
                    left_out += 1
                    continue
            position += 1
            continue
        methods += 1
        if count_only:
            if 0 < most_counted <= methods:
                break
            continue
        for w in range(n):
            spm[w] = divisors[w, choice[2 * n + w]]
            dram[w] = divisors[w, left[3, w]]
            whole[w] = array[w] * spm[w]
        evaluate(axes, starts, reductions, output_loops, table_starts, table, numbers, faithful,
                 dram, spm, whole, fixed, prices, scratch, found, rows)  # fmt: skip
        for g in range(3):
            if found[g] < best[g]:
                best[g] = found[g]
                kept[g, 0] = dram
                kept[g, 1] = spm
                kept[g, 2] = rf
                kept[g, 3] = space
                kept_rows[g] = rows[g]
                if g == goal:
                    limit = min(limit, found[g])
    return methods, left_out, best, kept, kept_rows
