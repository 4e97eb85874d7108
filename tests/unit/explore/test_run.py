"""The run directory: what is in it, that it reads back to the same values, and that it appears whole or not at all."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import polars
import pytest

from stub_mapper import StubMapper, network, product
from tileloom.architecture.load import load_architecture
from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.explore.run import file_names, read_run, write_run
from tileloom.mapping.yaml import mapping_from_yaml
from tileloom.search.columns import COLUMNS
from tileloom.search.driver import map_network
from tileloom.search.network import NetworkResult
from tileloom.workload.load import load_problem


@pytest.fixture
def result(stub: type[StubMapper], chip: Architecture) -> NetworkResult:
    problems = (product("block/1:conv", 4), product("block 1 conv", 5), product("big", 13), product("again", 4))
    return map_network(network(*problems), chip, mapper="stub", cache=False, options={"seed": 7})


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_what_is_in_it(result: NetworkResult, tmp_path: Path) -> None:
    folder = write_run(result, tmp_path / "deep" / "run")
    assert files(folder) == [
        "architecture.yaml",
        "best/block_1_conv-2.yaml",
        "best/block_1_conv.yaml",
        "problems/big.yaml",
        "problems/block_1_conv-2.yaml",
        "problems/block_1_conv.yaml",
        "results.parquet",
        "run.json",
    ]
    assert [p.name for p in folder.parent.iterdir()] == ["run"]


def test_everything_reads_back_to_the_same_values(result: NetworkResult, chip: Architecture, tmp_path: Path) -> None:
    folder = write_run(result, tmp_path / "run")
    assert load_architecture(folder / "architecture.yaml") == chip
    for record, layer in zip(read_run(folder)["layers"], result.layers, strict=True):
        assert load_problem(folder / record["problem_file"]) == layer.distinct.problem
        if layer.result.mapping is not None:
            assert mapping_from_yaml(folder / record["mapping_file"]) == layer.result.mapping


def test_run_json_adds_up(result: NetworkResult, tmp_path: Path) -> None:
    record = read_run(write_run(result, tmp_path / "run"))
    mapped = [layer for layer in record["layers"] if layer["status"] == "feasible"]
    assert record["totals"]["energy_pj"] == pytest.approx(sum(la["energy_pj"] * la["count"] for la in mapped))
    # 4 * 2 * 3 twice, 5 * 2 * 3 and 13 * 2 * 3, of which the last is not mapped
    assert (record["totals"]["macs"], record["totals"]["macs_mapped"]) == (156, 78)
    assert (record["totals"]["layers"], record["totals"]["distinct"], record["totals"]["distinct_mapped"]) == (4, 3, 2)
    assert (record["status"], record["seed"], record["options"]) == ("infeasible", 7, {"seed": "7"})
    assert record["layers"][2]["reasons"] == ["big: smallest tile 1200 bits, Buffer 1024 bits"]
    assert len(record["network"]["content_sha256"]) == len(record["architecture"]["content_sha256"]) == 64


def test_the_table_has_the_listed_columns(result: NetworkResult, tmp_path: Path) -> None:
    frame = polars.read_parquet(write_run(result, tmp_path / "run") / "results.parquet")
    assert frame.columns == [c.name for c in COLUMNS]
    assert frame["layer"].to_list() == ["block/1:conv", "block 1 conv", "big"]
    assert frame["energy_pj"].null_count() == 1
    assert frame["count"].to_list() == [2, 1, 1]


def test_file_names_are_distinct_whatever_the_layers_are_called() -> None:
    names = file_names(["a", "A", "a-2", "a", "../../etc/passwd", "", "x" * 300])
    assert names[:4] == ["a", "A-2", "a-2-2", "a-3"]
    assert names[4:6] == ["etc_passwd", "layer"]
    assert len(names[6]) == 100


def test_a_failure_leaves_nothing(result: NetworkResult, tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        assert (draft / "run.json").is_file()
        raise RuntimeError("no more ink")

    with pytest.raises(RuntimeError, match="no more ink"):
        write_run(result, tmp_path / "run", fail)
    assert list(tmp_path.glob("*run*")) == []


def test_an_earlier_run_is_replaced(result: NetworkResult, tmp_path: Path) -> None:
    folder = write_run(result, tmp_path / "run", lambda draft: (draft / "report.html").write_text("old"))
    before = files(folder)
    write_run(result, folder)
    assert files(folder) == [name for name in before if name != "report.html"]


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"format": "something else"})])
def test_what_only_looks_like_a_run_is_refused(result: NetworkResult, tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        write_run(result, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_text() == content


def killed_draft(folder: Path, process: int) -> Path:
    draft = folder.parent / f".{folder.name}.{socket.gethostname()}-{process}.abc"
    (draft / "best").mkdir(parents=True)
    return draft


@pytest.fixture
def dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_what_a_killed_run_left_is_removed(result: NetworkResult, tmp_path: Path, dead_process: int) -> None:
    folder = tmp_path / "run"
    killed_draft(folder, dead_process)
    running = killed_draft(folder, os.getpid())
    other = killed_draft(tmp_path / "other", dead_process)
    write_run(result, folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["run", running.name, other.name])


def test_a_run_that_was_moved_aside_by_a_killed_one_comes_back(
    result: NetworkResult, tmp_path: Path, dead_process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(result, tmp_path / "run")
    folder.rename(killed_draft(folder, dead_process) / "old")

    def fails(*_: object) -> None:
        raise RuntimeError("stopped")

    monkeypatch.setattr("tileloom.explore.run._fill", fails)
    with pytest.raises(RuntimeError):
        write_run(result, folder)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert read_run(folder)["layers"]


def test_a_file_in_the_way_is_refused(result: NetworkResult, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        write_run(result, tmp_path / "run")
