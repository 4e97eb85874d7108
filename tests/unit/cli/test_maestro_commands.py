"""MAESTRO's files on the command line: evaluated, converted, exported, mapped, and refused with line and rule."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tileloom.mapping.notation.maestro_reader import parse_mapping

SMALL = """Network small {
Layer A { Type: CONV
Dimensions { K: 8, C: 4, R: 3, S: 3, Y: 10, X: 10 }
Dataflow { SpatialMap(1,1) K; TemporalMap(3,1) Y; TemporalMap(3,1) X; Cluster(4,P); SpatialMap(1,1) C; } }
Layer B { Type: GEMM
Dimensions { M: 4, N: 4, K: 4 }
Dataflow { TemporalMap(1,1) M; } }
}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    mapping, hardware = tmp_path / "small.m", tmp_path / "hw.m"
    mapping.write_text(SMALL.replace("\n", "\r\n"))
    hardware.write_text("num_pes: 16\r\nnoc_bw_cstr: 4\r\nl1_size_cstr: 8\r\n")
    return mapping, hardware


def test_faithful_with_a_refused_layer(run: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    shown = run("evaluate", files[0], "--arch", files[1], "--mode", "faithful", "--csv", out)
    assert shown.code == 1
    assert "refused B (line 5), rule 'one or two spatial maps'" in shown.err
    assert "warning: a layer needs" in shown.err
    (row,) = csv.DictReader(StringIO(out.read_text()))
    data = run("evaluate", files[0], "--arch", files[1], "--model", "maestro", "--mode", "faithful", "--json").json
    layer = data["layers"][0]
    assert float(row["Runtime (Cycles)"]) == layer["csv"]["Runtime (Cycles)"]
    assert layer["screen"]["num_macs"] == 8 * 4 * 9 * 64
    assert data["refused"][0]["rule"] == "one or two spatial maps"


def test_corrected_is_the_default_and_enforces_capacities(run: Callable[..., Any], files: tuple[Path, Path]) -> None:
    tight = run("evaluate", files[0], "--arch", files[1], "--json").json
    assert tight["mode"] == "corrected"
    assert [r["rule"] for r in tight["refused"]] == ["capacity", "capacity"]
    files[1].write_text("num_pes: 16\nnoc_bw_cstr: 4\n")
    roomy = run("evaluate", files[0], "--arch", files[1], "--json").json
    assert [layer["name"] for layer in roomy["layers"]] == ["A", "B"]
    assert roomy["layers"][0]["macs"] == 8 * 4 * 9 * 64


def test_own_energies_from_a_file(run: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "mine.yaml"
    table.write_text("source: measured\nmac_nj: 0.00046\n")
    options = ("evaluate", files[0], "--arch", files[1], "--mode", "faithful", "--json")
    column = "Activity count-based Energy (nJ)"
    released = run(*options).json["layers"][0]["csv"][column]
    assert run(*options, "--technology", table).json["layers"][0]["csv"][column] == pytest.approx(2 * released)
    table.write_text("source: measured\nmac_n: 1\nl1_per_mac: -1\n")
    wrong = run(*options, "--technology", table)
    assert wrong.code == 2
    assert "mine.yaml:2: mac_n: unknown key (did you mean 'mac_nj'?)" in wrong.err
    assert "mine.yaml:3: l1_per_mac" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "A.m", "--arch", "eyeriss"), "tileloom convert A.m --to yaml --arch eyeriss"),
        (("evaluate", "A.yaml", "--arch", "eyeriss"), "give its problem (--problem)"),
        (("evaluate", "A.m", "--arch", "B.m", "--csv", "x.csv"), "--mode faithful"),
        (("convert", "A.txt", "--to", "yaml"), "give --from, one of yaml, maestro"),
        (("convert", "A.m", "--to", "yam"), "no format 'yam' (did you mean 'yaml'?)"),
        (("convert", "A.m", "--to", "yaml"), "give it (--arch)"),
        (("convert", "A.m", "--to", "yaml", "--arch", "B.m"), "has no memories or wires to map onto"),
        (("import", "alexnet", "--to", "yaml"), "format 'yaml' cannot hold a network; use one of maestro"),
        (("import", "alexnet", "--to", "maestro", "--option", "templat=rs"), "no option 'templat' (did you mean"),
    ],
)
def test_mistakes(run: Callable[..., Any], arguments: tuple[str, ...], message: str) -> None:
    shown = run(*arguments)
    assert (shown.code, message in " ".join(shown.err.split())) == (2, True)


