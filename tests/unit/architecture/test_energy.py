"""Energy tables: exact rows, interpolation worked by hand, refusals, and a source for every row."""

from pathlib import Path

import pytest

from tileloom.architecture.energy.base import EnergySource, Query
from tileloom.architecture.energy.table import list_energy_tables, load_energy_table, lookup
from tileloom.core.errors import InputError

KIB = 8192

GRID = """\
name: grid
description: two widths, two sizes
source: made up for the test
memories:
- {capacity_bits: 100, width_bits: 8, technology_nm: 10, read_pj: 1, write_pj: 2, quality: assumption, source: a}
- {capacity_bits: 10000, width_bits: 8, technology_nm: 10, read_pj: 100, write_pj: 2, quality: assumption, source: b}
- {capacity_bits: 100, width_bits: 32, technology_nm: 10, read_pj: 4, write_pj: 8, quality: assumption, source: c}
- {capacity_bits: 10000, width_bits: 32, technology_nm: 10, read_pj: 400, write_pj: 8, quality: assumption, source: d}
"""


def test_exact_rows_come_back_unchanged() -> None:
    found = lookup("cacti-22nm-zigzag", 108 * KIB, 64, 22)
    assert (found.read_pj, found.write_pj) == (10.39, 7.52)
    assert "108 KB" in found.source and "interpolated" not in found.source


def test_interpolation_is_a_power_law_between_rows() -> None:
    # 8 KB costs 10 pJ and 32 KB 20 pJ: energy grows as the square root of size, so 16 KB costs 10 * sqrt(2).
    found = lookup("horowitz-2014", 16 * KIB, 64, 45)
    assert found.read_pj == pytest.approx(14.142135623730951)
    assert found.source.startswith("interpolated: ") and "8 KB" in found.source and "32 KB" in found.source


def test_interpolation_over_width(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    table = load_energy_table(path)
    # Size 1000 is halfway on log axes: 10 pJ at 8 bit, 40 at 32; width 16 is halfway again: sqrt(10 * 40).
    found = table.lookup(Query(capacity_bits=1000, width_bits=16, technology_nm=10))
    assert found.read_pj == pytest.approx(20.0)
    assert found.write_pj == pytest.approx(4.0)


def test_the_only_technology_needs_no_naming() -> None:
    assert lookup("interstellar-2020", 64 * KIB, 16).read_pj == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2 * KIB, 64, 45), "covers capacity at 64 bit 65536 to 8388608 bit, asked for 16384"),
        ((2048 * KIB, 64, 45), "not extrapolated"),
        ((16 * KIB, 128, 45), "covers width 64 to 64 bit, asked for 128"),
        ((16 * KIB, 64, 7), "covers 45 nm; asked for 7 nm"),
        ((None, 64, 45), "needs a capacity and a width"),
    ],
)
def test_nothing_is_extrapolated(arguments: tuple[float | None, float, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        lookup("horowitz-2014", *arguments)


def test_items() -> None:
    assert lookup("eyeriss-relative", item="dram").read_pj == 200
    assert lookup("interfaces", width_bits=64, item="lpddr4").read_pj == 512  # 8 pJ per bit
    assert lookup("interfaces", item="hbm2").write_pj == 6.25
    with pytest.raises(InputError, match=r"did you mean 'lpddr4'\?"):
        lookup("interfaces", item="lpddr")
    with pytest.raises(InputError, match="has no memories; give `item`"):
        lookup("interfaces", 8, 8, 8)
    with pytest.raises(InputError, match=r"did you mean 'interfaces'\?"):
        lookup("interface", item="hbm2")


def test_every_row_of_every_table_has_a_source_and_is_reachable() -> None:
    tables = list_energy_tables()
    assert len(tables) >= 6 and all(text for _, text in tables)
    for name, _ in tables:
        table = load_energy_table(name)
        source: EnergySource = table
        assert source.name == name and table.source
        for row in table.memories:
            assert len(row.source) > 10
            found = lookup(name, row.capacity_bits, row.width_bits, row.technology_nm)
            assert (found.read_pj, found.write_pj) == (row.read_pj, row.write_pj)
        for item in table.items:
            assert len(item.source) > 10
            assert (item.energy_pj is None) != (item.energy_pj_per_bit is None)
            assert lookup(name, item=item.item).source == item.source


def test_faulty_user_table_names_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GRID.replace("read_pj: 100,", "raed_pj: 100,"))
    with pytest.raises(
        InputError, match=r"mine\.yaml:6: memories\.1\.raed_pj: unknown key \(did you mean 'read_pj'\?\)"
    ):
        load_energy_table(path)
