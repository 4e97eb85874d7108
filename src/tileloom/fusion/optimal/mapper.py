"""`fused_optimal`: the best fused mapping of a graph with its proof, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, isclose, isfinite
from time import perf_counter

from tileloom.architecture.model import Architecture
from tileloom.cost.fused import FusedCost, fused_cost
from tileloom.fusion.optimal.budget import Budget
from tileloom.fusion.optimal.build import chain_for, tree_of
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Key, Limits
from tileloom.fusion.optimal.halo_build import KeptTile, kept_tiles
from tileloom.fusion.optimal.halo_plan import HaloOptions, TileLoop
from tileloom.fusion.optimal.join import Choice
from tileloom.fusion.optimal.kinds import kinds_of
from tileloom.fusion.optimal.rows import KindRows
from tileloom.fusion.optimal.solve import Found, Solver
from tileloom.mapping.fused import read_branches
from tileloom.mapping.fused_legality import tensors_between
from tileloom.mapping.fused_passing import passing_faults
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective, Status
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
    reasons: tuple[str, ...] = ()
    explain: tuple[tuple[str, int], ...] = field(default=())
    seconds: float = 0.0

    @property
    def value(self) -> float:
        return self.value_of(self.objective)

    def value_of(self, objective: Objective) -> float:
        """Energy in pJ, latency in cycles, or their product; inf without a schedule."""
        if self.cost is None:
            return inf
        return {"energy": self.cost.energy_pj, "latency": self.cost.cycles, "edp": self.cost.edp}[objective]

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
    early_reads: bool = False,
    halo: HaloOptions | None = None,
    max_steps: int | None = None,
    time_limit_s: float | None = None,
) -> FusedResult:
    """The schedule of least energy, latency or EDP of the declared space (docs/fused.md), with a certificate.

    gap                      stop once proven to be within this share of the optimum
    max_fused_loops          shared loops above one problem at most;  per_dim: over one of its dims
    max_steps, time_limit_s  what the search may take (budget.py says what a step is) before it stops with the best
                             schedule and bound known; the first look at all templates is always complete
    reversed_copies          copies are charged as AccelForge 1.0 does
    early_reads              also schedules that AccelForge 1.0 takes although they read what is not complete (E-EARLY)
    halo                     tile loops over windows that overlap (docs/fused.md, "Overlapping tiles"); None: none
    Raises UnsupportedError for problems that no unit takes.
    """
    started = perf_counter()
    code = CODES[objective]
    limits = Limits(1_000_000 if max_fused_loops is None else max_fused_loops, max_fused_loops_per_dim)
    budget = Budget(max_steps, time_limit_s)
    first, before = _best_of_full(graph, code, limits, halo, budget, reversed_copies, early_reads)
    kinds = kinds_of(graph, code, limits, reversed_copies=reversed_copies, halo=halo, searched=first)
    found = Solver(graph, kinds, code, budget, early_reads=early_reads).run(gap, before.value if before else inf)
    if before is not None and found.stopped and before.choices and before.value < found.value:
        kinds, found = first, replace(before, lower_bound=found.lower_bound, stopped=True)
    if found.stopped and not found.choices:
        return FusedResult(
            graph=graph,
            objective=objective,
            status="stopped",
            lower_bound=found.lower_bound,
            reasons=("stopped before any schedule was known; allow more time or steps",),
            explain=explain_of(found, kinds),
            seconds=perf_counter() - started,
        )
    if not isfinite(found.value) or not found.choices:
        from tileloom.fusion.optimal.infeasible import why_nothing_fits

        status: Status = "infeasible"
        one_stack = halo is not None and halo.one_stack
        reasons = (ONE_STACK,) if one_stack else why_nothing_fits(graph, limits)
        return FusedResult(graph, objective, status, reasons=reasons, seconds=perf_counter() - started)
    lower = found.value if isclose(found.lower_bound, found.value, rel_tol=1e-9) else found.lower_bound
    result = result_of(graph, objective, kinds, found.choices, reversed_copies=reversed_copies)
    if not isclose(result.value, found.value, rel_tol=1e-8):
        raise AssertionError(f"promised {found.value}, the tree costs {result.value} for graph '{graph.name}'")
    if (
        not early_reads
        and result.mapping is not None
        and reads_early(graph, result.mapping, _kept(graph, found.choices))
    ):
        rest = fused_optimal(
            graph,
            objective,
            gap=gap,
            max_fused_loops=0,
            reversed_copies=reversed_copies,
            max_steps=max_steps,
            time_limit_s=time_limit_s,
        )
        lower = min(rest.value, lower)
        return replace(rest, status="stopped" if lower < rest.value else rest.status, lower_bound=lower)
    return replace(
        result,
        status="optimal" if lower == found.value else "stopped",
        lower_bound=result.value if lower == found.value else min(result.value, lower),
        unfused=found.unfused,
        explain=explain_of(found, kinds),
        seconds=perf_counter() - started,
    )


def _best_of_full(
    graph: FusedGraph,
    code: int,
    limits: Limits,
    halo: HaloOptions | None,
    budget: Budget,
    reversed_copies: bool,
    early_reads: bool,
) -> tuple[tuple[KindRows, ...], Found | None]:
    """The free choice of overlaps starts from the best schedule that keeps all of them: a point of its space."""
    if halo is None or halo.mode != "any":
        return (), None
    kinds = kinds_of(
        graph, code, limits, reversed_copies=reversed_copies, halo=replace(halo, mode="full"), only_tiles=True
    )
    return kinds, Solver(graph, kinds, code, budget, early_reads=early_reads).run(0.02)


def result_of(
    graph: FusedGraph,
    objective: Objective,
    kinds: tuple[KindRows, ...],
    choices: tuple[Choice, ...],
    *,
    reversed_copies: bool,
) -> FusedResult:
    """The schedule of one choice per layer, evaluated literally."""
    chains = [chain_for(k, graph, i, c) for i, (k, c) in enumerate(zip(kinds, choices))]
    kept = _kept(graph, choices)
    depths = tuple(
        max((len(kept[t][1]) for t in graph.live(i) if t in kept), default=0) for i in range(len(chains) - 1)
    )
    mapping = tree_of(graph, chains, depths)
    cost = cost_of(graph, mapping, kept, reversed_copies=reversed_copies)
    return FusedResult(
        graph=graph,
        objective=objective,
        status="feasible",
        mapping=mapping,
        cost=cost,
        kept=tuple((t, graph.memories[m - 1], tuple(_trips(n) for _, n in loops)) for t, (m, loops) in kept.items()),
        tiles=tuple(x for t, key in kept.items() for x in kept_tiles(t, key, graph.memories)),
        depths=depths,
    )


def _trips(loop: object) -> int:
    return loop.trips if isinstance(loop, TileLoop) else int(str(loop))


def reads_early(graph: FusedGraph, mapping: MappingTree, kept: dict[str, Key]) -> bool:
    """Whether a private copy stands above a loop in which its tensor is made: the one way to read early that the join
    does not see (it knows where tensors are backed, not where they are copied to). Such a schedule does not count."""
    problems = [layer.problem for layer in graph.layers]
    found, _ = read_branches(mapping, problems)
    aligned = {t: layout.aligned for t, layout in graph.layouts.items()}
    joined = frozenset(t for t, layout in graph.layouts.items() if layout.extents)
    faults = passing_faults(mapping, found, _chips(graph, kept), tensors_between(problems), aligned, joined)
    return any(d.code == "E-EARLY" for d in faults)


def _chips(graph: FusedGraph, kept: dict[str, Key]) -> dict[str, Architecture]:
    """The hardware as each problem meets it."""
    return {
        layer.name: layer.chips.get(frozenset(t for t in layer.tensors if t in kept), layer.chip)
        for layer in graph.layers
    }


def cost_of(
    graph: FusedGraph, mapping: MappingTree, kept: dict[str, Key], *, reversed_copies: bool = False
) -> FusedCost:
    """The literal cost of a tree for a graph whose tensors `kept` live on chip."""
    persistent = frozenset(t for layer in graph.layers for t in layer.persistent)
    return fused_cost(
        [layer.problem for layer in graph.layers],
        _chips(graph, kept),
        mapping,
        persistent=persistent,
        counts={layer.name: layer.count for layer in graph.layers},
        reversed_copies=reversed_copies,
        joined={t: graph.elements(t) for t, layout in graph.layouts.items() if layout.extents},
    )


def _kept(graph: FusedGraph, choices: tuple[Choice, ...]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for layer, choice in zip(graph.layers, choices):
        for tensor, key in zip(layer.tensors, choice.group.keys):
            if key[0]:
                found.setdefault(tensor, key)
    return found


def explain_of(found: Found, kinds: tuple[object, ...]) -> tuple[tuple[str, int], ...]:
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
