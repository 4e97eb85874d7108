"""Every command once on small input: what it prints, that --json is JSON and nothing else, and its exit code."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

import tileloom
from stub_mapper import network, product
from tileloom.cli.mapping_view import print_network
from tileloom.core.units import short
from tileloom.search.driver import map_network

PRODUCT = "C[m, n] += A[m, k] * B[k, n]"
SIZES = ("--size", "m=4", "--size", "n=2", "--size", "k=3")


def map_product(run, chip_file, *more):
    return run("map", PRODUCT, *SIZES, "--arch", chip_file, "--mapper", "stub", *more)


@pytest.fixture
def run_folder(run, chip_file, tmp_path):
    folder = tmp_path / "run"
    assert map_product(run, chip_file, "--out", folder).code == 0
    return folder


@pytest.fixture
def mapped(run_folder):
    """The arguments that name the mapping of a run, its problem and its chip."""
    record = json.loads((run_folder / "run.json").read_text())["layers"][0]
    problem, chip = run_folder / record["problem_file"], run_folder / "architecture.yaml"
    return (run_folder / record["mapping_file"], "--problem", problem, "--arch", chip)


def test_version(run) -> None:
    assert run("--version").out == f"tileloom {tileloom.__version__}\n"


def test_help_names_every_command(run) -> None:
    shown = run("--help")
    assert shown.code == 0
    for command in ("map", "evaluate", "check", "compare", "import", "list", "report", "conform", "doctor"):
        assert f"\n  {command} " in shown.out


def test_an_unknown_option_is_a_user_error(run, chip_file) -> None:
    shown = map_product(run, chip_file, "--objectiv", "edp")
    assert shown.code == 2
    assert "--objective" in shown.err


def test_map_prints_a_table_with_totals(run, chip_file) -> None:
    shown = map_product(run, chip_file)
    assert shown.code == 0
    # 24 multiply-accumulates in one layer that runs once
    assert [line.split()[:3] for line in shown.out.splitlines() if " 24 " in line] == [
        [shown.out.split()[0], "1", "24"],
        ["total", "1", "24"],
    ]
    assert "feasible" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100


def test_map_json_has_every_layer_in_full(run, chip_file) -> None:
    shown = map_product(run, chip_file, "--json")
    (layer,) = shown.json["layers"]
    assert layer["status"] == "feasible"
    assert layer["dims"] == {"m": 4, "n": 2, "k": 3}
    assert layer["lower_bound"] == pytest.approx(layer["energy_pj"] * layer["cycles"] / 2)
    assert layer["mapping"].startswith("mapping:")
    assert "hold" in layer["mapping_text"]
    assert layer["seconds"] >= 0
    parts = sum(t["energy_pj"] for t in layer["cost"]["traffic"]) + sum(layer["cost"]["leakage_pj"].values())
    assert parts == pytest.approx(layer["energy_pj"])
    assert shown.json["totals"]["macs"] == 24
    assert shown.json["skipped"] == []


def test_map_says_what_the_search_pruned(run, chip_file) -> None:
    assert "never thought of" in map_product(run, chip_file, "--explain").out


def test_options_reach_the_mapper(run, chip_file) -> None:
    shown = map_product(run, chip_file, "--option", "effort=3", "--seed", 5, "--json")
    assert shown.json["options"] == {"effort": "3", "seed": "5"}
    refused = map_product(run, chip_file, "--gap", 0.1)
    assert (refused.code, "mapper 'stub' has no option 'gap'" in refused.err) == (2, True)


def test_the_cache_is_used_unless_told_otherwise(run, chip_file, stub, tmp_path) -> None:
    for more in ((), (), ("--cache", tmp_path / "other"), ("--no-cache",)):
        assert map_product(run, chip_file, *more).code == 0
    assert len(stub.searched) == 3


def test_progress_goes_to_standard_error(run, chip_file) -> None:
    quiet, loud = map_product(run, chip_file, "--json"), map_product(run, chip_file, "--json", "--progress")
    assert quiet.err == ""
    assert "1/1" in loud.err
    assert loud.json.keys() == quiet.json.keys()


def test_a_best_mapping_evaluates_to_the_cost_of_the_run(run, run_folder, mapped) -> None:
    record = json.loads((run_folder / "run.json").read_text())["layers"][0]
    again = run("evaluate", *mapped, "--json")
    assert again.code == 0
    assert {k: again.json[k] for k in record["cost"]} == record["cost"]
    shown = run("evaluate", *mapped).out
    assert "hold" in shown
    assert "DRAM" in shown


def test_check_and_compare(run, mapped) -> None:
    assert run("check", *mapped, "--json").json == {"legal": True, "diagnostics": []}
    assert "legal" in run("check", *mapped).out
    verdicts = run("compare", *mapped, "--json").json["models"]
    assert [v["model"] for v in verdicts][:1] == ["loopnest"]
    assert verdicts[0]["cost"]["energy_pj"] > 0
    assert "loopnest" in run("compare", *mapped).out


def test_a_mapping_from_standard_input(run, mapped, monkeypatch) -> None:
    path, *rest = mapped
    for command in ("check", "evaluate", "compare"):
        monkeypatch.setattr("sys.stdin", io.StringIO(path.read_text()))
        assert run(command, "-", *rest).code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("check", "-", *rest).code == 2


def test_check_of_a_pair(run, chip_file) -> None:
    pair = ("check", "--problem", PRODUCT, *SIZES, "--arch", chip_file)
    assert run(*pair).out == "conforms: problem on tiny\n"
    chip_file.write_text(chip_file.read_text().replace("1024", "20"))
    refused = run(*pair, "--mapper", "exhaustive", "--objective", "speed", "--json")
    assert (refused.code, refused.json["legal"]) == (1, False)
    assert [d["code"] for d in refused.json["diagnostics"]] == ["E-OBJ", "E-OBJ", "E-CAP"]
    shown = run(*pair, "--model", "loopnets")
    assert (shown.code, "did you mean 'loopnest'" in shown.err) == (2, True)


def test_report_is_written_again(run, run_folder) -> None:
    (run_folder / "report.html").unlink()
    assert run("report", run_folder, "--json").json == {"report": str(run_folder / "report.html")}
    assert "<html" in (run_folder / "report.html").read_text()[:200]


def test_import_of_a_file(run, run_folder) -> None:
    (problem,) = (run_folder / "problems").iterdir()
    shown = run("import", problem, "--json")
    assert shown.code == 0
    assert (shown.json["macs"], shown.json["skipped"]) == (24, [])
    assert shown.json["problems"][0]["dims"] == {"m": 4, "n": 2, "k": 3}
    assert "total" in run("import", problem).out


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("architectures", "eyeriss"),
        ("networks", "resnet18"),
        ("models", "loopnest"),
        ("mappers", "optimal"),
        ("formats", "onnx"),
    ],
)
def test_list(run, kind, name) -> None:
    listed = run("list", kind, "--json").json
    assert name in [entry["name"] for entry in listed]
    assert f"{name} " in run("list", kind).out
    assert name in run("list", kind, name).out
    assert run("list", kind, name, "--json").json["name"]


def test_list_gives_the_file_of_a_network(run) -> None:
    assert Path(run("list", "networks", "resnet18", "--path").out.strip()).is_file()
    refused = run("list", "models", "loopnest", "--path")
    assert (refused.code, "is not a file" in refused.err) == (2, True)


def test_list_suggests_the_nearest_name(run) -> None:
    assert "did you mean 'loopnest'" in run("list", "models", "loopnets").err


def test_doctor_finds_this_installation_sound(run) -> None:
    shown = run("doctor", "--json")
    wrong = [c for c in shown.json["checks"] if not c["ok"]]
    assert (shown.code, wrong) == (0, [])
    assert {"self-test", "compiled kernels", "solver clash"} <= {c["name"] for c in shown.json["checks"]}


def test_pareto_mode_prints_every_trade_off(stub, chip, capsys) -> None:
    found = map_network(network(product("big", 4)), chip, mapper="stub", cache=False)
    (layer,) = found.layers
    best = layer.result.cost
    other = replace(best, cycles=best.cycles / 2)
    tree = layer.result.mapping
    front = replace(layer, result=replace(layer.result, front=((tree, best), (tree, other))))
    print_network(replace(found, layers=(front,)), explain=False)
    shown = capsys.readouterr().out.partition("Energy against latency")[2]
    assert short(best.cycles) in shown
    assert short(other.cycles) in shown
    print_network(found, explain=False)
    assert "Energy against latency" not in capsys.readouterr().out


@pytest.mark.parametrize("first", [4, 13])
def test_totals_say_what_they_leave_out(stub, chip, capsys, first) -> None:
    found = map_network(network(product("a", first), product("b", 13, k=5)), chip, mapper="stub", cache=False)
    print_network(found, explain=False)
    total = next(line.split() for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("total"))
    if first == 4:
        assert total[:3] == ["total", "without", "1"]
        assert float(total[5].replace(",", "")) > 0
    else:
        assert total[1:6] == ["2", short(found.network.macs), "-", "-", "-"]
