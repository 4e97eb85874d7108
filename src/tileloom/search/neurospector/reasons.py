"""Why no table of a layer fits a machine: the smallest tiles there can be, and what they break. Searches nothing."""

from __future__ import annotations

from math import prod

from tileloom.architecture.notation.neurospector import DIMS, Accelerator
from tileloom.cost.models.neurospector.analysis import broken_rules
from tileloom.mapping.notation.neurospector import DRAM, GB, LB, ONES, ROWS, SchedulingTable
from tileloom.workload.frontends.neurospector import ConvLayer


def why_nothing_fits(accelerator: Accelerator, layer: ConvLayer) -> tuple[str, ...]:
    """Constraints that do not divide the layer; else the rules that the smallest tiles allowed break, with numbers."""
    a = accelerator
    asked = {
        LB: a.local_buffer.constraint,
        GB: a.global_buffer.constraint if a.global_buffer else (0,) * 8,
        DRAM: a.dram.constraint,
    }
    found = []
    for d, (name, extent) in enumerate(zip(DIMS, layer.dims)):
        wanted = {row: c[d] for row, c in asked.items() if c[d]}
        product = prod(wanted.values())
        if extent % product or (len(wanted) == 3 and product > extent):
            factors = " x ".join(f"{v} at {ROWS[row]}" for row, v in wanted.items())
            found.append(f"CONSTRAINT on {name}: {factors} does not divide the layer's {name}={extent}")
    if found:
        return tuple(found)
    rows: list[list[int]] = [list(ONES) for _ in range(10)]
    for d, extent in enumerate(layer.dims):
        for row, constraint in asked.items():
            rows[row][d] = constraint[d] or 1
        # What is left goes as far out as it may.
        free = next((r for r in (DRAM, GB, LB) if not asked[r][d]), LB)
        rows[free][d] *= extent // prod(rows[r][d] for r in asked)
    smallest = broken_rules(a, layer, SchedulingTable(tuple(tuple(row) for row in rows)))
    return tuple(f"even the smallest tiles do not fit: {reason}" for reason in smallest) or ("no table fits",)