def test_directives_to_a_mapping_and_back(run: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path) -> None:
    tree = tmp_path / "a.yaml"
    made = run("convert", files[0], "--layer", "A", "--to", "yaml", "--arch", "nvdla-like", "--out", tree)
    assert (made.code, made.out) == (0, "")
    assert "lost: where tiles are held is not said" in made.err
    cost = run(
        "evaluate", tree, "--problem", f"{files[0]}:A", "--arch", "nvdla-like", "--model", "maestro", "--json"
    ).json
    assert cost["macs"] == 8 * 4 * 9 * 64
    back = run("convert", tree, "--to", "maestro", "--problem", f"{files[0]}:A")
    flow = parse_mapping(back.out).layers[0].dataflow
    assert [str(d) for d in flow or ()] == [
        "TemporalMap(3,1) Y",
        "TemporalMap(3,1) X",
        "SpatialMap(1,1) K",
        "Cluster(4,P)",
        "SpatialMap(1,1) C",
    ]
    strict = run("convert", tree, "--to", "maestro", "--problem", f"{files[0]}:A", "--strict")
    assert (strict.code, strict.out) == (1, "")


def test_a_network_as_a_model_file_and_back(run: Callable[..., Any], tmp_path: Path) -> None:
    model = tmp_path / "alexnet.m"
    shown = run("import", "alexnet", "--to", "maestro", "--out", model)
    assert shown.code == 0
    assert "left out: no multiplications" in shown.err
    assert "Dataflow" not in model.read_text()
    again, original = run("import", model, "--json").json, run("import", "alexnet", "--json").json
    assert again["macs"] == original["macs"]
    assert run("import", "alexnet", "--to", "maestro", "--strict").code == 1
    mapped = run("import", "alexnet", "--to", "maestro", "--option", "template=rs", "--option", "num_pes=16")
    assert all(layer.dataflow for layer in parse_mapping(mapped.out).layers)


def test_a_template_is_an_option_of_map(run: Callable[..., Any], files: tuple[Path, Path]) -> None:
    done = run(
        "map", files[0], "--arch", "nvdla-like", "--mapper", "template", "--template", "kcp_ws", "--no-cache", "--json"
    )
    assert (done.code, [r["status"] for r in done.json["layers"]]) == (0, ["feasible", "feasible"])
    wrong = run("map", files[0], "--arch", "nvdla-like", "--template", "kcp_ws", "--no-cache")
    assert (wrong.code, "mapper 'optimal' has no option 'template'" in wrong.err) == (2, True)


def test_dataflows_side_by_side(run: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path) -> None:
    page, table = tmp_path / "page.html", tmp_path / "rows.csv"
    model = tmp_path / "model.m"
    model.write_text("Network m { Layer A { Type: CONV Dimensions { K: 8, C: 4, R: 3, S: 3, Y: 10, X: 10 } } }")
    options = ("--arch", files[1], "--pes", 8, "--pes", 16, "--bandwidth", 8)
    shown = run("dataflows", model, "--template", "rs", *options, "--out", page, "--table", table)
    assert shown.code == 0
    assert [(r["num_pes"], r["noc_elements_per_cycle"]) for r in csv.DictReader(StringIO(table.read_text()))] == [
        ("8", "4"), ("8", "8"), ("16", "4"), ("16", "8"),
    ]  # fmt: skip
    assert page.read_text().count("<svg") == 5
    own = run("dataflows", files[0], *options, "--json")
    assert (own.code, {r["dataflow"] for r in own.json["rows"]}) == (1, {"own"})
    assert run("dataflows", model, "--table", tmp_path / "rows.txt").code == 2
