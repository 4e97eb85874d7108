"""YAML in and out: plain values with the line each one stands on, and a deterministic writer.

Only plain data comes out (no tags, no objects, bounded size, depth and alias expansion). What the data should look
like is not known here; validate.py checks it against a schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from math import inf, nan
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from tileloom.core.errors import InputError
from tileloom.core.quick_yaml import NotQuick, read_quickly

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"
Place: TypeAlias = "tuple[str | int, ...]"

MAX_BYTES = 2_000_000
MAX_VALUES = 200_000
"""Values after aliases are expanded; a file of nested aliases can stand for billions."""
MAX_DEPTH = 64
MAX_OPEN = 1000
"""Brackets open at once anywhere in the text, strings included: counted before the parser, which is slow with them."""
MAX_SEPARATORS = 70_000
"""Commas, colons and line ends: more take the parser more than some seconds. A file that quick_yaml.py reads has fewer."""

_BARE = re.compile(r"[A-Za-z_][\w .,;/()+*=%-]*")
_BRACKETS = re.compile(r"[\[\]{}]")
_PREFIX = "tag:yaml.org,2002:"
_FLOATS = {".inf": inf, "+.inf": inf, "-.inf": -inf, ".nan": nan}


@dataclass(frozen=True)
class Document:
    """A file's data and where everything stands.

    data   dict / list / str / int / float / bool / None, nothing else
    lines  path of keys and indices -> line, counted from 1; for an entry of a mapping the line of its key
    """

    data: Plain
    file: str
    lines: Mapping[Place, int] = field(repr=False)

    def line(self, path: Place) -> int:
        """Line of the value at `path`, or of its nearest ancestor that exists in the file."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def at(self, path: Place) -> str:
        """'file:line', as error messages begin."""
        return f"{self.file}:{self.line(path)}"

    def under(self, key: str) -> Document:
        """The same data as the only value of a table."""
        return Document({key: self.data}, self.file, _Lines(lambda: {(key, *p): n for p, n in self.lines.items()}))


