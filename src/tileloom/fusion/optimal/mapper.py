"""`fused_optimal`: the best fused mapping of a graph with its proof, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, isclose, isfinite
from time import perf_counter

from tileloom.cost.fused import FusedCost, fused_cost
from tileloom.fusion.optimal.build import chain_for, tree_of
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.halo_build import KeptTile, kept_tiles
from tileloom.fusion.optimal.halo_plan import HaloOptions, TileLoop
from tileloom.fusion.optimal.join import Choice
from tileloom.fusion.optimal.kinds import kinds_of
from tileloom.fusion.optimal.rows import Key, KindRows, Limits
from tileloom.fusion.optimal.solve import Found, Solver
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective, Status
from tileloom.search.optimal.kernels import EDP, LATENCY
from tileloom.search.optimal.run import CODES

ONE_STACK = "with these tiles and modes the graph does not fit, or cannot be tiled, as one stack"


@dataclass(frozen=True)
class FusedResult:
    """The best fused mapping of a graph.

    status       as in SearchResult;  lower_bound: no schedule of the declared space is below it
    unfused      value of the best schedule with every shared tensor in the outermost memory (inf: there is none)
    kept         per shared tensor on chip: (tensor, memory, trips of the loops above it)
    tiles        how tensors under tile loops are cut, one row per loop
    depths       per cut between problems the number of loops shared across it
    front        in Pareto mode every non-dominated (energy_pj, cycles)
    """

    graph: FusedGraph
    objective: Objective
    status: Status
    mapping: MappingTree | None = None
    cost: FusedCost | None = None
    lower_bound: float = 0.0
    unfused: float = inf
    kept: tuple[tuple[str, str, tuple[int, ...]], ...] = ()
    tiles: tuple[KeptTile, ...] = ()
    depths: tuple[int, ...] = ()
    front: tuple[tuple[float, float], ...] = ()
    reasons: tuple[str, ...] = ()
    explain: tuple[tuple[str, int], ...] = field(default=())
    seconds: float = 0.0

    @property
    def value(self) -> float:
        if self.cost is None:
            return inf
        return {"energy": self.cost.energy_pj, "latency": self.cost.cycles, "edp": self.cost.edp}[self.objective]

    @property
    def gap(self) -> float:
        return 0.0 if self.cost is None or not self.value else (self.value - self.lower_bound) / self.value

    @property
    def stacks(self) -> tuple[tuple[str, ...], ...]:
        """Problems that run together: neighbours across a cut with a tensor on chip or a shared loop."""
        names = [layer.name for layer in self.graph.layers]
        on_chip = {t for t, _, _ in self.kept}
        found: list[list[str]] = []
        for i, name in enumerate(names):
            joined = i and any(t in on_chip for t in self.graph.live(i - 1))
            if joined:
                found[-1].append(name)
            else:
                found.append([name])
        return tuple(tuple(s) for s in found)


def fused_optimal(
    graph: FusedGraph,
    objective: Objective = "energy",
    *,
    gap: float = 0.0,
    max_fused_loops: int | None = None,
    max_fused_loops_per_dim: int = 1,
    reversed_copies: bool = False,
    halo: HaloOptions | None = None,
) -> FusedResult:
    """The schedule of least energy, latency or EDP of the declared space (docs/fused.md), with a certificate.

    gap                      stop once proven to be within this share of the optimum
    max_fused_loops          shared loops above one problem at most;  per_dim: over one of its dims
    reversed_copies          copies are charged as AccelForge 1.0 does
    halo                     tile loops over windows that overlap (docs/fused.md, "Overlapping tiles"); None: none
    Raises UnsupportedError for problems that no unit takes.
    """
    started = perf_counter()
    code = CODES[objective]
    limits = Limits(1_000_000 if max_fused_loops is None else max_fused_loops, max_fused_loops_per_dim)
    # The free choice of overlaps starts from the best schedule that keeps all of them: a point of its space.
    first: tuple[KindRows, ...] = ()
    known = inf
    if halo is not None and halo.mode == "any":
        first = kinds_of(graph, code, limits, halo=replace(halo, mode="full"), only_tiles=True)
        known = Solver(graph, first, code).run(0.02).value
    kinds = kinds_of(graph, code, limits, reversed_copies=reversed_copies, halo=halo, searched=first)
    found = Solver(graph, kinds, code).run(gap, known)
    if not isfinite(found.value) or not found.choices:
        from tileloom.fusion.optimal.infeasible import why_nothing_fits

        status: Status = "infeasible"
        one_stack = halo is not None and halo.one_stack
        reasons = (ONE_STACK,) if one_stack else why_nothing_fits(graph, limits)
        return FusedResult(graph, objective, status, reasons=reasons, seconds=perf_counter() - started)
    chains = [chain_for(k, graph, i, c) for i, (k, c) in enumerate(zip(kinds, found.choices))]
    kept = _kept(graph, found.choices)
    depths = tuple(
        max((len(kept[t][1]) for t in graph.live(i) if t in kept), default=0) for i in range(len(chains) - 1)
    )
    mapping = tree_of(graph, chains, depths)
    cost = cost_of(graph, mapping, kept, reversed_copies=reversed_copies)
    value = {EDP: cost.edp, LATENCY: cost.cycles}.get(code, cost.energy_pj)
    if not isclose(value, found.value, rel_tol=1e-8):
        raise AssertionError(f"the search promised {found.value}, the tree costs {value} for graph '{graph.name}'")
    lower = value if isclose(found.lower_bound, found.value, rel_tol=1e-9) else min(value, found.lower_bound)
    return FusedResult(
        graph=graph,
        objective=objective,
        status="optimal" if lower == value else "stopped",
        mapping=mapping,
        cost=cost,
        lower_bound=lower,
        unfused=found.unfused,
        kept=tuple((t, graph.memories[m - 1], tuple(_trips(n) for _, n in loops)) for t, (m, loops) in kept.items()),
        tiles=tuple(x for t, key in kept.items() for x in kept_tiles(t, key, graph.memories)),
        depths=depths,
        explain=_explain(found, kinds),
        seconds=perf_counter() - started,
    )


def _trips(loop: object) -> int:
    return loop.trips if isinstance(loop, TileLoop) else int(str(loop))


def cost_of(
    graph: FusedGraph, mapping: MappingTree, kept: dict[str, Key], *, reversed_copies: bool = False
) -> FusedCost:
    """The literal cost of a tree for a graph whose tensors `kept` live on chip."""
    chips = {}
    for layer in graph.layers:
        inside = frozenset(t for t in layer.tensors if t in kept)
        chips[layer.name] = layer.chips.get(inside, layer.chip)
    persistent = frozenset(t for layer in graph.layers for t in layer.persistent)
    return fused_cost(
        [layer.problem for layer in graph.layers],
        chips,
        mapping,
        persistent=persistent,
        counts={layer.name: layer.count for layer in graph.layers},
        reversed_copies=reversed_copies,
    )


def _kept(graph: FusedGraph, choices: tuple[Choice, ...]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for layer, choice in zip(graph.layers, choices):
        for tensor, key in zip(layer.tensors, choice.group.keys):
            if key[0]:
                found.setdefault(tensor, key)
    return found


def _explain(found: Found, kinds: tuple[object, ...]) -> tuple[tuple[str, int], ...]:
    distinct = list(dict.fromkeys(kinds))
    templates = sum(getattr(k, "templates_listed", 0) for k in distinct)
    groups = sum(len(getattr(k, "groups", ())) for k in distinct)
    tilings = sum(len(getattr(k, "bounds", ())) for k in distinct)
    return (
        ("problems that differ", len(distinct)),
        ("templates", templates),
        ("shared tilings bounded", tilings),
        ("choices of memories and shared loops that bounds left", groups),
        *((name, n) for name, n in found.counts.items()),
    )
