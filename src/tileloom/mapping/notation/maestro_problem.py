"""Problems as MAESTRO layers: which operator a problem is, and its dimensions under that tool's names.

What cannot be said in its terms is refused with the reason; what is said less exactly is listed as a loss.
"""

from __future__ import annotations

from dataclasses import dataclass

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.workload.problem import Axis, Problem, Tensor


@dataclass(frozen=True, slots=True)
class ProblemLayer:
    """A problem's layer.

    dims    MAESTRO's name -> the problem's dimension; Y' and X' are the output rows and columns
    losses  what the layer says less exactly than the problem
    """

    layer: DirectiveLayer
    dims: dict[str, str]
    losses: tuple[str, ...] = ()


def layer_of(problem: Problem) -> ProblemLayer:
    """A convolution of one or two spatial axes, grouped or not, or a matrix product, as a layer without a dataflow.

    Sizes along Y and X include padding. A dilated filter stands as a dense one with as many outputs; a transposed
    convolution as TRCONV over its input rows: Y' and X' then are positions of the input. Raises UnsupportedError for other
    einsums.
    """
    if len(problem.inputs) != 2:
        raise _unsupported(problem, f"it has {len(problem.inputs)} operands; two are needed")
    data, weight = _operands(problem)
    windows = [axis for axis in data.axes if len(axis.terms) > 1]
    if not windows and not any(_is_point(problem, a) for a in problem.output.axes) and _matrix(problem, data, weight):
        return _gemm(problem, data, weight)
    return _convolution(problem, data, weight)


def _operands(problem: Problem) -> tuple[Tensor, Tensor]:
    """Data first: the operand with sliding windows, else the one that is not called a weight."""
    first, second = problem.inputs
    swap = first.role == "weight" or any(len(a.terms) > 1 for a in second.axes)
    return (second, first) if swap else (first, second)


def _is_point(problem: Problem, axis: Axis) -> bool:
    return len(axis.terms) > 1


def _matrix(problem: Problem, data: Tensor, weight: Tensor) -> bool:
    big = {d for d, e in problem.extents.items() if e > 1}
    shared = data.dims & weight.dims & problem.output.dims & big
    return not shared and len(problem.dims) <= 3


def _gemm(problem: Problem, data: Tensor, weight: Tensor) -> ProblemLayer:
    out = problem.output.dims
    rows, columns, sums = data.dims & out, weight.dims & out - data.dims, data.dims & weight.dims - out
    if not (len(rows) == len(columns) == len(sums) == 1 and len(problem.dims) == 3):
        raise _unsupported(problem, f"{problem.equation} is no product of two matrices")
    dims = {"M": next(iter(rows)), "N": next(iter(columns)), "K": next(iter(sums))}
    extents = tuple((name, problem.extents[d]) for name, d in dims.items())
    return ProblemLayer(DirectiveLayer(word(problem.name), "GEMM", extents), dims)


def _convolution(problem: Problem, data: Tensor, weight: Tensor) -> ProblemLayer:
    out, extents = problem.output.dims, problem.extents
    losses: list[str] = []
    transposed = any(len(a.terms) > 1 for a in problem.output.axes)
    if transposed and any(len(a.terms) > 1 for a in data.axes):
        raise _unsupported(problem, "both its input and its output are indexed by sums")
    sliding = problem.output if transposed else data
    windows = [_window(problem, a, weight, losses) for a in sliding.axes if len(a.terms) > 1]
    if len(windows) > 2 or any(len(a.terms) > 1 for a in weight.axes):
        raise _unsupported(problem, "it slides along more than two axes")
    windowed = {d for w in windows for d in w[:2]}
    kinds: dict[str, list[str]] = {"N": [], "G": [], "K": [], "C": []}
    for d in extents:
        if d not in windowed:
            kinds[_kind(d in data.dims, d in weight.dims, d in out)].append(d)
    dims: dict[str, str] = {}
    for name, found in kinds.items():
        real = [d for d in found if extents[d] > 1] or found[:1]
        if len(real) > 1:
            raise _unsupported(problem, f"dimensions {', '.join(real)} all play the part of {name}")
        dims.update((name, d) for d in real)
    strides = [1, 1]
    sizes: dict[str, int] = {}
    if transposed:
        windows = [(moved, kernel, extents[moved], stride) for moved, kernel, _, stride in windows]
    for i, (out_dim, in_dim, size, stride) in enumerate(windows):
        row, kernel = (("Y", "R"), ("X", "S"))[i]
        dims |= {row + "'": out_dim, kernel: in_dim}
        sizes |= {kernel: extents[in_dim], row: size}
        strides[i] = stride
    return _layer(problem, dims, sizes, strides, tuple(losses), transposed)


