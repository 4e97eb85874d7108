"""NeuroSpector's level search, compiled: the same answer as visiting every split in its order, in far fewer visits.

What a level costs depends on the product of the spatial rows only, so the splits in time are priced once per product.
The order matters for ties alone: where a product could replace what was found, its splits are gone through in order.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from tileloom.cost.kernels.neurospector import (
    ALLOWED,
    CHIP_X,
    CHIP_Y,
    COUNTS_SIZE,
    CYCLES,
    DRAM_C,
    DRAM_E,
    DRAM_S,
    ENERGY,
    GB_C,
    GB_LOW,
    GB_S,
    GB_UP,
    HAS_GB,
    IS,
    LB_C,
    LB_LOW,
    LB_S,
    LB_UP,
    MAC_C,
    MAC_S,
    MAC_X,
    MAC_Y,
    OS,
    OUT_SIZE,
    WS,
    buffers_hold,
    count_accesses,
    count_tiles,
    is_valid,
    price,
    row_product,
    units,
)  # fmt: skip


@nb.njit(cache=True)
def level_cost(out, end, chip, energy):
    """Cost of the level whose outer row is `end` (9, 6 or 3), added left to right."""
    if not energy:
        if end == 9:
            return out[DRAM_C] + out[MAC_C]
        return out[LB_C] + out[MAC_C] if end == 3 else out[GB_C] + out[LB_C] + out[MAC_C]
    if end == 9:
        below = out[GB_LOW] if chip[HAS_GB] else out[LB_LOW]
        return out[DRAM_E] + below + out[DRAM_S] + out[MAC_S]
    if end == 6:
        if chip[MAC_X] * chip[MAC_Y] > 1:
            return out[GB_UP] + out[LB_LOW] + out[GB_S] + out[MAC_S]
        return out[GB_UP] + out[LB_LOW] + out[LB_UP] + out[GB_S] + out[LB_S] + out[MAC_S]
    return out[LB_UP] + out[LB_S] + out[MAC_S]


@nb.njit(cache=True)
def reuse_factor(m, r, flow):
    if flow == IS:
        return m[r, 0]
    if flow == WS:
        return m[r, 1] * m[r, 2] * m[r, 3]
    if flow == OS:
        return m[r, 4] * m[r, 5] * m[r, 6]
    return 1


@nb.njit(cache=True)
def _better(cost, outer, reuse, best, best_outer, best_reuse):
    if cost != best:
        return cost < best
    return outer < best_outer or (outer == best_outer and reuse > best_reuse)


@nb.njit(cache=True)
def scan(m, begin, end, left, taken, size, inner, degrees, chip, prices, energy, flow, index, cost, outer, reuse, deg):
    """Costs of the valid splits in time of `left` into rows (begin, end), in ascending order of their index.

    taken  [8] row of size, inner and degrees to use per dimension.  index .. deg: arrays to fill, as long as needed, or of
    length 1: then they are not filled and the answer is summed up in them: cost[0], outer[0], reuse[0] of the first best
    split, deg[0] the highest degree, index[0] the number of valid splits; the last value returned is the lowest cost at
    that degree. m is left with begin = 1, end = left.
    """
    number = prices.dtype.type
    counts = np.zeros(COUNTS_SIZE, dtype=np.int64)
    out = np.zeros(OUT_SIZE, dtype=prices.dtype)
    keep = index.shape[0] > 1
    digit = np.zeros(8, dtype=np.int64)
    found = 0
    cheapest = number(np.finfo(np.float32).max)
    best = cheapest
    best_outer = 0
    best_reuse = 0
    top = 0
    d = 0
    while d >= 0:
        if digit[d] >= size[d, taken[d]]:
            m[begin, d] = 1
            m[end, d] = left[d]
            d -= 1
            if d >= 0:
                digit[d] += 1
            continue
        factor = inner[d, taken[d], digit[d]]
        m[begin, d] = factor
        m[end, d] = left[d] // factor
        count_tiles(m, chip, counts)
        if (begin == 0 and factor > 1) or not buffers_hold(counts, chip):
            # Factors ascend and tiles only grow with them.
            digit[d] = size[d, taken[d]]
            continue
        if d < 7:
            d += 1
            digit[d] = 0
            continue
        if is_valid(m, chip, counts):
            count_accesses(m, chip, counts)
            price(m, chip, prices, counts, out)
            value = level_cost(out, end, chip, energy)
            product = row_product(m, end)
            stays = reuse_factor(m, end, flow)
            level = 1
            place = 0
            for e in range(8):
                level *= degrees[e, taken[e], digit[e]]
                place = place * size[e, taken[e]] + digit[e]
            if keep:
                index[found] = place
                cost[found] = value
                outer[found] = product
                reuse[found] = stays
                deg[found] = level
            else:
                if _better(value, product, stays, best, best_outer, best_reuse):
                    best, best_outer, best_reuse = value, product, stays
                if level > top:
                    top = level
                    cheapest = value
                elif level == top and value < cheapest:
                    cheapest = value
            found += 1
        digit[7] += 1
    if not keep:
        index[0] = found
        cost[0] = best
        outer[0] = best_outer
        reuse[0] = best_reuse
        deg[0] = top
    return found, cheapest


@nb.njit(cache=True)
def _place(m, begin, end, left, taken, size, inner, index):
    """Writes split `index` of `left` into rows (begin, end)."""
    for back in range(8):
        d = 7 - back
        n = size[d, taken[d]]
        factor = inner[d, taken[d], index % n]
        index //= n
        m[begin, d] = factor
        m[end, d] = left[d] // factor


@nb.njit(cache=True)
def search_level(
    candidate, begin, end, rows, splits_size, splits_factor, splits_taken,
    divisor, size, inner, degrees, chip, outer_chip, prices, energy, flow,
):  # fmt: skip
    """The primary and the supplementary table of one level, as (found, pm, sp).

    candidate   [10, 8] table whose row `end` is split;  rows: the spatial rows to fill, ascending
    outer_chip  `chip` as the rules hold while row `end` is not yet split in time
    splits_*    `RowSplits` of row `end`;  divisor, size, inner, degrees: `Pairs` of it
    """
    number = prices.dtype.type
    m = candidate.copy()
    pm = candidate.copy()
    sp = candidate.copy()
    extents = candidate[end].copy()
    highest = number(np.finfo(np.float32).max)
    pm_cost, pm_outer, pm_reuse = highest, 0, 0
    sp_degree, sp_limit = 0, highest
    found = False
    spatial = rows.shape[0]
    shared = _one_group(rows)
    # Summaries of the splits in time, by product of the spatial rows.
    cells = 1
    for d in range(8):
        cells *= size[d, 0]
    known = np.zeros(cells if shared else 1, dtype=np.bool_)
    memo_count = np.zeros(known.shape[0], dtype=np.int64)
    memo_cost = np.zeros(known.shape[0], dtype=prices.dtype)
    memo_outer = np.zeros(known.shape[0], dtype=np.int64)
    memo_reuse = np.zeros(known.shape[0], dtype=np.int64)
    memo_degree = np.zeros(known.shape[0], dtype=np.int64)
    memo_cheapest = np.zeros(known.shape[0], dtype=prices.dtype)
    one_index, one_outer = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    one_reuse, one_degree = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    one_cost = np.zeros(1, dtype=prices.dtype)
    counts = np.zeros(COUNTS_SIZE, dtype=np.int64)
    odometer = np.zeros(8, dtype=np.int64)
    taken = np.zeros(8, dtype=np.int64)
    left = np.zeros(8, dtype=np.int64)
    digit = np.zeros(8, dtype=np.int64)
    used = False
    for d in range(8):
        m[begin, d] = 1
        m[end, d] = extents[d]
    # The set of all first splits comes last.
    for last in range(2):
        digit[:] = 0
        d = 0
        first = True
        while d >= 0:
            if digit[d] >= splits_size[d] or (last == 1 and digit[d] > 0):
                for j in range(spatial):
                    m[rows[j], d] = 1
                m[end, d] = extents[d]
                d -= 1
                if d >= 0:
                    digit[d] += 1
                continue
            rest = extents[d]
            for j in range(spatial):
                factor = splits_factor[d, digit[d], j]
                m[rows[j], d] = factor
                rest //= factor
            m[end, d] = rest
            if not _rows_fit(m, rows, d, chip):
                digit[d] += 1
                continue
            if d < 7:
                d += 1
                digit[d] = 0
                continue
            digit[7] += 1
            if first and last == 0:
                first = False
                continue
            count_tiles(m, chip, counts)
            if not is_valid(m, outer_chip, counts):
                continue
            total = 1
            cell = 0
            for e in range(8):
                at = digit[e] - (1 if e == 7 else 0)
                taken[e] = splits_taken[e, at]
                left[e] = m[end, e]
                total *= size[e, taken[e]]
                cell = cell * size[e, 0] + taken[e]
            # NeuroSpector's counter steps before each use and is not set back between uses.
            if used:
                odometer[7] += 1
                for back in range(8):
                    e = 7 - back
                    if odometer[e] >= size[e, taken[e]]:
                        odometer[e] = 0
                        if e > 0:
                            odometer[e - 1] += 1
                start = 0
                for e in range(8):
                    start = start * size[e, taken[e]] + odometer[e]
            else:
                start = 1 % total
            again = used
            used = True
            if not shared:
                cell = 0
            if not shared or not known[cell]:
                memo_count[cell], memo_cheapest[cell] = scan(
                    m, begin, end, left, taken, size, inner, degrees, chip, prices, energy, flow,
                    one_index, one_cost, one_outer, one_reuse, one_degree,
                )  # fmt: skip
                memo_cost[cell], memo_outer[cell] = one_cost[0], one_outer[0]
                memo_reuse[cell], memo_degree[cell] = one_reuse[0], one_degree[0]
                known[cell] = True
            if memo_count[cell] == 0:
                continue
            improves = _better(memo_cost[cell], memo_outer[cell], memo_reuse[cell], pm_cost, pm_outer, pm_reuse)
            spreads = memo_degree[cell] > sp_degree or (
                memo_degree[cell] == sp_degree and memo_cheapest[cell] < sp_limit
            )
            if not improves and not spreads:
                continue
            # scan() fills arrays of more than one place only.
            n = memo_count[cell] + 1
            index, outer = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
            reuse, deg = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
            cost = np.zeros(n, dtype=prices.dtype)
            n, _ = scan(
                m, begin, end, left, taken, size, inner, degrees, chip, prices, energy, flow,
                index, cost, outer, reuse, deg,
            )  # fmt: skip
            begins = np.searchsorted(index[:n], start)
            pm_index, sp_index = -1, -1
            repeats = again and begins < n and index[begins] == start
            for step in range(n + (1 if repeats else 0)):
                i = (begins + step) % n
                if _better(cost[i], outer[i], reuse[i], pm_cost, pm_outer, pm_reuse):
                    pm_cost, pm_outer, pm_reuse = cost[i], outer[i], reuse[i]
                    pm_index = index[i]
                if deg[i] > sp_degree:
                    sp_degree = deg[i]
                    sp_index = index[i]
                elif deg[i] == sp_degree and cost[i] < sp_limit:
                    sp_limit = cost[i]
                    sp_index = index[i]
            if pm_index >= 0:
                found = True
                _place(m, begin, end, left, taken, size, inner, pm_index)
                pm[:] = m
            if sp_index >= 0:
                _place(m, begin, end, left, taken, size, inner, sp_index)
                sp[:] = m
            for e in range(8):
                m[begin, e] = 1
                m[end, e] = left[e]
    return found, pm, sp


@nb.njit(cache=True)
def _one_group(rows):
    """Whether the spatial rows lie between the same two buffers."""
    return rows.shape[0] == 0 or rows[0] // 3 == rows[-1] // 3


@nb.njit(cache=True)
def _rows_fit(m, rows, d, chip):
    """Whether the spatial rows, filled up to dimension d, can still fit their axes."""
    for j in range(rows.shape[0]):
        r = rows[j]
        axis = r - 1 if r < 3 else r - 2 if r < 6 else r - 3
        if m[r, d] > 1:
            allowed = chip[ALLOWED + axis]
            if allowed and not allowed >> d & 1:
                return False
            if row_product(m, r) > chip[axis]:
                return False
    return True


@nb.njit(cache=True)
def search_all(rows, sizes, factors, chip, prices, energy, by_chips):
    """Every split over all `rows` (the last is the DRAM row), in NeuroSpector's order.

    sizes [8], factors [8, N, rows]: splits of each dimension.  by_chips: the lowest DRAM level cost for each number of
    active chips, instead of the lowest total at place 0. Returns (seen, cost, tables, evaluated): how often a valid table
    had this number of chips, and the best of them (ties: the smaller DRAM row, then the first).
    """
    number = prices.dtype.type
    places = chip[CHIP_X] * chip[CHIP_Y] + 1 if by_chips else 1
    seen = np.zeros(places, dtype=np.int64)
    best = np.full(places, np.finfo(np.float32).max, dtype=prices.dtype)
    best_outer = np.zeros(places, dtype=np.int64)
    tables = np.ones((places, 10, 8), dtype=np.int64)
    m = np.ones((10, 8), dtype=np.int64)
    counts = np.zeros(COUNTS_SIZE, dtype=np.int64)
    out = np.zeros(OUT_SIZE, dtype=prices.dtype)
    evaluated = 0
    digit = np.zeros(8, dtype=np.int64)
    total = 1
    for d in range(8):
        total *= sizes[d]
        for j in range(rows.shape[0]):
            m[rows[j], d] = factors[d, 0, j]
    for _ in range(total):
        # The counter steps before each use, so the first split of all comes last.
        for back in range(8):
            d = 7 - back
            digit[d] += 1
            if digit[d] >= sizes[d]:
                digit[d] = 0
            for j in range(rows.shape[0]):
                m[rows[j], d] = factors[d, digit[d], j]
            if digit[d]:
                break
        count_tiles(m, chip, counts)
        if not is_valid(m, chip, counts):
            continue
        evaluated += 1
        count_accesses(m, chip, counts)
        price(m, chip, prices, counts, out)
        if by_chips:
            value = level_cost(out, 9, chip, energy)
            place = units(m, chip, CHIP_X)
        else:
            value = out[ENERGY] if energy else out[CYCLES]
            place = 0
        seen[place] += 1
        outer = row_product(m, 9)
        if value < best[place] or (value == best[place] and outer < best_outer[place]):
            best[place], best_outer[place] = number(value), outer
            tables[place] = m
    return seen, best, tables, evaluated
