"""Operations, attributes and types in the brackets that lexer.py found, for custom and generic printing alike.

Knows how MLIR writes an operation, not what any operation means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tileloom.core.errors import InputError
from tileloom.workload.frontends.mlir.lexer import KEPT_CONSTANT, Group, Item, Source, Token, read_items
from tileloom.workload.frontends.nodes import TensorFacts
from tileloom.workload.problem import MAX_EXTENT

MAX_OPERATIONS = 100_000
_BARE_OPERATIONS = frozenset(("module", "func", "return", "call", "constant"))
_ENDS = ("yield", "return", "terminator")
_SHAPED = ("tensor", "memref", "vector")
_SHAPE = re.compile(r"\s*((?:(?:\d+|\?)\s*x\s*)*)([^,\s][^,]*)")
_SCALAR = re.compile(r"(?:[su]?i|f|bf|tf)(\d+)")
_INDEX_BITS = 64


@dataclass(slots=True)
class Operation:
    """items: everything after the name except regions;  regions: bracket groups with operations inside."""

    name: str
    results: tuple[str, ...]
    start: int
    items: list[Item] = field(default_factory=list)
    regions: list[Group] = field(default_factory=list)

    @property
    def dialect(self) -> str:
        return self.name.partition(".")[0]

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]

    def operands(self) -> tuple[str, ...]:
        """Every value named in the operation itself, in order."""
        return tuple(dict.fromkeys(t.text for t in flat(self.items) if t.kind == "value"))


@dataclass
class Module:
    """A parsed text. `aliases` holds what `#map = ...` and `!t = ...` stand for."""

    source: Source
    aliases: dict[str, list[Item]]
    top: list[Operation]
    seen: int = 0

    def inside(self, region: Group) -> list[Operation]:
        """The operations of a region, its blocks one after another."""
        found = list(operations(region.items))
        self.seen += len(found)
        if self.seen > MAX_OPERATIONS:
            raise self.source.fault(region.start, f"more than {MAX_OPERATIONS} operations once calls are followed")
        return found

    def fault(self, place: int, message: str) -> InputError:
        return self.source.fault(place, message)


def parse_module(text: str, file: str = "<text>") -> Module:
    """The operations at the top of a text. InputError with file:line when it is no MLIR."""
    source = Source(text, file)
    aliases: dict[str, list[Item]] = {}
    rest: list[Item] = []
    items = read_items(source)
    starts = [i for i, item in enumerate(items) if _defines_alias(items, i)]
    stops = [*starts[1:], len(items)] if starts else []
    for start, stop in zip(starts, stops):
        body = items[start + 2 : stop]
        cut = next((i for i, item in enumerate(body) if item.first and _starts_operation(body, i)), len(body))
        aliases[items[start].text] = body[:cut]
        rest += body[cut:]
    rest = (items[: starts[0]] if starts else items) + rest
    module = Module(source, aliases, list(operations(rest)))
    if not module.top:
        raise source.fault(0, "no operation in it; expected MLIR text such as 'module { func.func @main ... }'")
    return module


def operations(items: Sequence[Item]) -> Iterator[Operation]:
    """The operations that a list of items holds, in order; block headers are passed over."""
    current: Operation | None = None
    i = 0
    while i < len(items):
        item = items[i]
        if isinstance(item, Token) and item.kind == "alias" and item.text.startswith("^") and _is_header(items, i):
            if current is not None:
                yield current
            current = None
            i += 2 if isinstance(items[i + 1], Group) else 1
            i += 1
            continue
        if (current is None or item.first or item.kind == "value") and _starts_operation(items, i, current):
            if current is not None:
                yield current
            current, i = _open(items, i)
            continue
        if current is not None:
            if isinstance(item, Group) and item.open == "{" and is_region(item):
                current.regions.append(item)
            elif isinstance(item, Group) and item.open == "(" and _holds_regions(item):
                current.regions += [g for g in item.items if isinstance(g, Group)]
            else:
                current.items.append(item)
        i += 1
    if current is not None:
        yield current


def flat(items: Sequence[Item]) -> Iterator[Token]:
    """All tokens, those inside brackets included."""
    for item in items:
        if isinstance(item, Group):
            yield from flat(item.items)
        else:
            yield item


def is_region(group: Group) -> bool:
    """Whether braces hold operations, not attributes."""
    items = group.items
    if not items:
        return False
    head = items[0]
    if head.kind == "value" or (head.kind == "alias" and head.text.startswith("^")):
        return True
    if head.kind == "string":
        return len(items) > 1 and isinstance(items[1], Group) and items[1].open == "("
    if head.kind != "bare" or _text(items, 1) in ("=", ","):
        return False
    return head.text in _BARE_OPERATIONS or ("." in head.text and (len(items) > 1 or head.text.endswith(_ENDS)))


def _holds_regions(group: Group) -> bool:
    inner = [g for g in group.items if isinstance(g, Group)]
    return bool(inner) and inner[0] is group.items[0] and all(g.open == "{" for g in inner) and is_region(inner[0])


def _defines_alias(items: Sequence[Item], i: int) -> bool:
    return items[i].kind == "alias" and items[i].first and _text(items, i + 1) == "="


def _is_header(items: Sequence[Item], i: int) -> bool:
    follows = items[i + 1] if i + 1 < len(items) else None
    after = _text(items, i + 2) if isinstance(follows, Group) else _text(items, i + 1)
    return after == ":" and (i == 0 or items[i].first)


def _text(items: Sequence[Item], i: int) -> str:
    return items[i].text if i < len(items) else ""


def _starts_operation(items: Sequence[Item], i: int, current: Operation | None = None) -> bool:
    item = items[i]
    if item.kind == "value":
        if not item.first and current is not None and (not current.items or _text(items, i - 1) == ","):
            return False  # the variable of a loop, `affine.for %i = ...`, or one of a list of operands
        return _after_results(items, i) is not None
    if item.kind == "string":
        return i + 1 < len(items) and isinstance(items[i + 1], Group) and items[i + 1].text == "("
    if item.kind != "bare" or _text(items, i + 1) == "=":
        return False
    return "." in item.text or item.text in _BARE_OPERATIONS


def _after_results(items: Sequence[Item], i: int) -> int | None:
    """The place after '%a, %b:2 =', or None when that is not what stands at i."""
    while i < len(items) and items[i].kind == "value":
        i += 1
        if _text(items, i) == ":":
            i += 2
        if _text(items, i) == "=":
            return i + 1
        if _text(items, i) != ",":
            return None
        i += 1
    return None


def _open(items: Sequence[Item], i: int) -> tuple[Operation, int]:
    start, results = items[i].start, list[str]()
    after = _after_results(items, i)
    if after is not None:
        for k in range(i, after):
            if items[k].kind == "value":
                results.append(items[k].text)
            elif items[k].kind == "number" and items[k].text.isdecimal():
                results += [f"{results[-1]}#{n}" for n in range(1, min(int(items[k].text[:4]), 1000))]
        i = after
    if i >= len(items):
        return Operation("", tuple(results), start), i
    name = items[i].text
    return Operation(name.strip('"'), tuple(results), start), i + 1


# Types and attributes


def split_commas(items: Sequence[Item]) -> list[list[Item]]:
    """The items between commas."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if item.text == "," and item.kind == "other":
            parts.append([])
        else:
            parts[-1].append(item)
    return [p for p in parts if p]


