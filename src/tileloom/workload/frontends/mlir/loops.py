"""Nests of affine.for around one statement 'load, multiply, add, store', as problems.

Perfect nests with constant bounds are read; everything else is refused with its code (E-IMPERFECT, E-DYN, E-NONAFFINE).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.mlir.affine import Sum, affine_map, affine_sum, substituted
from tileloom.workload.frontends.mlir.lexer import Group, Item
from tileloom.workload.frontends.mlir.nests import Access, nest
from tileloom.workload.frontends.mlir.scope import Scope
from tileloom.workload.frontends.mlir.syntax import Operation, flat, resolve, split_commas, types_in
from tileloom.workload.frontends.nodes import AnyNode, Stated, TensorFacts, Vector
from tileloom.workload.problem import MAX_EXTENT

LOOPS = ("affine.for", "affine.parallel")
_LOADS = ("affine.load", "memref.load")
_STORES = ("affine.store", "memref.store")
_CASTS = ("ext", "trunc", "sitofp", "uitofp", "fptosi", "fptoui", "bitcast")


@dataclass(frozen=True, slots=True)
class _Load:
    memory: str
    indices: tuple[Sum, ...]
    shape: tuple[int | None, ...]


@dataclass
class _Nest:
    """What has been walked: loops with extents, what each value is, and the statements of the innermost body."""

    scope: Scope
    extents: dict[str, int] = field(default_factory=dict)
    indices: dict[str, Sum] = field(default_factory=dict)
    loads: dict[str, _Load] = field(default_factory=dict)
    made: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    stores: list[tuple[str, _Load]] = field(default_factory=list)

    def enter(self, op: Operation) -> None:
        """Walks a loop and what is inside it; UnsupportedError with a code for what is no perfect nest."""
        while True:
            self._loop(op)
            inner = self.scope.module.inside(op.regions[0]) if op.regions else []
            loops = [o for o in inner if o.name in LOOPS]
            strangers = [o for o in inner if o.name in ("affine.if", "scf.if", "scf.for", "scf.while", "cf.cond_br")]
            if strangers:
                raise UnsupportedError(f"E-IMPERFECT: '{strangers[0].name}' inside the nest; only plain loops are read")
            effects = [o for o in inner if o.name in (*_LOADS, *_STORES, *LOOPS) or "call" in o.name]
            if loops and len(effects) > 1:
                raise UnsupportedError(
                    f"E-IMPERFECT: {len(effects)} statements beside each other under loop '{list(self.extents)[-1]}'; "
                    "distribute the loops so that each nest holds one"
                )
            for statement in inner:
                if statement not in loops:
                    self._statement(statement)
            if not loops:
                return
            op = loops[0]

    def _loop(self, op: Operation) -> None:
        if any(t.text == "iter_args" for t in op.items if t.kind == "bare"):
            raise UnsupportedError(
                "E-IMPERFECT: a loop that carries values (iter_args); keep the sum in the output instead"
            )
        if op.name == "affine.parallel":
            self._parallel(op)
            return
        words = [i for i in op.items if i.kind != "arrow"]
        where = next((i for i, item in enumerate(words) if item.text == "to"), None)
        if where is None or len(words) < 3 or words[0].kind != "value":
            raise UnsupportedError("E-DYN: a loop without 'to'; write the nest in the affine dialect's own syntax")
        step_at = next((i for i, item in enumerate(words) if item.text == "step"), len(words))
        low, high = self._bound(words[2:where]), self._bound(words[where + 1 : step_at])
        step = self._bound(words[step_at + 1 :]) if step_at < len(words) else 1
        self._add(words[0].text, low, high, step)

    def _parallel(self, op: Operation) -> None:
        groups = [g for g in op.items if isinstance(g, Group) and g.open == "("]
        if len(groups) < 3:
            raise UnsupportedError("E-DYN: an affine.parallel without constant bounds")
        variables = [t.text for t in flat(groups[0].items)]
        lows, highs = ([self._bound(p) for p in split_commas(g.items)] for g in groups[1:3])
        steps = [self._bound(p) for p in split_commas(groups[3].items)] if len(groups) > 3 else [1] * len(lows)
        if not len(variables) == len(lows) == len(highs) == len(steps):
            raise InputError(f"{len(variables)} loop variables, {len(lows)} lower and {len(highs)} upper bounds")
        for variable, low, high, step in zip(variables, lows, highs, steps):
            self._add(variable, low, high, step)

    def _add(self, variable: str, low: int, high: int, step: int) -> None:
        name = f"d{len(self.extents)}"
        if step < 1 or high <= low or high - low > MAX_EXTENT:
            raise UnsupportedError(f"E-DYN: a loop from {low} to {high} in steps of {step} runs no or too many times")
        self.extents[name] = -((low - high) // step)
        self.indices[variable] = Sum({name: step}, low)

    def _bound(self, items: list[Item]) -> int:
        """A constant bound: a number, or a map of no arguments."""
        if items and isinstance(items[-1], Group) and items[-1].open == "{":
            items = items[:-1]
        sign = -1 if items and items[0].text == "-" else 1
        number = items[-1] if items else None
        if number is not None and number.kind == "number" and number.text.isdecimal() and len(number.text) < 14:
            return sign * int(number.text)
        shown = " ".join(i.text for i in items)[:60]
        if any(t.kind in ("value", "alias") or t.text in ("min", "max") for t in flat(items)):
            raise UnsupportedError(f"E-DYN: loop bound '{shown}' is not constant")
        raise UnsupportedError(f"E-DYN: loop bound '{shown or 'none'}'; a whole number is needed")

    def _statement(self, op: Operation) -> None:
        if op.name in _LOADS and op.results:
            self.loads[op.results[0]] = self._access(op)[1]
        elif op.name in _STORES:
            self.stores.append(self._access(op))
        elif op.name == "affine.apply" and op.results:
            self.indices[op.results[0]] = self._applied(op)
        elif op.name in ("arith.constant", "affine.yield") or not op.results:
            pass
        else:
            self.made[op.results[0]] = (op.short, tuple(t.text for t in flat(op.items) if t.kind == "value"))

    def _access(self, op: Operation) -> tuple[str, _Load]:
        """(stored value or '', where) of a load or store."""
        at = next((i for i, g in enumerate(op.items) if isinstance(g, Group) and g.open == "["), None)
        if at is None:
            raise UnsupportedError(f"E-NONAFFINE: {op.name} without indices in brackets")
        group = op.items[at]
        assert isinstance(group, Group)
        values = [i.text for i in op.items[:at] if i.kind == "value"]
        if not values:
            raise InputError(f"{op.name} names no memory")
        indices = tuple(substituted(affine_sum(part), self.indices) for part in split_commas(group.items))
        strays = {d for s in indices for d in s.terms} - set(self.extents)
        if strays:
            raise UnsupportedError(f"E-NONAFFINE: {op.name} is indexed by '{min(strays)}', which is no loop here")
        facts = self.scope.facts(values[-1])
        types = types_in(op.items[at + 1 :], self.scope.module)
        shape = facts.shape if facts else types[0].shape if types else (None,) * len(indices)
        if facts is None and types:
            self.scope.define(values[-1], types[0])
        return values[0], _Load(values[-1], indices, shape)

    def _applied(self, op: Operation) -> Sum:
        items = op.items
        named = resolve(items[:1], self.scope.module)
        if named and named[0].text == "affine_map":
            body = named if len(named) > 1 else items[:2]
            results = affine_map(body)
            rest = items[1:] if len(named) > 1 else items[2:]
            arguments = [self.indices.get(t.text, Sum({t.text: 1})) for t in flat(rest) if t.kind == "value"]
            return results.applied(arguments)[0]
        raise UnsupportedError("E-NONAFFINE: an affine.apply without a map")

    # What the one statement computes.

    def accumulates(self) -> tuple[list[_Load], _Load] | None:
        """(factors, where to) when the store is `c = c + product of loads`; None when it is anything else."""
        value, target = self.stores[0]
        name, operands = self._seen(value)
        if name not in ("addf", "addi") or len(operands) != 2:
            return None
        for total, term in (operands, operands[::-1]):
            kept = self.loads.get(self._value(total))
            if kept == target:
                factors = self._factors(term, 16)
                return (factors, target) if factors is not None and len(factors) > 1 else None
        return None

    def _factors(self, value: str, depth: int) -> list[_Load] | None:
        name, operands = self._seen(value)
        if name in ("mulf", "muli") and depth:
            parts = [self._factors(o, depth - 1) for o in operands]
            return None if any(p is None for p in parts) else [f for p in parts for f in p or ()]
        load = self.loads.get(self._value(value))
        return [load] if load else None

    def _value(self, value: str) -> str:
        for _ in range(len(self.made) + 1):
            name, operands = self.made.get(value, ("", ()))
            if not name.startswith(_CASTS) or not operands:
                return value
            value = operands[0]
        return value

    def _seen(self, value: str) -> tuple[str, tuple[str, ...]]:
        return self.made.get(self._value(value), ("", ()))


def interpret(op: Operation, scope: Scope) -> list[AnyNode]:
    """The node of one nest."""
    walked = _Nest(scope)
    label = f"nest_{scope.module.source.line(op.start)}"
    try:
        walked.enter(op)
        if len(walked.stores) != 1:
            raise UnsupportedError(f"E-IMPERFECT: {len(walked.stores)} stores in the nest; one is needed")
        found = walked.accumulates()
        target = walked.stores[0][1]
        memories = tuple(dict.fromkeys(load.memory for load in walked.loads.values()))
        outputs = (scope.name(target.memory),)
        inputs = tuple(scope.name(m) for m in memories if m != target.memory)
        if found is None:
            reduces = any(n not in i.terms for n in walked.extents for i in [_union(target)] if walked.extents[n] > 1)
            if reduces and len(inputs) > 1:
                raise UnsupportedError("E-OP: the nest reduces two operands by something else than a sum of products")
            elements = prod(e for n, e in walked.extents.items() if n in _union(target).terms)
            return [Vector(name=label, operator=op.name, inputs=inputs, outputs=outputs, elements=elements)]
        factors, _ = found
        accesses = [Access(f.indices, f.shape) for f in factors]
        problem = nest(label, walked.extents, accesses, Access(target.indices, target.shape))
    except (UnsupportedError, InputError) as fault:
        return scope.unread(op, str(fault))
    edges = (*(scope.name(f.memory) for f in factors), *outputs)
    if [t.role for t in problem.inputs] == ["weight", "input"]:
        edges = (edges[0], edges[1], edges[2])
    return [Stated(name=label, operator=op.name, inputs=edges[:-1], outputs=outputs, problem=problem, edges=edges)]


def _union(access: _Load) -> Sum:
    return Sum({d: 1 for s in access.indices for d in s.terms})


Facts = TensorFacts
