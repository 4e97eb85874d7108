"""A subset of COMET's tensor language: index labels, dense tensors, and contractions written as products.

    def main() { IndexLabel [i, j] = [4]; Tensor<double> A([i, j], {Dense}); C[i, k] = A[i, j] * B[j, k]; print(C); }

Chains are split into products of two in the order with the fewest multiplications. Fills, prints and the like are
listed as what they are; sparse formats and other expressions are skipped with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.tokens import read_text
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Layer, Network, Skipped, VectorOp
from tileloom.workload.problem import MAX_EXTENT

MAX_STATEMENTS = 10_000
MAX_STATEMENT = 4096
MAX_CHAIN = 8
"""Operands of one chain; all orders are compared."""
BITS = {"double": 64, "float": 32, "int": 32}

_LABEL = re.compile(r"IndexLabel\s*\[([^\]]*)\]\s*=\s*\[([^\]]*)\]")
_TENSOR = re.compile(r"Tensor\s*<\s*(\w+)\s*>\s*(\w+)\s*\(\s*\[?([^\]{)]*)\]?\s*,?\s*(?:\{([^}]*)\}|(\w+))?\s*\)")
_ASSIGN = re.compile(r"(\w+)\s*\[([^\]]*)\]\s*(=|\+=)\s*(.+)", re.DOTALL)
_HEAD = re.compile(r"(?:\s*(?:def\s+\w+\s*\([^)]{0,200}\)\s*\{|\}))+\s*")
_OPERAND = re.compile(r"\s*(\w+)\s*\[([^\]]*)\]\s*")


@dataclass(frozen=True, slots=True)
class _Tensor:
    labels: tuple[str, ...]
    bits: int
    sparse: str


@dataclass
class _Program:
    file: str
    bind: Mapping[str, int]
    bits: int | str
    sizes: dict[str, int] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)
    tensors: dict[str, _Tensor] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    others: list[VectorOp] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_comet(path: str | Path, bind: Mapping[str, int] | None = None, *, bits: int | str = DEFAULT_BITS) -> Network:
    """The contractions of a program. `bind` sizes labels declared with '?'; `bits` 'as-file' takes the tensors' types."""
    file = Path(path)
    return parse_comet(read_text(file), bind, name=file.stem, file=str(file), bits=bits)


def parse_comet(
    text: str,
    bind: Mapping[str, int] | None = None,
    *,
    name: str = "program",
    file: str = "<text>",
    bits: int | str = DEFAULT_BITS,
) -> Network:
    """As `read_comet`. Raises InputError with every fault of the declarations and its line."""
    program = _Program(file, bind or {}, bits)
    for line, statement in _statements(text, file):
        _read(program, line, statement)
    stray = [b for b in program.bind if b not in program.sizes]
    program.faults += [f"{file}: no index label '{b}' to bind{did_you_mean(b, program.sizes)}" for b in stray]
    if program.faults:
        raise InputError(program.faults, file=file)
    if not (program.layers or program.others or program.skipped):
        raise InputError(
            f"{file}:1: no statement of COMET's language in it; expected 'IndexLabel', 'Tensor<double>'", file=file
        )
    return Network(name, tuple(program.layers), tuple(program.others), tuple(program.skipped), source=file)


