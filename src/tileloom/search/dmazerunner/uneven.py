"""Searches execution methods of a layer with tiles that need not divide: for each tile in the scratchpad that outer.py
lists, what registers hold, then which PEs share it, cutting branches by the bounds of floors.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.cost.kernels.dmazerunner import EDP, ENERGY, array_stage, evaluate
from tileloom.search.dmazerunner.floors import (
    group_floor,
    leaf_floor,
    most_cycles,
    outer_stage,
    register_floor,
    too_slow,
    touched,
)
from tileloom.search.dmazerunner.kernels import MIN_PE, MIN_RF, PES, RF_VALUES
from tileloom.search.dmazerunner.outer import held_values


@njit(cache=True, nogil=True)
def walk_uneven(axes, starts, reductions, output_loops, table_starts, table, numbers, most_rows, limits, lacking, exclusive,
                tiles, first_holds, holds, rows, cuts, extents, front, picked, floors, order, goal, known, most_steps):  # fmt: skip
    """The least value of an objective below `known`.

    tiles, first_holds, holds, rows, cuts   see ChainTables (first_holds: its `starts`)
    front                                   see register_front
    picked, floors, order                   tiles in the scratchpad, their bounds, and by ascending bound
    Returns (least the rest can have if most_steps were not enough, otherwise infinity; methods costed; branches left;
    value; factors int64[4, loops] as DRAM, SPM, RF, SPATIAL; rows int64[2]).
    """
    n, m = extents.shape[0], starts.shape[0] - 1
    row, hold = np.full(2 * n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    whole, array = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    dram, spm = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    rf, space, low = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    moved, foot = np.zeros(m, dtype=np.int64), np.ones(m, dtype=np.int64)
    own, dram_pj, touch, work = np.ones(m), np.zeros(m), np.ones(m), np.ones((6, m))
    fixed, prices = np.empty(1 + 2 * m, dtype=np.int64), np.empty(3 * m)
    scratch = np.empty((4, most_rows, m), dtype=np.int64)
    found, found_rows = np.empty(3), np.zeros((3, 2), dtype=np.int64)
    kept, kept_rows = np.ones((4, n), dtype=np.int64), np.zeros(2, dtype=np.int64)
    limit, methods, left_out, steps = known, 0, 0, 0
    quick = exclusive and m == 3
    turn, rank = np.argsort(-extents, kind="mergesort"), np.zeros(n, dtype=np.int64)
    group, shares, loads = np.full(n, m, dtype=np.int64), np.ones(n), np.ones(m + 1)
    for place in range(n):
        rank[turn[place]] = place
        for o in range(m):
            if lacking[o, place]:
                group[place] = o
    for number in order:
        if floors[number] >= limit:
            break
        for v in range(n):
            whole[v] = tiles[v, picked[number, v]]
            hold[v] = first_holds[v] + picked[number, v]
        trips = outer_stage(axes, starts, numbers, lacking, exclusive, extents, whole, dram, moved, own, dram_pj)
        touched(axes, starts, whole, touch)
        most = np.inf
        if quick:
            pj = group_floor(ENERGY, -np.inf, front, whole, lacking, touch, trips, own, dram_pj, moved, numbers, limits[PES],
                             work) if goal == EDP else 0.0  # fmt: skip
            most = most_cycles(goal, limit, pj, exclusive, moved, own, trips)
        position = 0
        while position >= 0:
            steps += 1
            if steps > most_steps:
                return floors[number], methods, left_out, limit, kept, kept_rows
            sharing = position >= n
            v = turn[position - n] if sharing else position
            if sharing:
                first, end = rows[row[v], 1], rows[row[v] + 1, 1]
            else:
                first, end = holds[hold[v]], holds[hold[v] + 1]
            here = first if row[position] < 0 else row[position] + 1
            over, used, values = here >= end, 1, 0
            if not over:
                row[position] = here
                if sharing:
                    space[v], array[v], spm[v] = cuts[here, 0], cuts[here, 1], cuts[here, 2]
                    for place in range(position - n + 1):
                        used *= space[turn[place]]
                    over = used > limits[PES]
                else:
                    rf[v] = rows[here, 0]
                    shares[v] = whole[v] / rf[v]
                    for w in range(n):
                        low[w] = rf[w] if w <= v else 1
                    values = held_values(axes, starts, low, foot)
                    over = values > limits[RF_VALUES]
            if over:
                row[position] = -1
                position -= 1
                continue
            if not sharing:
                if v < n - 1:
                    position += 1
                    continue
                if values / limits[RF_VALUES] < limits[MIN_RF]:
                    continue
            chosen = position - n + 1 if sharing else 0
            # Where a loop has one cut only, nothing new is known.
            if end - first > 1 or chosen == 0 or chosen == n:
                if quick and too_slow(
                    most, chosen, turn, whole, shares, rf, space, spm, group, touch, loads, limits[PES]
                ):
                    left_out += 1
                    continue
                if register_floor(goal, limit, chosen, rank, whole, rf, space, spm, lacking, exclusive, foot, touch, trips,
                                  own, dram_pj, moved, numbers, limits[PES], work) >= limit:  # fmt: skip
                    left_out += 1
                    continue
            if chosen < n:
                position += 1
                continue
            if used / limits[PES] < limits[MIN_PE]:
                continue
            array_stage(axes, starts, reductions, numbers, rf, space, array, fixed, prices)
            if exclusive and leaf_floor(goal, limit, lacking, fixed, prices, spm, trips, own, dram_pj, moved,
                                        numbers) >= limit:  # fmt: skip
                left_out += 1
                continue
            methods += 1
            evaluate(axes, starts, reductions, output_loops, table_starts, table, numbers, False,
                     dram, spm, whole, fixed, prices, scratch, found, found_rows)  # fmt: skip
            if found[goal] < limit:
                limit = found[goal]
                kept[0], kept[1], kept[2], kept[3] = dram, spm, rf, space
                kept_rows[:] = found_rows[goal]
    return np.inf, methods, left_out, limit, kept, kept_rows
