"""Charts of MAESTRO's dataflows, and the page that holds them without needing a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("altair", reason="needs the extra 'plot'")

from tileloom.report.dataflow_plots import bar_chart, roof_corners, roofline_chart, sweep_chart, write_page


def row(layer: str, dataflow: str, bandwidth: int, cycles: int) -> dict[str, Any]:
    return {
        "network": "n<1>", "dataflow": dataflow, "num_pes": 16, "layer": layer, "count": 2,
        "noc_elements_per_cycle": bandwidth, "runtime_cycles": cycles, "macs_per_cycle": 100 / cycles,
        "energy_nj": 5.0, "active_pes": 8.0, "l1_bytes": 10, "l2_bytes": 100, "macs_per_l2_read": 2.0,
    }  # fmt: skip


ROWS = [row(la, d, b, 40 // b + i) for i, la in enumerate(("a", "b")) for d in ("rs", "nlr") for b in (1, 4)]


def test_bars_keep_layers_and_series_in_order() -> None:
    chart = bar_chart([r for r in ROWS if r["noc_elements_per_cycle"] == 4], "active_pes", "PEs", "PEs").to_dict()
    assert chart["encoding"]["x"]["sort"] == ["a", "b"]
    assert chart["encoding"]["xOffset"]["sort"] == ["rs", "nlr"]
    assert [v["value"] for v in chart["data"]["values"]] == [8.0] * 4


def test_the_sweep_sums_all_runs_of_the_network() -> None:
    values = sweep_chart(ROWS).to_dict()["data"]["values"]
    assert {(v["series"], v["bandwidth"], v["cycles"]) for v in values} == {
        (d, b, 2 * (40 // b) + 2 * (40 // b + 1)) for d in ("rs", "nlr") for b in (1, 4)
    }


def test_roofs_meet_where_bandwidth_feeds_every_pe() -> None:
    points = [{"intensity": 2.0}, {"intensity": 8.0}]
    corners = roof_corners(points, ROWS, lanes=2, bandwidth=4)
    assert [(c["intensity"], c["rate"]) for c in corners] == [(1.0, 4), (8.0, 32), (16.0, 32)]
    assert roof_corners([], ROWS, 1, 1) == []
    assert len(roofline_chart(ROWS, 1, 4).to_dict()["layer"]) == 2


def test_the_page_holds_all_it_needs(tmp_path: Path) -> None:
    page = write_page(
        ROWS, tmp_path / "p.html", lanes=1, bandwidth=4, about="how <it> ran", refused=[("rs", "c", "no <such> layer")]
    ).read_text()
    assert page.count("<svg") == 5
    assert "<script" not in page
    assert "n&lt;1&gt;" in page
    assert "no &lt;such&gt; layer" in page
    assert "url(http" not in page
    assert 'src="http' not in page
