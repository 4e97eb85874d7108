"""Matrix products and einsums of operands known by their shapes: broadcasting, ellipsis and implicit output resolved.

What frameworks share with NumPy; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.core.errors import InputError
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import matmul
from tileloom.workload.problem import Problem, Role

Shape = tuple[int, ...]


def matmul_of_shapes(name: str, a: Shape, b: Shape, roles: tuple[Role, Role] = ("input", "weight")) -> Problem:
    """`a @ b` as NumPy defines it; rows of a batch that shares the second operand are further rows of the first."""
    if not a or not b:
        raise InputError(f"a scalar operand: {list(a)} and {list(b)}")
    a, b = ((1, *a) if len(a) == 1 else a), ((*b, 1) if len(b) == 1 else b)
    if a[-1] != b[-2]:
        raise InputError(f"inner sizes differ: {list(a)} and {list(b)}")
    groups = _batch_groups(a[:-2], b[:-2])
    m = a[-2]
    if groups and groups[-1][1:] == (True, False):
        m *= groups.pop()[0]
    labels = ["B"] if len(groups) == 1 else [f"B{i}" for i in range(len(groups))]
    return matmul(
        name,
        batch=[(label, extent) for label, (extent, _, _) in zip(labels, groups)],
        batch_of_first=[label for label, (_, of_a, _) in zip(labels, groups) if of_a],
        batch_of_second=[label for label, (_, _, of_b) in zip(labels, groups) if of_b],
        M=m, N=b[-1], K=a[-1], roles=roles,
    )  # fmt: skip


def _batch_groups(a: Shape, b: Shape) -> list[tuple[int, bool, bool]]:
    """Broadcast batch axes, neighbours that the same operands hold merged: (extent, held by first, held by second)."""
    rank = max(len(a), len(b))
    groups: list[tuple[int, bool, bool]] = []
    for x, y in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b):
        if x != y and 1 not in (x, y):
            raise InputError(f"batch shapes {list(a)} and {list(b)} do not broadcast")
        if x == y == 1:
            continue
        held = (x > 1, y > 1)
        if groups and groups[-1][1:] == held:
            groups[-1] = (groups[-1][0] * max(x, y), *held)
        else:
            groups.append((max(x, y), *held))
    return groups


def einsum_of_shapes(name: str, equation: str, shapes: Sequence[Shape], roles: Sequence[Role] | None = None) -> Problem:
    """The einsum of operands of these shapes. An axis of size 1 that another operand widens is left out."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise InputError(f"equation '{equation}' has {len(terms)} operands, the node {len(shapes)}")
    # An ellipsis stands for the axes that are not named; they get upper-case letters that the equation does not use.
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
    rank = max((len(s) - len(t.replace("...", "")) for s, t in zip(shapes, terms) if "..." in t), default=0)
    spread = "".join(free[:rank])
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        right = ("..." if rank else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    sizes: dict[str, int] = {}
    spelled = [_spelled(equation, term, shape, spread, sizes) for term, shape in zip(terms, shapes)]
    written = ["".join(c for c, extent in zip(t, s) if extent == sizes[c]) for t, s in zip(spelled, shapes)]
    text = f"{','.join(written)}->{right.replace('...', spread)}"
    return parse_einsum(text, {c: sizes[c] for c in sizes if c in text}, name=name, roles=roles)


def _spelled(equation: str, term: str, shape: Shape, spread: str, sizes: dict[str, int]) -> str:
    """The term without an ellipsis; notes its sizes."""
    named = len(term.replace("...", ""))
    term = term.replace("...", spread[len(spread) - (len(shape) - named) :] if "..." in term else "")
    if len(term) != len(shape):
        raise InputError(f"equation '{equation}' names {len(term)} axes of an operand of shape {list(shape)}")
    for c, extent in zip(term, shape):
        if extent != sizes.get(c, extent) and 1 not in (extent, sizes[c]):
            raise InputError(f"equation '{equation}': index '{c}' is {sizes[c]} in one operand, {extent} in another")
        sizes[c] = max(extent, sizes.get(c, 1))
    return term
