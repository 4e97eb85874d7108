"""NeuroSpector's network files: convolution layers by name, read, written, and as our problems.

K and C are counts of the whole layer in the file and of one group in `ConvLayer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.sections import check_keys, read_sections
from tileloom.workload.layers import conv2d
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Problem

COLUMNS = ("K", "B", "P", "Q", "C", "R", "S", "G", "stride")


@dataclass(frozen=True, slots=True)
class ConvLayer:
    """dims: K, B, P, Q, C, R, S, G with K and C of one group. One stride for both axes, no padding, no dilation."""

    name: str
    dims: tuple[int, ...]
    stride: int

    @property
    def macs(self) -> int:
        total = 1
        for extent in self.dims:
            total *= extent
        return total

    @property
    def input_height(self) -> int:
        return (self.dims[2] - 1) * self.stride + self.dims[5]

    @property
    def input_width(self) -> int:
        return (self.dims[3] - 1) * self.stride + self.dims[6]

    def problem(self, bits: int = 8) -> Problem:
        """The layer as a `Problem` with our dimension names (the batch is N)."""
        K, B, P, Q, C, R, S, G = self.dims
        return conv2d(self.name, N=B, G=G, K=K, C=C, P=P, Q=Q, R=R, S=S, stride=max(1, self.stride), bits=bits)


@dataclass(frozen=True)
class LayerList:
    """A network: its layers in the order of the file."""

    name: str
    layers: tuple[ConvLayer, ...]

    def layer(self, name: str) -> ConvLayer:
        """A layer by name, in any case. InputError names the nearest one."""
        for layer in self.layers:
            if layer.name == name.lower():
                return layer
        known = [x.name for x in self.layers]
        raise InputError(f"network '{self.name}' has no layer '{name}'{did_you_mean(name.lower(), known)}")

    def network(self, bits: int = 8) -> Network:
        """The layers as our network: one after another, without the element-wise work, which the file cannot hold."""
        layers = tuple(Layer(name=x.name, problem=x.problem(bits), operator="conv2d") for x in self.layers)
        return Network(self.name, layers, source="NeuroSpector")


def read_layers(source: str | Path, *, text: str | None = None) -> LayerList:
    """The network in a file (or in `text`). Raises InputError with every fault: wrong counts, zeros, groups that do not divide."""
    sections, faults = read_sections(source, ("NETWORK", "LAYERS"), text=text)
    name = Path(source).stem
    if "NETWORK" in sections:
        check_keys(sections["NETWORK"], ("name",), faults)
        entry = sections["NETWORK"].get("name")
        name = entry.value.lower() if entry else name
    if "LAYERS" not in sections:
        faults.add(1, "section '[LAYERS]' is missing")
        faults.stop()
    layers = []
    for entry in sections["LAYERS"].entries:
        before = len(faults.found)
        *dims, stride = faults.wholes(entry, len(COLUMNS))
        if len(faults.found) > before:
            continue
        for column, extent in zip(COLUMNS, dims):
            if extent < 1:
                faults.add(entry.line, f"layer '{entry.key}': {column} is {extent}; expected at least 1")
        if stride < 1 and max(dims[2], dims[3]) > 1:
            faults.add(entry.line, f"layer '{entry.key}': stride 0 needs P = Q = 1")
        K, C, G = dims[0], dims[4], dims[7]
        if G > 0 and (K % G or C % G):
            faults.add(entry.line, f"layer '{entry.key}': K={K} and C={C} must both be multiples of G={G}")
        if len(faults.found) == before:
            dims[0], dims[4] = K // G, C // G
            layers.append(ConvLayer(entry.key, tuple(dims), stride))
    if not sections["LAYERS"].entries:
        faults.add(sections["LAYERS"].line, "[LAYERS] is empty")
    faults.stop()
    return LayerList(name, tuple(layers))


def write_layers(network: LayerList) -> str:
    """The file's text; reading it gives the same value."""
    lines = ["[NETWORK]", f"name={network.name}", "", "[LAYERS]"]
    for layer in network.layers:
        K, B, P, Q, C, R, S, G = layer.dims
        lines.append(f"{layer.name}={','.join(map(str, (K * G, B, P, Q, C * G, R, S, G, layer.stride)))}")
    return "\n".join(lines) + "\n"


Names = tuple[str | None, ...]
"""Our dimension behind each column K, B, P, Q, C, R, S, G; None where the problem has none (the column is 1)."""

CONVOLUTION: Names = ("K", "N", "P", "Q", "C", "R", "S", "G")
MATMUL: Names = ("N", "M", None, None, "K", None, None, None)


def layer_of(problem: Problem) -> tuple[ConvLayer, Names]:
    """A convolution or matrix product as a layer of this format; padding is counted as stored values.

    Dimensions are known by their letters in either case; B stands for the batch as well as N.

    Raises UnsupportedError for any other einsum, for dilation and for two different strides.
    """
    reasons = []
    own = {d.upper(): d for d in problem.extents}
    if "B" in own and "N" not in own:
        own["N"] = own.pop("B")
    columns = MATMUL if set(own) == {"M", "N", "K"} else CONVOLUTION
    names = tuple(own.get(n) if n else None for n in columns)
    stray = set(problem.extents) - {n for n in names if n}
    dims = tuple(problem.extents[n] if n else 1 for n in names)
    moved = (own.get("P"), own.get("Q"))
    strides = {c for t in problem.tensors for a in t.axes if len(a.terms) == 2 for d, c in a.terms if d in moved}
    if stray:
        reasons.append(f"dimensions {', '.join(sorted(stray))} have no column")
    if len(strides) > 1:
        reasons.append("its two strides differ")
    layer = ConvLayer(problem.name.lower(), dims, min(strides, default=1))
    if not reasons and not _same_sizes(problem, layer, names):
        reasons.append("its tensors are not those of a plain convolution or matrix product (dilation, transposed)")
    if reasons:
        raise UnsupportedError(f"NeuroSpector's tables cannot hold problem '{problem.name}': {'; '.join(reasons)}")
    return layer, names


@lru_cache(maxsize=1024)
def _terms(layer: ConvLayer) -> dict[str, set[frozenset[tuple[str, int]]]]:
    return {t.role: {frozenset(a.terms) for a in t.axes} for t in layer.problem().tensors}


def _same_sizes(problem: Problem, layer: ConvLayer, names: Names) -> bool:
    """Whether every tensor indexes what it does in the layer's own problem."""
    renamed = {n: c for n, c in zip(names, CONVOLUTION) if n}
    wanted = _terms(layer)
    for tensor in problem.tensors:
        found = {frozenset((renamed[d], c) for d, c in a.terms) for a in tensor.axes}
        present = {renamed[d] for d in problem.extents if d in renamed}
        expected = {frozenset((d, c) for d, c in terms if d in present) for terms in wanted.get(tensor.role, set())}
        if {t for t in found if t} != {t for t in expected if t}:
            return False
    return len(problem.tensors) == 3
