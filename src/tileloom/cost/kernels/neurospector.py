"""NeuroSpector's cost of one scheduling table over arrays: tiles, counts, validity, energies and cycles, compiled.

The meaning of every position is in cost/models/neurospector/machine.py; the slow twin is reference.py beside it.
Numbers are added left to right in the type of `prices` (float32 in faithful mode: ties of the search depend on it).
"""

from __future__ import annotations

import numba as nb
import numpy as np

MASK = 0xFFFFFFFF

# Positions in `chip` (int64).
MAC_X, MAC_Y, PE_X, PE_Y, CHIP_X, CHIP_Y, HAS_GB, LB_KIND, LB_CAP = 0, 1, 2, 3, 4, 5, 6, 7, 8
GB_KIND, GB_CAP, LB_BYPASS, GB_BYPASS, LB_FLOW, GB_FLOW, STRIDE, FAITHFUL = 11, 12, 15, 16, 17, 18, 19, 20
ALLOWED, FIXED, DECIDED, CHIP_SIZE = 21, 27, 51, 52
IS, WS, OS = 1, 2, 3

# Positions in `prices` (float32 or float64).
E_MAC, P_MAC, CLOCK, E_LB, E_GB, E_DRAM, P_LB, P_GB, P_DRAM = 0, 1, 2, 3, 6, 9, 12, 13, 14
U_LB, U_GB, U_DRAM, W_LB, W_GB, W_DRAM, PRICES_SIZE = 15, 18, 21, 24, 25, 26, 27

# Positions in `counts` (int64): three types each, then counts of four (input, weight, output read, output write).
ALLOC, SEND, COUNT, COUNTS_SIZE = 0, 9, 18, 30

# Positions in `out` (type of `prices`).
MAC_E, LB_UP, LB_LOW, GB_UP, GB_LOW, DRAM_E, MAC_S, LB_S, GB_S, DRAM_S = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
MAC_C, LB_C, GB_C, DRAM_C, CYCLES, DYNAMIC, STATIC, ENERGY, OUT_SIZE = 10, 11, 12, 13, 14, 15, 16, 17, 18


@nb.njit(cache=True)
def _tiles(c, stride, where, into):
    """Elements of input, weight and output of the tile with extents c[8], written to into[where:where + 3]."""
    into[where] = c[1] * c[4] * c[7] * ((c[2] - 1) * stride + c[5]) * ((c[3] - 1) * stride + c[6])
    into[where + 1] = c[0] * c[4] * c[5] * c[6] * c[7]
    into[where + 2] = c[0] * c[1] * c[2] * c[3] * c[7]


@nb.njit(cache=True)
def count_tiles(m, chip, counts):
    """counts[ALLOC:SEND + 9] of the table m[10, 8]: tiles that LB, GB and DRAM hold, and that they send inwards."""
    c = np.ones(8, dtype=np.int64)
    stride = chip[STRIDE]
    for r in range(10):
        for d in range(8):
            c[d] *= m[r, d]
        if r == 2:
            _tiles(c, stride, SEND, counts)
        elif r == 3:
            _tiles(c, stride, ALLOC, counts)
        elif r == 5:
            _tiles(c, stride, SEND + 3, counts)
        elif r == 6:
            _tiles(c, stride, ALLOC + 3, counts)
        elif r == 8:
            _tiles(c, stride, SEND + 6, counts)
        elif r == 9:
            _tiles(c, stride, ALLOC + 6, counts)
    if chip[FAITHFUL]:
        for i in range(COUNT):
            counts[i] &= MASK


@nb.njit(cache=True)
def irrelevant(m, r, flow, faithful):
    """Product of row r's loops that do not move the stationary type; in faithful mode with the input's quirk."""
    if flow == IS:
        if m[r, 0] == 1 and faithful:
            return max(m[r, 1] * m[r, 2] * m[r, 3], m[r, 4] * m[r, 5] * m[r, 6])
        return m[r, 0]
    if flow == WS:
        return m[r, 1] * m[r, 2] * m[r, 3]
    if flow == OS:
        return m[r, 4] * m[r, 5] * m[r, 6]
    return 1


@nb.njit(cache=True)
def _level_counts(m, n, below, flow, faithful, counts, at):
    """A of one buffer (input, weight, output read, output write) at row n; `below` is the row of the buffer below it."""
    volume = 1
    kept = 1
    reduced = 1
    for r in range(n, 10, 3):
        for d in range(8):
            volume *= m[r, d]
        kept *= m[r, 7] * m[r, 0] * m[r, 1] * m[r, 2] * m[r, 3]
        if flow != OS or r >= below:
            reduced *= m[r, 4] * m[r, 5] * m[r, 6]
    reads = kept * (reduced - 1)
    if flow == OS and n == 9:
        reads = 0
    if faithful:
        volume &= MASK
        reads &= MASK
    share = irrelevant(m, n, flow, faithful)
    counts[at] = volume // share if flow == IS else volume
    counts[at + 1] = volume // share if flow == WS else volume
    counts[at + 2] = reads
    counts[at + 3] = volume // share if flow == OS else volume


