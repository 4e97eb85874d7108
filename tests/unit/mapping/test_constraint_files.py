"""Constraints: intersection of files, named contradictions, and mappings that break them."""

from pathlib import Path
from random import Random

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.core.errors import InputError
from tileloom.cost.base import Profile
from tileloom.mapping.constraint_check import constraint_faults
from tileloom.mapping.constraints import Constraints, OrderRule, constrain, for_problem
from tileloom.mapping.constraints_file import constraints_from_yaml, read_constraints
from tileloom.mapping.space import MapSpace
from tileloom.mapping.yaml import mapping_from_yaml
from tileloom.search.mappers.levels import LevelSpace
from tileloom.search.space_report import plans
from tileloom.workload.layers import gemm

CHIP = parse_architecture("""
name: chip
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}
- {memory: L2, size_bits: 4096, access: {energy_pj: 2, width_bits: 8}, keep: all}
- fanout: PE
  axes: [{name: X, size: 4}, {name: Y, size: 2}]
- {memory: L1, size_bits: 512, access: {energy_pj: 1, width_bits: 8}}
- {compute: MAC, energy_pj: 0.5}
""")
WORK = gemm(M=4, N=4, K=4)


def rules(body: str) -> Constraints:
    return constraints_from_yaml(f"constraints:\n  {body}\n")


def test_two_files_are_intersected(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("constraints:\n  hardware: {PE.X: {dims: [M, K]}}\n  mapper: {seed: 1, max_evaluations: 100}\n")
    two.write_text(
        "constraints:\n  hardware: {PE.X: {dims: [K, N], max_size: 2}}\n  mapper: {max_evaluations: 50, perfect: true}\n"
    )
    found = read_constraints([one, two])
    axis = constrain(WORK, CHIP, found).fanout("PE").axis("X")
    assert (axis.dims, axis.size) == (("K",), 2)
    assert (found.mapper.seed, found.mapper.max_evaluations, found.mapper.perfect) == (1, 50, True)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("mapper: {seed: 1}", "mapper: {seed: 2}", r"two.yaml:2: seed 2 contradicts .*one.yaml:2: seed 1"),
        ("mapper: {templates: [ws]}", "mapper: {templates: [os]}", "have none in common"),
        (
            "hardware: {L1: {tensors: [weight]}}",
            "hardware: {L1: {tensors: [input]}}",
            "'L1' is to keep input, but .*one.yaml:2: it is to keep weight",
        ),
        (
            "workload: {order: {L2: 'M ...'}}",
            "workload: {order: {L2: 'K ...'}}",
            "one.yaml:2: order M ... in 'L2' contradicts .*two.yaml:2: order K ...",
        ),
    ],
)
def test_contradictions_of_files_name_both_sources(tmp_path: Path, first: str, second: str, message: str) -> None:
    files = []
    for name, text in (("one", first), ("two", second)):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(f"constraints:\n  {text}\n")
    with pytest.raises(InputError, match=message):
        read_constraints(files)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "workload: {tile: {L1: {M: '= 4', K: 2}, L2: {M: '<= 2'}}}",
            r"M = 4 in 'L1' contradicts .*M <= 2 in 'L2': a tile further in is no larger",
        ),
        ("workload: {tile: {L1: {M: 8}}}", "'M' has extent 4"),
        ("workload: {M: {full_at: L1}, tile: {L2: {M: '<= 2'}}}", "contradicts .*full_at L1: 'M' is whole there"),
        (
            "hardware: {PE.X: {dims: [K], allow_reduction: false}}",
            "is to take no reduction, but only \\['K'\\] may lie there",
        ),
        ("hardware: {PE.X: {dims: [Q]}}", "'gemm' has no dim 'Q'"),
    ],
)
def test_contradictions_with_the_problem_are_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        constrain(WORK, CHIP, rules(text))


def test_mistakes_of_a_file_come_all_at_once() -> None:
    text = "hardware: {PE.X: {max_size: none}, clusters: {PE: {max_size: no}}}\n  workload: {order: {L2: 'M ... ... K'}}\n  mapper: {seed: x}"
    with pytest.raises(InputError) as caught:
        rules(text)
    assert len(caught.value.problems) == 4


