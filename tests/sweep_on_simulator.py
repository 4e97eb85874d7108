"""Run with NUMBA_ENABLE_CUDASIM=1: prices a small study by the GPU kernel in numba's simulator and compares exactly.

In a process of its own, because the simulator is chosen when numba is loaded.
"""

from __future__ import annotations

import numpy as np

from sweep_studies import BULK
from tileloom.explore.sweep import kernels
from tileloom.explore.sweep.bulk import BulkPlan, _Tables, limits_of
from tileloom.explore.sweep.cuda import has_gpu, price_on_gpu
from tileloom.explore.sweep.study import parse_study


def main() -> None:
    plan = BulkPlan(parse_study(BULK + "keep: all\nprune: false\n"))
    size = plan.space.size
    known = plan.chunk(0, size)
    tables = _Tables(plan, 0, size)
    cycles = np.empty(size // plan.block, np.int64)
    kernels.block_cycles(0, len(cycles), tables.axes, tables.machines, cycles)
    low, high = limits_of(plan.study)
    metrics, valid = price_on_gpu(0, size, tables.axes, tables.machines, cycles, 0, plan.block, low, high)
    assert (metrics == known.rows.metrics).all()
    assert int(valid.sum()) == known.counts.valid
    text = BULK + "gpu: true\nchunk: 100\n"
    here = BulkPlan(parse_study(text)).chunk(0, size)
    there = BulkPlan(parse_study(BULK + "prune: false\n")).chunk(0, size)
    assert here.counts == there.counts
    assert (here.front.indices == there.front.indices).all()
    assert (here.rows.metrics == there.rows.metrics).all()
    print("equal" if has_gpu() else "no device")


if __name__ == "__main__":
    main()
