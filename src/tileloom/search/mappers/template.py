"""The template mapper: a fixed dataflow of MAESTRO's, with every place for the tiles tried. Proves nothing.

The loops come from the directives (mapping/notation/maestro_tree.py); this file decides where memories hold their
tiles, because the directives do not say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, permutations, product
from math import prod
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Cost, CostModel, Profile
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_templates import apply_template, as_convolution
from tileloom.mapping.notation.maestro_tree import AxisPlace, LoopNest, assign_axes, levels_of, loops_of
from tileloom.mapping.tree import Compute, Hold, MappingTree, TreeNode
from tileloom.search.mappers.exhaustive import default_model
from tileloom.search.objective import Objective, SearchResult, value_of
from tileloom.workload.problem import Problem

MAX_ORDERS = 24
"""Orders of the axes that are tried."""


@dataclass(frozen=True, slots=True)
class TemplateMapper:
    """Options of the mapper.

    template    name of a template (mapping/notation/maestro_templates.py)
    placements  places for the tiles to try at most
    model       cost model; None = loopnest
    """

    template: str = "kcp_ws"
    placements: int = 2000
    model: CostModel | None = None

    name: ClassVar[str] = "template"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Status 'feasible', or 'infeasible' for this template when the layer has no such dataflow or no tile fits."""
        started = perf_counter()
        model = self.model or default_model()
        try:
            nests = template_loops(self.template, problem, architecture)
        except UnsupportedError as error:
            return SearchResult(
                problem=problem, objective=objective, status="infeasible", mapper=self.name, reasons=(str(error),)
            )
        best: tuple[float, MappingTree, Cost] | None = None
        evaluated = 0
        broken: Counter[str] = Counter()
        tried = (m for nest in nests for m in placements(problem, architecture, nest))
        for mapping in islice(tried, self.placements):
            faults = [d for d in check_mapping(problem, architecture, mapping) if d.severity == "error"]
            if faults:
                broken.update({f"{d.code}: {d.why}" for d in faults})
                continue
            evaluated += 1
            cost = model.evaluate(problem, architecture, mapping)
            if best is None or value_of(cost, objective) < best[0]:
                best = (value_of(cost, objective), mapping, cost)
        return SearchResult(
            problem=problem,
            objective=objective,
            status="feasible" if best else "infeasible",
            mapping=best[1] if best else None,
            cost=best[2] if best else None,
            evaluated=evaluated,
            seconds=perf_counter() - started,
            mapper=self.name,
            reasons=() if best else _reasons(self.template, architecture, broken),
        )


def _reasons(template: str, architecture: Architecture, broken: Counter[str]) -> tuple[str, ...]:
    """What keeps the template off this chip: the rules broken most often."""
    opening = f"template '{template}' does not fit '{architecture.name}' in any place for its tiles"
    return (opening, *(rule for rule, _ in broken.most_common(3)))


def template_loops(template: str, problem: Problem, architecture: Architecture) -> tuple[LoopNest, ...]:
    """The loops of a template on an architecture, one nest per order of each fanout's axes.

    Raises UnsupportedError where the template does not apply.
    """
    named = layer_of(problem)
    per_fanout = [[AxisPlace(f.name, a.name, a.size) for a in f.axes] for f in architecture.fanouts]
    num_pes = prod(place.size for places in per_fanout for place in places)
    layer = apply_template(template, named.layer, num_pes)
    if layer.operator == "CONV" and named.layer.operator == "GEMM":
        dims = named.dims
        named = type(named)(as_convolution(named.layer), {"K": dims["N"], "C": dims["K"], "Y'": dims["M"]})
    levels = levels_of(layer)
    sizes = [size for _, size in levels]
    orders = islice(product(*(permutations(places) for places in per_fanout)), MAX_ORDERS)
    axes = [[place for places in order for place in places] for order in orders]
    return tuple(loops_of(problem, named, layer, assign_axes(len(levels), sizes, order)) for order in axes)


def placements(problem: Problem, architecture: Architecture, nest: LoopNest) -> Iterator[MappingTree]:
    """Mappings of these loops: every memory holds its tensors at one boundary, and each hold moves out where it can."""
    memories = architecture.memories
    ranges = [_places(architecture, memory, nest) for memory in memories]
    ranges[0] = range(1)
    for picks in product(*ranges):
        if list(picks) == sorted(picks):
            yield hoist(_placed(problem, architecture, nest, picks), problem)


def _places(architecture: Architecture, memory: Memory, nest: LoopNest) -> range:
    """Boundaries between loops at which a memory may hold: inside the fanouts above it, outside those below it."""
    at = architecture.nodes.index(memory)
    above = {n.name for n in architecture.nodes[:at] if isinstance(n, Fanout)}
    inside = [i for i, loop in enumerate(nest.loops) if loop.target in above]
    below = [i for i, loop in enumerate(nest.loops) if loop.spatial and loop.target not in above]
    low = inside[-1] + 1 if inside else 0
    return range(low, (below[0] if below else len(nest.loops)) + 1)


def _placed(problem: Problem, architecture: Architecture, nest: LoopNest, picks: tuple[int, ...]) -> MappingTree:
    nodes: list[TreeNode] = []
    for boundary in range(len(nest.loops) + 1):
        for memory, pick in zip(architecture.memories, picks):
            held = tuple(
                t.name
                for t in problem.tensors
                if memory is architecture.memories[0] or memory.keep.has(t) or memory.may_keep.has(t)
            )
            if pick == boundary and held:
                nodes.append(Hold(held, memory.name))
        if boundary < len(nest.loops):
            nodes.append(nest.loops[boundary])
    unit = architecture.computes[-1].name
    return MappingTree((*nodes, Compute(unit)))
