"""Study files: what they may say, what is wrong with them, and a whole run from file to page."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tileloom.cli.main import main
from tileloom.core.errors import InputError
from tileloom.explore.codesign.output import write_codesign
from tileloom.explore.codesign.run import run_study
from tileloom.explore.codesign.study import load_study

GRID = "{num_pes: [16, 64], noc_elements_per_cycle: [300], offchip_elements_per_cycle: [50, 300]}"
STUDY = f"""\
space: darts
networks: {{sample: 12, seed: 3}}
accuracy: macs
accelerators: {{dataflows: [kcp_ws, xp_ws], grid: {GRID}}}
limits: {{latency_cycles: 2.0e+7}}
transfer: {{quantiles: [0.25, 0.5, 1.0]}}
"""


def written(folder: Path, text: str, name: str = "study.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return int(stopped.value.code or 0)


def test_a_study_from_file_to_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, out = written(tmp_path, STUDY), tmp_path / "out"
    assert run_cli("codesign", str(study), "--out", str(out), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    chosen = {c["mode"]: c for c in answer["choices"]}
    assert chosen["semi-certified"]["best"] == chosen["coupled"]["best"]
    assert answer["distinct_layers"] == 29
    assert answer["accelerators"] == 6
    assert [r["label"] for r in answer["refused_accelerators"]] == ["kcp_ws@1", "kcp_ws@2"]
    assert chosen["coupled"]["evaluations"] == 12 * 6
    assert {p.name for p in out.iterdir()} >= {
        "codesign.json",
        "pareto.csv",
        "P.csv",
        "srcc_latency.csv",
        "transfer.csv",
    }
    rows = list(csv.reader((out / "srcc_latency.csv").open()))
    assert [r[0] for r in rows[1:]] == rows[0][1:]
    assert all(float(rows[i][i]) == 1.0 for i in range(1, 7))
    page = (out / "report.html").read_text()
    assert "Rank correlation of latency" in page
    assert "http" not in page.split("</style>")[1].replace("http-equiv", "")
    # A second run replaces the first, and nothing else.
    assert run_cli("codesign", str(study), "--out", str(out)) == 0
    (out / "mine.txt").write_text("keep")
    assert run_cli("codesign", str(study), "--out", str(out)) == 2


def test_the_same_study_gives_the_same_files(tmp_path: Path) -> None:
    study = load_study(written(tmp_path, STUDY))
    folders = [write_codesign(run_study(study), tmp_path / name) for name in ("a", "b")]
    for name in ("pareto.csv", "P.csv", "srcc_energy.csv", "transfer.csv", "missed.csv", "networks.csv"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_limits_nobody_meets_are_a_result_with_the_nearest_miss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = written(tmp_path, STUDY.replace("2.0e+7", "10"))
    assert run_cli("codesign", str(study), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    coupled = answer["choices"][0]
    assert coupled["best"] is None
    assert coupled["excess"] == coupled["nearest_miss"]["latency_cycles"] / 10


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("space: darts", "space: dartz", "did you mean 'darts'"),
        ("accuracy: macs", "accuracy: published", "space 'darts' comes without accuracies"),
        ("kcp_ws, xp_ws", "kcp_sw, xp_ws", "did you mean 'kcp_ws'"),
        ("limits:", "limit:", "study.yaml:5: limit: unknown key (did you mean 'limits'?)"),
        ("latency_cycles: 2.0e+7", "latency_cycles: -1", "study.yaml:5"),
        ("sample: 12, seed: 3", "sample: 12, numbers: [1]", "give one of sample, file, numbers"),
        ("sample: 12, seed: 3", "sample: 10001", "sample of 10001 from the 10000 networks"),
        ("sample: 12, seed: 3", "file: none.csv", "none.csv: no such file"),
        ("limits:", "proxies: [rs@1]\nlimits:", "no accelerator 'rs@1'"),
        (
            "limits:",
            "modes: [semi-certifed]\nlimits:",
            "study.yaml:5: modes: no mode 'semi-certifed' (did you mean 'semi-certified'?)",
        ),
        ("limits:", "modes: []\nlimits:", "study.yaml:5: modes"),
        ("limits:", "proxies: []\nlimits:", "study.yaml:5: proxies"),
        ("accuracy: macs", "accuracy: none", "none leaves latency, energy and edp as objectives"),
        ("num_pes: [16, 64]", "num_pes: [16]", "kcp_ws"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in STUDY
    text = STUDY.replace(old, new)
    if "num_pes: [16]" in text:
        text = text.replace("kcp_ws, xp_ws", "kcp_ws")
    with pytest.raises(InputError) as caught:
        run_study(load_study(written(tmp_path, text)))
    assert message in str(caught.value)


def test_accuracy_tables_with_missing_and_repeated_rows_are_refused(tmp_path: Path) -> None:
    chosen = STUDY.replace("{sample: 12, seed: 3}", "{numbers: [5, 6, 7]}")
    text = chosen.replace("accuracy: macs", "accuracy: {table: acc.csv, id: seed, column: top1}")
    table = tmp_path / "acc.csv"
    study = written(tmp_path, text)
    table.write_text("seed,top1\n5,93.1\n5,93.2\n6,high\n")
    with pytest.raises(InputError) as caught:
        run_study(load_study(study))
    for message in ("acc.csv:3: seed '5' occurs a second time", "acc.csv:4: top1 'high' is not a number", "(6, 7)"):
        assert message in str(caught.value)
    table.write_text("seed,top\n5,1\n")
    with pytest.raises(InputError, match=r"no column 'top1'.*did you mean 'top'"):
        run_study(load_study(study))
    table.write_text("seed,top1\n5,93.1\n6,93.5\n7,92\n")
    assert run_study(load_study(study)).accuracy.tolist() == [93.1, 93.5, 92.0]


def test_without_accuracies_latency_and_energy_remain(tmp_path: Path) -> None:
    text = STUDY.replace("accuracy: macs", "accuracy: none\nobjective: edp").replace(
        "limits: {latency_cycles: 2.0e+7}\n", ""
    )
    result = run_study(load_study(written(tmp_path, text)))
    best = result.best.best
    assert best is not None
    assert best.cycles * best.energy_nj == result.costs.edp.min()
    assert result.latency_srcc.shape == (6, 6)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = (
        STUDY.replace("space: darts", "space: dart").replace("limits:", "modes: [all]\nlimits:").replace("seed", "sed")
    )
    with pytest.raises(InputError) as caught:
        load_study(written(tmp_path, text))
    assert len(caught.value.problems) == 3


def test_accuracies_may_come_from_a_function(tmp_path: Path) -> None:
    study = load_study(written(tmp_path, STUDY.replace("{sample: 12, seed: 3}", "{numbers: [5, 6, 7]}")))
    result = run_study(study, accuracy=lambda number: 90.0 + number)
    assert result.accuracy.tolist() == [95.0, 96.0, 97.0]
    assert {family for family, _, _ in result.best_proxies} == {"kcp_ws", "xp_ws"}
    with pytest.raises(InputError, match="no finite number for networks"):
        run_study(study, accuracy=lambda number: float("nan"))


def test_mapped_chips_take_part_with_their_area(tmp_path: Path) -> None:
    text = """\
space: zoo
networks: {numbers: [0]}
accelerators: {architectures: [simple-2level], mapper: random, objective: latency}
transfer: false
"""
    result = run_study(load_study(written(tmp_path, text)))
    assert result.costs.labels == ("simple-2level",)
    assert result.best.best is not None
    assert result.best.best.accuracy == 59.3
