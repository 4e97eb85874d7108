"""Each quirk of MAESTRO's model that the corrected mode mends: what the faithful one says, and what is so.

Numbered as in docs/maestro.md. Q1, Q4, Q6 to Q8, Q10, Q11 and Q13 are in test_maestro_corrected.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tileloom.architecture.notation.maestro import MaestroHardware, parse_hardware
from tileloom.architecture.notation.maestro_options import hardware_from_options
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.counts import count
from tileloom.cost.models.maestro.columns import csv_rows
from tileloom.cost.models.maestro.corrected import Corrected, evaluate_corrected
from tileloom.cost.models.maestro.evaluate import evaluate_layer, evaluate_layers
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer, Map
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.mapping.notation.maestro_refusal import RefusedError

CHIP = MaestroHardware(num_pes=4, noc_elements_per_cycle=4, offchip_elements_per_cycle=2)


def layer(operator: str, dimensions: str, dataflow: str) -> DirectiveLayer:
    text = f"Network n {{ Layer T {{ Type: {operator} Dimensions {{ {dimensions} }} Dataflow {{ {dataflow} }} }} }}"
    return parse_mapping(text).layers[0]


def gemm(m: int, n: int, k: int, flow: str) -> DirectiveLayer:
    return layer("GEMM", f"M: {m}, N: {n}, K: {k}", flow)


def offchip_cycles(found: Corrected) -> float:
    return dict(found.cost.cycles_by_component)["offchip"]


def reads(found: Corrected) -> dict[str, float]:
    counted = count(found.problem, found.architecture, found.mapping)
    return {t.name: counted.at("L2", t.name).reads for t in found.problem.tensors}


def test_q2_the_last_case_decides_the_intensity() -> None:
    """One more index of K, a partial step: a quarter of the intensity. In truth it stays what it was."""
    flow = "SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(4,4) K;"
    faithful = [evaluate_layer(gemm(8, 3, k, flow), CHIP).record.top.intensity for k in (8, 9)]
    assert faithful == [0.8, 0.2]
    for k in (8, 9):
        found = evaluate_corrected(gemm(8, 3, k, flow), CHIP)
        assert found.cost.macs / (reads(found)["I"] + reads(found)["W"]) == pytest.approx(0.8)


def test_q3_offchip_bandwidth_depends_on_the_last_cases() -> None:
    """One more index of K needs four times the bandwidth in the faithful model; in truth partial sums come back, twice the data."""
    flow = "SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(4,4) K;"
    sizes = ((4, 2, 4), (4, 2, 5))
    assert [evaluate_layer(gemm(*s, flow), CHIP).record.top.offchip_elements_per_cycle for s in sizes] == [5, 20]
    few, many = (offchip_cycles(evaluate_corrected(gemm(*s, flow), CHIP)) for s in sizes)
    assert few < many < 3 * few
    slower = evaluate_corrected(gemm(*sizes[1], flow), replace(CHIP, offchip_elements_per_cycle=1))
    assert offchip_cycles(slower) == 2 * many


def test_q5_partial_steps_are_no_whole_ones() -> None:
    """K = 5 in tiles of 4: the faithful model sends 4 + 4 columns of 4 rows, there are 5."""
    five = gemm(4, 1, 5, "TemporalMap(4,4) K; SpatialMap(1,1) M; TemporalMap(1,1) N;")
    assert evaluate_layer(five, CHIP).record.top.up_read["input"] == (4 + 4) * 4
    assert reads(evaluate_corrected(five, CHIP))["I"] == 5 * 4


def test_q9_partial_tiles_are_no_more_work_than_there_is() -> None:
    """Filter columns in steps of 4 of which there is 1: 144 multiplications instead of 360."""
    odd = layer("CONV", "K: 4, C: 3, R: 2, S: 1, Y: 4, X: 5", "SpatialMap(4,4) S;")
    assert evaluate_layer(odd, CHIP).record.top.macs == 144
    assert evaluate_corrected(odd, CHIP).cost.macs == 4 * 3 * 2 * 1 * 3 * 5


def test_q12_double_buffering_is_part_of_the_machine() -> None:
    """Sized buffers hold every tile twice; the machine is an Architecture, in which `buffers` can be changed."""
    sized = evaluate_corrected(gemm(4, 3, 5, "SpatialMap(1,1) M;"), replace(CHIP, l1_bytes=64, l2_bytes=512))
    assert [m.buffers for m in sized.architecture.memories] == [1, 2, 2]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("SpatialMap(1,1) M; Cluster(5,P); SpatialMap(1,1) N;", "enough PEs"),
        ("TemporalMap(1,1) M; SpatialMap(1,1) Q;", "known dimension"),
    ],
)
def test_q14_inputs_that_crash_the_original_are_refused_with_the_rule(text: str, rule: str) -> None:
    for evaluate in (evaluate_layer, evaluate_corrected):
        with pytest.raises(RefusedError) as caught:
            evaluate(gemm(4, 3, 5, text), CHIP)
        assert caught.value.rule == rule
        assert "of line 1" in str(caught.value)


def test_q14_more_clusters_than_the_original_can_hold() -> None:
    """Four Clusters end it with a segmentation fault; both modes take any number."""
    flow = "SpatialMap(1,1) M;" + "".join(f" Cluster(2,P); SpatialMap(1,1) {d};" for d in "NKNK")
    deep = gemm(8, 8, 8, flow)
    chip = replace(CHIP, num_pes=32)
    assert evaluate_layer(deep, chip).valid
    assert evaluate_corrected(deep, chip).cost.macs == 8 * 8 * 8


def test_q15_a_layer_without_a_dataflow_is_named() -> None:
    bare = replace(gemm(4, 3, 5, "SpatialMap(1,1) M;"), dataflow=None)
    for evaluate in (evaluate_layer, evaluate_corrected):
        with pytest.raises(RefusedError, match="layer 'T' of line 1 has no Dataflow"):
            evaluate(bare, CHIP)


def test_q16_q17_no_size_is_negative() -> None:
    """A tile of 3 rows that steps by 4 has -24 bytes of outputs in the faithful model, and its area counts them."""
    odd = layer("CONV", "K: 3, C: 1, R: 3, S: 1, Y: 4, X: 4", "TemporalMap(1,1) S; SpatialMap(3,4) Y;")
    chip = replace(CHIP, num_pes=2)
    (faithful,) = evaluate_layers([odd], chip)
    assert faithful.record.top.up_bytes["output"] == -24
    assert csv_rows("n", [faithful])[0]["L2 SRAM Size Req (Bytes)"] == sum(faithful.record.top.up_bytes.values())
    corrected = evaluate_corrected(odd, chip)
    assert min(t.accesses for t in corrected.cost.traffic) >= 0
    assert corrected.cost.macs == 3 * 3 * 1 * 2 * 4


def test_q18_the_two_readers_of_hardware_have_their_own_defaults() -> None:
    file, options = parse_hardware("num_pes: 7"), hardware_from_options([])
    assert (file.num_pes, options.num_pes) == (7, 7)
    assert (file.noc_latency_cycles, options.noc_latency_cycles) == (1, 0)


def test_tiles_that_overlap_or_leave_gaps_are_losses() -> None:
    """Steps of K that overlap are computed once, indices between tiles are computed too: every product exactly once."""
    for text, loss in (("TemporalMap(3,1) K", "overlap are computed once"), ("TemporalMap(1,3) K", "are computed too")):
        found = evaluate_corrected(gemm(4, 3, 5, f"SpatialMap(1,1) M; {text};"), CHIP)
        assert loss in found.losses[0]
        assert found.cost.macs == 4 * 3 * 5


def test_values_that_no_file_can_hold_are_input_errors() -> None:
    for make in (lambda: Map("temporal", 0, 1, "K"), lambda: Map("spatial", 1, 0, "K"), lambda: Cluster(0)):
        with pytest.raises(InputError, match="at least 1"):
            make()
    with pytest.raises(InputError) as caught:
        DirectiveLayer("L", "CONW", (("K", 0),), (("X", 0),))
    assert len(caught.value.problems) == 3


def test_a_tile_smaller_than_the_filter_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedError, match="a tile of 2 holds no window of R=3"):
        evaluate_corrected(layer("CONV", "K: 2, C: 1, R: 3, S: 1, Y: 7, X: 4", "SpatialMap(2,2) Y;"), CHIP)
    with pytest.raises(RefusedError, match="Y=2 is smaller than the filter's R=3"):
        evaluate_corrected(layer("CONV", "K: 2, C: 1, R: 3, S: 1, Y: 2, X: 4", "SpatialMap(1,1) K;"), CHIP)
