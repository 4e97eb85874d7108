"""dMazeRunner's model by hand, its corrections, and its answer for a mapping tree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.dmazerunner.model import ROUNDING, DmazerunnerModel
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import candidate_orders, distinct, order_names, reuse_vector
from tileloom.cost.models.dmazerunner.reference import Burst, burst, layer_cycles, method_costs, passes
from tileloom.mapping.notation.dmazerunner import method_of_loops, to_tree
from tileloom.mapping.tree import Compute, Hold, MappingTree
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer, conv_layer

CHIP = DmazeChip()
LAYER = RESNET[3]
NEST = Nest.of(LAYER.problem())
METHOD = method_of_loops(
    {"N": [4, 1, 1, 1], "M": [16, 1, 8, 2], "C": [8, 16, 1, 2], "Ox": [1, 1, 2, 7], "Oy": [1, 1, 2, 7],
     "Fx": [1, 1, 3, 1], "Fy": [1, 1, 3, 1]},
    dict(zip(LAYER.loops, LAYER.extents, strict=True)),
)  # fmt: skip


def test_quantities_of_a_pass_by_hand() -> None:
    p = passes(NEST, CHIP, METHOD)
    assert p.compute == 8 * 2 * 2 * 3 * 3
    assert p.distribution == (16 * 14 * 14, 2 * 16 * 16, 16 * 2 * 3 * 3)
    # 32 values per PE, one other PE along C to add, 2 * 7 * 7 groups one after another.
    assert p.reduction == (32 * 1 * 98, 0, 0)
    assert p.bursts == (Burst(1, 3136), Burst(1, 8192), Burst(16, 288))
    assert p.dma_cycles == (281, 660, 16 * 68)


def test_the_worked_example() -> None:
    """Source: dMazeRunner on this mapping."""
    costs = method_costs(NEST, CHIP, METHOD)
    pair = next(c for _, _, c in costs.pairs if c.dram == (8, 1, 1) and c.spm == (16, 1, 1))
    assert (pair.pass_cycles, pair.pass_energy_pj) == (8192, 724736)
    assert pair.dram_energy_pj == pytest.approx(1354966200.32, rel=1e-12)
    assert costs.best("energy")[2].energy_pj == 3365577523
    assert costs.best("latency")[2].cycles == 4581376
    assert costs.best("edp")[2].edp == pytest.approx(1.62016386750976e16, rel=1e-12)
    assert sum(pair.parts_pj) == pytest.approx(pair.energy_pj, abs=0.5)


@pytest.mark.parametrize(
    ("layer", "orders"),
    [
        (RESNET[5], 15),
        (conv_layer("b1", "CONV", 1, (8, 8), (8, 8), (3, 3), (1, 1), (0, 0)), 25),
        (conv_layer("pw", "CONV", 1, (8, 8), (8, 8), (1, 1), (1, 1), (0, 0)), 61),
        (DmazeLayer(name="g", kind="GEMM", extents=(4, 4, 4)), 3),
    ],
)
def test_number_of_orders(layer: DmazeLayer, orders: int) -> None:
    assert len(candidate_orders(Nest.of(layer.problem()))) == orders


def test_reuse_stops_at_the_first_loop_that_moves_the_operand() -> None:
    nest = Nest.of(DmazeLayer(name="g", kind="GEMM", extents=(4, 6, 10)).problem())
    # Innermost first: K, then X, then Y; C lacks K, A lacks Y, B lacks X.
    assert reuse_vector(nest, (2, 0, 1), (2, 3, 5)) == (5, 1, 1)
    assert reuse_vector(nest, (2, 0, 1), (2, 3, 1)) == (1, 1, 2)
    table = distinct(nest, candidate_orders(nest), (2, 3, 5))
    assert sorted(table) == [(1, 1, 2), (1, 3, 1), (5, 1, 1)]
    assert order_names(nest, table[5, 1, 1])[-1] == "K"


def test_bursts_are_scrambled_only_in_the_original() -> None:
    """A 3x3 stride-2 window on 58 rows touches 57: strides of 57 are taken apart by 58."""
    nest = Nest.of(conv_layer("s2", "CONV", 1, (1, 4), (58, 58), (3, 3), (2, 2), (0, 0)).problem())
    image, tile = nest.operands[1], (1, 1, 4, 2, 28, 3, 3)
    assert burst(image, tile, faithful=False) == Burst(4 * 5, 57)
    assert burst(image, tile) != burst(image, tile, faithful=False)


def test_waiting_time_is_added_once_in_the_corrected_model() -> None:
    p = replace(passes(NEST, CHIP, METHOD), dma_cycles=(1000, 200, 30), dram_trips=64)
    arguments = ((8, 2, 1), (1, 1, 1), 0, 0)
    # Keys 1, 2, 8 wait 30, 230 and 1230; there 30, 230 and 1260: 30 is also in the 230 that is added.
    twice = 30 * 64 + ((230 - 30) + 0) * 32 + 2 * (1260 - 30) * 8
    once = 30 * 64 + ((230 - 30) + 0) * 32 + 2 * (1230 - 30) * 8
    # The second operand's shorter side waits 30 in both.
    assert layer_cycles(p, *arguments) == twice
    assert layer_cycles(p, *arguments, faithful=False) == once


def test_a_tree_costs_what_its_method_does() -> None:
    problem, chip = LAYER.problem(), CHIP.architecture()
    outer, inner, pair = method_costs(NEST, CHIP, METHOD).best("edp")
    method = METHOD.with_orders(order_names(NEST, outer), order_names(NEST, inner))
    cost = DmazerunnerModel(mode="faithful").evaluate(problem, chip, to_tree(method, problem, chip).mapping)
    assert (cost.energy_pj, cost.cycles) == (pair.energy_pj, pair.cycles)
    by = cost.energy_by("component")
    for part, name in zip(pair.parts_pj, ("MAC", "RF", "network", "SPM", "DRAM"), strict=True):
        assert by[name,] == pytest.approx(part)
    assert abs(by[ROUNDING,]) <= 0.5


def test_a_mapping_that_does_not_fit_is_costed_and_said() -> None:
    problem = LAYER.problem()
    small = DmazeChip(cgra_size=4, rf_elements=8).architecture()
    tree = to_tree(METHOD, problem, small).mapping
    notes = DmazerunnerModel().evaluate(problem, small, tree).notes
    assert any("PEs are used, there are 4" in n for n in notes)
    assert any("registers hold" in n for n in notes)
    with pytest.raises(InputError, match="PEs are used"):
        DmazerunnerModel(strict=True).evaluate(problem, small, tree)


def test_refusals() -> None:
    problem, chip = LAYER.problem(), CHIP.architecture()
    with pytest.raises(UnsupportedError, match="keeps every tensor"):
        DmazerunnerModel().evaluate(problem, chip, MappingTree((Hold(("O", "I", "W"), "DRAM"), Compute("MAC"))))
    with pytest.raises(InputError, match="there are 'faithful'"):
        DmazerunnerModel(mode="exact")  # type: ignore[arg-type]
