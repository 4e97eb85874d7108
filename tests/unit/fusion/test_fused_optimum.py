"""The fused optimum's surroundings: trees and their files, networks as graphs, what is said when nothing fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tileloom.architecture.model import Architecture, Compute, Memory, Port, TensorSet
from tileloom.cli.main import app
from tileloom.core.errors import InputError
from tileloom.cost.fused import fused_cost
from tileloom.explore.fused_front import FrontAnswer, write_front_run
from tileloom.explore.fused_record import FusedAnswer, write_fused_run
from tileloom.fusion.optimal.front import fused_front
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.infeasible import with_capacity
from tileloom.fusion.optimal.mapper import FusedResult, cost_of, fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network
from tileloom.fusion.optimal.orders import sequences
from tileloom.mapping.fused import branches
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree, Seq
from tileloom.mapping.yaml import mapping_from_yaml, mapping_to_yaml
from tileloom.report.fused import write_fused_page
from tileloom.workload.network import Layer, Network, VectorOp, Window
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor


def tensor(name: str, role: Role, *dims: str) -> Tensor:
    return Tensor(name, role, tuple(Axis(((d, 1),)) for d in dims))


def matmul(name: str, dims: tuple[str, str, str], a: str, b: str, out: str, size: int = 4) -> Problem:
    m, k, n = dims
    tensors = (tensor(a, "input", m, k), tensor(b, "weight", k, n), tensor(out, "output", m, n))
    return Problem(name, tuple(Dim(d, size) for d in dims), tensors)


def chip(bits: int = 400) -> Architecture:
    far, near = Port(energy_pj=10.0), Port(energy_pj=1.0)
    nodes = (
        Memory(name="DRAM", capacity_bits=None, read=far, write=far),
        Memory(name="GB", capacity_bits=bits, read=near, write=near),
        Compute(name="MAC", energy_pj=1.0),
    )
    return Architecture("two memories", nodes)


QKV = [
    matmul("Q", ("m", "d", "e"), "X", "WQ", "Qt"),
    matmul("K", ("p", "d", "e"), "X", "WK", "Kt"),
    Problem(
        "QK",
        (Dim("m", 4), Dim("p", 4), Dim("e", 4)),
        (tensor("Qt", "input", "m", "e"), tensor("Kt", "input", "p", "e"), tensor("S", "output", "m", "p")),
    ),
]


@pytest.fixture(scope="module")
def attention() -> FusedResult:
    return fused_optimal(graph_of_problems("attention", QKV, chip()), "energy")


def test_the_tree_survives_its_file_and_costs_the_same(attention: FusedResult) -> None:
    assert attention.mapping is not None and attention.cost is not None
    text = mapping_to_yaml(attention.mapping, "attention")
    again = mapping_from_yaml(text)
    assert again == attention.mapping
    chips = {p.name: chip() for p in QKV}
    assert fused_cost(QKV, chips, again).energy_pj == attention.value
    assert "compute QK" in to_text(again, QKV)


def test_loops_shared_under_different_names() -> None:
    nodes = (
        Hold(("X", "WQ", "WK", "Qt", "Kt", "S"), "DRAM"),
        Hold(("Q.X",), "GB"),
        Loop("Q.m = K.p", 2),
        Seq(
            (
                (Loop("m", 1), Loop("d", 1), Loop("e", 1), Leaf("MAC", "Q")),
                (Loop("p", 1), Loop("d", 1), Loop("e", 1), Leaf("MAC", "K")),
            )
        ),
    )
    q, k = branches(MappingTree(nodes), QKV[:2])
    assert [n.dim for n in k.chain.loops] == ["p", "p", "d", "e"] and k.chain.loops[0].tile == 2
    assert [h.memory for h in q.chain.holds] == ["DRAM", "GB"] and [h.memory for h in k.chain.holds] == ["DRAM"]


def test_a_tree_that_computes_something_twice_or_never() -> None:
    leaf = (Loop("m", 1), Loop("d", 1), Loop("e", 1), Leaf("MAC", "Q"))
    with pytest.raises(InputError, match="'Q' is computed 2 times"):
        branches(MappingTree((Seq((leaf, leaf)),)), QKV[:1])
    with pytest.raises(InputError, match="'K' is never computed"):
        branches(MappingTree(leaf), QKV[:2])
    with pytest.raises(InputError, match="does not say which of its dims"):
        branches(MappingTree((Loop("A.m = B.m", 2), *leaf)), QKV[:1])


def test_what_is_alive_while_each_problem_runs() -> None:
    graph = graph_of_problems("attention", QKV, chip(4000))
    result = fused_optimal(graph, "energy")
    assert result.cost is not None
    kept = {t for t, _, _ in result.kept}
    assert kept == {"Qt", "Kt"}
    alive = [{r.tensor for r in m.alive if not r.owner and r.memory == "GB"} for m in result.cost.moments]
    # Hand count: Qt passes by K untouched and is held until QK has read it.
    assert alive == [{"Qt"}, {"Qt", "Kt"}, {"Qt", "Kt"}]
    assert all(m.bits("GB") <= 4000 for m in result.cost.moments)


def test_all_outside_costs_what_single_problems_cost() -> None:
    graph = graph_of_problems("attention", QKV, chip(8))
    result = fused_optimal(graph, "energy")
    assert result.value == pytest.approx(result.unfused) and result.stacks == (("Q",), ("K",), ("QK",))
    assert result.mapping is not None
    assert cost_of(graph, result.mapping, {}).energy_pj == result.value


def weight_kept() -> FusedGraph:
    small = chip(8)
    must = TensorSet(("weight",))
    nodes = tuple(replace(n, keep=must) if isinstance(n, Memory) and n.name == "GB" else n for n in small.nodes)
    return graph_of_problems("chain", QKV[:1], replace(small, nodes=nodes))


def test_nothing_fits_says_what_would() -> None:
    graph = weight_kept()
    result = fused_optimal(with_capacity(graph, "GB", 4), "energy")
    assert result.status == "infeasible" and result.cost is None
    assert "'GB' has 4 bits" in result.reasons[0] and "8 bits are the least" in result.reasons[0]
    assert "while 'Q' runs it then holds WQ 8 bits" in result.reasons[0]
    assert fused_optimal(with_capacity(graph, "GB", 8), "energy").status == "optimal"


def test_readers_before_writers_and_double_writers_are_named() -> None:
    with pytest.raises(InputError, match="'QK' reads 'Qt' before 'Q' writes it"):
        graph_of_problems("wrong", QKV[::-1], chip())
    with pytest.raises(InputError, match="tensor 'Qt' is written by 'Q' and by 'again'"):
        graph_of_problems("wrong", [QKV[0], replace(QKV[0], name="again")], chip())


def network(*, cyclic: bool = False) -> Network:
    first = matmul("one", ("M", "K", "N"), "I", "W", "O")
    layers = (
        Layer(name="one", problem=first, operator="Gemm", inputs=("b",) if cyclic else ("image",), outputs=("a",)),
        Layer(name="two", problem=first.with_name("two"), operator="Gemm", inputs=("relu",), outputs=("b",)),
    )
    ops = (
        VectorOp(name="act", operator="Relu", elements=16, inputs=("a",), outputs=("relu",), shape=(4, 4)),
        VectorOp(name="sum", operator="Add", elements=16, inputs=("relu", "b"), outputs=("s",), shape=(4, 4)),
        VectorOp(name="turn", operator="Transpose", elements=16, inputs=("s",), outputs=("t",), shape=(4, 4)),
    )
    return Network("small", layers, ops)


def test_a_network_as_a_graph() -> None:
    graph = graph_of_network(network(), chip())
    assert [layer.name for layer in graph.layers] == ["one", "two", "sum"]
    assert graph.layers[1].tensors == ("a", "two.W", "b") and graph.layers[2].tensors == ("a", "b", "s")
    assert graph.shared == {"a", "b"}
    assert graph.notes[0].startswith("Transpose (turn) is not part of a fused schedule")
    with pytest.raises(InputError, match=r"one, two.* wait for each other \(a cycle\)"):
        graph_of_network(network(cyclic=True), chip())


def test_pooling_is_a_problem_of_its_own() -> None:
    pool = VectorOp(
        name="pool", operator="MaxPool", elements=8, inputs=("a",), outputs=("p",), shape=(1, 2, 2, 2),
        window=Window(kernel=(3, 3), strides=(2, 2), pads=(1, 1)),
    )  # fmt: skip
    graph = graph_of_network(Network("pools", (), (pool,)), chip())
    assert graph.layers[0].problem.equation == "p[C, P0, P1] += a[C, 2*P0+R0, 2*P1+R1]"


def test_orders_of_shared_loops() -> None:
    both = sequences((((0, 4), (1, 2)),), (-1,), 1, 9)
    assert both == [(((0, 4), (1, 2)),), (((1, 2), (0, 4)),)]
    assert sequences((((0, 4), (1, 2)),), (-1,), 1, 1) == []
    split = sequences((((0, 4),),), (-1,), 2, 9)
    assert split == [(((0, 4),),), (((0, 2), (0, 2)),)]


def test_a_run_directory_and_its_page(attention: FusedResult, tmp_path: Path) -> None:
    answer = FusedAnswer(attention, "attention", "two memories")
    write_fused_run(answer, tmp_path)
    page = write_fused_page(tmp_path).read_text()
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "optimal" and record["value"] < record["unfused"]
    assert [m["while"] for m in record["occupancy"]] == ["Q", "K", "QK"]
    assert "What is kept where, and when" in page and "<rect" in page and "compute QK" in page
    assert "What fusing saves" in page and "Proven: no schedule of the space" in page
    assert [(k["tensor"], k["from"], k["until"]) for k in record["kept"]] == [("Qt", "Q", "QK"), ("Kt", "K", "QK")]
    own = sum(layer["alone"]["energy_pj"] for layer in record["layers"])
    assert own == pytest.approx(record["unfused"])
    assert mapping_from_yaml(tmp_path / "mapping.yaml") == attention.mapping
    assert "3 problems in 1 stacks" in str(answer) and not answer.failed


def test_the_command_refuses_bad_options() -> None:
    for wrong in (["--max-fused-loops", "few"], ["--objective", "beauty"]):
        done = CliRunner().invoke(app, ["fuse", "resnet18", "--arch", "eyeriss", "--optimal", *wrong])
        assert isinstance(done.exception, InputError) and wrong[1] in str(done.exception)


def test_the_front_as_a_run_directory_and_its_page(tmp_path: Path) -> None:
    front = fused_front(graph_of_problems("attention", QKV, chip()))
    answer = FrontAnswer(front, "attention", "two memories")
    assert f"{len(front.points)} schedules that none beats" in str(answer) and not answer.failed
    write_front_run(answer, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["objective"] == "pareto" and record["status"] == "optimal"
    assert [p["energy_pj"] for p in record["front"]] == sorted(p["energy_pj"] for p in record["front"])
    for point, known in zip(record["front"], front.points):
        assert mapping_from_yaml(tmp_path / point["mapping"]) == known.mapping
    page = write_fused_page(tmp_path).read_text()
    assert "Energy against latency" in page and page.count("front-point") >= len(front.points)
    assert record["edp"] == min(p["edp"] for p in record["front"])


def test_a_front_that_is_not_there() -> None:
    nothing = fused_front(with_capacity(weight_kept(), "GB", 4))
    assert nothing.status == "infeasible" and nothing.reasons and "nothing fits" in str(FrontAnswer(nothing, "a", "b"))
    stopped = fused_front(graph_of_problems("attention", QKV, chip()), max_steps=3)
    assert stopped.status == "stopped" and FrontAnswer(stopped, "a", "b").as_plain()["status"] == "stopped"
