"""What an execution method costs by dMazeRunner's analytical model, one step after another: this defines the meaning.

`Passes` holds what no loop order changes, `pair_cost` adds a reuse vector per level. kernel.py computes the same for many
methods at once; capacity is not asked here (search/dmazerunner).

Kept as the original has them, in both modes: groups of PEs add up partial sums one after another; an output that moves
some of the passes stalls for a whole pass each time; multicast costs one read of the scratchpad; an output that stays
in the registers over several passes is charged one way; the first fill and the last drain cost no time.
Corrected (`faithful=False`): the extents of a tile go into DMA bursts as they are (there they are scrambled when a strided
window does not reach the end of the image), waiting time adds up every key once (there the shortest twice), and operands
with equal reuse share their overhead (there each adds it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import InputError
from tileloom.cost.models.dmazerunner.nest import Nest, Operand, Tile
from tileloom.cost.models.dmazerunner.orders import Order, Reuse, candidate_orders, distinct, reuse_vector
from tileloom.mapping.notation.dmazerunner import ExecutionMethod

Values = tuple[int, ...]
"""One number per operand, the output first."""


@dataclass(frozen=True, slots=True)
class Burst:
    """DMA of one tile: `count` invocations of `values` values each."""

    count: int
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Quantities of one RF pass and one SPM pass that no loop order changes. Cycles, values, pJ.

    held_rf, held_array, held_spm   values of the tile in one PE, in all PEs, in the scratchpad
    distribution, reduction         cycles to spread a tile over the PEs, and to add up partial sums between them
    receivers                       PEs that are charged per value (all, or the groups with an output of their own)
    """

    held_rf: Values
    held_array: Values
    held_spm: Values
    compute: int
    spm_trips: int
    dram_trips: int
    distribution: Values
    reduction: Values
    receivers: Values
    reduction_pj: tuple[float, ...]
    noc_pj: tuple[float, ...]
    spm_pj: tuple[float, ...]
    bursts: tuple[Burst, ...]
    dma_cycles: Values
    dma_pj: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCost:
    """Cost under one reuse vector at DRAM and one at SPM level.

    skip            SPM passes for which the operand's tile stays in the registers (1 = spread in every pass)
    comm, stall     cycles keyed by reuse at SPM level
    energy_pj       whole (rounded half to even), as the original; `parts_pj` are not rounded
    parts_pj        (MAC, RF, NOC, SPM, DRAM)
    spread, tiles   times each operand's tile goes over the network, and times it is moved from or to DRAM
    reductions      additions between PEs
    """

    dram: Reuse
    spm: Reuse
    skip: Values
    comm: dict[int, int]
    stall: dict[int, int]
    pass_cycles: int
    pass_energy_pj: float
    dram_energy_pj: float
    cycles: float
    energy_pj: int
    parts_pj: tuple[float, float, float, float, float]
    spread: tuple[float, ...]
    tiles: tuple[float, ...]
    reductions: float

    @property
    def edp(self) -> float:
        return self.energy_pj * self.cycles


def passes(nest: Nest, chip: DmazeChip, method: ExecutionMethod, *, faithful: bool = True) -> Passes:
    """Everything that depends on the factors only.

    Where tiles do not divide, every tile is charged as the largest one, in moves and in time: no cost is too low. The
    arithmetic is that of the layer.
    """
    # Bursts are found from the addresses of whole tiles there, so only the corrected model takes partial ones.
    method.check(dict(zip(nest.loops, nest.extents, strict=True)), imperfect=not faithful)
    rf, space, spm = method.rf, method.spatial, method.spm
    whole, array, _ = method.tiles(nest.extents)
    groups = prod(space[v] for v in range(len(space)) if v not in nest.reductions)
    adders = prod(space[v] for v in nest.reductions)
    held_rf = tuple(o.footprint(rf) for o in nest.operands)
    held_array = tuple(o.footprint(array) for o in nest.operands)
    reduction = (held_rf[0] * (adders - 1) * groups, *(0 for _ in nest.operands[1:]))
    receivers = (groups, *(prod(space) for _ in nest.operands[1:]))
    bursts = tuple(burst(o, whole, faithful=faithful) for o in nest.operands)
    step_pj = 3 * chip.rf_energy + chip.communication_energy + chip.mac_energy
    return Passes(
        held_rf=held_rf,
        held_array=held_array,
        held_spm=tuple(o.footprint(whole) for o in nest.operands),
        compute=prod(rf),
        spm_trips=prod(spm),
        dram_trips=prod(method.dram),
        distribution=held_array,
        reduction=reduction,
        receivers=receivers,
        reduction_pj=tuple(y * step_pj for y in reduction),
        noc_pj=tuple(f * q * chip.communication_energy for f, q in zip(held_rf, receivers, strict=True)),
        spm_pj=tuple(f * chip.spm_energy for f in held_array),
        bursts=bursts,
        dma_cycles=tuple(b.count * burst_cycles(chip, b.values) for b in bursts),
        dma_pj=tuple(b.count * b.values * chip.dram_energy for b in bursts),
    )


