"""Latency with transfers overlapped: worked by hand once, and between the longest part and the plain sum on many tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tileloom.architecture.notation.neurospector import Accelerator, Array, Buffer, read_accelerator
from tileloom.cost.models.neurospector.analysis import analyze
from tileloom.cost.models.neurospector.overlap import overlap
from tileloom.mapping.notation.neurospector import SchedulingTable
from tileloom.search.neurospector.bottom_up import bottom_up
from tileloom.workload.frontends.neurospector import ConvLayer

INPUTS = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs"
ROW = (1, 1, 1, 1, 1, 1, 1, 1)


def machine(local_elements: int) -> Accelerator:
    """One byte an element, one cycle an access, one element an access; DRAM four cycles."""
    buffer = Buffer(cycles=(1.0, 1.0, 1.0), bandwidth_bits=8)
    return Accelerator(
        name="hand",
        local_buffer=replace(buffer, sizes_bytes=(local_elements,), dataflow="WS"),
        pe_array=Array(size_x=2),
        global_buffer=replace(buffer, sizes_bytes=(64,), dataflow="OS"),
        dram=replace(buffer, cycles=(4.0, 4.0, 4.0)),
    )


def test_by_hand() -> None:
    """K=2 over the PEs, C=2 in the local buffer, P=2 in the global buffer, all in one DRAM tile.

    8 MACs on 2 PEs: 4 cycles. LB sends 1 input, weight, output: 4 + 4 + (2 * 4 - 2) = 14 cycles.
    GB sends inputs of 2 twice (tile 2, once for each P), weights of 4 once (stationary), outputs of 2 twice: 4 + 4 + 4 = 12,
    of which the first input and weight tiles are 2 + 4 = 6. DRAM sends 4 + 4 + 4 elements once: 48, the first tiles 32.
    """
    rows = [ROW] * 10
    rows[3] = (1, 1, 1, 1, 2, 1, 1, 1)
    rows[4] = (2, 1, 1, 1, 1, 1, 1, 1)
    rows[6] = (1, 1, 2, 1, 1, 1, 1, 1)
    layer, table = ConvLayer("hand", (2, 1, 2, 1, 2, 1, 1, 1), 1), SchedulingTable(tuple(rows))
    roomy = machine(64)
    analysis = analyze(roomy, layer, table)
    assert (analysis.mac_cycles, analysis.levels["local_buffer"].cycles) == (4, 14)
    assert (analysis.levels["global_buffer"].cycles, analysis.levels["dram"].cycles) == (12, 48)
    assert analysis.cycles == 4 + 14 + 12 + 48
    found = overlap(roomy, analysis)
    # The LB sets the pace of 14; 6 of GB and 16 of DRAM are left after the first tiles, and 16 > 14.
    assert found.cycles == 32 + 6 + 16
    assert dict(found.stalls) == {
        "local_buffer": 10, "global_buffer: first tiles": 6, "global_buffer": 0, "dram: first tiles": 32, "dram": 2,
    }  # fmt: skip
    assert found.exposed == ()
    # The LB holds 2 + 2 + 1 elements; two sets of inputs and outputs beside the weights are 4 + 2 + 2 = 8.
    tight = machine(7)
    found = overlap(tight, analyze(tight, layer, table))
    assert found.exposed == ("local_buffer",)
    assert found.cycles == 32 + 6 + max(14 + 6, 16)
    assert overlap(machine(8), analysis).exposed == ()


@pytest.mark.parametrize("name", ["eyeriss", "flexflow", "maeri", "simba_mini", "tpu_mini", "acc_1lv"])
def test_between_the_longest_part_and_the_plain_sum(name: str) -> None:
    chip = read_accelerator(INPUTS / "accelerators" / f"{name}.cfg")
    for dims in ((8, 1, 6, 6, 4, 3, 3, 1), (4, 4, 1, 1, 16, 1, 1, 1)):
        chosen = bottom_up(chip, ConvLayer("x", dims, 1), "cycle")
        analysis, found = chosen.analysis, overlap(chosen.accelerator, chosen.analysis)
        longest = max(analysis.mac_cycles, *(level.cycles for level in analysis.levels.values()))
        assert longest <= found.cycles <= analysis.cycles
        assert found.cycles == analysis.mac_cycles + sum(c for _, c in found.stalls)
        assert all(c >= 0 for _, c in found.stalls)
