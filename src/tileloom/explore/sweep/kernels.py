"""Compiled loops over the designs of a chunk; the arithmetic of one design is scalar.py's, compiled from one source.

Arrays in, arrays out. What the loops compute is defined by bulk.py's single-design functions (tests compare exactly).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tileloom.explore.sweep import scalar

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_retime = njit(cache=True, nogil=True)(scalar.retime)
_total_cycles = njit(cache=True, nogil=True)(scalar.total_cycles)
_network_um2 = njit(cache=True, nogil=True)(scalar.network_um2)
_network_mw = njit(cache=True, nogil=True)(scalar.network_mw)
_energy_pj = njit(cache=True, nogil=True)(scalar.energy_pj)
_area_mm2 = njit(cache=True, nogil=True)(scalar.area_mm2)
_power_mw = njit(cache=True, nogil=True)(scalar.power_mw)
_utilization = njit(cache=True, nogil=True)(scalar.utilization)
enter_front = njit(cache=True, nogil=True)(scalar.enter_front)

METRICS = 6
REFUSED = -1
SEARCHED, EVALUATED, VALID, PRUNED, NO_MAPPING = range(5)
"""Of `counts`: designs looked at or ruled out, priced, within every limit, ruled out with their sub-space, refused."""


class Axes(NamedTuple):
    """How a design's number leads to its values: digit p of the mixed radix, times a stride, summed per field.

    radix     int64[parameters];  outer: parameters whose product is the number of blocks; the rest is one block
    strides   int64[fields, parameters], fields as in the *_AT numbers
    """

    radix: Ints
    outer: int
    strides: Ints


STRUCTURE_AT, SIMD_AT, NOC_AT, LATENCY_AT, OFFCHIP_AT, L1_AT, L2_AT = range(7)


class Machines(NamedTuple):
    """Structures (dataflow, PEs, tiles, technology) laid one after another, and the values of the other fields.

    first_node  int64[structures + 1] into nodes; first_layer: into layers;  base: number of the first structure here
    amounts     float64[structures, 3]: macs, L1 accesses, L2 accesses;  needs: int64[structures, 2] bytes
    pes         int64[structures];  logic: float64[structures, 11]: mac pJ, um2, mW, bus a, b, um2, uW, arbiter a, b, c, um2
    arbiter_uw  float64[structures];  refused: bool[structures]
    l1, l2      float64[., 3]: pJ, um2, mW;  l1_bytes, l2_bytes: int64[.] capacity
    l1_wide, l2_wide   rows of l1, l2 per structure; 0 where all structures share them
    """

    base: int
    nodes: Ints
    inner: Ints
    layer: Ints
    steps: Ints
    layers: Ints
    first_node: Ints
    amounts: Floats
    needs: Ints
    pes: Ints
    logic: Floats
    arbiter_uw: Floats
    refused: Ints
    simd: Ints
    noc: Ints
    latency: Ints
    offchip: Ints
    l1: Floats
    l1_bytes: Ints
    l1_wide: int
    l2: Floats
    l2_bytes: Ints
    l2_wide: int


@njit(cache=True, nogil=True)
def decode(index, radix, digits):
    """Digits of a design's number, the last fastest."""
    for p in range(radix.shape[0] - 1, -1, -1):
        digits[p] = index % radix[p]
        index //= radix[p]


@njit(cache=True, nogil=True)
def field_at(digits, strides, field, count):
    total = 0
    for p in range(count):
        total += strides[field, p] * digits[p]
    return total


@njit(cache=True, nogil=True)
def block_cycles(first, last, axes, m, cycles):
    """Cycles of blocks first .. last - 1 (a block: designs that differ in sizes and prices only); REFUSED where the
    model refuses the dataflow."""
    digits = np.empty(axes.outer, np.int64)
    node_cycles = np.empty(m.inner.shape[0], np.int64)
    step_cycles = np.empty(m.steps.shape[0], np.int64)
    known = (-1, -1, -1, -1)
    for block in range(first, last):
        decode(block, axes.radix[: axes.outer], digits)
        s = field_at(digits, axes.strides, STRUCTURE_AT, axes.outer) - m.base
        if m.refused[s]:
            cycles[block - first] = REFUSED
            continue
        simd = field_at(digits, axes.strides, SIMD_AT, axes.outer)
        noc = field_at(digits, axes.strides, NOC_AT, axes.outer)
        latency = field_at(digits, axes.strides, LATENCY_AT, axes.outer)
        offchip = field_at(digits, axes.strides, OFFCHIP_AT, axes.outer)
        if known != (s, simd, noc, latency):
            known = (s, simd, noc, latency)
            _retime(
                m.nodes, m.inner, m.layer, m.steps, m.first_node[s], m.first_node[s + 1],
                m.simd[simd], m.noc[noc], m.latency[latency], node_cycles, step_cycles,
            )  # fmt: skip
        cycles[block - first] = _total_cycles(
            m.nodes, m.layer, m.steps, m.layers, m.first_node[s], m.first_node[s + 1], m.offchip[offchip], step_cycles
        )


@njit(cache=True, nogil=True)
def _can_be_valid(s, simd, bandwidth, cycles, m, noc_um2, noc_mw, low, high, cheapest):
    """Whether any design of a block may be within the upper limits, were both buffers as cheap as any is."""
    a = m.amounts[s]
    g = m.logic[s]
    energy = _energy_pj(a[0], g[0], a[1], cheapest[0], a[2], cheapest[3])
    if cycles > high[0] or energy > high[1] or energy * cycles > high[4]:
        return False
    if _area_mm2(m.pes[s], simd, g[1], cheapest[1], cheapest[4], noc_um2) > high[2]:
        return False
    if _power_mw(m.pes[s], simd, g[2], cheapest[2], cheapest[5], noc_mw) > high[3]:
        return False
    return _utilization(a[0], cycles, m.pes[s], simd) >= low[5]


