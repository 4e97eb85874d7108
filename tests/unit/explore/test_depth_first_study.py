"""Study files, option texts, and what a run leaves on disk."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from depth_first_networks import defines_files
from tileloom.core.errors import InputError
from tileloom.explore.depth_first.files import write_files
from tileloom.explore.depth_first.record import COLUMNS, accesses
from tileloom.explore.depth_first.run import StudyResult, run_study
from tileloom.explore.depth_first.sources import load_sources
from tileloom.explore.depth_first.study import (
    Study,
    default_tiles,
    is_study,
    read_cuts,
    read_list,
    read_modes,
    read_study,
)
from tileloom.fusion.rules import FAITHFUL


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return defines_files(tmp_path_factory.mktemp("defines"), "fsrcnn@Meta_prototype", "Meta_prototype_DF")


@pytest.fixture(scope="module")
def result(files: tuple[str, str]) -> StudyResult:
    sizes = {"tile_xs": (60, 960), "tile_ys": (72, 540)}
    return run_study(Study(*files, modes=(1, 3), lpf_limit=3, rules="faithful", **sizes))  # type: ignore[arg-type]


def test_a_study_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    file = tmp_path / "study.yaml"
    file.write_text(
        "depth_first:\n  network: net.onnx\n  architecture: eyeriss\n  tile_x: [1, 4]\n  cuts: [3, conv2]\n"
        "  lpf_limit: optimal\n  rules: faithful\n"
    )
    assert is_study(file)
    study = read_study(file)
    assert study.network == str(tmp_path / "net.onnx")
    assert (study.architecture, study.tile_xs, study.tile_ys) == ("eyeriss", (1, 4), None)
    assert (study.cuts, study.lpf_limit, study.searching.faithful) == ((3, "conv2"), None, True)


def test_faults_of_a_study_file_are_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("depth_first:\n  network: x\n  tile_x: [0]\n  modes: [4]\n  tilex: 3\n")
    with pytest.raises(InputError) as error:
        read_study(file)
    text = str(error.value)
    assert "architecture: is missing" in text
    assert f"{file}:3: depth_first.tile_x.0" in text
    assert "did you mean 'tile_x'?" in text
    assert not is_study(tmp_path / "none.yaml")


def test_texts_of_options() -> None:
    assert read_list("--tile-x", "1, 4,16") == (1, 4, 16)
    assert read_list("--tile-x", None) is None
    assert (read_modes("all"), read_modes("31"), read_modes("1,2")) == ((1, 2, 3), (3, 1), (1, 2))
    assert (read_cuts("auto"), read_cuts("none"), read_cuts("3,conv2")) == ("auto", (), (3, "conv2"))
    assert default_tiles([56, 7]) == (1, 4, 16, 56)
    with pytest.raises(InputError, match="'0' is not a whole number"):
        read_list("--tile-y", "4,0")
    with pytest.raises(InputError, match="--mode is '4'"):
        read_modes("4")


def test_the_familys_network_is_found_by_its_short_name(files: tuple[str, str]) -> None:
    assert load_sources(*files, FAITHFUL).setting.graph.name == "fsrcnn@Meta_prototype"
    with pytest.raises(InputError, match="no 'fsrcnm'"):
        load_sources(files[0].replace(":fsrcnn", ":fsrcnm"), files[1], FAITHFUL)


def test_layer_by_layer_and_single_layer_baselines(result: StudyResult) -> None:
    names = [b.name for b in result.baselines]
    assert names == ["layer by layer", "single layer"]
    whole = next(p for p in result.grid.found if (p.point.tile_x, p.point.tile_y) == (960, 540))
    base = result.baselines[0].outcome.result
    assert base is not None
    assert base.totals == whole.totals


def test_the_best_plan_is_not_worse_than_any_point(result: StudyResult) -> None:
    assert result.best is not None
    assert result.best.energy_pj <= min(p.totals.energy_pj for p in result.grid.found) * (1 + 1e-12)


def test_accesses_are_those_of_layers_and_copies(result: StudyResult) -> None:
    point = next(p for p in result.grid.found if p.point.tile_x == 60)
    found = accesses(point, result.setting.machine)
    assert set(found) == {m.name for m in result.setting.machine.memories}
    # Every weight is read from DRAM once: the first tile's.
    weights = sum(n.layer.elements("W") for n in result.setting.graph.layers)
    assert found["dram"]["weight"] == weights
    assert found["sram_1MB_A"]["copy"] > 0


def test_files_of_a_run(result: StudyResult, tmp_path: Path) -> None:
    out = write_files(result, tmp_path / "out")
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [float(r["energy_pj"]) for r in rows] == [p.totals.energy_pj for p in result.grid.found]
    frame = pl.read_parquet(out / "results.parquet")
    assert frame["cycles"].to_list() == [p.totals.cycles for p in result.grid.found]
    assert pl.read_parquet(out / "accesses.parquet").height == len(rows) * 7 * 3
    assert pl.read_parquet(out / "top_memories.parquet")["output"].unique().len() > 1
    run = json.loads((out / "run.json").read_text())
    assert run["search"]["best"]["energy"]["energy_pj"] == result.best.energy_pj  # type: ignore[union-attr]
    assert run["tile_layers"]["searched"] < run["tile_layers"]["asked"]


def test_an_optimum_that_is_not_proven_is_not_promised(files: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="proven for energy only"):
        run_study(Study(*files, lpf_limit=None, objective="latency"))
