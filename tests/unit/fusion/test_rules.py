"""Each quirk makes the difference it is said to make, on a network small enough to follow by hand."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from depth_first_networks import add, conv, machine, network, source
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.depth_first import Point, PointResult, Setting, prepare, run_point
from tileloom.fusion.rules import CORRECTED, FAITHFUL, Rules

CHAIN = network(source(2, 16), conv(-1, 4, 2, 14), conv(0, 4, 4, 12))
CHIP = machine(features=2**14, near=2048)


def setting(rules: Rules, chip: ZigzagMachine = CHIP, of: Any = CHAIN) -> Setting:
    return prepare(of, chip, rules)


def run(rules: Rules, mode: int = 3, tile: int = 4, chip: ZigzagMachine = CHIP, of: Any = CHAIN) -> PointResult:
    return run_point(setting(rules, chip, of), Point(mode, tile, tile), None)  # type: ignore[arg-type]


def copies(result: PointResult) -> list[str]:
    return [a.what for s in result.stacks for t in s.types for step in t.steps for a in step.before.actions]


def test_every_switch_is_on_in_one_and_off_in_the_other() -> None:
    assert all(getattr(FAITHFUL, f.name) for f in fields(Rules))
    assert not any(getattr(CORRECTED, f.name) for f in fields(Rules))


def test_q6_overlap_is_sized_as_if_rows_were_kept_in_every_mode() -> None:
    faithful = run(FAITHFUL, mode=2).stacks[0].levels.needs
    corrected = run(replace(FAITHFUL, maps_shrink=False), mode=2).stacks[0].levels.needs
    # In mode 2 rows are computed again, so a tile's columns are higher than the original takes them to be.
    assert corrected[1][1].h > faithful[1][1].h > 0


def test_q7_the_first_column_needs_room_for_what_it_leaves_only_under_the_corrected_rules() -> None:
    first = run(FAITHFUL).stacks[0].levels.needs[0][0]
    assert first.peak_h == first.live
    fixed = run(replace(FAITHFUL, first_column_uncached=False)).stacks[0].levels.needs[0][0]
    assert fixed.peak_h > fixed.live == first.live


def test_q9_the_last_tile_or_the_highest_decides_where_rows_lie() -> None:
    levels = run(FAITHFUL).stacks[0].levels
    fixed = run(replace(FAITHFUL, last_tile_decides=False)).stacks[0].levels
    assert levels.v is not None and fixed.v is not None
    assert fixed.v >= levels.v


def test_q10_other_live_data_pushes_a_layer_out_of_the_near_memory() -> None:
    block = network(source(4, 18), conv(-1, 4, 4, 16), conv(0, 4, 4, 14), conv(1, 4, 4, 12), add(0, 2, 4, 12))
    chip = machine(features=2**16, near=19_000)
    near = [s.tops["O"] for t in run(FAITHFUL, 1, 12, chip, block).stacks[0].types for s in t.steps]
    fixed = run(replace(FAITHFUL, only_own_data=False), 1, 12, chip, block)
    far = [s.tops["O"] for t in fixed.stacks[0].types for s in t.steps]
    assert near != far
    assert far.count("near") < near.count("near")


def test_q11_the_inputs_overlap_is_written_only_under_the_corrected_rules() -> None:
    chip = machine(features=2**16, near=1200)
    free = run(FAITHFUL, chip=chip)
    paid = run(replace(FAITHFUL, input_caching_is_free=False), chip=chip)
    assert paid.totals.copy_pj > free.totals.copy_pj
    assert copies(paid).count("keep columns") > copies(free).count("keep columns")


def test_q14_both_sums_of_copy_cycles_are_given() -> None:
    totals = run(FAITHFUL, tile=3).totals
    assert 0 < totals.uncounted_copy_cycles < totals.copy_cycles


def test_without_padding_maps_shrink_and_with_it_they_do_not() -> None:
    padded = prepare(CHAIN, CHIP, CORRECTED, pads={(0, "I"): (1, 1), (1, "I"): (1, 1)})
    assert [n.layer.sizes["OX"] for n in padded.graph.nodes] == [16, 14, 12]
    assert [n.layer.sizes["OX"] for n in setting(FAITHFUL).graph.nodes] == [16, 14, 12]


@pytest.mark.parametrize("rules", [FAITHFUL, CORRECTED])
def test_fully_cached_computes_nothing_twice_and_recompute_does(rules: Rules) -> None:
    once = 16 * 0 + 14 * 14 * 4 * 2 * 9 + 12 * 12 * 4 * 4 * 9
    assert run(rules, mode=3).totals.macs == once
    assert run(rules, mode=2).totals.macs > once
    assert run(rules, mode=1).totals.macs > run(rules, mode=2).totals.macs


def test_a_tile_of_the_whole_map_is_the_same_in_every_mode() -> None:
    found = [run(CORRECTED, mode=m, tile=99).totals for m in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    assert found[0].macs == 14 * 14 * 4 * 2 * 9 + 12 * 12 * 4 * 4 * 9


def test_counts_of_tiles_cover_the_map() -> None:
    for mode in (1, 2, 3):
        stack = run(FAITHFUL, mode=mode, tile=5).stacks[0]
        assert sum(t.count for t in stack.types) == 9
        assert sum(t.count * t.size[0] * t.size[1] for t in stack.types) == 144
        # 12 = 2 + 5 + 5: the remainder comes first.
        assert stack.first_tile == (2, 2)