@njit(cache=True, nogil=True)
def price_designs(
    start, stop, axes, m, cycles, first_block, block, cheapest, prune, low, high, chosen, signs,
    values, indices, size, counts, kept_index, kept_metrics, kept, keep,
):  # fmt: skip
    """Prices designs start .. stop - 1, counts them, enters the valid ones into the front and keeps rows of them.

    cycles     int64[blocks] of block_cycles, beginning at first_block;  block: designs per block
    low, high  float64[6] limits per metric;  chosen, signs: metrics of the front, -1 for what should be large
    values, indices, size   the front (scalar.enter_front);  counts: int64[5], updated
    keep       0 nothing, 1 valid designs, 2 all;  kept_index, kept_metrics: room for stop - start rows then
    Returns (next design: stop, or the one for which the front had no room; size; kept rows).
    """
    digits = np.empty(axes.radix.shape[0], np.int64)
    parameters = axes.radix.shape[0]
    metrics = np.empty(METRICS)
    candidate = np.empty(chosen.shape[0])
    index = start
    decode(index, axes.radix, digits)
    at = -1
    s = simd = bandwidth = l1_base = l2_base = 0
    taken = 0
    noc_um2 = noc_mw = 0.0
    alive = True
    while index < stop:
        if index // block != at:
            at = index // block
            taken = cycles[at - first_block]
            if taken == REFUSED:
                ahead = min((at + 1) * block, stop)
                counts[SEARCHED] += ahead - index
                counts[NO_MAPPING] += ahead - index
                if keep == 2:
                    for i in range(index, ahead):
                        kept_index[kept] = i
                        for j in range(METRICS):
                            kept_metrics[kept, j] = np.nan
                        kept += 1
                index = ahead
                decode(index, axes.radix, digits)
                continue
            s = field_at(digits, axes.strides, STRUCTURE_AT, axes.outer) - m.base
            simd = m.simd[field_at(digits, axes.strides, SIMD_AT, axes.outer)]
            bandwidth = m.noc[field_at(digits, axes.strides, NOC_AT, axes.outer)]
            l1_base = m.l1_wide * s + field_at(digits, axes.strides, L1_AT, axes.outer)
            l2_base = m.l2_wide * s + field_at(digits, axes.strides, L2_AT, axes.outer)
            g = m.logic[s]
            noc_um2 = _network_um2(m.pes[s], bandwidth, g[3], g[4], g[5], g[7], g[8], g[9], g[10])
            noc_mw = _network_mw(m.pes[s], bandwidth, g[3], g[4], g[6], g[7], g[8], g[9], m.arbiter_uw[s])
            alive = not prune or _can_be_valid(s, simd, bandwidth, taken, m, noc_um2, noc_mw, low, high, cheapest)
            if not alive and keep < 2:
                ahead = min((at + 1) * block, stop)
                counts[SEARCHED] += ahead - index
                counts[PRUNED] += ahead - index
                index = ahead
                decode(index, axes.radix, digits)
                continue
        l1 = l1_base
        l2 = l2_base
        for p in range(axes.outer, parameters):
            l1 += axes.strides[L1_AT, p] * digits[p]
            l2 += axes.strides[L2_AT, p] * digits[p]
        a = m.amounts[s]
        g = m.logic[s]
        energy = _energy_pj(a[0], g[0], a[1], m.l1[l1, 0], a[2], m.l2[l2, 0])
        metrics[0] = taken
        metrics[1] = energy
        metrics[2] = _area_mm2(m.pes[s], simd, g[1], m.l1[l1, 1], m.l2[l2, 1], noc_um2)
        metrics[3] = _power_mw(m.pes[s], simd, g[2], m.l1[l1, 2], m.l2[l2, 2], noc_mw)
        metrics[4] = energy * taken
        metrics[5] = _utilization(a[0], taken, m.pes[s], simd)
        valid = m.needs[s, 0] <= m.l1_bytes[l1] and m.needs[s, 1] <= m.l2_bytes[l2]
        for j in range(METRICS):
            valid = valid and low[j] <= metrics[j] <= high[j]
        if valid:
            for j in range(chosen.shape[0]):
                candidate[j] = signs[j] * metrics[chosen[j]]
            entered = enter_front(values, indices, size, candidate, index)
            if entered < 0:
                return index, size, kept
            size = entered
            counts[VALID] += 1
        counts[SEARCHED] += 1
        counts[EVALUATED] += 1
        if keep == 2 or (keep == 1 and valid):
            kept_index[kept] = index
            for j in range(METRICS):
                kept_metrics[kept, j] = metrics[j]
            kept += 1
        index += 1
        p = parameters - 1
        while p >= 0:
            digits[p] += 1
            if digits[p] < axes.radix[p]:
                break
            digits[p] = 0
            p -= 1
    return index, size, kept


@njit(cache=True, nogil=True)
def front_rows(values):
    """Rows that no other row equals or beats in every column (less is better), ascending; of equal rows the first."""
    kept = np.empty_like(values)
    rows = np.empty(values.shape[0], np.int64)
    size = 0
    for i in range(values.shape[0]):
        size = enter_front(kept, rows, size, values[i], i)
    return np.sort(rows[:size])
