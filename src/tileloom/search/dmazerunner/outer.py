"""Lists the tiles of a layer in the scratchpad that can belong to a better method than the best known one, cheapest bound
first. What is inside such a tile is searched in uneven.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.cost.kernels.dmazerunner import CYCLES, ENERGY, footprint
from tileloom.search.dmazerunner.bounds import merit
from tileloom.search.dmazerunner.floors import group_floor, layer_floor, outer_stage, touched
from tileloom.search.dmazerunner.kernels import BANK_BYTES, BANKS, MIN_SPM, PES, RF_VALUES, VALUE_BYTES


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
def _grown(rows, count):
    """The array with room for one more row than `count`."""
    if count < rows.shape[0]:
        return rows
    wider = np.empty((2 * rows.shape[0], rows.shape[1]), rows.dtype)
    wider[:count] = rows
    return wider


@njit(cache=True, nogil=True)
def register_front(axes, starts, limits, lacking, tiles, counts):
    """What fits in registers, as products over the loops each operand lacks, without those that are nowhere larger than
    another: float64[rows, operands]. A tile in the registers under any tile in the scratchpad is among those of `tiles`."""
    n, m = counts.shape[0], starts.shape[0] - 1
    at, tile, foot = np.full(n, -1, dtype=np.int64), np.ones(n, dtype=np.int64), np.ones(m, dtype=np.int64)
    front, count, position = np.empty((256, m)), 0, 0
    product = np.ones(m)
    while position >= 0:
        at[position] += 1
        if at[position] < counts[position]:
            tile[position] = tiles[position, at[position]]
        if at[position] >= counts[position] or held_values(axes, starts, tile, foot) > limits[RF_VALUES]:
            at[position], tile[position] = -1, 1
            position -= 1
            continue
        if position < n - 1:
            position += 1
            continue
        product[:] = 1.0
        for v in range(n):
            for o in range(m):
                if lacking[o, v]:
                    product[o] *= tile[v]
        kept = 0
        for f in range(count):
            if (front[f] >= product).all():
                kept = -1
                break
        if kept < 0:
            continue
        for f in range(count):
            if not (front[f] <= product).all():
                front[kept] = front[f]
                kept += 1
        front = _grown(front, kept)
        front[kept] = product
        count = kept + 1
    return front[:count]


@njit(cache=True, nogil=True)
def outer_tiles(goal, axes, starts, limits, numbers, lacking, exclusive, tiles, counts, extents, front, limit):
    """(picked int64[rows, loops]: numbers in `tiles`; floors float64[rows]: lower bounds of the objective) of tiles in
    the scratchpad that fit and whose bound is below `limit`."""
    n, m = extents.shape[0], starts.shape[0] - 1
    at, tile = np.full(n, -1, dtype=np.int64), np.ones(n, dtype=np.int64)
    dram, moved = np.ones(n, dtype=np.int64), np.zeros(m, dtype=np.int64)
    own, dram_pj, touch, work = np.ones(m), np.zeros(m), np.ones(m), np.ones((5, m))
    pj, inside = 0.0, 0.0
    if exclusive:
        # Least of all methods, DRAM left out: enough to leave most tiles without a closer look.
        touched(axes, starts, extents, touch)
        pj = group_floor(
            ENERGY, -np.inf, front, extents, lacking, touch, 1.0, own, dram_pj, moved, numbers, limits[PES], work
        )
        inside = group_floor(CYCLES, -np.inf, front, extents, lacking, touch, 1.0, own, dram_pj, moved, numbers, limits[PES],
                             work)  # fmt: skip
    picked, floors, kept, position = np.empty((1024, n), dtype=np.int64), np.empty((1024, 1)), 0, 0
    while position >= 0:
        at[position] += 1
        fits = -1
        if at[position] < counts[position]:
            tile[position] = tiles[position, at[position]]
            fits = scratchpad_fits(axes, starts, limits, tile)
        if fits < 0:
            at[position], tile[position] = -1, 1
            position -= 1
            continue
        if position < n - 1:
            position += 1
            continue
        if fits == 0:
            continue
        trips = outer_stage(axes, starts, numbers, lacking, exclusive, extents, tile, dram, moved, own, dram_pj)
        value = np.inf
        for p in range(m):
            # merit() takes one pJ off for rounding; `pj` lacks one already.
            cycles = layer_floor(exclusive, moved, own, trips, p, inside)
            value = min(value, merit(goal, pj + 1.0 + dram_pj[p], cycles))
        if value >= limit:
            continue
        if exclusive:
            touched(axes, starts, tile, touch)
            value = max(value, group_floor(goal, -np.inf, front, tile, lacking, touch, trips, own, dram_pj, moved, numbers,
                                           limits[PES], work))  # fmt: skip
            if value >= limit:
                continue
        picked, floors = _grown(picked, kept), _grown(floors, kept)
        picked[kept], floors[kept, 0] = at, value
        kept += 1
    return picked[:kept], floors[:kept, 0]
