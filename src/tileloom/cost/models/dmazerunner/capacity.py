"""Which execution methods a chip can run and a filter lets through. The walk over them is in search/dmazerunner."""

from __future__ import annotations

from math import ceil, prod

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.mapping.notation.dmazerunner import ExecutionMethod

NO_FILTERS = Pruning()


def valid(nest: Nest, chip: DmazeChip, method: ExecutionMethod, pruning: Pruning = NO_FILTERS) -> tuple[str, ...]:
    """Every limit and filter that a method breaks, with numbers; empty when it belongs to the space."""
    faults = []
    pes = prod(method.spatial)
    held = sum(o.footprint(method.rf) for o in nest.operands)
    tile, _, _ = method.tiles(nest.extents)
    sizes = [o.footprint(tile) * chip.bytes_per_data for o in nest.operands]
    banks = sum(ceil(s / chip.bank_bytes) for s in sizes)
    if pes > chip.cgra_size:
        faults.append(f"{pes} PEs are used, there are {chip.cgra_size}")
    if held > chip.rf_elements:
        faults.append(f"registers hold {held} values per PE, there is room for {chip.rf_elements:g}")
    if banks > chip.spm_banks or sum(sizes) > chip.spm_bytes:
        faults.append(f"the scratchpad holds {sum(sizes):g} bytes in {banks} banks, there are {chip.spm_banks:g} banks")
    if min(pes, chip.cgra_size) / chip.cgra_size < pruning.pe:
        faults.append(f"{pes} of {chip.cgra_size} PEs are below the minimum of {pruning.pe:g}")
    if held / chip.rf_elements < pruning.rf:
        faults.append(f"{held} of {chip.rf_elements:g} register values are below the minimum of {pruning.rf:g}")
    if sum(sizes) / chip.spm_bytes < pruning.spm:
        faults.append(f"{sum(sizes):g} of {chip.spm_bytes:g} scratchpad bytes are below the minimum of {pruning.spm:g}")
    if pruning.no_spatial_reduction:
        faults += [
            f"loop '{nest.loops[v]}' adds up across PEs" for v in sorted(nest.reductions) if method.spatial[v] > 1
        ]
    if pruning.no_feature_dram:
        faults += [
            f"filter loop '{nest.loops[v]}' runs at DRAM level" for v in sorted(nest.filters) if method.dram[v] > 1
        ]
    return tuple(faults)
