"""The bulk engine for MAESTRO machines: traffic once per dataflow and PE count, then prices for every design.

`BulkPlan.chunk` evaluates a range of designs; `single_design` evaluates one through the clear engine, and is what
a bulk design must equal exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import inf, prod

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.maestro import UNLIMITED
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.maestro.engine import TENSORS
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.cost.models.maestro.technology import Technology
from tileloom.explore.sweep import kernels, scalar
from tileloom.explore.sweep.chunk import ChunkResult, Counts, Front, Rows
from tileloom.explore.sweep.machine import FIELDS, MachinePrices, MemoryPrice, hardware_of, prices_of
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.space import Space
from tileloom.explore.sweep.study import Study
from tileloom.explore.sweep.traffic import Traffic, refused_traffic, traffic_of, with_dataflow
from tileloom.explore.sweep.values import Value
from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_refusal import RefusedError

TIMING = ("simd_lanes", "noc_elements_per_cycle", "noc_latency_cycles", "offchip_elements_per_cycle")
DEFAULTS = {
    "simd_lanes": 1,
    "noc_elements_per_cycle": UNLIMITED,
    "noc_latency_cycles": 1,
    "offchip_elements_per_cycle": UNLIMITED,
    "l1_bytes": 0,
    "l2_bytes": 0,
}
Ints = npt.NDArray[np.int64]

FRONT_ROOM = 4096


@dataclass(frozen=True)
class Structure:
    """A dataflow on so many PEs in a technology."""

    traffic: Traffic
    num_pes: int
    prices: MachinePrices


@dataclass
class BulkPlan:
    """A study made ready: parameters in the engine's order, and what has been worked out so far."""

    study: Study
    structures: dict[int, Structure] = field(default_factory=dict)
    traffics: dict[tuple[object, ...], Traffic] = field(default_factory=dict)
    bought: dict[tuple[str, int, int], MemoryPrice] = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        """Structure outermost, then what changes times, then sizes."""
        space = self.study.space
        named = {*FIELDS}
        symbols = [n for n in space.names if n not in named]
        return space.ordered([["dataflow", "technology", "num_pes", *symbols], TIMING])

    @cached_property
    def structural(self) -> tuple[int, ...]:
        """Positions of the parameters that decide the structure; always the first ones."""
        names = [n for n in self.space.names if n not in (*TIMING, "l1_bytes", "l2_bytes")]
        return tuple(sorted({i for n in names for i in self.space.depends(n)}))

    @cached_property
    def outer(self) -> int:
        """How many parameters decide structure and times."""
        found = {*self.structural, *(i for n in TIMING for i in self.space.depends(n))}
        return max(found, default=-1) + 1

    @property
    def block(self) -> int:
        """Designs that differ in sizes only, next to each other."""
        return prod(self.space.radix[self.outer :])

    @cached_property
    def layers(self) -> list[tuple[DirectiveLayer, int]]:
        return [(layer_of(d.problem).layer, d.count) for d in self.study.problems]

    def structure(self, number: int) -> Structure:
        """The structure of this number: digits of the structural parameters."""
        if number not in self.structures:
            small = Space(tuple(self.space.parameters[i] for i in self.structural))
            chosen = {p.name: p.values[d] for p, d in zip(small.parameters, small.digits(number))}
            names = {link.name for link in self.space.links if set(link.uses) <= set(chosen)}
            chosen |= {link.name: link.value(chosen) for link in self.space.links if link.name in names}
            self.structures[number] = self._structure(chosen)
        return self.structures[number]

    def _structure(self, chosen: dict[str, Value]) -> Structure:
        values = self.study.machine | chosen
        num_pes = whole(values, "num_pes")
        given = self.study.given
        name = str(values.get("dataflow", next(iter(given.dataflows), "")))
        sizes = tuple(
            sorted((k, v) for k, v in values.items() if k not in FIELDS and k not in ("dataflow", "technology"))
        )
        key = (name, num_pes, sizes)
        if key not in self.traffics:
            try:
                self.traffics[key] = traffic_of(self._mapped(name, dict(sizes), num_pes), num_pes)
            except UnsupportedError as error:
                self.traffics[key] = refused_traffic(str(error))
        technology = str(values.get("technology", given.technology))
        return Structure(self.traffics[key], num_pes, prices_of(technology, given.prices, self.study.folder))

    def _mapped(self, name: str, sizes: dict[str, Value], num_pes: int) -> list[tuple[DirectiveLayer, int]]:
        given = self.study.given.dataflows
        text = given[name] if isinstance(given, dict) else name
        return [(with_dataflow(layer, text, sizes, num_pes), count) for layer, count in self.layers]

    def buffer(self, structure: Structure, level: int, size: int) -> MemoryPrice:
        """The price of a buffer; a size of 0 is what the structure requires."""
        need = structure.traffic.l1_bytes if level == 1 else structure.traffic.l2_bytes
        key = (structure.prices.technology.name, level, size or need)
        if key not in self.bought:
            self.bought[key] = structure.prices.buffer(level, size or need)
        return self.bought[key]

    def chunk(self, start: int, stop: int) -> ChunkResult:
        """Designs start .. stop - 1: counts, their front, and rows of the designs that the study keeps."""
        tables = _Tables(self, start, stop)
        given = self.study.given
        keep = {"front": 0, "valid": 1, "all": 2}[given.keep or "front"]
        room = stop - start if keep else 0
        kept_index, kept_metrics = np.empty(room, np.int64), np.empty((room, len(METRICS)))
        first, last = start // self.block, (stop - 1) // self.block + 1
        cycles = np.empty(last - first, np.int64)
        kernels.block_cycles(first, last, tables.axes, tables.machines, cycles)
        chosen, signs = chosen_metrics(self.study.objectives)
        low, high = limits_of(self.study)
        values, indices = np.empty((FRONT_ROOM, len(chosen))), np.empty(FRONT_ROOM, np.int64)
        counts = np.zeros(5, np.int64)
        if given.gpu and self._gpu():
            return self._on_gpu(start, stop, tables, cycles, first)
        size, kept, at = 0, 0, start
        while at < stop:
            at, size, kept = kernels.price_designs(
                at, stop, tables.axes, tables.machines, cycles, first, self.block, tables.cheapest, given.prune and not given.gpu,
                low, high, chosen, signs, values, indices, size, counts, kept_index, kept_metrics, kept, keep,
            )  # fmt: skip
            if at < stop:
                values, indices = (
                    np.vstack([values, np.empty_like(values)]),
                    np.hstack([indices, np.empty_like(indices)]),
                )
        totals, kept_index_one = Counts(*(int(c) for c in counts)), np.empty(1, np.int64)
        order = np.argsort(indices[:size])
        front = Front(indices[:size][order], values[:size][order] * signs)
        rows = Rows(kept_index[:kept], kept_metrics[:kept])
        if not keep:
            metrics = np.empty((size, len(METRICS)))
            for row, i in enumerate(front.indices):
                kernels.price_designs(
                    i, i + 1, tables.axes, tables.machines, cycles, first, self.block, tables.cheapest, False,
                    low, high, chosen, signs, values, indices, 0, counts, kept_index_one, metrics[row : row + 1], 0, 2,
                )  # fmt: skip
            rows = Rows(front.indices, metrics)
        return ChunkResult(start, stop, totals, front, rows)

    def _gpu(self) -> bool:
        from tileloom.explore.sweep.cuda import has_gpu

        return has_gpu()

    def _on_gpu(self, start: int, stop: int, tables: _Tables, cycles: Ints, first: int) -> ChunkResult:
        """As `chunk`: priced on the GPU, counted and merged here."""
        from tileloom.explore.sweep.cuda import price_on_gpu

        low, high = limits_of(self.study)
        metrics, valid = price_on_gpu(  # type: ignore[no-untyped-call]
            start, stop, tables.axes, tables.machines, cycles, first, self.block, low, high
        )
        chosen, signs = chosen_metrics(self.study.objectives)
        rows = np.flatnonzero(valid)
        front = kernels.front_rows(np.ascontiguousarray(metrics[rows][:, chosen] * signs))
        best = rows[front]
        keep = {"front": best, "valid": rows, "all": np.arange(stop - start)}[self.study.given.keep or "front"]
        refused = int(np.isnan(metrics[:, 0]).sum())
        counts = Counts(stop - start, stop - start - refused, len(rows), 0, refused)
        return ChunkResult(
            start, stop, counts, Front(best + start, metrics[best][:, chosen]), Rows(keep + start, metrics[keep])
        )

    def some(self, designs: tuple[int, ...]) -> ChunkResult:
        """Any designs, each through the clear engine."""
        found = [single_design(self, i) for i in designs]
        metrics = np.array([d.metrics for d in found]).reshape(len(found), len(METRICS))
        fits = tuple(d.fits for d in found)
        counts = Counts(len(found), len(found), sum(d.valid for d in found))
        nothing = Front(np.zeros(0, np.int64), np.zeros((0, 0)))
        return ChunkResult(min(designs), max(designs) + 1, counts, nothing, Rows(np.array(designs), metrics), fits)

    def chip(self, values: dict[str, Value]) -> Architecture:
        raise UnsupportedError("a MAESTRO machine is no architecture of memories; its fields are in `best`")

    def content(self, values: dict[str, Value]) -> object:
        """What makes a design that design, besides the study's context."""
        return DEFAULTS | self.study.machine | values


