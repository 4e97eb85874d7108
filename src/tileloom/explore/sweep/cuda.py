"""Prices designs on a GPU: the same scalar functions as on the CPU, one thread per design. Used only where a GPU is.

Cycles come from the CPU (they are the same for a whole block of designs), metrics and validity from the GPU; counting
and the front stay on the CPU. numba's simulator runs it without a GPU (NUMBA_ENABLE_CUDASIM=1), for tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda as _numba_cuda

from tileloom.core.errors import UnsupportedError
from tileloom.explore.sweep import scalar
from tileloom.explore.sweep.kernels import L1_AT, L2_AT, METRICS, NOC_AT, REFUSED, SIMD_AT, STRUCTURE_AT

# The library makes its names when it is loaded, where a type checker cannot see them.
cuda: Any = _numba_cuda
THREADS = 128

# A GPU may multiply and add in one rounding, which numba cannot switch off: the last digit may differ from the CPU's.
_device = cuda.jit(device=True, inline=False, fastmath=False)
_network_um2 = _device(scalar.network_um2)
_network_mw = _device(scalar.network_mw)
_energy_pj = _device(scalar.energy_pj)
_area_mm2 = _device(scalar.area_mm2)
_power_mw = _device(scalar.power_mw)
_utilization = _device(scalar.utilization)


def has_gpu() -> bool:
    """Whether numba finds a GPU that it can use."""
    return bool(cuda.is_available())


@cuda.jit(fastmath=False)
def _price(
    start, radix, strides, base, pes, logic, arbiter_uw, amounts, needs, simd_of, noc_of, l1, l1_bytes, l1_wide,
    l2, l2_bytes, l2_wide, cycles, first_block, block, low, high, metrics, valid,
):  # fmt: skip
    i = cuda.grid(1)
    if i >= metrics.shape[0]:
        return
    index = start + i
    taken = cycles[index // block - first_block]
    if taken == REFUSED:
        for j in range(METRICS):
            metrics[i, j] = np.nan
        valid[i] = 0
        return
    s = -base
    simd_at = 0
    noc_at = 0
    l1_at = 0
    l2_at = 0
    rest = index
    for p in range(radix.shape[0] - 1, -1, -1):
        digit = rest % radix[p]
        rest = rest // radix[p]
        s += strides[STRUCTURE_AT, p] * digit
        simd_at += strides[SIMD_AT, p] * digit
        noc_at += strides[NOC_AT, p] * digit
        l1_at += strides[L1_AT, p] * digit
        l2_at += strides[L2_AT, p] * digit
    l1_at += l1_wide * s
    l2_at += l2_wide * s
    simd = simd_of[simd_at]
    noc = noc_of[noc_at]
    um2 = _network_um2(
        pes[s], noc, logic[s, 3], logic[s, 4], logic[s, 5], logic[s, 7], logic[s, 8], logic[s, 9], logic[s, 10]
    )
    mw = _network_mw(
        pes[s], noc, logic[s, 3], logic[s, 4], logic[s, 6], logic[s, 7], logic[s, 8], logic[s, 9], arbiter_uw[s]
    )
    energy = _energy_pj(amounts[s, 0], logic[s, 0], amounts[s, 1], l1[l1_at, 0], amounts[s, 2], l2[l2_at, 0])
    metrics[i, 0] = taken
    metrics[i, 1] = energy
    metrics[i, 2] = _area_mm2(pes[s], simd, logic[s, 1], l1[l1_at, 1], l2[l2_at, 1], um2)
    metrics[i, 3] = _power_mw(pes[s], simd, logic[s, 2], l1[l1_at, 2], l2[l2_at, 2], mw)
    metrics[i, 4] = energy * taken
    metrics[i, 5] = _utilization(amounts[s, 0], taken, pes[s], simd)
    fine = needs[s, 0] <= l1_bytes[l1_at] and needs[s, 1] <= l2_bytes[l2_at]
    for j in range(METRICS):
        fine = fine and low[j] <= metrics[i, j] and metrics[i, j] <= high[j]
    valid[i] = 1 if fine else 0


def price_on_gpu(start, stop, axes, m, cycles, first_block, block, low, high):
    """(metrics float64[designs, 6], valid bool[designs]) of designs start .. stop - 1, as kernels.price_designs has them.

    Raises UnsupportedError without a GPU.
    """
    if not has_gpu():
        raise UnsupportedError("no GPU that numba can use was found; leave --gpu out")
    count = stop - start
    metrics, valid = cuda.device_array((count, METRICS), np.float64), cuda.device_array(count, np.int8)
    inputs = [
        cuda.to_device(np.ascontiguousarray(a))
        for a in (axes.radix, axes.strides, m.pes, m.logic, m.arbiter_uw, m.amounts, m.needs, m.simd, m.noc)
    ]
    radix, strides, pes, logic, arbiter_uw, amounts, needs, simd, noc = inputs
    l1, l1_bytes, l2, l2_bytes = (cuda.to_device(a) for a in (m.l1, m.l1_bytes, m.l2, m.l2_bytes))
    _price[(count + THREADS - 1) // THREADS, THREADS](
        start, radix, strides, m.base, pes, logic, arbiter_uw, amounts, needs, simd, noc, l1, l1_bytes, m.l1_wide,
        l2, l2_bytes, m.l2_wide, cuda.to_device(cycles), first_block, block, cuda.to_device(low), cuda.to_device(high),
        metrics, valid,
    )  # fmt: skip
    return metrics.copy_to_host(), valid.copy_to_host().astype(np.bool_)
