"""Reads MLIR text into a `Network`: which function runs, what each dialect's interpreter makes of its operations.

Functions that are called are read where they are called; every operation ends as a problem, vector work or a skipped
node with its line and reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tileloom.core.errors import InputError
from tileloom.workload.frontends.mlir import linalg, loops, stablehlo, tosa
from tileloom.workload.frontends.mlir.lexer import MAX_CHARACTERS, Group
from tileloom.workload.frontends.mlir.scope import Interpreter, Scope
from tileloom.workload.frontends.mlir.syntax import Module, Operation, flat, parse_module, split_commas, types_in
from tileloom.workload.frontends.nodes import AnyNode, Bits, TensorFacts, network_of
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Network

MAX_CALLS = 64
"""Depth of calls."""

DIALECTS: dict[str, Interpreter] = {
    "linalg": linalg.interpret,
    "stablehlo": stablehlo.interpret,
    "mhlo": stablehlo.interpret,
    "tosa": tosa.interpret,
}
_CALLS = ("func.call", "call", "stablehlo.composite", "mhlo.composite")
_CONSTANTS = (
    "arith.constant", "constant", "tensor.empty", "ml_program.global_load_const", "ml_program.global_load",
    "memref.get_global", "util.global.load", "complex.constant", "bufferization.alloc_tensor",
)  # fmt: skip
_MOVES_NOTHING = (
    "tensor.expand_shape", "tensor.collapse_shape", "tensor.cast", "tensor.reshape", "tensor.bitcast", "tensor.from_elements",
    "tensor.dim", "memref.alloc", "memref.alloca", "memref.dealloc", "memref.cast", "memref.subview", "memref.view",
    "memref.expand_shape", "memref.collapse_shape", "memref.reinterpret_cast", "memref.dim",
    "bufferization.to_tensor", "bufferization.to_memref", "bufferization.to_buffer",
    "bufferization.materialize_in_destination", "builtin.unrealized_conversion_cast", "shape.shape_of",
)  # fmt: skip
_ENDS = ("func.return", "return", "affine.yield", "linalg.yield", "scf.yield", "stablehlo.return")
_COMPUTES = ("arith", "math", "tensor", "memref", "chlo", "bufferization", "complex", "index", "shape")
_CONTROL = ("scf", "cf", "affine")


def read_mlir(path: str | Path, *, bits: Bits = DEFAULT_BITS) -> Network:
    """The network in a file of MLIR text: linalg, affine loops, TOSA, StableHLO.

    `bits` is the width of every value, or 'as-file' for the widths of the element types. Raises InputError with
    file:line for text that is no MLIR; an operation that is not understood becomes a `Skipped`.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_CHARACTERS:
            raise InputError(f"{file}: {file.stat().st_size} bytes; at most {MAX_CHARACTERS} are read", file=str(file))
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}", file=str(file)) from None
    if raw.startswith(b"ML\xefR"):
        raise InputError(f"{file}: MLIR bytecode; print it as text first (mlir-opt FILE -o FILE.mlir)", file=str(file))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is no UTF-8 text (byte {error.start})", file=str(file)) from None
    return parse_mlir(text, name=file.name.split(".")[0], file=str(file), bits=bits)


def parse_mlir(text: str, *, name: str = "module", file: str = "<text>", bits: Bits = DEFAULT_BITS) -> Network:
    """The network in MLIR text, as `read_mlir`."""
    module = parse_module(text, file)
    walk = _Walk(module)
    walk.run()
    return network_of(name, walk.nodes, walk.tensors, source=file, bits=bits)