def load_yaml(path: str | Path, *, last_key_wins: bool = False) -> Document:
    """Read a YAML (or JSON) file. Raises InputError if it cannot be read, is too large or is not plain YAML."""
    name = str(path)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}", file=name) from error
    if len(raw) > MAX_BYTES:
        raise InputError(f"{name}: larger than {MAX_BYTES} bytes; split it or check that it is YAML", file=name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problem = f"{name}:{line}: not UTF-8 text (byte 0x{raw[error.start]:02x}); is this a YAML file?"
        raise InputError(problem, file=name) from error
    return parse_yaml(text, file=name, last_key_wins=last_key_wins)


def parse_yaml(text: str, *, file: str = "<text>", last_key_wins: bool = False) -> Document:
    """Parse one YAML document.

    last_key_wins   take the last of repeated keys, as other tools do whose files are read; otherwise they are refused
    Raises InputError (file:line) for broken syntax, tags, repeated keys, more than one document, and for documents
    that are too large, too deep, or grow too large when aliases are expanded.

    >>> parse_yaml("a: [1, 2.5]").data
    {'a': [1, 2.5]}
    """
    try:
        data = read_quickly(text)
    except NotQuick:
        return _parse_completely(text, file, last_key_wins)
    return Document(data, file, _Lines(lambda: _parse_completely(text, file, last_key_wins).lines))


class _Lines(Mapping[Place, int]):
    """Where the values of a text stand: found out when a message asks for it, by reading the text once more."""

    def __init__(self, find: Callable[[], Mapping[Place, int]]) -> None:
        self.find = find

    @cached_property
    def found(self) -> Mapping[Place, int]:
        return self.find()

    def __getitem__(self, place: Place) -> int:
        return self.found[place]

    def __iter__(self) -> Iterator[Place]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


def _parse_completely(text: str, file: str, last_key_wins: bool) -> Document:
    refuse_costly(text, file)
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        context = f"{error.context}: " if error.context else ""
        raise InputError(f"{where}: not valid YAML: {context}{error.problem}", file=file) from error
    except YAMLError as error:
        raise InputError(f"{file}: not valid YAML: {str(error).splitlines()[0]}", file=file) from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{file}: not valid YAML: {_reason(error)}", file=file) from error
    reader = _Reader(file, last_key_wins)
    data: Plain = None if root is None else reader.value(root, ())
    return Document(data, file, reader.lines or {(): 1})


def refuse_costly(text: str, file: str) -> None:
    """Raises InputError for text that a YAML parser would take long for: too large, too many values, too deep."""
    if len(text) > MAX_BYTES:
        raise InputError(f"{file}: larger than {MAX_BYTES} characters", file=file)
    separators = sum(text.count(sign) for sign in ",:\n")
    if separators > MAX_SEPARATORS:
        raise InputError(
            f"{file}: {separators} commas, colons and line ends; at most {MAX_SEPARATORS} are read. Split the file",
            file=file,
        )
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += 1 if found[0] in "[{" else -1
        if depth > MAX_OPEN:
            line = text.count("\n", 0, found.start()) + 1
            raise InputError(f"{file}:{line}: nested more than {MAX_OPEN} brackets deep", file=file)


def dump_yaml(data: object) -> str:
    """Text of plain data: keys in the order given, innermost collections on one line, the same bytes every time.

    Tuples become lists. Raises TypeError for anything that is not plain data.

    >>> print(dump_yaml({"read": {"energy_pj": 1.5, "width_bits": 64}}), end="")
    read: {energy_pj: 1.5, width_bits: 64}
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.allow_unicode = True
    yaml.representer.sort_base_mapping_type_on_output = False
    yaml.representer.ignore_aliases = lambda data: True
    stream = StringIO()
    yaml.dump(_plain(data), stream)
    text = stream.getvalue()
    # A bare scalar is followed by an end-of-document mark that nothing needs.
    return text.removesuffix("...\n")


class _Representer(SafeRepresenter):
    """Quotes every text that does not begin like a word: left to itself the library writes '?0' bare."""

    def represent_text(self, text: str) -> ScalarNode:
        style = None if _BARE.fullmatch(text) else "'"
        return self.represent_scalar(_PREFIX + "str", text, style=style)


_Representer.add_representer(str, _Representer.represent_text)


class _Reader:
    """Turns composed nodes into plain values and notes their lines; lives for one document."""

    def __init__(self, file: str, last_key_wins: bool = False) -> None:
        self.file, self.last_key_wins = file, last_key_wins
        self.lines: dict[Place, int] = {}
        self.open: list[Node] = []

    def value(self, node: Node, path: Place) -> Plain:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > MAX_VALUES:
            raise self.fault(node, f"more than {MAX_VALUES} values once aliases are expanded")
        if isinstance(node, ScalarNode):
            return self.scalar(node)
        if any(node is outer for outer in self.open):
            raise self.fault(node, "an alias that contains itself")
        if len(self.open) >= MAX_DEPTH:
            raise self.fault(node, f"nested more than {MAX_DEPTH} levels deep")
        self.open.append(node)
        try:
            return self.sequence(node, path) if isinstance(node, SequenceNode) else self.mapping(node, path)
        finally:
            self.open.pop()

    def sequence(self, node: SequenceNode, path: Place) -> Plain:
        self.no_tag(node, "seq")
        return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]

    def mapping(self, node: Node, path: Place) -> Plain:
        if not isinstance(node, MappingNode):
            raise self.fault(node, "expected plain data")
        self.no_tag(node, "map")
        result: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key in result and not self.last_key_wins:
                raise self.fault(key_node, f"key '{key}' appears twice (first on line {self.lines[(*path, key)]})")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*path, key))
        return result

    def key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self.fault(node, "a key must be plain text")
        if str(node.tag) == _PREFIX + "merge":
            raise self.fault(node, "merge keys ('<<') are not supported; write the entries out")
        # Keys are names here: `1:` or `N:` or `on:` must all stay what the user typed.
        return str(node.value)

    def scalar(self, node: ScalarNode) -> Plain:
        text = str(node.value)
        kind = str(node.tag).removeprefix(_PREFIX)
        try:
            if kind == "int":
                return _int(text)
            if kind == "float":
                low = text.lower().replace("_", "")
                return _FLOATS[low] if low in _FLOATS else float(low)
        except (ValueError, OverflowError) as error:
            raise self.fault(node, f"cannot read the number '{text[:40]}': {_reason(error)}") from error
        if kind == "bool":
            return text.lower() == "true"
        if kind == "null":
            return None
        if kind in ("str", "timestamp"):
            return text
        raise self.fault(node, f"tag '{node.tag}' is not allowed; only plain data is read")

    def no_tag(self, node: Node, kind: str) -> None:
        if str(node.tag) != _PREFIX + kind:
            raise self.fault(node, f"tag '{node.tag}' is not allowed; only plain data is read")

    def fault(self, node: Node, what: str) -> InputError:
        return InputError(f"{self.file}:{node.start_mark.line + 1}: {what}", file=self.file)


def _int(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]


def _plain(data: object) -> Plain:
    if data is None or isinstance(data, bool | str):
        return data
    if isinstance(data, int | float):
        # Subclasses (numpy's float64 is one) would be written with a tag.
        return int(data) if isinstance(data, int) else float(data)
    if isinstance(data, Mapping):
        return {_name(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(item) for item in data]
    raise TypeError(f"cannot write a {type(data).__name__} as YAML; plain data only")


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"keys must be text, got {key!r}")
    return key
