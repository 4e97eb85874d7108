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
def certified(chip, prices, paces, sizes, solved, count, optima, priced):
    """A lower bound of a chip's optimum from the optima of other chips; 0 when none says anything, inf: nothing fits.

    prices   float64[chips, k]: energies, in which the objective is linear with coefficients >= 0
    paces    float64[chips, .]: cycles per access, in which it never falls;  sizes: capacities, in which it never rises
    solved   int64[count]: chips whose optimum is known;  optima: float64[chips]
    priced   False where the objective does not depend on energies

    For chips j that are nowhere slower or smaller, and weights w >= 0 with sum w_j * prices_j <= prices:
        optimum >= sum w_j * optimum_j
    because for every mapping that fits, the objective is at least that sum, term by term. One and two chips are tried.
    """
    best = 0.0
    keep = 12
    near = np.empty(keep, np.int64)
    worth = np.zeros(keep)
    held = 0
    columns = prices.shape[1]
    for n in range(count):
        j = solved[n]
        usable = True
        for k in range(paces.shape[1]):
            if paces[j, k] > paces[chip, k]:
                usable = False
                break
        if usable:
            for k in range(sizes.shape[1]):
                if sizes[j, k] < sizes[chip, k]:
                    usable = False
                    break
        if not usable:
            continue
        if optima[j] == np.inf:
            return np.inf
        weight = 1.0
        if priced:
            weight = np.inf
            for k in range(columns):
                if prices[j, k] > 0.0 and prices[chip, k] < weight * prices[j, k]:
                    weight = prices[chip, k] / prices[j, k]
            if weight == np.inf:
                continue
        bound_here = weight * optima[j]
        if bound_here > best:
            best = bound_here
        at = held
        while at > 0 and worth[at - 1] < bound_here:
            at -= 1
        if at < keep:
            held = min(held + 1, keep)
            for m in range(held - 1, at, -1):
                near[m] = near[m - 1]
                worth[m] = worth[m - 1]
            near[at] = j
            worth[at] = bound_here
    if not priced:
        return best
    for x in range(held):
        for y in range(x + 1, held):
            a, b = near[x], near[y]
            for k in range(columns):
                for m in range(k + 1, columns):
                    ground = prices[a, k] * prices[b, m] - prices[a, m] * prices[b, k]
                    if ground == 0.0:
                        continue
                    wa = (prices[chip, k] * prices[b, m] - prices[chip, m] * prices[b, k]) / ground
                    wb = (prices[a, k] * prices[chip, m] - prices[a, m] * prices[chip, k]) / ground
                    if wa < 0.0 or wb < 0.0:
                        continue
                    # Scaled so that the weighted prices exceed the chip's nowhere, whatever rounding did.
                    share = 1.0
                    for i in range(columns):
                        total = wa * prices[a, i] + wb * prices[b, i]
                        if total > prices[chip, i]:
                            share = min(share, prices[chip, i] / total)
                    best = max(best, share * (wa * optima[a] + wb * optima[b]))
    return best


@njit(cache=True, nogil=True)
def weights_of(chip, prices, paces, sizes, solved, priced):
    """float64[solved]: the largest weight of each chip alone in the bound of `certified`; 0 where it says nothing."""
    found = np.zeros(solved.shape[0])
    for n in range(solved.shape[0]):
        j = solved[n]
        usable = True
        for k in range(paces.shape[1]):
            usable = usable and paces[j, k] <= paces[chip, k]
        for k in range(sizes.shape[1]):
            usable = usable and sizes[j, k] >= sizes[chip, k]
        if usable:
            weight = 1.0
            if priced:
                weight = np.inf
                for k in range(prices.shape[1]):
                    if prices[j, k] > 0.0 and prices[chip, k] < weight * prices[j, k]:
                        weight = prices[chip, k] / prices[j, k]
            found[n] = 0.0 if weight == np.inf else weight
    return found