@dataclass
class _Walk:
    module: Module
    nodes: list[AnyNode] = field(default_factory=list)
    tensors: dict[str, TensorFacts] = field(default_factory=dict)
    calls: int = 0

    def run(self) -> None:
        functions = dict(_functions(self.module, self.module.top))
        if not functions:
            scope = Scope(self.module, self.tensors)
            self.body(self.module.top, scope, {}, ())
            return
        for symbol in _entries(functions, self.module):
            self.function(functions[symbol], Scope(self.module, self.tensors, self.prefix()), functions, (symbol,))

    def prefix(self) -> str:
        self.calls += 1
        return "" if self.calls == 1 else f"f{self.calls}."

    def function(
        self,
        op: Operation,
        scope: Scope,
        functions: dict[str, Operation],
        stack: tuple[str, ...],
        given: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """Walks a function's body; the names of what it returns."""
        arguments = next((g for g in op.items if isinstance(g, Group) and g.open == "("), None)
        known = list(given)
        for part in split_commas(arguments.items) if arguments else ():
            if not part or part[0].kind != "value":
                continue
            if known:
                scope.values[part[0].text] = known.pop(0)
            else:
                scope.define(part[0].text, (types_in(part[1:], self.module) or [TensorFacts((None,))])[0])
        returned: tuple[str, ...] = ()
        for region in op.regions:
            returned = self.body(self.module.inside(region), scope, functions, stack)
        return returned

    def body(
        self, listed: list[Operation], scope: Scope, functions: dict[str, Operation], stack: tuple[str, ...]
    ) -> tuple[str, ...]:
        returned: tuple[str, ...] = ()
        for op in listed:
            if op.name in _ENDS:
                returned = tuple(scope.name(t.text) for t in flat(op.items) if t.kind == "value")
            elif op.name in _CALLS:
                self.call(op, scope, functions, stack)
            else:
                self.nodes += _interpret(op, scope)
        return returned

    def call(self, op: Operation, scope: Scope, functions: dict[str, Operation], stack: tuple[str, ...]) -> None:
        symbols = [t.text for t in flat(op.items) if t.kind == "symbol"]
        target = next((s for s in symbols if s in functions), None)
        if target is None or target in stack or len(stack) >= MAX_CALLS:
            why = (
                "calls itself" if target in stack else "is not in the file" if target is None else "is called too deep"
            )
            self.nodes += scope.unread(op, f"function '{''.join(symbols[:1]) or '?'}' {why}")
            return
        given = tuple(scope.name(v) for v in op.operands())
        inner = Scope(self.module, self.tensors, self.prefix())
        returned = self.function(functions[target], inner, functions, (*stack, target), given)
        for value, name in zip(op.results, returned):
            scope.values[value] = name


def _interpret(op: Operation, scope: Scope) -> list[AnyNode]:
    if op.name in loops.LOOPS:
        return loops.interpret(op, scope)
    if op.dialect in DIALECTS:
        return DIALECTS[op.dialect](op, scope)
    if op.name in _CONSTANTS:
        scope.results(op, weight=True)
        return []
    if op.name in _MOVES_NOTHING:
        return scope.vector(op, 0) if op.results else []
    if op.dialect in _CONTROL and not op.name.startswith(("affine.load", "affine.store", "affine.apply")):
        return scope.unread(op, f"control flow '{op.name}': which way it goes or how often it runs is not in the file")
    if op.dialect in _COMPUTES or op.name.startswith("affine."):
        made = scope.vector(op)
        # Index arithmetic and other scalars are no work on tensors.
        return made if any(scope.tensors[o].shape for node in made for o in node.outputs) else []
    return scope.unread(op, f"operation '{op.name}' is not known; lower it to linalg, affine loops, TOSA or StableHLO")


def _functions(module: Module, listed: list[Operation]) -> Iterator[tuple[str, Operation]]:
    """(symbol, function) of every function with a body, those in nested modules included."""
    for op in listed:
        if op.short == "func":
            symbol = next((t.text for t in op.items if t.kind == "symbol"), f"@{op.start}")
            if op.regions:
                yield symbol, op
        elif op.short == "module":
            for region in op.regions:
                yield from _functions(module, module.inside(region))


def _entries(functions: dict[str, Operation], module: Module) -> list[str]:
    """The functions that run: @main, or all that no other one calls."""
    if "@main" in functions:
        return ["@main"]
    called: set[str] = set()
    for op in functions.values():
        for region in op.regions:
            called.update(t.text for t in flat(region.items) if t.kind == "symbol")
    return [f for f in functions if f not in called] or list(functions)[:1]
