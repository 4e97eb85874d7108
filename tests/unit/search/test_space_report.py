"""Sizes of the plan space: equal to listing every plan, and shrinking group by group."""

from itertools import permutations, product
from math import factorial

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.cost.base import Profile
from tileloom.mapping.constraints import FREE, AxisRule, Constraints, OrderRule, TileRule
from tileloom.search.mappers.decoupled import DecoupledMapper
from tileloom.search.mappers.genetic import GeneticMapper
from tileloom.search.mappers.hybrid import HybridMapper
from tileloom.search.mappers.levels import LevelSpace, Plan
from tileloom.search.space_report import plans, size_report
from tileloom.testing import small_cases
from tileloom.workload.layers import gemm

CHIP = parse_architecture("""
name: chip
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}
- fanout: PE
  axes: [{name: X, size: 4}, {name: Y, size: 2}]
- {memory: L1, size_bits: 512, access: {energy_pj: 1, width_bits: 8}}
- {compute: MAC, energy_pj: 0.5}
""")
WORK = gemm(M=4, N=6, K=2)


def listed(space: LevelSpace) -> int:
    """Every combination of splits that fits, times the orders of its loops and the residencies."""
    total = 0
    for chains in product(*space.chains):
        if space.fits(chains):
            ways = 1
            for level, memory in enumerate(space.frame.memories):
                rule = space.constraints.order_of(memory.name)
                loops = [d for d, c in zip(space.frame.dims, chains, strict=True) if c.time[level] > 1]
                ways *= factorial(sum(rule is None or not rule.fixes(d) for d in loops))
            total += ways
    for sets in space.keeps():
        total *= len(sets)
    return total


def test_the_size_is_that_of_the_list() -> None:
    for rules in (
        FREE,
        Constraints(axes=(AxisRule(fanout="PE", axis="X", max_dims=1),)),
        Constraints(orders=(OrderRule("L1", ("K",)),)),
    ):
        space = LevelSpace(WORK, CHIP, rules, Profile())
        assert plans(space) == listed(space) > 0


def test_every_group_takes_its_share() -> None:
    rules = Constraints(
        axes=(AxisRule(fanout="PE", axis="X", max_dims=1),),
        no_spatial=frozenset({"K"}),
        tiles=(TileRule("L1", "M", "<=", 2),),
        orders=(OrderRule("DRAM", (), ("K",)),),
    )
    rows = size_report(WORK, CHIP, rules)
    assert [r.group for r in rows] == ["hardware: axes", "workload: no_spatial", "workload: tile", "workload: order"]
    assert all(r.after < r.before for r in rows)
    assert [a.after for a in rows[:-1]] == [b.before for b in rows[1:]]
    assert rows[-1].after == plans(LevelSpace(WORK, CHIP, rules, Profile()))


@pytest.mark.parametrize(
    "mapper",
    [
        HybridMapper(evaluations=20),
        DecoupledMapper(off_chip=1, evaluations=20),
        GeneticMapper(population=4, generations=1),
    ],
)
def test_mappers_of_plans_tell_the_exact_size_of_their_space(mapper) -> None:
    case = small_cases()[1]
    found = mapper.search(case.problem, case.architecture, "energy")
    space = LevelSpace(case.problem, case.architecture, FREE, Profile())
    listed = {
        space.mapping(Plan(chains, orders, keeps))
        for chains in product(*space.chains)
        if space.fits(chains)
        for orders in product(*(permutations(space.frame.dims) for _ in space.frame.memories))
        for keeps in product(*space.keeps())
    }
    assert found.space_size == plans(space) >= len(listed) > 0


def test_a_space_with_too_many_states_is_not_counted() -> None:
    case = small_cases()[1]
    space = LevelSpace(case.problem, case.architecture, FREE, Profile())
    assert plans(space, most_states=1) is None
