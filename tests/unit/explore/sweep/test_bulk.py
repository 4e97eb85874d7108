"""Bulk designs against the clear engine, one by one and exactly; fronts against their definition."""

import random

import numpy as np
import pytest

from sweep_studies import BULK
from tileloom.cost.models.maestro.technology import RELEASED, area_power
from tileloom.explore.sweep.bulk import BulkPlan, single_design
from tileloom.explore.sweep.front import brute_force_front, front_rows
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.study import parse_study


def plan(text: str = BULK, **changes: str) -> BulkPlan:
    for old, new in changes.items():
        text = text.replace(old, new)
    return BulkPlan(parse_study(text))


@pytest.fixture(scope="module")
def everything() -> tuple[BulkPlan, np.ndarray]:
    found = BulkPlan(parse_study(BULK + "keep: all\n"))
    result = found.chunk(0, found.space.size)
    assert result.rows.indices.tolist() == list(range(found.space.size))
    return found, result.rows.metrics


def test_designs_equal_the_single_design_model_exactly(everything: tuple[BulkPlan, np.ndarray]) -> None:
    made, metrics = everything
    for i in random.Random(3).sample(range(made.space.size), 40):
        assert tuple(metrics[i]) == single_design(made, i).metrics


def test_counts_and_front_are_those_of_listing_every_design(everything: tuple[BulkPlan, np.ndarray]) -> None:
    made, metrics = everything
    valid = [i for i in range(made.space.size) if single_design(made, i).valid]
    result = plan().chunk(0, made.space.size)
    assert result.counts.valid == len(valid)
    assert result.counts.searched == made.space.size == result.counts.evaluated + result.counts.pruned
    assert result.counts.pruned > 0
    best = [valid[k] for k in brute_force_front(metrics[valid][:, [0, 1, 2]])]
    assert result.front.indices.tolist() == best
    assert (result.rows.metrics == metrics[best]).all()


def test_ruling_out_sub_spaces_changes_no_valid_design() -> None:
    made = plan()
    whole = BulkPlan(parse_study(BULK + "prune: false\n")).chunk(0, made.space.size)
    assert whole.counts.pruned == 0
    assert whole.counts.valid == made.chunk(0, made.space.size).counts.valid


def test_chunks_add_up(everything: tuple[BulkPlan, np.ndarray]) -> None:
    made, metrics = everything
    size = made.space.size
    parts = [plan().chunk(a, min(a + 37, size)) for a in range(0, size, 37)]
    counts = sum((p.counts for p in parts[1:]), parts[0].counts)
    whole = plan().chunk(0, size)
    assert counts.searched == size
    assert counts.valid == whole.counts.valid
    rows = np.concatenate([p.front.indices for p in parts])
    assert rows[front_rows(metrics[rows][:, [0, 1, 2]])].tolist() == whole.front.indices.tolist()


def test_area_and_power_are_those_of_the_models_own_constants() -> None:
    made = plan()
    design = single_design(made, 200)
    chip = area_power(
        RELEASED, int(design.values["num_pes"]), int(design.values["simd_lanes"]), int(design.values["l1_bytes"]),
        int(design.values["l2_bytes"]), int(design.values["noc_elements_per_cycle"]),
    )  # fmt: skip
    found = dict(zip(METRICS, design.metrics))
    assert found["area_mm2"] * 1e6 == pytest.approx(chip.area_um2, rel=1e-12)
    assert found["power_mw"] == pytest.approx(chip.power_mw, rel=1e-12)


def test_buffers_that_are_not_given_are_as_large_as_required() -> None:
    text = "\n".join(line for line in BULK.splitlines() if "l1_bytes" not in line and "l2_bytes" not in line)
    made = BulkPlan(parse_study(text + "\nkeep: all\n"))
    metrics = made.chunk(0, made.space.size).rows.metrics
    for i in range(0, made.space.size, 5):
        assert tuple(metrics[i]) == single_design(made, i).metrics


def test_linked_and_symbolic_parameters_reach_the_engine() -> None:
    directives = (
        "SpatialMap(1,1) K; TemporalMap(tc,tc) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S; "
        "TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; Cluster(tc,P); SpatialMap(1,1) C; TemporalMap(Sz(R),1) Y; "
        "TemporalMap(Sz(S),1) X; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S"
    )
    text = BULK.replace("dataflows: [kcp_ws, xp_ws]", f'dataflows: {{mine: "{directives}"}}')
    text = text.replace("dataflow: [kcp_ws, xp_ws]", "tc: [16, 32]")
    text += "linked: {noc_latency_cycles: 'num_pes // 64'}\nkeep: all\n"
    made = BulkPlan(parse_study(text))
    metrics = made.chunk(0, made.space.size).rows.metrics
    for i in range(0, made.space.size, 29):
        assert tuple(metrics[i]) == single_design(made, i).metrics


def test_sourced_tables_price_buffers_and_refuse_to_extrapolate() -> None:
    priced = "prices: {l1: {table: cacti-7-sram, width_bits: 8, technology_nm: 22}}\n"
    made = BulkPlan(parse_study(BULK.replace("[32, 512, 4096]", "[64, 512, 4096]") + priced))
    design = single_design(made, made.space.size - 1)
    assert design.metrics[1] > 0
    from tileloom.core.errors import InputError

    outside = BulkPlan(parse_study(BULK + priced))
    with pytest.raises(InputError, match="not extrapolated"):
        outside.chunk(0, outside.space.size)


def test_the_front_equals_its_definition_and_pymoos() -> None:
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    rng = np.random.default_rng(5)
    for columns in (1, 2, 3, 4):
        values = rng.integers(0, 12, (300, columns)).astype(float)
        mine = front_rows(values).tolist()
        assert mine == brute_force_front(values)
        theirs = NonDominatedSorting().do(values, only_non_dominated_front=True)
        # pymoo keeps equal points; ours keeps the first of them.
        assert {tuple(values[i]) for i in mine} == {tuple(values[i]) for i in theirs}


def test_dataflows_that_do_not_take_the_layer_are_counted_as_refused() -> None:
    text = BULK.replace("[kcp_ws, xp_ws]", "[kcp_ws, nmk]") + "keep: all\n"
    made = BulkPlan(parse_study(text))
    found = made.chunk(0, made.space.size)
    half = made.space.size // 2
    assert found.counts.refused == half
    assert found.counts.searched == found.counts.evaluated + found.counts.refused == made.space.size
    assert np.isnan(found.rows.metrics[half:]).all()
    refused = single_design(made, made.space.size - 1)
    assert not refused.valid
    assert "template" in refused.reason