@nb.njit(cache=True)
def count_accesses(m, chip, counts):
    """counts[COUNT:] from the table and the tiles."""
    faithful = chip[FAITHFUL] != 0
    _level_counts(m, 3, 6, 0, faithful, counts, COUNT)
    _level_counts(m, 6, 9, chip[LB_FLOW], faithful, counts, COUNT + 4)
    _level_counts(m, 9, 9, chip[GB_FLOW], faithful, counts, COUNT + 8)
    dram = COUNT + 8
    for t in range(2):
        if counts[ALLOC + 6 + t] == counts[SEND + 6 + t]:
            counts[dram + t] = 1
    if counts[ALLOC + 8] == counts[SEND + 8]:
        counts[dram + 2] = 0
        counts[dram + 3] = 1
    gb = COUNT + 4
    for t in range(3):
        if counts[ALLOC + 3 + t] == counts[SEND + 3 + t]:
            counts[gb + t] = counts[dram + t]
            if t == 2:
                counts[gb + 3] = counts[dram + 3]
    for t in range(3):
        if (
            chip[GB_BYPASS] >> t & 1
            and counts[ALLOC + 6 + t] == counts[SEND + 6 + t]
            and counts[ALLOC + 3 + t] != counts[SEND + 3 + t]
        ):
            if t == 0:
                share = irrelevant(m, 9, IS, faithful)
                counts[dram + (3 if faithful else 0)] *= share
            elif t == 1:
                counts[dram + 1] *= irrelevant(m, 9, WS, faithful)
            else:
                counts[dram + 2] = irrelevant(m, 9, OS, faithful) - 1
                counts[dram + 3] *= irrelevant(m, 9, OS, faithful)
            if faithful:
                break


@nb.njit(cache=True)
def row_product(m, r):
    product = 1
    for d in range(8):
        product *= m[r, d]
    return product


@nb.njit(cache=True)
def _axis_fits(m, r, size, allowed):
    """Whether row r lies on an axis of this size; `allowed` = bits of the dims that may lie there, 0 = any."""
    product = 1
    for d in range(8):
        product *= m[r, d]
        if allowed and m[r, d] > 1 and not allowed >> d & 1:
            return False
    return product <= size


@nb.njit(cache=True)
def _held(counts, at, kind, cap, bypass):
    """Whether the tiles counts[at:at + 3] fit: kind 0 shared, 1 one part each, 2 shared and a private part."""
    total = 0
    private = True
    for t in range(3):
        size = counts[at + t]
        if bypass >> t & 1:
            if kind == 2 and private:
                private = False
                if size > cap[1]:
                    return False
            continue
        if kind == 1 and size > cap[t]:
            return False
        total += size
    return kind == 1 or total <= cap[0]


@nb.njit(cache=True)
def buffers_hold(counts, chip):
    """Whether the tiles of LB and GB fit."""
    if not _held(counts, ALLOC, chip[LB_KIND], chip[LB_CAP : LB_CAP + 3], chip[LB_BYPASS]):
        return False
    return chip[HAS_GB] == 0 or _held(counts, ALLOC + 3, chip[GB_KIND], chip[GB_CAP : GB_CAP + 3], chip[GB_BYPASS])


@nb.njit(cache=True)
def is_valid(m, chip, counts):
    """Whether the table (with its tiles already counted) keeps every rule; `FAULTS` names the first broken one in reference.py."""
    if row_product(m, 0) != 1:
        return False
    for a in range(6):
        total = chip[a - a % 2] * chip[a - a % 2 + 1]
        row = a + 1 if a < 2 else a + 2 if a < 4 else a + 3
        if total > 1:
            if not _axis_fits(m, row, chip[a], chip[ALLOWED + a]):
                return False
        elif not chip[FAITHFUL] and row_product(m, row) != 1:
            return False
    if not buffers_hold(counts, chip):
        return False
    for b in range(3):
        if chip[DECIDED] >> b & 1:
            for d in range(8):
                wanted = chip[FIXED + 8 * b + d]
                if wanted and m[3 + 3 * b, d] != wanted:
                    return False
    return True


@nb.njit(cache=True)
def units(m, chip, axis):
    """Active copies of the array whose X axis is at chip[axis]."""
    if chip[axis] * chip[axis + 1] == 1:
        return 1
    row = axis + 1 if axis < 2 else axis + 2 if axis < 4 else axis + 3
    return row_product(m, row) * row_product(m, row + 1)


