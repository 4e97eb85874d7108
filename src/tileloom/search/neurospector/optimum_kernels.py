"""The proven best table of one dataflow combination: bounds by level over the lattice of divisors, compiled.

A table is a chain of tiles a | l | s | n of the layer N: a is spread over the MACs, l lies in a local buffer, s is spread
over the PEs, n lies in the global buffer, and c is spread over the chips. Every cost is a sum of a part of (a, spatial
products), one of (l, s, the row between s and n) and one of (n, c), so the least outer part over all n that are multiples of s
is known for every s before inner tiles are looked at. What could still be better is priced by the cost kernel itself.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from tileloom.cost.kernels.neurospector import (
    ALLOC,
    COUNTS_SIZE,
    CYCLES,
    DRAM_C,
    DRAM_E,
    E_GB,
    E_LB,
    E_MAC,
    ENERGY,
    FAITHFUL,
    GB_BYPASS,
    GB_CAP,
    GB_FLOW,
    GB_KIND,
    GB_LOW,
    HAS_GB,
    IS,
    LB_BYPASS,
    LB_CAP,
    LB_FLOW,
    LB_KIND,
    OS,
    OUT_SIZE,
    STRIDE,
    U_GB,
    U_LB,
    W_GB,
    W_LB,
    WS,
    _held,
    _tiles,
    count_accesses,
    count_tiles,
    is_valid,
    price,
)  # fmt: skip


@nb.njit(cache=True)
def outer_costs(extents, cells, divisors, sizes, m, chip, free, prices, energy, per_cycle):
    """Cost of GB's lower side and DRAM for every tile n (cell of the lattice); inf where GB cannot hold it.

    free  `chip` without GB's bypass, whose adjustment only ever adds;  m: a table whose chip rows are filled
    """
    result = np.full(cells, np.inf)
    counts = np.zeros(COUNTS_SIZE, dtype=np.int64)
    out = np.zeros(OUT_SIZE, dtype=prices.dtype)
    tile = np.ones(8, dtype=np.int64)
    digit = np.zeros(8, dtype=np.int64)
    for cell in range(cells):
        for d in range(8):
            tile[d] = divisors[d, digit[d]]
            m[6, d] = tile[d]
            m[9, d] = extents[d] // tile[d]
        _tiles(tile, chip[STRIDE], ALLOC + 3, counts)
        if chip[HAS_GB] == 0 or _held(counts, ALLOC + 3, chip[GB_KIND], chip[GB_CAP : GB_CAP + 3], chip[GB_BYPASS]):
            count_tiles(m, free, counts)
            count_accesses(m, free, counts)
            price(m, free, prices, counts, out)
            cost = per_cycle * out[DRAM_C]
            if energy:
                cost += out[DRAM_E] + out[GB_LOW]
            result[cell] = cost
        for back in range(8):
            d = 7 - back
            digit[d] += 1
            if digit[d] < sizes[d]:
                break
            digit[d] = 0
    for d in range(8):
        m[6, d] = 1
        m[9, d] = 1
    return result


@nb.njit(cache=True)
def least_of_multiples(values, divisors, sizes, steps, along):
    """For every cell the least value over the cells whose tile is a multiple of its own in the dimensions `along` marks."""
    least = values.copy()
    for d in range(8):
        if not along[d]:
            continue
        for cell in range(values.shape[0]):
            i = cell // steps[d] % sizes[d]
            best = least[cell]
            # Larger divisors have larger cells, which are not overwritten yet in this ascending pass.
            for j in range(i + 1, sizes[d]):
                if divisors[d, j] % divisors[d, i] == 0:
                    best = min(best, least[cell + (j - i) * steps[d]])
            least[cell] = best
    return least


@nb.njit(cache=True)
def _inner_bound(tile_l, tile_s, reads_i, reads_w, moved_o, units, chips, chip, prices, energy, per_cycle):
    """LB's lower side and GB's upper side for given counts."""
    cost = 0.0
    if energy:
        low = tile_l[0] * reads_i * prices[E_LB] + tile_l[1] * reads_w * prices[E_LB + 1]
        low += tile_l[2] * moved_o * prices[E_LB + 2]
        cost += low * units
    if chip[HAS_GB]:
        if energy:
            up = tile_s[0] * reads_i * prices[E_GB] + tile_s[1] * reads_w * prices[E_GB + 1]
            up += tile_s[2] * moved_o * prices[E_GB + 2]
            cost += up * chips
        i = tile_s[0] * reads_i / prices[W_GB] * prices[U_GB]
        w = tile_s[1] * reads_w / prices[W_GB] * prices[U_GB + 1]
        o = tile_s[2] * moved_o / prices[W_GB] * prices[U_GB + 2]
        cost += per_cycle * (max(i, w, o) if chip[GB_KIND] == 1 else i + w + o)
    return cost


@nb.njit(cache=True)
def mac_cost(tile_a, macs, active, others, reduced, chip, prices, energy, per_cycle):
    """LB's upper side and the MACs' time: tile of the MAC rows, `active` MACs, `others` PEs times chips in use."""
    volume = macs / (active * others)
    count_o = volume * 2 - volume / reduced
    cost = 0.0
    if energy:
        up = tile_a[0] * volume * prices[E_LB] + tile_a[1] * volume * prices[E_LB + 1]
        up += tile_a[2] * count_o * prices[E_LB + 2]
        cost += up * others
    i = np.ceil(tile_a[0] / prices[W_LB]) * volume * prices[U_LB]
    w = np.ceil(tile_a[1] / prices[W_LB]) * volume * prices[U_LB + 1]
    o = np.ceil(tile_a[2] / prices[W_LB]) * count_o * prices[U_LB + 2]
    busy = max(i, w, o) if chip[LB_KIND] == 1 else i + w + o
    return cost + per_cycle * (busy + macs / (active * others))


@nb.njit(cache=True)
def best_inside(
    extents, cells, divisors, sizes, steps, chips, a_tiles, a_rows, u_tiles, u_rows, lb_free, gb_free,
    outer, chip, prices, energy, per_cycle, margin, m, limit,
):  # fmt: skip
    """The best table for a filled pair of chip rows, if it costs less than `limit`: (cost, table, priced, bound).

    extents   of what one chip does;  a_tiles, u_tiles [n, 8]: products over MAC and PE rows, a_rows, u_rows [n, 2, 8] how they
    are spread;  lb_free, gb_free: whether these rows are searched;  outer [cells]: `outer_costs`
    """
    stride = chip[STRIDE]
    faithful = chip[FAITHFUL] != 0
    flow = chip[LB_FLOW]
    along = np.ones(8, dtype=np.bool_)
    least = least_of_multiples(outer, divisors, sizes, steps, along) if gb_free else outer
    still = np.zeros((3, 8), dtype=np.bool_)
    still[0, 0] = True
    still[1, 1:4] = True
    still[2, 4:7] = True
    partial = np.empty((3, cells))
    for t in range(3):
        partial[t] = least_of_multiples(outer, divisors, sizes, steps, still[t]) if gb_free else outer
    whole = np.zeros(30, dtype=np.int64)
    _tiles(extents, stride, 0, whole)
    macs = 1.0
    for d in range(8):
        macs *= extents[d]
    fixed = macs * chips * prices[E_MAC] if energy else 0.0
    counts = np.zeros(COUNTS_SIZE, dtype=np.int64)
    out = np.zeros(OUT_SIZE, dtype=prices.dtype)
    tiles = np.zeros(30, dtype=np.int64)
    best_table = m.copy()
    best = limit
    priced = 0
    s = np.ones(8, dtype=np.int64)
    inside = np.ones(8, dtype=np.int64)
    n = np.ones(8, dtype=np.int64)
    bounds = np.empty(4)
    for cell in range(cells):
        if not least[cell] < best:
            continue
        volume = 1.0
        left = np.ones(8, dtype=np.int64)
        for d in range(8):
            s[d] = divisors[d, cell // steps[d] % sizes[d]]
            left[d] = extents[d] // s[d]
            volume *= left[d]
        _tiles(s, stride, 0, tiles)
        rest = left[4] * left[5] * left[6]
        kept = volume / rest
        # Counts where the tile of no type stays the same between s and n, with the most reuse the dataflow can give.
        reads_i, reads_w = volume, volume
        moved_o = 2 * volume - kept
        if flow == IS:
            share = left[0]
            if faithful:
                share = max(share, left[1] * left[2] * left[3], rest)
            reads_i = volume / share
        elif flow == WS:
            reads_w = volume / (left[1] * left[2] * left[3])
        elif flow == OS:
            moved_o = kept
        # A type whose tile stays the same takes DRAM's counts, which fetch the whole of it at least once.
        same_i = 1.0 if faithful and chip[GB_FLOW] == IS else max(1.0, whole[0] / (tiles[0] * chips))
        same_w = max(1.0, whole[1] / (tiles[1] * chips))
        same_o = max(1.0, whole[2] / (tiles[2] * chips))
        tile_s = tiles[0:3]
        zero = np.zeros(3, dtype=np.int64)
        rough = min(
            least[cell] + _inner_bound(zero, tile_s, reads_i, reads_w, moved_o, 1, chips, chip, prices, energy, per_cycle),
            partial[0, cell] + _inner_bound(zero, tile_s, min(same_i, reads_i), reads_w, moved_o, 1, chips, chip, prices, energy, per_cycle),
            partial[1, cell] + _inner_bound(zero, tile_s, reads_i, min(same_w, reads_w), moved_o, 1, chips, chip, prices, energy, per_cycle),
            partial[2, cell] + _inner_bound(zero, tile_s, reads_i, reads_w, min(same_o, moved_o), 1, chips, chip, prices, energy, per_cycle),
            outer[cell] + _inner_bound(zero, tile_s, min(same_i, reads_i), min(same_w, reads_w), min(same_o, moved_o), 1, chips, chip, prices, energy, per_cycle),
        )  # fmt: skip
        if not (fixed + rough) * margin < best:
            continue
        for iu in range(u_tiles.shape[0]):
            others = chips
            fits = True
            for d in range(8):
                u = u_tiles[iu, d]
                if s[d] % u:
                    fits = False
                    break
                inside[d] = s[d] // u
                others *= u
            if not fits:
                continue
            _tiles(inside, stride, 3, tiles)
            if not _held(tiles, 3, chip[LB_KIND], chip[LB_CAP : LB_CAP + 3], chip[LB_BYPASS]):
                continue
            tile_l = tiles[3:6]
            bounds[0] = _inner_bound(
                tile_l, tile_s, reads_i, reads_w, moved_o, others, chips, chip, prices, energy, per_cycle
            )
            bounds[1] = _inner_bound(
                tile_l, tile_s, min(same_i, reads_i), reads_w, moved_o, others, chips, chip, prices, energy, per_cycle
            )
            bounds[2] = _inner_bound(
                tile_l, tile_s, reads_i, min(same_w, reads_w), moved_o, others, chips, chip, prices, energy, per_cycle
            )
            bounds[3] = _inner_bound(
                tile_l, tile_s, reads_i, reads_w, min(same_o, moved_o), others, chips, chip, prices, energy, per_cycle
            )
            every = _inner_bound(
                tile_l,
                tile_s,
                min(same_i, reads_i),
                min(same_w, reads_w),
                min(same_o, moved_o),
                others,
                chips,
                chip,
                prices,
                energy,
                per_cycle,
            )
            inner = min(
                least[cell] + bounds[0], partial[0, cell] + bounds[1], partial[1, cell] + bounds[2],
                partial[2, cell] + bounds[3], outer[cell] + every,
            )  # fmt: skip
            if not (fixed + inner) * margin < best:
                continue
            for ia in range(a_tiles.shape[0]):
                active = 1
                fits = True
                for d in range(8):
                    a = a_tiles[ia, d]
                    if inside[d] % a or (not lb_free and a != inside[d]):
                        fits = False
                        break
                    active *= a
                if not fits:
                    continue
                reduced = 1.0
                for d in range(4, 7):
                    reduced *= extents[d] // (s[d] // inside[d]) // a_tiles[ia, d]
                _tiles(a_tiles[ia], stride, 6, tiles)
                near = mac_cost(tiles[6:9], macs * chips, active, others, reduced, chip, prices, energy, per_cycle)
                if not (fixed + inner + near) * margin < best:
                    continue
                for d in range(8):
                    m[1, d], m[2, d] = a_rows[ia, 0, d], a_rows[ia, 1, d]
                    m[3, d] = inside[d] // a_tiles[ia, d]
                    m[4, d], m[5, d] = u_rows[iu, 0, d], u_rows[iu, 1, d]
                priced_now, best = _place_outer(
                    cell, s, left, n, divisors, sizes, steps, outer, bounds, every, fixed + near, gb_free,
                    chip, prices, energy, margin, m, counts, out, best, best_table,
                )  # fmt: skip
                priced += priced_now
    return best, best_table, priced


@nb.njit(cache=True)
def _place_outer(
    cell, s, left, n, divisors, sizes, steps, outer, bounds, every, known, gb_free,
    chip, prices, energy, margin, m, counts, out, best, best_table,
):  # fmt: skip
    """Prices the tables with these inner rows whose bound is below `best`; writes better ones to best_table."""
    priced = 0
    digit = np.zeros(8, dtype=np.int64)
    for d in range(8):
        digit[d] = cell // steps[d] % sizes[d]
    first = digit.copy()
    while True:
        moves = np.zeros(3, dtype=np.bool_)
        here = 0
        for d in range(8):
            n[d] = divisors[d, digit[d]]
            here += digit[d] * steps[d]
            if n[d] != s[d]:
                moves[0] |= d != 0
                moves[1] |= d < 1 or d > 3
                moves[2] |= d < 4 or d > 6
        bound = bounds[0]
        if here == cell:
            bound = every
        elif not moves[0]:
            bound = bounds[1]
        elif not moves[1]:
            bound = bounds[2]
        elif not moves[2]:
            bound = bounds[3]
        if (known + bound + outer[here]) * margin < best:
            for d in range(8):
                m[6, d] = n[d] // s[d]
                m[9, d] = left[d] // m[6, d]
            count_tiles(m, chip, counts)
            if is_valid(m, chip, counts):
                count_accesses(m, chip, counts)
                price(m, chip, prices, counts, out)
                priced += 1
                value = out[ENERGY] if energy else out[CYCLES]
                if value < best:
                    best = float(value)
                    best_table[:] = m
        if not gb_free:
            break
        d = 7
        while d >= 0:
            digit[d] += 1
            while digit[d] < sizes[d] and divisors[d, digit[d]] % s[d]:
                digit[d] += 1
            if digit[d] < sizes[d]:
                break
            digit[d] = first[d]
            d -= 1
        if d < 0:
            break
    return priced, best


@nb.njit(cache=True)
def spreads(rows, splits_size, splits_factor, sizes_xy, allowed):
    """Every product of two spatial rows that fits: (tiles [n, 8], rows [n, 2, 8]), one way of spreading each.

    rows: how many of the two are searched, and splits_* over them (`RowSplits` of the layer)
    """
    found_tiles = np.ones((16, 8), dtype=np.int64)
    found_rows = np.ones((16, 2, 8), dtype=np.int64)
    used = 0
    digit = np.zeros(8, dtype=np.int64)
    product = np.ones((9, 2), dtype=np.int64)
    d = 0
    while d >= 0:
        if digit[d] >= splits_size[d]:
            d -= 1
            if d >= 0:
                digit[d] += 1
            continue
        fits = True
        for j in range(rows.shape[0]):
            axis = rows[j]
            factor = splits_factor[d, digit[d], j]
            product[d + 1, axis] = product[d, axis] * factor
            if product[d + 1, axis] > sizes_xy[axis]:
                fits = False
            if factor > 1 and allowed[axis] and not allowed[axis] >> d & 1:
                fits = False
        if not fits:
            digit[d] += 1
            continue
        if d < 7:
            d += 1
            digit[d] = 0
            continue
        if used == found_tiles.shape[0]:
            more_tiles = np.ones((2 * used, 8), dtype=np.int64)
            more_rows = np.ones((2 * used, 2, 8), dtype=np.int64)
            more_tiles[:used] = found_tiles
            more_rows[:used] = found_rows
            found_tiles, found_rows = more_tiles, more_rows
        for e in range(8):
            found_tiles[used, e] = 1
            for j in range(rows.shape[0]):
                factor = splits_factor[e, digit[e], j]
                found_rows[used, rows[j], e] = factor
                found_tiles[used, e] *= factor
        used += 1
        digit[7] += 1
    return found_tiles[:used], found_rows[:used]
