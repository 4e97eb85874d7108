"""dMazeRunner's studies: grids, settings, totals; the numbers themselves are in the rows of conform."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import MAX_PROBLEMS, InputError
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.explore.dmazerunner.design import DesignPoint, design_sweep, find_pruning, points
from tileloom.explore.dmazerunner.memory import memory_point, memory_study
from tileloom.explore.dmazerunner.network import optimize_model
from tileloom.explore.dmazerunner.validation import read_table
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer, read_model

INPUTS = Path(__file__).parents[2] / "reference" / "dmazerunner" / "inputs"


def test_the_plausibility_filter_and_its_inversion_share_the_grid() -> None:
    """Source: dMazeRunner evaluates 612 points and passes over the 477 plausible ones."""
    assert (len(points()), len(points(faithful=True))) == (477, 612)
    assert DesignPoint(256, 64, 16).plausible
    assert not DesignPoint(64, 64, 16).plausible


def test_the_original_s_points_all_have_the_same_energies() -> None:
    point = DesignPoint(256, 64, 64)
    assert (point.chip(faithful=True).rf_energy, point.chip(faithful=True).rf_elements) == (0.96, 64)
    assert (point.chip().rf_energy, point.chip().rf_elements, point.chip().spm_energy) == (0.12, 32, 9.0)


def test_filters_are_given_up_when_nothing_fits() -> None:
    nest = Nest.of(DmazeLayer(name="g", kind="GEMM", extents=(7, 7, 7)).problem())
    assert find_pruning(nest, DmazeChip(rf_elements=2)) is None
    (row,) = design_sweep(RESNET[0], [DesignPoint(64, 16, 1)])
    assert row.edp == -1


def test_the_label_in_bytes_is_taken_for_values_as_shipped() -> None:
    assert memory_point(64, 128, "shipped_code").chip.rf_elements == 128
    assert memory_point(64, 128).chip.rf_elements == 64
    assert memory_point(16, 128).chip.spm_banks == 4


def test_the_memory_study_of_one_row() -> None:
    rows = memory_study(RESNET[5], spm_kib=[16], rf_bytes=[16, 1024])
    assert [r.exploration.methods for r in rows] == [90, 0]
    assert rows[0].edp == pytest.approx(1.8621660093632512e17, rel=1e-12)
    assert rows[1].edp is None


def test_totals_of_a_network_as_printed_and_weighted() -> None:
    """Source: dMazeRunner's summary for BERT base: 361 layers, EDP 1.4281E+16, 5.1220E+09 pJ, 6.6463E+06 cycles, 711."""
    run = optimize_model(read_model(INPUTS / "bert-base-uncased.json"))
    printed, weighted = run.totals(faithful=True), run.totals()
    assert [f"{v:.4E}" for v in (printed.edp, printed.energy_pj, printed.cycles)] == [
        "1.4281E+16",
        "5.1220E+09",
        "6.6463E+06",
    ]
    assert (printed.layers, printed.methods) == (361, 711)
    assert weighted.energy_pj == sum(x.layer.instances * x.value("energy") for x in run.layers) > printed.energy_pj
    assert weighted.edp_of_sums == weighted.energy_pj * weighted.cycles


def test_faults_of_a_table_of_wrong_rows_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "x\n" * 10_000)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert "too many faults" in caught.value.problems[-1]


def test_a_short_row_of_a_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,Verify Tiling,DRAM_tiling\n1\n1,True\n")
    with pytest.raises(InputError, match=r"t\.csv:3: no column or value 'dram_tiling'"):
        read_table(path)
