"""Reads a contraction or an affine nest written as one line of text into a `Problem`.

A small hand-written parser: letters ('bmk,kn->bmn'), bracketed ('C[a, b] = A[a, k] * B[k, b]', indices such as 2*p + r)
and output-first ('abcd-dbea-ec') notations. It never evaluates text and knows nothing of files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tileloom.core.errors import InputError, did_you_mean
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor

MAX_LENGTH = 4096
"""Longer text is taken for a wrong file."""

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<number>\d{1,9})(?!\d)|(?P<mark>->|\+=|[\[\](),=*+-]))")


@dataclass(frozen=True, slots=True)
class _Term:
    """One tensor as written: its name ('' in letter notation) and its axes."""

    name: str
    axes: tuple[Axis, ...]


def parse_einsum(
    text: str,
    sizes: Mapping[str, int],
    *,
    bits: int | Mapping[str, int] = DEFAULT_BITS,
    name: str = "einsum",
    roles: Sequence[Role] | Mapping[str, Role] | None = None,
) -> Problem:
    """The problem that `text` states over indices of the given `sizes`.

    `bits` is one width or one per tensor name. `roles` gives the inputs' roles, in order or by tensor name; by default
    the first is 'input' and all others are 'weight'. Dimensions come in the order of `sizes`. Tensors without a name are called A, B, ... with the output last.
    Raises InputError with every fault: text that cannot be read (with its position), sizes missing, unknown or absurd.

    >>> print(parse_einsum("O[n, p] = I[n, 2*p + r] * W[r]", {"n": 1, "p": 4, "r": 3}, name="strided"))
    strided: O[n, p] += I[n, 2*p+r] * W[r]  (n=1 p=4 r=3)
    """
    output, inputs = _read(text)
    output, inputs = _named(output, inputs)
    order = list(dict.fromkeys(d for t in (output, *inputs) for axis in t.axes for d, _ in axis.terms))
    faults = _size_faults(order, sizes)
    names = [t.name for t in (*inputs, output)]
    faults += [f"tensor '{n}' appears {names.count(n)} times; give each operand its own name" for n in _repeated(names)]
    inside = sorted({d for t in inputs for axis in t.axes for d, _ in axis.terms})
    outside = [d for axis in output.axes for d, _ in axis.terms if d not in inside]
    faults += [f"output index '{d}' is in no input{did_you_mean(d, inside)}" for d in outside]
    given, role_faults = _input_roles([t.name for t in inputs], roles)
    faults += role_faults
    if isinstance(bits, Mapping):
        faults += [f"bits for unknown tensor '{n}'{did_you_mean(n, names)}" for n in bits if n not in names]
    if faults:
        raise InputError([f"einsum '{text}': {f}" for f in faults])

    def width(tensor: str) -> int:
        return bits.get(tensor, DEFAULT_BITS) if isinstance(bits, Mapping) else bits

    tensors = [Tensor(t.name, role, t.axes, width(t.name)) for t, role in zip(inputs, given)]
    tensors.append(Tensor(output.name, "output", output.axes, width(output.name)))
    dims = tuple(Dim(d, extent) for d, extent in sizes.items())
    copy = len(inputs) == 1 and tensors[-1].dims.issuperset(order)
    return Problem(name, dims, tuple(tensors), op="einsum", copy=copy)


def einsum_text(problem: Problem) -> str:
    """The bracketed form of a problem, which `parse_einsum` reads back; padding and extents are not in it.

    >>> einsum_text(parse_einsum("mk,kn->mn", {"m": 2, "n": 3, "k": 4}))
    'C[m, n] = A[m, k] * B[k, n]'
    """
    return f"{_tensor_text(problem.output)} = {' * '.join(_tensor_text(t) for t in problem.inputs)}"


def _tensor_text(tensor: Tensor) -> str:
    axes = [str(a) if not a.offset else f"{a}+{a.offset}" if a.terms else str(a.offset) for a in tensor.axes]
    return f"{tensor.name}[{', '.join(axes).replace('+-', '-')}]"


def _size_faults(order: Sequence[str], sizes: Mapping[str, int]) -> list[str]:
    faults = []
    for d in order:
        if d not in sizes:
            spare = [s for s in sizes if s not in order]
            faults.append(
                f"index '{d}' has no size{did_you_mean(d, spare)}; give it one, as {d}=8 with --size or in sizes"
            )
        elif not isinstance(sizes[d], int) or isinstance(sizes[d], bool) or sizes[d] < 1:
            faults.append(f"index '{d}' has size {sizes[d]}; expected a whole number of at least 1")
    return faults + [
        f"size given for '{s}', which no tensor uses{did_you_mean(s, order)}" for s in sizes if s not in order
    ]


def _input_roles(names: list[str], roles: Sequence[Role] | Mapping[str, Role] | None) -> tuple[list[Role], list[str]]:
    default: list[Role] = ["input", *["weight"] * (len(names) - 1)]  # type: ignore[list-item]
    if roles is None:
        return default, []
    if isinstance(roles, Mapping):
        faults = [f"role for unknown tensor '{n}'{did_you_mean(n, names)}" for n in roles if n not in names]
        chosen: list[Role] = [roles.get(n, d) for n, d in zip(names, default)]
    else:
        faults = [f"{len(roles)} roles for {len(names)} inputs"] if len(roles) != len(names) else []
        chosen = list(roles)
    faults += [f"role '{r}' of an input; expected 'input' or 'weight'" for r in chosen if r not in ("input", "weight")]
    return chosen, faults


def _named(output: _Term, inputs: list[_Term]) -> tuple[_Term, list[_Term]]:
    """Names for tensors that have none: A, B, ... in order, the output last."""
    if output.name:
        return output, inputs
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if len(inputs) >= len(letters):
        raise InputError(f"einsum of {len(inputs)} operands; at most {len(letters) - 1} are supported")
    return _Term(letters[len(inputs)], output.axes), [_Term(c, t.axes) for c, t in zip(letters, inputs)]


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({n for n in names if names.count(n) > 1})


def _read(text: str) -> tuple[_Term, list[_Term]]:
    if len(text) > MAX_LENGTH:
        raise InputError(f"einsum text of {len(text)} characters; at most {MAX_LENGTH} are read")
    compact = "".join(text.split())
    if "[" in text:
        return _Reader(text).equation()
    if re.fullmatch(r"[A-Za-z]*(,[A-Za-z]*)*->[A-Za-z]*", compact):
        left, right = compact.split("->")
        return _letters(right), [_letters(term) for term in left.split(",")]
    if re.fullmatch(r"[A-Za-z]+(-[A-Za-z]+)+", compact):
        first, *rest = compact.split("-")
        return _letters(first), [_letters(term) for term in rest]
    raise InputError(
        f"einsum '{text[:200]}' is in no known form; write 'mk,kn->mn', 'C[m, n] = A[m, k] * B[k, n]' or 'mn-mk-kn'"
    )


def _letters(term: str) -> _Term:
    return _Term("", tuple(Axis(((c, 1),)) for c in term))


class _Reader:
    """Recursive descent over `output = input * input ...` with affine indices in brackets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._fault(f"unexpected '{text[start]}'", start)
            self.tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        self.at = 0

    def equation(self) -> tuple[_Term, list[_Term]]:
        first = [self.tensor()]
        while self.take("*", ","):
            first.append(self.tensor())
        if not (arrow := self.take("=", "+=", "->")):
            raise self._expected("'=', '+=' or '->'")
        second = [self.tensor()]
        while self.take("*", ","):
            second.append(self.tensor())
        if self.at < len(self.tokens):
            raise self._expected("the end")
        outputs, inputs = (second, first) if arrow == "->" else (first, second)
        if len(outputs) != 1:
            raise self._fault(f"{len(outputs)} outputs; exactly one is needed", 0)
        return outputs[0], inputs

    def tensor(self) -> _Term:
        name = self.word()
        if name is None:
            raise self._expected("a tensor name")
        if not self.take("["):
            raise self._expected("'['")
        axes = [] if self.peek() == "]" else [self.index()]
        while not self.take("]"):
            # A[i][j] and A[i, j] are the same.
            if not self.take(","):
                raise self._expected("',' or ']'")
            axes.append(self.index())
        while self.take("["):
            axes.append(self.index())
            while self.take(","):
                axes.append(self.index())
            if not self.take("]"):
                raise self._expected("']'")
        return _Term(name, tuple(axes))

    def index(self) -> Axis:
        """A sum of constants and index words times constants; repeated words are added up."""
        start = self._position()
        total: dict[str, int] = {}
        offset, sign = 0, -1 if self.take("-") else 1
        while True:
            factor, word = self.product()
            if word is None:
                offset += sign * factor
            else:
                total[word] = total.get(word, 0) + sign * factor
            mark = self.take("+", "-")
            if not mark:
                break
            sign = 1 if mark == "+" else -1
        bad = [w for w, c in total.items() if c < 1]
        if bad:
            raise self._fault(
                f"index '{bad[0]}' has coefficient {total[bad[0]]}; only positive ones are supported", start
            )
        return Axis(tuple(total.items()), offset)

    def product(self) -> tuple[int, str | None]:
        factor, word = 1, None
        while True:
            kind, value, at = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", len(self.text))
            if kind == "number":
                factor *= int(value)
            elif kind == "word" and word is None:
                word = value
            elif kind == "word":
                raise self._fault(f"'{word}*{value}' is not affine; multiply an index by a number only", at)
            else:
                raise self._expected("an index or a number")
            self.at += 1
            if not self.take("*"):
                return factor, word

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *marks: str) -> str:
        found = self.peek()
        if found not in marks:
            return ""
        self.at += 1
        return found

    def word(self) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "word":
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def _position(self) -> int:
        return self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)

    def _expected(self, what: str) -> InputError:
        return self._fault(f"expected {what}, got {repr(self.peek()) if self.peek() else 'the end'}", self._position())

    def _fault(self, message: str, at: int) -> InputError:
        return InputError(f"einsum, column {at + 1}: {message}\n  {self.text}\n  {' ' * at}^")
