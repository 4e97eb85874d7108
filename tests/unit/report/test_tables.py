"""Tables, charts and the text of numbers."""

from __future__ import annotations

import pytest

from report_cases import network_result
from tileloom.core.errors import InputError
from tileloom.report import energy_table, extract
from tileloom.report import quantities as q
from tileloom.report.tables import ENERGY_COLUMNS


def test_energy_table_sums_to_the_network() -> None:
    result = network_result()
    table = energy_table(result)
    assert table.columns == [name for name, _ in ENERGY_COLUMNS]
    assert (table["energy_pj"] * table["count"]).sum() == pytest.approx(result.energy_pj, rel=1e-12)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (q.energy(1_234_567), "1.23 µJ"),
        (q.energy(0.0), "0"),
        (q.energy(999_600), "1.00 µJ"),
        (q.count(9_999), "9,999"),
        (q.count(1_814_073_344), "1.81 G"),
        (q.count(2.5), "2.50"),
        (q.seconds(0.0123), "12.3 ms"),
        (q.seconds(75.0), "75.0 s"),
        (q.size(108 * 8192), "108 KiB"),
        (q.size(4), "4.00 bit"),
        (q.size(16), "2.00 B"),
        (q.share(1, 3), "33.3 %"),
        (q.share(1, 1), "100 %"),
        (q.share(1e-9, 1), "<0.1 %"),
        (q.share(1, 0), "–"),
        (q.edp(2e18, 2e8), "10.0 mJ·s"),
        (q.power_of_ten(320 * 10**400), "3.2 × 10⁴⁰²"),
        (q.plain(64.0), "64"),
        (q.plain(0.6), "0.6"),
        (q.hertz(2e8), "200 MHz"),
    ],
)
def test_numbers_read_well(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize("name", ["energy_chart", "cycles_chart", "utilization_chart", "roofline_chart"])
def test_charts_hold_every_layer(name: str) -> None:
    from tileloom.report import plots

    data = extract(network_result())
    spec = getattr(plots, name)(data).to_dict()
    values = [v for chart in spec.get("layer", [spec]) for v in chart["data"]["values"]]
    assert {v["layer"] for v in values if "layer" in v} == {layer.name for layer in data.layers}


def test_charts_are_saved_without_a_browser(tmp_path) -> None:
    from tileloom.report.plots import energy_chart, save_chart

    file = save_chart(energy_chart(network_result(), by="operand"), tmp_path / "energy.svg")
    assert file.read_text().startswith("<svg") and [f.name for f in tmp_path.iterdir()] == ["energy.svg"]
    with pytest.raises(InputError, match=r"use one of \.svg"):
        save_chart(energy_chart(network_result()), tmp_path / "energy.bmp")