def types_in(items: Sequence[Item], module: Module) -> list[TensorFacts]:
    """The tensor and scalar types named in a list of items, in order; those inside parentheses included."""
    found: list[TensorFacts] = []
    i = 0
    while i < len(items):
        item = items[i]
        follows = items[i + 1] if i + 1 < len(items) else None
        if item.kind == "bare" and item.text in _SHAPED and isinstance(follows, Group) and follows.open == "<":
            found.append(_shaped(follows, module))
            i += 2
            continue
        if item.kind == "alias" and item.text.startswith("!") and item.text in module.aliases:
            found += types_in(module.aliases[item.text], Module(module.source, {}, []))
        elif isinstance(item, Group) and item.open == "(":
            found += types_in(item.items, module)
        elif item.kind == "bare" and (item.text == "index" or _SCALAR.fullmatch(item.text)):
            found.append(TensorFacts((), element_bits(item.text)))
        i += 1
    return found


def _shaped(group: Group, module: Module) -> TensorFacts:
    text = module.source.inside(group)
    found = _SHAPE.match(text[:2000])
    if found is None:
        # Unranked: `*xf32`.
        return TensorFacts((None,), element_bits(text.partition("x")[2]))
    shape: list[int | None] = []
    for part in re.findall(r"\d+|\?", found[1]):
        if part != "?" and (len(part) > 13 or int(part) > MAX_EXTENT):
            raise module.fault(group.start, f"a size of {part[:20]}; at most {MAX_EXTENT} is read")
        shape.append(None if part == "?" else int(part))
    return TensorFacts(tuple(shape), element_bits(found[2]))


