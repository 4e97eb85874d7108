"""NeuroSpector's network-wise option: what a layer saves because the layer before it left its output on the chip.

Faithful mode subtracts what the original subtracts, after the table is chosen. Corrected mode never saves more than fits the
buffer and is moved, only between layers whose shapes follow each other, and chooses the tables of all layers together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.mapping.notation.neurospector import SchedulingTable
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Mode, bottom_up
from tileloom.search.neurospector.reuse_candidates import candidates
from tileloom.workload.frontends.neurospector import ConvLayer


@dataclass(frozen=True, kw_only=True)
class Reused:
    """A layer's table with its totals after reuse; overlap: elements kept from the layer before."""

    chosen: Chosen
    overlap: int
    dynamic_pj: float
    energy_pj: float
    cycles: float

    def value(self, metric: Metric) -> float:
        return self.energy_pj if metric == "energy" else self.cycles


def across_layers(
    accelerator: Accelerator,
    layers: Sequence[ConvLayer],
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = False,
) -> tuple[Reused, ...]:
    """Each layer's table and totals, in order, each reusing what the one before left."""
    if not faithful:
        return _best_chain([candidates(accelerator, x, metric, mode) for x in layers], metric)
    found: list[Reused] = []
    for layer in layers:
        chosen = bottom_up(accelerator, layer, metric, mode, faithful=True)
        found.append(after(found[-1].chosen if found else None, chosen, faithful=True))
    return tuple(found)


def _best_chain(options: Sequence[Sequence[Chosen]], metric: Metric) -> tuple[Reused, ...]:
    """One candidate of each layer, so that the layers' totals after reuse are least: dynamic programming over the layers."""
    if not options:
        return ()
    best: list[tuple[float, tuple[Reused, ...]]] = []
    for i, now in enumerate(options):
        reached: list[tuple[float, tuple[Reused, ...]]] = []
        for chosen in now:
            if i == 0:
                first = after(None, chosen, faithful=False)
                reached.append((first.value(metric), (first,)))
                continue
            steps = [(total, chain, after(chain[-1].chosen, chosen, faithful=False)) for total, chain in best]
            total, chain, step = min(steps, key=lambda s: s[0] + s[2].value(metric))
            reached.append((total + step.value(metric), (*chain, step)))
        best = reached
    return min(best, key=lambda b: b[0])[1]


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
    kept = "input" not in buffer.bypass and "output" not in buffer.bypass and follows(previous.layer, chosen.layer)
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


def follows(previous: ConvLayer, layer: ConvLayer) -> bool:
    """Whether a layer can read what the one before wrote: as many channels, and an input as large up to padding.

    A file does not say which layer feeds which; neighbours that do not fit (branches, pooling between) share nothing.
    """
    K, B, P, Q, _, _, _, G = previous.dims
    read = layer.dims[1], layer.dims[4] * layer.dims[7]
    if read != (B, K * G):
        return False
    sizes = ((P, layer.input_height, layer.dims[5]), (Q, layer.input_width, layer.dims[6]))
    return all(wrote - layer.stride < reads < wrote + window for wrote, reads, window in sizes)


def _on_chip(table: SchedulingTable) -> tuple[int, ...]:
    """Extents of the tile in everything below DRAM."""
    return tuple(prod(column) for column in zip(*table.rows[:9]))
