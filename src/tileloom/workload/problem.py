"""One layer's computation: iteration dimensions, tensors with affine projections, and what is computed.

A `Problem` is any einsum with affine indices (convolution, GEMM, attention, arbitrary contractions); it is not a
fixed list of layer types. It knows nothing of networks (network.py), files (frontends/) or hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Literal

from tileloom.core.errors import InputError, did_you_mean

Role = Literal["input", "weight", "output"]
ROLES: tuple[Role, ...] = ("input", "weight", "output")

MAX_EXTENT = 2**40
"""Extents above this are taken for a mistake; products of them would leave int64."""


@dataclass(frozen=True, slots=True)
class Dim:
    """One dimension of the iteration space, `for name in range(extent)`."""

    name: str
    extent: int


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a tensor: index = sum of coefficient * dim + offset, coefficients positive.

    `extent` is the allocated size when it is known and differs from what the indices span; `pad_lo`/`pad_hi` count
    positions of the span that are padding and hold no data.
    """

    terms: tuple[tuple[str, int], ...]
    offset: int = 0
    extent: int | None = None
    pad_lo: int = 0
    pad_hi: int = 0

    def span(self, tile: Mapping[str, int]) -> int:
        """Positions from the first to the last index touched by a tile: 1 + sum c * (tile - 1)."""
        span = 1
        for dim, coefficient in self.terms:
            span += coefficient * (tile[dim] - 1)
        return span

    def __str__(self) -> str:
        text = "+".join(d if c == 1 else f"{c}*{d}" for d, c in self.terms)
        return text or "0"


@dataclass(frozen=True)
class Tensor:
    """A tensor the problem reads or writes. Exactly one has the role 'output'."""

    name: str
    role: Role
    axes: tuple[Axis, ...]
    bits: int = 8

    @property
    def is_output(self) -> bool:
        return self.role == "output"

    @cached_property
    def dims(self) -> frozenset[str]:
        """Dimensions that move this tensor's tile."""
        return frozenset(d for axis in self.axes for d, _ in axis.terms)

    def footprint(self, tile: Mapping[str, int]) -> int:
        """Elements of the hyper-rectangle touched by a tile (gaps of a stride larger than the kernel included)."""
        elements = 1
        for axis in self.axes:
            elements *= axis.span(tile)
        return elements

    def relevance(self, dim: str) -> Literal["relevant", "partial", "irrelevant"]:
        """'relevant': alone on every axis that has it; 'partial': in a sum with another (halo); 'irrelevant': absent."""
        return "irrelevant" if dim not in self.dims else "partial" if dim in self._summed else "relevant"

    @cached_property
    def _summed(self) -> frozenset[str]:
        """Dimensions in a sum with another."""
        return frozenset(d for axis in self.axes if len(axis.terms) > 1 for d, _ in axis.terms)

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(str(a) for a in self.axes)}]"


@dataclass(frozen=True)
class Problem:
    """What is computed: for every point of the iteration space, output (reduce)= combine(inputs).

    name     label for reports; not part of `signature`
    dims     ordered; a dim is a reduction iff it is absent from the output
    tensors  inputs and weights in the order of the expression, exactly one output
    op       what it came from: 'conv2d', 'matmul', 'einsum', 'elementwise', ... (information, never a switch)
    copy     True for pure data movement (no multiply)
    """

    name: str
    dims: tuple[Dim, ...]
    tensors: tuple[Tensor, ...]
    op: str = "einsum"
    copy: bool = False

    def __post_init__(self) -> None:
        errors = list(_faults(self))
        if errors:
            raise InputError([f"problem '{self.name}': {e}" for e in errors])

    @cached_property
    def extents(self) -> dict[str, int]:
        return {d.name: d.extent for d in self.dims}

    @cached_property
    def output(self) -> Tensor:
        return next(t for t in self.tensors if t.is_output)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(t for t in self.tensors if not t.is_output)

    @cached_property
    def reduction_dims(self) -> frozenset[str]:
        return frozenset(self.extents) - self.output.dims

    @cached_property
    def macs(self) -> int:
        """Points of the iteration space. Padding positions count, as in every peer."""
        return prod(self.extents.values())

    def tensor(self, name: str) -> Tensor:
        for t in self.tensors:
            if t.name == name:
                return t
        known = [t.name for t in self.tensors]
        raise InputError(f"problem '{self.name}' has no tensor '{name}'{did_you_mean(name, known)}; it has {known}")

    def size(self, tensor: str) -> int:
        """Elements of the whole tensor that are touched."""
        return self.tensor(tensor).footprint(self.extents)

    @cached_property
    def signature(self) -> tuple[object, ...]:
        """Equal for problems that differ only in names: the key by which a network merges its layers.

        Dims are numbered by position, so two layers merge when their loops and projections agree in order.
        """
        number = {d.name: i for i, d in enumerate(self.dims)}
        tensors = tuple(
            (
                t.role,
                t.bits,
                tuple(
                    (tuple((number[d], c) for d, c in a.terms), a.offset, a.extent, a.pad_lo, a.pad_hi) for a in t.axes
                ),
            )
            for t in self.tensors
        )
        return tuple(d.extent for d in self.dims), tensors, self.op, self.copy

    def with_name(self, name: str) -> Problem:
        return replace(self, name=name)

    @property
    def equation(self) -> str:
        """'O[n, k, p, q] += I[n, c, p+r, q+s] * W[k, c, r, s]'."""
        right = " * ".join(str(t) for t in self.inputs)
        return f"{self.output} {'+=' if self.reduction_dims else '='} {right}"

    def __str__(self) -> str:
        sizes = " ".join(f"{d.name}={d.extent}" for d in self.dims)
        return f"{self.name}: {self.equation}  ({sizes})"


def _faults(problem: Problem) -> list[str]:
    faults: list[str] = []
    names = [d.name for d in problem.dims]
    tensor_names = [t.name for t in problem.tensors]
    for kind, listed in (("dimension", names), ("tensor", tensor_names)):
        for name in sorted({n for n in listed if listed.count(n) > 1}):
            faults.append(f"{kind} '{name}' appears twice")
    for d in problem.dims:
        if not 1 <= d.extent <= MAX_EXTENT:
            faults.append(f"dimension '{d.name}' has extent {d.extent}; expected 1 to {MAX_EXTENT}")
    outputs = [t.name for t in problem.tensors if t.is_output]
    if len(outputs) != 1:
        faults.append(f"exactly one output tensor is needed, got {outputs or 'none'}")
    if len(problem.tensors) < 2:
        faults.append("at least one input tensor is needed")
    used: set[str] = set()
    for t in problem.tensors:
        if not 1 <= t.bits <= 1024:
            faults.append(f"tensor '{t.name}' has {t.bits} bits per value; expected 1 to 1024")
        for axis in t.axes:
            for dim, c in axis.terms:
                used.add(dim)
                if dim not in names:
                    faults.append(
                        f"tensor '{t.name}' uses dimension '{dim}'{did_you_mean(dim, names)}, which is not declared"
                    )
                if c < 1:
                    faults.append(f"tensor '{t.name}': coefficient {c} of '{dim}' must be positive")
    faults.extend(
        f"dimension '{n}' indexes no tensor" for n in names if n not in used and problem.extents.get(n, 1) > 1
    )
    return faults