def _statements(text: str, file: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each statement; comments are dropped, the braces of functions too."""
    count = 0
    lines = [line.partition("#")[0] for line in text.split("\n")]
    whole, line = "\n".join(lines), 1
    for piece in whole.split(";"):
        found = piece.strip()
        begin = line + piece[: len(piece) - len(piece.lstrip())].count("\n")
        line += piece.count("\n")
        head = _HEAD.match(found)
        if head:
            begin += found[: head.end()].count("\n")
            found = found[head.end() :]
        if not found:
            continue
        count += 1
        if count > MAX_STATEMENTS or len(found) > MAX_STATEMENT:
            raise InputError(
                f"{file}:{begin}: more than {MAX_STATEMENTS} statements or one of more than {MAX_STATEMENT} characters",
                file=file,
            )
        yield begin, found


def _read(program: _Program, line: int, statement: str) -> None:
    where = f"{program.file}:{line}"
    if found := _LABEL.fullmatch(statement):
        _labels(program, where, _words(found[1]), found[2].strip())
    elif found := _TENSOR.fullmatch(statement):
        formats = _words(found[4] or found[5] or "Dense")
        sparse = next((f for f in formats if f.lower() not in ("dense", "d")), "")
        program.tensors[found[2]] = _Tensor(_words(found[3]), BITS.get(found[1], DEFAULT_BITS), sparse)
    elif found := _ASSIGN.fullmatch(statement):
        _assignment(program, line, found)
    else:
        kind = (re.match(r"\w+", statement) or [statement[:10]])[0]
        program.others.append(VectorOp(name=f"{kind}_{line}", operator=kind, elements=0))


def _words(text: str) -> tuple[str, ...]:
    return tuple(w.strip() for w in text.split(",") if w.strip())


def _labels(program: _Program, where: str, names: tuple[str, ...], size: str) -> None:
    for name in names:
        if size == "?" or name in program.bind:
            bound = program.bind.get(name, 0)
            if size == "?" and not bound:
                program.faults.append(
                    f"{where}: E-DYN: index label '{name}' has no size; give it one, as --bind {name}=16"
                )
            program.sizes[name] = bound
            continue
        low, _, high = size.rpartition(":")
        numbers = [n.strip() for n in (low or "0", high)]
        if not all(n.isdecimal() and len(n) < 14 for n in numbers):
            program.faults.append(f"{where}: '{size[:40]}' is no size of index label '{name}'; expected [16] or [?]")
            continue
        extent = int(numbers[1]) - int(numbers[0])
        if not 1 <= extent <= MAX_EXTENT:
            program.faults.append(f"{where}: index label '{name}' has size {extent}; expected 1 to {MAX_EXTENT}")
        program.sizes[name] = extent


def _assignment(program: _Program, line: int, found: re.Match[str]) -> None:
    target, labels, right = found[1], _words(found[2]), found[4].strip()
    name, where = f"{target}_{line}", f"{program.file}:{line}"
    operands = _operands(right)
    if operands is None:
        simple = re.fullmatch(r"[\w.+-]+(\(\s*\))?|\w+\(.*\)|\w+\s*\[[^\]]*\]", right, re.DOTALL)
        if simple:
            elements = prod(program.sizes.get(label, 1) for label in labels)
            operator = (re.match(r"[A-Za-z_]\w*", right) or ["fill"])[0]
            program.others.append(VectorOp(name=name, operator=operator, elements=elements, outputs=(target,)))
        else:
            reason = f"{where}: E-OP: '{right[:60]}' is no product of tensors; write sums and element-wise work apart"
            program.skipped.append(Skipped(node=name, operator="assignment", reason=reason))
        return
    try:
        _contract(program, name, where, (target, labels), operands)
    except UnsupportedError as fault:
        program.skipped.append(Skipped(node=name, operator="contraction", reason=f"{where}: {fault}"))
    except InputError as fault:
        program.faults += [f"{where}: {p}" for p in fault.problems]


Operand = tuple[str, tuple[str, ...]]


def _operands(text: str) -> list[Operand] | None:
    """The tensors of 'A[i, j] * B[j, k]'; None when it is anything else or a single tensor."""
    found: list[Operand] = []
    for part in text.split("*"):
        match = _OPERAND.fullmatch(part)
        if match is None:
            return None
        found.append((match[1], _words(match[2])))
    return found if len(found) > 1 else None


def _contract(program: _Program, name: str, where: str, target: Operand, operands: list[Operand]) -> None:
    for tensor, labels in (*operands, target):
        declared = program.tensors.get(tensor)
        if declared is None:
            raise InputError(f"tensor '{tensor}' is not declared{did_you_mean(tensor, program.tensors)}")
        if declared.sparse:
            raise UnsupportedError(f"E-SPARSE: tensor '{tensor}' is stored as {declared.sparse}; only Dense is mapped")
        if len(declared.labels) != len(labels):
            raise InputError(f"tensor '{tensor}' has {len(declared.labels)} axes, used with {len(labels)}")
        if unknown := [label for label in labels if label not in program.sizes]:
            raise InputError(f"index '{unknown[0]}' is no index label{did_you_mean(unknown[0], program.sizes)}")
    if len(operands) > MAX_CHAIN:
        raise UnsupportedError(f"a chain of {len(operands)} tensors; at most {MAX_CHAIN} are ordered")
    steps = _order(tuple(operands), target[1], program.sizes)
    partial: dict[str, str] = {}
    for number, (first, second, output) in enumerate(steps):
        last = number == len(steps) - 1
        partial[output[0]] = target[0] if last else f"{name}_part{number}"
        first, second = ((partial.get(n, n), labels) for n, labels in (first, second))
        made = (partial[output[0]], target[1] if last else output[1])
        _add(program, name if len(steps) == 1 else f"{name}.{number}", first, second, made)


def _add(program: _Program, name: str, first: Operand, second: Operand, output: Operand) -> None:
    named: list[Operand] = []
    for tensor, labels in (first, second, output):
        taken = [n for n, _ in named]
        named.append((tensor if tensor not in taken else f"{tensor}_{taken.count(tensor) + 1}", labels))
    text = [f"{tensor}[{', '.join(labels)}]" for tensor, labels in named]
    used = [label for _, labels in (named[2], *named[:2]) for label in labels]
    sizes = {label: program.sizes[label] for label in dict.fromkeys(used)}
    widths: int | dict[str, int] = (
        program.bits if isinstance(program.bits, int) else {
            n: program.tensors[t].bits if t in program.tensors else 64 for (n, _), (t, _) in zip(named, (first, second, output))
        }
    )  # fmt: skip
    problem = parse_einsum(f"{text[2]} = {text[0]} * {text[1]}", sizes, bits=widths, name=name)
    edges = (first[0], second[0])
    program.layers.append(Layer(name=name, problem=problem, operator="contraction", inputs=edges, outputs=(output[0],)))


Step = tuple[Operand, Operand, Operand]


def _order(operands: tuple[Operand, ...], target: tuple[str, ...], sizes: Mapping[str, int]) -> list[Step]:
    """The steps with the fewest multiplications; the leftmost pair first among equals. Subsets are numbered by bits."""
    count = len(operands)
    inside: dict[int, tuple[str, ...]] = {}
    for subset in range(1, 1 << count):
        chosen = [operands[i][1] for i in range(count) if subset >> i & 1]
        rest = {d for i in range(count) if not subset >> i & 1 for d in operands[i][1]} | set(target)
        inside[subset] = tuple(dict.fromkeys(d for labels in chosen for d in labels if d in rest))
    best: dict[int, tuple[int, int]] = {1 << i: (0, 0) for i in range(count)}
    for subset in sorted(inside, key=int.bit_count):
        if subset in best:
            continue
        part = (subset - 1) & subset
        while part:
            other = subset ^ part
            if part & -part == subset & -subset:
                loops = {*_labels_of(part, operands, inside), *_labels_of(other, operands, inside)}
                cost = best[part][0] + best[other][0] + prod(sizes[d] for d in loops)
                if subset not in best or cost < best[subset][0]:
                    best[subset] = (cost, part)
            part = (part - 1) & subset
    return list(_steps((1 << count) - 1, operands, inside, best))


def _labels_of(subset: int, operands: tuple[Operand, ...], inside: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    return operands[subset.bit_length() - 1][1] if subset.bit_count() == 1 else inside[subset]


def _steps(
    subset: int,
    operands: tuple[Operand, ...],
    inside: Mapping[int, tuple[str, ...]],
    best: Mapping[int, tuple[int, int]],
) -> Iterator[Step]:
    first = best[subset][1]
    parts = (first, subset ^ first)
    for part in parts:
        if part.bit_count() > 1:
            yield from _steps(part, operands, inside, best)
    named = [operands[p.bit_length() - 1] if p.bit_count() == 1 else (f"*{p}", inside[p]) for p in parts]
    yield named[0], named[1], (f"*{subset}", inside[subset])
