"""The dataset: its sums are those of the result, and JSON gives it back unchanged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from report_cases import CHIP, LAYERS, answer, conv, mapping_for, network_result
from tileloom.core.errors import InputError
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.report import Provenance, ReportData, extract, read_dataset, write_dataset
from tileloom.report.data import DATASET_FILE
from tileloom.report.extraction import nest_rows
from tileloom.search.network import LayerResult, NetworkResult
from tileloom.workload.network import DistinctProblem


@pytest.fixture(scope="module")
def result() -> NetworkResult:
    return network_result()


@pytest.fixture(scope="module")
def data(result: NetworkResult) -> ReportData:
    return extract(result)


def test_totals_are_those_of_the_result(result: NetworkResult, data: ReportData) -> None:
    assert data.energy_pj == pytest.approx(result.energy_pj, rel=1e-12)
    assert data.cycles == pytest.approx(result.cycles, rel=1e-12)
    assert data.macs == result.network.macs
    assert data.seconds == pytest.approx(result.cycles / 2e8)


def test_breakdown_sums_to_the_total(data: ReportData) -> None:
    assert sum(data.energy_table().values()) == pytest.approx(data.energy_pj, rel=1e-12)
    for layer in data.layers:
        assert sum(layer.energy_by_component().values()) == pytest.approx(layer.energy_pj, rel=1e-12)
        assert sum(layer.energy_by_series().values()) == pytest.approx(layer.energy_pj, rel=1e-12)
    assert {series for _, series in data.energy_table()} == {"input", "weight", "output", "compute", "leakage"}


def test_network_utilization_is_useful_over_possible_operations(data: ReportData) -> None:
    assert data.utilization == pytest.approx(data.mapped_macs / (data.cycles * 168), rel=1e-12)


def test_layers_without_a_mapping_stay_in_the_dataset_and_out_of_the_totals() -> None:
    layers = (LAYERS[0], (LAYERS[1][0], "infeasible", 4))
    data = extract(network_result(layers))
    missing = data.layers[1]
    assert not missing.mapped and missing.cycles is None and "131 KiB" in missing.reasons[0]
    assert data.energy_pj == pytest.approx(answer(LAYERS[0][0]).cost.energy_pj)
    assert data.macs == LAYERS[0][0].macs + 4 * LAYERS[1][0].macs
    assert data.mapped_macs == LAYERS[0][0].macs


def test_nothing_of_the_network_is_dropped(data: ReportData) -> None:
    assert [(v.operator, v.elements) for v in data.vector_ops][1] == ("MaxPool", 200_704)
    assert data.skipped[0].name == "nms" and "data-dependent" in data.skipped[0].reason


def test_units_carry_sizes_copies_and_energies(data: ReportData) -> None:
    dram, buffer, array, spad, mac = data.units
    assert (dram.capacity_bits, dram.pj_per_bit_read, dram.bits_per_cycle) == (None, 8.0, 64.0)
    assert (buffer.capacity_bits, buffer.instances) == (108 * 8192, 1)
    assert array.axes == (("X", 14), ("Y", 12))
    assert (spad.instances, mac.instances, mac.energy_pj) == (168, 168, 0.6)
    assert data.layers[0].peak_macs_per_cycle == 168


def test_outer_bits_are_accesses_times_width(data: ReportData) -> None:
    layer = data.layers[0]
    accesses = sum(p.accesses for p in layer.energy if p.component == "DRAM")
    assert layer.outer_bits == accesses * 64


def test_nest_multiplies_back_to_the_problem(data: ReportData) -> None:
    for layer in data.layers:
        trips = {name: 1 for name, _ in layer.dims}
        for row in layer.nest:
            for loop in row.loops:
                trips[loop.dim] *= loop.trips
        assert trips == dict(layer.dims)


def test_nest_shows_what_is_kept_and_what_passes() -> None:
    # Hold of A above a loop over M that walks through it: 4 of 16 rows are there at once.
    problem = conv("tiny", 4, 16, 8, 1)
    mapping = MappingTree(
        (
            Hold(("I", "W", "O"), "DRAM"),
            Hold(("I",), "GlobalBuffer"),
            Loop("C", 4),
            Loop("K", 1),
            Loop("P", 1),
            Loop("Q", 1),
            Hold(("W", "O"), "Spad"),
            Loop("C", 1),
            Compute("MAC"),
        )
    )
    rows = list(nest_rows(mapping, problem, CHIP))
    tile = rows[1].tiles[0]
    assert (tile.shape, tile.visit_shape) == ((4, 8, 8), (16, 8, 8))
    assert (tile.bits, tile.visit_bits) == (4 * 64 * 8, 16 * 64 * 8)


def test_nest_names_a_smaller_last_tile_and_leaves_out_single_trips() -> None:
    problem = conv("ragged", 1, 1, 7, 1)
    mapping = MappingTree(
        (Hold(("I", "W", "O"), "DRAM"), Loop("K", 1), Loop("P", 3), Loop("P", 1), Loop("Q", 1), Compute("MAC"))
    )
    loops = [row.loops[0] for row in nest_rows(mapping, problem, CHIP) if row.loops]
    assert [(loop.dim, loop.trips, loop.tile, loop.last) for loop in loops] == [
        ("P", 3, 3, 1),
        ("P", 3, 1, None),
        ("Q", 7, 1, None),
    ]


def test_json_gives_the_same_dataset_back(data: ReportData, tmp_path) -> None:
    file = write_dataset(data, tmp_path)
    assert file.name == DATASET_FILE
    assert read_dataset(tmp_path) == data == read_dataset(file)
    assert json.loads(file.read_text())["network"] == "resnet-small"
    assert [f.name for f in tmp_path.iterdir()] == [DATASET_FILE]


def test_bad_datasets_are_refused_with_place_and_reason(data: ReportData, tmp_path) -> None:
    with pytest.raises(InputError, match=r"report\.json: cannot read"):
        read_dataset(tmp_path)
    file = tmp_path / "report.json"
    file.write_text('{"network": "x", "architecture": 3, "objective": "edp", "mapper": "m"}')
    with pytest.raises(InputError) as caught:
        read_dataset(file)
    assert len(caught.value.problems) == 2
    assert "architecture" in str(caught.value) and "model" in str(caught.value)
    file.write_text('{"network": ')
    with pytest.raises(InputError, match="JSON"):
        read_dataset(file)


def test_provenance_is_kept_and_versions_are_added(result: NetworkResult) -> None:
    p = extract(result, Provenance(inputs=(("net.onnx", "sha256:12"),))).provenance
    assert p.inputs == (("net.onnx", "sha256:12"),)
    assert dict(p.versions).keys() >= {"tileloom", "python", "numpy"}
    assert p.options == (("gap", "0"), ("workers", "2"), ("seed", "7"))


def test_infinite_bounds_do_not_reach_the_dataset() -> None:
    problem = conv("p", 8, 8, 8, 1)
    lost = replace(answer(problem, "infeasible"), lower_bound=float("inf"))
    distinct = DistinctProblem(problem=problem, layers=("p",), count=1)
    data = extract(replace(network_result(), layers=(LayerResult(distinct, lost),)))
    assert data.layers[0].lower_bound == 0.0


def test_a_cost_of_the_default_model_closes_too() -> None:
    problem = conv("p", 16, 8, 14, 3)
    mapping = mapping_for(problem)
    cost = LoopnestModel().evaluate(problem, CHIP, mapping)
    found = replace(answer(problem), mapping=mapping, cost=cost)
    entry = LayerResult(DistinctProblem(problem=problem, layers=("p", "q"), count=2), found)
    data = extract(replace(network_result(), layers=(entry,)))
    layer = data.layers[0]
    assert sum(layer.energy_by_component().values()) == pytest.approx(cost.energy_pj, rel=1e-12)
    assert data.energy_pj == pytest.approx(2 * cost.energy_pj)
    held = {(row.place, t.tensor): t.bits for row in layer.nest for t in row.tiles}
    reserved = {(memory, tensor): bits for memory, tensor, _, bits in layer.occupied_bits}
    assert reserved and all(held[key] == bits for key, bits in reserved.items())
    assert "compute" in layer.text
