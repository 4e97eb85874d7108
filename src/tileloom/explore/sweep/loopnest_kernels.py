"""The compiled loop over designs whose mappings are fixed: energies and times of nodes are looked up and added.

What it computes is defined by model loopnest; loopnest.py lays out the tables (tests compare exactly).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tileloom.explore.sweep.kernels import (
    EVALUATED,
    METRICS,
    NO_MAPPING,
    SEARCHED,
    VALID,
    decode,
    enter_front,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Nests(NamedTuple):
    """Per structure (the first has number `base`) and problem, tables over the variants of every node.

    radix       int64[parameters];  structure: int64[parameters] strides of the structure's number
    variant     int64[nodes + 1, parameters]: strides of the number of a node's variant; the last row is the clock's
    refused     int64[structures]: 1 where there is no mapping
    weight      float64[problems];  macs: of the whole workload
    rows        int64[structures * problems + 1] into row_node, row_at: accesses of one (structure, problem)
    row_energy  float64[.]: energy of a row at row_at + variant
    busy_at     int64[structures * problems, nodes] into busy (cycles by variant), -1 where a node has no time
    node_at     int64[nodes] into leakage, area, rate (by variant);  instances: float64[structures, nodes]
    fits_at     int64[structures, nodes] into fits (1 where every tile fits), -1 for what has no capacity
    frequency   float64[clock variants];  unit: the node whose rate is the peak's
    """

    base: int
    radix: Ints
    structure: Ints
    variant: Ints
    refused: Ints
    weight: Floats
    macs: float
    rows: Ints
    row_node: Ints
    row_at: Ints
    row_energy: Floats
    busy_at: Ints
    busy: Floats
    node_at: Ints
    leakage: Floats
    area: Floats
    rate: Floats
    instances: Floats
    fits_at: Ints
    fits: Ints
    frequency: Floats
    unit: int


@njit(cache=True, nogil=True)
def price_nests(
    start, stop, n, low, high, chosen, signs, values, indices, size, counts, kept_index, kept_metrics, kept, keep
):
    """As kernels.price_designs, without sub-spaces that are ruled out."""
    parameters = n.radix.shape[0]
    nodes = n.node_at.shape[0]
    problems = n.weight.shape[0]
    digits = np.empty(parameters, np.int64)
    at = np.empty(nodes + 1, np.int64)
    metrics = np.empty(METRICS)
    candidate = np.empty(chosen.shape[0])
    decode(start, n.radix, digits)
    for index in range(start, stop):
        s = -n.base
        for p in range(parameters):
            s += n.structure[p] * digits[p]
        for k in range(nodes + 1):
            at[k] = 0
            for p in range(parameters):
                at[k] += n.variant[k, p] * digits[p]
        valid = n.refused[s] == 0
        if valid:
            energy = 0.0
            cycles = 0.0
            for q in range(problems):
                job = s * problems + q
                longest = 0.0
                for k in range(nodes):
                    if n.busy_at[job, k] >= 0:
                        longest = max(longest, n.busy[n.busy_at[job, k] + at[k]])
                moved = 0.0
                for r in range(n.rows[job], n.rows[job + 1]):
                    moved += n.row_energy[n.row_at[r] + at[n.row_node[r]]]
                leaked = 0.0
                for k in range(nodes):
                    leak = n.leakage[n.node_at[k] + at[k]]
                    if leak != 0.0:
                        leaked += leak * (n.instances[s, k] * longest)
                energy += (moved + leaked) * n.weight[q]
                cycles += longest * n.weight[q]
            area = 0.0
            for k in range(nodes):
                area += n.area[n.node_at[k] + at[k]] * n.instances[s, k]
                if n.fits_at[s, k] >= 0 and n.fits[n.fits_at[s, k] + at[k]] == 0:
                    valid = False
            metrics[0] = cycles
            metrics[1] = energy
            metrics[2] = area
            metrics[3] = energy / cycles * n.frequency[at[nodes]] * 1e-9 if cycles > 0.0 else 0.0
            metrics[4] = energy * cycles
            peak = n.rate[n.node_at[n.unit] + at[n.unit]] * n.instances[s, n.unit]
            metrics[5] = n.macs / (cycles * peak) if cycles > 0.0 and peak > 0.0 else 0.0
            counts[EVALUATED] += 1
        else:
            counts[NO_MAPPING] += 1
            metrics[:] = np.nan
        for j in range(METRICS):
            valid = valid and low[j] <= metrics[j] <= high[j]
        if valid:
            for j in range(chosen.shape[0]):
                candidate[j] = signs[j] * metrics[chosen[j]]
            entered = enter_front(values, indices, size, candidate, index)
            if entered < 0:
                counts[EVALUATED] -= 1
                return index, size, kept
            size = entered
            counts[VALID] += 1
        counts[SEARCHED] += 1
        if keep == 2 or (keep == 1 and valid):
            kept_index[kept] = index
            for j in range(METRICS):
                kept_metrics[kept, j] = metrics[j]
            kept += 1
        p = parameters - 1
        while p >= 0:
            digits[p] += 1
            if digits[p] < n.radix[p]:
                break
            digits[p] = 0
            p -= 1
    return stop, size, kept
