"""What NeuroSpector's analyzer says of a table, as named numbers; and why it refuses one.

Numbers come from the compiled kernel (cost/kernels/neurospector.py), which states every formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tileloom.architecture.notation.neurospector import DIMS, TYPES, Accelerator, Buffer
from tileloom.core.errors import IllegalMappingError
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.machine import Machine, pack
from tileloom.mapping.notation.neurospector import ONES, ROWS, SchedulingTable
from tileloom.workload.frontends.neurospector import ConvLayer

Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelUse:
    """One buffer. held, sent: elements of input, weight, output;  reads: accesses for input, weight, output; writes: output.

    energy_upper_pj   towards the multipliers;  energy_lower_pj: towards memory
    """

    held: Counts
    sent: Counts
    reads: Counts
    writes: int
    energy_upper_pj: float
    energy_lower_pj: float
    static_pj: float
    cycles: float


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """levels: local_buffer, global_buffer (absent without one), dram. Energies in pJ."""

    table: SchedulingTable
    levels: Mapping[str, LevelUse]
    active_macs: int
    active_pes: int
    active_chips: int
    mac_energy_pj: float
    mac_static_pj: float
    mac_cycles: float
    dynamic_pj: float
    static_pj: float
    energy_pj: float
    cycles: float

    def value(self, metric: str) -> float:
        return self.energy_pj if metric == "energy" else self.cycles

    @property
    def edp(self) -> float:
        return self.energy_pj * self.cycles


def analyze(accelerator: Accelerator, layer: ConvLayer, table: SchedulingTable, *, faithful: bool = False) -> Analysis:
    """All numbers of a table. Raises IllegalMappingError with every broken rule."""
    reasons = broken_rules(accelerator, layer, table, faithful=faithful)
    if reasons:
        raise IllegalMappingError(reasons)
    return analyze_packed(pack(accelerator, layer.stride, faithful=faithful), table)


def analyze_packed(machine: Machine, table: SchedulingTable) -> Analysis:
    """The same for a machine already packed; rules are not checked (the optimizer's starting table may break some)."""
    m = np.array(table.rows, dtype=np.int64)
    counts = np.zeros(k.COUNTS_SIZE, dtype=np.int64)
    out = np.zeros(k.OUT_SIZE, dtype=machine.prices.dtype)
    k.count_tiles(m, machine.chip, counts)
    k.count_accesses(m, machine.chip, counts)
    k.price(m, machine.chip, machine.prices, counts, out)
    return _named(table, machine, counts, [float(v) for v in out], m)


def _named(
    table: SchedulingTable, machine: Machine, counts: NDArray[np.int64], out: list[float], m: NDArray[np.int64]
) -> Analysis:
    c = [int(v) for v in counts]
    levels = {}
    energies = (
        (k.LB_UP, k.LB_LOW, k.LB_S, k.LB_C),
        (k.GB_UP, k.GB_LOW, k.GB_S, k.GB_C),
        (k.DRAM_E, -1, k.DRAM_S, k.DRAM_C),
    )
    for i, (name, (up, low, static, cycles)) in enumerate(zip(("local_buffer", "global_buffer", "dram"), energies)):
        if name == "global_buffer" and not machine.chip[k.HAS_GB]:
            continue
        at = k.COUNT + 4 * i
        levels[name] = LevelUse(
            held=tuple(c[k.ALLOC + 3 * i : k.ALLOC + 3 * i + 3]),
            sent=tuple(c[k.SEND + 3 * i : k.SEND + 3 * i + 3]),
            reads=tuple(c[at : at + 3]),
            writes=c[at + 3],
            energy_upper_pj=out[up],
            energy_lower_pj=out[low] if low >= 0 else 0.0,
            static_pj=out[static],
            cycles=out[cycles],
        )
    return Analysis(
        table=table,
        levels=levels,
        active_macs=int(k.units(m, machine.chip, k.MAC_X)),
        active_pes=int(k.units(m, machine.chip, k.PE_X)),
        active_chips=int(k.units(m, machine.chip, k.CHIP_X)),
        mac_energy_pj=out[k.MAC_E],
        mac_static_pj=out[k.MAC_S],
        mac_cycles=out[k.MAC_C],
        dynamic_pj=out[k.DYNAMIC],
        static_pj=out[k.STATIC],
        energy_pj=out[k.ENERGY],
        cycles=out[k.CYCLES],
    )


def broken_rules(
    accelerator: Accelerator, layer: ConvLayer, table: SchedulingTable, *, faithful: bool = False
) -> tuple[str, ...]:
    """Every rule that the table breaks, with numbers; empty for a table that the analyzer takes."""
    found = [
        f"column {d} multiplies to {got}; layer '{layer.name}' has {d}={wanted}"
        for d, wanted, got in zip(DIMS, layer.dims, table.dims)
        if wanted != got
    ]
    if table.rows[0] != ONES:
        found.append("a REGISTER cannot hold a tile: its row must be all 1")
    found += _axis_faults(accelerator, table, faithful)
    machine = pack(accelerator, layer.stride, faithful=faithful)
    counts = np.zeros(k.COUNTS_SIZE, dtype=np.int64)
    k.count_tiles(np.array(table.rows, dtype=np.int64), machine.chip, counts)
    held = [int(v) for v in counts[: k.SEND]]
    found += _capacity_faults(accelerator, "LOCAL_BUFFER", accelerator.local_buffer, held[:3])
    if accelerator.global_buffer is not None:
        found += _capacity_faults(accelerator, "GLOBAL_BUFFER", accelerator.global_buffer, held[3:6])
    for row, buffer in ((3, accelerator.local_buffer), (6, accelerator.global_buffer), (9, accelerator.dram)):
        for d, wanted, got in zip(DIMS, buffer.constraint if buffer else ONES, table.rows[row]):
            if buffer and wanted not in (0, got):
                found.append(f"{ROWS[row]}: {d} is {got}; CONSTRAINT asks for {wanted}")
    return tuple(found)


def _axis_faults(accelerator: Accelerator, table: SchedulingTable, faithful: bool) -> list[str]:
    found = []
    a = accelerator
    for first, array in ((1, a.array("mac_array")), (4, a.array("pe_array")), (7, a.array("multi_chips"))):
        if array.size == 1 and faithful:
            continue
        honoured = first == 4 or not faithful
        for row, size, allowed in (
            (first, array.size_x, array.constraint_x), (first + 1, array.size_y, array.constraint_y)
        ):  # fmt: skip
            used = int(np.prod(table.rows[row], dtype=np.int64))
            if used > size:
                found.append(f"{ROWS[row]} uses {used} of {size}; put at most {size} there")
            others = [d for d, f in zip(DIMS, table.rows[row]) if f > 1 and d not in allowed]
            if allowed and honoured and others:
                found.append(f"{ROWS[row]} takes {', '.join(allowed)} only; the table puts {', '.join(others)} there")
    return found


def _capacity_faults(accelerator: Accelerator, name: str, buffer: Buffer, held: list[int]) -> list[str]:
    sizes = accelerator.capacities(buffer)
    kept = {t: h for t, h in zip(TYPES, held) if t not in buffer.bypass}
    if len(sizes) == 3:
        return [
            f"{name}: {t} tile of {h} elements; its part holds {sizes[TYPES.index(t)]}"
            for t, h in kept.items()
            if h > sizes[TYPES.index(t)]
        ]
    found = []
    if sum(kept.values()) > sizes[0]:
        parts = " + ".join(f"{t} {h}" for t, h in kept.items())
        found.append(f"{name}: {parts} = {sum(kept.values())} elements; it holds {sizes[0]}")
    if len(sizes) == 2:
        private = buffer.bypass[0]
        size = held[TYPES.index(private)]
        if size > sizes[1]:
            found.append(f"{name}: {private} tile of {size} elements; its private part holds {sizes[1]}")
    return found
