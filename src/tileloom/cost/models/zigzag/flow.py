"""What one operand holds and moves at every level under given spatial and temporal loops. Source: DeFiNES (HPCA 2023).

Levels of data are counted from the MAC (0), levels of memory from the lowest memory (0). Energy and cycles of the
movements are in evaluate.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, prod

from tileloom.cost.models.zigzag.layer import Halo, ZigzagLayer, ZigzagOperand
from tileloom.cost.models.zigzag.result import Moves
from tileloom.cost.models.zigzag.version import Version
from tileloom.mapping.notation.zigzag import SpatialLoop, TemporalLoop

Temporal = tuple[tuple[TemporalLoop, ...], ...]
Spatial = tuple[tuple[SpatialLoop, ...], ...]
NOTHING: Moves[int] = Moves(0, 0, 0, 0)


def merge_down(operand: ZigzagOperand, temporal: Temporal) -> Temporal:
    """Innermost loops of a level that do not move the operand count for the level below (which stays as it is)."""
    levels = [list(loops) for loops in temporal]
    changed = True
    while changed:
        changed = False
        for lower, upper in pairwise(levels):
            while upper and upper[0][0] in operand.irrelevant:
                lower.append(upper.pop(0))
                changed = True
    return tuple(tuple(loops) for loops in levels)


def growth(
    operand: ZigzagOperand, levels: Sequence[Iterable[SpatialLoop]], version: Version
) -> list[tuple[float, float]]:
    """Per level how many times more elements its loops touch, and how many times more often each is used.

    Halos are counted loop by loop; their extents are truncated to whole numbers even where unrollings are fractional.
    """
    sizes: dict[str, float] = {}
    extents = dict.fromkeys((h.axis for h in operand.halos), 1.0)
    found = []
    for loops in levels:
        elements, reuse = 1.0, 1.0
        for dim, size in loops:
            if dim in operand.relevant:
                elements *= size
                continue
            around = [h for h in operand.halos if dim in (h.first, h.second)]
            if not around:
                reuse *= size
                continue
            sizes[dim] = sizes.get(dim, 1) * size
            for halo in around:
                extent = halo_extent(halo, sizes.get(halo.first, 1), sizes.get(halo.second, 1), version)
                more = extent / extents[halo.axis]
                elements *= more
                reuse *= size / more if more else 1.0
                extents[halo.axis] = extent
        found.append((elements, reuse))
    return found


def halo_extent(halo: Halo, first: float, second: float, version: Version) -> int:
    """Elements along a halo's axis: capped and of whole loops in 3.9, truncated after the formula in DeFiNES."""
    if not version.capped_halos:
        return halo.extent(first, second)
    extent = halo.extent(int(first), int(second))
    return extent if halo.cap is None else min(halo.cap, extent)


@dataclass(frozen=True)
class Flow:
    """elements, bits     held by one instance, per data level;  effective_bits: without the outermost relevant loops
    partial             whether what a data level holds are partial sums; one more entry above the top
    units               instances per data level;  unique: those with different data;  boost: served by one transfer
    amount, period, count, window, width   of the movements, per memory level
    demand              average bits per cycle of the movements, per memory level
    moved               elements moved in total, per memory level
    """

    elements: tuple[int, ...]
    bits: tuple[int, ...]
    effective_bits: tuple[int, ...]
    units: tuple[int, ...]
    unique: tuple[float, ...]
    amount: tuple[Moves[int], ...]
    period: tuple[Moves[int], ...]
    count: tuple[Moves[int], ...]
    window: tuple[Moves[int], ...]
    width: tuple[Moves[int], ...]
    demand: tuple[Moves[int], ...]
    moved: tuple[Moves[int], ...]


