"""Evaluates many (layer, dataflow, hardware) triples at once, arrays in and arrays out: the API of sweeps and co-design.

    packed = pack(layers)                              # each distinct (layer, dataflow) once: DirectiveLayer values
    chips = hardware_array([MaestroHardware(num_pes=256), ...])
    result = evaluate_batch(packed, schedule, chips)   # schedule[i] indexes packed, chips[i] is its hardware
    result["runtime_cycles"], result["active"]         # columns COLUMNS (int64) and REAL_COLUMNS (float64), row i of pair i
    result["status"]                                   # 0 evaluated; else why not, in words STATUS[status]

The kernel in cost/kernels/maestro.py equals engine.py row by row. Energy, area and power follow from the columns; see
columns.py and technology.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.kernels import maestro as kernel
from tileloom.cost.kernels.maestro_room import FIRST_ROWS, MAX_ROWS, room, rows
from tileloom.cost.kernels.maestro_states import TENSOR_DIMS
from tileloom.cost.models.maestro.layer import Coupling, complete, coupling_of
from tileloom.cost.models.maestro.levels import Level, split
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer, where

Ints = npt.NDArray[np.int64]
DIMS = ("C", "G", "K", "M", "N", "R", "S", "X", "Y", "X'", "Y'")
_NUMBER = {d: i for i, d in enumerate(DIMS)}
_TENSORS = ("input", "filter", "output")
COLUMNS = (
    *("status", "runtime_cycles", "macs", "steps"),
    *(
        f"{kind}_{t}"
        for kind in ("l2_bytes", "l1_bytes", "l2_read", "l2_write", "l1_read", "l1_write")
        for t in _TENSORS
    ),
    *("peak_elements_per_cycle", "offchip_elements_per_cycle"),
    *(f"{kind}_delay_{e}" for kind in ("ingress", "egress", "compute") for e in ("min", "max", "avg")),
    "moved_per_cycle",
)
"""Of `BatchResult.ints`; l1_bytes is that of the innermost level."""
REAL_COLUMNS = ("active", "intensity", "avg_elements_per_cycle")
STATUS = (
    "evaluated",
    "a sub-unit has no step with work",
    "a step brings no new element",
    "not enough PEs",
    "too many cases",
)
TOO_MANY = 4


@dataclass(frozen=True)
class Packed:
    """Schedules as arrays; `arrays` in the order the kernel takes them."""

    arrays: tuple[Ints, ...]

    def __len__(self) -> int:
        return len(self.arrays[0])


@dataclass(frozen=True)
class BatchResult:
    """ints[N, len(COLUMNS)] and reals[N, len(REAL_COLUMNS)]; a row whose status is not 0 holds nothing else."""

    ints: Ints
    reals: npt.NDArray[np.float64]

    def __getitem__(self, column: str) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        if column in REAL_COLUMNS:
            return self.reals[:, REAL_COLUMNS.index(column)]
        return self.ints[:, COLUMNS.index(column)]


def pack(layers: Sequence[DirectiveLayer]) -> Packed:
    """Layers with dataflows as arrays. Raises RefusedError as the clear version does before it evaluates.

    UnsupportedError for dimensions of other names, several maps of one dimension in a level, and numbers too large for
    64 bits; the clear version takes those.
    """
    prepared = [_prepare(layer) for layer in layers]
    depth = max((len(levels) for _, levels, _, _ in prepared), default=1)
    most = max((len(level.maps) for _, levels, _, _ in prepared for level in levels), default=1)
    n = len(layers)
    shapes = (
        (n,),
        (n,),
        (n, depth, most, 4),
        (n, depth),
        (n, depth, 4, 11),
        (n, depth, 2),
        (n, 11),
        (n,),
        (n, 3, TENSOR_DIMS),
    )
    arrays = tuple(np.zeros(shape, np.int64) for shape in (*shapes, (n, 3), (n,)))
    for s, (coupling, levels, extents, product) in enumerate(prepared):
        _fill(arrays, s, coupling, levels, extents, product)
    return Packed(arrays)


def _prepare(layer: DirectiveLayer) -> tuple[Coupling, tuple[Level, ...], dict[str, int], int]:
    coupling = coupling_of(layer.operator, "N" in layer.sizes)
    completed = complete(layer, coupling)
    product = prod(d.size for d in layer.dataflow or () if isinstance(d, Cluster))
    levels = split(layer, coupling, completed, product)
    extents = {d: e for d, e in completed.extents.items() if d in _NUMBER}
    for level in levels:
        dims = [m.dim for m in level.maps]
        strange = [d for d in dims if d not in _NUMBER or dims.count(d) > 1]
        if strange:
            raise UnsupportedError(
                f"{where(layer)}: the batch takes one map per known dimension, not '{strange[0]}' so"
            )
        if prod(max(m.size, level.extents[m.dim]) for m in level.maps) * level.units > 2**55:
            raise UnsupportedError(f"{where(layer)}: too large for the batch's 64-bit numbers")
    return coupling, levels, extents, product


def _fill(
    arrays: tuple[Ints, ...],
    s: int,
    coupling: Coupling,
    levels: tuple[Level, ...],
    extents: dict[str, int],
    product: int,
) -> None:
    depths, clusters, maps, count, tables, units, whole, outer, order, masks, slide = arrays
    depths[s], clusters[s], slide[s] = len(levels), product, int(bool(coupling.sliding))
    for dim, extent in extents.items():
        whole[s, _NUMBER[dim]] = extent
    for t, dims in enumerate((coupling.input, coupling.filter, coupling.output)):
        numbers = [_NUMBER[d] for d in dims]
        order[s, t] = [*numbers, *[-1] * (TENSOR_DIMS - len(numbers))]
        masks[s, t] = sum(1 << k for k in numbers)
    for depth, level in enumerate(levels):
        count[s, depth] = len(level.maps)
        units[s, depth] = level.units, level.edge_units
        for i, m in enumerate(level.maps):
            maps[s, depth, i] = _NUMBER[m.dim], m.size, m.offset, int(m.spatial)
        for k, table in enumerate((level.full, level.new, level.edge, level.edge_new)):
            for dim, value in table.items():
                tables[s, depth, k, _NUMBER[dim]] = value
    first = levels[0].maps[levels[0].spatial[0]]
    outer[s] = levels[0].extents[first.dim]


HARDWARE = (
    "num_pes",
    "simd_lanes",
    "noc_elements_per_cycle",
    "noc_latency_cycles",
    "offchip_elements_per_cycle",
    "innermost_noc_only",
)
"""Columns of a hardware array."""


def hardware_array(hardware: Sequence[MaestroHardware]) -> Ints:
    """One row per hardware, as the kernel takes it."""
    return np.array([[int(getattr(h, c)) for c in HARDWARE] for h in hardware], np.int64).reshape(-1, len(HARDWARE))


def evaluate_batch(packed: Packed, schedule: Ints, hardware: Ints) -> BatchResult:
    """Evaluates pair i = (schedule[i], hardware[i]), a (layer, dataflow, hardware) triple.

    schedule   int[N], indices into `packed`
    hardware   int[N, 6], rows of `hardware_array`, or made by the caller with the columns HARDWARE

    Row i of the result belongs to pair i. In whatever order pairs come, those of one schedule and number of PEs share
    the work on their volumes, so that a sweep over bandwidths costs little more than its timing. Nothing is remembered
    between calls; the compiled kernel is kept on disk. Raises InputError for shapes or indices that do not fit.
    """
    schedule, hardware = np.ascontiguousarray(schedule, np.int64), np.ascontiguousarray(hardware, np.int64)
    if hardware.shape != (schedule.size, 6):
        raise InputError(f"hardware has shape {hardware.shape}; expected ({schedule.size}, 6), one row per schedule")
    if schedule.size and not 0 <= int(np.min(schedule)) <= int(np.max(schedule)) < len(packed):
        raise InputError(f"schedule indices run from {np.min(schedule)} to {np.max(schedule)}; there are {len(packed)}")
    ints = np.zeros((schedule.size, kernel.INTS), np.int64)
    reals = np.zeros((schedule.size, kernel.FLOATS), np.float64)
    if not schedule.size:
        return BatchResult(ints, reals)
    sequence = np.lexsort((hardware[:, 0], schedule))
    working, cases = room(*packed.arrays[2].shape[1:3]), rows(FIRST_ROWS)
    at = 0
    while True:
        at = kernel.evaluate(packed.arrays, schedule, hardware, sequence, at, working, cases, ints, reals)
        if at == len(sequence):
            return BatchResult(ints, reals)
        if len(cases) < MAX_ROWS:
            cases = rows(4 * len(cases))
        else:
            ints[sequence[at], 0] = TOO_MANY
            at += 1
