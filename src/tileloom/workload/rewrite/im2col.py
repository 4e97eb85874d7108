"""im2col: a convolution as a matrix product of its patches with its weights.

`explicit` writes the matrix of patches to the outermost memory and reads it back, `implicit` gathers each patch while
the product runs: nothing more is stored, the on-chip memories still see the matrix. Groups are a batch of products.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal

from tileloom.core.errors import UnsupportedError
from tileloom.workload.problem import Axis, Problem, Tensor
from tileloom.workload.rewrite.base import Move, Refusal, Rewrite, classes_of, matrix_product


@dataclass(frozen=True, slots=True)
class Im2col:
    """The algorithm. gather: 'explicit' or 'implicit'."""

    gather: Literal["explicit", "implicit"] = "explicit"

    def accepts(self, problem: Problem) -> Refusal | None:
        """Two inputs, one of which (the image) has sums of dims in its indices; all dims in at least two tensors."""
        if problem.copy or len(problem.inputs) != 2:
            return Refusal(f"im2col takes an image and weights; '{problem.name}' has {len(problem.inputs)} inputs")
        windows = [t for t in problem.tensors if any(len(_moving(problem, a)) > 1 for a in t.axes)]
        if not windows:
            return Refusal(
                f"im2col takes convolutions; no index of '{problem.name}' is a sum (a pointwise layer is a GEMM already: TTGT)"
            )
        if len(windows) > 1 or windows[0].is_output:
            names = ", ".join(t.name for t in windows)
            return Refusal(f"im2col takes sliding windows of one input; '{problem.name}' has them in {names}")
        for tensor in problem.tensors:
            if tensor is not windows[0] and any(c != 1 for a in tensor.axes for _, c in a.terms):
                return Refusal(f"im2col takes plain indices outside the image; got {tensor}")
        lonely = classes_of(problem).lonely
        if lonely:
            return Refusal(f"dim {', '.join(lonely)} stands in one tensor only; take it out of the layer first")
        return None

    def apply(self, problem: Problem) -> Rewrite:
        refused = self.accepts(problem)
        if refused is not None:
            raise UnsupportedError(str(refused))
        classes = classes_of(problem)
        gemm, merges = matrix_product(problem, classes.batch, classes.rows, classes.columns, classes.summed)
        image = next(t for t in problem.inputs if any(len(_moving(problem, a)) > 1 for a in t.axes))
        is_first = image is problem.inputs[0]
        sides = (classes.rows, classes.summed) if is_first else (classes.summed, classes.columns)
        layout = (*classes.batch, *sides[0], *sides[1])
        patches = prod(problem.extents[d] for d in layout)
        stored = real_elements(problem, image)
        blow_up = f"{patches} patch elements of {stored} stored ones ({patches / stored:.3g}x)"
        moves: tuple[Move, ...] = ()
        if self.gather == "explicit":
            moves = (Move(image.name, "patches", gathered_elements(problem, image), patches, image.bits, patches),)
            notes: tuple[str, ...] = (blow_up,)
        else:
            notes = (blow_up, f"gathered on the fly: {image} stays as it is, every patch read is a read of it")
        return Rewrite("im2col", self.gather, problem, gemm, merges, ((image.name, layout),), moves, notes)


def gathered_elements(problem: Problem, image: Tensor) -> int:
    """Stored elements read to fill every patch: positions in the padding are zero and read nothing."""
    found = 1
    counted: set[str] = set()
    for axis in image.axes:
        dims = [d for d, _ in axis.terms]
        counted.update(dims)
        found *= _inside(problem, axis)
    return found


def real_elements(problem: Problem, image: Tensor) -> int:
    """Elements of the tensor that are touched, padding left out."""
    return prod(max(1, axis.span(problem.extents) - axis.pad_lo - axis.pad_hi) for axis in image.axes)


def _inside(problem: Problem, axis: Axis) -> int:
    """Points of the axis's dims whose index is no padding. One walk over positions per dim, not over their product."""
    span = axis.span(problem.extents)
    ways = {0: 1}
    for dim, coefficient in axis.terms:
        grown: dict[int, int] = {}
        for (at, count), step in product(ways.items(), range(problem.extents[dim])):
            grown[at + coefficient * step] = grown.get(at + coefficient * step, 0) + count
        ways = grown
    return sum(count for at, count in ways.items() if axis.pad_lo <= at < span - axis.pad_hi)


def _moving(problem: Problem, axis: Axis) -> list[str]:
    return [d for d, _ in axis.terms if problem.extents[d] > 1]
