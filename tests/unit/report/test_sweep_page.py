"""The page of a sweep: what it draws, that it needs nothing from outside, that names cannot break out of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sweep_studies import BULK, CHIP, MAPPED
from tileloom.architecture.load import load_architecture
from tileloom.core.errors import InputError
from tileloom.explore.sweep.run import run_sweep
from tileloom.explore.sweep.sensitivity import swing
from tileloom.explore.sweep.study import parse_study
from tileloom.report.sweep_data import read_sweep
from tileloom.report.sweep_page import render_sweep, write_sweep_report


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bulk") / "out"
    run_sweep(parse_study(BULK.replace("name: small", "name: '</script><b>small'")), folder)
    return folder


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mapped")
    (home / "chip.yaml").write_text(CHIP)
    run_sweep(parse_study(MAPPED, home), home / "out")
    return home / "out"


def test_the_page_has_its_charts_and_loads_nothing(bulk: Path) -> None:
    page = write_sweep_report(bulk).read_text()
    specs = json.loads(re.findall(r'id="specs">(.*?)</script>', page, re.DOTALL)[0])
    assert list(specs) == ["trade-offs", "parallel", "sensitivity"]
    outside = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"<(?:link|img|script)", outside)
    assert not re.findall(r"<script[^>]+src=", page)
    assert "default-src 'none'" in page


def test_names_are_text_wherever_they_stand(bulk: Path) -> None:
    page = render_sweep(read_sweep(bulk))
    assert "&lt;/script&gt;&lt;b&gt;small" in page
    assert "</script><b>small" not in page


def test_the_front_in_the_page_is_that_of_the_directory(bulk: Path) -> None:
    import polars as pl

    data = read_sweep(bulk)
    assert [r["design"] for r in data.front] == pl.read_parquet(bulk / "front.parquet")["design"].to_list()
    assert {p["design"] for p in data.points if p["front"]} == {r["design"] for r in data.front}


def test_one_parameter_moves_at_a_time(mapped: Path) -> None:
    data = read_sweep(mapped)
    assert data.moved is not None
    assert {s.parameter for s in data.moved.steps} == {
        "Buffer.size_bytes", "Buffer.access.energy_pj", "DRAM.access.bits_per_cycle", "Array.X"
    }  # fmt: skip
    own = [s for s in data.moved.steps if s.parameter == "Array.X" and s.value == data.moved.values["Array.X"]]
    assert [s.metrics for s in own] == [data.moved.metrics]
    assert swing(data.moved.steps, "energy_pj")["Buffer.access.energy_pj"] > 1
    assert swing(data.moved.steps, "energy_pj")["DRAM.access.bits_per_cycle"] == pytest.approx(1, abs=0.2)


def test_files_of_the_front_can_be_fed_back(mapped: Path, bulk: Path) -> None:
    data = read_sweep(mapped)
    chips = [load_architecture(path) for path in sorted((mapped / "best").glob("*.yaml"))]
    assert len(chips) == len(data.front)
    row, (name, text) = data.front[0], data.files[0]
    chip = load_architecture(mapped / "best" / name)
    assert (mapped / "best" / name).read_text() == text
    assert chip.memory("Buffer").capacity_bits == row["Buffer.size_bytes"] * 8
    machine = next(iter((bulk / "best").glob("*.yaml")))
    again = BULK.replace("architecture: {num_pes: 128, noc_latency_cycles: 2}", f"architecture: {machine}")
    study = parse_study(again, "/")
    assert study.machine["noc_latency_cycles"] == 2


@pytest.mark.parametrize(("text", "message"), [("[" * 100_000, "nested too deeply"), ("{}", "'study' is missing")])
def test_a_damaged_record_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_sweep(tmp_path)


def test_a_sweep_without_a_valid_design_has_a_page_that_says_so(tmp_path: Path) -> None:
    run_sweep(parse_study(BULK.replace("area: 6", "area: 0.0001")), tmp_path / "out")
    page = write_sweep_report(tmp_path / "out").read_text()
    assert "No design meets every constraint" in page
    assert '<div id="trade-offs"' not in page
