"""dMazeRunner's architecture files: numbers, filters and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.dmazerunner import (
    DmazeArchitecture,
    DmazeChip,
    Pruning,
    architecture_of,
    read_architecture,
)
from tileloom.core.errors import InputError

INPUTS = Path(__file__).parents[2] / "reference" / "dmazerunner" / "inputs"


def test_the_file_it_comes_with_holds_the_defaults() -> None:
    assert read_architecture(INPUTS / "arch_spec.json") == DmazeArchitecture()


def test_registers_are_counted_in_values() -> None:
    chip = architecture_of({"arch_basic": {"RF_SIZE": 256, "BYTES_PER_DATA": 4}}).chip
    assert chip.rf_elements == 64


def test_filters_are_read() -> None:
    basic = {"PE_UTILIZATION": 0.5, "PRUNE_NO_REDUCTION": True, "MIN_EXEC_METHODS": 7}
    assert architecture_of({"arch_basic": basic}).pruning == Pruning(pe=0.5, no_spatial_reduction=True, min_methods=7)


def test_every_fault_is_named() -> None:
    bad = {"arch_details": {"rf_enrgy": 1, "pe_pipelined": False}, "arch_basic": {"CGRA_SIZE": "many"}, "x": 1}
    with pytest.raises(InputError) as error:
        architecture_of(bad, "a.json")
    text = str(error.value)
    for part in (
        "unknown key 'rf_enrgy' (did you mean 'rf_energy'?)",
        "pe_pipelined",
        "CGRA_SIZE is 'many'",
        "unknown key 'x'",
    ):
        assert part in text


@pytest.mark.parametrize("basic", [{"PE_UTILIZATION": 1.5}, {"BYTES_PER_DATA": 0}, {"CGRA_SIZE": -4}])
def test_impossible_numbers(basic: dict[str, float]) -> None:
    with pytest.raises(InputError):
        architecture_of({"arch_basic": basic})


def test_the_chip_as_our_architecture() -> None:
    chip = DmazeChip().architecture()
    assert [n.name for n in chip.nodes] == ["DRAM", "SPM", "PEs", "RF", "MAC"]
    assert chip.memory("SPM").capacity_bits == 128 * 1024 * 8
    assert chip.memory("RF").capacity_bits == 512 * 8
