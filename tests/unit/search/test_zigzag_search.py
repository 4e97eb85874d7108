"""LOMA: DeFiNES's own choices, orders and factors by hand, unrollings found, and input that cannot be mapped."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from tileloom.architecture.load import load_architecture
from tileloom.architecture.notation.zigzag import parse_machine
from tileloom.architecture.notation.zigzag_library import load_machine
from tileloom.core.errors import InputError
from tileloom.cost.kernels.zigzag_program import compile_program
from tileloom.cost.models.zigzag.spatial import by_level, place, temporal_sizes
from tileloom.cost.models.zigzag.version import get_version
from tileloom.mapping.legality import is_legal
from tileloom.search.zigzag.factors import limited_factors
from tileloom.search.zigzag.fastest import fastest_chain
from tileloom.search.zigzag.loma import Objective, best_mapping, objective_of
from tileloom.search.zigzag.mapper import LomaMapper
from tileloom.search.zigzag.reference import prefix_shifts
from tileloom.search.zigzag.unroll import best_unrolling, unrollings
from tileloom.workload.frontends.zigzag_layer import REST
from tileloom.workload.load import load_problem
from zigzag_cases import SMALL_MACHINE, TileLayer, small_layer, tile_layers


@pytest.mark.parametrize("case", tile_layers(), ids=str)
def test_the_mapping_that_defines_chose(case: TileLayer) -> None:
    found = best_mapping(case.layer, case.machine, case.row["limit"])
    assert found.mapping is not None and found.cost is not None
    assert found.mapping.temporal == case.mapping.temporal
    assert found.cost.energy_pj == pytest.approx(case.row["energy"], rel=1e-9)
    assert found.cost.cycles == case.row["latency"]["total2"]


@pytest.mark.parametrize("case", tile_layers()[::4], ids=str)
def test_the_optimum_is_proven_and_never_worse(case: TileLayer) -> None:
    found = best_mapping(case.layer, case.machine, None)
    assert found.proven and found.cost is not None
    assert found.cost.energy_pj <= case.row["energy"] * (1 + 1e-12)


@pytest.mark.parametrize("objective", ["latency", "edp"])
@pytest.mark.parametrize("faithful", [True, False])
def test_latency_and_edp_are_proven_too(objective: Objective, faithful: bool) -> None:
    for case in tile_layers()[::4]:
        best = best_mapping(case.layer, case.machine, None, objective, faithful=faithful)
        loma = best_mapping(case.layer, case.machine, 6, objective, faithful=faithful)
        assert best.proven
        assert objective_of(best.cost, objective) <= objective_of(loma.cost, objective) * (1 + 1e-12)


@pytest.mark.parametrize("edp", [False, True])
@pytest.mark.parametrize("name", ["defines", "3.9"])
def test_a_search_that_is_stopped_says_what_it_left_open(name: str, edp: bool) -> None:
    case, rules = tile_layers()[1], get_version(name)
    placed = place(case.layer, case.machine)
    program = compile_program(case.layer, case.machine, by_level(placed, case.layer, case.machine), rules)
    sizes = temporal_sizes(case.layer, placed, rules)
    whole = fastest_chain(case.layer, program, sizes, inf, edp, rules)
    assert whole is not None and whole.bound == pytest.approx(whole.value, rel=1e-9)
    bounds = []
    for limit in (0, 1_000, 5_000, 20_000_000):
        found = fastest_chain(case.layer, program, sizes, whole.value * 1.01, edp, rules, limit)
        assert found is not None and 0 < found.bound <= whole.value * (1 + 1e-12) <= found.value * (1 + 2e-12)
        bounds.append(found.bound)
    assert bounds[0] < bounds[-1] == pytest.approx(whole.value)


def test_orders_are_distinct_and_complete() -> None:
    factors = [("C", 2), ("C", 2), ("K", 2), ("K", 3), ("OX", 5)]
    orders = list(prefix_shifts(factors))
    assert orders[0] == tuple(sorted(factors, reverse=True))
    assert len(orders) == len(set(orders)) == 120 // 2


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_below_the_dimensions_is_raised_to_them(limit: int) -> None:
    assert limited_factors({"K": 4, "C": 9, "OX": 5}, limit) == (("K", 4), ("C", 9), ("OX", 5))


@pytest.mark.parametrize("version", ["defines", "3.9"])
def test_a_layer_without_temporal_loops_has_one_order(version: str) -> None:
    layer = small_layer().resized({"M": 1, "N": 1, "K": 1})
    found = best_mapping(layer, parse_machine(SMALL_MACHINE), version=version)  # type: ignore[arg-type]
    assert found.evaluated == 1 and found.mapping is not None and found.mapping.order() == ()


def test_each_objective_is_served() -> None:
    case = tile_layers()[3]
    by = {o: best_mapping(case.layer, case.machine, 5, o, faithful=False).cost for o in ("energy", "latency", "edp")}  # type: ignore[arg-type]
    energy, latency, edp = by["energy"], by["latency"], by["edp"]
    assert energy and latency and edp
    assert energy.energy_pj <= min(latency.energy_pj, edp.energy_pj) * (1 + 1e-9)
    assert latency.cycles <= min(energy.cycles, edp.cycles)
    assert edp.edp <= min(energy.edp, latency.edp) * (1 + 1e-9)


def test_even_allocations_cut_all_operands_of_a_memory_alike() -> None:
    machine = parse_machine(SMALL_MACHINE)
    found = best_mapping(small_layer(), machine, uneven=False)
    assert found.mapping is not None
    assert len({len(levels[0]) for levels in found.mapping.temporal}) == 1


def test_a_fixed_order_is_kept_and_checked() -> None:
    machine = parse_machine(SMALL_MACHINE)
    fixed = replace(small_layer(), order=(("M", 4), ("K", 2), ("N", 2)))
    found = best_mapping(fixed, machine)
    assert found.mapping is not None and found.evaluated == 1
    assert found.mapping.order() == fixed.order
    with pytest.raises(InputError, match="temporal_ordering covers"):
        best_mapping(replace(fixed, order=(("M", 4),)), machine)


def test_unrollings_with_fewest_cycles_come_first() -> None:
    machine = replace(parse_machine(SMALL_MACHINE), array=(("D1", 4),))
    assert unrollings(small_layer(), machine)[0] == (("D1", (("M", 4),)),)
    chosen, found = best_unrolling(small_layer(), machine, faithful=True)
    tried = [
        best_mapping(small_layer().with_spatial(w), machine, version="3.9").cost
        for w in unrollings(small_layer(), machine)
    ]
    assert found.cost is not None and chosen.spatial
    assert found.cost.energy_pj == min(cost.energy_pj for cost in tried if cost is not None)


def test_a_layer_that_fits_nowhere_is_a_result_with_the_reason() -> None:
    machine = parse_machine(SMALL_MACHINE.replace("size: 100000", "size: 100"))
    found = best_mapping(small_layer(), machine)
    assert not found.fits and "'dram' 100" in found.reason and "A has 64 bits" in found.reason


def test_operands_linked_to_no_memory_are_named() -> None:
    with pytest.raises(InputError, match=r"no memory holds 'I3'.*memories hold \['I1', 'I2', 'O'\]"):
        best_mapping(small_layer().relinked({"A": "I3"}), parse_machine(SMALL_MACHINE))


def test_two_operands_on_one_memory_operand_are_refused() -> None:
    with pytest.raises(InputError, match="with_twin"):
        best_mapping(small_layer().relinked({"A": "I2"}), parse_machine(SMALL_MACHINE))


def test_spatial_loops_on_a_missing_array_dimension_are_refused() -> None:
    with pytest.raises(InputError, match=r"\['D9'\]"):
        best_mapping(small_layer().with_spatial((("D9", (("M", 2),)),)), load_machine("defines-tpu-like"))


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_bounds_lie_below_every_mapping_found(objective: str) -> None:
    for case in tile_layers()[::9]:
        best = best_mapping(case.layer, case.machine, None, objective, faithful=False)  # type: ignore[arg-type]
        few = best_mapping(case.layer, case.machine, 5, objective, faithful=False)  # type: ignore[arg-type]
        values = [objective_of(f.cost, objective) for f in (best, few)]  # type: ignore[arg-type]
        assert 0 < best.bound <= values[0] * (1 + 1e-12) and values[0] <= values[1] * (1 + 1e-12)
        assert best.proven == (values[0] <= best.bound * (1 + 1e-9))


@pytest.mark.parametrize("name", ["layer3.0.downsample", "layer4.0.conv2"])
def test_layers_whose_inputs_our_rules_count_wider_are_mapped(name: str) -> None:
    # A 1x1 kernel with stride 2, and a padded 3x3: within the buffer by ZigZag's count, not by the span of the indices.
    problem = load_problem("resnet18", layer=name)
    chip = load_architecture("meta-prototype")
    found = LomaMapper(candidates=2).search(problem, chip, "energy")
    assert found.mapping is not None, found.reasons
    assert is_legal(problem, chip, found.mapping)


def test_objectives_and_limits_that_do_not_exist_are_refused() -> None:
    layer, machine = small_layer(), parse_machine(SMALL_MACHINE)
    with pytest.raises(InputError, match="objective is 'speed'; expected one of: energy, latency, edp"):
        best_mapping(layer, machine, 6, "speed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lpf_limit is 0; expected at least 1"):
        best_mapping(layer, machine, 0)


def test_a_star_takes_what_the_other_loops_leave() -> None:
    machine = parse_machine(SMALL_MACHINE)
    fixed = replace(small_layer(), order=(("M", 2), ("K", REST), ("N", REST), ("M", REST)))
    found = best_mapping(fixed, machine)
    assert found.mapping is not None
    assert found.mapping.order() == (("M", 2), ("K", 2), ("N", 2), ("M", 2))
    with pytest.raises(InputError, match=r"'\*' stands 2 times for 'M': ZigZag searches its split"):
        best_mapping(replace(fixed, order=(("M", REST), ("K", 2), ("N", 2), ("M", REST))), machine)
    with pytest.raises(InputError, match="which do not divide 4"):
        best_mapping(replace(fixed, order=(("M", 3), ("K", 2), ("N", 2), ("M", REST))), machine)
