"""Loop nests as problems: iteration dimensions with affine accesses, named after what they do where that is plain.

Shared by linalg.generic and affine loops; knows no syntax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.mlir.affine import Sum
from tileloom.workload.layers import KERNEL_DIMS, OUTPUT_DIMS
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor


@dataclass(frozen=True, slots=True)
class Access:
    """One operand: an index per axis, and the sizes of the axes (None: not static)."""

    indices: tuple[Sum, ...]
    shape: tuple[int | None, ...]


def extents_of(names: Sequence[str], accesses: Sequence[Access]) -> dict[str, int]:
    """The extent of each iterator, from the axes that it indexes alone. UnsupportedError where none does."""
    found: dict[str, int] = {}
    dynamic: set[str] = set()
    for access in accesses:
        if len(access.indices) != len(access.shape):
            raise InputError(f"{len(access.indices)} indices for a tensor of {len(access.shape)} axes")
        for index, size in zip(access.indices, access.shape):
            if len(index.terms) != 1 or index.offset:
                continue
            ((name, coefficient),) = index.terms.items()
            if coefficient == 1 and size is None:
                dynamic.add(name)
            elif coefficient == 1 and size is not None and found.setdefault(name, size) != size:
                raise InputError(f"iterator '{name}' is {found[name]} by one operand and {size} by another")
    for name in names:
        if name not in found:
            why = "its size is dynamic" if name in dynamic else "it indexes no axis alone, so its extent is not stated"
            raise UnsupportedError(f"{'E-DYN' if name in dynamic else 'E-NONAFFINE'}: iterator '{name}': {why}")
    return {name: found[name] for name in names}


def nest(name: str, extents: Mapping[str, int], inputs: Sequence[Access], output: Access) -> Problem:
    """The problem that multiplies all inputs and accumulates into the output.

    Raises UnsupportedError (E-NONAFFINE) for negative coefficients, InputError for indices beyond an axis.
    """
    letters = ["I", "W"] if len(inputs) == 2 else [f"I{i}" for i in range(len(inputs))]
    roles: list[Role] = ["input", *["weight"] * (len(inputs) - 1)]  # type: ignore[list-item]
    tensors = [Tensor(n, r, _axes(a, extents)) for n, r, a in zip(letters, roles, inputs)]
    tensors.append(Tensor("O", "output", _axes(output, extents)))
    problem = Problem(name, tuple(Dim(d, e) for d, e in extents.items()), tuple(tensors))
    return canonical(problem) if len(inputs) == 2 else problem


def canonical(problem: Problem) -> Problem:
    """The problem with its dimensions named as constructors name them: N G K C P Q R S, or B M N K numbered.

    Problems that are neither (indices of sums in weights or output, several sliding dimensions of one kind) stay.
    """
    first, second = problem.inputs
    swap = any(len(a.terms) > 1 for a in second.axes) and not any(len(a.terms) > 1 for a in first.axes)
    data, weight = (second, first) if swap else (first, second)
    plain = all(len(a.terms) <= 1 for t in (weight, problem.output) for a in t.axes)
    windows = [a for a in data.axes if len(a.terms) > 1]
    if not plain or len(windows) > 3 or any(len(a.terms) > 2 for a in windows):
        return problem
    names = _convolution_names(problem, data, weight, windows) if windows else _product_names(problem)
    if names is None:
        return problem
    if windows:
        named: dict[str, tuple[str, Role]] = {
            data.name: ("I", "input"),
            weight.name: ("W", "weight"),
            "O": ("O", "output"),
        }
        order = ["N", "G", "K", "C", *OUTPUT_DIMS[len(windows)], *KERNEL_DIMS[len(windows)]]
    else:
        named = {t.name: (t.name, t.role) for t in problem.tensors}
        order = sorted(names.values(), key=lambda n: ("BMNK".index(n[0]), int(n[1:] or 0)))
    extents = {names[d.name]: d.extent for d in problem.dims}
    tensors = tuple(
        replace(
            t, name=named[t.name][0], role=named[t.name][1],
            axes=tuple(replace(a, terms=tuple((names[d], c) for d, c in a.terms)) for a in t.axes),
        )
        for t in problem.tensors
    )  # fmt: skip
    single = not windows and {"M", "N", "K"} <= set(extents)
    op = f"conv{len(windows)}d" if windows else "matmul" if single else "einsum"
    return replace(problem, dims=tuple(Dim(d, extents[d]) for d in order if d in extents), tensors=tensors, op=op)


def _convolution_names(
    problem: Problem, data: Tensor, weight: Tensor, windows: Sequence[Axis]
) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for axis, moved, kernel in zip(windows, OUTPUT_DIMS[len(windows)], KERNEL_DIMS[len(windows)]):
        dims = [d for d, _ in axis.terms]
        in_kernel = [d for d in dims if d in weight.dims and d not in problem.output.dims]
        if len(in_kernel) != 1:
            return None
        names[in_kernel[0]] = kernel
        names[next(d for d in dims if d != in_kernel[0])] = moved
    for d in problem.extents:
        if d not in names:
            held = (d in data.dims, d in weight.dims, d in problem.output.dims)
            kind = {(1, 0, 1): "N", (1, 1, 1): "G", (0, 1, 1): "K", (1, 1, 0): "C"}.get(held)
            if kind is None or kind in names.values():
                return None
            names[d] = kind
    return names if len(set(names.values())) == len(names) else None


def _product_names(problem: Problem) -> dict[str, str]:
    first, second = (t.dims for t in problem.inputs)
    kinds = {d: _product_kind(d in first, d in second, d in problem.output.dims) for d in problem.extents}
    names: dict[str, str] = {}
    for kind in "BMNK":
        of_kind = [d for d in kinds if kinds[d] == kind]
        names.update({d: kind if len(of_kind) == 1 else f"{kind}{i}" for i, d in enumerate(of_kind)})
    return names


def _product_kind(in_first: bool, in_second: bool, in_output: bool) -> str:
    if not in_output:
        return "K"
    return "B" if in_first and in_second else "M" if in_first else "N"


def _axes(access: Access, extents: Mapping[str, int]) -> tuple[Axis, ...]:
    axes = []
    for index, size in zip(access.indices, access.shape):
        if negative := [d for d, c in index.terms.items() if c < 0]:
            raise UnsupportedError(
                f"E-NONAFFINE: '{negative[0]}' counts down in an index; only rising indices are read"
            )
        axis = Axis(tuple(index.terms.items()), index.offset)
        last = index.offset + axis.span(extents)
        if index.offset < 0 or (size is not None and last > size):
            raise InputError(f"index {axis} reaches {index.offset} to {last - 1} of an axis of {size}")
        stored = size if size is not None and size != axis.span(extents) else None
        axes.append(replace(axis, extent=stored))
    return tuple(axes)
