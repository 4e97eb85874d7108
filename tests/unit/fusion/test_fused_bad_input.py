"""What is said of networks and chips that cannot be fused: every message names what is wrong, and sizes are exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fused_models
from tileloom.architecture.model import EVERYTHING, Architecture, Compute, Memory, Port
from tileloom.cli.main import app
from tileloom.core.errors import InputError
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.infeasible import with_capacity
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network
from tileloom.workload.layers import matmul
from tileloom.workload.load import load_network
from tileloom.workload.network import Layer, Move, Network, VectorOp


def chip(bits: int = 4000, *, registers: int | None = None) -> Architecture:
    """Everything must pass the buffer, and the registers where there are some."""
    far, near = Port(energy_pj=10.0), Port(energy_pj=1.0)
    inner = () if registers is None else (
        Memory(name="RF", capacity_bits=registers, read=near, write=near, keep=EVERYTHING),
    )  # fmt: skip
    nodes = (
        Memory(name="DRAM", capacity_bits=None, read=far, write=far),
        Memory(name="GB", capacity_bits=bits, read=near, write=near, keep=EVERYTHING),
        *inner,
        Compute(name="MAC", energy_pj=1.0),
    )
    return Architecture("buffered", nodes)


def layer(name: str, source: str, out: str) -> Layer:
    problem = matmul(name, batch=(), M=4, N=4, K=4)
    return Layer(name=name, problem=problem, operator="Gemm", inputs=(source,), outputs=(out,))


def relu(name: str, source: str, out: str, shape: tuple[int, ...] = (4, 4)) -> VectorOp:
    return VectorOp(name=name, operator="Relu", elements=16, inputs=(source,), outputs=(out,), shape=shape)


def test_a_cycle_names_its_nodes() -> None:
    circular = Network("ring", (layer("one", "c", "a"), layer("two", "a", "b")), (relu("act", "b", "c"),))
    with pytest.raises(InputError, match=r"network 'ring': one, two, act wait for each other \(a cycle\)"):
        graph_of_network(circular, chip())


def test_names_and_tensors_that_appear_twice() -> None:
    twice = Network("twice", (layer("one", "x", "a"), layer("one", "a", "b"), layer("two", "x", "b")))
    with pytest.raises(InputError) as caught:
        graph_of_network(twice, chip())
    assert "2 nodes are called 'one'" in str(caught.value)
    assert "tensor 'b' is written by 'one' and by 'two'" in str(caught.value)


def test_a_tensor_that_nothing_writes() -> None:
    layers = (layer("one", "x", "a"), layer("two", "ghost", "b"))
    with pytest.raises(
        InputError, match="'two' reads 'ghost', which nothing writes and which is no input of the network"
    ):
        graph_of_network(Network("lost", layers, inputs=("x",)), chip())
    # A source that does not say what its inputs are may take any.
    assert len(graph_of_network(Network("open", layers), chip()).layers) == 2


def test_axes_without_positions() -> None:
    with pytest.raises(
        InputError, match=r"'act' writes 'b' of shape \[4, 0\]: an axis without positions holds nothing"
    ):
        graph_of_network(Network("empty", (layer("one", "x", "a"),), (relu("act", "a", "b", (4, 0)),)), chip())


def test_nothing_to_schedule() -> None:
    with pytest.raises(InputError, match="network 'idle' has no layer that could be scheduled"):
        graph_of_network(Network("idle", (), (relu("act", "x", "y"),)), chip())


def test_operators_that_no_one_knows_end_a_part_and_are_named() -> None:
    odd = VectorOp(name="odd", operator="NonMaxSuppression", elements=4, inputs=("a",), outputs=("z",), shape=(4,))
    made = graph_of_network(Network("n", (layer("one", "x", "a"), layer("two", "a", "b")), (odd,)), chip())
    assert made.notes == (
        "NonMaxSuppression (odd) is not part of a fused schedule: its tensors go through the outermost memory",
    )
    # What it reads must be there for it: the tensor is not kept on chip for the other reader.
    assert not fused_optimal(made, "energy").kept


def test_a_move_that_does_not_fit_its_tensor_ends_a_part() -> None:
    bent = VectorOp(
        name="bent", operator="Transpose", elements=16, inputs=("a",), outputs=("t",), shape=(4, 4),
        move=Move(kind="permute", order=(0, 0)),
    )  # fmt: skip
    layers = (layer("one", "x", "a"), layer("two", "t", "b"))
    made = graph_of_network(Network("n", layers, (bent,), shapes={"a": (4, 4), "t": (4, 4)}), chip())
    assert made.notes[0].startswith("Transpose (bent)")


def test_layers_out_of_order_and_written_twice() -> None:
    first, second = matmul("a", batch=(), M=4, N=4, K=4), matmul("b", batch=(), M=4, N=4, K=4)
    names = {"a": ("X", "WA", "T"), "b": ("T", "WB", "Y")}
    named = [
        replace(p, tensors=tuple(replace(t, name=n) for t, n in zip(p.tensors, names[p.name]))) for p in (first, second)
    ]
    with pytest.raises(InputError, match="'b' reads 'T' before 'a' writes it"):
        graph_of_problems("wrong", named[::-1], chip())
    with pytest.raises(InputError, match="layer 'a' appears twice"):
        graph_of_problems("wrong", [named[0], named[0]], chip())


def scores(folder: Path, bits: int) -> FusedGraph:
    b = fused_models.Builder()
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1])):
        product = b.add("MatMul", "x", b.weight(f"{name}.w", 4, 4), out=name)
        b.add("Transpose", b.reshape(product, f"{name}.split", 1, 2, 2, 2), out=f"{name}.t", perm=order)
    b.add("Softmax", b.add("MatMul", "q.t", "k.t", out="s"), out="y", axis=-1)
    return graph_of_network(load_network(b.file(folder, {"x": [1, 2, 4]}, ["y"])), chip(bits))


def least(reasons: tuple[str, ...]) -> int:
    (line,) = [r for r in reasons if "'GB'" in r]
    assert "the least that would do: while '" in line
    return int(line.split(" bits are the least")[0].rsplit(" ", 1)[1])


def test_the_size_that_would_do_does_and_one_bit_less_does_not(tmp_path: Path) -> None:
    made = scores(tmp_path, 8)
    result = fused_optimal(made, "energy", max_fused_loops=1)
    assert result.status == "infeasible" and result.cost is None and not result.kept
    bits = least(result.reasons)
    assert bits > 8
    assert fused_optimal(with_capacity(made, "GB", bits), "energy", max_fused_loops=1).status == "optimal"
    assert fused_optimal(with_capacity(made, "GB", bits - 1), "energy", max_fused_loops=1).status == "infeasible"


def test_long_networks_name_the_layer_that_needs_most() -> None:
    layers = tuple(layer(f"l{i}", f"t{i}", f"t{i + 1}") for i in range(26))
    made = graph_of_network(Network("long", layers), chip(8))
    result = fused_optimal(made, "energy", max_fused_loops=0)
    bits = least(result.reasons)
    assert bits == 24, "one value of each tensor of a product"
    assert fused_optimal(with_capacity(made, "GB", bits), "energy", max_fused_loops=0).status == "optimal"


def test_two_memories_that_are_both_too_small() -> None:
    made = graph_of_network(Network("one", (layer("one", "x", "a"),)), chip(8, registers=8))
    reasons = fused_optimal(made, "energy").reasons
    assert len(reasons) == 2 and all("(the other memories must be larger too)" in r for r in reasons)
    enough = with_capacity(with_capacity(made, "GB", 24), "RF", 24)
    assert "24 bits are the least" in reasons[0] and "24 bits are the least" in reasons[1]
    assert fused_optimal(enough, "energy").status == "optimal"
    assert fused_optimal(with_capacity(enough, "RF", 23), "energy").status == "infeasible"


def test_the_command_says_it_too(tmp_path: Path) -> None:
    b = fused_models.Builder()
    b.add("MatMul", "x", b.weight("w", 4, 4), out="a")
    b.add("Add", "a", "ghost", out="y")
    path = b.file(tmp_path, {"x": [4, 4]}, ["y"])
    done = CliRunner().invoke(app, ["fuse", str(path), "--arch", "eyeriss", "--optimal"])
    assert isinstance(done.exception, InputError) and "reads 'ghost', which nothing writes" in str(done.exception)
    done = CliRunner().invoke(app, ["fuse", "resnet18", "--arch", "eyeriss", "--set", "a=1"])
    assert isinstance(done.exception, InputError) and "--set is for --optimal" in str(done.exception)


def test_the_command_fuses_a_file_and_writes_its_page(tmp_path: Path) -> None:
    b = fused_models.Builder()
    left = b.add("MatMul", "x", b.weight("a", 8, 4), out="left")
    right = b.add("MatMul", "x", b.weight("b", 8, 4), out="right")
    b.add("MatMul", b.add("Concat", left, right, out="both", axis=1), b.weight("c", 8, 8), out="y")
    path = b.file(tmp_path, {"x": [8, 8]}, ["y"])
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["fuse", str(path), "--arch", "simple-2level", "--optimal", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "note: what Concat_2 joins is held as one tensor from its first part on" in done.output
    assert "both in " in done.output and "until MatMul_3" in done.output
    page = (out / "report.html").read_text()
    assert "How the network was read" in page and "What fusing saves" in page and "both" in page


def test_a_join_with_an_input_is_made_outside_and_said_so() -> None:
    join = VectorOp(
        name="cat", operator="Concat", elements=32, inputs=("a", "x"), outputs=("c",), move=Move(kind="join", axis=1)
    )
    shapes = {"x": (4, 4), "a": (4, 4), "c": (4, 8), "y": (4, 4)}
    wide = matmul("two", batch=(), M=4, N=4, K=8)
    layers = (layer("one", "x", "a"), Layer(name="two", problem=wide, operator="Gemm", inputs=("c",), outputs=("y",)))
    made = graph_of_network(Network("n", layers, (join,), shapes=shapes), chip())
    assert made.notes[0].startswith("cat: joined in the outermost memory, as a part comes from outside")
    assert not fused_optimal(made, "energy").kept
