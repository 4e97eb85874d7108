"""docs/architectures.md: its example loads, its messages are real, its tables are complete."""

import re
from pathlib import Path

import pytest

from tileloom.architecture import schema
from tileloom.architecture.energy.table import list_energy_tables
from tileloom.architecture.load import list_architectures, parse_architecture
from tileloom.core.errors import InputError
from tileloom.core.validate import Schema

TEXT = (Path(__file__).parents[3] / "docs" / "architectures.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0]


def test_the_example_loads_and_means_what_it_says() -> None:
    chip = parse_architecture(EXAMPLE)
    assert chip.memory("DRAM").read.energy_pj == 8
    assert chip.memory("Buffer").buffers == 2
    assert chip.memory("Buffer").leakage_pj_per_cycle == pytest.approx(3.75)  # 3 mW for 1.25 ns
    assert chip.memory("RegisterFile").read.energy_pj == 0.48
    assert chip.instances(chip.computes[0]) == 128


def test_the_messages_shown_are_the_messages_given() -> None:
    broken = EXAMPLE.replace("size_kib: 256", "size_kib: -256").replace(
        "read: {energy_pj: 12, width", "read: {energy_pj: 12, widht"
    )
    with pytest.raises(InputError) as caught:
        parse_architecture(broken, file="my-chip.yaml")
    shown = re.findall(r"^    (my-chip\.yaml:.*)$", TEXT, re.MULTILINE)
    assert list(caught.value.problems) == shown


def test_every_key_is_documented() -> None:
    classes = [c for c in vars(schema).values() if isinstance(c, type) and issubclass(c, Schema) and c is not Schema]
    assert len(classes) >= 7
    for cls in classes:
        for key in cls.model_fields:
            assert re.search(rf"`[^`]*\b{key}\b[^`]*`", TEXT), f"{cls.__name__}.{key}"


def test_library_and_tables_are_listed() -> None:
    for name, _ in list_architectures() + list_energy_tables():
        assert f"`{name}`" in TEXT
