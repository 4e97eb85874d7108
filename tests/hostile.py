"""Inputs made to take time or memory, and random damage that knows what tokens are."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

HOSTILE: dict[str, Callable[[str], str]] = {
    "deep brackets": lambda seed: "[" * 100_000,
    "deep braces": lambda seed: '{"a":' * 100_000,
    "deep parentheses": lambda seed: "module {" + "(" * 100_000,
    "deep indents": lambda seed: "\n".join(" " * i + f"a{i}:" for i in range(2000)),
    "deep lists": lambda seed: "- " * 50_000 + "1",
    "closed nesting": lambda seed: "[" * 5000 + "]" * 5000,
    "huge integer": lambda seed: _digits_replaced(seed, "9" * 10_000),
    "enormous integer": lambda seed: _digits_replaced(seed, "9" * 2_000_000),
    "megabytes of numbers": lambda seed: "a: [" + "1.0, " * 1_000_000 + "1]",
    "megabytes of JSON": lambda seed: '{"CONV": [' + "1.0, " * 1_000_000 + "1]}",
    "megabytes of lines": lambda seed: "x = 1\n" * 1_000_000,
    "megabytes of words": lambda seed: "word " * 1_000_000,
    "megabytes of text": lambda seed: '"' + "x" * 8_000_000 + '"',
    "open text": lambda seed: 'a: "' + "x" * 4_000_000,
    "blank lines": lambda seed: "\n" * 1_000_000 + seed,
    "blanks": lambda seed: " " * 1_000_000 + seed,
    "one character": lambda seed: ";" * 3_000_000,
    "aliases": lambda seed: "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
    "nulls": lambda seed: "\0" * 1_000_000,
    "no text": lambda seed: "",
    "dense constant": lambda seed: (
        "%0 = stablehlo.constant dense<[" + "1.5, " * 2_000_000 + "1.5]> : tensor<2000001xf32>"
    ),
    "open constant": lambda seed: "%0 = stablehlo.constant dense<[" + "1.5, " * 2_000_000,
    "calls": lambda seed: _many_calls(40),
    "commas": lambda seed: seed.replace(",", "," * 100_000, 1),
    "stars": lambda seed: seed.replace("*", "*" * 100_000, 1) if "*" in seed else "*" * 1_000_000,
    "one long line": lambda seed: seed.replace("\n", " ") * 2000,
    "thousand copies": lambda seed: (seed + "\n") * 1000,
    "many keys": lambda seed: "{" + ", ".join(f"k{i}: 1" for i in range(60_000)) + "}",
    "alias bomb in a list": lambda seed: (
        "- &a0 [1]\n" + "".join(f"- &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    ),
    "long name": lambda seed: seed.replace("a", "a" * 3_000_000, 1),
}
"""Inputs made to take time or memory, from the reader's own seed where that helps."""


EXTREMES = (
    "0", "-1", "1e999", "-1e308", "1e-320", "0.5", "9" * 30, "9" * 5000, "-" + "9" * 400, "0x", "0xffffffffffffffffffff", "1_0",
    ".inf", "-.inf", ".nan", "inf", "nan", "1e400", "true", "null", "4294967296", "9223372036854775808", "1/0", "٣",
)  # fmt: skip
"""What a number is replaced by."""
PIECES = (
    "[", "]", "{", "}", "(", ")", "<", ">", '"', "'", ":", ",", ";", "=", "->", "\n", "\t", "\r\n", "#", "%", "&", "&a", "*", "*a",
    "!", "!!python/object:os.system", "-", "- ", "null", "~", "\0", "\ufeff", "\u2028", "\x85", "inf", "nan", "?", "|", ">-", "<<", "<<<",
    "{{", "{{ x }}", "{% for i in range(9999999) %}a{% endfor %}", "{%", "..", "../../etc/passwd", "//", "\\", "é", "\U0001f600", "\u202e",
    "__class__", "[" * 200, "{" * 200, "(" * 200, "x" * 5000, "[]", "{}", "''", *EXTREMES,
)  # fmt: skip
"""What is put in anywhere."""
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


