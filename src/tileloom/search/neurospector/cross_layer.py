"""NeuroSpector's network-wise option: what a layer saves because the layer before it left its output on the chip.

Faithful mode subtracts what the original subtracts, after the table is chosen; corrected mode never saves more than is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.mapping.notation.neurospector import SchedulingTable
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Mode, bottom_up
from tileloom.workload.frontends.neurospector import ConvLayer


@dataclass(frozen=True, kw_only=True)
class Reused:
    """A layer's table with its totals after reuse; overlap: elements kept from the layer before."""

    chosen: Chosen
    overlap: int
    dynamic_pj: float
    energy_pj: float
    cycles: float


def across_layers(
    accelerator: Accelerator,
    layers: Sequence[ConvLayer],
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = False,
) -> tuple[Reused, ...]:
    """Each layer's table and totals, in order, each reusing what the one before left."""
    found: list[Reused] = []
    for layer in layers:
        chosen = bottom_up(accelerator, layer, metric, mode, faithful=faithful)
        found.append(after(found[-1].chosen if found else None, chosen, faithful=faithful))
    return tuple(found)


def after(previous: Chosen | None, chosen: Chosen, *, faithful: bool) -> Reused:
    """The totals of `chosen` when it runs after `previous`."""
    analysis = chosen.analysis
    if previous is None:
        return Reused(
            chosen=chosen,
            overlap=0,
            dynamic_pj=analysis.dynamic_pj,
            energy_pj=analysis.energy_pj,
            cycles=analysis.cycles,
        )
    return _faithful(previous, chosen) if faithful else _corrected(previous, chosen)


def _faithful(previous: Chosen, chosen: Chosen) -> Reused:
    before, now = _on_chip(previous.table), _on_chip(chosen.table)
    stride = chosen.layer.stride
    overlap = (
        min(before[1], now[1])
        * min(before[2], (now[2] - 1) * stride + now[5])
        * min(before[3], (now[3] - 1) * stride + now[6])
        * min(before[4], now[4])
    )
    dram, number = chosen.accelerator.dram, np.float32
    dynamic, cycles = number(chosen.analysis.dynamic_pj), number(chosen.analysis.cycles)
    if chosen.metric == "energy":
        dynamic = dynamic - number(overlap) * (number(dram.energy_pj[0]) + number(dram.energy_pj[2]))
    else:
        width = number(dram.bandwidth_bits) / number(chosen.accelerator.precision_bits)
        cycles = cycles - np.ceil(number(overlap) / width) * (number(dram.cycles[0]) + number(dram.cycles[2]))
    energy = dynamic + number(chosen.analysis.static_pj)
    return Reused(
        chosen=chosen, overlap=overlap, dynamic_pj=float(dynamic), energy_pj=float(energy), cycles=float(cycles)
    )


def _corrected(previous: Chosen, chosen: Chosen) -> Reused:
    """What both layers hold in the outermost buffer at the switch, no more than fits beside the new layer's tiles."""
    dram, a = chosen.accelerator.dram, chosen.accelerator
    buffer = a.global_buffer or a.local_buffer
    name = "global_buffer" if a.global_buffer else "local_buffer"
    before, now = _on_chip(previous.table), _on_chip(chosen.table)
    stride = chosen.layer.stride
    shape = (
        min(before[1], now[1]),
        min(before[2], (now[2] - 1) * stride + now[5]),
        min(before[3], (now[3] - 1) * stride + now[6]),
        min(before[0] * before[7], now[4] * now[7]),
    )
    use = chosen.analysis.levels[name]
    sizes = a.capacities(buffer)
    room = sizes[0] if len(sizes) == 3 else max(0, sizes[0] - sum(use.held[1:]))
    kept = "input" not in buffer.bypass and "output" not in buffer.bypass
    overlap = min(prod(shape), room, use.held[0]) if kept else 0
    level = chosen.analysis.levels["dram"]
    overlap = min(overlap, level.sent[0] * level.reads[0])
    dynamic = chosen.analysis.dynamic_pj - overlap * dram.energy_pj[0]
    width = dram.bandwidth_bits / a.precision_bits
    moved = level.sent[0] * level.reads[0]
    fewer = ceil(moved / width) - ceil((moved - overlap) / width)
    cycles = chosen.analysis.cycles - fewer * dram.cycles[0]
    static = chosen.analysis.static_pj * cycles / chosen.analysis.cycles
    return Reused(chosen=chosen, overlap=overlap, dynamic_pj=dynamic, energy_pj=dynamic + static, cycles=cycles)


def _on_chip(table: SchedulingTable) -> tuple[int, ...]:
    """Extents of the tile in everything below DRAM."""
    return tuple(prod(column) for column in zip(*table.rows[:9]))
