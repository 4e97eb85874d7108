"""A problem as dMazeRunner sees it: loops, operands with the output first, and footprints of tiles.

Any problem whose axes are sums of at most two dims will do, so grouped, dilated and rectangular layers need nothing of
their own. Costs are in reference.py and kernel.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from tileloom.core.errors import UnsupportedError
from tileloom.workload.problem import Axis, Problem, Tensor

Tile = Sequence[int]
"""Extents in the order of the loops."""


@dataclass(frozen=True, slots=True)
class NestAxis:
    """One axis of an operand: index = sum of coefficient * loop.

    terms     (loop number, coefficient)
    declared  positions of the stored axis;  realised: positions that the loops touch
    """

    terms: tuple[tuple[int, int], ...]
    declared: int
    realised: int

    def span(self, tile: Tile) -> int:
        return 1 + sum(c * (tile[v] - 1) for v, c in self.terms)


@dataclass(frozen=True, slots=True)
class Operand:
    """axes: outermost first. index: loops that move its tile, in the order of the axes, loops of one trip left out."""

    name: str
    axes: tuple[NestAxis, ...]
    index: tuple[int, ...]

    def footprint(self, tile: Tile) -> int:
        return prod(a.span(tile) for a in self.axes)


@dataclass(frozen=True)
class Nest:
    """loops: names in canonical order; operands: the output first."""

    loops: tuple[str, ...]
    extents: tuple[int, ...]
    operands: tuple[Operand, ...]

    @cached_property
    def macs(self) -> int:
        return prod(self.extents)

    @property
    def output(self) -> Operand:
        return self.operands[0]

    @cached_property
    def reductions(self) -> frozenset[int]:
        """Loops that the output lacks."""
        return frozenset(range(len(self.loops))) - frozenset(v for a in self.output.axes for v, _ in a.terms)

    @cached_property
    def filters(self) -> frozenset[int]:
        """Loops that slide in a window with another and belong to the reduction (Fx, Fy)."""
        pairs = [a.terms for o in self.operands for a in o.axes if len(a.terms) == 2]
        return frozenset(v for terms in pairs for v, _ in terms) & self.reductions

    @classmethod
    def of(cls, problem: Problem) -> Nest:
        """UnsupportedError for an axis of three or more dims."""
        number = {d.name: i for i, d in enumerate(problem.dims)}
        extents = tuple(d.extent for d in problem.dims)
        ordered = (problem.output, *problem.inputs)
        return cls(tuple(number), extents, tuple(_operand(t, number, extents, problem.name) for t in ordered))


def _operand(tensor: Tensor, number: dict[str, int], extents: tuple[int, ...], problem: str) -> Operand:
    axes = tuple(_axis(a, number, extents, f"{problem}: {tensor.name}") for a in tensor.axes)
    index = tuple(dict.fromkeys(v for a in axes for v, _ in a.terms if extents[v] > 1))
    return Operand(tensor.name, axes, index)


def _axis(axis: Axis, number: dict[str, int], extents: tuple[int, ...], where: str) -> NestAxis:
    if len(axis.terms) > 2:
        raise UnsupportedError(f"{where}: dMazeRunner's model takes at most two dims on an axis, not {axis}")
    terms = tuple((number[d], c) for d, c in axis.terms)
    realised = 1 + sum(c * (extents[v] - 1) for v, c in terms)
    stored = realised if axis.extent is None else axis.extent + 2 * axis.pad_lo
    # An image that is wider than its windows is stored whole; a window cannot leave it.
    return NestAxis(terms, max(stored, realised), realised)