def element_bits(text: str) -> int:
    """Width of an element type: 'f32', 'i8', 'bf16', 'f8E4M3FN', 'complex<f32>', 'index'; 8 for others."""
    text = text.strip()
    if text.startswith("index"):
        return _INDEX_BITS
    found = _SCALAR.search(text)
    if found is None or not 1 <= int(found[1][:5]) <= 1024:
        return 8
    return int(found[1][:5]) * (2 if text.startswith("complex") else 1)


def result_types(op: Operation, module: Module) -> list[TensorFacts]:
    """Types after the last arrow, or after the last colon where there is no arrow behind it."""
    return types_in(_signature(op)[1], module)


def operand_types(op: Operation, module: Module) -> list[TensorFacts]:
    """Types before the arrow of a signature `: (a, b) -> c`; those after the colon without an arrow."""
    return types_in(_signature(op)[0], module)


def _signature(op: Operation) -> tuple[list[Item], list[Item]]:
    items = op.items
    colon = next((i for i in range(len(items) - 1, -1, -1) if items[i].text == ":" and items[i].kind == "other"), None)
    arrow = next((i for i in range(len(items) - 1, -1, -1) if items[i].kind == "arrow"), None)
    if arrow is not None and (colon is None or arrow > colon):
        return (list(items[colon + 1 : arrow]) if colon is not None else []), list(items[arrow + 1 :])
    after = list(items[colon + 1 :]) if colon is not None else []
    return after, after


def attributes(op: Operation) -> dict[str, list[Item]]:
    """Entries of the braces of an operation, of its generic form's properties, and 'key = value' written bare."""
    found: dict[str, list[Item]] = {}
    groups = [i for i in op.items if isinstance(i, Group)]
    groups += [g for p in groups if p.open == "<" for g in p.items if isinstance(g, Group) and g.open == "{"]
    for group in groups:
        if group.open == "{":
            for part in split_commas(group.items):
                found[part[0].text.strip('"')] = part[2:] if _text(part, 1) == "=" else []
    for part in split_commas(op.items):
        for i in range(len(part) - 1):
            if part[i].kind == "bare" and part[i + 1].text == "=":
                found.setdefault(part[i].text, part[i + 2 :])
    return found


def integers(items: Sequence[Item], module: Module, place: int) -> list[int]:
    """The whole numbers of an attribute: `[1, 2]`, `dense<[1, 2]>`, `dense<2> : tensor<2xi64>`, `array<i64: 1, 2>`, `1 : i32`."""
    if not items:
        return []
    head = items[0]
    if head.kind == "constant":
        values = _numbers(head.text, module, place)
        declared = types_in(items[1:], module)
        if len(values) == 1 and declared and declared[0].shape and declared[0].shape[0] is not None:
            count = 1
            for d in declared[0].shape:
                count *= d or 1
            if count > 64:
                raise module.fault(place, f"an attribute of {count} numbers; at most 64 are read")
            return values * count
        return values
    if isinstance(head, Group):
        return _numbers(module.source.inside(head), module, place)
    if head.text == "array" and len(items) > 1 and isinstance(items[1], Group):
        return _numbers(module.source.inside(items[1]).partition(":")[2], module, place)
    text = "".join(i.text for i in items[:2] if i.kind in ("number", "other") and i.text != ":")
    return _numbers(text, module, place)


def _numbers(text: str, module: Module, place: int) -> list[int]:
    words = re.findall(r"-?\d+|true|false", re.sub(r":\s*\w+", "", text[:KEPT_CONSTANT]))
    if any(len(w) > 13 for w in words):
        raise module.fault(place, f"a number of {max(map(len, words))} digits; at most 12 are read")
    return [int(w) if w[-1].isdigit() else int(w == "true") for w in words]


def resolve(items: Sequence[Item], module: Module) -> Sequence[Item]:
    """What an alias stands for, or the items themselves."""
    if len(items) == 1 and items[0].kind == "alias" and items[0].text in module.aliases:
        return module.aliases[items[0].text]
    return items