def _window(problem: Problem, axis: Axis, weight: Tensor, losses: list[str]) -> tuple[str, str, int, int]:
    """(output dimension, filter dimension, padded input size without dilation, stride) of a sliding axis."""
    if len(axis.terms) != 2:
        raise _unsupported(problem, f"an axis is indexed by {axis}")
    (first, a), (second, b) = axis.terms
    (moved, stride), (kernel, dilation) = (
        ((second, b), (first, a)) if first in weight.dims else ((first, a), (second, b))
    )
    if dilation != 1 and problem.extents[kernel] > 1:
        losses.append(f"{kernel}: dilation by {dilation} is not said; the layer has a dense filter and as many outputs")
    return moved, kernel, stride * (problem.extents[moved] - 1) + problem.extents[kernel], stride


def _kind(in_data: bool, in_weight: bool, in_output: bool) -> str:
    if in_data and in_weight:
        return "G" if in_output else "C"
    if in_data:
        return "N" if in_output else "C"
    return "K"


def _layer(
    problem: Problem,
    dims: dict[str, str],
    sizes: dict[str, int],
    strides: list[int],
    losses: tuple[str, ...],
    transposed: bool,
) -> ProblemLayer:
    extents = problem.extents
    of = {name: extents[d] for name, d in dims.items() if name in ("N", "G", "K", "C")} | {
        "R": 1,
        "S": 1,
        "Y": 1,
        "X": 1,
    }
    of |= sizes
    of = {"K": 1, "C": 1, "N": 1, "G": 1} | of
    if transposed:
        losses = (*losses, "TRCONV: MAESTRO evaluates it as CONV over the rows and columns of the input")
    if transposed and of["G"] > 1:
        raise _unsupported(problem, "it is both transposed and grouped")
    if of["G"] > 1 and of["K"] == of["C"] == 1:
        operator, order = "DSCONV", "CRSYX"
        of["C"] = of["G"]
        dims = {k: d for k, d in dims.items() if k not in "GKC"} | {"C": dims["G"]}
    elif of["G"] > 1:
        operator, order = "NGCONV", "GKCRSYX"
    else:
        operator, order = "TRCONV" if transposed else "CONV", "KCRSYX"
    order = ("N" if of["N"] > 1 else "") + order
    return ProblemLayer(
        DirectiveLayer(
            word(problem.name),
            operator,
            tuple((name, of[name]) for name in order),
            # TRCONV without a Stride has an inner stride of 2, as in the original's parser.
            () if transposed and strides == [2, 2] else (("X", strides[1]), ("Y", strides[0])),
        ),
        {k: d for k, d in dims.items() if k in order or k in ("Y'", "X'")},
        losses,
    )


def word(name: str) -> str:
    """A name with the characters that separate words in the format replaced."""
    return "".join("_" if c in " ,->():\t;{}/\n\r" else c for c in name) or "layer"


def _unsupported(problem: Problem, reason: str) -> UnsupportedError:
    return UnsupportedError(f"MAESTRO has no layer for problem '{problem.name}': {reason}; use the model 'loopnest'")
