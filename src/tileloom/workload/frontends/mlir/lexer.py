"""Splits MLIR text into tokens and nested bracket groups, with their places; knows no operation.

Bounded in size, depth and number of tokens. Constants are stepped over without being read: megabytes of them cost a
search for their end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple, TypeAlias

from tileloom.core.errors import InputError

MAX_CHARACTERS = 256_000_000
MAX_TOKENS = 1_000_000
MAX_DEPTH = 128
KEPT_CONSTANT = 4096
"""Characters of a dense constant that is kept as text; strides and paddings are shorter, weights longer."""

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n]++|//[^\n]*+)++)
    |(?P<value>%(?:[A-Za-z0-9$._]|-(?!>))++(?:\#[0-9]++)?)
    |(?P<bare>[A-Za-z_][A-Za-z0-9_$.]*+)
    |(?P<open>[(\[{<])
    |(?P<arrow>->)
    |(?P<mark>>=|==|::)
    |(?P<close>[)\]}>])
    |(?P<number>0x[0-9a-fA-F]++|[0-9]++(?:\.[0-9]*+(?:[eE][+-]?[0-9]++)?)?)
    |(?P<string>"(?:[^"\\]++|\\.)*+")
    |(?P<symbol>@(?:"(?:[^"\\]++|\\.)*+"|[A-Za-z0-9_$.-]++))
    |(?P<alias>[\#!^](?:[A-Za-z0-9_$.]|-(?!>))++)
    |(?P<other>[,=:*+?/|;-])""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CONSTANTS = ("dense", "sparse")


class Token(NamedTuple):
    """kind: value (%x), bare, number, string, symbol (@f), alias (#x, !x, ^x), arrow, other, constant;  first: on its line."""

    kind: str
    text: str
    start: int
    first: bool


class Group(NamedTuple):
    """Everything between two brackets; `start` is the place of the opening one, `end` of the closing one."""

    open: str
    items: list[Item]
    start: int
    end: int
    first: bool

    @property
    def kind(self) -> str:
        return self.open

    @property
    def text(self) -> str:
        return self.open


Item: TypeAlias = Token | Group


class Source:
    """A text with its name: places to lines, and errors that carry them."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file

    @cached_property
    def _breaks(self) -> list[int]:
        return [m.start() for m in re.finditer("\n", self.text)]

    def line(self, place: int) -> int:
        return bisect_right(self._breaks, place - 1) + 1

    def at(self, place: int) -> str:
        return f"{self.file}:{self.line(place)}"

    def fault(self, place: int, message: str) -> InputError:
        return InputError(f"{self.at(place)}: {message}", file=self.file)

    def inside(self, group: Group) -> str:
        """The text between a group's brackets."""
        return self.text[group.start + 1 : group.end]


def read_items(source: Source) -> list[Item]:
    """The text as tokens and groups. InputError with the line: text that is no MLIR, unclosed brackets, limits."""
    text = source.text
    if len(text) > MAX_CHARACTERS:
        raise source.fault(0, f"{len(text)} characters; at most {MAX_CHARACTERS} are read")
    match = _TOKEN.match
    top: list[Item] = []
    current, stack = top, list[tuple[str, int, bool, list[Item]]]()
    at, count, first, size = 0, 0, True, len(text)
    while at < size:
        found = match(text, at)
        if found is None:
            at = _stray(source, at)
            continue
        kind, start, at = found.lastgroup or "", at, found.end()
        if kind == "space":
            first = first or "\n" in text[start:at]
            continue
        count += 1
        if count > MAX_TOKENS:
            raise source.fault(start, f"more than {MAX_TOKENS} words; split the module")
        if kind == "open":
            if len(stack) >= MAX_DEPTH:
                raise source.fault(start, f"brackets nested more than {MAX_DEPTH} deep")
            stack.append((text[start], start, first, current))
            current = []
        elif kind == "close":
            if not stack or _CLOSES[stack[-1][0]] != text[start]:
                opened = f"; '{stack[-1][0]}' of line {source.line(stack[-1][1])} is open" if stack else ""
                raise source.fault(start, f"unexpected '{text[start]}'{opened}")
            opened_by, begin, was_first, outer = stack.pop()
            outer.append(Group(opened_by, current, begin, start, was_first))
            current = outer
        elif kind == "bare" and text[at : at + 1] == "<" and text[start:at] in _CONSTANTS:
            end = _constant_end(source, at)
            kept = text[at + 1 : end - 1] if end - at <= KEPT_CONSTANT else ""
            current.append(Token("constant", kept, start, first))
            at = end
        else:
            current.append(Token(kind, text[start : min(at, start + KEPT_CONSTANT)], start, first))
        first = False
    if stack:
        raise source.fault(stack[-1][1], f"'{stack[-1][0]}' is never closed; the file seems cut short")
    return top


def _constant_end(source: Source, opened: int) -> int:
    """Where a dense constant ends, whose '<' is at `opened`; its numbers are not looked at."""
    text, at = source.text, opened + 1
    while True:
        closed, quote = text.find(">", at), text.find('"', at, at + KEPT_CONSTANT)
        if closed < 0:
            raise source.fault(opened, "a constant that never ends; the file seems cut short")
        if quote < 0 or quote > closed:
            return closed + 1
        at = text.find('"', quote + 1) + 1
        if not at:
            raise source.fault(quote, "text in quotes that never ends; the file seems cut short")


def _stray(source: Source, at: int) -> int:
    """Steps over the mark that opens '{-# ... #-}', where compilers put weights; anything else is a fault."""
    if source.text.startswith("#", at):
        return at + 1
    shown = source.text[at : at + 20].split("\n")[0]
    if shown.startswith('"'):
        raise source.fault(at, "text in quotes that never ends; the file seems cut short")
    raise source.fault(at, f"'{shown}' is no MLIR text")
