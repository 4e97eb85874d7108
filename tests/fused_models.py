"""Networks as exporters write them, with shapes and without weights: transformer blocks and nets with joins, for tests."""

from __future__ import annotations

import numpy as np

from onnx_models import model

Node = tuple


class Builder:
    """Nodes in order; every weight is declared by its shape only."""

    def __init__(self):
        self.nodes: list[Node] = []
        self.weights: dict[str, tuple[int, ...]] = {}
        self.values: dict[str, object] = {}

    def add(self, operator, *inputs, out, **attributes):
        self.nodes.append((operator, inputs, [out] if isinstance(out, str) else out, attributes))
        return out

    def weight(self, name, *shape):
        self.weights[name] = shape
        return name

    def number(self, name, value):
        self.values[name] = value
        return name

    def linear(self, x, name, k, n):
        product = self.add("MatMul", x, self.weight(f"{name}.w", k, n), out=f"{name}.mm")
        return self.add("Add", self.weight(f"{name}.b", n), product, out=name)

    def reshape(self, x, out, *shape):
        return self.add("Reshape", x, self.number(f"{out}.to", list(shape)), out=out)

    def norm(self, x, name, d):
        """Layer normalisation in single operators, as older exporters write it."""
        mean = self.add("ReduceMean", x, out=f"{name}.mean", axes=[-1])
        centred = self.add("Sub", x, mean, out=f"{name}.centred")
        square = self.add("Pow", centred, self.number(f"{name}.two", 2.0), out=f"{name}.square")
        variance = self.add("ReduceMean", square, out=f"{name}.variance", axes=[-1])
        safe = self.add("Add", variance, self.number(f"{name}.eps", 1e-5), out=f"{name}.safe")
        deviation = self.add("Sqrt", safe, out=f"{name}.deviation")
        scaled = self.add("Div", centred, deviation, out=f"{name}.unit")
        scaled = self.add("Mul", scaled, self.weight(f"{name}.g", d), out=f"{name}.scaled")
        return self.add("Add", scaled, self.weight(f"{name}.b", d), out=name)

    def gelu(self, x, name):
        inner = self.add("Div", x, self.number(f"{name}.r2", 1.4142135), out=f"{name}.inner")
        erf = self.add("Erf", inner, out=f"{name}.erf")
        more = self.add("Add", erf, self.number(f"{name}.one", 1.0), out=f"{name}.more")
        product = self.add("Mul", x, more, out=f"{name}.product")
        return self.add("Mul", product, self.number(f"{name}.half", 0.5), out=name)

    def file(self, folder, inputs, outputs, opset=13):
        path = folder / "network.onnx"
        made = model(self.nodes, inputs, outputs, weights=self.weights, values=self.values, opset=opset)
        path.write_bytes(made.SerializeToString())
        return path


def attention(b, q, k, v, s, heads, d, *, mask=None):
    """Scaled dot products of [1, heads, s, d]; keys come transposed already."""
    scores = b.add("MatMul", q, k, out="scores")
    scaled = b.add("Div", scores, b.number("root", np.float32(2)), out="scaled")
    if mask:
        scaled = b.add("Add", scaled, mask, out="masked")
    shares = b.add("Softmax", scaled, out="shares", axis=-1)
    context = b.add("MatMul", shares, v, out="context")
    turned = b.add("Transpose", context, out="context.t", perm=[0, 2, 1, 3])
    return b.reshape(turned, "joined", 1, s, heads * d)


def encoder(folder, s=16, heads=2, d=8, wide=32):
    """A block of an encoder: separate Q, K, V; addition, then normalisation; Gelu in single operators."""
    b, width = Builder(), heads * d
    turned = {}
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        split = b.reshape(b.linear("x", name, width, width), f"{name}.split", 1, s, heads, d)
        turned[name] = b.add("Transpose", split, out=f"{name}.t", perm=order)
    joined = attention(b, turned["q"], turned["k"], turned["v"], s, heads, d)
    added = b.add("Add", "x", b.linear(joined, "projection", width, width), out="added1")
    normed = b.norm(added, "norm1", width)
    hidden = b.gelu(b.linear(normed, "up", width, wide), "gelu")
    added = b.add("Add", normed, b.linear(hidden, "down", wide, width), out="added2")
    b.norm(added, "y", width)
    return b.file(folder, {"x": [1, s, width]}, ["y"])


