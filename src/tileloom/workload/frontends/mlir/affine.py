"""Affine maps of MLIR: '(d0, d1) -> (d0 * 2 + d1, 3)', parsed into sums of dimensions.

Sums, constants and multiples are kept; floordiv, ceildiv, mod, symbols and products of dimensions are refused
(E-NONAFFINE). Knows nothing of operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tileloom.core.errors import UnsupportedError
from tileloom.workload.frontends.mlir.lexer import Group, Item
from tileloom.workload.frontends.mlir.syntax import split_commas

MAX_COEFFICIENT = 2**31


@dataclass(frozen=True, slots=True)
class Sum:
    """terms: name -> coefficient, none of them 0;  offset: the constant."""

    terms: Mapping[str, int]
    offset: int = 0

    def scaled(self, factor: int) -> Sum:
        return Sum({d: c * factor for d, c in self.terms.items() if c * factor}, self.offset * factor)

    def plus(self, other: Sum, sign: int = 1) -> Sum:
        total = dict(self.terms)
        for d, c in other.terms.items():
            total[d] = total.get(d, 0) + sign * c
        return Sum({d: c for d, c in total.items() if c}, self.offset + sign * other.offset)


@dataclass(frozen=True, slots=True)
class AffineMap:
    """names: dimensions, then symbols;  results: one sum per result."""

    names: tuple[str, ...]
    results: tuple[Sum, ...]

    def applied(self, arguments: Sequence[Sum]) -> tuple[Sum, ...]:
        """The results over the arguments in place of the names."""
        if len(arguments) != len(self.names):
            raise UnsupportedError(f"an affine map of {len(self.names)} dimensions is given {len(arguments)}")
        return tuple(substituted(r, dict(zip(self.names, arguments))) for r in self.results)


def substituted(expression: Sum, values: Mapping[str, Sum]) -> Sum:
    total = Sum({}, expression.offset)
    for name, coefficient in expression.terms.items():
        total = total.plus(values.get(name, Sum({name: 1})).scaled(coefficient))
    return total


def affine_map(items: Sequence[Item]) -> AffineMap:
    """The map in '(d0, d1)[s0] -> (...)', or in `affine_map<...>`. UnsupportedError when it is no such sum."""
    if len(items) == 2 and items[0].text == "affine_map" and isinstance(items[1], Group):
        items = items[1].items
    arrow = next((i for i, item in enumerate(items) if item.kind == "arrow"), None)
    groups = [i for i in items[:arrow] if isinstance(i, Group)]
    last = items[-1] if items else None
    if arrow is None or not groups or not isinstance(last, Group):
        raise UnsupportedError("E-NONAFFINE: expected an affine map '(d0, ..) -> (..)'")
    names = tuple(part[0].text for group in groups for part in split_commas(group.items))
    return AffineMap(names, tuple(affine_sum(part) for part in split_commas(last.items)))


def affine_sum(items: Sequence[Item]) -> Sum:
    """The sum written as 'd0 * 2 + d1 - 1'; names are taken as they stand."""
    total, sign, i = Sum({}), 1, 0
    term: Sum | None = None
    expect_value = True
    while i < len(items):
        text = items[i].text
        if expect_value:
            if text == "-" and items[i].kind == "other":
                sign = -sign
            else:
                term, expect_value = _value(items[i]), False
        elif text == "*" and i + 1 < len(items):
            term = _times(term or Sum({}), _value(items[i + 1]))
            i += 1
        elif text in ("+", "-"):
            total, term, expect_value = total.plus(term or Sum({}), sign), None, True
            sign = 1 if text == "+" else -1
        elif text == "symbol":
            pass
        else:
            raise UnsupportedError(f"E-NONAFFINE: '{text}' in an index; only sums of multiples of loops are read")
        i += 1
    if term is None:
        raise UnsupportedError("E-NONAFFINE: an index ends after an operator or is empty")
    return total.plus(term, sign)


def _value(item: Item) -> Sum:
    if isinstance(item, Group):
        if item.open != "(":
            raise UnsupportedError(f"E-NONAFFINE: '{item.open}' in an index")
        return affine_sum(item.items)
    if item.kind == "number":
        if not item.text.isdecimal() or len(item.text) > 12:
            raise UnsupportedError(f"E-NONAFFINE: '{item.text[:20]}' in an index; whole numbers of 12 digits are read")
        return Sum({}, int(item.text))
    if item.kind in ("bare", "value"):
        return Sum({item.text: 1})
    raise UnsupportedError(f"E-NONAFFINE: '{item.text[:20]}' in an index")


def _times(first: Sum, second: Sum) -> Sum:
    if first.terms and second.terms:
        raise UnsupportedError("E-NONAFFINE: a product of two loop variables in an index")
    made = first.scaled(second.offset) if first.terms else second.scaled(first.offset)
    if any(abs(c) > MAX_COEFFICIENT for c in made.terms.values()):
        raise UnsupportedError(f"E-NONAFFINE: a coefficient above {MAX_COEFFICIENT}")
    return made
