"""Splits a text into tokens that remember their lines, for small line-based notations. Knows no grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tileloom.core.errors import InputError

MAX_BYTES = 50_000_000
MAX_TOKENS = 1_000_000
"""Words of one file: some ten thousand layers of MAESTRO."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the text and its line, counted from 1."""

    text: str
    line: int


def tokenize(text: str, separators: str, comment: str, file: str = "<text>") -> tuple[Token, ...]:
    """Words between `separators` (dropped); a word that starts with `comment` ends its line. Any line ending is taken.

    Raises InputError for more than MAX_TOKENS words.

    >>> [t.text for t in tokenize("a: b // rest", ": ", "//")]
    ['a', 'b']
    """
    table = str.maketrans(dict.fromkeys(separators, " "))
    found: list[Token] = []
    for number, line in enumerate(text.split("\n"), 1):
        for word in line.rstrip("\r").translate(table).split(" "):
            if word.startswith(comment):
                break
            if word:
                found.append(Token(word, number))
        if len(found) > MAX_TOKENS:
            raise InputError(f"{file}:{number}: more than {MAX_TOKENS} words up to here; split the file", file=file)
    return tuple(found)


def leading_integer(text: str) -> int:
    """The digits a word starts with as a number, 0 without any (what C's atoi gives).

    >>> leading_integer("12x"), leading_integer("x")
    (12, 0)
    """
    digits = len(text) - len(text.lstrip("0123456789"))
    return int(text[:digits][:19] or "0")


def minus_signs(text: str, comment: str) -> list[tuple[int, str]]:
    """(line, message) for every number with a minus; a tokenizer for which `-` is a separator drops the sign.

    >>> minus_signs("a-1: -8", "//")
    [(1, "'-8' is read as 8 by the original, which drops the minus; give a number without one")]
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        for sign in re.finditer(r"(?:(?<=[\s:,(])|^)-\s*(\d+)", line.split(comment)[0]):
            read = f"'{sign.group(0)}' is read as {sign.group(1)} by the original, which drops the minus"
            found.append((number, f"{read}; give a number without one"))
    return found


def read_text(path: Path) -> str:
    """The text of a UTF-8 file with its line endings. Raises InputError when it is missing, too long or no text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are read", file=str(path))
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text (byte {error.start})", file=str(path)) from None
