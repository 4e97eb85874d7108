"""Compiled helpers of shared.py: bounds of a template and costs of a mapping on many chips, bounds from solved chips."""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.search.optimal.arrays import CostArrays
from tileloom.search.optimal.kernels import EDP, bound


@njit(cache=True, nogil=True)
def root_bounds(least, most, cost, plus, minus, offsets, leakage, objective):
    """float64[chips, 2]: least energy and cycles of a template, for chips whose prices are the rows of plus, minus, ...

    least, most   float64[columns]: extremes of every column over the template
    """
    found = np.empty((plus.shape[0], 2))
    for chip in range(plus.shape[0]):
        own = CostArrays(cost.forms, plus[chip], cost.plus_at, minus[chip], cost.minus_at, offsets[chip], leakage[chip])
        energy, cycles = bound(least, most, own, EDP, np.inf)
        found[chip, 0] = energy
        found[chip, 1] = cycles
    return found


@njit(cache=True, nogil=True)
def evaluate_everywhere(values, cost, plus, minus, offsets, leakage, limits, high, found):
    """Writes (energy, cycles) of one mapping on every chip to `found` (float64[chips, 2]); inf where it does not fit.

    values   float64[columns] of the mapping
    """
    for chip in range(plus.shape[0]):
        fits = True
        for i in range(limits.low.shape[0]):
            total = 0.0
            for k in range(limits.forms[i], limits.forms[i + 1]):
                total += limits.coefficient[k] * values[limits.at[k]]
            if not limits.low[i] <= total <= high[chip, i]:
                fits = False
                break
        found[chip, 0] = np.inf
        found[chip, 1] = np.inf
        if fits:
            own = CostArrays(
                cost.forms, plus[chip], cost.plus_at, minus[chip], cost.minus_at, offsets[chip], leakage[chip]
            )
            energy, cycles = bound(values, values, own, EDP, np.inf)
            found[chip, 0] = energy
            found[chip, 1] = cycles


@njit(cache=True, nogil=True)
def usable_of(chip, paces, sizes, solved):
    """int64[.]: those of `solved` that are nowhere slower or smaller than a chip: their optima bound it from below.

    paces   float64[chips, .]: cycles per access, in which the objective never falls
    sizes   float64[chips, .]: capacities, in which it never rises
    """
    found = np.empty(solved.shape[0], np.int64)
    held = 0
    for n in range(solved.shape[0]):
        j = solved[n]
        usable = True
        for k in range(paces.shape[1]):
            usable = usable and paces[j, k] <= paces[chip, k]
        for k in range(sizes.shape[1]):
            usable = usable and sizes[j, k] >= sizes[chip, k]
        if usable:
            found[held] = n
            held += 1
    return found[:held]


@njit(cache=True, nogil=True)
def combined(target, prices, optima, priced):
    """A lower bound of a chip's optimum from the optima of usable chips; 0 when none says anything, inf: nothing fits.

    target   float64[columns]: the chip's energies, in which the objective is linear with coefficients >= 0
    prices   float64[usable, columns]: theirs;  optima: float64[usable]
    priced   False where the objective does not depend on energies

    For weights w >= 0 with sum w_j * prices_j <= target:  optimum >= sum w_j * optimum_j, because for every mapping
    that fits, the objective is at least that sum, term by term. The best weights are those of a linear program with a
    row per energy; whatever a rounded solution of it is, it is scaled until it keeps its rows, and so is a bound.
    """
    best = 0.0
    for j in range(optima.shape[0]):
        if optima[j] == np.inf:
            return np.inf
        best = max(best, optima[j])
    if not priced or best == 0.0:
        return best
    weights = best_weights(target, prices, optima / best)
    share, total = 1.0, 0.0
    for k in range(target.shape[0]):
        used = 0.0
        for j in range(optima.shape[0]):
            used += weights[j] * prices[j, k]
        if used > target[k]:
            share = min(share, target[k] / used)
    for j in range(optima.shape[0]):
        total += weights[j] * optima[j]
    return share * total


@njit(cache=True, nogil=True)
def best_weights(target, prices, worth):
    """float64[usable], at least 0: of the largest sum of weights * worth whose weighted prices do not exceed the target.

    The simplex method from weights 0, on a table of a row per price and one for the worth. Every step keeps the rows,
    so that it may end at any: early where rounding makes it turn in circles.
    """
    count, columns = prices.shape
    table = np.zeros((columns + 1, count + columns + 1))
    for k in range(columns):
        table[k, count + k] = 1.0
        table[k, -1] = 1.0
        for j in range(count):
            if target[k] > 0.0:
                table[k, j] = prices[j, k] / target[k]
    for j in range(count):
        table[columns, j] = worth[j]
        for k in range(columns):
            if target[k] <= 0.0 and prices[j, k] > 0.0:
                # A price of nothing admits no weight of a chip that pays for it.
                table[:, j] = 0.0
    holds = np.arange(count, count + columns)
    for _ in range(8 * columns + 8):
        enters = int(np.argmax(table[columns, :-1]))
        if table[columns, enters] <= 1e-13:
            break
        leaves, least = -1, np.inf
        for k in range(columns):
            if table[k, enters] > 1e-12 and table[k, -1] / table[k, enters] < least:
                leaves, least = k, table[k, -1] / table[k, enters]
        if leaves < 0:
            break
        table[leaves] /= table[leaves, enters]
        for k in range(columns + 1):
            if k != leaves:
                table[k] -= table[k, enters] * table[leaves]
        holds[leaves] = enters
    weights = np.zeros(count)
    for k in range(columns):
        if holds[k] < count:
            weights[holds[k]] = max(0.0, table[k, -1])
    return weights


@njit(cache=True, nogil=True)
def floors_of(target, prices, floors, priced, wanted):
    """float64[templates]: `combined` of every wanted template; 0 of the others.

    floors   float64[usable, templates]: what a template costs at least on the usable chips;  wanted: bool[templates]
    """
    found = np.zeros(floors.shape[1])
    for t in range(floors.shape[1]):
        if wanted[t]:
            found[t] = combined(target, prices, floors[:, t].copy(), priced)
    return found
