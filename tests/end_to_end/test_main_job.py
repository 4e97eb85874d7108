"""The main job with nothing replaced: an ONNX file onto a library chip by the optimal mapper, in one process and in two."""

import json
from dataclasses import replace
from pathlib import Path

import polars
import pytest

import tileloom as tl
from tileloom.api import NetworkMapping
from tileloom.architecture.load import parse_architecture
from tileloom.search.network import NetworkResult
from tileloom.workload.library import library_entry

LAYERS = ("layer2.0.downsample", "layer3.0.downsample", "fc")


@pytest.fixture(scope="module")
def result() -> NetworkMapping:
    whole = tl.load_network(library_entry("resnet18").path, bind={"N": 1})
    few = replace(whole, layers=tuple(layer for layer in whole.layers if layer.name in LAYERS))
    return tl.map(few, tl.load_architecture("eyeriss"), cache=False)


def untimed(result: NetworkResult) -> NetworkResult:
    layers = tuple(replace(r, result=replace(r.result, seconds=0.0)) for r in result.layers)
    return replace(result, layers=layers, seconds=0.0)


def test_every_layer_is_proven_optimal(result: NetworkMapping) -> None:
    assert [r.result.status for r in result.layers] == ["optimal"] * 3
    for r in result.layers:
        assert r.result.lower_bound == pytest.approx(r.result.value, rel=1e-9)
        assert r.result.mapping is not None
        assert tl.check(r.distinct.problem, result.architecture, r.result.mapping) == ()


def test_two_processes_give_the_same(result: NetworkMapping) -> None:
    told: list[int] = []
    again = tl.map(
        result.network,
        result.architecture,
        workers=2,
        cache=False,
        progress=lambda _, done, total: told.append(done),
    )
    assert untimed(again) == untimed(result)
    assert told == [1, 2, 3]


def test_the_run_directory_holds_it_all(result: NetworkMapping, tmp_path: Path) -> None:
    page = result.report(tmp_path / "run", command="tileloom map resnet18.onnx")
    text = page.read_text()
    assert "layer2.0.downsample" in text
    assert "tileloom map resnet18.onnx" in text
    frame = polars.read_parquet(tmp_path / "run" / "results.parquet")
    assert frame.equals(result.table())
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    for entry in record["layers"]:
        problem = tl.load_problem(tmp_path / "run" / entry["problem_file"])
        mapping = tl.load_mapping(tmp_path / "run" / entry["mapping_file"])
        cost = tl.evaluate(problem, tl.load_architecture(tmp_path / "run" / "architecture.yaml"), mapping)
        assert (cost.energy_pj, cost.cycles) == (entry["energy_pj"], entry["cycles"])


def test_a_layer_is_found_by_name(result: NetworkMapping) -> None:
    assert result["fc"].problem.extents == {"M": 1, "N": 1000, "K": 512}
    with pytest.raises(KeyError):
        result["fcc"]


def test_results_show_themselves_in_a_notebook(result: NetworkMapping) -> None:
    answer = result["fc"]
    assert answer.cost is not None
    shown = answer._repr_html_()
    assert shown.startswith("<pre>fc: ")
    assert "hold" in shown
    assert f"optimal: {answer.cost}" in shown
    assert "+=" in shown
    assert "<table" in result._repr_html_()


def test_networks_by_attribute() -> None:
    # He et al. 2016 count 1.8e9 multiply-accumulates for 18 layers
    assert tl.networks.resnet18.macs == pytest.approx(1.8e9, rel=0.02)
    assert "gpt3_6_7b_decode" in dir(tl.networks)
    with pytest.raises(AttributeError, match="did you mean 'resnet18'"):
        _ = tl.networks.resnet81


def test_pareto_mode_shows_every_trade_off(tmp_path: Path) -> None:
    problem = tl.load_problem("C[m, n] += A[m, k] * B[k, n]", sizes={"m": 32, "n": 24, "k": 48})
    # Fewer active columns of Eyeriss fetch less from its buffer and take longer.
    answer = tl.map(problem, tl.load_architecture("eyeriss"), options={"pareto": True}, cache=str(tmp_path))
    points = [(cost.energy_pj, cost.cycles) for _, cost in answer.front]
    assert len(points) >= 3
    assert points == sorted(points) and points[::-1] == sorted(points, key=lambda p: p[1])
    assert answer.value == min(energy * cycles for energy, cycles in points)
    remembered = tl.map(problem, tl.load_architecture("eyeriss"), options={"pareto": True}, cache=str(tmp_path))
    assert remembered == answer


def test_a_run_keeps_the_whole_front(tmp_path: Path) -> None:
    network = tl.load_network("C[m, n] += A[m, k] * B[k, n]", bind={"m": 32, "n": 24, "k": 48})
    result = tl.map(network, tl.load_architecture("eyeriss"), options={"pareto": True}, cache=False)
    folder = result.report(tmp_path / "run").parent
    (layer,) = json.loads((folder / "run.json").read_text())["layers"]
    problem, chip = tl.load_problem(folder / layer["problem_file"]), tl.load_architecture(folder / "architecture.yaml")
    assert [point["mapping_file"].split("/")[-1] for point in layer["front"]] == [
        f"front-{i:03}.yaml" for i in range(1, 1 + len(layer["front"]))
    ]
    for point in layer["front"]:
        cost = tl.evaluate(problem, chip, tl.load_mapping(folder / point["mapping_file"], problem))
        assert (cost.energy_pj, cost.cycles) == (point["energy_pj"], point["cycles"])
    (chosen,) = [point for point in layer["front"] if point["chosen"]]
    assert (folder / chosen["mapping_file"]).read_text() == (folder / layer["mapping_file"]).read_text()
    assert (chosen["energy_pj"], chosen["cycles"]) == (layer["energy_pj"], layer["cycles"])
    page = (folder / "report.html").read_text()
    assert page.count('class="front-point"') == len(layer["front"]) - 1
    assert page.count('class="front-point chosen"') == 1


def test_compare_lists_every_model() -> None:
    problem = tl.load_problem("C[m, n] += A[m, k] * B[k, n]", sizes={"m": 4, "n": 4, "k": 4})
    chip = tl.load_architecture("simple-2level")
    answer = tl.map(problem, chip, cache=False)
    assert answer.mapping is not None
    verdicts = {v.model: v for v in tl.compare(problem, chip, answer.mapping)}
    assert verdicts["loopnest"].cost == answer.cost


@pytest.mark.parametrize("mapper", ["optimal", "exhaustive", "random"])
def test_what_fits_nowhere_says_which_tiles_against_which_capacity(mapper: str) -> None:
    problem = tl.load_problem("C[m, n] += A[m, k] * B[k, n]", sizes={"m": 2, "n": 2, "k": 2})
    chip = parse_architecture(
        "name: cramped\nnodes:\n"
        "- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}\n"
        "- {memory: Buffer, size_bits: 20, access: {energy_pj: 1, width_bits: 8}, keep: all}\n"
        "- {compute: MAC, energy_pj: 1}\n"
    )
    answer = tl.map(problem, chip, mapper=mapper, cache=False)
    assert (answer.status, answer.mapping, answer.cost) == ("infeasible", None, None)
    # one value of each of three tensors, 8 bits wide
    assert "'Buffer': A 8 + B 8 + C 8 = 24 bits, capacity 20 bits" in answer.reasons[0]
    assert answer.reasons[0] in str(answer)
