"""A transformer block as an exporter writes it, fused with proof: reshapes and transpositions are only views."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

import tileloom as tl
from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.explore.fused_record import FusedAnswer, write_fused_run
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network
from tileloom.report.fused import write_fused_page

ROWS, HEADS, HEAD = 16, 2, 8
WIDTH = HEADS * HEAD
nodes, values = [], {"heads": [1, ROWS, HEADS, HEAD], "rows": [1, ROWS, WIDTH], "thirds": [WIDTH] * 3}
weights = {"qkv": [WIDTH, 3 * WIDTH], "out": [WIDTH, WIDTH], "up": [WIDTH, 2 * WIDTH], "down": [2 * WIDTH, WIDTH]}


def add(operator: str, *inputs: str, out: str | list[str], **attributes: object) -> None:
    nodes.append(helper.make_node(operator, inputs, [out] if isinstance(out, str) else out, **attributes))


add("MatMul", "x", "qkv", out="packed")
add("Split", "packed", "thirds", out=["q", "k", "v"], axis=2)
for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
    add("Reshape", name, "heads", out=f"{name}.split")
    add("Transpose", f"{name}.split", out=f"{name}.heads", perm=order)
add("MatMul", "q.heads", "k.heads", out="scores")
add("Softmax", "scores", out="shares", axis=-1)
add("MatMul", "shares", "v.heads", out="context")
add("Transpose", "context", out="context.rows", perm=[0, 2, 1, 3])
add("Reshape", "context.rows", "rows", out="joined")
add("MatMul", "joined", "out", out="projected")
add("Add", "x", "projected", out="added")
add("MatMul", "added", "up", out="hidden")
add("Relu", "hidden", out="active")
add("MatMul", "active", "down", out="narrowed")
add("Add", "added", "narrowed", out="y")

inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, ROWS, WIDTH])]
constants = [numpy_helper.from_array(np.array(v), n) for n, v in values.items()]
constants += [numpy_helper.from_array(np.zeros(s, np.float32), n) for n, s in weights.items()]
graph = helper.make_graph(nodes, "block", inputs, [helper.make_empty_tensor_value_info("y")], constants)

chip = Architecture(
    "two levels",
    (
        Memory(name="DRAM", capacity_bits=None, read=Port(energy_pj=10.0), write=Port(energy_pj=10.0)),
        Memory(name="Buffer", capacity_bits=8192, read=Port(energy_pj=1.0), write=Port(energy_pj=1.0)),
        Compute(name="MAC", energy_pj=1.0),
    ),
)
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "block.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), file)
    network = tl.load_network(file)
    result = fused_optimal(graph_of_network(network, chip), "energy", max_fused_loops=1)
    answer = FusedAnswer(result, network.name, chip.name)
    print(answer)
    write_fused_run(answer, Path(folder) / "run")
    print(f"the page has {len(write_fused_page(Path(folder) / 'run').read_text())} characters")
assert result.status == "optimal" and result.value < result.unfused
