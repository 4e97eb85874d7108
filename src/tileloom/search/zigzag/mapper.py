"""LOMA as a mapper over our chips: spatial loops are found, temporal loops ordered, and the result is a loop nest.

Mappings that no nest can say are left out; the mapper over ZigZag's own machines, which keeps them, is in loma.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture, Fanout
from tileloom.architecture.notation.zigzag_chip import UNBOUNDED_BITS, Chip, chip_of
from tileloom.architecture.notation.zigzag_machine import ZigzagMachine
from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Cost, CostModel, Profile
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.model import ZigzagModel, partial_bits
from tileloom.cost.models.zigzag.spatial import place
from tileloom.cost.models.zigzag.version import get_version
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.zigzag_tree import tree_of
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective, SearchResult, value_of
from tileloom.search.zigzag.loma import DEFAULT_LIMIT, Found, best_mapping, best_nest
from tileloom.search.zigzag.unroll import CANDIDATES, unrollings
from tileloom.workload.frontends.zigzag_problem import layer_of
from tileloom.workload.problem import Problem

SHARES = (1.0, 0.5, 0.25)
"""Shares of the buffers that the search may fill, tried until a legal nest is found."""
SMALLEST_BUFFER_BITS = 4096


@dataclass(frozen=True, slots=True)
class LomaMapper:
    """Orders of at most `lpf_limit` prime factors, allocated bottom-up, and the nest of least energy over all orders.

    lpf_limit    more factors are more orders
    candidates   spatial mappings tried, those with fewest cycles first
    model        prices the nests found; the search uses ZigZag's numbers (version 3.9, corrected)
    """

    lpf_limit: int = DEFAULT_LIMIT
    candidates: int = CANDIDATES
    model: CostModel | None = None

    name: ClassVar[str] = "loma"
    profile: ClassVar[Profile] = Profile(max_inputs=2, max_terms_per_axis=2, imperfect=False)
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        started = perf_counter()
        layer = layer_of(problem, partial_bits(problem, architecture))
        chip = chip_of(architecture, problem, {o.name: o.memory_operand for o in layer.operands})
        model = self.model or ZigzagModel()
        best: tuple[MappingTree, Cost] | None = None
        reasons: list[str] = []
        seen, settled = 0, 0.0
        for share, (tree, count, reason) in (
            (part, nest) for part in SHARES for nest in self._nests(problem, architecture, layer, chip, objective, part)
        ):
            # Smaller budgets are only for layers that have no legal nest with larger ones.
            if best is not None and share < settled:
                break
            seen += count
            if tree is None:
                reasons.append(reason)
                continue
            broken = [str(d) for d in check_mapping(problem, architecture, tree) if d.severity == "error"]
            if broken:
                reasons += broken
                continue
            cost = model.evaluate(problem, architecture, tree)
            if best is None or value_of(cost, objective) < value_of(best[1], objective):
                best, settled = (tree, cost), share
        if best is None:
            return SearchResult(
                problem=problem, objective=objective, status="infeasible", mapper=self.name, evaluated=seen,
                seconds=perf_counter() - started, reasons=tuple(dict.fromkeys(reasons))[:10],
            )  # fmt: skip
        return SearchResult(
            problem=problem, objective=objective, status="feasible", mapping=best[0], cost=best[1], mapper=self.name,
            evaluated=max(1, seen), seconds=perf_counter() - started,
        )  # fmt: skip

    def _nests(
        self,
        problem: Problem,
        architecture: Architecture,
        layer: ZigzagLayer,
        chip: Chip,
        objective: Objective,
        share: float,
    ) -> Iterator[tuple[MappingTree | None, int, str]]:
        rules = get_version("3.9", faithful=False)
        machine = _budgeted(chip.machine, share)
        rings = _rings(architecture, problem, layer, chip)
        for wish in unrollings(layer, machine, self.candidates, True, _allowed(architecture, problem)) or [()]:
            tried = layer.with_spatial(wish)
            placed = place(tried, machine)
            ordered = best_mapping(tried, machine, self.lpf_limit, objective, version="3.9", faithful=False)
            for found in (ordered, best_nest(tried, machine, rings, rules)):
                yield _tree(found, placed, problem, tried, chip, architecture)


def _budgeted(machine: ZigzagMachine, share: float) -> ZigzagMachine:
    """The machine with a share of its buffers; registers and the outermost memory keep their size.

    ZigZag counts inputs with strides or padding tighter than our legality does, so what fits there may not fit here.
    """
    memories = tuple(
        replace(m, size_bits=int(m.size_bits * share)) if SMALLEST_BUFFER_BITS <= m.size_bits < UNBOUNDED_BITS else m
        for m in machine.memories
    )
    return replace(machine, memories=memories)


def _tree(
    found: Found, placed: object, problem: Problem, layer: ZigzagLayer, chip: Chip, architecture: Architecture
) -> tuple[MappingTree | None, int, str]:
    if found.mapping is None:
        return None, found.evaluated, found.reason
    try:
        tree = tree_of(found.mapping, placed, problem, layer, chip, architecture)  # type: ignore[arg-type]
    except UnsupportedError as error:
        return None, found.evaluated, str(error)
    return tree, found.evaluated, ""


def _allowed(architecture: Architecture, problem: Problem) -> dict[str, set[str]]:
    """Dimensions that the wires of every axis let lie there."""
    return {
        f"{fanout.name}.{axis.name}": {
            d.name
            for d in problem.dims
            if (not axis.dims or d.name in axis.dims)
            and not any(axis.stationary.has(t) and d.name in t.dims for t in problem.tensors)
        }
        for fanout in architecture.fanouts
        for axis in fanout.axes
    }


def _rings(architecture: Architecture, problem: Problem, layer: ZigzagLayer, chip: Chip) -> list[list[int]]:
    """Fanouts around every memory of every operand."""
    unit = architecture.compute_for(problem)
    assert unit is not None
    around: dict[str, int] = {}
    count = 0
    for node in architecture.path(unit):
        if isinstance(node, Fanout):
            count += node.size > 1
        else:
            around[node.name] = count
    return [[around[chip.memories[m.name]] for m in chip.machine.levels(o.memory_operand)] for o in layer.operands]
