"""Whether a mapping keeps a user's constraints: every rule that it breaks, with both places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.mapping.constraints import Constraints, constrain
from tileloom.mapping.diagnostic import Diagnostic, error, label
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.tree import Hold, Loop, MappingTree, walk
from tileloom.workload.problem import Problem


def constraint_faults(
    problem: Problem, architecture: Architecture, mapping: MappingTree, constraints: Constraints
) -> tuple[Diagnostic, ...]:
    """Broken rules on axes and kept tensors have the codes of legality (E-AXISDIMS, E-FANOUT, E-UTIL, E-BYPASS), those of
    the workload E-RULE. What the mapping breaks without the constraints is left to `check_mapping`."""
    narrowed = constrain(problem, architecture, constraints)
    before = set(check_mapping(problem, architecture, mapping))
    even = constraints.mapper.perfect
    found = [d for d in check_mapping(problem, narrowed, mapping, perfect=even) if d not in before]
    found += _cluster_faults(problem, mapping, constraints)
    if mapping.is_chain:
        found += _workload_faults(problem, mapping, constraints)
    return tuple(found)


def _cluster_faults(problem: Problem, mapping: MappingTree, constraints: Constraints) -> Iterator[Diagnostic]:
    for name, most in constraints.clusters:
        steps = (s for s in walk(mapping, problem.extents) if isinstance(s.node, Loop) and s.node.target == name)
        used = prod(s.trips for s in steps)
        if used > most:
            yield error(
                "E-FANOUT", name, f"{used} places of '{name}' are used, the rule allows {most}", "Spread less over it"
            )


def _workload_faults(problem: Problem, mapping: MappingTree, constraints: Constraints) -> Iterator[Diagnostic]:
    memory, run = "", list[str]()
    tiles = {m: dict(problem.extents) for m, _ in ((r.memory, 0) for r in constraints.tiles)}
    reached: dict[str, dict[str, int]] = {m: dict(t) for m, t in tiles.items()}
    for index, step in enumerate(walk(mapping, problem.extents)):
        node = step.node
        if isinstance(node, Hold):
            yield from _order_faults(constraints, memory, run)
            memory, run = node.memory, []
            reached[memory] = dict(step.outside)
            for dim, whole in sorted(constraints.full_at):
                if whole == memory and step.outside.get(dim, 1) != problem.extents[dim]:
                    why = f"'{dim}' is to be whole in '{memory}' ({problem.extents[dim]}); it is {step.outside[dim]} there"
                    yield error("E-RULE", label(index, node), why, f"Move the loops over '{dim}' inside '{memory}'")
        elif isinstance(node, Loop) and step.trips > 1:
            if node.spatial and node.dim in constraints.no_spatial:
                why = f"'{node.dim}' is to run in time only"
                yield error("E-RULE", label(index, node), why, f"Give '{node.dim}' a loop without an axis")
            if not node.spatial:
                run.append(node.dim)
    yield from _order_faults(constraints, memory, run)
    for rule in constraints.tiles:
        extent = reached[rule.memory][rule.dim]
        if not rule.holds(extent):
            bare = replace(rule, source="")
            yield error("E-RULE", rule.memory, f"the rule {bare} is broken: it is {extent}", "Choose another tile")


def _order_faults(constraints: Constraints, memory: str, run: list[str]) -> Iterator[Diagnostic]:
    rule = constraints.order_of(memory)
    if rule is not None and tuple(run) != rule.arrange(list(dict.fromkeys(run))):
        why = f"the loops {' '.join(run)} break the rule {replace(rule, source='')}"
        yield error("E-RULE", memory, why, f"Order them {' '.join(rule.arrange(list(dict.fromkeys(run))))}")
