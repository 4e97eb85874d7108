"""The optimal mapper's kernels against their slow twins."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from chips import array, conv, matmul, transposed_conv, two_level

from tileloom.architecture.model import NOTHING, FanoutAxis, TensorSet
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.optimal.columns import rank_groups
from tileloom.search.optimal.compile import Layout, compile_template
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY, insert_point, is_dominated, pareto_rows
from tileloom.search.optimal.options import count_chains, divisor_tiles, remainder_tiles, visits
from tileloom.search.optimal.prepare import prepare
from tileloom.search.optimal.reference import front_reference, pareto_rows_reference, search_reference
from tileloom.search.optimal.run import run_front, run_scalar
from tileloom.search.optimal.space import required_use, setting_of, templates

SMALL = st.integers(1, 4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=25), st.booleans())
def test_pareto_rows_equal_the_twin(rows: list[tuple[int, int, int]], equal: bool) -> None:
    values = np.array(sorted(rows, key=sum), dtype=float)
    same = np.array([False, equal, False])
    fast = [tuple(values[i]) for i in pareto_rows(values, same, 0)]
    slow = [tuple(values[i]) for i in pareto_rows_reference(values, same)]
    assert fast == slow
    windowed = [tuple(values[i]) for i in pareto_rows(values, same, 3)]
    assert set(slow) <= set(windowed) <= {tuple(row) for row in values}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=40))
def test_archive_keeps_exactly_the_front(points: list[tuple[int, int]]) -> None:
    archive, owners, size = np.full((64, 2), np.inf), np.zeros((64, 1), dtype=np.int64), 0
    for number, (energy, cycles) in enumerate(points):
        if not is_dominated(float(energy), float(cycles), archive, size, 1.0):
            at, size = insert_point(float(energy), float(cycles), archive, owners, size)
            owners[at, 0] = number
    kept = [(archive[i, 0], archive[i, 1]) for i in range(size)]
    assert kept == front_reference([(float(e), float(c)) for e, c in points])
    assert all(points[owners[i, 0]] == kept[i] for i in range(size))


UNICAST = FanoutAxis(name="X", size=4, multicast=NOTHING)
ONE_DIM = FanoutAxis(name="Y", size=4, max_dims=1)
FULL_X = FanoutAxis(name="X", size=4, stationary=TensorSet(("weight",)), min_utilization=1.0)
CASES = [
    (matmul(4, 6, 4), two_level()),
    (matmul(4, 4, 4), array()),
    (matmul(4, 4, 2), array(x=UNICAST, y=ONE_DIM)),
    (matmul(6, 4, 4), array(x=FULL_X)),
    (conv(4, 2, 2, 2, 3, 1), array(spad_keep=TensorSet(("weight",)), spad_may=NOTHING)),
    (transposed_conv(3, 2, 2, 2), two_level(buffer_bits=96)),
]


@pytest.mark.parametrize("objective", [ENERGY, LATENCY, EDP])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_search_equals_listing_every_combination(case: int, objective: int) -> None:
    problem, chip = CASES[case]
    setting = setting_of(problem, chip)
    lower, layout = required_use(setting), Layout(setting, rank_groups(setting))
    every = [
        prepare(compile_template(layout, t, energy_matters=True, time_matters=True, lower=lower), objective)
        for t in templates(setting)
    ][:40]
    slow = min(search_reference(p, objective)[0] for p in every)
    found = run_scalar(every, objective)
    assert found.value == pytest.approx(slow, rel=1e-12)
    assert found.lower_bound == found.value


def test_front_holds_both_ends_and_nothing_dominated() -> None:
    problem, chip = matmul(8, 8, 4), array()
    result = OptimalMapper(pareto=True).search(problem, chip, "edp")
    pairs = [(c.energy_pj, c.cycles) for _, c in result.front]
    assert pairs == front_reference(pairs)
    assert pairs[0][0] == pytest.approx(OptimalMapper().search(problem, chip, "energy").value, rel=1e-12)
    assert pairs[-1][1] == pytest.approx(OptimalMapper().search(problem, chip, "latency").value, rel=1e-12)
    best = OptimalMapper().search(problem, chip, "edp").value
    assert result.value == pytest.approx(best, rel=1e-12)


def test_front_equals_listing_every_combination() -> None:
    problem, chip = matmul(4, 4, 2), array()
    setting = setting_of(problem, chip)
    every = [
        prepare(
            compile_template(
                Layout(setting, rank_groups(setting)), t, energy_matters=True, time_matters=True, lower={}
            ),
            EDP,
        )
        for t in templates(setting)
    ]
    from itertools import product

    from tileloom.search.optimal.reference import cost_reference, within_limits

    points = []
    for p in every:
        for chosen in product(*(range(a, b) for a, b in zip(p.starts, p.starts[1:]))):
            columns = np.prod(p.table[list(chosen)], axis=0)
            if within_limits(columns, p.limits):
                points.append(tuple(round(v, 6) for v in cost_reference(columns, p.cost)))
    found = [(round(e, 6), round(c, 6)) for e, c, _, _ in run_front(every).points]
    assert found == front_reference(points)


def test_chain_counts_and_tables_agree() -> None:
    for extent in (1, 7, 12, 36, 64):
        for slots in (1, 2, 4):
            tiles = divisor_tiles(extent, (0,) * slots)
            assert len(tiles) == count_chains(extent, slots)
            assert len({tuple(t) for t in tiles}) == len(tiles)
    assert all(8 // t[0] <= 2 for t in divisor_tiles(8, (2, 0)))


def test_remainder_tiles_contain_the_dividing_ones_and_end_at_one() -> None:
    plain = {tuple(t) for t in divisor_tiles(12, (0, 4, 0))}
    more = {tuple(t) for t in remainder_tiles(12, (0, 4, 0), 1)}
    assert plain < more
    assert all(t[-1] == 1 for t in more)


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 30), st.lists(st.integers(1, 30), min_size=1, max_size=3), st.integers(0, 15))
def test_visits_equal_walking_the_loops(extent: int, sizes: list[int], mask: int) -> None:
    tiles = [*sorted((min(s, extent) for s in sizes), reverse=True), 1]

    def walk(size: int, slot: int) -> int:
        if slot == len(tiles):
            return 1
        trips = range(0, size, tiles[slot])
        if not mask >> slot & 1:
            return walk(min(size, tiles[slot]), slot + 1)
        return sum(walk(min(tiles[slot], size - start), slot + 1) for start in trips)

    assert visits(extent, np.array([tiles]), mask)[0] == walk(extent, 0)
