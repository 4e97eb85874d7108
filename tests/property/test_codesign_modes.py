"""Modes of co-design against loops over all pairs, on random tables, and what must hold whatever the numbers."""

from __future__ import annotations

from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.explore.codesign.correlation import average_ranks, spearman
from tileloom.explore.codesign.modes import (
    GOALS,
    Game,
    Limits,
    Pair,
    coupled,
    decoupled_hardware_first,
    front,
    proxy_set,
    semi,
    semi_certified,
)
from tileloom.explore.codesign.tables import NetworkCosts

Values = st.integers(1, 9)


@st.composite
def games(draw: st.DrawFn) -> tuple[Game, Limits]:
    networks, chips = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    tables = [
        np.array(draw(st.lists(Values, min_size=networks * chips, max_size=networks * chips)), np.float64).reshape(
            chips, -1
        )
        for _ in range(2)
    ]
    accuracy = np.array(draw(st.lists(Values, min_size=networks, max_size=networks)), np.float64)
    limits = Limits(
        latency_cycles=draw(st.sampled_from([inf, 3, 5, 8])), energy_nj=draw(st.sampled_from([inf, 3, 5, 8]))
    )
    return Game(_costs(*tables), accuracy, draw(st.sampled_from(GOALS))), limits


def _costs(cycles: np.ndarray, energy: np.ndarray) -> NetworkCosts:
    labels = tuple(f"chip@{i}" for i in range(len(cycles)))
    nothing = np.full(len(cycles), np.nan)
    return NetworkCosts(labels, labels, cycles, energy, nothing, nothing)


def slow_best(game: Game, limits: Limits) -> tuple[float, ...] | None:
    """The best pair by looking at each, as the sort key that decides."""
    found = []
    for h in range(game.accelerators):
        for a in range(game.networks):
            t, e, acc = game.costs.cycles[h, a], game.costs.energy_nj[h, a], game.accuracy[a]
            if t <= limits.latency_cycles and e <= limits.energy_nj:
                first = {"accuracy": -acc, "latency": t, "energy": e, "edp": t * e}[game.goal]
                found.append((first, -acc, t, e, a, h))
    return min(found, default=None)


def key(game: Game, pair: Pair | None) -> tuple[float, ...] | None:
    if pair is None:
        return None
    first = {
        "accuracy": -pair.accuracy, "latency": pair.cycles, "energy": pair.energy_nj, "edp": pair.cycles * pair.energy_nj,
    }[game.goal]  # fmt: skip
    return (first, -pair.accuracy, pair.cycles, pair.energy_nj, pair.network, pair.accelerator)


@given(games())
@settings(max_examples=150, deadline=None)
def test_coupled_is_the_best_of_all_pairs_and_certified_equals_it(drawn: tuple[Game, Limits]) -> None:
    game, limits = drawn
    best = coupled(game, limits).best
    assert key(game, best) == slow_best(game, limits)
    for proxies in ([0], list(range(game.accelerators))):
        certified = semi_certified(game, limits, proxies)
        assert certified.best == best
        assert certified.certificate is not None
        assert certified.certificate.repaired == (semi(game, limits, proxies).best != best)


@given(games())
@settings(max_examples=100, deadline=None)
def test_no_mode_beats_coupled(drawn: tuple[Game, Limits]) -> None:
    game, limits = drawn
    best = slow_best(game, limits)
    for choice in (semi(game, limits, [0]), decoupled_hardware_first(game, limits, 0)):
        found = key(game, choice.best)
        assert found is None or (best is not None and best <= found)


@given(games())
@settings(max_examples=100, deadline=None)
def test_the_nearest_miss_breaks_limits_least(drawn: tuple[Game, Limits]) -> None:
    game, _ = drawn
    limits = Limits(latency_cycles=0.5, energy_nj=0.25)
    choice = coupled(game, limits)
    worst = np.maximum(game.costs.cycles / 0.5, game.costs.energy_nj / 0.25)
    assert choice.best is None
    assert choice.nearest is not None
    assert choice.excess == worst.min() == worst[choice.nearest.accelerator, choice.nearest.network]


@given(st.lists(st.tuples(Values, Values, Values), min_size=1, max_size=14))
@settings(max_examples=200, deadline=None)
def test_the_front_is_what_nobody_beats(points: list[tuple[int, int, int]]) -> None:
    acc, t, e = (np.array(v, np.float64) for v in zip(*points))

    def beaten(i: int) -> bool:
        better = (acc >= acc[i]) & (t <= t[i]) & (e <= e[i])
        strictly = better & ((acc > acc[i]) | (t < t[i]) | (e < e[i]))
        return bool(strictly.any() or better[:i].any())

    assert front(acc, t, e) == tuple(i for i in range(len(points)) if not beaten(i))
    assert set(front(acc, t, e)) <= set(front(acc, t, e, slack=0.3))


@given(games(), st.data())
@settings(max_examples=100, deadline=None)
def test_with_monotone_costs_any_proxy_gives_the_coupled_optimum(
    drawn: tuple[Game, Limits], data: st.DataObject
) -> None:
    game, limits = drawn
    cycles, energy = (
        np.stack([table[0] ** power + shift for power, shift in ((1, 0), (2, 1), (3, 5))])
        for table in (game.costs.cycles, game.costs.energy_nj)
    )
    monotone = Game(_costs(cycles, energy), game.accuracy)
    proxy = data.draw(st.integers(0, 2))
    full, found = coupled(monotone, limits).best, semi(monotone, limits, [proxy]).best
    assert (full is None) == (found is None)
    assert (
        full is None
        or found is None
        or (full.accuracy, full.cycles, full.energy_nj)
        == (
            found.accuracy,
            found.cycles,
            found.energy_nj,
        )
    )


@given(games(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_shuffling_changes_no_value_and_more_networks_never_hurt(drawn: tuple[Game, Limits], random: object) -> None:
    game, limits = drawn
    networks, chips = list(range(game.networks)), list(range(game.accelerators))
    random.shuffle(networks)  # type: ignore[attr-defined]
    random.shuffle(chips)  # type: ignore[attr-defined]
    mixed = Game(
        _costs(game.costs.cycles[np.ix_(chips, networks)], game.costs.energy_nj[np.ix_(chips, networks)]),
        game.accuracy[networks],
        game.goal,
    )
    best, other = slow_best(game, limits), slow_best(mixed, limits)
    assert (best and best[:4]) == (other and other[:4])
    assert (key(mixed, coupled(mixed, limits).best) or (None,))[0] == (best or (None,))[0]
    some = networks[: max(1, len(networks) // 2)]
    fewer = game.best(limits, networks=some)
    assert fewer is None or (best is not None and best[0] <= (key(game, fewer) or (inf,))[0])
    assert set(proxy_set(game, [0])) <= set(range(game.networks))


@given(st.lists(st.lists(Values, min_size=6, max_size=6), min_size=2, max_size=4))
@settings(max_examples=100, deadline=None)
def test_rank_correlation_is_pearson_of_average_ranks(rows: list[list[int]]) -> None:
    values = np.array(rows, np.float64)
    for row, ranks in zip(values, average_ranks(values)):
        assert ranks.tolist() == [(row < v).sum() + ((row == v).sum() + 1) / 2 for v in row]
    table = spearman(values)
    for i, a in enumerate(average_ranks(values)):
        for j, b in enumerate(average_ranks(values)):
            if a.std() == 0 or b.std() == 0:
                assert np.isnan(table[i, j])
            else:
                assert abs(table[i, j] - np.corrcoef(a, b)[0, 1]) < 1e-9
