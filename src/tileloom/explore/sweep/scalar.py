"""The arithmetic of one design, as plain scalar functions: compiled for the CPU in kernels.py, for a GPU in cuda.py.

Plain Python runs them as they stand; that is what defines them. No function here calls another, so that each can be
compiled by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def retime(
    nodes: Ints,
    inner: Ints,
    layer: Ints,
    steps: Ints,
    first_node: int,
    last_node: int,
    simd: int,
    bandwidth: int,
    latency: int,
    node_cycles: Ints,
    step_cycles: Ints,
) -> None:
    """Cycles of every step of the outermost levels, on this network and SIMD width, before any off-chip limit.

        delay(q) = latency + ceil(q / bandwidth) - 1
        t        = compute + delay(in) for the first step, else max(compute, delay(in), delay(out))
        compute  = ceil(critical MACs / simd) innermost, else that of the slowest evaluation of the level below

    nodes, inner, layer, steps   as in traffic.Traffic;  node_cycles, step_cycles: int64 scratch as long as nodes, steps
    Source: MAESTRO, specification of its runtime; equal to cost/models/maestro/engine.py (tested).
    """
    for n in range(first_node, last_node):
        total = 0
        for i in range(nodes[n], nodes[n + 1]):
            if inner[n] == 1:
                critical = steps[i, 3]
                compute = (critical + simd - 1) // simd
            else:
                compute = node_cycles[steps[i, 5]]
                if steps[i, 6] >= 0 and node_cycles[steps[i, 6]] > compute:
                    compute = node_cycles[steps[i, 6]]
            q = steps[i, 1]
            # Rounded away from zero for negative volumes of odd mappings, as the engine does.
            whole = abs(q) // bandwidth
            incoming = latency + (whole if q >= 0 else -whole) + (1 if q % bandwidth != 0 else 0) - 1
            q = steps[i, 2]
            whole = abs(q) // bandwidth
            outgoing = latency + (whole if q >= 0 else -whole) + (1 if q % bandwidth != 0 else 0) - 1
            if steps[i, 4] == 1:
                cycles = compute + incoming
            else:
                cycles = compute
                if incoming > cycles:
                    cycles = incoming
                if outgoing > cycles:
                    cycles = outgoing
            step_cycles[i] = cycles
            total += steps[i, 0] * cycles
        node_cycles[n] = total


def total_cycles(
    nodes: Ints,
    layer: Ints,
    steps: Ints,
    layers: Ints,
    first_node: int,
    last_node: int,
    offchip: int,
    step_cycles: Ints,
) -> int:
    """Cycles of the workload: every step of a layer's outermost level takes at least its off-chip transfers.

    at least = max(inputs / offchip / 2, outputs / offchip / 2), each division cut off
    """
    total = 0
    for n in range(first_node, last_node):
        if layer[n] >= 0:
            inputs, outputs = layers[layer[n], 1], layers[layer[n], 2]
            least = abs(inputs) // offchip // 2
            if inputs < 0:
                least = -least
            other = abs(outputs) // offchip // 2
            if outputs < 0:
                other = -other
            if other > least:
                least = other
            for i in range(nodes[n], nodes[n + 1]):
                cycles = step_cycles[i]
                if least > cycles:
                    cycles = least
                total += layers[layer[n], 0] * steps[i, 0] * cycles
    return total


def network_um2(
    pes: float, bandwidth: float, a: float, b: float, um2: float, qa: float, qb: float, qc: float, arbiter_um2: float
) -> float:
    """Area of bus and arbiter in um2: linear in PEs times bandwidth, and quadratic in PEs."""
    arbiter = arbiter_um2 * (qa * pes * pes + qb * pes + qc)
    if arbiter < arbiter_um2:
        arbiter = arbiter_um2
    return um2 * (a * pes + b) * bandwidth + arbiter


def network_mw(
    pes: float, bandwidth: float, a: float, b: float, uw: float, qa: float, qb: float, qc: float, arbiter_uw: float
) -> float:
    """Power of bus and arbiter in mW."""
    arbiter = arbiter_uw * (qa * pes * pes + qb * pes + qc) / 1000.0
    if arbiter < arbiter_uw:
        arbiter = arbiter_uw
    return uw * (a * pes + b) / 1000.0 * bandwidth + arbiter


def energy_pj(macs: float, mac_pj: float, l1_accesses: float, l1_pj: float, l2_accesses: float, l2_pj: float) -> float:
    return macs * mac_pj + (l1_accesses * l1_pj + l2_accesses * l2_pj)


def area_mm2(pes: float, simd: float, mac_um2: float, l1_um2: float, l2_um2: float, noc_um2: float) -> float:
    return (pes * (mac_um2 * simd + l1_um2) + l2_um2 + noc_um2) * 1e-6


def power_mw(pes: float, simd: float, mac_mw: float, l1_mw: float, l2_mw: float, noc_mw: float) -> float:
    return pes * mac_mw * simd + pes * l1_mw + l2_mw + noc_mw


def utilization(macs: float, cycles: float, pes: float, simd: float) -> float:
    return macs / (cycles * pes * simd) if cycles > 0 else 0.0


def enter_front(values: Floats, indices: Ints, size: int, candidate: Floats, index: int) -> int:
    """Enters a candidate into a front, less is better in every column; returns the new size, -1 when there is no room.

    values   float64[capacity, k], indices int64[capacity]: the front in its first `size` rows, in no order
    A candidate that a row equals or beats everywhere stays out, so of equal ones the first entered stays. The row that
    kept it out moves forward: it will keep out many.
    """
    k = candidate.shape[0]
    for i in range(size):
        dominated = True
        for j in range(k):
            if values[i, j] > candidate[j]:
                dominated = False
                break
        if dominated:
            if i > 0:
                at = i // 2
                for j in range(k):
                    kept = values[at, j]
                    values[at, j] = values[i, j]
                    values[i, j] = kept
                other = indices[at]
                indices[at] = indices[i]
                indices[i] = other
            return size
    i = 0
    while i < size:
        beaten = True
        for j in range(k):
            if candidate[j] > values[i, j]:
                beaten = False
                break
        if beaten:
            size -= 1
            for j in range(k):
                values[i, j] = values[size, j]
            indices[i] = indices[size]
        else:
            i += 1
    if size == values.shape[0]:
        return -1
    for j in range(k):
        values[size, j] = candidate[j]
    indices[size] = index
    return size + 1
