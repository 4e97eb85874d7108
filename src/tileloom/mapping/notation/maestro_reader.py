"""Reads MAESTRO mapping and model files: a recursive-descent parser over its tokens. Judges no mapping.

Differences from the original's parser: true line numbers, carriage returns taken, constants named in messages, and an
unknown cluster letter is an error instead of a crash. Everything wrong with a file is told at once. What the original
silently reads as something else (a minus, letters after a number, repetitions) is refused unless asked to read as it does.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from tileloom.architecture.notation.maestro import COMMENT, SEPARATORS
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.tokens import Token, leading_integer, minus_signs, read_text, tokenize
from tileloom.mapping.notation.maestro import OPERATORS, Cluster, Directive, DirectiveLayer, MaestroFile, Map

_WITHOUT_MODEL = ("FC", "LSTM", "POOL")
_TOP = ("Constant", "Network", "Accelerator")
_ITEMS = ("Type", "Stride", "Dimensions", "Dataflow")
_DIRECTIVES = ("TemporalMap", "SpatialMap", "Cluster")
_STRIDED = ("X", "Y", "X'", "Y'")
_LIMIT = 2**31 - 1
MAX_MESSAGE = 1000
"""Names of a file stand in its messages, and may be as long as the file."""


def read_mapping(path: str | Path, *, faithful: bool = False) -> MaestroFile:
    """The layers of a `.m` file. Raises InputError with file, line and what was expected, for everything that is wrong.

    faithful   read -8 and 8abc as 8, and let what is given again replace or join what was there, as the original does
    """
    return parse_mapping(read_text(Path(path)), str(path), faithful=faithful)


def parse_mapping(text: str, name: str = "mapping", *, faithful: bool = False) -> MaestroFile:
    """As `read_mapping`; `name` stands for the file in messages."""
    parser = _Parser(tokenize(text, SEPARATORS, COMMENT, name), name, faithful)
    if not faithful:
        parser.problems += [(line, minus) for line, minus in minus_signs(text, COMMENT)]
    return parser.file()


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
    given: dict[str, int] = field(default_factory=dict)
    """Line of every part read."""


class _LostError(Exception):
    """The text makes no sense up to the next layer; the problem is noted."""


class _Parser:
    def __init__(self, tokens: tuple[Token, ...], name: str, faithful: bool = False) -> None:
        self.problems: list[tuple[int, str]] = []
        self._tokens = tokens
        self._faithful = faithful
        self._at = 0
        self._file = name
        self._constants: dict[str, int] = {}
        self._last_dim = ""
        self._layer_lines: dict[str, int] = {}
        self._warnings: list[str] = []

    def file(self) -> MaestroFile:
        network = ""
        layers: list[DirectiveLayer] = []
        while self._at < len(self._tokens):
            try:
                word = self._next("a constant or a network")
                if word.text == "Constant":
                    self._constant()
                elif word.text == "Network":
                    network = self._name_up_to_brace(word)
                    layers += self._layers(word)
                elif word.text == "Accelerator":
                    self._skip_block(word)
            except _LostError:
                pass
        self._raise()
        return MaestroFile(network, tuple(layers), self._file, tuple(self._warnings))

    def dataflow(self, layer: DirectiveLayer) -> tuple[Directive, ...]:
        read = _Layer(layer.name, layer.line, extents=layer.sizes)
        with suppress(_LostError):
            self._dataflow(read)
        self._raise()
        return tuple(read.dataflow or ())

    def _raise(self) -> None:
        if self.problems:
            listed = dict.fromkeys(f"{self._file}:{n}: {text}" for n, text in sorted(self.problems, key=lambda p: p[0]))
            raise InputError(list(listed), file=self._file)

    def _constant(self) -> None:
        name = self._next("the constant's name")
        if name.text in self._constants and not self._faithful:
            self._note(name, f"Constant {name.text} is given again; the original takes the last: remove one")
        self._constants[name.text] = self._number("the constant's value", low=0)

    def _layers(self, opening: Token) -> list[DirectiveLayer]:
        found: list[DirectiveLayer] = []
        while True:
            word = self._next(f"'Layer' or '}}' of the network of line {opening.line}")
            if word.text == "}":
                return found
            try:
                if word.text != "Layer":
                    self._fail(word, f"expected 'Layer' or '}}', got '{word.text}'{_brace_hint(word.text)}")
                layer = self._layer(word)
            except _LostError:
                self._to_next_layer()
                continue
            found += [layer] if layer is not None else []

    def _to_next_layer(self) -> None:
        while self._at < len(self._tokens) and self._peek() != "Layer":
            self._at += 1
        if self._at == len(self._tokens):
            # What is missing here follows from what is noted.
            raise _LostError

    def _layer(self, opening: Token) -> DirectiveLayer | None:
        problems = len(self.problems)
        name = self._name_up_to_brace(opening)
        layer = _Layer(name or f"line{opening.line}", opening.line)
        if layer.name in self._layer_lines and not self._faithful:
            before_line = self._layer_lines[layer.name]
            told = f"layer '{layer.name}' is there already, in line {before_line}; both are taken, but give it another name"
            self._warnings.append(f"{self._file}:{opening.line}: {told}")
        self._layer_lines.setdefault(layer.name, layer.line)
        before = self._last_dim
        while True:
            word = self._next(f"'}}' of the layer of line {opening.line}")
            if word.text in layer.given and not self._faithful:
                before_line = layer.given[word.text]
                self._note(
                    word, f"{word.text} of layer '{layer.name}' is given again, after line {before_line}; remove one"
                )
            layer.given.setdefault(word.text, word.line)
            match word.text:
                case "}":
                    self._judge(layer, word)
                    return None if len(self.problems) > problems else _finished(layer)
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

    def _judge(self, layer: _Layer, closing: Token) -> None:
        if "Type" not in layer.given:
            self._note(closing, f"layer '{layer.name}' has no Type; there are {', '.join(OPERATORS)}")
        if layer.operator in _WITHOUT_MODEL:
            known = ", ".join(OPERATORS)
            self._note(
                closing, f"layer '{layer.name}': nothing is known about type {layer.operator}; there are {known}"
            )
        if not layer.extents:
            self._note(closing, f"layer '{layer.name}' has no Dimensions")

    def _type(self, layer: _Layer) -> None:
        word = self._next("a layer type")
        known = (*OPERATORS, *_WITHOUT_MODEL)
        if word.text not in known:
            self._note(
                word, f"unknown type '{word.text}'{did_you_mean(word.text, known)}; there are {', '.join(OPERATORS)}"
            )
        layer.operator = word.text

    def _strides(self, layer: _Layer, opening: Token) -> None:
        if layer.extents:
            self._note(opening, "Stride must come before Dimensions")
        self._brace()
        while (word := self._next("'}' of Stride")).text != "}":
            if word.text not in _STRIDED:
                self._fail(
                    word, f"Stride is given for X and Y (or X', Y'), not for '{word.text}'{_brace_hint(word.text)}"
                )
            self._put(layer.strides, word, self._number(f"the stride along {word.text}"), "Stride")

    def _dimensions(self, layer: _Layer) -> None:
        self._brace()
        sizes: dict[str, int] = {}
        while (word := self._next("'}' of Dimensions")).text != "}":
            if word.text[0].isdigit() or word.text[0] == "{":
                self._fail(word, f"expected the name of a dimension, got '{word.text}'{_brace_hint(word.text)}")
            self._put(sizes, word, self._value(f"the size of {word.text}"), "Dimensions")
            self._last_dim = word.text
            layer.extents[word.text] = sizes[word.text]

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
                self._note(word, f"unknown directive '{word.text}'{near}; there are {', '.join(_DIRECTIVES)}")
                if "{" in word.text or "}" in word.text:
                    raise _LostError
                while self._peek() not in (*_DIRECTIVES, "}", ""):
                    self._at += 1

    def _cluster(self, layer: _Layer) -> Cluster:
        size = self._size(layer, "the size of the cluster")
        scope = self._next("L or P")
        if scope.text == "L" or scope.text == "P":
            return Cluster(size, "L" if scope.text == "L" else "P")
        if scope.text in _DIRECTIVES or scope.text in ("{", "}"):
            self._fail(scope, f"a cluster is L (logical) or P (physical), got '{scope.text}'")
        self._note(scope, f"a cluster is L (logical) or P (physical), got '{scope.text}'")
        return Cluster(size, "P")

    def _map(self, layer: _Layer, word: Token) -> Map:
        kind: Literal["temporal", "spatial"] = "temporal" if word.text == "TemporalMap" else "spatial"
        size = self._size(layer, f"the size of the {word.text}")
        offset = self._size(layer, f"the offset of the {word.text}")
        dim = self._next("the mapped dimension")
        if dim.text in ("{", "}"):
            self._fail(dim, f"{word.text}({size},{offset}) names no dimension")
        declared = layer.extents.get(dim.text)
        if kind == "temporal" and dim.text in ("R", "S") and declared is not None and not size == offset == declared:
            self._note(
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
            self._note(dim, f"Sz({dim.text}): no such dimension{near}; declared before are {list(layer.extents)}")
        return layer.extents.get(dim.text, 1)

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
            told = f"{what} must be a whole number or a constant, got '{token.text}'{near}{_brace_hint(token.text)}"
            if not token.text[0].isalpha() or token.text in (*_DIRECTIVES, *_ITEMS, *_TOP, "Layer"):
                self._fail(token, told)
            self._note(token, told)
            return low
        if not token.text.isdecimal() and not self._faithful:
            read = f"the original reads {leading_integer(token.text)}"
            told = f"{what} is '{token.text}', no whole number ({read}){_brace_hint(token.text)}"
            if "{" in token.text or "}" in token.text:
                self._fail(token, told)
            self._note(token, told)
        return self._in_range(token, what, leading_integer(token.text), low)

    def _in_range(self, token: Token, what: str, value: int, low: int) -> int:
        if not low <= value <= _LIMIT:
            self._note(token, f"{what} is {value}; expected {low} to {_LIMIT}")
            return low
        return value

    def _put(self, sizes: dict[str, int], word: Token, value: int, where: str) -> None:
        """An entry of a block; one that says something else than before is refused, the same again only mentioned."""
        before = sizes.get(word.text)
        if before is not None and not self._faithful:
            told = f"{where}: {word.text} is given again, {value} after {before}; remove one"
            if before != value:
                self._note(word, told)
            else:
                self._warnings.append(f"{self._file}:{word.line}: {told}")
        sizes[word.text] = value

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
            self.problems.append((line, f"the file ends where {expected} is expected"))
            raise _LostError
        self._at += 1
        return self._tokens[self._at - 1]

    def _note(self, token: Token, message: str) -> None:
        self.problems.append((token.line, message[:MAX_MESSAGE]))

    def _fail(self, token: Token, message: str) -> NoReturn:
        self._note(token, message)
        raise _LostError


def _finished(layer: _Layer) -> DirectiveLayer:
    assert layer.operator is not None
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


def _brace_hint(word: str) -> str:
    return "; put spaces around braces" if len(word) > 1 and ("{" in word or "}" in word) else ""
