"""`rewrite`, `explore-algorithms`, `explore-arch` and `check --auto-rewrite` as a user calls them."""

import json
from pathlib import Path

import pytest

from tileloom.cli.main import main

SIZES = ["--size", "m=4", "--size", "k=4", "--size", "n=4"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_rewrite_says_what_moves(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(
        capsys, "rewrite", "mk,kn->nm", *SIZES, "--algorithm", "ttgt-comet", "--arch", "simple-2level", "--json"
    )
    found = json.loads(out)
    assert code == 0 and found["moved_elements"] == 16
    assert found["cost"]["energy_pj"] == 2 * 16 * 200


def test_a_problem_that_is_not_taken_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "rewrite", "mk,kn->nm", *SIZES, "--algorithm", "im2col")[0] == 2


def test_studies_print_their_rows(capsys: pytest.CaptureFixture[str]) -> None:
    shared = ["--arch", "simple-2level", *SIZES, "--no-cache", "--json", "--mapper", "random", "--option", "samples=20"]
    code, out = run(capsys, "explore-algorithms", "mk,kn->nm", *shared)
    assert code == 0 and {r["dims_per_axis"] for r in json.loads(out)["rows"]} == {"any", "one"}
    code, out = run(capsys, "explore-arch", "mk,kn->nm", *shared, "--aspect", "16x16,8x32")
    assert code == 0 and [r["array"] for r in json.loads(out)["rows"]] == ["16x16", "8x32"]
    assert run(capsys, "explore-arch", "mk,kn->nm", "--arch", "simple-2level", *SIZES)[0] == 2


def test_the_log_lists_every_choice_and_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "rewrite", "mk,kn->nm", *SIZES, "--algorithm", "log", "--arch", "simple-2level", "--json")
    found = json.loads(out)
    named = {row["algorithm"]: row for row in found["algorithms"]}
    assert code == 0 and list(named)[:3] == ["native", "ttgt", "ttgt-comet"]
    assert named["ttgt-comet"]["cost"]["energy_pj"] == 2 * 16 * 200 and "sliding windows" in named["im2col"]["refusal"]
    assert [c["number"] for c in found["comet_candidates"]] == [1, 2]
    first = found["comet_candidates"][0]
    assert first["form"] == 0 and first["cost"] == pytest.approx(16 / 0.71)
    code, out = run(capsys, "rewrite", "mk,kn->nm", *SIZES, "--algorithm", "log")
    assert code == 0 and "ttgt-comet --candidate 1: cost 22.5352, form 0, M [m] N [n] K [k]" in out
    assert run(capsys, "rewrite", "mk,kn->nm", *SIZES, "--algorithm", "log", "--candidate", "1")[0] == 2


def test_a_whole_file_is_rewritten_layer_by_layer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "suite.tccg"
    file.write_text("ccsd7: abc-adec-ebd & a:4;b:4;c:4;d:4;e:4;\nouter: ab-a-b & a:4;b:4;\nlonely: a-ab-a & a:4;b:4;\n")
    target = tmp_path / "gemms.yaml"
    code, out = run(capsys, "rewrite", file, "--algorithm", "ttgt", "--out", target, "--json")
    found = json.loads(out)
    assert code == 0 and [r["sizes"] for r in found["rewrites"]] == [
        {"M": 16, "N": 4, "K": 16},
        {"M": 4, "N": 4, "K": 1},
    ]
    assert [k["layer"] for k in found["kept"]] == ["lonely"]
    code, out = run(
        capsys, "map", target, "--arch", "simple-2level", "--mapper", "random", "--option", "samples=20", "--json"
    )
    assert code == 0 and len(json.loads(out)["layers"]) == 3
    assert run(capsys, "rewrite", file, "--algorithm", "im2col")[0] == 2


def test_map_rewrites_first(capsys: pytest.CaptureFixture[str]) -> None:
    shared = [
        "mk,kn->nm",
        *SIZES,
        "--arch",
        "simple-2level",
        "--mapper",
        "random",
        "--option",
        "samples=20",
        "--no-cache",
    ]
    with pytest.raises(SystemExit):
        main(["map", *shared, "--rewrite", "ttgt"])
    shown = capsys.readouterr()
    assert "Rewritten with ttgt: 1 of 1 distinct layers" in shown.err
    with pytest.raises(SystemExit):
        main(["map", *shared, "--rewrite", "auto", "--model", "neurospector"])
    assert "Rewritten with ttgt" in capsys.readouterr().err
    assert run(capsys, "map", *shared, "--rewrite", "tgt")[0] == 2


def test_a_rewrite_does_not_go_with_a_mapping(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "mapping:\n  nodes:\n  - {hold: {memory: DRAM, tensors: [A, B, C]}}\n  - {compute: MAC}\n"
    )
    given: list[str | Path] = [
        tmp_path / "m.yaml",
        "--problem",
        "mk,kn->nm",
        *SIZES,
        "--arch",
        "simple-2level",
        "--auto-rewrite",
    ]
    assert run(capsys, "check", *given)[0] == 2


def test_union_s_studies_as_typed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = ["--arch", "simple-2level", "--no-cache", "--json"]
    code, out = run(capsys, "study", "union", "algorithms", *small, "--contraction", "ccsd7", "--extent", "2")
    found = json.loads(out)
    assert code == 0 and found["study"] == "union algorithms" and len(found["headline"]) == 3
    code, out = run(
        capsys, "study", "union", "fill-bandwidth", *small, "--layer", "dlrm-2", "--fill-bandwidth", "1,2", "--mapper",
        "template", "--out", tmp_path / "study",
    )  # fmt: skip
    assert code == 0 and len(json.loads(out)["rows"]) == 2
    assert (tmp_path / "study" / "report.html").read_text().count("<polyline") == 1
    code, out = run(
        capsys,
        "study",
        "union",
        "aspect",
        *small,
        "--layer",
        "dlrm-2",
        "--aspect",
        "16x16,8x32",
        "--mapper",
        "template",
    )
    assert [r["array"] for r in json.loads(out)["rows"]] == ["16x16", "8x32"]
    assert run(capsys, "study", "union", "aspect", *small, "--layer", "dlrm-9")[0] == 2
