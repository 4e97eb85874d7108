"""Writes the weightless ONNX files of src/tileloom/workload/library; `python scripts/make_networks.py [FOLDER]`.

Each network is built here from the layer dimensions of its paper (see networks.yaml for the citation); weights are
graph inputs listed in the metadata entry 'tileloom.weights', so files stay tiny and any tool can infer their shapes.
Batch normalisation is taken as folded into the convolution before it, and biases are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

LIBRARY = Path(__file__).resolve().parent.parent / "src" / "tileloom" / "workload" / "library"
OPSET = 20


class Builder:
    """Collects nodes and weights; every method adds one node and returns the name of its output."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.shapes: list[onnx.TensorProto] = []
        self.weights: list[str] = []

    def input(self, name: str, dims: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(dims)))
        return name

    def weight(self, name: str, *dims: int) -> str:
        self.weights.append(name)
        return self.input(name, dims)

    def op(self, operator: str, name: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [f"{name}.out"], name=name, **attributes))
        return f"{name}.out"

    def constant(self, name: str, values: Sequence[int], scalar: bool = False) -> str:
        dims = [] if scalar else [len(values)]
        self.shapes.append(helper.make_tensor(name, TensorProto.INT64, dims, list(values)))
        return name

    def conv(
        self, name: str, x: str, c: int, k: int, size: int, stride: int = 1, pad: int | None = None, group: int = 1
    ) -> str:
        w = self.weight(f"{name}.weight", k, c // group, size, size)
        p = size // 2 if pad is None else pad
        return self.op(
            "Conv", name, x, w, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[p] * 4, group=group
        )  # fmt: skip

    def pool(self, name: str, x: str, size: int, stride: int, pad: int = 0) -> str:
        return self.op("MaxPool", name, x, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def linear(self, name: str, x: str, c: int, k: int) -> str:
        return self.op("MatMul", name, x, self.weight(f"{name}.weight", c, k))

    def head(self, name: str, x: str, c: int, k: int) -> str:
        flat = self.op("Flatten", f"{name}.flatten", x)
        return self.op("Gemm", name, flat, self.weight(f"{name}.weight", c, k))

    def norm(self, name: str, x: str, c: int) -> str:
        return self.op("LayerNormalization", name, x, self.weight(f"{name}.scale", c))

    def save(self, folder: Path, output: str, dims: Sequence[int | str]) -> None:
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, list(dims))
        graph = helper.make_graph(self.nodes, self.name, self.inputs, [result], self.shapes)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tileloom")
        model.ir_version = 9
        helper.set_model_props(model, {"tileloom.weights": json.dumps(self.weights)})
        onnx.checker.check_model(model)
        (folder / f"{self.name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def image(b: Builder, channels: int, height: int, width: int) -> str:
    return b.input("image", ["N", channels, height, width])


def alexnet(folder: Path) -> None:
    b = Builder("alexnet")
    x = b.conv("conv1", image(b, 3, 227, 227), 3, 96, 11, stride=4, pad=0)
    x = b.pool("pool1", b.op("LRN", "norm1", b.op("Relu", "relu1", x), size=5), 3, 2)
    x = b.conv("conv2", x, 96, 256, 5, group=2)
    x = b.pool("pool2", b.op("LRN", "norm2", b.op("Relu", "relu2", x), size=5), 3, 2)
    x = b.op("Relu", "relu3", b.conv("conv3", x, 256, 384, 3))
    x = b.op("Relu", "relu4", b.conv("conv4", x, 384, 384, 3, group=2))
    x = b.op("Relu", "relu5", b.conv("conv5", x, 384, 256, 3, group=2))
    x = b.head("fc6", b.pool("pool5", x, 3, 2), 256 * 6 * 6, 4096)
    x = b.head("fc7", b.op("Relu", "relu6", x), 4096, 4096)
    b.save(folder, b.head("fc8", b.op("Relu", "relu7", x), 4096, 1000), ["N", 1000])


def vgg16(folder: Path) -> None:
    b = Builder("vgg16")
    x, c = image(b, 3, 224, 224), 3
    for stage, (repeats, k) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for i in range(1, repeats + 1):
            x = b.op("Relu", f"relu{stage}_{i}", b.conv(f"conv{stage}_{i}", x, c, k, 3))
            c = k
        x = b.pool(f"pool{stage}", x, 2, 2)
    x = b.op("Relu", "relu6", b.head("fc6", x, 512 * 7 * 7, 4096))
    x = b.op("Relu", "relu7", b.head("fc7", x, 4096, 4096))
    b.save(folder, b.head("fc8", x, 4096, 1000), ["N", 1000])


def resnet(folder: Path, depth: int) -> None:
    bottleneck = depth == 50
    repeats = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth]
    b = Builder(f"resnet{depth}")
    x = b.op("Relu", "relu1", b.conv("conv1", image(b, 3, 224, 224), 3, 64, 7, stride=2))
    x, c = b.pool("pool1", x, 3, 2, pad=1), 64
    for stage, count in enumerate(repeats):
        width = 64 * 2**stage
        k = width * 4 if bottleneck else width
        for i in range(count):
            name, stride = f"layer{stage + 1}.{i}", 2 if stage and not i else 1
            if bottleneck:
                y = b.op("Relu", f"{name}.relu1", b.conv(f"{name}.conv1", x, c, width, 1))
                y = b.op("Relu", f"{name}.relu2", b.conv(f"{name}.conv2", y, width, width, 3, stride=stride))
                y = b.conv(f"{name}.conv3", y, width, k, 1)
            else:
                y = b.op("Relu", f"{name}.relu1", b.conv(f"{name}.conv1", x, c, width, 3, stride=stride))
                y = b.conv(f"{name}.conv2", y, width, k, 3)
            if stride != 1 or c != k:
                x = b.conv(f"{name}.downsample", x, c, k, 1, stride=stride, pad=0)
            x, c = b.op("Relu", f"{name}.relu", b.op("Add", f"{name}.add", x, y)), k
    b.save(folder, b.head("fc", b.op("GlobalAveragePool", "pool", x), c, 1000), ["N", 1000])


def mobilenetv2(folder: Path) -> None:
    b = Builder("mobilenetv2")
    low, high = b.input("clip.low", []), b.input("clip.high", [])
    b.weights += [low, high]

    def relu6(name: str, x: str) -> str:
        return b.op("Clip", name, x, low, high)

    x, c = relu6("stem.relu", b.conv("stem", image(b, 3, 224, 224), 3, 32, 3, stride=2)), 32
    # Table 2 of the paper: expansion, channels, repeats, stride of the first.
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for stage, (t, k, repeats, first) in enumerate(table, 1):
        for i in range(repeats):
            name, stride, hidden, y = f"block{stage}.{i}", first if i == 0 else 1, c * t, x
            if t > 1:
                y = relu6(f"{name}.expand.relu", b.conv(f"{name}.expand", y, c, hidden, 1))
            y = b.conv(f"{name}.depthwise", y, hidden, hidden, 3, stride=stride, group=hidden)
            y = b.conv(f"{name}.project", relu6(f"{name}.depthwise.relu", y), hidden, k, 1)
            x, c = b.op("Add", f"{name}.add", x, y) if stride == 1 and c == k else y, k
    x = relu6("last.relu", b.conv("last", x, c, 1280, 1))
    b.save(folder, b.head("fc", b.op("GlobalAveragePool", "pool", x), 1280, 1000), ["N", 1000])


def efficientnet_b0(folder: Path) -> None:
    b = Builder("efficientnet-b0")

    def swish(name: str, x: str) -> str:
        return b.op("Mul", f"{name}.mul", x, b.op("Sigmoid", f"{name}.sigmoid", x))

    x, c = swish("stem.swish", b.conv("stem", image(b, 3, 224, 224), 3, 32, 3, stride=2)), 32
    # Table 1 of the paper, with the kernel: expansion, kernel, channels, repeats, stride of the first.
    table = (
        (1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1), (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    )  # fmt: skip
    for stage, (t, size, k, repeats, first) in enumerate(table, 1):
        for i in range(repeats):
            name, stride, hidden, y = f"block{stage}.{i}", first if i == 0 else 1, c * t, x
            if t > 1:
                y = swish(f"{name}.expand.swish", b.conv(f"{name}.expand", y, c, hidden, 1))
            y = b.conv(f"{name}.depthwise", y, hidden, hidden, size, stride=stride, group=hidden)
            y = swish(f"{name}.depthwise.swish", y)
            # Squeeze-and-excitation: a quarter of the block's input channels.
            s = b.conv(f"{name}.squeeze", b.op("GlobalAveragePool", f"{name}.squeeze.pool", y), hidden, c // 4, 1)
            s = b.conv(f"{name}.excite", swish(f"{name}.squeeze.swish", s), c // 4, hidden, 1)
            y = b.op("Mul", f"{name}.scale", y, b.op("Sigmoid", f"{name}.excite.sigmoid", s))
            y = b.conv(f"{name}.project", y, hidden, k, 1)
            x, c = b.op("Add", f"{name}.add", x, y) if stride == 1 and c == k else y, k
    x = swish("last.swish", b.conv("last", x, c, 1280, 1))
    b.save(folder, b.head("fc", b.op("GlobalAveragePool", "pool", x), 1280, 1000), ["N", 1000])


def attention(b: Builder, name: str, x: str, width: int, heads: int, past: tuple[str, str] | None = None) -> str:
    """Multi-head self-attention; `past` names cached keys and values of shape [N, heads, S, width / heads]."""
    size = width // heads
    if "split" not in {s.name for s in b.shapes}:
        b.constant("split", [0, 0, heads, size])
        b.constant("join", [0, 0, width])
    parts = []
    for part in ("query", "key", "value"):
        y = b.op("Reshape", f"{name}.{part}.split", b.linear(f"{name}.{part}", x, width, width), "split")
        parts.append(b.op("Transpose", f"{name}.{part}.heads", y, perm=[0, 2, 1, 3]))
    query, key, value = parts
    if past:
        key = b.op("Concat", f"{name}.key.append", past[0], key, axis=2)
        value = b.op("Concat", f"{name}.value.append", past[1], value, axis=2)
    turned = b.op("Transpose", f"{name}.key.turn", key, perm=[0, 1, 3, 2])
    scores = b.op("Softmax", f"{name}.softmax", b.op("MatMul", f"{name}.scores", query, turned), axis=-1)
    y = b.op("Transpose", f"{name}.merge", b.op("MatMul", f"{name}.context", scores, value), perm=[0, 2, 1, 3])
    return b.linear(f"{name}.output", b.op("Reshape", f"{name}.join", y, "join"), width, width)


def feed_forward(b: Builder, name: str, x: str, width: int) -> str:
    y = b.op("Gelu", f"{name}.gelu", b.linear(f"{name}.up", x, width, 4 * width))
    return b.linear(f"{name}.down", y, 4 * width, width)


def bert_base(folder: Path) -> None:
    b, width = Builder("bert-base"), 768
    parts = []
    for table, rows in (("word", 30522), ("segment", 2), ("position", 512)):
        ids = b.input(f"{table}_ids", ["N", "S"], TensorProto.INT64)
        parts.append(b.op("Gather", f"embed.{table}", b.weight(f"embed.{table}.table", rows, width), ids))
    x = b.norm("embed.norm", b.op("Sum", "embed.sum", *parts), width)
    for i in range(12):
        name = f"layer{i}"
        y = attention(b, f"{name}.attention", x, width, 12)
        x = b.norm(f"{name}.norm1", b.op("Add", f"{name}.add1", x, y), width)
        y = feed_forward(b, f"{name}.ffn", x, width)
        x = b.norm(f"{name}.norm2", b.op("Add", f"{name}.add2", x, y), width)
    first = b.op("Gather", "pooler.first", x, b.constant("zero", [0], scalar=True), axis=1)
    b.save(folder, b.op("Tanh", "pooler.tanh", b.linear("pooler", first, width, width)), ["N", width])


def gpt3_layer(folder: Path, phase: str) -> None:
    """One pre-norm decoder layer of GPT-3 6.7B: width 4096, 32 heads of 128, feed-forward 16384."""
    b, width, heads = Builder(f"gpt3-6.7b-{phase}"), 4096, 32
    tokens: int | str = "S" if phase == "prefill" else 1
    x = b.input("hidden", ["N", tokens, width])
    past = None
    if phase == "decode":
        past = tuple(b.input(f"past_{part}", ["N", heads, "S", width // heads]) for part in ("key", "value"))
    y = attention(b, "attention", b.norm("norm1", x, width), width, heads, past)  # type: ignore[arg-type]
    x = b.op("Add", "add1", x, y)
    y = feed_forward(b, "ffn", b.norm("norm2", x, width), width)
    b.save(folder, b.op("Add", "add2", x, y), ["N", tokens, width])


def vit_b16(folder: Path) -> None:
    b, width = Builder("vit-b16"), 768
    x = b.conv("patches", image(b, 3, 224, 224), 3, width, 16, stride=16, pad=0)
    x = b.op("Reshape", "patches.flatten", x, b.constant("grid", [0, width, 196]))
    x = b.op("Transpose", "patches.tokens", x, perm=[0, 2, 1])
    x = b.op("Concat", "class", b.input("class_token", ["N", 1, width]), x, axis=1)
    x = b.op("Add", "position", x, b.weight("position.table", 1, 197, width))
    for i in range(12):
        name = f"layer{i}"
        y = attention(b, f"{name}.attention", b.norm(f"{name}.norm1", x, width), width, 12)
        x = b.op("Add", f"{name}.add1", x, y)
        y = feed_forward(b, f"{name}.ffn", b.norm(f"{name}.norm2", x, width), width)
        x = b.op("Add", f"{name}.add2", x, y)
    first = b.op("Gather", "head.first", b.norm("norm", x, width), b.constant("zero", [0], scalar=True), axis=1)
    b.save(folder, b.linear("head", first, width, 1000), ["N", 1000])


def plain(folder: Path, name: str, channels: int, height: int, width: int, layers: Sequence[tuple[int, int]]) -> None:
    """A chain of unpadded convolutions (kernel, output channels) with ReLU between; maps shrink towards the output."""
    b = Builder(name)
    x, c = image(b, channels, height, width), channels
    for i, (size, k) in enumerate(layers):
        x = b.conv(f"conv{i + 1}", x, c, k, size, pad=0)
        c, height, width = k, height - size + 1, width - size + 1
        if i < len(layers) - 1:
            x = b.op("Relu", f"relu{i + 1}", x)
    b.save(folder, x, ["N", c, height, width])


NETWORKS: tuple[Callable[[Path], None], ...] = (
    alexnet,
    vgg16,
    lambda f: resnet(f, 18),
    lambda f: resnet(f, 50),
    mobilenetv2,
    efficientnet_b0,
    bert_base,
    lambda f: gpt3_layer(f, "prefill"),
    lambda f: gpt3_layer(f, "decode"),
    vit_b16,
    lambda f: plain(f, "fsrcnn", 1, 554, 974, [(5, 56), (1, 12), (3, 12), (3, 12), (3, 12), (3, 12), (1, 56), (3, 16)]),
    lambda f: plain(f, "mc-cnn", 1, 384, 1250, [(3, 64)] * 4),
    lambda f: plain(f, "dmcnn-vd", 3, 552, 808, [(3, 64)] * 19 + [(3, 3)]),
)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else LIBRARY
    target.mkdir(parents=True, exist_ok=True)
    for make in NETWORKS:
        make(target)
