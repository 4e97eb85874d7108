"""How many elements move and how many multiplications happen in one step of a level. Knows no time and no energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from tileloom.cost.models.maestro.cases import Case, Position
from tileloom.cost.models.maestro.layer import Coupling
from tileloom.cost.models.maestro.levels import Level
from tileloom.mapping.notation.maestro_refusal import RefusedError


def tile(level: Level, case: Case, dims: Sequence[str], first: bool, last: bool) -> int:
    """Elements of a tensor that one sub-unit holds in this step."""
    volume = 1
    for m in level.maps:
        if m.dim not in dims:
            continue
        partial = case.by_dim[m.dim].partial
        if not partial:
            volume *= level.full[m.dim]
        elif not m.spatial:
            volume *= level.edge[m.dim]
        elif level.edge_units == 1:
            volume *= level.edge[m.dim] if first or last else 1
        else:
            volume *= level.edge[m.dim] if last else level.full[m.dim]
    return volume


def unit_ingress(level: Level, case: Case, dims: Sequence[str], first: bool, last: bool) -> int:
    """Elements of a tensor that one sub-unit receives in this step.

    Only the innermost advancing directive counts: a tensor that it does not move receives nothing, even where
    dimensions inside it start again.
    """
    advancing = [i for i, s in enumerate(case.states) if s.position is not Position.INIT]
    if not advancing:
        return tile(level, case, dims, first, last)
    at = advancing[-1]
    if level.maps[at].dim not in dims:
        return 0
    again = any(
        m.dim in dims and case.states[i].position is Position.INIT and not case.states[i].unrolled
        for i, m in enumerate(level.maps)
        if i > at
    )
    volume = 1
    for i, m in enumerate(level.maps):
        if m.dim not in dims:
            continue
        state, v = case.by_dim[m.dim], m.dim
        initial = state.position is Position.INIT
        if m.spatial:
            held, fresh = (level.edge[v], level.edge_new[v]) if last else (level.full[v], level.new[v])
            whole = (first or i <= at) if initial else (first or again or i != at)
            volume *= held if whole else fresh
        elif initial:
            volume *= level.edge[v] if state.partial else level.full[v]
        elif i == at and not again:
            if level.new[v] == 0:
                raise RefusedError(
                    "steps bring something",
                    f"a step of {m} brings no new element within {level.extents[v]}",
                    "exit 255",
                )
            volume *= level.new[v]
        else:
            volume *= level.full[v]
    return volume


def _over_units(level: Level, case: Case, dims: Sequence[str], one: Callable[[bool, bool], int]) -> int:
    """Sum over sub-units of one(first, last); a tensor that is not spread counts once (multicast)."""
    spread = [v for v in dims if any(level.maps[i].dim == v for i in level.spatial)]
    if not spread:
        return one(True, False)
    if not any(case.by_dim[v].partial for v in spread):
        return one(True, False) + (level.units - 1) * one(False, False)
    last_partial = case.by_dim[spread[-1]].last_partial
    volume = one(True, level.edge_units == 1 and last_partial)
    if level.edge_units > 1:
        partial = int(last_partial)
        volume += max(level.edge_units - partial - 1, 0) * one(False, False) + partial * one(False, True)
    return volume


def ingress(level: Level, case: Case, dims: Sequence[str]) -> int:
    """Elements of an input tensor sent down in this step, one copy for all sub-units that share it."""
    return _over_units(level, case, dims, lambda first, last: unit_ingress(level, case, dims, first, last))


def egress(level: Level, case: Case, coupling: Coupling) -> int:
    """Elements of the output sent up in this step: partial sums too."""
    return _over_units(
        level, case, coupling.output, lambda first, last: unit_results(level, case, coupling, False, first, last)
    )


def unit_results(
    level: Level, case: Case, coupling: Coupling, macs: bool, first: bool, last: bool, dedup: bool = True
) -> int:
    """Outputs of one sub-unit in this step, or with `macs` its multiplications."""
    primed = {v: v + "'" for v, _ in coupling.sliding}
    spatial = {m.dim: m.spatial for m in level.maps}
    volume = 1
    for v in coupling.output:
        volume *= _output_factor(level, case, v, primed.get(v, v), spatial[v], first, last, dedup)
    if macs:
        for m in level.maps:
            if m.dim not in coupling.output:
                volume *= _reduced_factor(level, case, m.dim, m.spatial, first, last)
    return volume


def _full(level: Level, key: str, first: bool) -> int:
    return level.full[key] if first else (level.new[key] or 1)


def _reduced_factor(level: Level, case: Case, v: str, spatial: bool, first: bool, last: bool) -> int:
    state = case.by_dim[v]
    if not spatial:
        return level.edge[v] if state.partial else level.full[v]
    if state.position is Position.INIT:
        return level.edge[v] if state.init_partial and last else _full(level, v, first)
    if state.position is Position.STEADY:
        return _full(level, v, first)
    if level.edge_units == 1:
        return level.edge[v] if first or last else 1
    return level.edge_new[v] if last else _full(level, v, first)


def _output_factor(
    level: Level, case: Case, v: str, key: str, spatial: bool, first: bool, last: bool, dedup: bool
) -> int:
    state = case.by_dim[v]
    if not spatial:
        return level.edge[key] if state.partial else level.full[key]
    if state.position is Position.INIT:
        if state.init_partial and last:
            return level.edge[key] if level.edge_units == 1 or not dedup else level.edge_new[key]
        return _full(level, key, first)
    if state.position is Position.STEADY:
        return _full(level, key, first)
    if level.edge_units == 1:
        # The original looks up the input side here (quirk Q9).
        return level.edge[v] if first or last else 1
    return level.edge_new[key] if last else _full(level, key, first)


def critical_macs(level: Level, case: Case, coupling: Coupling) -> int:
    """Multiplications of the busiest sub-unit in this step."""
    spread = [v for v in coupling.output if any(level.maps[i].dim == v for i in level.spatial)]
    partial = any(case.by_dim[v].partial for v in spread)
    last = partial and level.edge_units == 1 and case.by_dim[spread[-1]].last_partial
    return unit_results(level, case, coupling, True, True, last)


def all_macs(level: Level, case: Case, coupling: Coupling) -> int:
    """Multiplications of all sub-units in this step."""

    def one(first: bool, last: bool, dedup: bool = True) -> int:
        return unit_results(level, case, coupling, True, first, last, dedup)

    spatial = [case.by_dim[level.maps[i].dim] for i in level.spatial]
    if not any(s.partial for s in spatial):
        return level.units * one(True, False)
    last_partial = spatial[-1].last_partial
    total = one(True, level.edge_units == 1 and last_partial)
    if level.edge_units > 1:
        partial = int(last_partial)
        total += max(level.edge_units - partial - 1, 0) * one(True, False) + partial * one(False, True, dedup=False)
    return total


def covered(level: Level, dims: Sequence[str]) -> int:
    """Elements of the full tile; of the output with the input-side rows and columns, as the original sizes L1 (Q8)."""
    return prod(level.full[v] for v in dims)
