"""ZigZag's hardware files: read, written, shrunk, and every mistake named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.zigzag import defines_machine, parse_machine, read_machine, write_machine
from tileloom.architecture.notation.zigzag_library import list_machines, load_machine, machine_files
from tileloom.core.errors import InputError
from zigzag_cases import SMALL_MACHINE

REFERENCE = Path(__file__).parents[2] / "reference" / "zigzag" / "hw"


@pytest.mark.parametrize("name", machine_files())
def test_library_machines_read_back_as_written(name: str) -> None:
    machine = load_machine(name)
    assert machine.name == name
    assert parse_machine(write_machine(machine)) == machine
    assert machine.top("I1") is machine.top("O") is machine.top("I2")


def test_the_library_has_ten_machines_with_descriptions() -> None:
    listed = list_machines()
    assert len(listed) == 10 and all(text for _, text in listed)
    # All arrays have as many multipliers, as the paper says of its case studies.
    assert {load_machine(name).units for name, _ in listed} == {1024}


def test_of_a_key_written_twice_the_last_counts_as_in_the_original() -> None:
    machine = read_machine(REFERENCE / "tpu_like.yaml")
    assert set(machine.memory("sram_2MB").ports) == {"r_port_1", "w_port_1"}


def test_shrinking_drops_levels_functions_and_empty_memories() -> None:
    machine = load_machine("defines-meta-prototype-df")
    small = machine.shrunk({"I1": "sram_64KB", "O": "sram_1MB_A", "I2": "sram_32KB"})
    assert [m.name for m in small.memories] == ["rf_1B", "rf_2B", "sram_32KB", "sram_64KB", "sram_1MB_A"]
    assert small.memory("sram_1MB_A").operands == ("O",)
    assert {k.operand for k in small.memory("sram_1MB_A").links} == {"O"}
    with pytest.raises(InputError, match="does not hold 'I1'"):
        machine.shrunk({"I1": "rf_1B"})


def test_a_twin_takes_the_ports_of_the_first() -> None:
    twin = load_machine("defines-meta-prototype-df").with_twin("I1", "I2")
    assert [m.name for m in twin.levels("I2")] == [m.name for m in twin.levels("I1")]
    assert twin.memories[-1].operands[-1] == "I2"
    assert "rf_1B" not in {m.name for m in twin.memories}


def test_copies_are_the_dimensions_that_are_not_served() -> None:
    machine = load_machine("defines-meta-prototype-df")
    assert [machine.copies(m) for m in machine.memories] == [64, 512, 1, 1, 1, 1, 1]


def test_every_mistake_is_named_with_its_line() -> None:
    wrong = SMALL_MACHINE.replace("    size: 96\n", "    size: -1\n    colour: red\n").replace(
        "r_cost: 10.0", "r_kost: 10.0"
    )
    with pytest.raises(InputError) as caught:
        parse_machine(wrong, file="hw.yaml")
    text = "\n".join(caught.value.problems)
    assert (
        "hw.yaml:5" in text and "colour: unknown key" in text and "r_kost: unknown key (did you mean 'r_cost'?)" in text
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"I1, fh", "I1, tl", "I2, fh"', '"I1, fh", "I2, fh"', "no port carries I1, tl"),
        ('"I1, tl"', '"I1, up"', "'I1, up' is not 'OPERAND, DIRECTION'"),
        ('"I1, tl"', '"I7, tl"', "does not hold 'I7'"),
        ('"I1, tl"', '"I1, fh"', "'I1, fh' is already carried by port 'rw_port_1'"),
        ("type: read_write", "type: write", "a write port cannot carry 'tl'"),
        ("served_dimensions: [D1]", "served_dimensions: [D2]", "unknown array dimension 'D2'"),
        ("sizes: [1]", "sizes: [1, 2]", "1 dimensions but 2 sizes"),
    ],
)
def test_contradictions_are_found(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_machine(SMALL_MACHINE.replace(old, new))


def test_a_machine_without_a_key_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"accelerator 'chip'.*mac_energy_pj"):
        defines_machine("chip", {"array": {"D1": 2}, "memories_in_declaration_order": []})


def test_an_unknown_machine_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'defines-tpu-like'"):
        load_machine("defines-tpu-lik")
