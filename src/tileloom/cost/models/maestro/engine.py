"""Evaluates a layer level by level, as the original does: time, traffic and buffer sizes per level.

Faithful to the published tool, quirks included; they are named where they happen and listed in docs/maestro.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan, prod

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.cost.models.maestro import volumes
from tileloom.cost.models.maestro.cases import Case, cases
from tileloom.cost.models.maestro.integers import ceil_div, div, ratio
from tileloom.cost.models.maestro.layer import Coupling
from tileloom.cost.models.maestro.levels import Level
from tileloom.mapping.notation.maestro_refusal import RefusedError

OTHER_NOC_ELEMENTS_PER_CYCLE = 70000
"""Bandwidth of the other levels in the original's bandwidth sweep."""
MAX_CASES = 1_000_000
TENSORS = ("input", "filter", "output")
KINDS = ("input", "filter")


@dataclass(frozen=True, slots=True)
class Delay:
    """Cycles per step; minimum and average are nan when every step was skipped."""

    min: float
    max: float
    avg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRecord:
    """What one level costs. `up` is the buffer above it (L2 at level 0), `down` the one below (L1); in elements.

    steps     occurrences that were counted; 0 when every step was skipped, then nothing here means anything
    active    average number of PEs at work
    """

    runtime_cycles: int
    macs: int
    steps: int
    active: float
    intensity: float
    up_bytes: Mapping[str, int]
    down_bytes: Mapping[str, int]
    up_read: Mapping[str, int]
    up_write: Mapping[str, int]
    down_read: Mapping[str, int]
    down_write: Mapping[str, int]
    peak_elements_per_cycle: int
    avg_elements_per_cycle: float
    offchip_elements_per_cycle: int
    ingress_delay: Delay
    egress_delay: Delay
    compute_delay: Delay


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """The outermost level, and the innermost one as first finished, which gives the L1 size."""

    top: LevelRecord
    inner: LevelRecord


