"""Problems from what tensor programs say of themselves: labelled axes of a product, layouts of a convolution.

The one place where the front ends of frameworks and compilers name dimensions; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.layers import KERNEL_DIMS, OUTPUT_DIMS, conv_transpose, convolution
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor

Label = Hashable
Labels = Sequence[Label]
L = TypeVar("L", bound=Hashable)
Roles = tuple[Role, Role]

INPUT_WEIGHT: Roles = ("input", "weight")
_CLASSES = "BMNK"


def product(
    name: str,
    first: Sequence[L],
    second: Sequence[L],
    output: Sequence[L],
    extents: Mapping[L, int],
    roles: Roles = INPUT_WEIGHT,
) -> Problem:
    """The contraction of two operands whose axes carry labels, summed over the labels that the output lacks.

    Dimensions are named after what they do: B in all three, M rows of the first, N columns of the second, K summed;
    numbered (M0, M1) where there are several. A label that occurs twice in an operand is its diagonal.
    """
    axes = (tuple(first), tuple(second), tuple(output))
    if strays := [o for o in axes[2] if o not in axes[0] and o not in axes[1]]:
        raise InputError(f"output axes {strays} are in no operand")
    kinds: dict[L, str] = {}
    for label in (*axes[2], *axes[0], *axes[1]):
        kinds[label] = _kind(label, *axes)
    names: dict[L, str] = {}
    for kind in _CLASSES:
        of_kind = [label for label in kinds if kinds[label] == kind]
        names.update({label: kind if len(of_kind) == 1 else f"{kind}{i}" for i, label in enumerate(of_kind)})
    dims = tuple(Dim(n, extents[label]) for label, n in sorted(names.items(), key=lambda item: _order(item[1])))
    letters = ("I", "W") if roles != ("weight", "input") else ("W", "I")
    tensors = (
        Tensor(letters[0], roles[0], _plain(axes[0], names)),
        Tensor(letters[1], roles[1], _plain(axes[1], names)),
        Tensor("O", "output", _plain(axes[2], names)),
    )
    single = set(names.values()) >= {"M", "N", "K"}
    return Problem(name, dims, tensors, op="matmul" if single else "einsum")


def merged(operands: Sequence[Sequence[L]], extents: Mapping[L, int]) -> tuple[list[list[L]], dict[L, int]]:
    """Labels that always stand side by side in the same order are one loop: the operands and extents after merging.

    >>> merged(["bsk", "kn", "bsn"], {"b": 2, "s": 3, "k": 4, "n": 5})
    ([['b', 'k'], ['k', 'n'], ['b', 'n']], {'b': 6, 'k': 4, 'n': 5})
    """
    rows, sizes = [list(o) for o in operands], dict(extents)
    for a, b in {pair for row in rows for pair in pairwise(row)} if _repeats(rows) == 0 else ():
        holding = [row for row in rows if a in row or b in row]
        if a in sizes and b in sizes and all(_beside(row, a, b) for row in holding):
            sizes[a] *= sizes.pop(b)
            for row in holding:
                row.remove(b)
            return merged(rows, sizes)
    return rows, sizes


_LETTERS = (frozenset("bfgc"), frozenset("oigkc"), frozenset("bfgk"))
"""Letters of the axes of data, weight and output besides the spatial ones."""


def window(
    name: str,
    data: Sequence[int],
    weight: Sequence[int],
    layouts: tuple[str, str, str],
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    pad: Sequence[int],
    groups: int = 1,
    transposed: bool = False,
    output_padding: Sequence[int] = (),
    roles: Roles = INPUT_WEIGHT,
) -> Problem:
    """A convolution of tensors laid out as `layouts` say (data, weight, output), axes in that order.

    Letters: b batch; f channels of all groups, or g group with c (data) or k (output) channels of one; o and i the
    weight's output channels of all groups and input channels of one (transposed: i of all, o of one), or g, k, c;
    digits the spatial axes. `pad` holds all lows, then all highs.
    """
    if len(layouts[0]) != len(data) or len(layouts[1]) != len(weight):
        raise InputError(
            f"tensors of shapes {list(data)} and {list(weight)} are not laid out as {layouts[0]} and {layouts[1]}"
        )
    x, w = dict(zip(layouts[0], data)), dict(zip(layouts[1], weight))
    rank = sum(c.isdigit() for c in layouts[0])
    if rank not in OUTPUT_DIMS or rank != sum(c.isdigit() for c in layouts[1]):
        raise UnsupportedError(f"a convolution of {list(data)} by {list(weight)}: 1 to 3 spatial axes are supported")
    for layout, known in zip(layouts, _LETTERS):
        axes = sorted(c for c in layout if c.isdigit())
        if axes != [str(i) for i in range(rank)] or len(set(layout)) < len(layout) or set(layout) - set(axes) - known:
            letters = ", ".join(sorted(known))
            raise InputError(f"layout {layout}: expected some of {letters} and axes 0 to {rank - 1}, each once")
    groups = w.get("g", x.get("g", groups))
    channels, kernels = _channels(x, w, groups, transposed)
    spatial = [str(i) for i in range(rank)]
    sizes = {k: w[s] for k, s in zip(KERNEL_DIMS[rank], spatial)}
    chosen = {"N": x.get("b", 1), "G": groups, "K": kernels, "C": channels, "stride": stride, "dilation": dilation}
    if transposed:
        sizes |= {p: x[s] for p, s in zip(OUTPUT_DIMS[rank], spatial)}
        extra = list(output_padding) or [0] * rank
        made = conv_transpose(name, rank, pad=list(pad), output_padding=extra, **chosen, **sizes)  # type: ignore[arg-type]
    else:
        sizes |= {d: x[s] for d, s in zip(("D", "H", "W")[3 - rank :], spatial)}
        made = convolution(name, rank, pad=list(pad), **chosen, **sizes)  # type: ignore[arg-type]
    return _laid_out(made, layouts, rank, roles, transposed)


def with_bits(problem: Problem, widths: Sequence[int]) -> Problem:
    """The problem with one width per tensor, in the order of its tensors. InputError for another number of them."""
    if len(widths) != len(problem.tensors):
        raise InputError(f"{len(widths)} operands and results, where {len(problem.tensors)} tensors are needed")
    return replace(problem, tensors=tuple(replace(t, bits=w) for t, w in zip(problem.tensors, widths, strict=True)))


def permuted_output(problem: Problem, permutation: Sequence[int]) -> Problem:
    """The problem writing its output transposed: axis i of the result is axis permutation[i] of the output."""
    out = problem.output
    if sorted(permutation) != list(range(len(out.axes))):
        raise InputError(f"{list(permutation)} is no order of {len(out.axes)} axes")
    turned = replace(out, axes=tuple(out.axes[i] for i in permutation))
    return replace(problem, tensors=tuple(turned if t.is_output else t for t in problem.tensors))


def _kind(label: Label, first: Labels, second: Labels, output: Labels) -> str:
    if label not in output:
        return "K"
    if label in first and label in second:
        return "B"
    return "M" if label in first else "N"


def _order(name: str) -> tuple[int, int]:
    return _CLASSES.index(name[0]), int(name[1:] or 0)


def _plain(labels: Sequence[L], names: Mapping[L, str]) -> tuple[Axis, ...]:
    return tuple(Axis(((names[label], 1),)) for label in labels)


def _repeats(rows: Sequence[Sequence[object]]) -> int:
    return sum(len(row) - len(set(row)) for row in rows)


def _beside(row: Sequence[L], a: L, b: L) -> bool:
    return a in row and b in row and row.index(b) == row.index(a) + 1


def _channels(x: Mapping[str, int], w: Mapping[str, int], groups: int, transposed: bool) -> tuple[int, int]:
    """(input, output) channels of one group; InputError when the shapes disagree."""
    total = x.get("f", groups * x.get("c", 1))
    if transposed:
        channels, kernels = w["i"] // max(1, groups), w["o"]
        fits = w["i"] == total and groups * channels == total
    else:
        channels, kernels = w.get("i", w.get("c", 1)), w["o"] // max(1, groups) if "o" in w else w.get("k", 1)
        fits = groups * channels == total and w.get("o", groups * kernels) == groups * kernels
    if groups < 1 or not fits or channels < 1 or kernels < 1:
        raise InputError(f"{total} input channels in {groups} groups do not fit weights {dict(w)}")
    return channels, kernels


def _laid_out(problem: Problem, layouts: tuple[str, str, str], rank: int, roles: Roles, transposed: bool) -> Problem:
    """The tensors' axes in the order that the layouts give."""
    held: tuple[dict[str, str], ...] = (
        {"b": "N", "f": "GC", "g": "G", "c": "C"},
        {"o": "K", "i": "GC"} if transposed else {"o": "GK", "i": "C", "g": "G", "k": "K", "c": "C"},
        {"b": "N", "f": "GK", "g": "G", "k": "K"},
    )
    tensors = []
    for tensor, layout, means in zip(problem.tensors, layouts, held):
        by_dim = {a.terms[0][0]: a for a in tensor.axes if len(a.terms) == 1}
        spatial = tensor.axes[-rank:]
        axes: list[Axis] = []
        for letter in layout:
            axes += [spatial[int(letter)]] if letter.isdigit() else [by_dim[d] for d in means[letter]]
        # Dimensions of extent 1 that the layout has no letter for keep their axis, in front.
        spare = [a for a in tensor.axes if a not in axes]
        tensors.append(replace(tensor, axes=(*spare, *axes)))
    if roles == ("weight", "input"):
        data, kernel, out = tensors
        tensors = [replace(data, role="weight"), replace(kernel, role="input"), out]
    return replace(problem, tensors=tuple(tensors))
