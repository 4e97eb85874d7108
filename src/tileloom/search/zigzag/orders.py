"""LOMA compiled: orders of the temporal factors, each operand's share allocated bottom-up, the best one kept.

Costs are in cost/kernels/zigzag_cost.py. The slow twin, in plain Python, is reference.py; docs/zigzag.md explains the steps.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tileloom.cost.kernels.zigzag_cost import cycles_of, energy_of, halo_extent, last_reduction
from tileloom.cost.kernels.zigzag_program import EARLY_SUMS, HALO, OVERFLOW, RELEVANT, WHOLE_FOOTPRINTS

ENERGY, LATENCY, EDP = 0, 1, 2
TIE = 1e-12
"""Relative difference below which energies that are sums in different orders count as equal (corrected mode)."""


@nb.njit(cache=True, error_model="numpy")
def footprint(program, o, product):
    """Elements of an operand for loop products per dimension."""
    whole = program.flags[WHOLE_FOOTPRINTS]
    elements = 1.0
    for d in range(program.dims):
        if program.kind[o, d] == RELEVANT:
            elements *= math.ceil(product[d]) if whole else product[d]
    for h in range(program.halos[o]):
        first, second = product[program.halo[o, h, 0]], product[program.halo[o, h, 1]]
        if whole:
            first, second = float(math.ceil(first)), float(math.ceil(second))
        elements *= halo_extent(program, o, h, first, second)
    return elements


@nb.njit(cache=True, error_model="numpy")
def start_products(program, products):
    """products[o, d]: loop products below the lowest memory (spatial loops only)."""
    products[:] = 1.0
    for o in range(program.operands):
        for i in range(program.loops[o, 0]):
            products[o, program.loop_dim[o, 0, i]] *= program.loop_size[0, o, 0, i]


@nb.njit(cache=True, error_model="numpy")
def slices(program, k, j, dims, sizes, n, start, last_sum, work):
    """Footprints in bits of memory k's j-th operand with 0, 1, ... more loops, until one is too large; how many fit.

    reuse: remaining iterations times footprint, what is fetched from above; 0 where the memory is the operand's top.
    """
    o, m = program.held_by[k, j], program.held_level[k, j]
    bits = program.bits[o]
    if o == 0 and (last_sum > start or (program.flags[EARLY_SUMS] and program.sums_above[0, 0, m + 1])):
        bits = program.partial_bits[o]
    left = 1.0
    for i in range(start, n):
        left *= sizes[i]
    trial = work.trial
    foot, reuse = work.foot, work.reuse
    trial[:] = work.products[o]
    top = m == program.levels[o] - 1
    found = 0
    for i in range(start, n + 1):
        if i > start:
            trial[dims[i - 1]] *= sizes[i - 1]
            left /= sizes[i - 1]
        kind = program.kind[o, dims[i - 1]] if i > start else HALO
        moves = kind in (RELEVANT, HALO)
        size = footprint(program, o, trial) * bits if moves else foot[j, found - 1]
        if size > program.capacity[k]:
            break
        foot[j, found] = size
        reuse[j, found] = 0.0 if top else left * size
        found += 1
    return found


@nb.njit(cache=True, error_model="numpy")
def choose(program, k, held, even, work):
    """The combination that fits together and is fetched least, the latest of equal ones. False when none fits."""
    counts, first, foot, reuse = work.fitting, work.first, work.foot, work.reuse
    starts, pick, chosen = work.starts, work.pick, work.chosen
    pick[:held] = first[:held]
    best, found = np.inf, False
    while True:
        size, fetched = 0.0, 0.0
        for j in range(held):
            size += foot[j, pick[j]]
            fetched += reuse[j, pick[j]]
        if size <= program.capacity[k] and fetched <= best:
            same = True
            if even:
                for j in range(1, held):
                    same = same and starts[j] + pick[j] == starts[0] + pick[0]
            if same:
                best, found = fetched, True
                chosen[:held] = pick[:held]
        j = held - 1
        while j >= 0:
            pick[j] += 1
            if pick[j] < counts[j]:
                break
            pick[j] = first[j]
            j -= 1
        if j < 0:
            return found


@nb.njit(cache=True, error_model="numpy")
def allocate(program, dims, sizes, n, even, work):
    """Cuts of an order by LOMA's rule, bottom-up. False when it does not fit."""
    products, counts, first, starts, chosen = work.products, work.fitting, work.first, work.starts, work.chosen
    cut = work.cut
    start_products(program, products)
    last_sum = last_reduction(program, dims, n)
    for k in range(program.memories):
        held = program.held[k]
        for j in range(held):
            o, m = program.held_by[k, j], program.held_level[k, j]
            starts[j] = cut[o, m - 1] if m else 0
            counts[j] = slices(program, k, j, dims, sizes, n, starts[j], last_sum, work)
            if counts[j] == 0:
                return False
            first[j] = counts[j] - 1 if m == program.levels[o] - 1 else 0
        fits = choose(program, k, held, even, work)
        if not fits:
            if not program.flags[OVERFLOW]:
                return False
            chosen[:held] = 0
        for j in range(held):
            o, m = program.held_by[k, j], program.held_level[k, j]
            end = starts[j] + chosen[j]
            cut[o, m] = end
            if m == program.levels[o] - 1 and end < n:
                return False
            for i in range(starts[j], end):
                products[o, dims[i]] *= sizes[i]
            for i in range(program.loops[o, m + 1]):
                products[o, program.loop_dim[o, m + 1, i]] *= program.loop_size[0, o, m + 1, i]
    return True