def damaged(text: str, random: Random) -> str:
    """The text with a few faults of the kinds that people, disks and attackers make."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        text = random.choice(_FAULTS)(text, random)
    return text[:200_000]


def _cut(text: str, random: Random) -> str:
    return text[: random.randint(0, len(text))]


def _inserted(text: str, random: Random) -> str:
    at = random.randint(0, len(text))
    return text[:at] + random.choice(PIECES) + text[at:]


def _spliced(text: str, random: Random) -> str:
    """A part of the text deleted, repeated, or put elsewhere."""
    at, length = random.randint(0, len(text)), random.choice((1, 3, 10, 40, 200))
    part, rest = text[at : at + length], text[:at] + text[at + length :]
    to = random.choice((at, random.randint(0, len(rest))))
    return rest[:to] + part * random.choice((0, 1, 2, 5, 100)) + rest[to:]


def _tokens_swapped(text: str, random: Random) -> str:
    """Two words or signs change places, or one becomes another of the text."""
    words = _TOKENS.findall(text)
    places = [i for i, w in enumerate(words) if not w.isspace()]
    if len(places) < 2:
        return text
    a, b = random.sample(places, 2)
    words[a], words[b] = words[b], random.choice((words[a], words[b]))
    return "".join(words)


def _number_replaced(text: str, random: Random) -> str:
    found = list(re.finditer(r"-?\d+(?:\.\d+)?", text))
    if not found:
        return text
    one = random.choice(found)
    return text[: one.start()] + random.choice(EXTREMES) + text[one.end() :]


def _line_changed(text: str, random: Random) -> str:
    """A line deleted, repeated, moved, or indented otherwise."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at = random.randrange(len(lines))
    line = lines.pop(at)
    new = random.choice(((), (line, line), (line,) * 50, ("  " + line,), (line.lstrip(),)))
    to = random.choice((at, random.randint(0, len(lines))))
    return "".join((*lines[:to], *new, *lines[to:]))


def _nested(text: str, random: Random) -> str:
    """A value deep inside brackets, closed again."""
    found = list(re.finditer(r"\w+", text))
    if not found:
        return text
    one, depth = random.choice(found), random.choice((1, 2, 30, 120, 900))
    start, end = random.choice((("[", "]"), ("(", ")"), ("{a: ", "}"), ('{"a": ', "}"), ("<", ">")))
    return text[: one.start()] + start * depth + one.group() + end * depth + text[one.end() :]


def _other_values(text: str, random: Random) -> str:
    """What stands after a colon becomes something of another kind."""
    found = list(re.finditer(r"(?<=[:=]) *[^,\n\]}]+", text))
    if not found:
        return text
    one = random.choice(found)
    value = random.choice(
        ("[]", "{}", "null", "true", "a", "''", "[[1]]", "{a: {b: 1}}", "[1, a]", "-1", "1.5", "*x", "&x 1", "9" * 40)
    )
    return text[: one.start()] + " " + value + text[one.end() :]


def _bytes_changed(text: str, random: Random) -> str:
    letters = list(text)
    for _ in range(min(len(letters), random.choice((1, 1, 4, 16)))):
        letters[random.randrange(len(letters))] = chr(
            random.choice((0, 10, 32, 127, 255, random.randrange(256), random.randrange(0xD800)))
        )
    return "".join(letters)


_FAULTS = (
    _cut, _inserted, _spliced, _tokens_swapped, _number_replaced, _number_replaced, _line_changed, _nested, _other_values,
    _other_values, _bytes_changed,
)  # fmt: skip


def _digits_replaced(seed: str, digits: str) -> str:
    """The seed with its first and its last number replaced."""
    found = list(re.finditer(r"\d+", seed))
    if not found:
        return digits
    last = found[-1]
    seed = seed[: last.start()] + digits + seed[last.end() :]
    return seed[: found[0].start()] + digits + seed[found[0].end() :] if len(found) > 1 else seed


def _many_calls(depth: int) -> str:
    """Functions that call the next one twice: a program of 2**depth operations."""
    body = "".join(
        f"func.func @f{i}(%a: tensor<2xf32>) {{\n func.call @f{i + 1}(%a) : (tensor<2xf32>) -> ()\n"
        f" func.call @f{i + 1}(%a) : (tensor<2xf32>) -> ()\n return\n}}\n"
        for i in range(depth)
    )
    return f"{body}func.func @f{depth}(%a: tensor<2xf32>) {{\n %0 = tosa.abs %a : (tensor<2xf32>) -> tensor<2xf32>\n return\n}}\n"
