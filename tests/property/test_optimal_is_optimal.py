"""The optimal mapper against the exhaustive one on spaces small enough to list, and against random mappings.

The exhaustive mapper uses none of the optimal mapper's arguments: it lists placements, orders, loops and divisors.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from chips import array, conv, matmul, port, transposed_conv, two_level
from tileloom.architecture.model import (
    EVERYTHING,
    NOTHING,
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    TensorSet,
)
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.space import MapSpace
from tileloom.search.mappers.exhaustive import ExhaustiveMapper
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import OBJECTIVES, Objective, value_of
from tileloom.workload.problem import Problem

WEIGHT, OUTPUT = TensorSet(("weight",)), TensorSet(("output",))


def stacked_buffers() -> Architecture:
    """Two optional buffers without a fanout between them: the redundancy rule, also with halos."""
    return Architecture(
        "stacked",
        (
            Memory(name="DRAM", capacity_bits=None, read=port(50, 8), write=port(60, 8), keep=EVERYTHING),
            Memory(name="L2", capacity_bits=160, read=port(4, 16), write=port(5, 16), may_keep=TensorSet(("input",))),
            Memory(name="L1", capacity_bits=64, read=port(1), write=port(1), may_keep=TensorSet(("input", "output"))),
            Compute(name="MAC", energy_pj=1),
        ),
    )


def fanout_outside() -> Architecture:
    """Chips above the buffer, unicast, and an array below it that reduces outputs only."""
    return Architecture(
        "chips",
        (
            Memory(name="DRAM", capacity_bits=None, read=port(20, 8), write=port(30, 4), keep=EVERYTHING),
            Fanout(name="chip", axes=(FanoutAxis(name="C", size=2, multicast=NOTHING),)),
            Memory(name="L1", capacity_bits=96, read=port(1, 8), write=port(2, 8), keep=OUTPUT, buffers=2),
            Fanout(name="pe", axes=(FanoutAxis(name="X", size=2, multicast=OUTPUT),)),
            Compute(name="MAC", energy_pj=1),
        ),
    )


CASES: dict[str, tuple[Problem, Architecture]] = {
    "matmul, one buffer": (matmul(4, 6, 4), two_level()),
    "matmul, tight buffer": (matmul(4, 4, 4), two_level(buffer_bits=48)),
    "matmul, wide partial sums": (matmul(4, 4, 4), two_level(buffer_bits=128, value_bits=(("output", 24),))),
    "matmul, first output refetched": (matmul(4, 4, 2), two_level(refetch_first_output=True)),
    "convolution with halo": (conv(4, 1, 2, 2, 3, 1), two_level(buffer_bits=128)),
    "strided convolution": (conv(4, 1, 2, 2, 2, 1, stride=2), two_level(buffer_bits=96)),
    "two halos": (conv(2, 2, 1, 2, 2, 2), two_level(buffer_bits=96)),
    "transposed convolution": (transposed_conv(4, 2, 2, 2), two_level(buffer_bits=96)),
    "stacked buffers, matmul": (matmul(4, 4, 2), stacked_buffers()),
    "stacked buffers, halo": (conv(4, 1, 2, 2, 2, 1), stacked_buffers()),
    "array": (matmul(2, 2, 2), array(x=FanoutAxis(name="X", size=2), y=FanoutAxis(name="Y", size=1), spad_bits=16, buffer_bits=48)),
    "weights in the array": (matmul(2, 2, 4), array(spad_keep=WEIGHT, spad_may=NOTHING, buffer_bits=64)),
    "fixed wires": (
        matmul(4, 2, 2),
        array(
            x=FanoutAxis(name="X", size=2, stationary=WEIGHT, multicast=WEIGHT),
            y=FanoutAxis(name="Y", size=2, stationary=OUTPUT),
            spad_keep=WEIGHT, spad_may=NOTHING,
        ),
    ),
    "minimum use": (
        matmul(6, 4, 2),
        array(
            x=FanoutAxis(name="X", size=4, stationary=WEIGHT, min_utilization=1.0),
            y=FanoutAxis(name="Y", size=1), spad_keep=WEIGHT, spad_may=NOTHING,
        ),
    ),
    "one dim per axis": (
        matmul(4, 4, 2),
        array(x=FanoutAxis(name="X", size=4, max_dims=1), y=FanoutAxis(name="Y", size=1), spad_keep=WEIGHT, spad_may=NOTHING),
    ),
    "chips": (matmul(4, 4, 2), fanout_outside()),
    "chips, halo": (conv(4, 1, 1, 2, 2, 1), fanout_outside()),
}  # fmt: skip


@pytest.mark.parametrize(("name", "objective"), [(n, OBJECTIVES[i % 3]) for i, n in enumerate(CASES)])
def test_optimum_equals_exhaustive(name: str, objective: Objective) -> None:
    compare(name, objective)


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", CASES)
def test_optimum_equals_exhaustive_for_every_objective(name: str, objective: Objective) -> None:
    compare(name, objective)


def compare(name: str, objective: Objective) -> None:
    problem, chip = CASES[name]
    listed = ExhaustiveMapper().search(problem, chip, objective)
    found = OptimalMapper().search(problem, chip, objective)
    assert listed.status == found.status
    assert found.value == pytest.approx(listed.value, rel=1e-12)
    assert found.lower_bound == pytest.approx(listed.value, rel=1e-12)
    if found.mapping is not None:
        assert check_mapping(problem, chip, found.mapping) == ()
        assert value_of(LoopnestModel().evaluate(problem, chip, found.mapping), objective) == found.value


@pytest.mark.parametrize("name", ["two halos", "weights in the array", "chips"])
def test_remainders_are_never_worse_and_stay_legal(name: str) -> None:
    problem, chip = CASES[name]
    plain = OptimalMapper().search(problem, chip, "edp")
    uneven = OptimalMapper(remainders=2).search(problem, chip, "edp")
    assert uneven.value <= plain.value * (1 + 1e-12)
    assert uneven.mapping is not None
    assert check_mapping(problem, chip, uneven.mapping) == ()


def test_no_random_mapping_beats_the_optimum() -> None:
    problem, chip = conv(8, 8, 4, 8, 3, 3), array(buffer_bits=4096, spad_bits=256)
    best = {o: OptimalMapper().search(problem, chip, o).value for o in OBJECTIVES}
    space, rng, legal = MapSpace(problem, chip), Random(7), 0
    for _ in range(400):
        mapping = space.sample(rng)
        if check_mapping(problem, chip, mapping):
            continue
        legal += 1
        cost = LoopnestModel().evaluate(problem, chip, mapping)
        for objective in OBJECTIVES:
            assert value_of(cost, objective) >= best[objective] * (1 - 1e-12)
    assert legal > 20


def test_more_capacity_never_costs_more() -> None:
    problem = matmul(12, 8, 6)
    values = [
        OptimalMapper().search(problem, array(buffer_bits=bits), "energy").value for bits in (96, 256, 1024, 4096)
    ]
    assert values == sorted(values, reverse=True)


def test_nothing_fits() -> None:
    problem, chip = matmul(4, 4, 4), two_level(buffer_bits=7, keep=EVERYTHING)
    result = OptimalMapper().search(problem, chip, "edp")
    assert result.status == "infeasible"
    assert result.mapping is None
    assert "do not fit in 'Buffer': A 8 + B 8 + Z 8 = 24 bits, capacity 7 bits" in result.reasons[0]


def test_a_single_point_still_needs_room() -> None:
    problem = matmul(1, 1, 1)
    assert OptimalMapper().search(problem, two_level(buffer_bits=24, keep=EVERYTHING), "edp").status == "optimal"
    refused = OptimalMapper().search(problem, two_level(buffer_bits=16, keep=EVERYTHING), "edp")
    assert refused.status == "infeasible"
    assert "capacity 16 bits" in refused.reasons[0]


def test_minimum_use_with_one_dim_per_axis() -> None:
    axis = FanoutAxis(name="X", size=4, max_dims=1, min_utilization=1.0)
    chip = array(x=axis, y=FanoutAxis(name="Y", size=1), spad_keep=WEIGHT, spad_may=NOTHING, buffer_bits=64)
    problem = matmul(2, 2, 3)
    listed, found = (m.search(problem, chip, "edp") for m in (ExhaustiveMapper(), OptimalMapper()))
    assert found.status == listed.status == "optimal"
    assert found.value == pytest.approx(listed.value, rel=1e-12)


def test_gap_and_node_limit_tell_what_is_proven() -> None:
    problem, chip = matmul(64, 64, 64), array(buffer_bits=4096, spad_bits=256)
    best = OptimalMapper().search(problem, chip, "edp").value
    near = OptimalMapper(gap=0.2).search(problem, chip, "edp")
    assert near.lower_bound <= best <= near.value <= best / (1 - 0.2)
    cut = OptimalMapper(node_limit=3).search(problem, chip, "edp")
    assert cut.status == "stopped"
    assert cut.lower_bound <= best <= cut.value


def test_equal_searches_give_equal_mappings() -> None:
    problem, chip = conv(8, 8, 4, 8, 3, 3), array(buffer_bits=2048)
    first, second = (OptimalMapper().search(problem, chip, "edp") for _ in range(2))
    assert first.mapping == second.mapping
    assert replace(first, seconds=0.0) == replace(second, seconds=0.0)


@pytest.mark.parametrize("name", ["matmul, one buffer", "stacked buffers, matmul", "chips", "weights in the array"])
def test_ties_go_to_the_other_objective(name: str) -> None:
    problem, chip = CASES[name]
    front = [(c.energy_pj, c.cycles) for _, c in OptimalMapper(pareto=True).search(problem, chip, "edp").front]
    least_energy = OptimalMapper().search(problem, chip, "energy").cost
    fastest = OptimalMapper().search(problem, chip, "latency").cost
    assert least_energy is not None
    assert fastest is not None
    assert (least_energy.energy_pj, least_energy.cycles) == pytest.approx(front[0], rel=1e-9)
    assert (fastest.energy_pj, fastest.cycles) == pytest.approx(front[-1], rel=1e-9)
