"""`rewrite`, `explore-algorithms`, `explore-arch` and `check --auto-rewrite` as a user calls them."""

import json

import pytest

from tileloom.cli.main import main

SIZES = ["--size", "m=4", "--size", "k=4", "--size", "n=4"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
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
