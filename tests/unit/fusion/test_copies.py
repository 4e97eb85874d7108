"""Ways, energy and cycles of copies, computed by hand for the small machine."""

from __future__ import annotations

import pytest

from depth_first_networks import machine
from tileloom.core.errors import InputError
from tileloom.fusion.copies import CopyBundle, Place, copy
from tileloom.fusion.rules import CORRECTED, FAITHFUL

CHIP = machine()
NEAR, FAR, DRAM = (CHIP.memory(n) for n in ("near", "far", "dram"))


def test_down_one_operand_goes_through_every_memory_between() -> None:
    action = copy(CHIP, "input", 1000, Place("I1", "dram"), Place("I1", "near"), FAITHFUL)
    assert action is not None
    assert action.path == ("dram", "far", "near")
    # 1000 bits are 16 accesses of 64 bits; 'far' is 128 wide with parts of 64, so it counts halves.
    expected = 16 * DRAM.read_pj + 16 * 0.5 * (FAR.write_pj + FAR.read_pj) + 16 * NEAR.write_pj
    assert action.energy_pj == pytest.approx(expected)
    assert [h.cycles for h in action.hops] == [16, 16]
    assert CopyBundle((action,)).cycles == 32


def test_from_output_to_input_data_meets_in_the_lowest_common_memory() -> None:
    # 'far' holds both operands and is the source: the whole way is an input going down.
    down = copy(CHIP, "output to input", 64, Place("O", "far"), Place("I1", "near"), FAITHFUL)
    assert down is not None
    assert [(h.operand, h.up) for h in down.hops] == [("I1", False)]
    up = copy(CHIP, "output to input", 64, Place("O", "near"), Place("I1", "far"), FAITHFUL)
    assert up is not None
    assert [(h.operand, h.up) for h in up.hops] == [("O", True)]


def test_an_input_going_up_takes_the_port_of_the_output() -> None:
    # The original has no port for it and stops (Q12).
    action = copy(CHIP, "columns", 64, Place("I1", "near"), Place("I1", "far"), FAITHFUL)
    assert action is not None
    assert action.path == ("near", "far")
    assert {b.port for b in action.busy} == {("near", "r_port_1"), ("far", "w_port_1")}


@pytest.mark.parametrize(("bits", "target"), [(0, "near"), (64, "dram")])
def test_nothing_to_move(bits: int, target: str) -> None:
    assert copy(CHIP, "input", bits, Place("I1", "dram"), Place("I1", target), FAITHFUL) is None


def test_copies_that_share_a_port_add_up() -> None:
    one = copy(CHIP, "columns", 640, Place("I1", "far"), Place("I1", "near"), FAITHFUL)
    two = copy(CHIP, "rows", 1280, Place("I1", "far"), Place("I1", "near"), FAITHFUL)
    assert one is not None and two is not None
    assert (CopyBundle((one,)).cycles, CopyBundle((two,)).cycles) == (10, 20)
    assert CopyBundle((one, two)).cycles == 30
    assert CopyBundle().cycles == 0


def test_a_hop_into_a_port_used_before_delays_the_next_one_only_under_the_corrected_rules() -> None:
    # Up from 'far' to DRAM (its one port) and down again: DRAM's port is used by both hops.
    faithful = copy(CHIP, "x", 640, Place("O", "near"), Place("O", "dram"), FAITHFUL)
    corrected = copy(CHIP, "x", 640, Place("O", "near"), Place("O", "dram"), CORRECTED)
    assert faithful is not None and corrected is not None
    assert faithful.busy == corrected.busy


def test_memories_that_nothing_joins_are_refused() -> None:
    with pytest.raises(InputError, match="no memory joins O in 'dram' and I2 in"):
        copy(_split(), "x", 64, Place("O", "dram"), Place("I2", "sram_w"), FAITHFUL)


def _split():  # type: ignore[no-untyped-def]
    """The machine whose DRAM holds no weights."""
    from dataclasses import replace

    dram = replace(DRAM, operands=("I1", "O"), links=tuple(k for k in DRAM.links if k.operand != "I2"))
    return replace(CHIP, memories=(*CHIP.memories[:-1], dram))
