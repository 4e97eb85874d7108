"""Which rule makes models differ about one mapping, in words."""

from __future__ import annotations

from tileloom import api
from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.explore.differences import SHOWN, Difference, differences
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree
from tileloom.workload.layers import conv2d, gemm


def memory(name: str, energy_pj: float, capacity_bits: int | None = None) -> Memory:
    port = Port(energy_pj=energy_pj, width_bits=8, accesses_per_cycle=1.0)
    return Memory(name=name, capacity_bits=capacity_bits, read=port, write=port)


CHIP = Architecture(
    "chip",
    (
        memory("DRAM", 100.0),
        memory("L2", 6.0, 100_000),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=2), FanoutAxis(name="X", size=4))),
        memory("L1", 1.0, 10_000),
        Compute(name="MAC", energy_pj=1.0),
    ),
)
GEMM = gemm("g", M=8, N=8, K=8)
NAMES = tuple(t.name for t in GEMM.tensors)
NEST = MappingTree(
    (
        Hold(NAMES, "DRAM"), Loop("M", 4), Loop("K", 4), Hold(NAMES, "L2"), Loop("N", 4, "PE", "Y"), Loop("K", 1, "PE", "X"),
        Hold(NAMES, "L1"), Loop("M", 1), Loop("N", 1), Leaf("MAC"),
    )
)  # fmt: skip


def explained() -> tuple[Difference, ...]:
    costs = [(v.model, v.cost) for v in api.compare(GEMM, CHIP, NEST) if v.cost is not None]
    assert {"loopnest", "maestro", "neurospector", "dmazerunner", "zigzag"} <= {name for name, _ in costs}
    return differences(GEMM, CHIP, NEST, costs)


def test_the_first_fill_and_what_does_not_overlap_are_named() -> None:
    cycles = {d.model: d.rule for d in explained() if d.what == "cycles"}
    assert "first fill" in cycles["maestro"] and "waited for" in cycles["maestro"]
    assert "nothing overlaps: MAC 64" in cycles["neurospector"]
    assert "first loads" in cycles["zigzag"]


def test_reuse_that_the_loop_order_gives_is_named() -> None:
    found = {(d.model, d.what): d for d in explained()}
    partial_sums = found["neurospector", f"DRAM {GEMM.output.name}"]
    assert partial_sums.rule.startswith("reuse by loop order")
    assert partial_sums.other < partial_sums.base
    assert not [d for d in explained() if d.model == "maestro" and d.what != "cycles"]


def test_options_of_the_literal_model_are_recognised() -> None:
    problem = conv2d("c", K=2, C=2, P=8, Q=1, R=3, S=1)
    names = tuple(t.name for t in problem.tensors)
    nest = MappingTree(
        (
            Hold(names, "DRAM"), Loop("C", 1), Loop("P", 2), Hold(names, "L2"), Hold(names, "L1"), Loop("K", 1), Loop("P", 1),
            Loop("R", 1), Leaf("MAC"),
        )
    )  # fmt: skip
    base = LoopnestModel().evaluate(problem, CHIP, nest)
    slide = LoopnestModel(halo="sliding").evaluate(problem, CHIP, nest)
    count = LoopnestModel(first_read="count").evaluate(problem, CHIP, nest)
    found = differences(problem, CHIP, nest, [("loopnest", base), ("slide", slide), ("count", count)])
    assert any(d.model == "slide" and d.rule.startswith("halo") for d in found)
    assert any(d.model == "count" and d.rule.startswith("first fill") for d in found)
    assert max(sum(1 for d in found if d.model == m and d.what != "cycles") for m in ("slide", "count")) <= SHOWN + 1


def test_models_that_agree_are_not_explained() -> None:
    base = LoopnestModel().evaluate(GEMM, CHIP, NEST)
    assert differences(GEMM, CHIP, NEST, [("loopnest", base), ("same", base)]) == ()
    assert differences(GEMM, CHIP, NEST, [("other", base)]) == ()


def test_memories_that_do_not_hold_their_tiles_twice_are_named() -> None:
    tight = Architecture("tight", (CHIP.nodes[0], memory("L2", 6.0, 800), *CHIP.nodes[2:]))
    costs = [
        (v.model, v.cost)
        for v in api.compare(GEMM, tight, NEST)
        if v.cost is not None and v.model in ("loopnest", "zigzag")
    ]
    (cycles,) = [d.rule for d in differences(GEMM, tight, NEST, costs) if d.what == "cycles"]
    assert "zigzag not where tiles do not fit twice: L2 (640 of 800 bits)" in cycles
    assert not [d for d in explained() if "fit twice" in d.rule]
