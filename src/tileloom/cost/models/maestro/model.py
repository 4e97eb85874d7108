"""MAESTRO's model on Tileloom's mapping tree: exact counts, and its rule that the first tile is waited for.

This is the corrected model. The faithful one evaluates directives (evaluate.py); corrected.py takes directives here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import isinf, prod
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Cost, Profile, require_chain
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.reuse import require_plain
from tileloom.mapping.tree import Hold, Loop, MappingTree, Step, walk
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True, slots=True)
class MaestroModel:
    """Counts and energy as `loopnest`; cycles = those of the busiest component + `first_fill_cycles`.

    Steps overlap perfectly but for the first one, whose ingress nothing can hide (MICRO 2019, section 4).
    """

    name: ClassVar[str] = "maestro"
    profile: ClassVar[Profile] = Profile()

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        require_chain(mapping, self.name)
        require_plain(mapping, self.name)
        cost = LoopnestModel().evaluate(problem, architecture, mapping)
        return with_wait(cost, "first fill", first_fill_cycles(problem, architecture, mapping))


def with_wait(cost: Cost, reason: str, cycles: float) -> Cost:
    """The cost with cycles in which nothing overlaps; leakage and utilisation follow."""
    if not cycles or not cost.cycles:
        return replace(cost, model=MaestroModel.name)
    longer = (cost.cycles + cycles) / cost.cycles
    leakage = tuple((name, energy * longer) for name, energy in cost.leakage_pj)
    return replace(
        cost,
        cycles=cost.cycles + cycles,
        energy_pj=sum(t.energy_pj for t in cost.traffic) + sum(e for _, e in leakage),
        leakage_pj=leakage,
        utilization=cost.utilization / longer,
        cycles_by_component=(*cost.cycles_by_component, (reason, cycles)),
        model=MaestroModel.name,
    )


def first_fill_cycles(problem: Problem, architecture: Architecture, mapping: MappingTree) -> float:
    """Cycles until every memory holds its first tile of the inputs, one memory after the other.

        sum over memories of  sum over inputs of  values * bits / width / accesses per cycle of the memory above

    values are those of one tile for all instances that differ in it: loops in space count, copies do not.
    """
    steps = tuple(walk(mapping, problem.extents))
    waits: dict[str, float] = {}
    for tensor in problem.inputs:
        holds = [i for i, s in enumerate(steps) if isinstance(s.node, Hold) and tensor.name in s.node.tensors]
        for outer, inner in pairwise(holds):
            parent, child = steps[outer].node, steps[inner].node
            if isinstance(parent, Hold) and isinstance(child, Hold):
                wait = _transfer(architecture, parent.memory, tensor, _first_values(steps, outer, inner, tensor))
                waits[child.memory] = waits.get(child.memory, 0.0) + wait
    return sum(waits.values())


def _first_values(steps: tuple[Step, ...], outer: int, inner: int, tensor: Tensor) -> int:
    extents = dict(steps[inner].outside)
    for step in steps[outer:inner]:
        if isinstance(step.node, Loop) and step.node.spatial and step.node.dim in tensor.dims:
            dim = step.node.dim
            extents[dim] = min(extents[dim] * step.trips, step.outside[dim])
    return prod(axis.span(extents) for axis in tensor.axes)


def _transfer(architecture: Architecture, memory: str, tensor: Tensor, values: int) -> float:
    above = architecture.memory(memory)
    rate = above.read.accesses_per_cycle
    return 0.0 if isinf(rate) or rate == 0 else values * above.bits_of(tensor) / above.read.width_bits / rate
