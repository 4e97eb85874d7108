"""Lower bounds from solved chips: never above the optimum, and as high as a linear program allows."""

from __future__ import annotations

import numpy as np
import pytest

from tileloom.explore.sweep.shared_kernels import combined, floors_of, usable_of


@pytest.mark.parametrize("seed", range(20))
def test_a_combined_bound_never_exceeds_the_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = int(rng.integers(1, 5))
    counts = rng.integers(0, 50, (12, columns)).astype(float) + 1
    prices = rng.choice([0.5, 1.0, 2.0, 4.0, 8.0], (30, columns))
    optima = (prices @ counts.T).min(axis=1)
    for target in rng.uniform(0.5, 8.0, (20, columns)):
        optimum = (counts @ target).min()
        bound = combined(target, prices, optima, True)
        alone = ((target / prices).min(axis=1) * optima).max()
        assert alone * (1 - 1e-12) <= bound <= optimum * (1 + 1e-12)


def test_between_three_chips_of_one_mapping_its_cost_is_proven() -> None:
    """Counts (3, 5, 7): what no one or two of the chips prove, all three do."""
    prices = np.array([[1.0, 1.0, 1.0], [9.0, 1.0, 1.0], [1.0, 9.0, 1.0]])
    target = np.array([3.0, 4.0, 1.0])
    optima = prices @ np.array([3.0, 5.0, 7.0])
    assert combined(target, prices, optima, True) == pytest.approx(3 * 3 + 5 * 4 + 7, rel=1e-12)
    assert combined(target, prices[:2], optima[:2], True) < 30


def test_free_energies_and_chips_where_nothing_fits() -> None:
    prices = np.array([[0.0, 1.0], [2.0, 1.0]])
    # A chip that pays for what is free here says nothing.
    assert combined(np.array([0.0, 1.0]), prices, np.array([7.0, 100.0]), True) == pytest.approx(7.0)
    assert combined(np.array([1.0, 1.0]), prices, np.array([7.0, np.inf]), True) == np.inf
    assert combined(np.array([1.0, 1.0]), prices[:0], np.zeros(0), True) == 0.0
    assert combined(np.array([1.0, 1.0]), prices, np.array([7.0, 9.0]), False) == 9.0


def test_floors_are_worked_out_for_wanted_templates_only() -> None:
    floors = np.array([[10.0, 20.0, 30.0], [12.0, 18.0, 40.0]])
    prices = np.array([[1.0], [1.0]])
    found = floors_of(np.array([1.0]), prices, floors, True, np.array([True, False, True]))
    assert found == pytest.approx([12.0, 0.0, 40.0])


def test_slower_or_smaller_chips_bound_nothing() -> None:
    paces, sizes = np.array([[1.0], [2.0], [1.0], [0.5]]), np.array([[64.0], [64.0], [32.0], [128.0]])
    assert usable_of(0, paces, sizes, np.arange(4)).tolist() == [0, 3]
