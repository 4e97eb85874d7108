"""Networks as exporters write them, as graphs to fuse: what stays one tensor, what may be tiled together, what it costs."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import fused_models
import onnx_models
from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.halo_plan import HaloOptions
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network
from tileloom.fusion.optimal.reference import all_rows, best_of
from tileloom.workload.frontends.accelforge import read_workload
from tileloom.workload.load import load_network
from tileloom.workload.network import Network

VECTOR = ("elementwise", "reduction", "pooling", "lookup", "resize")
MODELS = ("encoder", "decoder", "dense", "fire", "unet")


def chip(bits: int = 16000) -> Architecture:
    far, near = Port(energy_pj=10.0), Port(energy_pj=1.0)
    nodes = (
        Memory(name="DRAM", capacity_bits=None, read=far, write=far),
        Memory(name="GB", capacity_bits=bits, read=near, write=near),
        Compute(name="MAC", energy_pj=1.0),
    )
    return Architecture("two memories", nodes)


def graph(path: Path, bits: int = 16000) -> tuple[Network, FusedGraph]:
    network = load_network(path)
    assert not network.skipped, network.skipped
    return network, graph_of_network(network, chip(bits))


@pytest.fixture(scope="module", params=MODELS)
def fused(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, FusedResult]:
    path = getattr(fused_models, request.param)(tmp_path_factory.mktemp("net"))
    network, made = graph(path)
    return network, fused_optimal(made, "energy", max_fused_loops=1)


def test_every_multiplication_of_the_network_is_there_once(fused: tuple[Network, FusedResult]) -> None:
    network, result = fused
    layers = [layer.problem for layer in result.graph.layers]
    assert sum(p.macs for p in layers if p.op not in VECTOR) == network.macs


def test_fused_is_no_worse_and_fits_at_every_moment(fused: tuple[Network, FusedResult]) -> None:
    _, result = fused
    assert result.cost is not None and result.status == "optimal"
    assert result.cost.energy_pj <= result.unfused and result.kept
    assert all(m.bits("GB") <= 16000 for m in result.cost.moments)
    assert not any("not part of" in n for n in result.graph.notes)


def test_heads_of_an_attention_run_in_shared_loops(tmp_path: Path) -> None:
    _, made = graph(fused_models.encoder(tmp_path))
    tensors = {layer.name: dict(zip(layer.tensors, layer.problem.tensors)) for layer in made.layers}
    # Positions, heads, and values of a head: split out of one axis of the product, turned in the scores.
    assert str(tensors["MatMul_0"]["q.mm"]) == "q.mm[M, N0, N1]"
    assert str(tensors["MatMul_12"]["q.mm"]) == "q.mm[M, B, K]" and made.axes["q.mm"] == {0, 1, 2}
    # A row of the softmax is needed as a whole.
    assert made.axes["scores"] == made.axes["shares"] == {0, 1}
    assert made.layouts["shares"].whole == {2}
    # Gelu in single operators is done in passing: its result is the tensor it came from.
    assert made.uses["up.mm"] == (12, 13)


def test_a_product_for_three_is_run_as_three(tmp_path: Path) -> None:
    _, made = graph(fused_models.decoder(tmp_path))
    assert made.notes == ("'MatMul_1' runs as 3 problems, one per part of its output that is read apart",)
    assert {"qkv.mm.0", "qkv.mm.1", "qkv.mm.2"} < made.shared
    assert made.axes["qkv.mm.1"] == {0, 1, 2}


def test_parts_of_a_join_are_one_tensor(tmp_path: Path) -> None:
    _, made = graph(fused_models.dense(tmp_path))
    assert [layer.name for layer in made.layers if layer.problem.output.name == "all"] == [
        "Conv_0", "Conv_3", "Conv_7", "Conv_11",
    ]  # fmt: skip
    layout = made.layouts["all"]
    assert layout.extents == (8, 8, 20) and layout.aligned == 2 and made.elements("all") == 1280
    # Some users have a window along both axes that all of them can name.
    assert made.axes["all"] == {0, 1}


@pytest.fixture(scope="module")
def einsums(tmp_path_factory: pytest.TempPathFactory) -> FusedGraph:
    path = tmp_path_factory.mktemp("af") / "block.yaml"
    path.write_text(BLOCK)
    workload = read_workload(path)
    return graph_of_problems("einsums", [e.problem for e in workload.einsums], chip(3000))


BLOCK = """
workload:
  rank_sizes: {M: 8, P: 8, H: 2, E: 8, D: 16, F: 8, U: 32, O: 16}
  bits_per_value: {All: 8}
  einsums:
  - {name: Q, einsum: "q[m, h, e] = x[m, d] * wq[h, e, d]"}
  - {name: K, einsum: "k[p, h, e] = x[p, d] * wk[h, e, d]"}
  - {name: QK, einsum: "s[m, p, h] = q[m, h, e] * k[p, h, e]"}
  - {name: V, einsum: "v[p, h, f] = x[p, d] * wv[h, f, d]"}
  - {name: AV, einsum: "a[m, h, f] = s[m, p, h] * v[p, h, f]"}
  - {name: Z, einsum: "z[m, o] = a[m, h, f] * wz[h, f, o]"}
  - {name: R, einsum: "r[m, o] = z[m, o] * x[m, o]"}
  - {name: Up, einsum: "u[m, u] = r[m, o] * wu[o, u]"}
  - {name: Down, einsum: "y[m, d] = u[m, u] * wd[u, d]"}
