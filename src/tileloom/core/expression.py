"""Arithmetic and set expressions from input files, parsed and walked over an allow-list; never executed.

Holds the parser, its limits and the evaluation over given names. What the names mean (tensors, memories) is the
caller's business: it passes numbers, mappings (for `a.b`) and `ExpressionSet` values.
"""

from __future__ import annotations

import ast
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from tileloom.core.errors import InputError, did_you_mean

MAX_LENGTH = 2000
"""Characters of one expression."""
MAX_DEPTH = 40
"""Nesting of one expression."""
MAX_BITS = 1024
"""Whole numbers stay below 2**1024, so that `9**9**9` ends at once."""


class ExpressionSet(ABC):
    """A value on which `~ | & -`, `len()`, truth and attributes work inside an expression."""

    @abstractmethod
    def invert(self) -> ExpressionSet: ...

    @abstractmethod
    def union(self, other: ExpressionSet) -> ExpressionSet: ...

    @abstractmethod
    def intersection(self, other: ExpressionSet) -> ExpressionSet: ...

    @abstractmethod
    def length(self) -> int: ...

    @abstractmethod
    def attribute(self, name: str) -> object:
        """Value of `self.name`; raises ValueError with the reason when there is none."""


Value = int | float | bool | str | ExpressionSet | Mapping[str, Any]

_CONSTANTS: dict[str, Value] = {"inf": math.inf, "True": True, "False": False, "true": True, "false": False}

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": round,
    "abs": abs,
    "log2": math.log2,
    "sqrt": math.sqrt,
}


def parse(text: str, where: str = "expression") -> ast.expr:
    """The syntax tree of one expression.

    Raises InputError when it is too long, too deep or no expression.
    """
    if not isinstance(text, str):
        raise InputError(f"{where}: {_short(str(text))} is not an expression; give text or a number")
    if len(text) > MAX_LENGTH:
        raise InputError(f"{where}: an expression of {len(text)} characters; at most {MAX_LENGTH} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{where}: '{_short(text)}' is not an expression ({_reason(error)})") from None
    if _depth_exceeds(tree, MAX_DEPTH):
        raise InputError(f"{where}: '{_short(text)}' is nested deeper than {MAX_DEPTH}")
    return tree


def evaluate(text: str | int | float | bool, names: Mapping[str, Value], where: str = "expression") -> Value:
    """The value of an expression over `names`; a number stands for itself.

    Knows + - * / // % **, parentheses, comparisons, and/or/not, `x if c else y`, len, min, max, ceil, floor, round, abs,
    log2, sqrt, inf, `~ | & -` on sets and `a.b` on mappings and sets. Raises InputError for everything else.
    """
    if isinstance(text, bool | int | float):
        return text
    try:
        return _walk(parse(text, where), names)
    except _FaultError as fault:
        raise InputError(f"{where}: '{_short(text)}': {fault}") from None
    except (ZeroDivisionError, OverflowError, ValueError, TypeError) as error:
        raise InputError(f"{where}: '{_short(text)}': {_reason(error)}") from None


def number(text: str | int | float | bool, names: Mapping[str, Value], where: str) -> float | int:
    """Like `evaluate`, but anything except a number is an InputError."""
    value = evaluate(text, names, where)
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int | float) or value != value:
        raise InputError(f"{where}: '{_short(str(text))}' gives {_kind(value)}; a number is needed")
    return value


def evaluate_tree(tree: ast.expr, names: Mapping[str, Value], where: str) -> Value:
    """Like `evaluate`, for a part of an expression that is already parsed."""
    try:
        return _walk(tree, names)
    except _FaultError as fault:
        raise InputError(f"{where}: {fault}") from None
    except (ZeroDivisionError, OverflowError, ValueError, TypeError) as error:
        raise InputError(f"{where}: {_reason(error)}") from None


class _FaultError(Exception):
    """What is wrong inside an expression, without its place."""


def _walk(node: ast.expr, names: Mapping[str, Value]) -> Value:
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, ast.Name):
        return _name(node.id, names)
    if isinstance(node, ast.BinOp):
        return _binary(node, names)
    if isinstance(node, ast.UnaryOp):
        return _unary(node.op, _walk(node.operand, names))
    if isinstance(node, ast.Compare):
        return _comparison(node, names)
    if isinstance(node, ast.BoolOp):
        return _boolean(node, names)
    if isinstance(node, ast.IfExp):
        return _walk(node.body if _truth(_walk(node.test, names)) else node.orelse, names)
    if isinstance(node, ast.Call):
        return _call(node, names)
    if isinstance(node, ast.Attribute):
        return _attribute(_walk(node.value, names), node.attr)
    raise _FaultError(f"{type(node).__name__} is not allowed here; use arithmetic, comparisons and set operators")


def _constant(node: ast.Constant) -> Value:
    value = node.value
    if isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return _bounded(value)
    raise _FaultError(f"{value!r} is not a number")


