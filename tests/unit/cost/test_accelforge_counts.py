"""Counts, energy, latency and occupancy equal those of AccelForge for the same mappings."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tileloom.architecture.model import NOTHING, Architecture, Fanout, FanoutAxis, Memory, Port, TensorSet
from tileloom.architecture.model import Compute as Unit
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

FILE = Path(__file__).parents[2] / "reference" / "accelforge" / "literal_counts.json"
ROWS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def memory(name: str, bits: int | None, read: tuple[float, float], write: tuple[float, float], ports: Any) -> Memory:
    """read, write: energy and rate per bit."""
    return Memory(
        name=name,
        capacity_bits=bits,
        read=Port(energy_pj=read[0], accesses_per_cycle=read[1]),
        write=Port(energy_pj=write[0], accesses_per_cycle=write[1]),
        ports=ports,
    )


def array(size_in: int, size_out: int) -> Fanout:
    reuse_in = FanoutAxis(name="reuse_input", size=size_in, multicast=TensorSet(("input",)))
    reuse_out = FanoutAxis(name="reuse_output", size=size_out, multicast=TensorSet(("output",)))
    return Fanout(name="ProcessingElement", axes=(reuse_in, reuse_out))


REGISTER = memory("Register", 8, (0, inf), (0, inf), "shared")
CHIPS = {
    "ref": Architecture(
        "ref",
        (
            memory("DRAM", None, (100, 64), (110, 48), "shared"),
            memory("GLB", 2**20, (6, 512), (7, 256), "separate"),
            Fanout(name="Array", axes=(FanoutAxis(name="X", size=16), FanoutAxis(name="Y", size=8))),
            memory("Spad", 4096, (1, 16), (1.25, 16), "shared"),
            Unit(name="MAC", energy_pj=0.5),
        ),
    ),
    "nvdla": Architecture(
        "nvdla",
        (
            memory("MainMemory", None, (7.03e-12, 8 * 38.4e9), (7.03e-12, 8 * 38.4e9), "shared"),
            memory("GlobalBuffer", 2**19, (0.249e-12, 512e9 * 8), (0.293e-12, 128e9 * 8), "separate"),
            array(32, 192),
            REGISTER,
            Unit(name="MAC", energy_pj=0.084e-12, ops_per_cycle=1e9),
        ),
    ),
    "tpu": Architecture(
        "tpu",
        (
            memory("MainMemory", None, (7.03e-12, 8 * 614e9), (7.03e-12, 8 * 614e9), "shared"),
            memory("GlobalBuffer", 2**30, (1.88e-12, 8 * 2048e9), (2.36e-12, 8 * 1024e9), "separate"),
            Fanout(name="LocalBuffer", axes=(FanoutAxis(name="Z", size=4, multicast=NOTHING),)),
            memory("LocalBuffer", 2**25, (0.249e-12, inf), (0.293e-12, inf), "shared"),
            array(128, 128),
            REGISTER,
            Unit(name="MAC", energy_pj=0.084e-12, ops_per_cycle=1.05e9),
        ),
    ),
}


def axes(*names: str) -> tuple[Axis, ...]:
    return tuple(Axis(((d, 1),)) for d in names)


def problem_of(row: dict[str, Any]) -> Problem:
    size = row["problem"]
    if size["kind"] == "matmul":
        return Problem(
            "mm",
            tuple(Dim(d, size[d]) for d in "mnk"),
            (
                Tensor("A", "input", axes("m", "k")),
                Tensor("B", "weight", axes("k", "n")),
                Tensor("Z", "output", axes("m", "n")),
            ),
        )
    stride = size["S"]
    rows, columns = Axis((("p", stride), ("r", 1))), Axis((("q", stride), ("s", 1)))
    extents = [size[n] for n in ("P", "Q", "C", "M", "R", "R", "NB")]
    return Problem(
        "conv",
        tuple(Dim(d, e) for d, e in zip("pqcmrsn", extents, strict=True)),
        (
            Tensor("I", "input", (*axes("n", "c"), rows, columns)),
            Tensor("F", "weight", axes("r", "s", "c", "m")),
            Tensor("O", "output", axes("p", "q", "n", "m")),
        ),
    )


def mapping_of(nest: str) -> MappingTree:
    nodes: list[TreeNode] = []
    for word in nest.split():
        what, _, place = word.partition("@")
        dim, _, tile = what.partition(":")
        if not tile:
            nodes.append(Hold(tuple(what.split("+")), place))
        elif place:
            nodes.append(Loop(dim, int(tile), *place.split(".")))
        else:
            nodes.append(Loop(dim, int(tile)))
    return MappingTree((*nodes, Compute("MAC")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_same_numbers_for_the_same_mapping(row: dict[str, Any]) -> None:
    problem, chip, mapping = problem_of(row), CHIPS[row["arch"]], mapping_of(row["nest"])
    cost = LoopnestModel(faithful_accelforge=True).evaluate(problem, chip, mapping)
    accesses = {f"{t.component} {t.tensor} {t.action}": t.accesses for t in cost.traffic if t.action != "compute"}
    assert accesses == row["bits"]
    assert cost.energy_pj == pytest.approx(row["energy"], rel=1e-6)
    assert cost.cycles == pytest.approx(row["latency"], rel=1e-6)
    assert cost.macs == problem.macs
    for name, bits in row.get("occupancy", {}).items():
        assert sum(o.bits for o in cost.occupancy if o.memory == name) == bits


def test_a_copy_that_stays_in_one_memory_costs_nothing() -> None:
    """The residual branch of a transformer, read and written in main memory: no actions, no energy, no time."""
    copy = Problem(
        "I",
        (Dim("m", 2048), Dim("d", 4096)),
        (Tensor("I_in", "input", axes("m", "d")), Tensor("I", "output", axes("m", "d"))),
        copy=True,
    )
    mapping = mapping_of("I+I_in@MainMemory d:1 m:1")
    cost = LoopnestModel().evaluate(copy, CHIPS["tpu"], mapping)
    assert (cost.energy_pj, cost.cycles, cost.macs) == (0.0, 0.0, 0)
    assert all(t.accesses == 0 for t in cost.traffic)


def test_a_copy_through_another_memory_moves_every_value_once_each_way() -> None:
    copy = Problem(
        "copy", (Dim("m", 6),), (Tensor("a", "input", axes("m")), Tensor("b", "output", axes("m"))), copy=True
    )
    counts = count(copy, CHIPS["ref"], mapping_of("a+b@DRAM a+b@GLB m:1"))
    moved = {(a.memory, a.tensor): (a.reads, a.writes) for a in counts.accesses}
    assert moved == {("DRAM", "a"): (6, 0), ("GLB", "a"): (0, 6), ("DRAM", "b"): (0, 6), ("GLB", "b"): (6, 0)}