Trace = Callable[["Step"], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One evaluated case, as it is told to a trace: elements per step, cycles per step.

    compute_cycles is None for a case that was skipped because its busiest sub-unit has no work
    """

    depth: int
    number: int
    case: Case
    ingress: tuple[int, int]
    egress: int
    macs: int
    critical_macs: int
    compute_cycles: int | None = None
    ingress_cycles: int = 0
    egress_cycles: int = 0
    cycles: int = 0


@dataclass
class _Extremes:
    low: int | None = None
    high: int = 0
    total: int = 0

    def add(self, value: int, count: int) -> None:
        self.low = value if self.low is None else min(self.low, value)
        self.high = max(self.high, value)
        self.total += value * count

    def closed(self, steps: int) -> Delay:
        if self.low is None or steps == 0:
            return Delay(nan, self.high, nan)
        return Delay(self.low, self.high, div(self.total, steps))


@dataclass
class _Sums:
    """Running sums over the cases of a level."""

    up_bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENSORS, 0))
    down_bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENSORS, 0))
    up_read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENSORS, 0))
    up_write: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENSORS, 0))
    down_read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENSORS, 0))
    down_write: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENSORS, 0))
    counted: int = 0
    steps: int = 0
    runtime: int = 0
    macs: int = 0
    active: float = 0.0
    intensity: float = 0.0
    peak: int = 0
    moved_per_cycle: int = 0
    offchip: int = 0
    ingress: _Extremes = field(default_factory=_Extremes)
    egress: _Extremes = field(default_factory=_Extremes)
    compute: _Extremes = field(default_factory=_Extremes)


class Engine:
    """Evaluates the levels of one layer. Results of a level depend only on its extents and are remembered."""

    def __init__(
        self, levels: Sequence[Level], coupling: Coupling, hardware: MaestroHardware, trace: Trace | None = None
    ) -> None:
        self._levels = levels
        self._coupling = coupling
        self._hardware = hardware
        self._trace = trace
        self._known: dict[tuple[int, tuple[int, ...]], LevelRecord] = {}
        self._inner: LevelRecord | None = None
        self._cases = 0

    def run(self, extents: Mapping[str, int]) -> LayerRecord:
        """The layer of these extents. Raises RefusedError where the original stops or crashes."""
        top = self._evaluate(0, extents)
        # Without any counted step at the top no inner level was ever looked at.
        return LayerRecord(top, self._inner or top)

    def _evaluate(self, depth: int, extents: Mapping[str, int]) -> LevelRecord:
        level = self._levels[depth]
        key = (depth, tuple(extents[m.dim] for m in level.maps))
        # A trace tells every evaluation, remembered or not.
        if self._trace is None and key in self._known:
            return self._known[key]
        sums = _Sums()
        for number, case in enumerate(cases(level, extents)):
            self._count_case()
            self._add(sums, depth, extents, case, number)
        record = _closed(sums)
        if self._inner is None and depth == len(self._levels) - 1:
            self._inner = record
        self._known[key] = record
        return record

    def _count_case(self) -> None:
        self._cases += 1
        if self._cases > MAX_CASES:
            raise RefusedError("size", f"more than {MAX_CASES} cases to evaluate in one layer", "undefined")

    def _add(self, sums: _Sums, depth: int, extents: Mapping[str, int], case: Case, number: int) -> None:
        level, coupling = self._levels[depth], self._coupling
        if sums.counted == 0:
            _size_buffers(sums, level, coupling, extents, case)
        egress = volumes.egress(level, case, coupling)
        macs = volumes.all_macs(level, case, coupling)
        critical = volumes.critical_macs(level, case, coupling)
        sums.up_write["output"] += case.count * egress
        sums.down_write["output"] += case.count * macs
        sums.down_read["output"] += case.count * macs
        if critical <= 0:
            if self._trace is not None:
                self._trace(Step(depth, number, case, (0, 0), egress, macs, critical))
            return
        moved = self._add_inputs(sums, level, case, macs)
        compute, active = self._compute(depth, case, critical)
        step = self._time(depth, number, case, moved, egress, macs, critical, compute)
        if depth == 0:
            step = self._offchip(sums, step)
        _add_time(sums, step, active or self._busy(level, case))
        if self._trace is not None:
            self._trace(step)

    def _add_inputs(self, sums: _Sums, level: Level, case: Case, macs: int) -> tuple[int, int]:
        moved: list[int] = []
        for kind, dims in zip(KINDS, (self._coupling.input, self._coupling.filter)):
            volume = volumes.ingress(level, case, dims)
            moved.append(volume)
            sums.up_read[kind] += case.count * volume
            sums.down_write[kind] = sums.up_read[kind]
            sums.down_read[kind] += case.count * macs
        # Overwritten by every case: the last one decides (quirk Q2).
        sums.intensity = ratio(macs, sum(moved))
        return moved[0], moved[1]

    def _busy(self, level: Level, case: Case) -> int:
        dim = level.maps[level.spatial[0]].dim
        return level.edge_units if case.by_dim[dim].partial else level.units

    def _compute(self, depth: int, case: Case, critical: int) -> tuple[int, float]:
        """Cycles of the slowest sub-unit, and PEs at work inside the sub-units (0 at the innermost level)."""
        level = self._levels[depth]
        if depth == len(self._levels) - 1:
            return ceil_div(critical, self._hardware.simd_lanes), 0.0
        state = case.by_dim[level.maps[level.spatial[0]].dim]
        if not state.partial:
            parts = [(False, level.units)]
        elif not state.last_partial:
            parts = [(False, level.edge_units)]
        else:
            parts = [(True, 1)] + ([(False, level.edge_units - 1)] if level.edge_units > 1 else [])
        results = [(self._evaluate(depth + 1, _inside(level, case, last)), count) for last, count in parts]
        return max(r.runtime_cycles for r, _ in results), sum(r.active * count for r, count in results)

    def _time(
        self,
        depth: int,
        number: int,
        case: Case,
        moved: tuple[int, int],
        egress: int,
        macs: int,
        critical: int,
        compute: int,
    ) -> Step:
        ingress_cycles, egress_cycles = self._delay(depth, sum(moved)), self._delay(depth, egress)
        initial = all(s.position == 0 for s in case.states)
        cycles = compute + ingress_cycles if initial else max(compute, ingress_cycles, egress_cycles)
        return Step(depth, number, case, moved, egress, macs, critical, compute, ingress_cycles, egress_cycles, cycles)

    def _delay(self, depth: int, elements: int) -> int:
        """Cycles to move some elements: latency - 1 for none at all."""
        hardware = self._hardware
        bandwidth, latency = hardware.noc_elements_per_cycle, hardware.noc_latency_cycles
        if hardware.innermost_noc_only and depth < len(self._levels) - 1:
            bandwidth, latency = OTHER_NOC_ELEMENTS_PER_CYCLE, 1
        # Negative volumes of odd mappings count one more, because the original rounds away from zero.
        return latency + div(elements, bandwidth) + (elements % bandwidth != 0) - 1

    def _offchip(self, sums: _Sums, step: Step) -> Step:
        """Off-chip time, and the bandwidth it would need; the latter halves with every case (quirk Q3)."""
        inputs, outputs = sums.up_bytes["input"] + sums.up_bytes["filter"], sums.up_bytes["output"]
        compute = step.compute_cycles
        if not compute:
            raise RefusedError(
                "work in every cluster",
                "a sub-unit of level 0 has no step with work inside: its tile is smaller than the filter there",
                "division by zero",
            )
        bandwidth = self._hardware.offchip_elements_per_cycle
        cycles = max(step.cycles, div(div(inputs, bandwidth), 2), div(div(outputs, bandwidth), 2))
        sums.offchip = div(max(sums.offchip, div(outputs, compute), div(inputs, compute)), 2)
        return Step(
            step.depth,
            step.number,
            step.case,
            step.ingress,
            step.egress,
            step.macs,
            step.critical_macs,
            compute,
            step.ingress_cycles,
            step.egress_cycles,
            cycles,
        )


def _size_buffers(sums: _Sums, level: Level, coupling: Coupling, extents: Mapping[str, int], case: Case) -> None:
    """Buffer sizes from the first counted case; repeated, and for the inputs added up, while cases are skipped (quirk Q16)."""
    for kind, dims in zip(KINDS, (coupling.input, coupling.filter)):
        sums.up_bytes[kind] += 2 * volumes.ingress(level, case, dims)
        sums.up_write[kind] = prod(extents[v] for v in dims)
        sums.down_bytes[kind] += 2 * volumes.covered(level, dims)
    sliding = dict(coupling.sliding)
    sums.up_bytes["output"] = 2 * volumes.egress(level, case, coupling)
    sums.up_read["output"] = prod(
        extents[v] - extents[sliding[v]] + 1 if v in sliding else extents[v] for v in coupling.output
    )
    sums.down_bytes["output"] = 2 * volumes.covered(level, coupling.output)


def _inside(level: Level, case: Case, last: bool) -> dict[str, int]:
    """Extents that a sub-unit evaluates in this step. Of two directives of one dimension the first counts."""
    found: dict[str, int] = {}
    for m in level.maps:
        if m.dim in found:
            continue
        partial = case.by_dim[m.dim].partial and (not m.spatial or level.edge_units == 1 or last)
        found[m.dim] = level.edge[m.dim] if partial else level.full[m.dim]
    return found


def _add_time(sums: _Sums, step: Step, active: float) -> None:
    count = step.case.count
    compute = step.compute_cycles or 0
    sums.runtime += count * step.cycles
    sums.macs += count * step.macs
    sums.active += active * count
    compute = compute or 1
    moved = max(sum(step.ingress), step.egress)
    sums.peak = max(sums.peak, div(moved, compute))
    sums.moved_per_cycle += div(count * moved, compute)
    sums.ingress.add(step.ingress_cycles, count)
    sums.egress.add(step.egress_cycles, count)
    sums.compute.add(compute, count)
    sums.steps += count
    sums.counted += 1


def _closed(sums: _Sums) -> LevelRecord:
    return LevelRecord(
        runtime_cycles=sums.runtime,
        macs=sums.macs,
        steps=sums.steps,
        active=sums.active / sums.steps if sums.steps else 0.0,
        intensity=sums.intensity,
        up_bytes=sums.up_bytes,
        down_bytes=sums.down_bytes,
        up_read=sums.up_read,
        up_write=sums.up_write,
        down_read=sums.down_read,
        down_write=sums.down_write,
        peak_elements_per_cycle=sums.peak,
        avg_elements_per_cycle=ratio(sums.moved_per_cycle, sums.steps),
        offchip_elements_per_cycle=sums.offchip,
        ingress_delay=sums.ingress.closed(sums.steps),
        egress_delay=sums.egress.closed(sums.steps),
        compute_delay=sums.compute.closed(sums.steps),
    )
