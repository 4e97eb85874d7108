"""Steps over the cells of a layer's lattice, compiled: products, spreads over axes, least values over multiples and divisors."""

from __future__ import annotations

import numba as nb
import numpy as np

from tileloom.cost.kernels.neurospector import (
    GB_BYPASS,
    GB_CAP,
    GB_KIND,
    HAS_GB,
    LB_BYPASS,
    LB_CAP,
    LB_KIND,
    STRIDE,
    _held,
    _tiles,
)


@nb.njit(cache=True)
def fitting(extent, chip):
    """(tile [cells, 3], whether LB holds it, whether GB holds it)."""
    cells = extent.shape[0]
    tile = np.empty((cells, 3), dtype=np.int64)
    local = np.empty(cells, dtype=np.bool_)
    shared = np.ones(cells, dtype=np.bool_)
    for cell in range(cells):
        _tiles(extent[cell], chip[STRIDE], 0, tile[cell])
        local[cell] = _held(tile[cell], 0, chip[LB_KIND], chip[LB_CAP : LB_CAP + 3], chip[LB_BYPASS])
        if chip[HAS_GB]:
            shared[cell] = _held(tile[cell], 0, chip[GB_KIND], chip[GB_CAP : GB_CAP + 3], chip[GB_BYPASS])
    return tile, local, shared


@nb.njit(cache=True)
def product_cell(lat, i, j):
    """The cell of the product of two cells; -1 where it does not divide the layer."""
    cell = 0
    for d in range(8):
        at = lat.times[d, lat.digit[i, d], lat.digit[j, d]]
        if at < 0:
            return -1
        cell += at * lat.steps[d]
    return cell


@nb.njit(cache=True)
def quotient_cell(lat, i, j):
    """The cell of cell i divided by cell j; -1 where it does not divide."""
    cell = 0
    for d in range(8):
        at = lat.over[d, lat.digit[i, d], lat.digit[j, d]]
        if at < 0:
            return -1
        cell += at * lat.steps[d]
    return cell


@nb.njit(cache=True)
def _on_axis(lat, size, allowed):
    """Cells that lie on one axis: no larger, and in the allowed dimensions only (bits; 0 = any)."""
    found = np.empty(lat.size.shape[0], dtype=np.int64)
    used = 0
    for cell in range(found.shape[0]):
        fits = lat.size[cell] <= size
        for d in range(8):
            if allowed and lat.digit[cell, d] and not allowed >> d & 1:
                fits = False
        if fits:
            found[used] = cell
            used += 1
    return found[:used]


@nb.njit(cache=True)
def spread(lat, size_x, size_y, allowed_x, allowed_y):
    """For every cell the first pair of cells (x, y) that lies on the axes and multiplies to it, or -1, -1."""
    first = np.full((lat.size.shape[0], 2), -1, dtype=np.int64)
    along_x, along_y = _on_axis(lat, size_x, allowed_x), _on_axis(lat, size_y, allowed_y)
    for i in along_x:
        for j in along_y:
            cell = product_cell(lat, i, j)
            if cell >= 0 and first[cell, 0] < 0:
                first[cell, 0], first[cell, 1] = i, j
    return first


@nb.njit(cache=True)
def least_of_multiples(values, lat, first, last):
    """In place: for every cell the least value over its multiples in the dimensions first .. last - 1."""
    for d in range(first, last):
        for at in range(lat.primes.shape[1]):
            prime = lat.primes[d, at]
            if prime < 0:
                break
            step = lat.steps[d]
            # Larger divisors lie behind smaller ones, so a pass from behind meets finished cells only.
            for cell in range(values.shape[0] - 1, -1, -1):
                i = lat.digit[cell, d]
                up = lat.times[d, i, prime]
                if up >= 0:
                    values[cell] = min(values[cell], values[cell + (up - i) * step])


@nb.njit(cache=True)
def least_of_divisors(values, lat, fixed):
    """In place: for every cell l the least value over the cells a that divide it.

    fixed [8]: where it is not 0, l / a must be that in this dimension.
    """
    cells = values.shape[0]
    for d in range(8):
        step = lat.steps[d]
        if fixed[d]:
            old = values.copy()
            for cell in range(cells):
                values[cell] = np.inf
                i = lat.digit[cell, d]
                for j in range(lat.sizes[d]):
                    if lat.divisor[d, j] * fixed[d] == lat.divisor[d, i]:
                        values[cell] = old[cell + (j - i) * step]
            continue
        for at in range(lat.primes.shape[1]):
            prime = lat.primes[d, at]
            if prime < 0:
                break
            for cell in range(cells):
                i = lat.digit[cell, d]
                down = lat.over[d, i, prime]
                if down >= 0:
                    values[cell] = min(values[cell], values[cell + (down - i) * step])