"""


def values(made: FusedGraph, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor of the graph, computed problem by problem from the definition; parts of a join one behind the other."""
    found = dict(given)
    for layer in made.layers:
        problem = layer.problem
        out = onnx_models.run(problem, *[operand(made, problem, t.name, found) for t in problem.inputs])
        layout = made.layouts[problem.output.name]
        flat = out.reshape(*out.shape[: layout.aligned], -1)
        before = found.get(problem.output.name)
        found[problem.output.name] = flat if before is None else np.concatenate([before, flat], axis=-1)
    return found


def operand(made: FusedGraph, problem, name: str, found: dict[str, np.ndarray]) -> np.ndarray:
    tensor, data = problem.tensor(name), found[name]
    if name not in made.layouts or name not in made.producer:
        return data
    shape = onnx_models.stored_shape(problem, tensor)
    # A reader of some parts of a join takes the first ones here.
    return data[..., : prod(shape[made.layouts[name].aligned :])]


def meaning(path: Path, names: dict[str, tuple[int, ...]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What the file computes by ONNX's own reference, from random whole numbers."""
    rng = np.random.default_rng(7)
    data = {n: rng.integers(-2, 3, s).astype(np.float32) for n, s in names.items()}
    loaded = onnx.load(path, load_external_data=False)
    for tensor in list(loaded.graph.initializer):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            loaded.graph.initializer.remove(tensor)
            loaded.graph.initializer.append(onnx.numpy_helper.from_array(data[tensor.name], tensor.name))
    inputs = {i.name: data[i.name] for i in loaded.graph.input}
    (result,) = ReferenceEvaluator(loaded).run(None, inputs)
    return result, data


def test_an_attention_computes_what_its_file_does(tmp_path: Path) -> None:
    b = fused_models.Builder()
    packed = b.add("MatMul", "x", b.weight("w", 6, 18), out="packed")
    b.add("Split", packed, b.number("thirds", [6, 6, 6]), out=["q", "k", "v"], axis=2)
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        b.add("Transpose", b.reshape(name, f"{name}.split", 1, 4, 2, 3), out=f"{name}.t", perm=order)
    b.add("MatMul", "q.t", "k.t", out="scores")
    b.add("MatMul", "scores", "v.t", out="context")
    joined = b.reshape(b.add("Transpose", "context", out="context.t", perm=[0, 2, 1, 3]), "joined", 1, 4, 6)
    b.add("Mul", "x", b.add("MatMul", joined, b.weight("o", 6, 6), out="projected"), out="y")
    path = b.file(tmp_path, {"x": [1, 4, 6]}, ["y"])
    expected, data = meaning(path, {"x": (1, 4, 6), "w": (6, 18), "o": (6, 6)})
    _, made = graph(path)
    parts = {f"MatMul_0.{k}.W": data["w"][:, 6 * k : 6 * k + 6] for k in range(3)}
    weights = {layer.problem.name: layer.problem for layer in made.layers}
    assert set(parts) < {t for p in weights.values() for t in [x.name for x in p.tensors]}
    found = values(made, {"x": data["x"], "MatMul_12.W": data["o"], **parts})
    np.testing.assert_array_equal(found["y"].reshape(expected.shape), expected)


def test_a_join_of_convolutions_computes_what_its_file_does(tmp_path: Path) -> None:
    b = fused_models.Builder()
    stem = fused_models.conv(b, "x", "stem", 2, 3)
    parts = [fused_models.conv(b, stem, "a", 3, 2), fused_models.conv(b, stem, "b", 3, 4, 3)]
    fused_models.conv(b, b.add("Concat", *parts, out="cat", axis=1), "y", 6, 2, 3)
    path = b.file(tmp_path, {"x": [1, 2, 4, 4]}, ["y"])
    shapes = {"x": (1, 2, 4, 4), **b.weights}
    expected, data = meaning(path, shapes)
    _, made = graph(path)
    weights = {f"Conv_{i}.W": data[f"{n}.w"] for i, n in ((0, "stem"), (1, "a"), (2, "b"), (4, "y"))}
    found = values(made, {"x": data["x"], **weights})
    np.testing.assert_array_equal(found["y"].reshape(expected.shape), expected)


def test_a_block_as_einsums_has_the_same_optimum(einsums: FusedGraph, tmp_path: Path) -> None:
    b = fused_models.Builder()
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        product = b.add("MatMul", "x", b.weight(f"{name}.w", 16, 16), out=name)
        b.add("Transpose", b.reshape(product, f"{name}.split", 1, 8, 2, 8), out=f"{name}.t", perm=order)
    b.add("MatMul", b.add("MatMul", "q.t", "k.t", out="s"), "v.t", out="a")
    joined = b.reshape(b.add("Transpose", "a", out="a.t", perm=[0, 2, 1, 3]), "joined", 1, 8, 16)
    added = b.add("Add", b.add("MatMul", joined, b.weight("z.w", 16, 16), out="z"), "x", out="r")
    hidden = b.add("MatMul", added, b.weight("u.w", 16, 32), out="u")
    b.add("MatMul", b.add("Relu", hidden, out="relu"), b.weight("d.w", 32, 16), out="y")
    _, made = graph(b.file(tmp_path, {"x": [1, 8, 16]}, ["y"]), 3000)
    for objective in ("energy", "latency"):
        one, other = (fused_optimal(g, objective, max_fused_loops=1) for g in (made, einsums))
        assert one.status == other.status == "optimal" and one.value == pytest.approx(other.value, rel=1e-9)
        assert one.unfused == pytest.approx(other.unfused, rel=1e-9)
        assert one.value < one.unfused or objective == "latency"


def test_overlapping_tiles_stop_at_a_normalisation(tmp_path: Path) -> None:
    def network(normed: bool) -> FusedResult:
        b = fused_models.Builder()
        first = fused_models.conv(b, "x", "a", 1, 2, 3)
        if normed:
            first = b.add("InstanceNormalization", first, b.weight("g", 2), b.weight("h", 2), out="n")
        fused_models.conv(b, first, "y", 2, 1, 3)
        _, made = graph(b.file(tmp_path, {"x": [1, 1, 8, 8]}, ["y"]), 900)
        return fused_optimal(made, "energy", max_fused_loops=1, halo=HaloOptions())

    # Two channels of 8 x 8 values do not fit; a window of rows does, but only where no value needs all of them.
    assert {tile.tensor for tile in network(normed=False).tiles} == {"a"}
    assert network(normed=True).tiles == ()


@pytest.mark.parametrize("bits", [56, 88])
def test_a_join_costs_what_the_best_of_all_schedules_costs(tmp_path: Path, bits: int) -> None:
    b = fused_models.Builder()
    b.add("MatMul", "x", b.weight("wa", 2, 1), out="a")
    b.add("MatMul", "x", b.weight("wb", 2, 2), out="b")
    b.add("MatMul", b.add("Concat", "a", "b", out="c", axis=1), b.weight("wc", 3, 1), out="y")
    _, made = graph(b.file(tmp_path, {"x": [2, 2]}, ["y"]), bits)
    assert made.layouts["c"].extents == (2, 3) and made.uses["c"] == (0, 1, 2)
    rows = all_rows(made, 1)
    for objective in ("energy", "latency"):
        result = fused_optimal(made, objective, max_fused_loops=1)
        assert result.value == pytest.approx(best_of(made, rows, objective), rel=1e-12)
        # All of the join is reserved, or the tile of it that a shared loop makes.
        for moment in result.cost.moments if result.cost else ():
            assert {r.bits for r in moment.alive if r.tensor == "c" and not r.owner} <= {24, 48}
