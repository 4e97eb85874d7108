"""How much a proxy loses: semi-decoupled against coupled over a grid of limits, for each proxy and set of accelerators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tileloom.explore.codesign.modes import Game, Limits, Pair, proxy_set, quantiles, semi_evaluations

SHARES = (0.05, *(i / 10 for i in range(1, 10)), 0.95, 1.0)
"""Quantiles of all latencies and energies that limits are taken from: 12 x 12 pairs of limits."""


@dataclass(frozen=True, slots=True)
class Point:
    """One pair of limits: the coupled and the semi-decoupled optimum; None where nothing keeps the limits."""

    limits: Limits
    coupled: Pair | None
    semi: Pair | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One proxy (or several) on one set of accelerators.

    exact        feasible points where both agree in accuracy, latency and energy;  feasible: points with a coupled optimum
    infeasible   points where only the semi-decoupled search finds nothing
    worst_gap, mean_gap   accuracy lost (percentage points), over points where both find something
    """

    targets: str
    proxies: tuple[str, ...]
    kept: int
    points: tuple[Point, ...]
    feasible: int
    exact: int
    infeasible: int
    worst_gap: float
    mean_gap: float
    evaluations_coupled: int
    evaluations_semi: int


def grid(game: Game, shares: Sequence[float] = SHARES) -> tuple[Limits, ...]:
    """Limits on latency and energy at quantiles over all pairs; latency is the outer loop."""
    latencies, energies = quantiles(game.costs.cycles, shares), quantiles(game.costs.energy_nj, shares)
    return tuple(Limits(latency_cycles=t, energy_nj=e) for t in latencies for e in energies)


def transfer(
    game: Game, proxies: Sequence[Game], names: Sequence[str], targets: str, limits: Sequence[Limits]
) -> Transfer:
    """Compares on every point.

    game     the networks on the target accelerators
    proxies  one game per proxy: the same networks on that accelerator only (which need not be a target)
    """
    kept = tuple(sorted({a for p in proxies for a in proxy_set(p, range(p.accelerators))}))
    points = tuple(Point(x, game.best(x), game.best(x, networks=kept)) for x in limits)
    inside = [game.costs.labels.index(n) for n in names if n in game.costs.labels]
    gaps = [p.coupled.accuracy - p.semi.accuracy for p in points if p.coupled and p.semi]
    outside = len(set(names)) - len(set(inside))
    return Transfer(
        targets,
        tuple(names),
        len(kept),
        points,
        sum(p.coupled is not None for p in points),
        sum(_agree(p) for p in points),
        sum(p.coupled is not None and p.semi is None for p in points),
        max(gaps, default=0.0),
        float(np.mean(gaps)) if gaps else 0.0,
        game.networks * game.accelerators,
        semi_evaluations(game, inside, len(kept)) + outside * game.networks,
    )


def _agree(point: Point) -> bool:
    a, b = point.coupled, point.semi
    return (
        a is not None and b is not None and (a.accuracy, a.cycles, a.energy_nj) == (b.accuracy, b.cycles, b.energy_nj)
    )


def missed(result: Transfer) -> Iterator[Point]:
    """Points that the semi-decoupled search gets wrong."""
    return (p for p in result.points if p.coupled is not None and not _agree(p))
