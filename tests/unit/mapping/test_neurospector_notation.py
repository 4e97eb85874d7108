"""Scheduling tables among the notations: a nest to a table file and back, and what either lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.neurospector import read_accelerator
from tileloom.architecture.notation.neurospector_chip import accelerator_of, architecture_of
from tileloom.core.errors import InputError
from tileloom.mapping.normalise import blocked
from tileloom.mapping.notation.neurospector import write_table
from tileloom.mapping.notation.neurospector_notation import NEUROSPECTOR, read, write
from tileloom.mapping.notation.neurospector_tree import table_of
from tileloom.search.neurospector.bottom_up import bottom_up
from tileloom.workload.frontends.neurospector import ConvLayer, layer_of

INPUTS = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs" / "accelerators"
CONV = ConvLayer("conv", (8, 1, 6, 6, 4, 3, 3, 1), 1)


@pytest.mark.parametrize("name", ["eyeriss", "acc_1lv", "simba_mini"])
def test_a_table_becomes_a_nest_and_the_same_table_again(name: str, tmp_path: Path) -> None:
    accelerator = read_accelerator(INPUTS / f"{name}.cfg")
    problem, chip = CONV.problem(accelerator.precision_bits), architecture_of(accelerator)
    chosen = bottom_up(accelerator, CONV)
    file = tmp_path / "conv.cfg"
    file.write_text(write_table(accelerator, CONV, chosen.table))
    nest = read(file, problem, chip)
    assert "WS in the local" in nest.losses[0]
    _, names = layer_of(problem)
    plain, places = accelerator_of(chip, problem, names)
    assert table_of(plain, blocked(nest.mapping, problem), problem, names, places).table == chosen.table
    written = write(problem, chip, nest.mapping)
    again = tmp_path / "again.cfg"
    again.write_text(written.text)
    assert written.text.startswith("# dataflows of LOCAL_BUFFER and GLOBAL_BUFFER: ")
    second = read(again, problem, chip)
    assert second.losses == ()
    assert write(problem, chip, second.mapping).text == written.text
    assert NEUROSPECTOR.network is None


def test_what_a_table_needs(tmp_path: Path) -> None:
    problem = CONV.problem()
    file = tmp_path / "conv.cfg"
    file.write_text("[LAYER]\nname=conv\n")
    with pytest.raises(InputError, match="give both"):
        read(file, problem, None)
    chip = architecture_of(read_accelerator(INPUTS / "eyeriss.cfg"))
    with pytest.raises(InputError, match="SCHEDULING_TABLE"):
        read(file, CONV.problem(16), chip)
