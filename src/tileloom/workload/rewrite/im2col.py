"""im2col: a convolution as a matrix product of its patches with its weights.

`explicit` writes the matrix of patches to the outermost memory and reads it back; `gather` fills on-chip memories with
patches read straight from the image; `implicit` gathers them at the units, so every memory holds pieces of the image.
Groups are a batch of products.
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
    """The algorithm. gather: 'explicit', 'gather' or 'implicit'."""

    gather: Literal["explicit", "gather", "implicit"] = "explicit"

    def accepts(self, problem: Problem) -> Refusal | None:
        """Two inputs, one of which (the image) has sums or steps in its indices; all dims in at least two tensors."""
        if problem.copy or len(problem.inputs) != 2:
            return Refusal(f"im2col takes an image and weights; '{problem.name}' has {len(problem.inputs)} inputs")
        windows = [t for t in problem.tensors if _slides(problem, t)]
        if not windows:
            return Refusal(f"im2col takes sliding windows; every index of '{problem.name}' is one dim (take ttgt)")
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
        image = next(t for t in problem.inputs if _slides(problem, t))
        is_first = image is problem.inputs[0]
        sides = (classes.rows, classes.summed) if is_first else (classes.summed, classes.columns)
        layout = (*classes.batch, *sides[0], *sides[1])
        patches = prod(problem.extents[d] for d in layout)
        stored = real_elements(problem, image)
        notes: tuple[str, ...] = (f"{patches} patch elements of {stored} stored ones ({patches / stored:.3g}x)",)
        if self.gather == "implicit":
            notes += ("gathered at the units: no memory holds a patch, a tile's windows share what they overlap",)
            return Rewrite("im2col", "implicit", problem, problem, groups=merges, notes=notes)
        moves: tuple[Move, ...] = ()
        if self.gather == "explicit":
            moves = (Move(image.name, "patches", gathered_elements(problem, image), patches, image.bits, patches),)
        else:
            notes += (
                f"gathered when it leaves the outermost memory: {image} stays as it is, every patch read reads it",
            )
        layouts = ((image.name, layout),)
        return Rewrite("im2col", self.gather, problem, gemm, merges, layouts, moves, notes=notes)


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


def _slides(problem: Problem, tensor: Tensor) -> bool:
    """Whether an index is more than one dim: a sum, steps above 1 (a strided pointwise layer), or padding."""
    for axis in tensor.axes:
        moving = [c for d, c in axis.terms if problem.extents[d] > 1]
        if len(moving) > 1 or any(c > 1 for c in moving) or axis.pad_lo or axis.pad_hi:
            return True
    return False
