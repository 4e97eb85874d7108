"""The table of MAESTRO dataflows: its numbers are those of the clear model, layer by layer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError
from tileloom.cost.models.maestro.columns import csv_rows, screen
from tileloom.cost.models.maestro.evaluate import evaluate_layers
from tileloom.cost.models.maestro.technology import RELEASED
from tileloom.explore.maestro_study import OWN, series_of_file, series_of_network, study
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.workload.layers import conv2d, conv_transpose
from tileloom.workload.network import Layer, Network

CHIP = MaestroHardware(num_pes=16, noc_elements_per_cycle=4, offchip_elements_per_cycle=20)
FILE = parse_mapping(
    """Network small { Layer A { Type: CONV Dimensions { K: 8, C: 4, R: 3, S: 3, Y: 10, X: 10 }
    Dataflow { SpatialMap(1,1) K; TemporalMap(3,1) Y; TemporalMap(3,1) X; Cluster(4,P); SpatialMap(1,1) C; } }
    Layer B { Type: GEMM Dimensions { M: 4, N: 4, K: 4 } Dataflow { TemporalMap(1,1) M; } } }"""
)


def test_rows_are_those_of_the_clear_model() -> None:
    found = study([series_of_file(FILE, 16)], CHIP, [2, 4])
    assert [(r["layer"], r["noc_elements_per_cycle"], r["dataflow"]) for r in found.rows] == [
        ("A", 2, OWN),
        ("A", 4, OWN),
    ]
    row = found.rows[1]
    (layer,) = evaluate_layers(FILE.layers[:1], CHIP)
    (csv,) = csv_rows("small", [layer])
    assert row["runtime_cycles"] == csv["Runtime (Cycles)"]
    assert row["active_pes"] == csv["Avg number of utilized PEs"]
    assert (row["l1_bytes"], row["l2_bytes"]) == (csv["L1 SRAM Size Req (Bytes)"], csv["L2 SRAM Size Req (Bytes)"])
    assert (row["area_um2"], row["power_mw"]) == (csv["Area"], csv["Power"])
    energy = float(screen(layer)["Total energy consumption"])
    assert row["energy_nj"] == pytest.approx(energy * RELEASED.mac_nj)
    assert found.rows[0]["runtime_cycles"] > row["runtime_cycles"]
    assert found.frame().height == 2


def test_layers_without_a_row_are_named() -> None:
    grouped = conv_transpose("up", G=2, K=2, C=2, P=4, Q=4, R=3, S=3)
    layers = (
        Layer(name="c", problem=conv2d("c", K=4, C=4, P=6, Q=6, R=3, S=3), operator="Conv", count=2),
        Layer(name="up", problem=grouped, operator="ConvTranspose"),
    )
    series = [series_of_network(Network("n", layers), "rs", 16), series_of_file(FILE, 2)]
    found = study(series, CHIP, [4])
    assert [(r["layer"], r["count"]) for r in found.rows] == [("c", 2)]
    assert [(label, layer) for label, layer, _ in found.refused] == [
        ("rs, 16 PEs", "up"),
        ("own, 2 PEs", "B"),
        ("own, 2 PEs", "A"),
    ]
    assert found.refused[2][2] == "not enough PEs"


def test_bandwidths_below_one_are_refused() -> None:
    for wrong in ([], [0, 4]):
        with pytest.raises(InputError, match="NoC bandwidths"):
            study([series_of_file(FILE, 16)], replace(CHIP), wrong)