@nb.njit(cache=True)
def _energy(counts, tile, at, prices, e, faithful):
    """sum over types of tile elements * count * price, left to right."""
    number = prices.dtype.type
    total = number(0)
    for t in range(3):
        count = counts[at + t]
        if t == 2:
            count = counts[at + 2] + counts[at + 3]
        moved = counts[tile + t] * count
        if faithful:
            moved &= MASK
        total += number(moved) * prices[e + t]
    return total


@nb.njit(cache=True)
def _busy(counts, tile, at, prices, u, w, per_tile, largest, faithful):
    """Cycles of one buffer: sum or largest of its types; `per_tile` rounds each tile up, otherwise the total once."""
    number = prices.dtype.type
    total = number(0)
    for t in range(3):
        count = counts[at + t]
        if t == 2:
            count = counts[at + 2] + counts[at + 3]
        size = counts[tile + t]
        if per_tile:
            time = np.ceil(number(size) / prices[w]) * number(count) * prices[u + t]
        else:
            moved = size * count
            if faithful:
                moved &= MASK
            time = np.ceil(number(moved) / prices[w]) * prices[u + t]
        if largest:
            total = max(total, time)
        else:
            total += time
    return total


@nb.njit(cache=True)
def price(m, chip, prices, counts, out):
    """out[OUT_SIZE] from the counts: energies in pJ, cycles, and their sums."""
    number = prices.dtype.type
    faithful = chip[FAITHFUL] != 0
    macs = number(1)
    for d in range(8):
        extent = 1
        for r in range(10):
            extent *= m[r, d]
        macs *= number(extent)
    n_mac, n_pe, n_chip = units(m, chip, MAC_X), units(m, chip, PE_X), units(m, chip, CHIP_X)
    has_gb = chip[HAS_GB] != 0
    lb, gb, dram = COUNT, COUNT + 4, COUNT + 8
    out[MAC_C] = macs / number(n_mac * n_pe * n_chip)
    out[LB_C] = _busy(counts, SEND, lb, prices, U_LB, W_LB, True, chip[LB_KIND] == 1, faithful)
    out[GB_C] = number(0)
    if has_gb:
        out[GB_C] = _busy(counts, SEND + 3, gb, prices, U_GB, W_GB, False, chip[GB_KIND] == 1, faithful)
    out[DRAM_C] = _busy(counts, SEND + 6, dram, prices, U_DRAM, W_DRAM, False, False, faithful)
    out[CYCLES] = out[MAC_C] + out[LB_C] + out[GB_C] + out[DRAM_C]
    out[MAC_E] = macs * prices[E_MAC]
    out[LB_UP] = _energy(counts, SEND, lb, prices, E_LB, faithful) * number(n_pe * n_chip)
    out[LB_LOW] = _energy(counts, ALLOC, gb, prices, E_LB, faithful) * number(n_pe * n_chip)
    out[GB_UP] = number(0)
    out[GB_LOW] = number(0)
    if has_gb:
        out[GB_UP] = _energy(counts, SEND + 3, gb, prices, E_GB, faithful) * number(n_chip)
        out[GB_LOW] = _energy(counts, ALLOC + 3, dram, prices, E_GB, faithful) * number(n_chip)
    out[DRAM_E] = _energy(counts, SEND + 6, dram, prices, E_DRAM, faithful)
    cycles = out[CYCLES]
    every = chip[MAC_X] * chip[MAC_Y] * chip[PE_X] * chip[PE_Y] * chip[CHIP_X] * chip[CHIP_Y]
    clock = prices[CLOCK]
    out[MAC_S] = prices[P_MAC] * clock * number(every) * cycles
    chips_lb = prices[P_LB] * clock * number(chip[PE_X]) * number(chip[PE_Y])
    out[LB_S] = chips_lb * number(chip[CHIP_X]) * number(chip[CHIP_Y]) * cycles
    out[GB_S] = prices[P_GB] * clock * number(chip[CHIP_X]) * number(chip[CHIP_Y]) * cycles
    out[DRAM_S] = prices[P_DRAM] * clock * cycles
    out[DYNAMIC] = out[MAC_E] + (out[LB_UP] + out[LB_LOW]) + (out[GB_UP] + out[GB_LOW]) + out[DRAM_E]
    out[STATIC] = out[MAC_S] + out[LB_S] + out[GB_S] + out[DRAM_S]
    out[ENERGY] = out[DYNAMIC] + out[STATIC]


@nb.njit(cache=True)
def evaluate(m, chip, prices, counts, out):
    """Everything of one table; False where it breaks a rule (then only the tiles are meaningful)."""
    count_tiles(m, chip, counts)
    if not is_valid(m, chip, counts):
        return False
    count_accesses(m, chip, counts)
    price(m, chip, prices, counts, out)
    return True
