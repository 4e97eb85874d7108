"""The `total_latency` expression of an AccelForge component, recognised as shared or separate ports.

Known forms are `sum(...)` or `max(...)` over `a.n_calls` or `a.n_calls / a.throughput` `for a in actions`, times or over
plain numbers, and a constant zero. Anything else is refused by name.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.core.expression import Value, evaluate_tree, parse


@dataclass(frozen=True, slots=True)
class LatencyForm:
    """Seconds = scale * (sum or max over actions) of calls, each over its throughput if `by_throughput`."""

    ports: Literal["shared", "separate"]
    scale: float
    by_throughput: bool


DEFAULT_FORM = LatencyForm("shared", 1.0, True)


def latency_form(text: object, names: Mapping[str, Value], where: str) -> LatencyForm:
    """The form of a `total_latency` expression; None stands for the default, sum(a.n_calls / a.throughput).

    Raises UnsupportedError naming the expression when it is of no known form.
    """
    if text is None:
        return DEFAULT_FORM
    if isinstance(text, int | float) and text == 0:
        return LatencyForm("shared", 0.0, False)
    found = _form(parse(str(text), where), names, where) if isinstance(text, str) else None
    if found is None:
        raise UnsupportedError(
            f"{where}: total_latency '{text}' is of no known form; write sum(...) or max(...) of "
            "'a.n_calls / a.throughput for a in actions', times or over numbers"
        )
    return found


def _form(node: ast.expr, names: Mapping[str, Value], where: str) -> LatencyForm | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        divides = isinstance(node.op, ast.Div)
        inner, other = _form(node.left, names, where), node.right
        if inner is None and not divides:
            inner, other = _form(node.right, names, where), node.left
        factor = None if inner is None else _number(other, names, where)
        if inner is None or factor is None:
            return None
        return LatencyForm(inner.ports, inner.scale / factor if divides else inner.scale * factor, inner.by_throughput)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("sum", "max"):
        calls = node.args[0] if len(node.args) == 1 and not node.keywords else None
        scaled = _per_action(calls, names, where) if isinstance(calls, ast.GeneratorExp) else None
        if scaled is None:
            return None
        return LatencyForm("shared" if node.func.id == "sum" else "separate", *scaled)
    return None


def _per_action(generator: ast.GeneratorExp, names: Mapping[str, Value], where: str) -> tuple[float, bool] | None:
    """(factor, over throughput) of the summed term."""
    loop = generator.generators[0]
    plain = len(generator.generators) == 1 and not loop.ifs and not loop.is_async
    if not plain or not isinstance(loop.target, ast.Name) or not isinstance(loop.iter, ast.Name):
        return None
    if loop.iter.id != "actions":
        return None
    term = _term(generator.elt, loop.target.id, names, where)
    if term is None or term[1] != 1 or term[2] not in (0, -1):
        return None
    return term[0], term[2] == -1


def _term(node: ast.expr, action: str, names: Mapping[str, Value], where: str) -> tuple[float, int, int] | None:
    """(number, power of n_calls, power of throughput) of a product."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == action:
        return {"n_calls": (1.0, 1, 0), "throughput": (1.0, 0, 1)}.get(node.attr)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left, right = _term(node.left, action, names, where), _term(node.right, action, names, where)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Mult):
            return left[0] * right[0], left[1] + right[1], left[2] + right[2]
        return left[0] / right[0], left[1] - right[1], left[2] - right[2]
    value = _number(node, names, where)
    return None if value is None else (value, 0, 0)


def _number(node: ast.expr, names: Mapping[str, Value], where: str) -> float | None:
    try:
        value = evaluate_tree(node, names, where)
    except InputError:
        return None
    return float(value) if isinstance(value, int | float) and value > 0 else None
