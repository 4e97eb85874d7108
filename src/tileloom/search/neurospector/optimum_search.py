"""The search over the tiles s of one layout of the chips, compiled: relaxed fronts first, then exact ones, then prices.

Bounds and the parts of the cost are in optimum_kernels.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from tileloom.cost.kernels.neurospector import COUNTS_SIZE, CYCLES, E_LB, ENERGY, FIXED, OUT_SIZE, evaluate
from tileloom.search.neurospector.lattice_kernels import product_cell, quotient_cell
from tileloom.search.neurospector.optimum_kernels import near_cost, near_row, outer_cost, shared_counts, shared_side


@nb.njit(cache=True)
def middle(lat, rules, held, units, base, counts):
    """`base` plus LB's lower side for these counts."""
    if not rules.energy:
        return base
    p, tile = rules.prices, lat.tile[held]
    low = tile[0] * counts[0] * p[E_LB] + tile[1] * counts[1] * p[E_LB + 1] + tile[2] * counts[2] * p[E_LB + 2]
    return base + low * units


@nb.njit(cache=True)
def next_multiple(lat, digit, first):
    """Steps `digit` to the next cell whose every dimension is a multiple of `first`'s; False after the last."""
    for back in range(8):
        d = 7 - back
        digit[d] += 1
        while digit[d] < lat.sizes[d] and lat.over[d, digit[d], first[d]] < 0:
            digit[d] += 1
        if digit[d] < lat.sizes[d]:
            return True
        digit[d] = first[d]
    return False


@nb.njit(cache=True)
def exact_base(lat, rules, s, n, h, chips, cost, moved, counts):
    """What s and n cost without l and a (infinite where they break a rule); fills counts [3]."""
    c = product_cell(lat, n, h)
    if c < 0 or not lat.shared[n]:
        return np.inf
    for d in range(8):
        wanted = rules.chip[FIXED + 8 + d]
        if wanted and lat.extent[s, d] * wanted != lat.extent[n, d]:
            return np.inf
    mask = 0
    for t in range(3):
        mask |= (lat.tile[n, t] != lat.tile[s, t]) << t
    outer = outer_cost(lat, rules, n, c, mask, chips, cost, moved)
    if outer == np.inf:
        return np.inf
    counts[0], counts[1], counts[2] = shared_counts(lat, rules, s, n, c, chips, moved[0])
    return rules.fixed + outer + shared_side(lat, rules, s, counts[0], counts[1], counts[2], chips)


@nb.njit(cache=True)
def front_of(lat, rules, s, h, chips, cost, moved, limit, bases, counts):
    """The tiles n above s that none beats in base and all counts: how many, with bases [cells], counts [cells, 3] filled."""
    used = 0
    digit = lat.digit[s].copy()
    now = np.empty(3)
    more = True
    while more:
        n = 0
        for d in range(8):
            n += digit[d] * lat.steps[d]
        base = exact_base(lat, rules, s, n, h, chips, cost, moved, now)
        if base < limit:
            worse = False
            for i in range(used):
                if bases[i] <= base and counts[i, 0] <= now[0] and counts[i, 1] <= now[1] and counts[i, 2] <= now[2]:
                    worse = True
                    break
            if not worse:
                kept = 0
                for i in range(used):
                    if bases[i] < base or counts[i, 0] < now[0] or counts[i, 1] < now[1] or counts[i, 2] < now[2]:
                        bases[kept] = bases[i]
                        counts[kept] = counts[i]
                        kept += 1
                bases[kept] = base
                counts[kept] = now
                used = kept + 1
        more = rules.shared and next_multiple(lat, digit, lat.digit[s])
    return used


class Inside(NamedTuple):
    """What lies inside s. walk: cells u, or cells a where LB's row is not searched;  pair [cells]: of u's PEs and C R S.

    units, reduced [keys]: PEs times chips and their product of C R S;  rows [keys, ...]: `near_row`, filled when `ready`
    """

    walk: NDArray[np.int64]
    macs: NDArray[np.int64]
    pair: NDArray[np.int64]
    units: NDArray[np.int64]
    reduced: NDArray[np.int64]
    rows: NDArray[np.float64]
    ready: NDArray[np.bool_]


