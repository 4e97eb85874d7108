"""Extents of the variables of an AccelForge einsum, from bounds (`0 <= m < 128`) and sizes of ranks.

Only boxes are read: a bound that would cut a corner off the iteration space is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from tileloom.core.errors import InputError
from tileloom.core.expression import Value, evaluate_tree, parse
from tileloom.workload.frontends.accelforge_einsum import Access, Index


def read_bound(text: str, where: str) -> tuple[str, int]:
    """`0 <= m < 128` -> ('m', 128)."""
    tree = parse(text, where)
    if isinstance(tree, ast.Compare) and len(tree.ops) == 2 and isinstance(tree.comparators[0], ast.Name):
        low = evaluate_tree(tree.left, {}, where)
        high = evaluate_tree(tree.comparators[1], {}, where)
        opens, closes = tree.ops
        if isinstance(opens, ast.LtE) and low == 0 and isinstance(closes, ast.Lt | ast.LtE) and _is_whole(high):
            assert isinstance(high, int | float)
            extent = int(high) + (1 if isinstance(closes, ast.LtE) else 0)
            if extent >= 1:
                return tree.comparators[0].id, extent
    raise InputError(f"{where}: '{text[:80]}' is no bound; write '0 <= m < 128'")


def _is_whole(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1


def extents_of(
    accesses: tuple[Access, ...], where: str, bounds: Mapping[str, int], sizes: Mapping[str, int]
) -> dict[str, int]:
    """Extent of every variable, in the order the tensors name them (the output last)."""
    indices = [i for a in accesses for i in a.indices]
    variables = list(dict.fromkeys(v for i in indices for v, _ in i.terms))
    known = {v: bounds[v] for v in variables if v in bounds}
    for index in indices:
        if len(index.terms) == 1:
            (variable, c), size = index.terms[0], _size_of(index, sizes)
            if size is not None and c > 0:
                limit = (size - 1 - index.offset) // c + 1
                known[variable] = min(limit, known.get(variable, limit))
    for index in indices:
        _bound_by_sum(index, _size_of(index, sizes), known)
    missing = [v for v in variables if v not in known]
    if missing:
        shown = ", ".join(missing)
        raise InputError(
            f"{where}: no bound for {shown}; add 'rank_sizes: {{{missing[0].upper()}: 128}}' "
            f"or '0 <= {missing[0]} < 128' to its iteration_space_shape"
        )
    for access in accesses:
        for index in access.indices:
            _check_span(where, access, index, _size_of(index, sizes), known)
    return {v: known[v] for v in variables}


def _size_of(index: Index, sizes: Mapping[str, int]) -> int | None:
    return sizes.get(index.rank) if index.rank else None


def _bound_by_sum(index: Index, size: int | None, known: dict[str, int]) -> None:
    """A rank of known size bounds the one variable of its sum that nothing else bounds."""
    open_terms = [(v, c) for v, c in index.terms if v not in known]
    if size is None or len(open_terms) != 1:
        return
    (variable, c) = open_terms[0]
    rest = sum(k * (known[v] - 1) for v, k in index.terms if v != variable)
    known[variable] = (size - 1 - index.offset - rest) // c + 1


def _check_span(where: str, access: Access, index: Index, size: int | None, known: dict[str, int]) -> None:
    if size is None:
        return
    last = index.offset + sum(c * (known[v] - 1) for v, c in index.terms)
    if last >= size:
        raise InputError(
            f"{where}: tensor '{access.name}': rank {index.rank} of size {size} is indexed up to {last}; "
            "a bound that cuts the corner of an iteration space is not read"
        )
