"""Turns a `NetworkResult` into the plain dataset of data.py; the only file of the report that sees search objects.

It adds and divides numbers that the result already holds. It draws nothing and evaluates no cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf, isfinite

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory, Node, Port
from tileloom.cost.base import Cost
from tileloom.explore.record import versions
from tileloom.mapping.residency import reserved_tile
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Compute as ComputeLeaf
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, Step, walk
from tileloom.report.data import (
    EnergyPart,
    FrontPoint,
    LayerData,
    LoopPart,
    NestRow,
    OtherNode,
    Provenance,
    ReportData,
    TensorTile,
    Unit,
)
from tileloom.search.network import LayerResult, NetworkResult
from tileloom.workload.problem import Problem


def extract(result: NetworkResult, provenance: Provenance | None = None) -> ReportData:
    """The dataset of a mapped network. `provenance` adds input hashes and the command; versions are filled in here."""
    architecture, network = result.architecture, result.network
    return ReportData(
        network=network.name,
        architecture=architecture.name,
        objective=result.objective,
        mapper=result.mapper,
        model=result.model,
        network_source=network.source,
        architecture_source=architecture.source,
        architecture_description=architecture.description,
        technology_nm=architecture.technology_nm,
        frequency_hz=architecture.frequency_hz,
        area_mm2=architecture.area_mm2,
        search_seconds=result.seconds or sum(r.result.seconds for r in result.layers),
        units=tuple(_unit(architecture, node) for node in architecture.nodes),
        layers=tuple(_layer(r, architecture) for r in result.layers),
        vector_ops=tuple(OtherNode(name=v.name, operator=v.operator, elements=v.elements) for v in network.vector_ops),
        skipped=tuple(OtherNode(name=s.node, operator=s.operator, reason=s.reason) for s in network.skipped),
        provenance=_provenance(result, provenance or Provenance()),
    )


def _provenance(result: NetworkResult, given: Provenance) -> Provenance:
    seed = () if result.seed is None else (("seed", str(result.seed)),)
    return replace(
        given, versions=given.versions or tuple(versions().items()), options=given.options or (*result.options, *seed)
    )


def _unit(architecture: Architecture, node: Node) -> Unit:
    instances = architecture.instances(node)
    if isinstance(node, Fanout):
        axes = tuple((axis.name, axis.size) for axis in node.axes)
        return Unit(kind="fanout", name=node.name, instances=instances, axes=axes, source=node.source)
    if isinstance(node, Compute):
        return Unit(
            kind="compute",
            name=node.name,
            instances=instances,
            energy_pj=node.energy_pj,
            ops_per_cycle=node.ops_per_cycle,
            area_mm2=node.area_mm2,
            source=node.source,
        )
    return Unit(
        kind="memory",
        name=node.name,
        instances=instances,
        capacity_bits=node.capacity_bits,
        pj_per_bit_read=node.read.energy_pj / node.read.width_bits,
        pj_per_bit_write=node.write.energy_pj / node.write.width_bits,
        bits_per_cycle_read=_bandwidth(node.read),
        bits_per_cycle_write=_bandwidth(node.write),
        shared_port=node.ports == "shared",
        buffers=node.buffers,
        partitions=tuple((str(tensors), bits) for tensors, bits in node.partitions),
        area_mm2=node.area_mm2,
        source=node.source,
    )


def _bandwidth(port: Port) -> float | None:
    return None if port.accesses_per_cycle == inf else port.accesses_per_cycle * port.width_bits


def _layer(entry: LayerResult, architecture: Architecture) -> LayerData:
    problem, result = entry.distinct.problem, entry.result
    unit = architecture.compute_for(problem)
    bare = LayerData(
        name=problem.name,
        layers=entry.distinct.layers,
        count=entry.distinct.count,
        op=problem.op,
        equation=problem.equation,
        dims=tuple((d.name, d.extent) for d in problem.dims),
        macs=problem.macs,
        status=result.status,
        lower_bound=result.lower_bound if isfinite(result.lower_bound) else 0.0,
        gap=result.gap if isfinite(result.gap) else 0.0,
        evaluated=result.evaluated,
        space_size=result.space_size,
        search_seconds=result.seconds,
        reasons=result.reasons,
        explain=result.explain,
        peak_macs_per_cycle=unit.ops_per_cycle * architecture.instances(unit) if unit else 0.0,
    )
    if result.cost is None or result.mapping is None:
        return bare
    front = tuple(
        FrontPoint(energy_pj=cost.energy_pj, cycles=cost.cycles, chosen=mapping == result.mapping)
        for mapping, cost in result.front
    )
    return replace(_with_cost(bare, problem, architecture, result.mapping, result.cost), front=front)


def _with_cost(
    bare: LayerData, problem: Problem, architecture: Architecture, mapping: MappingTree, cost: Cost
) -> LayerData:
    series = {t.name: str(t.role) for t in problem.tensors}
    return replace(
        bare,
        energy_pj=cost.energy_pj,
        cycles=cost.cycles,
        edp_pj_cycles=cost.edp,
        utilization=cost.utilization,
        bottleneck=cost.bottleneck,
        outer_bits=_outer_bits(architecture.memories[0], cost),
        energy=tuple(_energy_parts(cost, series)),
        cycles_by_component=cost.cycles_by_component,
        overlapped_cycles=cost.overlapped_cycles,
        occupied_bits=tuple((o.memory, o.tensor, series.get(o.tensor, "input"), o.bits) for o in cost.occupancy),
        spatial_use=cost.spatial_use,
        notes=cost.notes,
        nest=tuple(nest_rows(mapping, problem, architecture)),
        text=to_text(mapping, problem, cost),
    )


def _energy_parts(cost: Cost, series: Mapping[str, str]) -> Iterator[EnergyPart]:
    for t in cost.traffic:
        yield EnergyPart(
            component=t.component,
            tensor=t.tensor,
            series="compute" if t.action == "compute" else series.get(t.tensor, "input"),
            action=t.action,
            accesses=t.accesses,
            energy_pj=t.energy_pj,
        )
    for component, energy in cost.leakage_pj:
        yield EnergyPart(
            component=component, tensor="", series="leakage", action="leakage", accesses=0.0, energy_pj=energy
        )


def _outer_bits(outer: Memory, cost: Cost) -> float:
    width = {"read": outer.read.width_bits, "write": outer.write.width_bits}
    return sum(t.accesses * width[t.action] for t in cost.traffic if t.component == outer.name and t.action in width)


def nest_rows(mapping: MappingTree, problem: Problem, architecture: Architecture) -> Iterator[NestRow]:
    """Rows of the loop-nest drawing, outermost first; loops of one trip are left out, branches are one row each."""
    for index, step in enumerate(walk(mapping, problem.extents)):
        node = step.node
        if isinstance(node, Hold):
            tiles = tuple(_tile(problem, architecture, mapping, index, name, step) for name in node.tensors)
            yield NestRow(kind="hold" if node.mode == "keep" else "stream", place=node.memory, tiles=tiles)
        elif isinstance(node, Loop):
            if step.trips > 1:
                kind = "spatial" if node.spatial else "loop"
                yield NestRow(kind=kind, place=node.target or "", axis=node.axis or "", loops=(_loop(node, step),))
        elif isinstance(node, Joint):
            first = node.loops[0]
            loops = tuple(_loop(loop, step) for loop in node.loops)
            yield NestRow(kind="spatial", place=first.target or "", axis=first.axis or "", loops=loops)
        elif isinstance(node, ComputeLeaf):
            yield NestRow(kind="compute", place=node.unit)
        else:
            yield NestRow(kind="branch", place=f"{type(node).__name__} of {len(node.children)} branches")


def _tile(
    problem: Problem, architecture: Architecture, mapping: MappingTree, index: int, name: str, step: Step
) -> TensorTile:
    tensor = problem.tensor(name)
    hold = mapping.nodes[index]
    memory = next((m for m in architecture.memories if isinstance(hold, Hold) and m.name == hold.memory), None)
    value_bits = memory.bits_of(tensor) if memory else tensor.bits
    kept = reserved_tile(problem, mapping, index, name)
    return TensorTile(
        tensor=name,
        series=tensor.role,
        shape=tuple(axis.span(kept) for axis in tensor.axes),
        bits=tensor.footprint(kept) * value_bits,
        visit_shape=tuple(axis.span(step.outside) for axis in tensor.axes),
        visit_bits=tensor.footprint(step.outside) * value_bits,
    )


def _loop(loop: Loop, step: Step) -> LoopPart:
    outside = step.outside[loop.dim]
    last = loop.last if loop.last is not None else outside - (loop.trips(outside) - 1) * loop.tile
    tile = min(loop.tile, outside)
    return LoopPart(
        dim=loop.dim,
        trips=loop.trips(outside),
        tile=tile,
        outside=outside,
        last=last if last != tile and loop.first is None else None,
    )