@nb.njit(cache=True)
def least_inside(lat, rules, s, chips, inside, keys, bases, counts, used, limit):
    """The least cost below `limit` over all u and a for the `used` entries of a front. keys: pair -> place in `inside.rows`."""
    best = limit
    for i in range(inside.walk.shape[0]):
        other = quotient_cell(lat, s, inside.walk[i])
        if other < 0:
            continue
        u, held, at = inside.walk[i], other, other
        if not rules.local:
            u, held, at = other, inside.walk[i], i
        if inside.pair[u] < 0 or not lat.local[held]:
            continue
        key = keys[inside.pair[u]]
        if not inside.ready[key]:
            near_row(lat, rules, inside.macs, inside.units[key], inside.reduced[key], inside.rows[key])
            inside.ready[key] = True
        near = inside.rows[key, at]
        if not near < best:
            continue
        units = lat.size[u] * chips
        for j in range(used):
            value = near + middle(lat, rules, held, units, bases[j], counts[j])
            if value < best:
                best = value
    return best


@nb.njit(cache=True)
def search_chips(lat, rules, h, order, bound, rough, rough_counts, cost, moved, inside, keys, best, keep):
    """(least cost below `best` with cell h over the chips, tiles s that may hold it, their costs, how many were opened).

    order: tiles s by ascending bound;  keep: at least 1; tiles that cost up to this times the best are told
    """
    chips = lat.size[h]
    cells = lat.size.shape[0]
    bases, counts = np.empty(cells), np.empty((cells, 3))
    near_best, values = np.empty(order.shape[0], dtype=np.int64), np.empty(order.shape[0])
    told = 0
    opened = 0
    for s in order:
        limit = best * keep
        if not bound[s] < limit:
            break
        least = least_inside(lat, rules, s, chips, inside, keys, rough[s], rough_counts[s], 5, limit)
        if not least < limit:
            continue
        opened += 1
        used = front_of(lat, rules, s, h, chips, cost, moved, limit, bases, counts)
        value = least_inside(lat, rules, s, chips, inside, keys, bases, counts, used, limit)
        if value < limit:
            near_best[told], values[told] = s, value
            told += 1
            best = min(best, value)
    return best, near_best[:told], values[:told], opened


@nb.njit(cache=True)
def price_tile(
    lat, rules, s, h, chips, cost, moved, u_cells, u_x, u_y, a_cells, a_x, a_y, prices, m, limit, best, first
):
    """Prices every table over the tile s whose cost is at most `limit`: (best value, best table, tables priced).

    prices: those of the machine, in its precision;  m: a table with the chips' rows filled;  first: stop at one table
    """
    counts, out = np.zeros(COUNTS_SIZE, dtype=np.int64), np.zeros(OUT_SIZE, dtype=prices.dtype)
    best_table = m.copy()
    priced = 0
    now = np.empty(3)
    digit = lat.digit[s].copy()
    more = True
    while more:
        n = 0
        for d in range(8):
            n += digit[d] * lat.steps[d]
        base = exact_base(lat, rules, s, n, h, chips, cost, moved, now)
        c = product_cell(lat, n, h)
        for i in range(u_cells.shape[0] if base <= limit else 0):
            u = u_cells[i]
            held = quotient_cell(lat, s, u)
            if held < 0 or not lat.local[held]:
                continue
            units = lat.size[u] * chips
            known = middle(lat, rules, held, units, base, now)
            if not known <= limit:
                continue
            for j in range(a_cells.shape[0]):
                a = a_cells[j]
                row = quotient_cell(lat, held, a)
                if row < 0 or (not rules.local and a != held):
                    continue
                if known + near_cost(lat, rules, a, units, lat.crs[u] * lat.crs[h], False) > limit:
                    continue
                m[1], m[2], m[3] = lat.extent[a_x[j]], lat.extent[a_y[j]], lat.extent[row]
                m[4], m[5], m[6] = lat.extent[u_x[i]], lat.extent[u_y[i]], lat.extent[n] // lat.extent[s]
                m[9] = lat.extent[rules.whole] // lat.extent[c]
                if not evaluate(m, rules.chip, prices, counts, out):
                    continue
                priced += 1
                value = out[ENERGY] if rules.energy else out[CYCLES]
                if value < best:
                    best = float(value)
                    best_table[:] = m
                    if first:
                        return best, best_table, priced
        more = rules.shared and next_multiple(lat, digit, lat.digit[s])
    return best, best_table, priced
