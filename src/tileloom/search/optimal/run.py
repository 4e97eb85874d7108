"""Running the search over all templates: best-bound template first, one incumbent (or one front) for all.

Deterministic: templates are ordered by (bound, position), ties between mappings go to the first one found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from tileloom.search.optimal.arrays import Goal, Ints
from tileloom.search.optimal.classes import parts
from tileloom.search.optimal.kernels import EDP, ENERGY, FRONT, LATENCY, search, value_of
from tileloom.search.optimal.prepare import Prepared, narrow

ARCHIVE_CAPACITY = 20_000
CODES = {"energy": ENERGY, "latency": LATENCY, "edp": EDP}


@dataclass(frozen=True)
class Outcome:
    """value: objective of the best mapping found (inf: none); lower_bound: nothing in the space is below it.

    options_left   tile chains per group that were left after filters, summed over templates
    counts   nodes, options cut by bound, options cut by a limit, complete mappings evaluated, searches stopped early
    points   of `run_front`: (energy, cycles, template, rows) of every non-dominated mapping, energy ascending
    """

    value: float
    lower_bound: float
    prepared: Prepared | None
    rows: Ints | None
    counts: Ints
    templates_cut: int
    options_left: int
    points: tuple[tuple[float, float, Prepared, Ints], ...] = ()

    @property
    def complete(self) -> bool:
        return not self.counts[4]


def root_value(prepared: Prepared, objective: int) -> float:
    if objective == LATENCY:
        return prepared.root_cycles
    return prepared.root_energy * prepared.root_cycles if objective == EDP else prepared.root_energy


def run_scalar(
    templates: Sequence[Prepared],
    objective: int,
    *,
    gap: float = 0.0,
    node_limit: int = 0,
    energy_limit: float = inf,
    cycle_limit: float = inf,
    incumbent: float = inf,
) -> Outcome:
    """Least energy, latency or EDP over the templates, among mappings within the limits and below `incumbent`."""
    order = sorted(range(len(templates)), key=lambda i: root_value(templates[i], objective))
    best, winner, rows, cut, templates_cut, options_left = incumbent, None, None, inf, 0, 0
    counts = np.zeros(5, dtype=np.int64)
    archive, owners = np.empty((0, 2)), np.empty((0, 0), dtype=np.int64)
    for position, i in enumerate(order):
        prepared = templates[i]
        root = root_value(prepared, objective)
        if root >= (1 - gap) * best:
            cut = min(cut, root)
            templates_cut = len(order) - position
            break
        left = max(0, node_limit - int(counts[0])) if node_limit else 0
        if node_limit and left == 0:
            counts[4] += 1
            cut = min(cut, root)
            break
        goal = Goal(objective, 1 - gap, energy_limit, cycle_limit, left, i)
        narrowed, cut_bound = narrow(prepared, goal, best, counts)
        cut = min(cut, cut_bound)
        if narrowed is None:
            continue
        options_left += len(narrowed.rows)
        pieces, cut_bound = parts(prepared, narrowed, goal, best)
        cut = min(cut, cut_bound)
        for least, piece in pieces:
            if least >= (1 - gap) * best:
                cut = min(cut, least)
                break
            value, found, cut_bound, _, done = search(
                piece.table, piece.starts, prepared.cost, prepared.limits, goal, best, archive, owners, 0
            )
            counts += done
            # A search that was stopped has not looked at everything: only its root bound holds.
            cut = min(cut, max(root, least) if done[4] else cut_bound)
            if value < best:
                best, winner, rows = float(value), prepared, piece.rows[found]
            if done[4]:
                break
    lower = best if not gap and not counts[4] else min(best, cut)
    return Outcome(best, lower, winner, rows, counts, templates_cut, options_left)


def run_front(templates: Sequence[Prepared], objective: int, *, gap: float = 0.0, node_limit: int = 0) -> Outcome:
    """Every non-dominated (energy, cycles) over the templates; with `gap`, one within that share of each in both.

    objective   of which `value` and `lower_bound` are
    """
    groups = max((len(p.starts) for p in templates), default=1)
    archive = np.full((ARCHIVE_CAPACITY, 2), inf)
    owners = np.zeros((ARCHIVE_CAPACITY, groups), dtype=np.int64)
    size, options_left = 0, 0
    narrowed_to: dict[int, Ints] = {}
    counts = np.zeros(5, dtype=np.int64)
    for i in sorted(range(len(templates)), key=lambda i: root_value(templates[i], EDP)):
        p = templates[i]
        goal = Goal(FRONT, 1 - gap, node_limit=node_limit, template=i)
        narrowed, _ = narrow(p, goal, inf, counts)
        if narrowed is None:
            continue
        options_left += len(narrowed.rows)
        narrowed_to[i] = narrowed.rows
        *_, size, done = search(narrowed.table, narrowed.starts, p.cost, p.limits, goal, inf, archive, owners, size)
        counts += done
    points = tuple(
        (
            float(archive[k, 0]),
            float(archive[k, 1]),
            templates[owners[k, 0]],
            narrowed_to[int(owners[k, 0])][owners[k, 1 : len(templates[owners[k, 0]].starts)]],
        )
        for k in range(size)
    )
    value = min((float(value_of(energy, cycles, objective)) for energy, cycles, _, _ in points), default=inf)
    if counts[4]:
        lower = min((root_value(p, objective) for p in templates), default=inf)
    else:
        # A mapping left out has a point of the front within the gap in energy and in cycles, so in both for EDP.
        lower = value * (1 - gap) ** (2 if objective == EDP else 1)
    return Outcome(value, min(value, lower), None, None, counts, 0, options_left, points)
