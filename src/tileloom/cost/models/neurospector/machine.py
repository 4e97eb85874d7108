"""An accelerator and a stride packed into the two arrays that the kernels read, and nothing else.

chip    int64    sizes of the arrays, capacities in elements, bypasses, dataflows, constraints, stride
prices  float32 (faithful) or float64: energies in pJ, powers in mW, clock in ns, cycles per access, elements per access
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tileloom.architecture.notation.neurospector import DATAFLOWS, DIMS, TYPES, Accelerator, Buffer, Dataflow
from tileloom.core.errors import InputError
from tileloom.cost.kernels import neurospector as k


@dataclass(frozen=True, eq=False)
class Machine:
    chip: NDArray[np.int64]
    prices: NDArray[np.floating]


def pack(accelerator: Accelerator, stride: int, *, faithful: bool) -> Machine:
    """faithful: single precision and the named quirks; otherwise double precision and the corrected rules."""
    a, gb = accelerator, accelerator.global_buffer
    chip = np.zeros(k.CHIP_SIZE, dtype=np.int64)
    arrays = (a.array("mac_array"), a.array("pe_array"), a.array("multi_chips"))
    for i, array in enumerate(arrays):
        chip[2 * i], chip[2 * i + 1] = array.size_x, array.size_y
        if i == 1 or not faithful:
            chip[k.ALLOWED + 2 * i] = _mask(array.constraint_x)
            chip[k.ALLOWED + 2 * i + 1] = _mask(array.constraint_y)
    chip[k.HAS_GB], chip[k.STRIDE], chip[k.FAITHFUL], chip[k.DECIDED] = gb is not None, stride, faithful, 7
    chip[k.LB_KIND] = _capacity(a, a.local_buffer, chip[k.LB_CAP : k.LB_CAP + 3])
    chip[k.LB_BYPASS], chip[k.LB_FLOW] = _bypassed(a.local_buffer), _flow(a.local_buffer.dataflow)
    chip[k.GB_FLOW] = chip[k.LB_FLOW]
    chip[k.FIXED : k.FIXED + 8] = a.local_buffer.constraint
    if gb is not None:
        chip[k.GB_KIND] = _capacity(a, gb, chip[k.GB_CAP : k.GB_CAP + 3])
        chip[k.GB_BYPASS], chip[k.GB_FLOW] = _bypassed(gb), _flow(gb.dataflow)
        chip[k.FIXED + 8 : k.FIXED + 16] = gb.constraint
    chip[k.FIXED + 16 : k.FIXED + 24] = a.dram.constraint
    return Machine(chip, _prices(a, np.float32 if faithful else np.float64))


def _prices(a: Accelerator, number: type[np.float32] | type[np.float64]) -> NDArray[np.floating]:
    prices: NDArray[np.floating] = np.zeros(k.PRICES_SIZE, dtype=number)
    prices[k.E_MAC], prices[k.P_MAC] = a.mac_energy_pj, a.mac_static_mw
    # An accelerator without a clock has no seconds: static energy would be infinite there, so power must be 0.
    if a.frequency_mhz:
        prices[k.CLOCK] = 1000 / a.frequency_mhz
    elif a.mac_static_mw or any(any(b.static_mw) for b in (a.local_buffer, a.global_buffer, a.dram) if b):
        raise InputError(f"accelerator '{a.name}' has static power but no FREQUENCY (MHz)")
    for buffer, e, p, u, w in (
        (a.local_buffer, k.E_LB, k.P_LB, k.U_LB, k.W_LB),
        (a.global_buffer, k.E_GB, k.P_GB, k.U_GB, k.W_GB),
        (a.dram, k.E_DRAM, k.P_DRAM, k.U_DRAM, k.W_DRAM),
    ):
        if buffer is None:
            continue
        prices[e : e + 3], prices[u : u + 3] = buffer.energy_pj, buffer.cycles
        i, weight, o = (number(v) for v in buffer.static_mw)
        prices[p] = i + weight + o
        prices[w] = number(buffer.bandwidth_bits) / number(a.precision_bits)
    return prices


def _mask(dims: tuple[str, ...]) -> int:
    return sum(1 << DIMS.index(d) for d in dims)


def _bypassed(buffer: Buffer) -> int:
    return sum(1 << TYPES.index(t) for t in buffer.bypass)


def _flow(dataflow: Dataflow | None) -> int:
    return 0 if dataflow is None else 1 + DATAFLOWS.index(dataflow)


def _capacity(accelerator: Accelerator, buffer: Buffer, into: NDArray[np.int64]) -> int:
    """Fills in the capacities; 0 shared, 1 one part for each type, 2 a shared part and a private one."""
    sizes = accelerator.capacities(buffer)
    into[: len(sizes)] = sizes
    return {1: 0, 3: 1, 2: 2}[len(sizes)]
