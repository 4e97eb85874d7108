"""What a rewrite is: another problem with the same result, how points map back, and which data it moves to get there.

Which problems an algorithm takes is in its own file; what the moved data costs on a chip is in cost/rewrite.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, Protocol

from tileloom.workload.problem import Axis, Dim, Problem, Tensor

MoveKind = Literal["transpose", "patches"]
BATCH, ROWS, COLUMNS, SUMMED = "B", "M", "N", "K"


@dataclass(frozen=True, slots=True)
class Move:
    """Data brought into another order in the outermost memory, before (inputs) or after (the output) the rewritten problem.

    reads, writes  elements;  bits: of one element;  extra_elements: storage that the native problem does not need
    """

    tensor: str
    kind: MoveKind
    reads: int
    writes: int
    bits: int
    extra_elements: int

    def __str__(self) -> str:
        return f"{self.kind} of {self.tensor}: {self.reads} reads, {self.writes} writes"


@dataclass(frozen=True)
class Rewrite:
    """`problem` computes what `native` does once its tensors lie as `layouts` say.

    algorithm  'native', 'ttgt', 'im2col';  variant: 'cheapest', 'comet', 'explicit', 'gather', 'implicit', or ''
    merges     (dim of `problem`, dims of `native` that it counts through, the slowest first)
    layouts    (tensor, native dims in the order in which `problem` stores them); a tensor of patches is stored by the
               native dims it is gathered for
    moves      what that costs in moved data; () when nothing moves
    groups     (dim of the product, dims of `problem` that are its digits) where the product is only a rule for mapping
               `problem`: what lies on one axis of an array belongs to one of them
    notes      sentences for people
    """

    algorithm: str
    variant: str
    native: Problem
    problem: Problem
    merges: tuple[tuple[str, tuple[str, ...]], ...] = ()
    layouts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    moves: tuple[Move, ...] = ()
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Extents of what runs, the product's where there is one."""
        if self.groups:
            return {name: prod(self.problem.extents[d] for d in dims) for name, dims in self.groups}
        return dict(self.problem.extents)

    @property
    def label(self) -> str:
        """'ttgt-comet'; the first variant of an algorithm has its name alone."""
        return self.algorithm if self.variant in ("", "cheapest", "explicit") else f"{self.algorithm}-{self.variant}"

    @property
    def moved_elements(self) -> int:
        """Elements written into another order."""
        return sum(m.writes for m in self.moves)

    def point_back(self, point: Mapping[str, int]) -> dict[str, int]:
        """The point of the native iteration space that a point of the rewritten one computes.

        A merged dim counts through its parts like the digits of a number, the slowest first.
        """
        if not self.merges:
            return dict(point)
        found = dict.fromkeys(self.native.extents, 0)
        for dim, parts in self.merges:
            rest = point.get(dim, 0)
            for part in reversed(parts):
                rest, found[part] = divmod(rest, self.native.extents[part])
        return found


class Refusal(str):
    """Why an algorithm does not take a problem, as a sentence."""


class Algorithm(Protocol):
    """One way to rewrite. `accepts` gives None, or the reason why not; `apply` raises UnsupportedError with it."""

    def accepts(self, problem: Problem) -> Refusal | None: ...

    def apply(self, problem: Problem) -> Rewrite: ...


@dataclass(frozen=True, slots=True)
class Classes:
    """The dims of a product of two operands by where they stand, each in the order of the problem's dims.

    batch in all three;  rows in the first and the output;  columns in the second and the output;  summed in both inputs
    """

    batch: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    summed: tuple[str, ...]
    lonely: tuple[str, ...]
    """Dims that stand in one tensor only; a matrix product has none."""


def classes_of(problem: Problem) -> Classes:
    """Sorted by the first and second input and the output; dims of extent 1 go where their tensors say."""
    first, second = (t.dims for t in problem.inputs)
    out = problem.output.dims
    where = {d: (d in first, d in second, d in out) for d in problem.extents}

    def of(*kinds: tuple[bool, bool, bool]) -> tuple[str, ...]:
        return tuple(d for d, kind in where.items() if kind in kinds)

    alone = of((True, False, False), (False, True, False), (False, False, True))
    return Classes(
        batch=of((True, True, True)),
        rows=of((True, False, True)),
        columns=of((False, True, True)),
        summed=of((True, True, False)),
        lonely=tuple(d for d in alone if problem.extents[d] > 1),
    )


def matrix_product(
    problem: Problem, batch: Sequence[str], rows: Sequence[str], columns: Sequence[str], summed: Sequence[str]
) -> tuple[Problem, tuple[tuple[str, tuple[str, ...]], ...]]:
    """The GEMM over these merged dims, with the tensors' own names, and its merges. B is left out when it counts to 1."""
    groups = [(BATCH, batch), (ROWS, rows), (COLUMNS, columns), (SUMMED, summed)]
    sizes = {name: prod(problem.extents[d] for d in parts) for name, parts in groups}
    kept = [(name, tuple(parts)) for name, parts in groups if name != BATCH or sizes[BATCH] > 1]
    front = (BATCH,) if sizes[BATCH] > 1 else ()

    def turned(tensor: Tensor, *dims: str) -> Tensor:
        return Tensor(tensor.name, tensor.role, tuple(Axis(((d, 1),)) for d in (*front, *dims)), tensor.bits)

    first, second = problem.inputs
    tensors = (turned(first, ROWS, SUMMED), turned(second, SUMMED, COLUMNS), turned(problem.output, ROWS, COLUMNS))
    dims = tuple(Dim(name, sizes[name]) for name, _ in kept)
    return Problem(problem.name, dims, tensors, op="matmul"), tuple(kept)
