"""Why no table of a layer fits a machine, and what a table that the original answers with breaks.

The searches are elsewhere; only whether corrected rules have a table is asked of them.
"""

from __future__ import annotations

from math import prod

from tileloom.architecture.notation.neurospector import DIMS, Accelerator
from tileloom.cost.models.neurospector.analysis import broken_rules
from tileloom.mapping.notation.neurospector import DRAM, GB, LB, ONES, ROWS, SchedulingTable, everything_in_dram
from tileloom.search.neurospector.bottom_up import Chosen, Mode, bottom_up
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


def why_invalid(chosen: Chosen, mode: Mode) -> tuple[str, ...]:
    """Of a faithful answer that breaks rules: what the original does there, each rule, and what corrected rules find."""
    a, layer = chosen.accelerator, chosen.layer
    left = chosen.table == everything_in_dram(layer)
    what = "everything in DRAM" if left else "a table that it did not finish"
    buffers = ((LB, a.local_buffer), (GB, a.global_buffer), (DRAM, a.dram))
    held = [ROWS[row] for row, buffer in buffers if buffer is not None and any(buffer.constraint)]
    why = f"; it checks the CONSTRAINT of {', '.join(held)} on half-filled tables, which seldom meet it" if held else ""
    broken = broken_rules(a, layer, chosen.table, faithful=True)
    corrected = bottom_up(a, layer, chosen.metric, mode)
    also: tuple[str, ...]
    if corrected.feasible:
        value = f"{corrected.value:.6g} {'pJ' if chosen.metric == 'energy' else 'cycles'}"
        also = (f"tables that fit exist: corrected mode finds one of {value}",)
    else:
        also = tuple(f"corrected mode finds none either: {reason}" for reason in why_nothing_fits(a, layer))
    return (f"the original answers with {what}, without a mark{why}", *(f"this breaks {b}" for b in broken), *also)
