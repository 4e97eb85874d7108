"""Why a layer has no execution method: which memory or filter leaves none, with the numbers. Searches nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.capacity import NO_FILTERS
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.search.dmazerunner.full import count_methods


def too_small(nest: Nest, chip: DmazeChip, pruning: Pruning = NO_FILTERS) -> tuple[str, ...]:
    """Memories that cannot hold even the smallest tiles; found without a search, nothing is compiled for it."""
    return tuple(_memories(nest, chip, pruning))


def why_none(nest: Nest, chip: DmazeChip, pruning: Pruning = NO_FILTERS) -> tuple[str, ...]:
    """What does not fit, each alone; where only several together do, the filters by name."""
    found = too_small(nest, chip, pruning) or tuple(_filters(nest, chip, pruning))
    if found:
        return found
    return (
        f"no split of the loops fits {chip.cgra_size} PEs, {chip.rf_elements:g} values of registers each and "
        f"{chip.spm_banks:g} banks of {chip.bank_bytes:g} bytes with at least {pruning.pe:.2g} of the PEs, "
        f"{pruning.rf:.2g} of the registers and {pruning.spm:.2g} of the scratchpad used: lower these minima",
    )


def _memories(nest: Nest, chip: DmazeChip, pruning: Pruning) -> Iterator[str]:
    names = ", ".join(o.name for o in nest.operands)
    least = len(nest.operands)
    if chip.rf_elements < least:
        yield (
            f"registers: one value each of {names} takes {least} values per PE, there is room for {chip.rf_elements:g}"
        )
    kept = nest.filters if pruning.no_feature_dram else frozenset[int]()
    tile = [e if v in kept else 1 for v, e in enumerate(nest.extents)]
    sizes = {o.name: o.footprint(tile) * chip.bytes_per_data for o in nest.operands}
    banks = sum(ceil(s / chip.bank_bytes) for s in sizes.values())
    if banks > chip.spm_banks or sum(sizes.values()) > chip.spm_bytes:
        loops = " with the filter loops whole" if kept else ""
        shares = ", ".join(f"{n} {s:g}" for n, s in sizes.items())
        yield (
            f"scratchpad: the smallest tiles{loops} take {banks} banks of {chip.bank_bytes:g} bytes ({shares} bytes), "
            f"there are {chip.spm_banks:g}"
        )


def _filters(nest: Nest, chip: DmazeChip, pruning: Pruning) -> Iterator[str]:
    only = replace(NO_FILTERS, no_spatial_reduction=pruning.no_spatial_reduction)
    if pruning.pe > 0 and not count_methods(nest, chip, replace(only, pe=pruning.pe), 1):
        open_loops = [v for v in range(len(nest.loops)) if not (pruning.no_spatial_reduction and v in nest.reductions)]
        shown = " ".join(f"{nest.loops[v]}={nest.extents[v]}" for v in open_loops)
        yield f"PEs: no product of factors of {shown} lies between {pruning.pe:.2g} * {chip.cgra_size} and {chip.cgra_size}"
    whole = [o.footprint(nest.extents) for o in nest.operands]
    if sum(whole) / chip.rf_elements < pruning.rf:
        yield (
            f"registers: the whole layer has {sum(whole)} values, less than {pruning.rf:.2g} of the {chip.rf_elements:g} "
            "of one PE"
        )
    size = sum(whole) * chip.bytes_per_data
    if size / chip.spm_bytes < pruning.spm:
        yield f"scratchpad: the whole layer has {size:g} bytes, less than {pruning.spm:.2g} of its {chip.spm_bytes:g}"
