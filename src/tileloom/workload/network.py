"""A whole network: problems in a graph, equal ones merged with a count, everything else kept and reported.

Built by the front ends; never drops a node silently: what is not a problem is a `VectorOp` (pooling, add, softmax:
work without multiply-accumulates) or a `Skipped` (with the reason).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One node that is a problem. `inputs`/`outputs` name the tensors (edges) of the network it touches."""

    name: str
    problem: Problem
    operator: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pooling operator slides over its input, slowest axis first; `pads` holds the positions before the input."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How an operator that computes nothing places values; shapes are those of `Network.shapes`.

    reshape   the same values in the same order
    permute   axis i of the output is axis order[i] of the input
    part      output k holds, per axis of the input, `parts[k]` = (first position, number of positions)
    join      the inputs one behind the other along `axis`
    repeat    axes of size 1, or missing in front, repeated (broadcasting)
    pad       positions added around the input, which hold no data
    """

    kind: Literal["reshape", "permute", "part", "join", "repeat", "pad"]
    order: tuple[int, ...] = ()
    parts: tuple[tuple[tuple[int, int], ...], ...] = ()
    axis: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOp:
    """One node without multiply-accumulates: pooling, activation, add, softmax, normalisation, reshape.

    elements   of the output (0 when the operator moves no data, as a reshape)
    shape      of the output, () where it is not known;  window: of pooling;  move: of an operator that computes nothing
    axes       axes of the input along which a value depends on others: reduced, normalised, accumulated
    """

    name: str
    operator: str
    elements: int
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    window: Window | None = None
    move: Move | None = None
    axes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A node that could not be understood; the rest of the network is still mapped."""

    node: str
    operator: str
    reason: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctProblem:
    """A problem and the layers that share it; `count` is how many times the network runs it."""

    problem: Problem
    layers: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Network:
    """A DAG of layers and vector operations in execution order; `source` says where it came from.

    inputs, outputs   tensors that enter and leave the network, as far as the source says (() where it does not)
    shapes            of its tensors, where known
    """

    name: str
    layers: tuple[Layer, ...]
    vector_ops: tuple[VectorOp, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    source: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def problems(self) -> tuple[DistinctProblem, ...]:
        """Distinct problems in order of first use; named after the first layer that has each."""
        groups: dict[tuple[object, ...], list[Layer]] = {}
        for layer in self.layers:
            groups.setdefault(layer.problem.signature, []).append(layer)
        return tuple(
            DistinctProblem(
                problem=group[0].problem,
                layers=tuple(layer.name for layer in group),
                count=sum(layer.count for layer in group),
            )
            for group in groups.values()
        )

    @cached_property
    def macs(self) -> int:
        return sum(layer.problem.macs * layer.count for layer in self.layers)
