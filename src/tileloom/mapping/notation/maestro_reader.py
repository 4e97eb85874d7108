"""Reads MAESTRO mapping and model files: a recursive-descent parser over its tokens. Judges no mapping.

Differences from the original's parser: true line numbers, carriage returns taken, constants named in messages, and an
unknown cluster letter is an error instead of a crash.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from tileloom.architecture.notation.maestro import COMMENT, SEPARATORS
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.tokens import Token, leading_integer, read_text, tokenize
from tileloom.mapping.notation.maestro import OPERATORS, Cluster, Directive, DirectiveLayer, MaestroFile, Map

_WITHOUT_MODEL = ("FC", "LSTM", "POOL")
_TOP = ("Constant", "Network", "Accelerator")
_ITEMS = ("Type", "Stride", "Dimensions", "Dataflow")
_DIRECTIVES = ("TemporalMap", "SpatialMap", "Cluster")
_STRIDED = ("X", "Y", "X'", "Y'")
_LIMIT = 2**31 - 1
MAX_MESSAGE = 1000
"""Names of a file stand in its messages, and may be as long as the file."""


def read_mapping(path: str | Path) -> MaestroFile:
    """The layers of a `.m` file. Raises InputError with file, line and what was expected."""
    return parse_mapping(read_text(Path(path)), str(path))


def parse_mapping(text: str, name: str = "mapping") -> MaestroFile:
    """As `read_mapping`; `name` stands for the file in messages."""
    return _Parser(tokenize(text, SEPARATORS, COMMENT), name).file()


def parse_dataflow(text: str, layer: DirectiveLayer, name: str = "dataflow") -> tuple[Directive, ...]:
    """The directives of a text, with `Sz` taken from the layer. Raises InputError as `parse_mapping` does."""
    return _Parser(tokenize("{ " + text + " }", SEPARATORS, COMMENT), name).dataflow(layer)


@dataclass
class _Layer:
    """What has been read of a layer so far."""

    name: str
    line: int
    label: str = ""
    operator: str | None = None
    strides: dict[str, int] = field(default_factory=dict)
    extents: dict[str, int] = field(default_factory=dict)
    dataflow: list[Directive] | None = None


class _Parser:
    def __init__(self, tokens: tuple[Token, ...], name: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._file = name
        self._constants: dict[str, int] = {}
        self._last_dim = ""

    def file(self) -> MaestroFile:
        network = ""
        layers: list[DirectiveLayer] = []
        while self._at < len(self._tokens):
            word = self._next("a constant or a network")
            if word.text == "Constant":
                name = self._next("the constant's name")
                self._constants[name.text] = self._number("the constant's value", low=0)
            elif word.text == "Network":
                network = self._name_up_to_brace(word)
                layers += self._layers(word)
            elif word.text == "Accelerator":
                self._skip_block(word)
        return MaestroFile(network, tuple(layers), self._file)

    def dataflow(self, layer: DirectiveLayer) -> tuple[Directive, ...]:
        read = _Layer(layer.name, layer.line, extents=layer.sizes)
        self._dataflow(read)
        return tuple(read.dataflow or ())

    def _layers(self, opening: Token) -> list[DirectiveLayer]:
        found: list[DirectiveLayer] = []
        while True:
            word = self._next(f"'Layer' or '}}' of the network of line {opening.line}")
            if word.text == "}":
                return found
            if word.text != "Layer":
                self._fail(word, f"expected 'Layer' or '}}', got '{word.text}'{_brace_hint(word.text)}")
            found.append(self._layer(word))

    def _layer(self, opening: Token) -> DirectiveLayer:
        name = self._name_up_to_brace(opening)
        layer = _Layer(name or f"line{opening.line}", opening.line)
        before = self._last_dim
        while True:
            word = self._next(f"'}}' of the layer of line {opening.line}")
            match word.text:
                case "}":
                    return self._finished(layer, word)
                case "Type":
                    self._type(layer)
                    layer.label = self._last_dim if layer.extents else name or before or "Layer"
                case "Stride":
                    self._strides(layer, word)
                case "Dimensions":
                    self._dimensions(layer)
                case "Dataflow":
                    self._dataflow(layer)
                case _:
                    near = did_you_mean(word.text, _ITEMS)
                    self._fail(
                        word, f"a layer has {', '.join(_ITEMS)}; got '{word.text}'{near}{_brace_hint(word.text)}"
                    )

    def _finished(self, layer: _Layer, closing: Token) -> DirectiveLayer:
        if layer.operator is None:
            self._fail(closing, f"layer '{layer.name}' has no Type; there are {', '.join(OPERATORS)}")
        if layer.operator in _WITHOUT_MODEL:
            known = ", ".join(OPERATORS)
            self._fail(
                closing, f"layer '{layer.name}': nothing is known about type {layer.operator}; there are {known}"
            )
        if not layer.extents:
            self._fail(closing, f"layer '{layer.name}' has no Dimensions")
        dataflow = None if layer.dataflow is None else tuple(layer.dataflow)
        return DirectiveLayer(
            layer.name,
            layer.operator,
            tuple(layer.extents.items()),
            tuple(layer.strides.items()),
            dataflow,
            layer.label,
            layer.line,
        )

    def _type(self, layer: _Layer) -> None:
        word = self._next("a layer type")
        known = (*OPERATORS, *_WITHOUT_MODEL)
        if word.text not in known:
            self._fail(
                word, f"unknown type '{word.text}'{did_you_mean(word.text, known)}; there are {', '.join(OPERATORS)}"
            )
        layer.operator = word.text

    def _strides(self, layer: _Layer, opening: Token) -> None:
        if layer.extents:
            self._fail(opening, "Stride must come before Dimensions")
        self._brace()
        while (word := self._next("'}' of Stride")).text != "}":
            if word.text not in _STRIDED:
                self._fail(
                    word, f"Stride is given for X and Y (or X', Y'), not for '{word.text}'{_brace_hint(word.text)}"
                )
            layer.strides[word.text] = self._number(f"the stride along {word.text}")

    def _dimensions(self, layer: _Layer) -> None:
        self._brace()
        while (word := self._next("'}' of Dimensions")).text != "}":
            if word.text[0].isdigit() or word.text[0] == "{":
                self._fail(word, f"expected the name of a dimension, got '{word.text}'{_brace_hint(word.text)}")
            layer.extents[word.text] = self._value(f"the size of {word.text}")
            self._last_dim = word.text

    def _dataflow(self, layer: _Layer) -> None:
        self._brace()
        layer.dataflow = []
        while (word := self._next("'}' of Dataflow")).text != "}":
            if word.text == "Cluster":
                layer.dataflow.append(self._cluster(layer))
            elif word.text in _DIRECTIVES:
                layer.dataflow.append(self._map(layer, word))
            else:
                near = did_you_mean(word.text, _DIRECTIVES) + _brace_hint(word.text)
                self._fail(word, f"unknown directive '{word.text}'{near}; there are {', '.join(_DIRECTIVES)}")

    def _cluster(self, layer: _Layer) -> Cluster:
        size = self._size(layer, "the size of the cluster")
        scope = self._next("L or P")
        if scope.text == "L" or scope.text == "P":
            return Cluster(size, "L" if scope.text == "L" else "P")
        self._fail(scope, f"a cluster is L (logical) or P (physical), got '{scope.text}'")

    def _map(self, layer: _Layer, word: Token) -> Map:
        kind: Literal["temporal", "spatial"] = "temporal" if word.text == "TemporalMap" else "spatial"
        size = self._size(layer, f"the size of the {word.text}")
        offset = self._size(layer, f"the offset of the {word.text}")
        dim = self._next("the mapped dimension")
        if dim.text in ("{", "}"):
            self._fail(dim, f"{word.text}({size},{offset}) names no dimension")
        declared = layer.extents.get(dim.text)
        if kind == "temporal" and dim.text in ("R", "S") and declared is not None and not size == offset == declared:
            self._fail(
                word,
                f"TemporalMap({size},{offset}) {dim.text}: size and offset must both be the size of {dim.text}, "
                f"which is {declared}; write TemporalMap(Sz({dim.text}),Sz({dim.text})) {dim.text}",
            )
        return Map(kind, size, offset, dim.text)

    def _size(self, layer: _Layer, what: str) -> int:
        """A number, a constant, or the declared size of a dimension."""
        if self._peek() != "Sz":
            return self._value(what)
        self._at += 1
        dim = self._next("the dimension of Sz")
        if dim.text not in layer.extents:
            near = did_you_mean(dim.text, layer.extents)
            self._fail(dim, f"Sz({dim.text}): no such dimension{near}; declared before are {list(layer.extents)}")
        return layer.extents[dim.text]

    def _value(self, what: str) -> int:
        word = self._peek()
        if word in self._constants:
            token = self._next(what)
            return self._in_range(token, what, self._constants[token.text], 1)
        return self._number(what)

    def _number(self, what: str, low: int = 1) -> int:
        token = self._next(what)
        if not token.text[0].isdigit():
            near = did_you_mean(token.text, self._constants)
            self._fail(token, f"{what} must be a whole number or a constant, got '{token.text}'{near}")
        return self._in_range(token, what, leading_integer(token.text), low)

    def _in_range(self, token: Token, what: str, value: int, low: int) -> int:
        if not low <= value <= _LIMIT:
            self._fail(token, f"{what} is {value}; expected {low} to {_LIMIT}")
        return value

    def _name_up_to_brace(self, opening: Token) -> str:
        name = ""
        while (word := self._next(f"'{{' after {opening.text}")).text != "{":
            if word.text in (*_ITEMS, "Layer") or word.text[0] in "{}":
                self._fail(
                    word, f"expected '{{' after {opening.text} {name}, got '{word.text}'{_brace_hint(word.text)}"
                )
            name = word.text
        return name

    def _skip_block(self, opening: Token) -> None:
        depth = 0
        while True:
            word = self._next(f"the end of the block of line {opening.line}").text
            depth += (word == "{") - (word == "}")
            if word == "}" and depth <= 0:
                return

    def _brace(self) -> None:
        word = self._next("'{'")
        if word.text != "{":
            self._fail(word, f"expected '{{', got '{word.text}'{_brace_hint(word.text)}")

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _next(self, expected: str) -> Token:
        if self._at >= len(self._tokens):
            line = self._tokens[-1].line if self._tokens else 1
            raise InputError(f"{self._file}:{line}: the file ends where {expected} is expected", file=self._file)
        self._at += 1
        return self._tokens[self._at - 1]

    def _fail(self, token: Token, message: str) -> NoReturn:
        raise InputError(f"{self._file}:{token.line}: {message[:MAX_MESSAGE]}", file=self._file)


def _brace_hint(word: str) -> str:
    return "; put spaces around braces" if len(word) > 1 and ("{" in word or "}" in word) else ""
