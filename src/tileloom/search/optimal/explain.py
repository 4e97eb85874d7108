"""Words for what the search did: what was pruned by which argument, and why nothing fits when nothing does."""

from __future__ import annotations

from tileloom.search.optimal.run import Outcome
from tileloom.search.optimal.space import Setting
from tileloom.search.screen import never_fits


def explain(outcome: Outcome, *, templates: int, equal: int, before: int) -> tuple[tuple[str, int], ...]:
    """(what, count) pairs in the order in which the search prunes."""
    nodes, by_bound, by_limit, evaluated, _ = (int(c) for c in outcome.counts)
    return (
        ("templates (placement and order of tiles in memories)", templates),
        ("templates left out as mirror images of others", equal),
        ("templates left out by their bound", outcome.templates_cut),
        ("tile chains per group, summed over templates", before),
        ("tile chains left after bounds, limits and the Pareto filter", outcome.options_left),
        ("search nodes", nodes),
        ("tile chains cut by a bound", by_bound),
        ("tile chains cut by a capacity or an array size", by_limit),
        ("complete mappings evaluated", evaluated),
    )


def why_infeasible(setting: Setting) -> tuple[str, ...]:
    """The memories that no mapping can respect, or, when each alone could be, the limits that are the tightest."""
    broken = never_fits(setting.problem, setting.architecture)
    if broken:
        return tuple(map(str, broken))
    limits = "; ".join(f"'{m.name}' {m.capacity_bits} bits" for m in setting.memories if m.capacity_bits is not None)
    return (f"no combination of tiles meets all capacities and array sizes together; the tightest limits are {limits}",)
