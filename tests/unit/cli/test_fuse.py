"""`tileloom fuse`: table, JSON, files, exit codes and mistakes in the call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from depth_first_networks import defines_files
from tileloom.cli.main import main
from tileloom.explore.fusers import FUSERS, FuseCall


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    network, arch = defines_files(tmp_path_factory.mktemp("defines"), "mccnn@Meta_prototype", "Meta_prototype_DF")
    return ["fuse", network, "--arch", arch, "--lpf-limit", "2", "--tile-x", "94", "--tile-y", "69"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def test_a_point_is_shown_with_baselines_and_files(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(*call, "--mode", "3", "--faithful", "--out", str(out)) == 0
    shown = capsys.readouterr()
    assert "fully cached" in shown.out and "layer by layer: " in shown.out
    assert "best strategy per stack (energy)" in shown.out
    assert {p.name for p in out.iterdir()} >= {"report.html", "results.csv", "results.parquet", "run.json", "answers"}


def test_json_holds_every_point(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*call, "--mode", "12", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(r["mode"], r["status"]) for r in found["results"]] == [(1, "ok"), (2, "ok")]
    assert found["search"]["proof"].startswith("exhaustive")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "7"], "--mode is '7'"),
        (["--tile-x", "0"], "--tile-x: '0' is not a whole number"),
        (["--objective", "speed"], "--objective is 'speed'"),
        (["--lpf-limit", "0"], "--lpf-limit is '0'"),
        (["--max-layers", "3"], "--max-layers limits the stacks that --cuts all tries"),
        (["--cuts", "9"], "no layer 9 to cut after"),
        (["--cuts", "2,1"], "must stand in the order of the layers"),
    ],
)
def test_mistakes_are_told_and_exit_with_2(
    call: list[str], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*call, *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_chip_and_a_network_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fuse", "resnet18") == 2
    assert "--arch is missing" in capsys.readouterr().err
    assert run("fuse", "no-such-network", "--arch", "eyeriss") == 2
    assert "no-such-network" in capsys.readouterr().err


def test_options_beside_a_study_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("depth_first:\n  network: defines-fsrcnn\n  architecture: defines-tpu-like\n")
    assert run("fuse", str(file), "--arch", "eyeriss", "--tile-x", "4", "--faithful") == 2
    assert "is a study file, which says this itself: leave out --arch, --tile-x, --faithful" in capsys.readouterr().err
    assert run("fuse", str(tmp_path / "styud.yaml")) == 2
    assert "styud.yaml: no such file" in capsys.readouterr().err


def test_tiles_that_no_map_fills_are_refused(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*call, "--tile-x", "9,100000", "--tile-y", "1243") == 2
    shown = capsys.readouterr().err
    assert "tile_x: 100000 is more than any map that ends a stack has; give at most 376" in shown
    assert "tile_y: 1243" in shown and "give at most 1242" in shown
    assert run(*call, "--tile-x", "4000", "--cuts", "all") == 2
    assert "tile_x: 4000" in capsys.readouterr().err


def test_a_hardware_file_without_its_array_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chip = tmp_path / "chip.yaml"
    chip.write_text("name: chip\nmemories: {}\n")
    assert run("fuse", "defines-fsrcnn", "--arch", str(chip)) == 2
    assert "operational_array: is missing" in capsys.readouterr().err
    assert run("map", "resnet18", "--arch", "defines-tpu-like") == 2
    assert "`tileloom fuse NETWORK --arch defines-tpu-like` runs networks on it" in capsys.readouterr().err


def test_the_fused_optimum_comes_from_its_own_registry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Answer:
        failed = True

        def as_plain(self) -> dict[str, int]:
            return {"n": 1}

        def __str__(self) -> str:
            return "nothing fits"

    calls: list[FuseCall] = []
    monkeypatch.setitem(FUSERS.builtin, "optimal", lambda: lambda call: calls.append(call) or Answer())  # type: ignore[index]
    assert run("fuse", "net", "--arch", "chip", "--optimal", "--objective", "edp") == 1
    assert capsys.readouterr().out == "nothing fits\n"
    assert (calls[0].network, calls[0].architecture, calls[0].objective) == ("net", "chip", "edp")
    assert run("fuse", "net", "--arch", "chip", "--optimal", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {"n": 1}


def test_options_of_tiles_beside_optimal_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fuse", "fsrcnn", "--arch", "simple-2level", "--optimal", "--tile-x", "4", "--mode", "1"])
    assert stopped.value.code == 2
    assert "leave out --mode, --tile-x" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--optimal", "--halo", "some"], "--halo some: expected none, recompute, horizontal, full, any"),
        (["--optimal", "--halo", "any", "--tiles", "4,x"], "--tiles 4,x: expected auto, grid, sizes"),
        (["--optimal", "--tiles", "4"], "--halo is none, so nothing is tiled"),
        (["--halo", "any"], "only --optimal takes these: leave out --halo"),
    ],
)
def test_mistakes_about_overlapping_tiles(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fuse", "fsrcnn", "--arch", "simple-2level", *options])
    assert says in " ".join(capsys.readouterr().err.split())
