"""Expressions from files: what they compute, and that nothing but arithmetic gets through."""

from __future__ import annotations

import math

import pytest

from tileloom.core.errors import InputError
from tileloom.core.expression import evaluate, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1024*64*8", 524288),
        ("8 * 38.4e9", 307.2e9),
        ("7 // 2 + 7 % 4 - -1", 7),
        ("2**19", 524288),
        ("(1 + 2) / 4", 0.75),
        ("inf", math.inf),
        ("3 if 2 > 1 else 4", 3),
        ("1 / 0 if False else 5", 5),
        ("0 <= 3 < 4 and not 5 == 6", True),
        ("max(1, min(7, 5), ceil(2.1))", 5),
        ("weight.bits_per_value * 2", 16),
    ],
)
def test_arithmetic(text: str, value: object) -> None:
    assert evaluate(text, {"weight": {"bits_per_value": 8}}) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "weight.__class__",
        "weight._private",
        "weight.bits_per_value.real",
        "[x for x in (1, 2)]",
        "(lambda: 1)()",
        "open('/etc/passwd')",
        "weight['bits_per_value']",
        "f'{1}'",
        "(y := 3)",
        "'a' * 10",
        "1 @ 2",
        "1 << 5000",
        "print",
        "eval('1')",
        "min(*[1, 2])",
        "1; 2",
        "",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        evaluate(text, {"weight": {"bits_per_value": 8}})


@pytest.mark.parametrize("text", ["9**9**9", "2**2000", "(2**1000) * (2**1000)", "10.0**400", "1 / 0", "(-8)**0.5"])
def test_results_are_bounded(text: str) -> None:
    with pytest.raises(InputError):
        evaluate(text, {})


def test_length_and_nesting_are_bounded() -> None:
    with pytest.raises(InputError, match="at most"):
        evaluate("1+" * 2000 + "1", {})
    with pytest.raises(InputError, match="nested deeper"):
        evaluate("-" * 200 + "1", {})
    with pytest.raises(InputError):
        evaluate("(" * 900 + "1" + ")" * 900, {})


def test_messages_name_place_value_and_nearest_name() -> None:
    with pytest.raises(
        InputError, match=r"chip.yaml: size: 'wieght.bits': unknown name 'wieght' \(did you mean 'weight'"
    ):
        number("wieght.bits", {"weight": {"bits": 8}}, "chip.yaml: size")
    with pytest.raises(InputError, match="a number is needed"):
        number("weight", {"weight": {"bits": 8}}, "size")