@nb.njit(cache=True, error_model="numpy")
def better(objective, faithful, ties_by_cycles, energy, cycles, best_energy, best_cycles):
    """Whether a candidate replaces the best one under the rules of the originals, or of the corrected mode."""
    if faithful:
        if objective == ENERGY:
            return energy < best_energy or (ties_by_cycles and energy == best_energy and cycles < best_cycles)
        if objective == LATENCY:
            return cycles < best_cycles or (cycles == best_cycles and energy < best_energy)
        return energy * cycles < best_energy * best_cycles
    slack = 1.0 - TIE
    if objective == ENERGY:
        return energy < best_energy * slack or (energy <= best_energy / slack and cycles < best_cycles)
    if objective == LATENCY:
        return cycles < best_cycles or (cycles == best_cycles and energy < best_energy * slack)
    return energy * cycles < best_energy * best_cycles * slack


@nb.njit(cache=True, error_model="numpy")
def search_orders(
    program, rank, dim, size, objective, faithful, ties_by_cycles, even, work, out_dims, out_sizes, out_cut
):
    """The best order of a multiset of factors given in non-increasing order; Williams' prefix shifts, 2009.

    rank [i] orders the factors (equal ones have equal rank). Returns (energy, cycles, orders seen, orders that fit).
    """
    n = len(dim)
    after = np.empty(n + 1, np.int64)
    for i in range(n):
        after[i] = i + 1 if i + 1 < n else -1
    h, i, j = 0, max(0, n - 2), n - 1
    dims, sizes = np.zeros(max(1, n), np.int64), np.ones(max(1, n), np.int64)
    best_energy, best_cycles = np.inf, np.inf
    seen, fitting = 0, 0
    while True:
        node, at = h, 0
        while n and node >= 0:
            dims[at], sizes[at] = dim[node], size[node]
            node, at = after[node], at + 1
        seen += 1
        if allocate(program, dims, sizes, n, even, work):
            fitting += 1
            energy = energy_of(program, dims, sizes, n, work.cut, work)
            # Without a chance by energy the cycles need not be known.
            limit = best_energy if faithful else best_energy / (1.0 - TIE)
            if objective != ENERGY or energy < limit or (energy == limit and (ties_by_cycles or not faithful)):
                needed = objective != ENERGY or ties_by_cycles or not faithful
                cycles = cycles_of(program, dims, sizes, n, work) if needed else 0.0
                if fitting == 1 or better(
                    objective, faithful, ties_by_cycles, energy, cycles, best_energy, best_cycles
                ):
                    best_energy, best_cycles = energy, cycles
                    out_dims[:n], out_sizes[:n] = dims[:n], sizes[:n]
                    out_cut[:] = work.cut
        if n < 2 or (after[j] < 0 and not rank[j] < rank[h]):
            return best_energy, best_cycles, seen, fitting
        s = j if after[j] >= 0 and rank[i] >= rank[after[j]] else i
        t = after[s]
        after[s] = after[t]
        after[t] = h
        if rank[t] < rank[h]:
            i = t
        j = after[i]
        h = t
