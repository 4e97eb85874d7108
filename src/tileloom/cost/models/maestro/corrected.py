"""MAESTRO's directives in corrected mode: its hardware and constants, with every transfer counted as it happens.

The directives become loops (mapping/notation/maestro_tree.py), the hardware an architecture with one axis per level, and
the tree is counted exactly (cost/counts.py). docs/maestro.md lists what differs from the faithful model, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Node, Port
from tileloom.architecture.notation.maestro import UNLIMITED, MaestroHardware
from tileloom.core.errors import IllegalMappingError
from tileloom.cost.base import Cost
from tileloom.cost.models.maestro.model import MaestroModel, with_wait
from tileloom.cost.models.maestro.technology import RELEASED, Technology
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.maestro import SLIDING, DirectiveLayer, Map, where
from tileloom.mapping.notation.maestro_meaning import problem_of
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_refusal import RefusedError
from tileloom.mapping.notation.maestro_tree import AxisPlace, levels_of, loops_of, tree_of
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class Corrected:
    """A layer as problem, architecture and mapping, its cost, and what the tree does otherwise than the directives."""

    problem: Problem
    architecture: Architecture
    mapping: MappingTree
    cost: Cost
    losses: tuple[str, ...]


def evaluate_corrected(
    layer: DirectiveLayer, hardware: MaestroHardware, technology: Technology = RELEASED
) -> Corrected:
    """One layer with its dataflow. Energy in pJ of L2, L1 and multiplications; off-chip transfers cost time only.

    Raises RefusedError for clusters that exceed the PEs, UnsupportedError for directives that are no loops, and
    IllegalMappingError where a tile exceeds its buffer.
    """
    problem = problem_of(layer)
    levels = levels_of(layer)
    product = prod(size for _, size in levels[1:])
    _require_directives(layer)
    if product > hardware.num_pes:
        raise RefusedError(
            "enough PEs",
            f"{where(layer)}: clusters of {product} PEs in all do not fit {hardware.num_pes} PEs",
            "division by zero",
        )
    units = (hardware.num_pes // product, *(size for _, size in levels[1:]))
    places = [(AxisPlace(f"level{j}", "U", size),) for j, size in enumerate(units)]
    nest = loops_of(problem, layer_of(problem), layer, places)
    architecture = architecture_of(hardware, units, technology)
    mapping = tree_of(problem, architecture, nest)
    faults = [d for d in check_mapping(problem, architecture, mapping) if d.severity == "error"]
    if faults:
        raise IllegalMappingError(faults)
    cost = MaestroModel().evaluate(problem, architecture, mapping)
    latency = max(hardware.noc_latency_cycles - 1, 0)
    return Corrected(
        problem, architecture, mapping, with_wait(cost, "network latency", latency * len(units)), nest.losses
    )


def _require_directives(layer: DirectiveLayer) -> None:
    if layer.dataflow is None:
        raise RefusedError("no dataflow", f"{where(layer)} has no Dataflow", "exit 255")
    known = {*layer.sizes, *(d + "'" for d in SLIDING), *(d.removesuffix("'") for d in layer.sizes)}
    strange = [d for d in layer.dataflow if isinstance(d, Map) and d.dim not in known]
    if strange:
        raise RefusedError(
            "known dimension",
            f"{where(layer)}: {strange[0]} maps a dimension that the layer does not have; it has {', '.join(layer.sizes)}",
            "exit 255",
        )


def architecture_of(
    hardware: MaestroHardware, units: tuple[int, ...], technology: Technology = RELEASED
) -> Architecture:
    """MAESTRO's machine: off-chip memory, double-buffered L2 and L1, one axis of units per level, multicasting."""
    mac_pj = technology.mac_nj * 1000
    noc, offchip = hardware.noc_elements_per_cycle, hardware.offchip_elements_per_cycle

    def port(energy: float, elements: float = float("inf")) -> Port:
        return Port(energy_pj=energy, width_bits=8, accesses_per_cycle=elements)

    def memory(name: str, size: int, energy: float, elements: float = float("inf")) -> Memory:
        return Memory(
            name=name,
            capacity_bits=None if size == UNLIMITED else size * 8,
            read=port(energy, elements),
            write=port(energy, elements),
            ports="separate",
            buffers=1 if size == UNLIMITED else 2,
        )

    l2, l1 = technology.l2_per_mac * mac_pj, technology.l1_per_mac * mac_pj
    nodes: list[Node] = [memory("offchip", UNLIMITED, 0.0, offchip), memory("L2", hardware.l2_bytes, l2, noc)]
    nodes += [Fanout(name=f"level{j}", axes=(FanoutAxis(name="U", size=size),)) for j, size in enumerate(units)]
    nodes += [
        memory("L1", hardware.l1_bytes, l1),
        Compute(name="MAC", energy_pj=mac_pj, ops_per_cycle=hardware.simd_lanes),
    ]
    return Architecture("MAESTRO's machine", tuple(nodes), source=technology.source)
