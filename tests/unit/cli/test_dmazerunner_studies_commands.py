"""`tileloom study dmazerunner ...` as typed: tables, files, pages, errors, exit codes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tileloom.architecture.dump import architecture_to_yaml
from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.explore.run import problem_to_yaml
from tileloom.workload.frontends.dmazerunner import read_model

REFERENCE = Path(__file__).parents[2] / "reference" / "dmazerunner"
INPUTS = REFERENCE / "inputs"
Run = Callable[..., Any]


def test_validation_gives_the_original_s_table(run: Run, tmp_path: Path) -> None:
    data = run("study", "dmazerunner", "validation", "--json").json
    by_name = {r["dataflow"]: r for r in data["rows"]}
    with (REFERENCE / "energy_validation.csv").open() as stream:
        for stated in csv.DictReader(stream):
            row = by_name[stated["dataflow"]]
            assert row["total_pj"] == int(stated["energy_total_dMazeRunner"])
            assert row["error_percent"] == pytest.approx(float(stated["abs_diff_percent"]), abs=1e-4)
    own = run("study", "dmazerunner", "validation", "--table", REFERENCE / "energy_validation.csv", "--json").json
    assert {r["dataflow"] for r in own["rows"]} <= set(by_name)
    shown = run("study", "dmazerunner", "validation", "--out", tmp_path / "v")
    assert shown.code == 0
    assert "Mean error: 4.685 %" in shown.out
    page = (tmp_path / "v" / "report.html").read_text()
    assert "M | Fy" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_faulty_table_names_its_lines(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "Data_flow_mechanism,DRAM_tiling,SPM_tiling,RF_tiling,Spatial_tiling,Energy\nFY_FX,[1],x,[1],[1],5\n"
    )
    shown = run("study", "dmazerunner", "validation", "--table", table)
    assert shown.code == 2
    assert f"{table}:2: not a list of factors" in shown.err


def test_memory_writes_what_it_prints(run: Run, tmp_path: Path) -> None:
    call = ("study", "dmazerunner", "memory", "--mode", "faithful", "--spm", "16,64", "--rf", "16,1024")
    shown = run(*call, "--out", tmp_path / "m")
    assert shown.code == 0
    frame = pl.read_parquet(tmp_path / "m" / "table.parquet")
    assert frame["mappings"].to_list()[:2] == [90, 0]
    assert frame["edp_pj_cycles"].to_list()[1] is None
    assert frame.to_dicts() == json.loads((tmp_path / "m" / "study.json").read_text())["rows"]
    # Once more into the same folder; never into a stranger's.
    assert run(*call, "--out", tmp_path / "m").code == 0
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "precious.txt").write_text("")
    refused = run(*call, "--out", tmp_path / "x")
    assert refused.code == 2
    assert "precious.txt" in refused.err


def test_design_has_the_filter_both_ways(run: Run, tmp_path: Path) -> None:
    sizes = ("--pes", "64,256", "--spm", "64,4096", "--rf", "16,64")
    right = run("study", "dmazerunner", "design", *sizes, "--json").json
    inverted = run("study", "dmazerunner", "design", *sizes, "--mode", "faithful", "--json").json
    points = [{(r["pes"], r["spm_kib"], r["rf_bytes"]) for r in d["rows"]} for d in (right, inverted)]
    assert not points[0] & points[1]
    assert len(points[0] | points[1]) == 8
    nothing = run("study", "dmazerunner", "design", "--pes", "64", "--spm", "4096", "--rf", "1")
    assert nothing.code == 2
    assert "no plausible point" in nothing.err


def test_rapid_measures_against_the_whole_space(run: Run) -> None:
    data = run("study", "dmazerunner", "rapid", "--count-to", "20000", "--json").json
    rows = {r["filters"]: r for r in data["rows"]}
    assert len(rows) == 8
    assert rows["utilisation, no filter loops at DRAM, no reduction across PEs"]["mappings"] == 753
    assert rows["utilisation"]["mappings"] == 14980
    whole = rows["none (the whole space)"]
    assert whole["counted_all"] is False
    assert [whole[f"lost_{g}_percent"] for g in ("energy", "latency", "edp")] == [0, 0, 0]
    assert all(r["lost_edp_percent"] >= 0 for r in data["rows"])


def test_the_best_methods_are_written_and_evaluate_to_their_cost(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "m"
    call = ("study", "dmazerunner", "model", INPUTS / "bert-base-uncased.json", "--mode", "faithful", "--out", out)
    data = run(*call, "--json").json
    (row,) = (r for r in data["rows"] if r["layer"] == "qa_outputs")
    (work, chip) = (tmp_path / "w.yaml", tmp_path / "c.yaml")
    (layer,) = (x for x in read_model(INPUTS / "bert-base-uncased.json") if x.name == "qa_outputs")
    work.write_text(problem_to_yaml(layer.problem()))
    chip.write_text(architecture_to_yaml(DmazeChip().architecture()))
    saved = out / "methods" / "qa_outputs.yaml"
    call = ("evaluate", saved, "--problem", work, "--arch", chip, "--model", "dmazerunner")  # type: ignore[assignment]
    cost = run(*call, "--model-option", "mode=faithful", "--json").json
    assert cost["energy_pj"] * cost["cycles"] == pytest.approx(row["edp_pj_cycles"])


def test_model_totals_both_ways(run: Run) -> None:
    """Source: dMazeRunner's summary for BERT base: 361 layers, EDP 1.4281E+16, 5.1220E+09 pJ, 6.6463E+06 cycles, 711."""
    shown = run("study", "dmazerunner", "model", INPUTS / "bert-base-uncased.json", "--mode", "faithful")
    assert shown.code == 0
    assert "5.1220E+09 pJ, 6.6463E+06 cycles, sum of EDPs 1.4281E+16" in shown.out
    data = run("study", "dmazerunner", "model", INPUTS / "bert-base-uncased.json", "--mode", "faithful", "--json").json
    settings = data["settings"]
    assert settings["printed_layers"] == 361
    assert settings["weighted_energy_pj"] == sum(r["instances"] * r["energy_pj"] for r in data["rows"])


def test_a_layer_without_a_mapping_says_what_does_not_fit(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "arch.json"
    spec.write_text(json.dumps({"arch_basic": {"RF_SIZE": 4}}))
    shown = run("study", "dmazerunner", "model", INPUTS / "bert-base-uncased.json", "--arch-spec", spec)
    assert shown.code == 1
    assert "one value each of C, A, B takes 3 values per PE, there is room for 2" in shown.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("memory", "--layer", "conv9"), "no such layer"),
        (("memory", "--spm", "17"), "the study has 16, 32"),
        (("design", "--mode", "fiathful"), "did you mean 'faithful'"),
        (("model", "resnet18", "--min-utilization", "1.5", "0", "0"), "minimum utilisation of PEs is 1.5"),
    ],
)
def test_mistakes_are_named(run: Run, arguments: tuple[str, ...], message: str) -> None:
    shown = run("study", "dmazerunner", *arguments)
    assert shown.code == 2
    assert message in shown.err
