"""A program as a list of neutral nodes, and the `Network` it stands for.

Every front end that reads a tensor program (MLIR, torch, JAX, Keras) lists its operations as these few kinds; what is
a weight, what is folded before the network runs and what is skipped is decided here, once for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal, TypeAlias

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.broadcast import einsum_of_shapes, matmul_of_shapes
from tileloom.workload.frontends.contraction import Roles, merged, permuted_output, product, window, with_bits
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Layer, Move, Network, Skipped, VectorOp
from tileloom.workload.network import Window as Pool
from tileloom.workload.problem import Problem

Bits = int | Literal["as-file"]


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """shape: None where a size is not static;  bits: of one element;  weight: known before the network runs."""

    shape: tuple[int | None, ...]
    bits: int = DEFAULT_BITS
    weight: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every node has: a name (made unique later), the operator's own name, the tensors it touches, and how often
    it runs."""

    name: str
    operator: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Node):
    """`first @ second` as NumPy defines it, by the shapes of the inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Einsum(Node):
    """An einsum of all inputs, by their shapes; letters and an ellipsis."""

    equation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Node):
    """A contraction of the first two inputs: labels of their axes and of the output's, with their extents.

    merge   labels that always stand side by side become one dimension (rows of a batch that shares its weights)
    """

    labels: tuple[Sequence[str], Sequence[str], Sequence[str]]
    extents: Mapping[str, int]
    merge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Node):
    """A convolution of the first input by the second; the fields are those of `contraction.window`."""

    layouts: tuple[str, str, str]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pad: tuple[int, ...]
    groups: int = 1
    transposed: bool = False
    output_padding: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated(Node):
    """A node whose problem is known; `edges` names the tensor that each of its tensors stands for."""

    problem: Problem
    edges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector(Node):
    """Work without multiply-accumulates; `elements` None counts those of the outputs, 0 is a renaming of data.

    move, axes, window   as in `VectorOp`
    """

    elements: int | None = None
    move: Move | None = None
    axes: tuple[int, ...] = ()
    window: Pool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Node):
    """Axis i of the output is axis order[i] of the input; folded into the contraction that makes the input."""

    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread(Node):
    """An operation that is not understood, and why."""

    reason: str


def words(text: str) -> frozenset[str]:
    """The words of a text: how front ends list the names of operators."""
    return frozenset(text.split())


Arithmetic: TypeAlias = MatMul | Einsum | Product | Window | Stated
AnyNode: TypeAlias = Arithmetic | Vector | Transpose | Unread


def network_of(
    name: str,
    nodes: Iterable[AnyNode],
    tensors: Mapping[str, TensorFacts],
    *,
    source: str = "",
    bits: Bits = DEFAULT_BITS,
    outputs: Sequence[str] = (),
) -> Network:
    """The network that a list of nodes stands for, in the order of the list.

    A node that makes no sense (sizes that do not fit, sizes that are not static) becomes a `Skipped` with the reason.
    A node that reads only weights is folded before the network runs: a vector operation of 0 elements.
    """
    listed = list(nodes)
    build = _Build(tensors, bits, Counter(i for n in listed for i in set(n.inputs)))
    for node in listed:
        build.add(node)
    shapes = {t: tuple(d for d in f.shape if d is not None) for t, f in tensors.items() if None not in f.shape}
    return Network(
        name,
        tuple(build.layers),
        tuple(build.vector_ops),
        tuple(build.skipped),
        source,
        outputs=tuple(outputs),
        shapes=shapes,
    )


def _require_operands(node: Node) -> None:
    """Raises UnsupportedError for an operation whose operands, or some, are left out in the file."""
    if isinstance(node, Stated | Einsum):
        return
    least = 2 if isinstance(node, Arithmetic) else 1 if isinstance(node, Transpose) else 0
    if len(node.inputs) < least:
        raise UnsupportedError(f"{node.operator} has {len(node.inputs)} operands; at least {least} are needed")


@dataclass
class _Build:
    tensors: Mapping[str, TensorFacts]
    bits: Bits
    uses: Counter[str]
    layers: list[Layer] = field(default_factory=list)
    vector_ops: list[VectorOp] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    folded: set[str] = field(default_factory=set)
    taken: dict[str, int] = field(default_factory=dict)
    makers: dict[str, int] = field(default_factory=dict)

    def add(self, node: AnyNode) -> None:
        name = self.unique(node.name)
        if isinstance(node, Unread):
            self.skip(name, node, node.reason)
            return
        if node.inputs and all(self.is_weight(i) for i in node.inputs):
            self.folded.update(node.outputs)
            self.vector(name, node, 0)
            return
        try:
            _require_operands(node)
            if isinstance(node, Arithmetic):
                self.layer(name, node)
            elif isinstance(node, Transpose):
                folded = self.fold(node)
                move = Move(kind="reshape") if folded else Move(kind="permute", order=node.order)
                kept = Vector(name=name, operator=node.operator, inputs=node.inputs, outputs=node.outputs, move=move)
                self.vector(name, replace(kept, count=node.count), 0 if folded else self.elements(node))
            else:
                self.vector(name, node, self.elements(node) if node.elements is None else node.elements)
        except (InputError, UnsupportedError) as fault:
            self.skip(name, node, str(fault))

    def skip(self, name: str, node: AnyNode, reason: str) -> None:
        inputs = tuple(i for i in node.inputs if not self.is_weight(i))
        self.skipped.append(
            Skipped(node=name, operator=node.operator, reason=reason, inputs=inputs, outputs=node.outputs)
        )

    def layer(self, name: str, node: Arithmetic) -> None:
        problem = self.problem(name, node)
        inputs = tuple(i for i in node.inputs if not self.is_weight(i))
        self.makers.update(dict.fromkeys(node.outputs, len(self.layers)))
        self.layers.append(
            Layer(
                name=name,
                problem=problem,
                operator=node.operator,
                inputs=inputs,
                outputs=node.outputs,
                count=node.count,
            )
        )

    def vector(self, name: str, node: Node, elements: int) -> None:
        inputs = tuple(i for i in node.inputs if not self.is_weight(i))
        found = node if isinstance(node, Vector) else Vector(name=name, operator=node.operator)
        self.vector_ops.append(
            VectorOp(
                name=name,
                operator=node.operator,
                elements=elements * node.count,
                inputs=inputs,
                outputs=node.outputs,
                move=found.move,
                axes=found.axes,
                window=found.window,
            )
        )

    def problem(self, name: str, node: Arithmetic) -> Problem:
        edges = (*node.inputs[:2], *node.outputs[:1])
        if isinstance(node, Stated):
            made, edges = node.problem.with_name(name), node.edges or (*node.inputs, *node.outputs[:1])
        elif isinstance(node, Window):
            data, weight = (self.shape(i) for i in node.inputs[:2])
            made = window(
                name, data, weight, node.layouts, stride=node.stride, dilation=node.dilation, pad=node.pad,
                groups=node.groups, transposed=node.transposed, output_padding=node.output_padding,
                roles=self.roles(*node.inputs[:2]),
            )  # fmt: skip
        elif isinstance(node, MatMul):
            a, b = (self.shape(i) for i in node.inputs[:2])
            made = matmul_of_shapes(name, a, b, self.roles(*node.inputs[:2]))
        elif isinstance(node, Einsum):
            edges = (*node.inputs, *node.outputs[:1])
            roles = self.roles(*node.inputs) if len(node.inputs) == 2 else None
            made = einsum_of_shapes(name, node.equation, [self.shape(i) for i in node.inputs], roles)
        else:
            labels, extents = [list(part) for part in node.labels], dict(node.extents)
            if node.merge:
                labels, extents = merged(labels, extents)
            first, second, output = labels
            made = product(name, first, second, output, extents, self.roles(*node.inputs[:2]))
        return with_bits(made, [self.width(e) for e in edges])

    def fold(self, node: Transpose) -> bool:
        """Lets the contraction that makes the input write it transposed, if nothing else reads it."""
        maker = self.makers.get(node.inputs[0])
        if maker is None or self.uses[node.inputs[0]] > 1:
            return False
        layer = self.layers[maker]
        if layer.operator.endswith("convolution") or len(layer.problem.output.axes) != len(node.order):
            return False
        problem = permuted_output(layer.problem, node.order)
        self.layers[maker] = replace(layer, problem=problem, outputs=node.outputs)
        self.makers.update(dict.fromkeys(node.outputs, maker))
        return True

    def shape(self, tensor: str) -> tuple[int, ...]:
        found = self.tensors.get(tensor)
        if found is None:
            raise UnsupportedError(f"the shape of '{tensor}' is not stated")
        if None in found.shape:
            shown = "x".join("?" if d is None else str(d) for d in found.shape)
            raise UnsupportedError(f"E-DYN: '{tensor}' has shape {shown}; give the unknown sizes before exporting")
        return tuple(d for d in found.shape if d is not None)

    def elements(self, node: Node) -> int:
        return sum(prod(self.shape(o)) for o in node.outputs)

    def is_weight(self, tensor: str) -> bool:
        facts = self.tensors.get(tensor)
        return tensor in self.folded or (facts is not None and facts.weight)

    def roles(self, first: str, second: str) -> Roles:
        constant_first = self.is_weight(first) and not self.is_weight(second)
        return ("weight", "input") if constant_first else ("input", "weight")

    def width(self, tensor: str) -> int:
        if self.bits != "as-file":
            return self.bits
        facts = self.tensors.get(tensor)
        return facts.bits if facts else DEFAULT_BITS

    def unique(self, name: str) -> str:
        copy = self.taken.get(name, 0) + 1
        self.taken[name] = copy
        return name if copy == 1 else self.unique(f"{name}_{copy}")