def burst(operand: Operand, tile: Tile, *, faithful: bool = True) -> Burst:
    """Contiguous values of a tile in the stored tensor, and how many such runs it has.

    A run goes from the innermost axis outward up to the first that is not covered whole.
    faithful  the tile's extents are found again from the address of its last value, whose strides are those of the
              positions the loops touch, not of those stored
    """
    extents = [a.span(tile) for a in operand.axes]
    if faithful:
        extents = _scrambled(operand, extents)
    values, count, open_run = 1, 1, True
    for axis, extent in zip(reversed(operand.axes), reversed(extents), strict=True):
        if open_run:
            values *= extent
            open_run = extent == axis.declared
        else:
            count *= extent
    return Burst(count, values)


def _scrambled(operand: Operand, extents: Sequence[int]) -> list[int]:
    stride, last = 1, 0
    for axis, extent in zip(reversed(operand.axes), reversed(extents), strict=True):
        last += (extent - 1) * stride
        stride *= axis.realised
    found: list[int] = []
    for axis in reversed(operand.axes):
        last, position = divmod(last, axis.declared)
        found.append(position + 1)
    return found[::-1]


def burst_cycles(chip: DmazeChip, values: int) -> int:
    """Accelerator cycles of one DMA invocation.

        ceil((start-up + cycles per byte * bytes) * accelerator clock / DMA clock)

    >>> burst_cycles(DmazeChip(), 8192), burst_cycles(DmazeChip(), 3136)
    (660, 281)
    """
    cycles = chip.dma_init_cycles + chip.dma_cycles_per_byte * values * chip.data_type_size_in_bytes
    return ceil(cycles * (chip.dataflow_accel_frequency / chip.dma_frequency))


def skips(p: Passes, dram: Reuse, spm: Reuse) -> Values:
    """SPM passes over which each operand's tile stays in the PEs: where nothing moved it within a pass."""
    return tuple(d if s == p.spm_trips and d > 1 else 1 for d, s in zip(dram, spm, strict=True))


def pass_tables(p: Passes, spm: Reuse, skip: Values) -> tuple[dict[int, int], dict[int, int]]:
    """(cycles to distribute, cycles to stall), keyed by reuse at SPM level, ascending; key 1 always exists."""
    keys = sorted({s for s, k in zip(spm, skip, strict=True) if k == 1})
    comm = {k: max(x for x, s, n in zip(p.distribution, spm, skip, strict=True) if s == k and n == 1) for k in keys}
    stall = dict.fromkeys(keys, 0)
    if skip[0] == 1:
        stall[spm[0]] += p.compute + p.reduction[0]
    return comm, stall


def pass_cycles(p: Passes, comm: dict[int, int], stall: dict[int, int]) -> int:
    """Cycles of one SPM pass: distribution overlaps compute unless the output moves in every RF pass."""
    reached, cycles = (0, 0) if stall[1] > 0 else (p.compute, p.compute * p.spm_trips)
    for k in comm:
        times = p.spm_trips // k
        if comm[k] > reached:
            cycles += (comm[k] - reached) * times
            reached = comm[k]
        cycles += stall[k] * times
    return cycles


