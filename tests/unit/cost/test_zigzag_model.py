"""ZigZag's model: DeFiNES's numbers for its mappings, small nests by hand, and the quirks that corrected mode repairs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from tileloom.architecture.notation.zigzag import parse_machine
from tileloom.core.errors import UnsupportedError
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.latency import Activity, hidden, shared_window
from tileloom.cost.models.zigzag.model import ZigzagModel
from tileloom.cost.models.zigzag.result import ZigzagCost
from tileloom.cost.models.zigzag.spatial import by_level, place, temporal_sizes
from tileloom.cost.models.zigzag.version import DEFINES, ZIGZAG39, Version
from tileloom.cost.oracle import simulate
from tileloom.mapping.notation.zigzag import TemporalLoop, ZigzagMapping
from tileloom.mapping.tree import Joint, Loop, MappingTree
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.testing import small_cases
from zigzag_cases import SMALL_MACHINE, TileLayer, small_layer, tile_layers


@pytest.mark.parametrize("case", tile_layers(), ids=str)
def test_defines_numbers(case: TileLayer) -> None:
    cost = evaluate(case.layer, case.machine, case.mapping, DEFINES)
    latency = case.row["latency"]
    assert cost.energy_pj == pytest.approx(case.row["energy"], rel=1e-9)
    assert cost.ideal_cycles == latency["ideal_cycle"]
    assert cost.temporal_cycles == latency["ideal_temporal_cycle"]
    assert cost.stall_cycles == latency["SS_comb"]
    assert cost.loading_cycles == latency["data_loading"]
    assert cost.offloading_cycles == latency["data_offloading"]
    assert cost.cycles == latency["total2"]
    assert [list(flags) for flags in cost.double_buffered] == [case.row["double_buffer"][o] for o in cost.operands]


def small_cost(
    *levels: tuple[TemporalLoop, ...], version: Version = DEFINES, machine: str = SMALL_MACHINE
) -> ZigzagCost:
    """The product with the same loops at the buffer (first) and at DRAM (second) for every operand."""
    layer, spatial = small_layer(), ((), (), ())
    mapping = ZigzagMapping(("O", "A", "B"), (spatial, spatial, spatial), (levels, levels, levels))
    return evaluate(layer, parse_machine(machine), mapping, version)


def test_a_product_by_hand() -> None:
    # The buffer keeps k 2, m 4: A 8, B 2, O 4 values; DRAM runs n 2. O's sums are complete in the buffer.
    cost = small_cost((("K", 2), ("M", 4)), (("N", 2),))
    o, a, b = cost.words
    # n does not move A, so it counts as below: A comes once. B and O come per n: 2 and 4 values, twice.
    assert (a[1].read_to_low, b[1].read_to_low, o[1].written_by_low) == (8 / 2, 4 / 2, 8 / 2)
    assert (a[0].written_by_high, b[0].written_by_high, o[0].read_to_high) == (8, 4, 8)
    assert (a[0].read_to_low, b[0].read_to_low) == (16, 16)
    assert o[0].read_to_low == o[0].written_by_low == 16  # sums, the first one read too
    assert o[1].read_to_low == o[0].written_by_high == 0
    buffer = (8 + 4) * 2 + 8 * 1 + 16 * 3 + 16 * 2
    assert cost.energy_pj == 16 * 0.5 + buffer + 6 * 10 + 4 * 20
    assert cost.temporal_cycles == cost.ideal_cycles == 16


def test_one_port_for_everything_stalls_the_product() -> None:
    # Every cycle two inputs, a sum read and a sum written want the only port, one at a time.
    cost = small_cost((("K", 2), ("M", 4)), (("N", 2),))
    assert cost.stall_cycles > 2 * cost.temporal_cycles


def test_stationary_inputs_are_read_once_in_version_3_9() -> None:
    levels = ((("N", 2), ("K", 2), ("M", 4)), ())
    assert small_cost(*levels).words[1][0].read_to_low == 16
    assert small_cost(*levels, version=ZIGZAG39).words[1][0].read_to_low == 8


def test_whole_accesses_are_a_quirk_that_is_repaired() -> None:
    wide = SMALL_MACHINE.replace("bandwidth_min: 8, bandwidth_max: 16", "bandwidth_min: 8, bandwidth_max: 1024")
    levels = ((("K", 2), ("M", 4)), (("N", 2),))
    assert small_cost(*levels, version=ZIGZAG39, machine=wide).words[1][1].read_to_low == 0
    assert small_cost(*levels, version=ZIGZAG39.corrected, machine=wide).words[1][1].read_to_low == 8 / 128


def test_all_links_that_drain_the_output_count_when_corrected() -> None:
    case = next(c for c in tile_layers() if len(c.machine.levels("O")) > 2)
    plain = evaluate(case.layer, case.machine, case.mapping, DEFINES)
    whole = evaluate(case.layer, case.machine, case.mapping, DEFINES.corrected)
    one_link = replace(DEFINES, offload_latency_only=False)
    assert whole.offloading_cycles == evaluate(case.layer, case.machine, case.mapping, one_link).offloading_cycles
    assert whole.offloading_cycles >= plain.offloading_cycles
    assert whole.energy_pj == plain.energy_pj


def test_half_shared_links_add_up_when_corrected() -> None:
    added = replace(DEFINES, half_shared_overwrites=False)
    pairs = [
        (evaluate(c.layer, c.machine, c.mapping, v).loading_cycles for v in (DEFINES, added)) for c in tile_layers()
    ]
    both = [tuple(pair) for pair in pairs]
    assert all(more >= less for less, more in both)


def test_a_temporal_loop_is_exact_when_corrected() -> None:
    case = tile_layers()[0]
    sizes = {"OX": 49, "OY": 49}
    layer = case.layer.resized({d: n for d, n in sizes.items() if d in case.layer.sizes})
    layer = layer.with_spatial((("D3", (("OX", 1),)),))
    assert temporal_sizes(layer, (("D3", (("OX", 49 / 49),)),), DEFINES.corrected)["OX"] == 49
    # 49 / (49 / 49.0...1) style products round up in floating point: the original runs one iteration more.
    inexact = [
        n
        for n in range(2, 200)
        if temporal_sizes(layer.resized({"OX": n}), (("D3", (("OX", n / (n - 1)),)),), DEFINES).get("OX") != n - 1
    ]
    repaired = [
        n
        for n in inexact
        if temporal_sizes(layer.resized({"OX": n}), (("D3", (("OX", n / (n - 1)),)),), DEFINES.corrected).get("OX", 1)
        != n - 1
    ]
    assert inexact and not repaired


def covered(activities: list[Activity]) -> int:
    """Cycles in a window, counted one by one."""
    longest = max(a.period for a in activities)
    inside = sum(any(t % a.period < a.allowed for a in activities) for t in range(longest))
    return inside * next(a.count for a in activities if a.period == longest)


def test_shared_windows_equal_a_count_cycle_by_cycle() -> None:
    for periods in product((2, 4, 12), (4, 12, 24), (24, 48)):
        if any(b % a for a, b in zip(sorted(periods), sorted(periods)[1:])):
            continue
        for shares in product((1, 2, 3), repeat=3):
            activities = [Activity(1, max(1, p // (s + 1)), p, 96 // p) for p, s in zip(periods, shares)]
            assert shared_window(activities) == covered(activities)


def test_spare_time_goes_to_the_longest_transfer_first() -> None:
    assert hidden([10.0, 30.0], [2, 4], 27.0) == [9.0, 4.0]


def test_unrollings_are_cut_to_the_array_and_the_layer() -> None:
    layer = small_layer().with_spatial((("D1", (("M", 9),)),))
    machine = replace(parse_machine(SMALL_MACHINE), array=(("D1", 3),))
    assert place(layer, machine) == (("D1", (("M", 2.0),)),)
    assert by_level(place(layer, machine), layer, machine)[0][0] == (("M", 2.0),)


def test_the_model_and_the_oracle_move_the_same_inputs_from_dram() -> None:
    for case in (c for c in small_cases() if c.problem.name == "product"):
        found = OptimalMapper().search(case.problem, case.architecture, "energy")
        assert found.mapping is not None
        walked = simulate(case.problem, case.architecture, found.mapping)
        cost = ZigzagModel(version="3.9").evaluate(case.problem, case.architecture, found.mapping)
        for tensor in case.problem.inputs:
            energy = cost.energy_by("component", "tensor", "action")["DRAM", tensor.name, "read"]
            assert energy == pytest.approx(8.0 * walked.at("DRAM", tensor.name).reads)


def test_a_nest_that_lists_cannot_hold_is_refused() -> None:
    case = small_cases()[0]
    found = OptimalMapper().search(case.problem, case.architecture, "energy").mapping
    assert found is not None
    joint = MappingTree((*found.nodes[:1], Joint((Loop("m", 1), Loop("n", 1))), *found.nodes[1:]))
    with pytest.raises(UnsupportedError, match="advance together"):
        ZigzagModel().evaluate(case.problem, case.architecture, joint)
