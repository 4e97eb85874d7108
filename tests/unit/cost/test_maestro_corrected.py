"""MAESTRO's directives in corrected mode: counts that a walk of the nest confirms, and what faithful mode gets wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import IllegalMappingError
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.models.maestro.corrected import Corrected, evaluate_corrected
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.cost.models.maestro.model import MaestroModel, first_fill_cycles
from tileloom.cost.oracle import simulate
from tileloom.cost.registry import get_model
from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.mapping.notation.maestro_refusal import RefusedError
from tileloom.mapping.notation.maestro_templates import TEMPLATES, apply_template

CHIP = MaestroHardware(num_pes=12, noc_elements_per_cycle=4, offchip_elements_per_cycle=4)


def layer(operator: str, dimensions: str, dataflow: str, stride: str = "") -> DirectiveLayer:
    text = f"Network n {{ Layer T {{ Type: {operator} {stride} Dimensions {{ {dimensions} }} Dataflow {{ {dataflow} }} }} }}"
    return parse_mapping(text).layers[0]


GEMM = layer("GEMM", "M: 4, N: 3, K: 5", "TemporalMap(1,1) N; SpatialMap(1,1) M; TemporalMap(1,1) K;")
CONV = layer("CONV", "K: 4, C: 3, R: 3, S: 3, Y: 7, X: 7", "SpatialMap(1,1) K;", "Stride { X: 2, Y: 2 }")


def reads(found: Corrected, memory: str, tensor: str) -> int:
    return count(found.problem, found.architecture, found.mapping).at(memory, tensor).reads


@pytest.mark.parametrize("template", [t for t, v in TEMPLATES.items() if "CONV" in v.operators])
@pytest.mark.parametrize("num_pes", [4, 12])
def test_counts_are_what_a_walk_of_the_nest_moves(template: str, num_pes: int) -> None:
    chip = replace(CHIP, num_pes=num_pes)
    found = evaluate_corrected(apply_template(template, CONV, num_pes), chip)
    case = (found.problem, found.architecture, found.mapping)
    assert count(*case) == simulate(*case)
    assert found.cost.macs == 4 * 3 * 3 * 3 * 3 * 3


def test_a_tensor_is_fetched_again_where_its_dimensions_start_again() -> None:
    """Q4: N advances, M and K start again, so the input comes again for each of 3 columns."""
    corrected = evaluate_corrected(GEMM, CHIP)
    assert reads(corrected, "L2", "I") == 3 * 4 * 5
    # Each step of K sends the same 4 rows; the faithful model leaves out those in which N advances.
    assert evaluate_layer(GEMM, CHIP).record.top.up_read["input"] < 3 * 4 * 5


def test_the_stride_gives_the_true_number_of_multiplications() -> None:
    """Q8: the faithful model's outputs ignore the stride in the output's size."""
    faithful = evaluate_layer(CONV, CHIP).record.top
    assert evaluate_corrected(CONV, CHIP).problem.size("O") == 4 * 3 * 3
    assert faithful.up_read["output"] == 4 * 5 * 5


def test_groups_reduce_over_their_channels() -> None:
    """Q10: outputs of a grouped convolution have no input channel."""
    grouped = layer("NGCONV", "G: 2, K: 2, C: 3, R: 1, S: 1, Y: 2, X: 2", "SpatialMap(1,1) K;")
    assert evaluate_corrected(grouped, CHIP).problem.size("O") == 2 * 2 * 2 * 2
    assert evaluate_layer(grouped, CHIP).record.top.up_read["output"] == 2 * 2 * 3 * 2 * 2


def test_partial_sums_are_read_back() -> None:
    """Q7: with K outermost every output comes back to L1 for all but its first visit."""
    flow = "TemporalMap(1,1) K; TemporalMap(1,1) N; SpatialMap(1,1) M;"
    corrected = evaluate_corrected(layer("GEMM", "M: 4, N: 3, K: 5", flow), CHIP)
    assert reads(corrected, "L2", "O") >= (5 - 1) * 4 * 3


def test_multicast_inside_clusters_reaches_every_unit() -> None:
    """Q6: L1 writes of the input count every PE that stores it, in clusters too."""
    flow = "SpatialMap(1,1) M; Cluster(3,P); SpatialMap(1,1) N; TemporalMap(1,1) K;"
    corrected = evaluate_corrected(layer("GEMM", "M: 4, N: 3, K: 5", flow), CHIP)
    row = count(corrected.problem, corrected.architecture, corrected.mapping).at("L1", "I")
    assert (row.writes, reads(corrected, "L2", "I")) == (3 * 4 * 5, 4 * 5)


def test_buffers_that_are_too_small_are_refused() -> None:
    """Q13: capacities hold."""
    with pytest.raises(IllegalMappingError, match="E-CAP"):
        evaluate_corrected(CONV, replace(CHIP, l1_bytes=8))


def test_energy_is_that_of_the_layer_itself() -> None:
    """Q1: the same layer twice costs the same twice, and parts sum to the whole."""
    cost = evaluate_corrected(GEMM, CHIP).cost
    assert cost.energy_pj == pytest.approx(sum(t.energy_pj for t in cost.traffic))
    macs = next(t for t in cost.traffic if t.action == "compute")
    assert macs.energy_pj == pytest.approx(60 * 0.23)


def test_the_first_tile_is_waited_for() -> None:
    found = evaluate_corrected(GEMM, CHIP)
    case = (found.problem, found.architecture, found.mapping)
    plain = LoopnestModel().evaluate(*case)
    assert found.cost.cycles == plain.cycles + first_fill_cycles(*case)
    assert first_fill_cycles(*case) > 0
    assert get_model("maestro") == MaestroModel()
    slow = evaluate_corrected(GEMM, replace(CHIP, noc_latency_cycles=5))
    assert slow.cost.cycles == found.cost.cycles + 4


@pytest.mark.parametrize("template", [t for t, v in TEMPLATES.items() if "TRCONV" in v.operators])
def test_transposed_layers_multiply_every_input_with_every_weight(template: str) -> None:
    """Q11: 28 rows become 56 with the inner stride of 2 that a file without a Stride means."""
    up = layer("TRCONV", "K: 4, C: 3, R: 2, S: 2, Y: 5, X: 4", "SpatialMap(1,1) K;")
    found = evaluate_corrected(apply_template(template, up, 12), CHIP)
    case = (found.problem, found.architecture, found.mapping)
    assert count(*case) == simulate(*case)
    assert found.cost.macs == 4 * 3 * 2 * 2 * 5 * 4
    assert found.problem.size("O") == 4 * 10 * 8


def test_output_rows_are_true_ones() -> None:
    """Declared Y' and X' are the layer's outputs whatever the stride; the original adds the filter and divides later."""
    out = layer("CONV", "K: 2, C: 1, R: 3, S: 3, Y': 4, X': 5", "SpatialMap(1,1) K;", "Stride { X': 2, Y': 2 }")
    assert evaluate_corrected(out, CHIP).problem.size("O") == 2 * 4 * 5


def test_what_has_no_corrected_meaning_is_refused() -> None:
    with pytest.raises(RefusedError, match="enough PEs"):
        evaluate_corrected(apply_template("kcp_ws", CONV, 64), CHIP)
