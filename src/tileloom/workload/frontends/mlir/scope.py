"""What an interpreter of one dialect sees of an operation: the facts of its values and names for nodes.

One `Scope` per function body; values of different bodies never share a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tileloom.workload.frontends.mlir.syntax import Module, Operation, operand_types, result_types
from tileloom.workload.frontends.nodes import AnyNode, TensorFacts, Unread, Vector

Interpreter = Callable[[Operation, "Scope"], list[AnyNode]]


@dataclass
class Scope:
    """prefix   of the names of values made here
    values  local name -> the name used in the node list
    tensors name in the node list -> facts, shared by all scopes of a module
    """

    module: Module
    tensors: dict[str, TensorFacts]
    prefix: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def name(self, value: str) -> str:
        """The name of a value in the node list."""
        plain = value.removesuffix("#0")
        return self.values.get(plain, self.prefix + plain.lstrip("%"))

    def define(self, value: str, facts: TensorFacts) -> str:
        name = self.values[value] = self.prefix + value.lstrip("%")
        self.tensors[name] = facts
        return name

    def facts(self, value: str) -> TensorFacts | None:
        return self.tensors.get(self.name(value))

    def operands(self, op: Operation) -> tuple[str, ...]:
        """Names of the operands that are known tensors, in order."""
        return tuple(n for n in map(self.name, op.operands()) if n in self.tensors)

    def results(self, op: Operation, weight: bool = False) -> tuple[str, ...]:
        """Defines the operation's results by its signature; their names."""
        types = result_types(op, self.module)
        if len(types) == 1:
            types *= len(op.results)
        names = []
        for value, facts in zip(op.results, types):
            names.append(self.define(value, TensorFacts(facts.shape, facts.bits, weight)))
        return tuple(names)

    def learn(self, op: Operation, operands: Sequence[str]) -> None:
        """Facts of operands that the operation's own signature states and nothing stated before."""
        for value, facts in zip(operands, operand_types(op, self.module)):
            if self.name(value) not in self.tensors:
                self.define(value, facts)

    def label(self, op: Operation) -> str:
        return f"{op.short}_{self.module.source.line(op.start)}"

    def vector(self, op: Operation, elements: int | None = None) -> list[AnyNode]:
        inputs = self.operands(op)
        outputs = self.results(op)
        return [Vector(name=self.label(op), operator=op.name, inputs=inputs, outputs=outputs, elements=elements)]

    def unread(self, op: Operation, reason: str) -> list[AnyNode]:
        inputs = self.operands(op)
        outputs = self.results(op)
        reason = f"{self.module.source.at(op.start)}: {reason}"
        return [Unread(name=self.label(op), operator=op.name, inputs=inputs, outputs=outputs, reason=reason)]