def flow(
    layer: ZigzagLayer,
    operand: ZigzagOperand,
    spatial: Spatial,
    merged: Temporal,
    units: tuple[int, ...],
    version: Version,
) -> Flow:
    """The flow of one operand. `merged` is the temporal mapping after `merge_down`, `units` from `unit_counts`."""
    top = len(merged)
    held = growth(operand, [spatial_and_time(spatial, merged, data, 1) for data in range(top + 1)], version)
    served = growth(operand, [spatial_and_time(spatial, merged, data, 0) for data in range(top + 1)], version)
    across = growth(operand, spatial, version)
    elements = tuple(round(prod(e for e, _ in held[: data + 1])) for data in range(top + 1))
    unique = tuple(prod(e for e, _ in across[data:]) for data in range(top + 1))
    to_whole = round if version.round_boost else int
    boost = (*(to_whole(unique[data] / unique[data + 1]) for data in range(top)), 1)
    above = [prod(reuse for _, reuse in served[data:]) for data in range(top + 1)] + [1.0, 1.0]
    partial = [operand.is_output and above[data + 1] > 1 for data in range(top + 1)]
    widths = [operand.partial_bits if p else operand.bits for p in partial]
    bits = tuple(e * w for e, w in zip(elements, widths))
    cycles = [1, *(prod(n for loops in merged[: m + 1] for _, n in loops) for m in range(top))]
    if version.stationary_reads and not operand.is_output:
        cycles[0] = outermost(operand.irrelevant, merged[0][::-1])
    lasting = [1, *(outermost(operand.irrelevant, loops) for loops in merged)]
    rolling = [1, *(outermost(operand.relevant, loops) for loops in merged)]
    effective = tuple(b // r for b, r in zip(bits, rolling))
    total = prod(n for loops in merged for _, n in loops)
    amount, period, count, window, width, demand = [], [], [], [], [], []
    for m in range(top):
        last = m == top - 1
        active = _active(operand, partial, m, last)
        sent = elements[m] * boost[m]
        amount.append(_moves(active, sent, elements[m + 1]))
        period.append(_moves(active, cycles[m], cycles[m + 1]))
        count.append(_moves(active, total // cycles[m], total // cycles[m + 1]))
        window.append(_moves(active, cycles[m] // lasting[m], cycles[m + 1] // lasting[m + 1]))
        width.append(_moves(active, *(operand.partial_bits if p else operand.bits for p in partial[m : m + 2])))
        low = bits[m] / cycles[m] * boost[m]
        demand.append(_moves(active, int(low), int(bits[m + 1] / cycles[m + 1])))
    size = operand.elements(layer.sizes)
    moved = tuple(_moved(operand, layer.macs, served, held, above, size, m, top) for m in range(top))
    return Flow(
        elements, bits, effective, units, unique,
        tuple(amount), tuple(period), tuple(count), tuple(window), tuple(width), tuple(demand), moved,
    )  # fmt: skip


def spatial_and_time(spatial: Spatial, merged: Temporal, data: int, below: int) -> list[SpatialLoop]:
    """Loops of a data level: its temporal ones, then the spatial ones above (below=0) or under its memory (below=1)."""
    loops: list[SpatialLoop] = list(merged[data - 1]) if data else []
    place = data - below
    return loops + (list(spatial[place]) if place >= 0 else [])


def outermost(dims: tuple[str, ...], loops: Sequence[TemporalLoop]) -> int:
    """Product of the consecutive outermost loops over these dims (the innermost, of reversed loops).

    >>> outermost(("C",), [("C", 2), ("K", 3), ("C", 5)])
    5
    """
    found = 1
    for dim, size in reversed(loops):
        if dim not in dims:
            break
        found *= size
    return found


def _active(operand: ZigzagOperand, partial: Sequence[bool], m: int, last: bool) -> tuple[bool, bool, bool, bool]:
    """Which of the four movements a memory level has."""
    if not operand.is_output:
        return True, False, False, not last
    return partial[m], True, not last, partial[m + 1] and not last


def _moves(active: tuple[bool, bool, bool, bool], low: int, high: int) -> Moves[int]:
    return Moves(low * active[0], low * active[1], high * active[2], high * active[3])


def _moved(
    operand: ZigzagOperand,
    macs: int,
    served: list[tuple[float, float]],
    held: list[tuple[float, float]],
    above: list[float],
    size: int,
    m: int,
    top: int,
) -> Moves[int]:
    low = round(macs / prod(reuse for _, reuse in served[: m + 1]))
    high = 0 if m == top - 1 else round(macs / prod(reuse for _, reuse in held[: m + 2]))
    if not operand.is_output:
        return Moves(low, 0, 0, high)
    back = 0 if m == top - 1 else int(size * (above[m + 2] - 1))
    return Moves(int(size * (above[m + 1] - 1)), low, high, back)


def unit_counts(spatials: Sequence[Spatial], version: Version) -> tuple[tuple[int, ...], ...]:
    """Instances per operand and data level: products of the spatial loops above, made whole.

    Raises ValueError when the operands disagree on the number of MACs: the spatial mapping is broken.
    """
    exact = [[prod(n for loops in s[level:] for _, n in loops) for level in range(len(s))] for s in spatials]
    if not version.narrow_links:
        return tuple(tuple(round(round(n, 3)) for n in counts) for counts in exact)
    rounded = [tuple(round(n) for n in counts) for counts in exact]
    if len({counts[0] for counts in rounded}) > 1:
        rounded = [tuple(ceil(n) for n in counts) for counts in exact]
    if len({counts[0] for counts in rounded}) > 1:
        rounded = [tuple(int(n) for n in counts) for counts in exact]
    return tuple(rounded)
