"""Walks all execution methods of a layer with tiles that need not divide, depth first, cutting branches by bounds.

The shape of the walk is that of kernels.py: factors for PEs, then what the PEs hold, then the rest. Which factors there are
is in chains.py, what bounds hold in bounds.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.cost.kernels.dmazerunner import BASE_PJ, DRAM, NET, SPM, array_stage, evaluate, footprint
from tileloom.search.dmazerunner.bounds import choice_bounds, least_traffic, least_value, merit
from tileloom.search.dmazerunner.kernels import BANK_BYTES, BANKS, MIN_PE, MIN_RF, MIN_SPM, PES, RF_VALUES, VALUE_BYTES


@njit(cache=True, nogil=True)
def prefix_value(goal, extents, space, chosen, widest, limits, pj, dma_cycles):
    """Lower bound of the objective when PEs are shared out to loops 0 .. chosen - 1; widest: most for each other loop."""
    passes, used, rest, others = 1.0, 1.0, 1.0, 1.0
    for v in range(extents.shape[0]):
        if v < chosen:
            passes *= -(-extents[v] // space[v])
            used *= space[v]
        else:
            rest *= extents[v]
            others *= widest[v]
    room = min(others, limits[PES] / used)
    return merit(goal, pj, max(passes * rest / room, dma_cycles))


@njit(cache=True, nogil=True)
def register_value(goal, owns, alone, reductions, foot, extents, space, rf, array, chosen, values, numbers,
                   floor_pj, floor_dma):  # fmt: skip
    """Lower bound of the objective when all PEs and the registers of loops 0 .. chosen - 1 are given out, for layers
    in which at most one operand is reused between scratchpad and PEs (see bounds.py).

    owns   bool[operands, loops]: the loop is the first on an axis, so a tile has at least its extent there
    alone  bool[operands, loops]: the loop is alone on an axis;  foot int64[operands]: values of the tiles chosen so far
    values per PE limit what other loops can hold: each tile grows with its loops
    """
    n, m = extents.shape[0], foot.shape[0]
    network, spread, once = np.ones(m), np.ones(m), np.ones(m)
    compute = 1.0
    for v in range(n):
        given = v < chosen
        if given:
            passes = float(-(-extents[v] // array[v]))
            compute *= passes * rf[v]
        else:
            compute *= -(-extents[v] // space[v])
            filled = 0
            for o in range(m):
                if alone[o, v]:
                    filled += foot[o]
            most = max(1.0, values // filled) if filled > 0 else float(extents[v])
            passes = max(1.0, extents[v] / (space[v] * most))
        for o in range(m):
            receivers = 1 if o == 0 and reductions[v] else space[v]
            if owns[o, v]:
                moved = passes * receivers * rf[v] if given else float(extents[v])
                network[o] *= moved
                once[o] *= moved
                spread[o] *= passes * array[v] if given else float(extents[v])
            else:
                network[o] *= passes * receivers
                once[o] *= receivers
                spread[o] *= passes
    least = np.inf
    for reused in range(m):
        pj, widest = floor_pj + once[reused] * numbers[NET], 0.0
        for o in range(m):
            if o != reused:
                pj += (2 if o == 0 else 1) * (network[o] * numbers[NET] + spread[o] * numbers[SPM])
                widest = max(widest, spread[o])
        cycles = max(compute, widest) if reused == 0 else compute + widest
        least = min(least, merit(goal, pj, max(cycles, floor_dma)))
    return least


@njit(cache=True, nogil=True)
def held_values(axes, starts, tile, foot):
    """Values of a tile of all operands; fills foot, those of each."""
    total = 0
    for o in range(starts.shape[0] - 1):
        foot[o] = footprint(axes, starts[o], starts[o + 1], tile)
        total += foot[o]
    return total


@njit(cache=True, nogil=True)
def scratchpad_fits(axes, starts, limits, tile):
    """-1 when the tile does not fit, 0 when it leaves too much unused, 1 otherwise."""
    held, banks = 0.0, 0.0
    for o in range(starts.shape[0] - 1):
        size = footprint(axes, starts[o], starts[o + 1], tile) * limits[VALUE_BYTES]
        held += size
        banks += np.ceil(size / limits[BANK_BYTES])
    usable = limits[BANKS] * limits[BANK_BYTES]
    if banks > limits[BANKS] or held > usable:
        return -1
    return 0 if held / usable < limits[MIN_SPM] else 1


@njit(cache=True, nogil=True)
def walk_uneven(axes, starts, reductions, output_loops, filters, table_starts, table, numbers, most_rows,
                extents, loops, spaces, arrays, outer, limits, no_feature_dram, no_spatial_reduction,
                goal, known, sizes, lacking, exclusive, dma, owns, alone, most_steps):  # fmt: skip
    """The least value of an objective below `known`.

    loops, spaces, arrays, outer   see ChainTables;  goal, sizes, lacking, exclusive, dma   see kernels.walk
    owns, alone   see register_value
    Returns (whether all was walked in most_steps steps, least the whole space can have, methods costed, branches left,
    value, factors int64[4, loops] as DRAM, SPM, RF, SPATIAL, rows int64[2]).
    """
    n, m = extents.shape[0], starts.shape[0] - 1
    row = np.full(3 * n, -1, dtype=np.int64)
    at_space, at_array = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    space, rf = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    array, whole = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    spm, dram = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    passes, widest = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    low, foot = np.ones(n, dtype=np.int64), np.ones(m, dtype=np.int64)
    fixed, prices = np.empty(1 + 2 * m, dtype=np.int64), np.empty(3 * m)
    scratch = np.empty((4, most_rows, m), dtype=np.int64)
    found, rows = np.empty(3), np.zeros((3, 2), dtype=np.int64)
    kept, kept_rows = np.ones((4, n), dtype=np.int64), np.zeros(2, dtype=np.int64)
    energies, cycles, choices = np.zeros(m), np.zeros(m), 0
    for v in range(n):
        last = loops[v + 1] - 1
        widest[v] = 1 if no_spatial_reduction and reductions[v] else spaces[last, 0]
    least = least_traffic(sizes, lacking, exclusive, dram, 0)
    floor_pj, floor_dma = numbers[BASE_PJ] + least * numbers[DRAM], least * dma
    limit, methods, left_out, position = known, 0, 0, 0
    floor = prefix_value(goal, extents, space, 0, widest, limits, floor_pj, floor_dma)
    steps = 0
    while position >= 0:
        steps += 1
        if steps > most_steps:
            break
        v, phase = position % n, position // n
        if phase == 0:
            first, end = loops[v], loops[v + 1]
        elif phase == 1:
            first, end = spaces[at_space[v], 1], spaces[at_space[v] + 1, 1]
        else:
            first, end = arrays[at_array[v], 2], arrays[at_array[v] + 1, 2]
        here = first if row[position] < 0 else row[position] + 1
        if here >= end:
            row[position] = -1
            position -= 1
            continue
        row[position] = here
        if phase == 0:
            space[v] = spaces[here, 0]
            at_space[v] = here
            used = 1
            for w in range(v + 1):
                used *= space[w]
            if used > limits[PES] or (space[v] > 1 and no_spatial_reduction and reductions[v]):
                row[position] = -1
                position -= 1
                continue
            if prefix_value(goal, extents, space, v + 1, widest, limits, floor_pj, floor_dma) >= limit:
                left_out += 1
                continue
            if v == n - 1:
                if used / limits[PES] < limits[MIN_PE]:
                    continue
                foot[:] = 1
                if exclusive and register_value(goal, owns, alone, reductions, foot, extents, space, rf, array, 0,
                                                limits[RF_VALUES], numbers, floor_pj, floor_dma) >= limit:  # fmt: skip
                    left_out += 1
                    continue
            position += 1
            continue
        if phase == 1:
            rf[v], array[v] = arrays[here, 0], arrays[here, 1]
            at_array[v] = here
            for w in range(n):
                low[w] = rf[w] if w <= v else 1
            values = held_values(axes, starts, low, foot)
            if values > limits[RF_VALUES]:
                row[position] = -1
                position -= 1
                continue
            if v < n - 1:
                if exclusive and register_value(goal, owns, alone, reductions, foot, extents, space, rf, array, v + 1,
                                                limits[RF_VALUES], numbers, floor_pj, floor_dma) >= limit:  # fmt: skip
                    left_out += 1
                    continue
                position += 1
                continue
            if values / limits[RF_VALUES] < limits[MIN_RF] or scratchpad_fits(axes, starts, limits, array) < 0:
                continue
            for w in range(n):
                passes[w] = -(-extents[w] // array[w])
            array_stage(axes, starts, reductions, numbers, rf, space, array, fixed, prices)
            choices = choice_bounds(lacking, exclusive, fixed, prices, passes, numbers[BASE_PJ], energies, cycles)
            if least_value(goal, energies, cycles, choices, least, dma, numbers) >= limit:
                left_out += 1
                continue
            position += 1
            continue
        spm[v], whole[v], dram[v] = outer[here, 0], outer[here, 1], outer[here, 2]
        if no_feature_dram and filters[v] and dram[v] > 1:
            continue
        for w in range(n):
            low[w] = whole[w] if w <= v else array[w]
        fits = scratchpad_fits(axes, starts, limits, low)
        if fits < 0:
            row[position] = -1
            position -= 1
            continue
        traffic = least_traffic(sizes, lacking, exclusive, dram, v + 1)
        if least_value(goal, energies, cycles, choices, traffic, dma, numbers) >= limit:
            left_out += 1
            continue
        if v < n - 1:
            position += 1
            continue
        if fits == 0:
            continue
        methods += 1
        evaluate(axes, starts, reductions, output_loops, table_starts, table, numbers, False,
                 dram, spm, whole, fixed, prices, scratch, found, rows)  # fmt: skip
        if found[goal] < limit:
            limit = found[goal]
            kept[0], kept[1], kept[2], kept[3] = dram, spm, rf, space
            kept_rows[:] = rows[goal]
    return steps <= most_steps, floor, methods, left_out, limit, kept, kept_rows
