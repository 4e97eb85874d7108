"""From the loops wished on array dimensions to what lies between the memories of every operand, and what is left for time.

Unrollings larger than the array or the layer are cut; what does not divide becomes a fraction, so that the array is
used evenly. The costs of it are in flow.py.
"""

from __future__ import annotations

from math import ceil, floor

from tileloom.core.errors import InputError, did_you_mean
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.version import Version
from tileloom.mapping.notation.zigzag import SpatialLoop

Levels = tuple[tuple[SpatialLoop, ...], ...]
Placed = tuple[tuple[str, tuple[SpatialLoop, ...]], ...]
"""(array dimension, its loops) after cutting."""


def place(layer: ZigzagLayer, machine: ZigzagMachine) -> Placed:
    """The layer's wished loops cut to the array and the layer, fractional where they do not divide.

    A dimension on several array dimensions is made to divide on the one with the largest wish.
    Raises InputError for array dimensions that the machine lacks.
    """
    array, sizes = dict(machine.array), layer.sizes
    unknown = [d for d, _ in layer.spatial if d not in array]
    if unknown:
        near = did_you_mean(unknown[0], array)
        raise InputError(
            f"layer '{layer.name}': spatial mapping on {unknown}, but machine '{machine.name}' has {list(array)}{near}"
        )
    wishes: list[tuple[str, list[tuple[str, int]]]] = [
        (name, [(d, min(size, sizes[d], array[name])) for d, size in loops if d in sizes])
        for name, loops in layer.spatial
    ]
    adjusted = {d: _widest(wishes, d) for _, loops in wishes for d, _ in loops}
    used: dict[str, float] = {}
    placed = []
    for name, loops in wishes:
        found: list[SpatialLoop] = []
        for dim, size in loops:
            before = used.get(dim, 1)
            times = ceil(sizes[dim] / (size * before))
            copies = sizes[dim] / times / before if adjusted[dim] == name else float(size)
            used[dim] = before * copies
            found.append((dim, copies))
        placed.append((name, tuple(found)))
    return tuple(placed)


def _widest(wishes: list[tuple[str, list[tuple[str, int]]]], dim: str) -> str:
    largest = max(size for _, loops in wishes for d, size in loops if d == dim)
    return next(name for name, loops in wishes if (dim, largest) in loops)


def by_level(placed: Placed, layer: ZigzagLayer, machine: ZigzagMachine) -> tuple[Levels, ...]:
    """Per operand the loops below its lowest memory, between memories, and above its top one."""
    found = []
    for operand in layer.operands:
        left = dict(placed)
        levels = []
        for memory in machine.levels(operand.memory_operand):
            served = [d for d, _ in placed if d in left and d in memory.serves]
            levels.append(_merged([loop for d in served for loop in left.pop(d)]))
        levels.append(_merged([loop for loops in left.values() for loop in loops]))
        found.append(tuple(levels))
    return tuple(found)


def _merged(loops: list[SpatialLoop]) -> tuple[SpatialLoop, ...]:
    sizes: dict[str, float] = {}
    for dim, size in loops:
        sizes[dim] = sizes.get(dim, 1) * size
    return tuple(sizes.items())


def whole(levels: Levels, version: Version) -> Levels:
    """The spatial loops as latency sees them: whole numbers."""
    to_whole = ceil if version.round_up_spatial else floor
    return tuple(tuple((d, to_whole(size)) for d, size in loops) for loops in levels)


def temporal_sizes(layer: ZigzagLayer, placed: Placed, version: Version) -> dict[str, int]:
    """What time has to cover of every dimension, in the layer's order; dimensions with one iteration are left out."""
    sizes: dict[str, int] = dict(layer.sizes)
    for _, loops in placed:
        for dim, copies in loops:
            exact = round(sizes[dim] / copies)
            times = ceil(sizes[dim] / copies)
            if not version.inexact_temporal and abs(exact * copies - sizes[dim]) < 1e-9 * sizes[dim]:
                times = exact
            sizes[dim] = times
    return {dim: size for dim, size in sizes.items() if size > 1}
