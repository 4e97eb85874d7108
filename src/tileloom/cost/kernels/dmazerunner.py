"""dMazeRunner's analytical model for one method at a time, compiled, with all its reuse-distinct pairs of orders inside.

Stages follow what changes how often: `array_stage` for factors in the PEs, `dram_stage` and `pair_stage` for the rest.
What is computed is defined by cost/models/dmazerunner/reference.py; arrays are made in dmazerunner_arrays.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RF, NET, SPM, DRAM, MAC, INIT, PER_BYTE, SIZE, RATIO, BASE_PJ = range(10)
"""Places in `numbers`; BASE_PJ is what MACs and their register accesses cost in all."""
ENERGY, CYCLES, EDP = 0, 1, 2


@njit(cache=True, nogil=True, inline="always")
def footprint(axes, begin, end, tile):
    """Values of a tile; axes int64[axes, (loop, coefficient, second loop or -1, coefficient, declared, realised)]."""
    values = 1
    for a in range(begin, end):
        extent = 1 + axes[a, 1] * (tile[axes[a, 0]] - 1)
        if axes[a, 2] >= 0:
            extent += axes[a, 3] * (tile[axes[a, 2]] - 1)
        values *= extent
    return values


@njit(cache=True, nogil=True)
def array_stage(axes, starts, reductions, numbers, rf, space, array, fixed, prices):
    """Fills fixed int64[1 + 2 operands] (compute cycles, distribution, reduction) and prices float64[3 operands]
    (network, scratchpad, reduction in pJ) from the factors in the PEs; array: the tile in all of them."""
    n, m = rf.shape[0], starts.shape[0] - 1
    compute, groups, adders = 1, 1, 1
    for v in range(n):
        compute *= rf[v]
        if reductions[v]:
            adders *= space[v]
        else:
            groups *= space[v]
    fixed[0] = compute
    for o in range(m):
        held = footprint(axes, starts[o], starts[o + 1], rf)
        spread = footprint(axes, starts[o], starts[o + 1], array)
        fixed[1 + o] = spread
        fixed[1 + m + o] = held * (adders - 1) * groups if o == 0 else 0
        receivers = groups if o == 0 else groups * adders
        prices[o] = held * receivers * numbers[NET]
        prices[m + o] = spread * numbers[SPM]
        prices[2 * m + o] = fixed[1 + m + o] * (3 * numbers[RF] + numbers[NET] + numbers[MAC])


@njit(cache=True, nogil=True)
def dma_stage(axes, starts, numbers, faithful, whole, moved, dma_pj):
    """Fills moved int64[operands] (DMA cycles of a tile) and dma_pj float64[operands]. Axes are innermost first."""
    for o in range(starts.shape[0] - 1):
        last, stride = 0, 1
        if faithful:
            for a in range(starts[o], starts[o + 1]):
                last += (_extent(axes, a, whole) - 1) * stride
                stride *= axes[a, 5]
        values, count, open_run = 1, 1, True
        for a in range(starts[o], starts[o + 1]):
            declared = axes[a, 4]
            if faithful:
                extent = last % declared + 1
                last //= declared
            else:
                extent = _extent(axes, a, whole)
            if open_run:
                values *= extent
                open_run = extent == declared
            else:
                count *= extent
        cycles = numbers[INIT] + numbers[PER_BYTE] * values * numbers[SIZE]
        moved[o] = count * np.int64(np.ceil(cycles * numbers[RATIO]))
        dma_pj[o] = count * values * numbers[DRAM]


@njit(cache=True, nogil=True, inline="always")
def _extent(axes, a, tile):
    extent = 1 + axes[a, 1] * (tile[axes[a, 0]] - 1)
    if axes[a, 2] >= 0:
        extent += axes[a, 3] * (tile[axes[a, 2]] - 1)
    return extent


@njit(cache=True, nogil=True)
def reuse_vectors(table_starts, table, factors, vectors, rows):
    """Distinct reuse vectors of a level: fills vectors int64[most, operands] and rows (their rows in `table`).

    table  int64[rows, 1 + operands]: number of the order, and per operand the loops it reuses over, as bits; grouped by
           which loops have a factor above one
    """
    n, m = factors.shape[0], table.shape[1] - 1
    mask = 0
    for v in range(n):
        if factors[v] > 1:
            mask |= 1 << v
    found = 0
    for row in range(table_starts[mask], table_starts[mask + 1]):
        for o in range(m):
            product = 1
            bits = table[row, 1 + o]
            v = 0
            while bits:
                if bits & 1:
                    product *= factors[v]
                bits >>= 1
                v += 1
            vectors[found, o] = product
        new = True
        for k in range(found):
            same = True
            for o in range(m):
                if vectors[k, o] != vectors[found, o]:
                    same = False
                    break
            if same:
                new = False
                break
        if new:
            rows[found] = row
            found += 1
    return found


@njit(cache=True, nogil=True)
def dram_stage(vector, moved, dma_pj, dram_trips, output_tiles, faithful, own, waiting):
    """Fills own, waiting int64[operands] (DMA cycles per key of reuse); returns what waits in every pass, and pJ."""
    m = vector.shape[0]
    for o in range(m):
        own[o] = 0
        waiting[o] = 0
        for p in range(m):
            if vector[p] == vector[o]:
                own[o] += moved[p] * (2 if p == 0 and vector[0] == 1 else 1)
    running, key, first = 0, 0, 0
    while True:
        above = 0
        for o in range(m):
            if vector[o] > key and (above == 0 or vector[o] < above):
                above = vector[o]
        if above == 0:
            break
        key = above
        mine, total = 0, 0
        for o in range(m):
            if vector[o] == key:
                mine = own[o]
                total = mine + running
                waiting[o] = total
        # The original adds sums that hold the shorter keys already.
        running += total if faithful else mine
        if key == 1:
            first = total
    pj = 0.0
    for o in range(m):
        tiles = dram_trips / vector[o]
        if o == 0 and vector[0] != dram_trips:
            tiles += (dram_trips / (output_tiles * vector[0]) - 1) * output_tiles
        pj += dma_pj[o] * tiles
    return first, pj


@njit(cache=True, nogil=True)
def inside_stage(fixed, spm_vector, skip, spm_trips):
    """Cycles of one SPM pass, and the distribution cycles that every RF pass has."""
    m = skip.shape[0]
    compute = fixed[0]
    stalls_first = skip[0] == 1 and spm_vector[0] == 1
    reached, cycles = compute, compute * spm_trips
    if stalls_first:
        reached, cycles = 0, 0
    key, first = 0, 0
    while True:
        above = 0
        for o in range(m):
            if skip[o] == 1 and spm_vector[o] > key and (above == 0 or spm_vector[o] < above):
                above = spm_vector[o]
        if above == 0:
            break
        key = above
        comm = 0
        for o in range(m):
            if skip[o] == 1 and spm_vector[o] == key and fixed[1 + o] > comm:
                comm = fixed[1 + o]
        if key == 1:
            first = comm
        times = spm_trips // key
        if comm > reached:
            cycles += (comm - reached) * times
            reached = comm
        if skip[0] == 1 and spm_vector[0] == key:
            cycles += (compute + fixed[1 + m]) * times
    return cycles, first


@njit(cache=True, nogil=True)
def pair_stage(fixed, prices, vector, spm_vector, skip, own, waiting, first_wait, dram_pj, trips, inside, first_comm,
               faithful, base_pj):  # fmt: skip
    """(energy in pJ, rounded; cycles) under one pair of reuse vectors; trips = (DRAM, SPM)."""
    m = vector.shape[0]
    base = max(first_wait, inside)
    cycles = base * trips[0]
    pass_pj, level_pj = 0.0, dram_pj
    for o in range(m):
        k = vector[o]
        ways = 2 if o == 0 else 1
        price = prices[o] + prices[m + o]
        if skip[o] == 1:
            pass_pj += (ways * price + prices[2 * m + o]) * (trips[1] / spm_vector[o])
        else:
            level_pj += (price + prices[2 * m + o]) * (trips[0] / skip[o])
        if k == 1:
            continue
        over = _over(fixed, own, waiting, skip, o, inside, first_comm, base) * (trips[0] // k)
        if not faithful:
            # Operands of one key share their overhead: the first of them brings the largest.
            seen = False
            for p in range(m):
                if vector[p] == k and p < o:
                    seen = True
                if vector[p] == k and p > o:
                    other = _over(fixed, own, waiting, skip, p, inside, first_comm, base) * (trips[0] // k)
                    over = max(over, other)
            if seen:
                over = 0
        cycles += over
    return np.rint(base_pj + pass_pj * trips[0] + level_pj), cycles


@njit(cache=True, nogil=True, inline="always")
def _over(fixed, own, waiting, skip, o, inside, first_comm, base):
    load, store = inside, inside
    if skip[o] > 1:
        store += max(0, fixed[1 + o] - first_comm)
        if o == 0:
            load += fixed[0] + fixed[1 + skip.shape[0]]
    short = waiting[o] if o == 0 else waiting[o] - own[o]
    return max(0, max(waiting[o], load) - base) + max(0, max(short, store) - base)


@njit(cache=True, nogil=True)
def evaluate(axes, starts, reductions, output_loops, table_starts, table, numbers, faithful,
             dram, spm, whole, fixed, prices, scratch, best, best_rows):  # fmt: skip
    """Least energy, cycles and EDP of one method, each over all pairs of orders: best float64[3], best_rows
    int64[3, (DRAM, SPM)] in `table`. whole: the tile in the scratchpad. `fixed` and `prices` come from array_stage; scratch int64[4, most, operands]."""
    n, m = dram.shape[0], starts.shape[0] - 1
    dram_trips, spm_trips, tiles = 1, 1, 1
    for v in range(n):
        dram_trips *= dram[v]
        spm_trips *= spm[v]
        if output_loops[v]:
            tiles *= dram[v]
    moved, dma_pj = np.empty(m, dtype=np.int64), np.empty(m)
    dma_stage(axes, starts, numbers, faithful, whole, moved, dma_pj)
    rows = np.empty((2, scratch.shape[1]), dtype=np.int64)
    n_dram = reuse_vectors(table_starts, table, dram, scratch[0], rows[0])
    n_spm = reuse_vectors(table_starts, table, spm, scratch[1], rows[1])
    firsts, pjs = np.empty(n_dram, dtype=np.int64), np.empty(n_dram)
    for d in range(n_dram):
        firsts[d], pjs[d] = dram_stage(
            scratch[0, d], moved, dma_pj, dram_trips, tiles, faithful, scratch[2, d], scratch[3, d]
        )
    best[:] = np.inf
    skip, plain = np.ones(m, dtype=np.int64), np.ones(m, dtype=np.int64)
    trips = (dram_trips, spm_trips)
    for s in range(n_spm):
        inside, first = inside_stage(fixed, scratch[1, s], plain, spm_trips)
        for d in range(n_dram):
            stays = False
            for o in range(m):
                skip[o] = 1
                if scratch[1, s, o] == spm_trips and scratch[0, d, o] > 1:
                    skip[o] = scratch[0, d, o]
                    stays = True
            within, comm = inside, first
            if stays:
                within, comm = inside_stage(fixed, scratch[1, s], skip, spm_trips)
            energy, cycles = pair_stage(
                fixed, prices, scratch[0, d], scratch[1, s], skip, scratch[2, d], scratch[3, d], firsts[d], pjs[d],
                trips, within, comm, faithful, numbers[BASE_PJ],
            )  # fmt: skip
            for goal in range(3):
                value = energy if goal == ENERGY else (float(cycles) if goal == CYCLES else energy * cycles)
                if value < best[goal]:
                    best[goal] = value
                    best_rows[goal, 0] = rows[0, d]
                    best_rows[goal, 1] = rows[1, s]
