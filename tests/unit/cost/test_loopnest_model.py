"""Energy and latency of the loopnest model, worked by hand from the counts."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, Port
from tileloom.architecture.model import Compute as Unit
from tileloom.core.errors import InputError
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

PROBLEM = Problem(
    "mm",
    (Dim("m", 4), Dim("n", 2), Dim("k", 8)),
    (
        Tensor("A", "input", (Axis((("m", 1),)), Axis((("k", 1),)))),
        Tensor("B", "weight", (Axis((("k", 1),)), Axis((("n", 1),)))),
        Tensor("C", "output", (Axis((("m", 1),)), Axis((("n", 1),))), bits=16),
    ),
)
OUTER = Memory(
    name="M",
    capacity_bits=None,
    read=Port(energy_pj=10.0, width_bits=32, accesses_per_cycle=0.5, energy_pj_by_tensor=(("weight", 4.0),)),
    write=Port(energy_pj=20.0, width_bits=16, accesses_per_cycle=0.25),
    value_bits=(("output", 32),),
    leakage_pj_per_cycle=3.0,
)
CHIP = Architecture(
    "chip",
    (
        OUTER,
        Fanout(name="row", axes=(FanoutAxis(name="X", size=8),)),
        Unit(name="MAC", energy_pj=0.5, ops_per_cycle=2.0, leakage_pj_per_cycle=0.25),
    ),
)
NEST = MappingTree((Hold(("A", "B", "C"), "M"), Loop("m", 1, "row", "X"), Loop("n", 1), Loop("k", 1), Compute("MAC")))


def test_energy_and_cycles_by_hand() -> None:
    """A: 64 reads of 8 bits in words of 32 = 16; B: 16 reads (m multicasts) = 4; C: 64 writes of 32 bits in 16 = 128,
    read back 64 - 8 first ones = 56 values of 32 bits = 56."""
    cost = LoopnestModel().evaluate(PROBLEM, CHIP, NEST)
    rows = {(t.component, t.tensor, t.action): (t.accesses, t.energy_pj) for t in cost.traffic}
    assert rows["M", "A", "read"] == (16.0, 160.0)
    assert rows["M", "B", "read"] == (4.0, 16.0)
    assert rows["M", "C", "read"] == (56.0, 560.0)
    assert rows["M", "C", "write"] == (128.0, 2560.0)
    assert rows["MAC", "", "compute"] == (64, 32.0)
    assert dict(cost.cycles_by_component) == {"M": (16 + 4 + 56) / 0.5 + 128 / 0.25, "MAC": 16 / 2.0}
    assert (cost.cycles, cost.bottleneck) == (664.0, "M")
    assert dict(cost.leakage_pj) == {"M": 3.0 * 664, "MAC": 0.25 * 8 * 664}
    assert cost.energy_pj == 160 + 16 + 560 + 2560 + 32 + 5 * 664
    assert cost.utilization == pytest.approx(64 / (664 * 8 * 2))
    assert cost.spatial_use == (("row", "X", 4),)


def test_separate_ports_overlap_and_free_ones_take_no_time() -> None:
    separate = Architecture("s", (replace(OUTER, ports="separate"), *CHIP.nodes[1:]))
    assert LoopnestModel().evaluate(PROBLEM, separate, NEST).cycles == 128 / 0.25
    free = replace(OUTER, read=Port(energy_pj=1.0), write=Port(energy_pj=1.0, accesses_per_cycle=inf))
    cost = LoopnestModel().evaluate(PROBLEM, Architecture("f", (free, *CHIP.nodes[1:])), NEST)
    assert (cost.cycles, cost.bottleneck) == (8.0, "MAC")


def test_parts_sum_to_the_whole() -> None:
    cost = LoopnestModel().evaluate(PROBLEM, CHIP, NEST)
    for keys in (("component",), ("tensor",), ("action",), ("component", "tensor", "action")):
        assert sum(cost.energy_by(*keys).values()) == pytest.approx(cost.energy_pj, rel=1e-12)  # type: ignore[arg-type]
    assert cost.edp == cost.energy_pj * cost.cycles


def test_nothing_of_an_infinitely_expensive_access_costs_nothing() -> None:
    dear = replace(OUTER, write=Port(energy_pj=inf))
    held = MappingTree((Hold(("A", "B", "C"), "D"), Hold(("A", "B"), "M"), *NEST.nodes[1:]))
    chip = Architecture("d", (replace(OUTER, name="D"), replace(dear, write=Port(energy_pj=1.0)), *CHIP.nodes[1:]))
    cost = LoopnestModel().evaluate(PROBLEM, chip, held)
    assert cost.energy_pj < inf
    never_written = Architecture("n", (replace(OUTER, name="D", write=Port(energy_pj=inf)), *chip.nodes[1:]))
    written = LoopnestModel().evaluate(PROBLEM, never_written, held)
    assert written.energy_by("tensor")["A",] == cost.energy_by("tensor")["A",]


def test_an_unknown_compute_unit_is_named() -> None:
    with pytest.raises(InputError, match=r"'ALU'.*'MAC'"):
        LoopnestModel().evaluate(PROBLEM, CHIP, MappingTree((*NEST.nodes[:-1], Compute("ALU"))))