def _name(name: str, names: Mapping[str, Value]) -> Value:
    if name in names:
        return names[name]
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    known = sorted([*names, *_CONSTANTS])
    raise _FaultError(f"unknown name '{name}'{did_you_mean(name, known)}; known here: {', '.join(known)}")


def _binary(node: ast.BinOp, names: Mapping[str, Value]) -> Value:
    left, right = _walk(node.left, names), _walk(node.right, names)
    if isinstance(left, ExpressionSet) and isinstance(right, ExpressionSet):
        if isinstance(node.op, ast.BitOr):
            return left.union(right)
        if isinstance(node.op, ast.BitAnd):
            return left.intersection(right)
        if isinstance(node.op, ast.Sub):
            return left.intersection(right.invert())
        raise _FaultError(f"{type(node.op).__name__} does not work on sets; use | & - ~")
    if not _is_number(left) or not _is_number(right):
        raise _FaultError(
            f"{type(node.op).__name__} needs two numbers or two sets, got {_kind(left)} and {_kind(right)}"
        )
    if isinstance(node.op, ast.Pow):
        return _power(left, right)
    function = _ARITHMETIC.get(type(node.op))
    if function is None:
        raise _FaultError(f"{type(node.op).__name__} does not work on numbers")
    result: Value = function(left, right)
    return _bounded(result)


def _power(base: Any, exponent: Any) -> Value:
    if abs(exponent) > MAX_BITS or (isinstance(base, int) and base.bit_length() * abs(exponent) > MAX_BITS):
        raise _FaultError(f"{base}**{exponent} is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise _FaultError(f"{base}**{exponent} is not a real number")
    return _bounded(result)


def _unary(op: ast.unaryop, value: Value) -> Value:
    if isinstance(op, ast.Not):
        return not _truth(value)
    if isinstance(op, ast.Invert) and isinstance(value, ExpressionSet):
        return value.invert()
    if isinstance(value, bool | int | float):
        if isinstance(op, ast.USub):
            return -value
        if isinstance(op, ast.UAdd):
            return +value
    raise _FaultError(f"{type(op).__name__} does not work on {_kind(value)}")


def _comparison(node: ast.Compare, names: Mapping[str, Value]) -> bool:
    left = _walk(node.left, names)
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = _walk(right_node, names)
        function = _COMPARE.get(type(op))
        if function is None:
            raise _FaultError(f"{type(op).__name__} is not allowed")
        if isinstance(left, ExpressionSet) or isinstance(right, ExpressionSet):
            raise _FaultError("sets cannot be compared; compare len(...)")
        if not function(left, right):
            return False
        left = right
    return True


def _boolean(node: ast.BoolOp, names: Mapping[str, Value]) -> bool:
    stop_at = isinstance(node.op, ast.Or)
    for part in node.values:
        if _truth(_walk(part, names)) is stop_at:
            return stop_at
    return not stop_at


def _call(node: ast.Call, names: Mapping[str, Value]) -> Value:
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise _FaultError("only len, min, max, ceil, floor, round, abs, log2 and sqrt can be called")
    values = [_walk(a, names) for a in node.args]
    if node.func.id == "len" and len(values) == 1 and isinstance(values[0], ExpressionSet):
        return values[0].length()
    function = _FUNCTIONS.get(node.func.id)
    if function is None:
        raise _FaultError(f"unknown function '{node.func.id}'{did_you_mean(node.func.id, [*_FUNCTIONS, 'len'])}")
    if not values or not all(_is_number(v) for v in values):
        raise _FaultError(f"{node.func.id}() needs numbers")
    result: Value = function(*values)
    return _bounded(result)


def _attribute(value: Value, name: str) -> Value:
    if name.startswith("_"):
        raise _FaultError(f"attribute '{name}' is not allowed")
    if isinstance(value, ExpressionSet):
        try:
            found = value.attribute(name)
        except ValueError as error:
            raise _FaultError(str(error)) from None
    elif isinstance(value, Mapping):
        if name not in value:
            raise _FaultError(
                f"no attribute '{name}'{did_you_mean(name, value)}; there are {', '.join(map(str, value))}"
            )
        found = value[name]
    else:
        raise _FaultError(f"{_kind(value)} has no attribute '{name}'")
    if not isinstance(found, bool | int | float | str | ExpressionSet | Mapping):
        raise _FaultError(f"attribute '{name}' is {_kind(found)}")
    return found


def _truth(value: Value) -> bool:
    return value.length() > 0 if isinstance(value, ExpressionSet) else bool(value)


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _bounded(value: Value) -> Value:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise _FaultError(f"a number of {value.bit_length()} bits; at most {MAX_BITS} are allowed")
    return value


def _depth_exceeds(tree: ast.AST, limit: int) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(limit):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def _kind(value: object) -> str:
    if isinstance(value, ExpressionSet):
        return "a set of tensors"
    return "a group of values" if isinstance(value, Mapping) else repr(value)


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _reason(error: BaseException) -> str:
    return str(error).split("\n")[0][:120] or type(error).__name__