def layer_cycles(p: Passes, dram: Reuse, skip: Values, inside: int, first_comm: int, *, faithful: bool = True) -> int:
    """Cycles of the layer: SPM passes overlap DMA, whichever takes longer; what moves less often adds its excess."""
    moved = [c * 2 if i == 0 and dram[0] == 1 else c for i, c in enumerate(p.dma_cycles)]
    keys = sorted(set(dram))
    own = {k: sum(m for m, d in zip(moved, dram, strict=True) if d == k) for k in keys}
    waiting = dict(own)
    for i, k in enumerate(keys):
        for later in keys[i + 1 :]:
            # The original adds sums that already hold the shorter keys, so these count twice.
            waiting[later] += waiting[k] if faithful else own[k]
    base = max(waiting[1], inside)
    total = base * p.dram_trips
    extra: dict[int, int] = {}
    for i, k in enumerate(dram):
        if k == 1:
            continue
        load, store = inside, inside
        long, short = waiting[k], waiting[k] if i == 0 else waiting[k] - own[k]
        if skip[i] > 1:
            store += max(0, p.distribution[i] - first_comm)
            if i == 0:
                load += p.reduction[0] + p.compute
        over = (max(0, max(long, load) - base) + max(0, max(short, store) - base)) * (p.dram_trips // k)
        extra[k] = extra.get(k, 0) + over if faithful else max(extra.get(k, 0), over)
    return total + sum(extra.values())


def partial_sum_reads(nest: Nest, dram: Sequence[int], reuse_of_output: int) -> float:
    """Tiles of earlier partial sums that are read again: visits beyond the first of each output tile."""
    trips = prod(dram)
    tiles = prod(dram[v] for v in nest.output.index)
    return 0 if reuse_of_output == trips else (trips / (tiles * reuse_of_output) - 1) * tiles


def pair_cost(
    nest: Nest, chip: DmazeChip, p: Passes, method: ExecutionMethod, dram: Reuse, spm: Reuse, *, faithful: bool = True
) -> PairCost:
    """Cost under these reuse vectors."""
    skip = skips(p, dram, spm)
    comm, stall = pass_tables(p, spm, skip)
    inside = pass_cycles(p, comm, stall)
    cycles = layer_cycles(p, dram, skip, inside, comm[1], faithful=faithful)
    spread: list[float] = []
    moved_tiles: list[float] = []
    sums = 0.0
    pass_pj = level_pj = dram_pj = 0.0
    for i, (d, s, k) in enumerate(zip(dram, spm, skip, strict=True)):
        ways, moved = (2 if i == 0 else 1), p.noc_pj[i] + p.spm_pj[i]
        tiles: float = p.dram_trips / d
        if i == 0:
            tiles += partial_sum_reads(nest, method.dram, d)
        dram_pj += p.dma_pj[i] * tiles
        moved_tiles.append(tiles)
        if k == 1:
            pass_pj += (ways * moved + p.reduction_pj[i]) * (p.spm_trips / s)
            times = p.spm_trips / s * p.dram_trips
            spread.append(ways * times)
        else:
            times = p.dram_trips / k
            level_pj += (moved + p.reduction_pj[i]) * times
            spread.append(times)
        sums += p.reduction[i] * times
    mac_pj, rf_pj = nest.macs * chip.mac_energy, 4 * nest.macs * chip.rf_energy
    level_pj += dram_pj
    parts = (
        mac_pj + sums * chip.mac_energy,
        rf_pj + sums * 3 * chip.rf_energy,
        sum(e * t for e, t in zip(p.noc_pj, spread, strict=True)) + sums * chip.communication_energy,
        sum(e * t for e, t in zip(p.spm_pj, spread, strict=True)),
        dram_pj,
    )
    return PairCost(
        dram=dram,
        spm=spm,
        skip=skip,
        comm=comm,
        stall=stall,
        pass_cycles=inside,
        pass_energy_pj=pass_pj,
        dram_energy_pj=level_pj,
        cycles=cycles,
        energy_pj=round(mac_pj + rf_pj + pass_pj * p.dram_trips + level_pj),
        parts_pj=parts,
        spread=tuple(spread),
        tiles=tuple(moved_tiles),
        reductions=sums,
    )


@dataclass(frozen=True)
class MethodCosts:
    """All reuse-distinct order pairs of one method: (DRAM order, SPM order) -> cost, SPM outer, DRAM inner.

    Orders are loop numbers, innermost first.
    """

    nest: Nest
    passes: Passes
    pairs: tuple[tuple[Order, Order, PairCost], ...]

    def best(self, objective: str) -> tuple[Order, Order, PairCost]:
        """The first pair with the least energy, cycles ('latency') or EDP; each objective for itself."""
        attribute = {"energy": "energy_pj", "latency": "cycles", "edp": "edp"}[objective]
        return min(self.pairs, key=lambda pair: float(getattr(pair[2], attribute)))


def method_costs(nest: Nest, chip: DmazeChip, method: ExecutionMethod, *, faithful: bool = True) -> MethodCosts:
    """Costs of every pair of orders that differ in reuse."""
    p = passes(nest, chip, method, faithful=faithful)
    candidates = candidate_orders(nest)
    at_dram, at_spm = distinct(nest, candidates, method.dram), distinct(nest, candidates, method.spm)
    pairs = tuple(
        (outer, inner, pair_cost(nest, chip, p, method, dram, spm, faithful=faithful))
        for spm, inner in at_spm.items()
        for dram, outer in at_dram.items()
    )
    return MethodCosts(nest, p, pairs)


def cost_under_orders(
    nest: Nest, chip: DmazeChip, method: ExecutionMethod, dram: Order, spm: Order, *, faithful: bool = True
) -> PairCost:
    """Cost under these very orders. The original takes only orders whose reuse one of its candidates has.

    Raises InputError (faithful only) when none has it.
    """
    p = passes(nest, chip, method, faithful=faithful)
    vectors = reuse_vector(nest, dram, method.dram), reuse_vector(nest, spm, method.spm)
    if faithful:
        candidates = candidate_orders(nest)
        for level, vector, factors in zip(("DRAM", "SPM"), vectors, (method.dram, method.spm), strict=True):
            if vector not in distinct(nest, candidates, factors):
                raise InputError(f"no order that dMazeRunner tries at {level} level reuses {vector}")
    return pair_cost(nest, chip, p, method, *vectors, faithful=faithful)