class _Tables:
    """The arrays that a chunk's kernels take."""

    def __init__(self, plan: BulkPlan, start: int, stop: int) -> None:
        self.plan, space = plan, plan.space
        self.inner = prod(space.radix[len(plan.structural) :])
        first, last = start // self.inner, (stop - 1) // self.inner + 1
        self.structures = [plan.structure(i) for i in range(first, last)]
        steps_of = np.zeros((7, len(space.radix)), np.int64)
        values = {}
        for row, name in enumerate(("", *TIMING)):
            if row == 0:
                steps_of[0] = strides(space, plan.structural)
            else:
                steps_of[row], values[name] = self.field(name)
        l1, l1_wide, steps_of[5] = self.memory(1)
        l2, l2_wide, steps_of[6] = self.memory(2)
        self.axes = kernels.Axes(np.array(space.radix, np.int64), plan.outer, steps_of)
        self.cheapest = np.concatenate([l1[:, :3].min(axis=0), l2[:, :3].min(axis=0)])
        traffics = [s.traffic for s in self.structures]
        node_at = np.cumsum([0, *(len(t.inner) for t in traffics)])
        step_at = np.cumsum([0, *(len(t.steps) for t in traffics)])
        layer_at = np.cumsum([0, *(len(t.layers) for t in traffics)])
        steps = [t.steps.copy() for t in traffics]
        for part, offset in zip(steps, node_at):
            part[:, 5:][part[:, 5:] >= 0] += offset
        tops = [np.where(t.layer >= 0, t.layer + at, -1) for t, at in zip(traffics, layer_at)]
        logic = [_logic(s.prices.technology) for s in self.structures]
        self.machines = kernels.Machines(
            base=first,
            nodes=np.concatenate([[0], *(t.nodes[1:] + at for t, at in zip(traffics, step_at))]).astype(np.int64),
            inner=np.concatenate([t.inner for t in traffics]),
            layer=np.concatenate(tops).astype(np.int64),
            steps=np.concatenate(steps),
            layers=np.concatenate([t.layers for t in traffics]),
            first_node=node_at.astype(np.int64),
            amounts=np.array([(t.macs, t.l1_accesses, t.l2_accesses) for t in traffics], np.float64),
            needs=np.array([(t.l1_bytes, t.l2_bytes) for t in traffics], np.int64),
            pes=np.array([s.num_pes for s in self.structures], np.int64),
            logic=np.array(logic),
            arbiter_uw=np.array([s.prices.technology.arbiter_uw for s in self.structures]),
            refused=np.array([bool(t.refused) for t in traffics], np.int64),
            simd=values["simd_lanes"],
            noc=values["noc_elements_per_cycle"],
            latency=values["noc_latency_cycles"],
            offchip=values["offchip_elements_per_cycle"],
            l1=np.ascontiguousarray(l1[:, :3]),
            l1_bytes=l1[:, 3].astype(np.int64),
            l1_wide=l1_wide,
            l2=np.ascontiguousarray(l2[:, :3]),
            l2_bytes=l2[:, 3].astype(np.int64),
            l2_wide=l2_wide,
        )

    def field(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        space = self.plan.space
        if name not in space.names:
            default = self.plan.study.machine.get(name, DEFAULTS[name])
            return np.zeros(len(space.radix), np.int64), np.array([default], np.int64)
        table = [whole({name: v}, name) for v in space.table(name)]
        return strides(space, space.depends(name)), np.array(table, np.int64)

    def memory(self, level: int) -> tuple[np.ndarray, int, np.ndarray]:
        """float64[rows, 4] (pJ, um2, mW, bytes), rows per structure (0: shared), strides of the size within them."""
        name = f"l{level}_bytes"
        strides, sizes = self.field(name)
        shared = all(int(s) > 0 for s in sizes) and len({s.prices.technology.name for s in self.structures}) == 1
        rows = []
        for structure in self.structures[:1] if shared else self.structures:
            for size in sizes:
                if structure.traffic.refused:
                    rows.append((inf, inf, inf, 0))
                    continue
                price = self.plan.buffer(structure, level, int(size))
                need = structure.traffic.l1_bytes if level == 1 else structure.traffic.l2_bytes
                rows.append((price.energy_pj, price.area_um2, price.power_mw, int(size) or need))
        return np.array(rows, np.float64), 0 if shared else len(sizes), strides


def strides(space: Space, positions: tuple[int, ...]) -> Ints:
    """Per parameter, how far a step of it moves in a table over `positions`, the last fastest."""
    found, step = np.zeros(len(space.radix), np.int64), 1
    for i in reversed(positions):
        found[i] = step
        step *= space.radix[i]
    return found


def _logic(t: Technology) -> tuple[float, ...]:
    return (t.mac_nj * 1000, t.mac_um2, t.mac_mw, *t.bus_fit, t.bus_um2, t.bus_uw, *t.arbiter_fit, t.arbiter_um2)


def whole(values: dict[str, Value], name: str) -> int:
    """A field that must be a whole number of at least 1. Raises InputError with the value."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} is {value!r} in some design; expected a whole number, at least 1")
    return value


def chosen_metrics(objectives: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the metrics, and 1 for what should be small, -1 for what should be large."""
    chosen = np.array([METRICS.index(name) for name in objectives], np.int64)
    return chosen, np.array([-1.0 if name == "utilization" else 1.0 for name in objectives])


def limits_of(study: Study) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(len(METRICS), -inf), np.full(len(METRICS), inf)
    for limit in study.limits:
        at = METRICS.index(limit.metric)
        low[at], high[at] = max(low[at], limit.low), min(high[at], limit.high)
    return low, high


@dataclass(frozen=True)
class Design:
    """One design: its values, its metrics (nan where refused), whether it is valid and why not."""

    values: dict[str, Value]
    metrics: tuple[float, ...]
    valid: bool
    fits: bool = True
    reason: str = ""


def single_design(plan: BulkPlan, index: int) -> Design:
    """One design through MAESTRO's clear engine, layer by layer."""
    chosen = plan.space.values(index)
    values = DEFAULTS | plan.study.machine | chosen
    structure = plan.structure(
        plan.space.index(plan.space.digits(index)) // prod(plan.space.radix[len(plan.structural) :])
    )
    hardware = hardware_of({name: int(values[name]) for name in FIELDS})
    name = str(values.get("dataflow", next(iter(plan.study.given.dataflows), "")))
    sizes = {k: v for k, v in values.items() if k not in FIELDS and k not in ("dataflow", "technology")}
    cycles = macs = l1 = l2 = l1_need = l2_need = 0
    try:
        for layer, count in plan._mapped(name, sizes, hardware.num_pes):
            found = evaluate_layer(layer, hardware)
            if not found.valid:
                raise RefusedError("work", "no step of the layer has any work", "undefined")
            top = found.record.top
            cycles += count * top.runtime_cycles
            macs += count * top.macs
            l1 += count * sum(top.down_read[t] + top.down_write[t] for t in TENSORS)
            l2 += count * sum(top.up_read[t] + top.up_write[t] for t in TENSORS)
            l1_need, l2_need = max(l1_need, found.l1_bytes), max(l2_need, found.l2_bytes)
    except (RefusedError, UnsupportedError) as error:
        return Design(chosen, (float("nan"),) * len(METRICS), False, False, str(error))
    small, large = (
        structure.prices.buffer(k, int(values[f"l{k}_bytes"]) or n) for k, n in ((1, l1_need), (2, l2_need))
    )
    t, pes, simd, noc = (
        structure.prices.technology,
        hardware.num_pes,
        hardware.simd_lanes,
        hardware.noc_elements_per_cycle,
    )
    um2 = scalar.network_um2(pes, noc, *t.bus_fit, t.bus_um2, *t.arbiter_fit, t.arbiter_um2)
    mw = scalar.network_mw(pes, noc, *t.bus_fit, t.bus_uw, *t.arbiter_fit, t.arbiter_uw)
    energy = scalar.energy_pj(float(macs), t.mac_nj * 1000, float(l1), small.energy_pj, float(l2), large.energy_pj)
    metrics = (
        float(cycles),
        energy,
        scalar.area_mm2(pes, simd, t.mac_um2, small.area_um2, large.area_um2, um2),
        scalar.power_mw(pes, simd, t.mac_mw, small.power_mw, large.power_mw, mw),
        energy * cycles,
        scalar.utilization(float(macs), cycles, pes, simd),
    )
    fits = l1_need <= hardware.l1_bytes and l2_need <= hardware.l2_bytes
    low, high = limits_of(plan.study)
    over = [m for m, v, lo, hi in zip(METRICS, metrics, low, high) if not lo <= v <= hi]
    reason = "" if fits else f"needs L1 {l1_need} and L2 {l2_need} bytes"
    return Design(
        chosen, metrics, fits and not over, fits, reason or (f"outside the limits of {', '.join(over)}" if over else "")
    )
