"""A layer as co-design sees it: the numbers that decide its cost, small enough to be a key. Costs nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple, Protocol

from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.workload.layers import conv2d, depthwise, gemm
from tileloom.workload.problem import Problem


class Unit(Protocol):
    """What a table of costs has a column for; hashable, equal where the cost is equal."""

    @property
    def macs(self) -> int: ...

    @property
    def weights(self) -> int: ...

    def directive_layer(self) -> DirectiveLayer:
        """The layer as MAESTRO's model takes it, without a dataflow."""

    def problem(self) -> Problem:
        """The layer as every other model and mapper takes it."""


class ConvLayer(NamedTuple):
    """Sizes of one convolution as the co-design study records them; y and x are rows and columns of the INPUT.

    kind     CONV or DSCONV (depthwise: one filter per channel, k is 1)
    stride   of rows and columns; None for a fully connected layer, which is a 1x1 convolution of one point

    The study's front end drops padding, so MAESTRO's model sees (y - r) / stride + 1 output rows; `problem` and `macs`
    take the padding that keeps ceil(y / stride).
    """

    kind: str
    k: int
    c: int
    r: int
    s: int
    y: int
    x: int
    stride: int | None = 1

    @property
    def macs(self) -> int:
        """Multiplications, with ceil(input / stride) outputs."""
        step = self.stride or 1
        return self.k * self.c * self.r * self.s * -(-self.y // step) * -(-self.x // step)

    @property
    def weights(self) -> int:
        return self.k * self.c * self.r * self.s

    def directive_layer(self) -> DirectiveLayer:
        sizes = (("K", self.k), ("C", self.c), ("R", self.r), ("S", self.s), ("Y", self.y), ("X", self.x))
        strides = () if self.stride is None else (("X", self.stride), ("Y", self.stride))
        return DirectiveLayer(str(self), self.kind, sizes, strides)

    def problem(self) -> Problem:
        if self.stride is None:
            return gemm(str(self), M=1, N=self.k, K=self.c)
        sizes = {"R": self.r, "S": self.s, "P": -(-self.y // self.stride), "Q": -(-self.x // self.stride)}
        if self.kind == "DSCONV":
            return depthwise(str(self), channels=self.c, stride=self.stride, **sizes)
        return conv2d(str(self), K=self.k, C=self.c, stride=self.stride, **sizes)

    def __str__(self) -> str:
        if self.stride is None:
            return f"fc_{self.c}_{self.k}"
        name = f"dw{self.c}" if self.kind == "DSCONV" else f"conv{self.c}_{self.k}"
        return f"{name}_{self.r}x{self.s}_in{self.y}x{self.x}_s{self.stride}"


def conv(k: int, c: int, size: int, y: int, stride: int = 1) -> ConvLayer:
    """A square convolution on a square map of y by y inputs.

    >>> print(conv(64, 3, 7, 224, 2))
    conv3_64_7x7_in224x224_s2
    """
    return ConvLayer("CONV", k, c, size, size, y, y, stride)


def channelwise(c: int, size: int, y: int, stride: int = 1) -> ConvLayer:
    """A square depthwise convolution on a square map."""
    return ConvLayer("DSCONV", 1, c, size, size, y, y, stride)


def fully_connected(inputs: int, outputs: int) -> ConvLayer:
    return ConvLayer("CONV", outputs, inputs, 1, 1, 1, 1, None)


@dataclass(frozen=True)
class ProblemUnit:
    """A layer of any imported network. `of` has no name of its own, so that equal shapes are one unit."""

    of: Problem

    @classmethod
    def of_problem(cls, problem: Problem) -> ProblemUnit:
        return cls(replace(problem, name="layer"))

    @property
    def macs(self) -> int:
        return prod(self.of.extents.values())

    @property
    def weights(self) -> int:
        return sum(prod(a.span(self.of.extents) for a in t.axes) for t in self.of.inputs if t.role == "weight")

    def directive_layer(self) -> DirectiveLayer:
        return layer_of(self.of).layer

    def problem(self) -> Problem:
        return self.of


def total_macs(layers: Iterable[Unit]) -> int:
    return sum(layer.macs for layer in layers)


def total_weights(layers: Iterable[Unit]) -> int:
    return sum(layer.weights for layer in layers)
