"""A quick reader of the plain part of YAML that mappings are written in: tables, lists, names and numbers, line by line.

It reads a text only where it is sure what each character means, and refuses all others. Those, and every message, are
the business of the complete readers (yamlio.py, tagged_yaml.py), which it agrees with on each text that it takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MAX_CHARACTERS = 100_000
"""Fewer than the values that the complete readers take: no limit of theirs is passed here."""
MAX_LINE = 1000
MAX_DEPTH = 30
"""Of lines, and again of brackets in a line; the complete readers take 64 levels."""

Table = Callable[[str, int, list[tuple[str, Any]]], Any]
"""(tag, line, pairs) of a table -> the table, whose attribute `tag` can be set."""


class NotQuick(Exception):  # noqa: N818 - no error: it says who reads the text
    """The text uses something that only the complete readers know."""


_PRINTABLE = re.compile(r"[\n -~]*")
_CHARACTERS = r"[\w.+()/*=<>$-]"
_NAME = rf"[A-Za-z_]{_CHARACTERS}*(?: {_CHARACTERS}+)*"
_SENTENCE = _NAME.replace("$-", "$,-")
"""Outside of brackets a comma is a character like any other."""
_NUMBER = r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,20})?(?:e-?\d{1,3})?"
_QUOTED = r'"[^"\\]*"|\'[^\'\\]*\''
_KEY = re.compile(rf"({_NAME}|\d{{1,9}}|{_QUOTED}):(?: +(\S.*))?")
_SCALAR = re.compile(rf"{_SENTENCE}|{_NUMBER}|{_QUOTED}")
_TOKEN = re.compile(rf"{_QUOTED}|{_NAME}|{_NUMBER}(?=[],}} ])|: |[\[\]{{}}, ]|.")
_TAG = re.compile(r"!([A-Za-z]\w*)(?: +(\{.*))?")
_WORDS = {w: v for v in (None, True, False) for n in (json.dumps(v),) for w in (n, n.title(), n.upper())}
_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_PARTS = frozenset(["[", "]", "{", "}", ",", " ", ": "])


def read_quickly(text: str, table: Table | None = None) -> Any:
    """The data of one document: dict, list, str, int, float, bool, None.

    table  makes the tables, which may then have tags; without it they are dicts and a tag is refused
    Raises NotQuick for any text of which this reader is not sure. Takes time in proportion to the text.
    """
    if len(text) > MAX_CHARACTERS or not _PRINTABLE.fullmatch(text):
        raise NotQuick
    lines = [_line(number, raw) for number, raw in enumerate(text.split("\n"), 1) if not _is_empty(raw)]
    if not lines:
        raise NotQuick
    reader = _Reader(lines, table)
    try:
        found = reader.block(lines[0][0], 0)
    except ValueError:
        raise NotQuick from None
    if reader.at < len(lines):
        raise NotQuick
    return found


_Line = tuple[int, str, int]
"""(blanks before, the rest without comment, number)."""


def _is_empty(raw: str) -> bool:
    stripped = raw.lstrip(" ")
    return not stripped or stripped[0] == "#"


def _line(number: int, raw: str) -> _Line:
    content = raw.lstrip(" ")
    indent = len(raw) - len(content)
    if "#" in content:
        # In quotes it would be no comment, and within a word neither.
        content, hash_, _ = content.partition(" #")
        if not hash_ or "#" in content or '"' in content or "'" in content:
            raise NotQuick
    if len(content) > MAX_LINE:
        raise NotQuick
    return indent, content.rstrip(" "), number


class _Reader:
    """Goes through the lines once; lives for one document. `at` is the next line."""

    def __init__(self, lines: list[_Line], table: Table | None) -> None:
        self.lines, self.table, self.at = lines, table, 0
        self.tokens = _Tokens()
        self.line = 0
        self.flow = json.JSONDecoder(object_pairs_hook=lambda pairs: self.made(pairs, "", self.line))

    def block(self, indent: int, depth: int, tag: str = "", tag_line: int = 0) -> Any:
        """The list or table whose first line is the next one, with so many blanks before it."""
        if depth > MAX_DEPTH:
            raise NotQuick
        _, content, number = self.lines[self.at]
        if content[0] == "-":
            if tag:
                raise NotQuick
            return self.items(indent, depth)
        return self.made(self.pairs(indent, depth), tag, tag_line or number)

    def items(self, indent: int, depth: int) -> list[Any]:
        found = []
        while self.at < len(self.lines):
            blanks, content, number = self.lines[self.at]
            if blanks != indent or content[0] != "-":
                break
            rest = content[1:].lstrip(" ")
            inner = indent + len(content) - len(rest)
            if rest and inner == indent + 1:
                raise NotQuick
            if rest and ((rest[0] == "-" and rest[1:2] == " ") or _KEY.fullmatch(rest)):
                self.lines[self.at] = inner, rest, number
                found.append(self.block(inner, depth + 1))
            else:
                self.at += 1
                found.append(self.value(rest, indent, number, depth))
        self.ended(indent)
        return found

    def pairs(self, indent: int, depth: int) -> list[tuple[str, Any]]:
        found = []
        while self.at < len(self.lines):
            blanks, content, number = self.lines[self.at]
            if blanks != indent:
                break
            entry = _KEY.fullmatch(content)
            if entry is None:
                raise NotQuick
            key, rest = entry.groups()
            self.at += 1
            # The items of a list may stand below their key without being indented.
            same = rest is None and self.at < len(self.lines) and self.lines[self.at][1][0] == "-"
            value = self.value(rest or "", indent - 1 if same else indent, number, depth)
            found.append((key[1:-1] if key[0] in "\"'" else key, value))
        self.ended(indent)
        return found

    def ended(self, indent: int) -> None:
        """What follows a list or table is further out: anything else continues a value over several lines."""
        if self.at < len(self.lines) and self.lines[self.at][0] > indent:
            raise NotQuick

    def value(self, text: str, indent: int, number: int, depth: int) -> Any:
        """What stands after a key or a dash, on the line and, where there is nothing, on those below it."""
        tag = ""
        if text[:1] == "!":
            match = _TAG.fullmatch(text)
            if match is None or self.table is None:
                raise NotQuick
            tag, text = match[1], match[2] or ""
        if text:
            if self.at < len(self.lines) and self.lines[self.at][0] > indent:
                raise NotQuick
            return self.of_text(text, tag, number)
        if self.at < len(self.lines) and self.lines[self.at][0] > indent:
            return self.block(self.lines[self.at][0], depth + 1, tag, number if tag else 0)
        if tag:
            raise NotQuick
        return None

    def of_text(self, text: str, tag: str, number: int) -> Any:
        if text[0] in "[{":
            self.line = number
            written = self.tokens.json(text)
            found, end = self.flow.raw_decode(written)
            if end < len(written):
                raise NotQuick
            if tag:
                found.tag = tag
            return found
        if not _SCALAR.fullmatch(text):
            raise NotQuick
        if text[0] in _STARTS:
            return _WORDS.get(text, text)
        if text[0] in "\"'":
            return text[1:-1]
        return json.loads(text)

    def made(self, pairs: list[tuple[str, Any]], tag: str, line: int) -> Any:
        found = dict(pairs) if self.table is None else self.table(tag, line, pairs)
        if len(found) != len(pairs):
            raise NotQuick
        return found


class _Tokens(dict[str, str]):
    """Token of a line in brackets -> the same in JSON, made once for each."""

    def json(self, text: str) -> str:
        tokens = _TOKEN.findall(text)
        if text.count("[") + text.count("{") > MAX_DEPTH:
            _refuse_deep(tokens)
        return "".join([self[t] for t in tokens])

    def __missing__(self, token: str) -> str:
        first = token[0]
        if token in _PARTS:
            found = token
        elif first in _STARTS:
            # A name has no character that JSON would escape.
            found = json.dumps(_WORDS[token]) if token in _WORDS else f'"{token}"'
        elif first == '"' and len(token) > 1:
            found = token
        elif first == "'" and len(token) > 1:
            found = json.dumps(token[1:-1])
        elif first.isdigit() or (first == "-" and len(token) > 1):
            found = token
        else:
            raise NotQuick
        self[token] = found
        return found


def _refuse_deep(tokens: list[str]) -> None:
    depth = 0
    for token in tokens:
        depth += (token in "[{") - (token in "]}")
        if depth > MAX_DEPTH:
            raise NotQuick