def test_rules_on_dims_that_a_layer_lacks_do_not_bind_it() -> None:
    found = for_problem(rules("workload: {R: {no_spatial: true}, tile: {L1: {R: 3, M: 2}}}"), WORK)
    assert (found.no_spatial, [t.dim for t in found.tiles]) == (frozenset(), ["M"])


TWO = parse_architecture("""
name: two
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}
- {memory: L1, size_bits: 512, access: {energy_pj: 1, width_bits: 8}, keep: weight}
- {compute: MAC, energy_pj: 0.5}
""")


def test_the_size_counts_what_is_listed_under_order_rules() -> None:
    small = gemm(M=2, N=2, K=2)
    free = MapSpace(small, TWO).size()
    for order in (OrderRule("DRAM", (), ("K",)), OrderRule("L1", ("M", "N"))):
        space = MapSpace(small, TWO, constraints=Constraints(orders=(order,)))
        assert space.size() == sum(1 for _ in space.enumerate()) < free


MAPPING = """
mapping:
  problem: gemm
  nodes:
  - hold: {memory: DRAM, tensors: [I, W, O]}
  - for: K
    tile: 2
  - for: M
    tile: 2
  - hold: {memory: L2, tensors: [I, W, O]}
  - pfor: N
    tile: 1
    target: PE
    axis: X
  - hold: {memory: L1, tensors: [I, W, O]}
  - for: K
    tile: 1
  - for: M
    tile: 1
  - compute: MAC
"""


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("workload: {order: {DRAM: 'M ...'}}", "E-RULE", "Order them M K"),
        ("workload: {N: {no_spatial: true}}", "E-RULE", "'N' is to run in time only"),
        ("workload: {M: {full_at: L2}}", "E-RULE", "'M' is to be whole in 'L2' (4); it is 2 there"),
        ("workload: {tile: {L1: {K: '>= 4'}}}", "E-RULE", "K >= 4 in 'L1' is broken: it is 2"),
        ("hardware: {PE.X: {dims: [M]}}", "E-AXISDIMS", "'N'"),
        ("hardware: {clusters: {PE.X: {max_size: 2}}}", "E-FANOUT", "4"),
    ],
)
def test_a_mapping_that_breaks_a_rule_is_told(text: str, code: str, message: str) -> None:
    tree = mapping_from_yaml(MAPPING, WORK)
    (found,) = constraint_faults(WORK, CHIP, tree, rules(text))
    assert found.code == code and message in str(found)
    assert constraint_faults(WORK, CHIP, tree, Constraints()) == ()


def test_clusters_bound_all_axes_of_a_fanout_together() -> None:
    work = gemm(M=4, N=2, K=1)
    grid = parse_architecture(
        "name: g\nnodes:\n- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}\n"
        "- {fanout: PE, axes: [{name: X, size: 4}, {name: Y, size: 4}]}\n- {compute: MAC, energy_pj: 1}\n"
    )
    asked = rules("hardware: {clusters: {PE: {max_size: 4}}}")
    space = MapSpace(work, grid, constraints=asked)
    listed = list(space.enumerate())
    every = list(MapSpace(work, grid).enumerate())
    kept = [m for m in every if not constraint_faults(work, grid, m, asked)]
    assert space.size() == len(listed) == len(kept) < len(every)
    assert set(listed) == set(kept)
    broken = next(m for m in every if m not in kept)
    (found,) = constraint_faults(work, grid, broken, asked)
    assert found.code == "E-FANOUT" and "8 places of 'PE' are used, the rule allows 4" in str(found)
    level = LevelSpace(work, grid, asked, Profile())
    assert plans(level) < plans(LevelSpace(work, grid, Constraints(), Profile()))
    drawn = [space.sample(Random(seed)) for seed in range(40)]
    assert all(m is None or m in kept for m in drawn) and any(drawn)
    with pytest.raises(InputError, match=r"no fanout 'PF'; there are"):
        constrain(work, grid, rules("hardware: {clusters: {PF: {max_size: 4}}}"))