def decoder(folder, s=16, heads=2, d=8, wide=32):
    """A block of a decoder as GPT-2 has it: normalisation first, one product for Q, K and V that is split, a mask."""
    b, width = Builder(), heads * d
    normed = b.add("LayerNormalization", "x", b.weight("n1", width), out="norm1", axis=-1)
    packed = b.linear(normed, "qkv", width, 3 * width)
    b.add("Split", packed, b.number("thirds", [width] * 3), out=["q", "k", "v"], axis=2)
    turned = {}
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        split = b.reshape(name, f"{name}.split", 1, s, heads, d)
        turned[name] = b.add("Transpose", split, out=f"{name}.t", perm=order)
    joined = attention(b, turned["q"], turned["k"], turned["v"], s, heads, d, mask="mask")
    added = b.add("Add", "x", b.linear(joined, "projection", width, width), out="added1")
    normed = b.add("LayerNormalization", added, b.weight("n2", width), out="norm2", axis=-1)
    hidden = b.gelu(b.linear(normed, "up", width, wide), "gelu")
    b.add("Add", added, b.linear(hidden, "down", wide, width), out="y")
    return b.file(folder, {"x": [1, s, width], "mask": [1, 1, s, s]}, ["y"], opset=17)


def conv(b, x, name, c, k, size=1, stride=1):
    weight = b.weight(f"{name}.w", k, c, size, size)
    return b.add("Conv", x, weight, out=name, pads=[size // 2] * 4, strides=[stride] * 2, kernel_shape=[size] * 2)


def dense(folder, layers=3, growth=4, start=8, size=8):
    """A dense block: every layer reads all that was written before."""
    b = Builder()
    parts, width = [conv(b, "x", "stem", 3, start, 3)], start
    for i in range(layers):
        joined = parts[0] if i == 0 else b.add("Concat", *parts, out=f"cat{i}", axis=1)
        inner = b.add("Relu", conv(b, joined, f"one{i}", width, 2 * growth), out=f"relu{i}")
        parts.append(conv(b, inner, f"three{i}", 2 * growth, growth, 3))
        width += growth
    joined = b.add("Concat", *parts, out="all", axis=1)
    conv(b, joined, "y", width, 8)
    return b.file(folder, {"x": [1, 3, size, size]}, ["y"])


def fire(folder, size=8):
    """Two expansions of one squeezed map, joined (SqueezeNet)."""
    b = Builder()
    squeezed = b.add("Relu", conv(b, "x", "squeeze", 8, 4), out="s")
    left = b.add("Relu", conv(b, squeezed, "e1", 4, 8), out="e1r")
    right = b.add("Relu", conv(b, squeezed, "e3", 4, 8, 3), out="e3r")
    joined = b.add("Concat", left, right, out="cat", axis=1)
    conv(b, joined, "y", 16, 4)
    return b.file(folder, {"x": [1, 8, size, size]}, ["y"])


def unet(folder, size=8):
    """Down, up and a join over the long skip."""
    b = Builder()
    skip = b.add("Relu", conv(b, "x", "enter", 3, 8, 3), out="skip")
    low = b.add("MaxPool", skip, out="pooled", kernel_shape=[2, 2], strides=[2, 2])
    low = b.add("Relu", conv(b, low, "deep", 8, 16, 3), out="deepr")
    high = b.add(
        "Resize", low, "", b.number("scales", np.array([1, 1, 2, 2], np.float32)), out="larger", mode="nearest"
    )
    high = conv(b, high, "narrow", 16, 8)
    conv(b, b.add("Concat", skip, high, out="cat", axis=1), "y", 16, 4, 3)
    return b.file(folder, {"x": [1, 3, size, size]}, ["y"])
