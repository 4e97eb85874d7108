"""The two ways an AccelForge workload file writes one einsum, as tensors with named ranks and affine projections.

Text: `O[p, q] = I[c, H: p * 2 + r] * F[r, c]`; mapping: `tensor_accesses: [{name, projection, output}]`. Bounds and
roles are added in accelforge.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.expression import evaluate_tree, parse

_ACCESS = re.compile(r"\s*([A-Za-z_]\w*)\s*\[([^\[\]]*)\]\s*")


@dataclass(frozen=True, slots=True)
class Index:
    """One rank of a tensor: its name ('' when only an expression is given) and index = sum of c * variable + offset."""

    rank: str
    terms: tuple[tuple[str, int], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Access:
    """A tensor of an einsum; `bits` when the access itself states its width."""

    name: str
    indices: tuple[Index, ...]
    output: bool
    bits: object = None


def accesses_of_text(text: str, where: str) -> tuple[Access, ...]:
    """`O[...] = A[...] * B[...]`, inputs first, output last. InputError when the text is of another form."""
    left, equals, right = text.partition("=")
    factors = [left, *right.split("*")] if equals and "[" in right else []
    # A product inside brackets (`p * 2`) was split too: join pieces until brackets close.
    pieces: list[str] = []
    for factor in factors:
        if pieces and pieces[-1].count("[") > pieces[-1].count("]"):
            pieces[-1] += "*" + factor
        else:
            pieces.append(factor)
    matches = [_ACCESS.fullmatch(piece) for piece in pieces]
    if len(matches) < 2 or not all(matches):
        raise InputError(f"{where}: '{text[:120]}' is no einsum; write 'O[m, n] = A[m, k] * B[k, n]'")
    found = [_access(m[1], _split(m[2]), output=i == 0, bits=None, where=where) for i, m in enumerate(matches) if m]
    return (*found[1:], found[0])


def accesses_of_list(entries: object, where: str) -> tuple[Access, ...]:
    """`[{name, projection, output, bits_per_value}]`, inputs first, output last."""
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{where}: tensor_accesses must be a list of {{name, projection}}")
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping) or "name" not in entry or "projection" not in entry:
            raise InputError(f"{where}: a tensor access needs 'name' and 'projection', got {entry!r}"[:300])
        unknown = sorted(set(entry) - {"name", "projection", "output", "bits_per_value", "persistent"})
        if unknown:
            raise InputError(f"{where}: tensor '{entry['name']}': key '{unknown[0]}' is not understood")
        indices = _projection(entry["projection"], f"{where}: tensor '{entry['name']}'")
        found.append(
            _access(str(entry["name"]), indices, bool(entry.get("output", False)), entry.get("bits_per_value"), where)
        )
    return tuple(sorted(found, key=lambda access: access.output))


def _projection(value: object, where: str) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{rank}: {expression}" for rank, expression in value.items()]
    if not isinstance(value, list):
        raise InputError(f"{where}: projection must be a list or a mapping, got {value!r}"[:300])
    items: list[str] = []
    for item in value:
        items += [f"{k}: {v}" for k, v in item.items()] if isinstance(item, Mapping) else [str(item)]
    return items


def _split(text: str) -> list[str]:
    return [part for part in text.split(",") if part.strip()]


def _access(name: str, indices: list[str], output: bool, bits: Any, where: str) -> Access:
    return Access(name, tuple(_index(i, f"{where}: tensor '{name}'") for i in indices), output, bits)


def _index(text: str, where: str) -> Index:
    rank, colon, expression = text.partition(":")
    if not colon:
        rank, expression = "", text
    terms, offset = _affine(parse(expression, where), expression.strip(), where)
    if not rank.strip() and len(terms) == 1 and expression.strip() == next(iter(terms)):
        rank = expression.strip().upper()
    return Index(rank.strip(), tuple(terms.items()), offset)


def _affine(node: ast.expr, text: str, where: str) -> tuple[dict[str, int], int]:
    """Coefficients by variable and the constant. InputError when the index is not affine."""
    if isinstance(node, ast.Name):
        return {node.id: 1}, 0
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        (left, a), (right, b) = _affine(node.left, text, where), _affine(node.right, text, where)
        sign = 1 if isinstance(node.op, ast.Add) else -1
        total = dict(left)
        for variable, c in right.items():
            total[variable] = total.get(variable, 0) + sign * c
        return total, a + sign * b
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        (left, a), (right, b) = _affine(node.left, text, where), _affine(node.right, text, where)
        if left and right:
            raise InputError(f"{where}: index '{text}' multiplies variables; only sums of number * variable are read")
        variables, factor = (left, b) if left else (right, a)
        return {v: c * factor for v, c in variables.items()}, a * b
    value = evaluate_tree(node, {}, f"{where}: index '{text}'")
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{where}: index '{text}': {value!r} is not a whole number")
    return {}, value
