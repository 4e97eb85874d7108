"""Every tile of a layer as a cell of the lattice of its divisors, and the machine's numbers of each. Searches nothing.

A cell stands for one divisor of every dimension K, B, P, Q, C, R, S, G; products and quotients of cells are cells again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileloom.core.factors import divisors, prime_factors
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.machine import Machine
from tileloom.search.neurospector.lattice_kernels import fitting, spread

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Lattice(NamedTuple):
    """The cells of a layer. digit, extent [cells, 8]: place and value of each divisor;  tile [cells, 3]: elements.

    divisor [8, D], sizes [8], steps [8]   divisors of each dimension, how many, and the cells from one to the next
    times, over [8, D, D]                  place of the product, of the quotient; -1 where there is none
    primes [8, P]                          places of the primes, -1 to fill up
    size, k, bpq, crs [cells]              products of the extents: all, K, B P Q, C R S
    local, shared [cells]                  whether LB, GB hold the tile
    """

    divisor: Ints
    sizes: Ints
    steps: Ints
    times: Ints
    over: Ints
    primes: Ints
    digit: Ints
    extent: Ints
    tile: Ints
    size: Ints
    k: Ints
    bpq: Ints
    crs: Ints
    local: Flags
    shared: Flags


def lattice_of(dims: tuple[int, ...], machine: Machine) -> Lattice:
    lists = [divisors(d) for d in dims]
    sizes = np.array([len(x) for x in lists], np.int64)
    most = int(sizes.max())
    divisor = np.ones((8, most), np.int64)
    times, over = np.full((8, most, most), -1, np.int64), np.full((8, most, most), -1, np.int64)
    primes = np.full((8, 8), -1, np.int64)
    for d, found in enumerate(lists):
        place = {v: i for i, v in enumerate(found)}
        divisor[d, : len(found)] = found
        for v, i in place.items():
            for w, j in place.items():
                times[d, i, j] = place.get(v * w, -1)
                over[d, i, j] = place[v // w] if v % w == 0 else -1
        for i, prime in enumerate(sorted(set(prime_factors(dims[d])))):
            primes[d, i] = place[prime]
    steps = np.array([int(np.prod(sizes[d + 1 :])) for d in range(8)], np.int64)
    digit = np.arange(int(np.prod(sizes)))[:, None] // steps % sizes
    extent = divisor[np.arange(8), digit]
    tile, local, shared = fitting(extent, machine.chip)
    return Lattice(
        divisor, sizes, steps, times, over, primes, digit, extent, tile, extent.prod(1), extent[:, 0].copy(),
        extent[:, 1:4].prod(1), extent[:, 4:7].prod(1), local, shared,
    )  # fmt: skip


class Spread(NamedTuple):
    """Cells that an array's two axes can lie over: what each axis does (x, y) of the products in `cells`."""

    cells: Ints
    x: Ints
    y: Ints


def spread_of(lattice: Lattice, machine: Machine, axis: int) -> Spread:
    """The spread over the array whose X axis is at `axis` of the packed chip; one way of laying out each product."""
    chip = machine.chip
    first = spread(lattice, chip[axis], chip[axis + 1], chip[k.ALLOWED + axis], chip[k.ALLOWED + axis + 1])
    cells = np.flatnonzero(first[:, 0] >= 0)
    return Spread(cells, first[cells, 0], first[cells, 1])
