"""A straight-line program over vectors: built once per template, equal expressions computed once, slots reused.

It knows arithmetic only; template.py decides what is computed and batch.py runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Register = int
"""Result of an operation. 0 to inputs - 1 are the inputs."""

MULTIPLY, SUBTRACT, AFFINE, AXPY, MAXIMUM, AND_EQUAL, AND_AT_MOST, SELECT, CONSTANT = range(9)
"""a*b;  a-b;  c*a+k;  c*a+b;  max(a, b);  mask if a == c else 0;  mask if a <= c else 0;  a if mask else b;  k"""

_Operation = tuple[int, Register, Register, Register, float, float]


class Program:
    """Operations in order; every method returns the register that holds its result."""

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._code: list[_Operation] = []
        self._known: dict[_Operation, Register] = {}

    def constant(self, value: float) -> Register:
        return self._emit(CONSTANT, k=value)

    def multiply(self, a: Register, b: Register) -> Register:
        one = self._known.get((CONSTANT, -1, -1, -1, 0.0, 1.0))
        if a == one or b == one:
            return b if a == one else a
        return self._emit(MULTIPLY, min(a, b), max(a, b))

    def subtract(self, a: Register, b: Register) -> Register:
        return self.constant(0.0) if a == b else self._emit(SUBTRACT, a, b)

    def maximum(self, a: Register, b: Register) -> Register:
        return a if a == b else self._emit(MAXIMUM, min(a, b), max(a, b))

    def sum(self, weights: Mapping[Register, float], start: float = 0.0) -> Register:
        """start + sum of weight * register; constants are folded in."""
        total: Register | None = None
        for register, weight in weights.items():
            value = self._value(register)
            if value is not None:
                start += weight * value
        for register, weight in weights.items():
            if weight == 0.0 or self._value(register) is not None:
                continue
            if total is None:
                total = register if (weight, start) == (1.0, 0.0) else self._emit(AFFINE, register, c=weight, k=start)
            else:
                total = self._emit(AXPY, register, total, c=weight)
        return self.constant(start) if total is None else total

    def and_equal(self, mask: Register, a: Register, value: float) -> Register:
        """mask where a == value, 0 elsewhere."""
        known = self._value(a)
        if known is not None:
            return mask if known == value else self.constant(0.0)
        return self._emit(AND_EQUAL, a, mask=mask, c=value)

    def and_at_most(self, mask: Register, a: Register, value: float) -> Register:
        """mask where a <= value, 0 elsewhere."""
        known = self._value(a)
        if known is not None:
            return mask if known <= value else self.constant(0.0)
        return self._emit(AND_AT_MOST, a, mask=mask, c=value)

    def select(self, mask: Register, a: Register, b: Register) -> Register:
        """a where mask is not 0, else b."""
        known = self._value(mask)
        if known is not None:
            return a if known else b
        return a if a == b else self._emit(SELECT, a, b, mask)

    def finish(
        self, outputs: Sequence[Register]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64], int]:
        """(code, constants, output slots, slots): only what the outputs need, each slot reused after its last use."""
        needed = self._needed(outputs)
        last: dict[Register, int] = {}
        for at in needed:
            for register in self._code[at][1:4]:
                last[register] = at
        last.update(dict.fromkeys(outputs, len(self._code)))
        slot = {i: i for i in range(self._inputs)}
        free: list[int] = []
        slots = self._inputs
        code, constants = [], []
        for at in needed:
            operation, a, b, mask, c, k = self._code[at]
            result = self._inputs + at
            if free:
                slot[result] = free.pop()
            else:
                slot[result], slots = slots, slots + 1
            code.append([operation, slot[result], *(slot.get(r, 0) for r in (a, b, mask))])
            constants.append([c, k])
            free.extend(slot[r] for r in {a, b, mask} if r >= 0 and last[r] == at)
        return (
            np.array(code, dtype=np.int64).reshape(-1, 5),
            np.array(constants, dtype=np.float64).reshape(-1, 2),
            np.array([slot[r] for r in outputs], dtype=np.int64),
            slots,
        )

    def _needed(self, outputs: Sequence[Register]) -> list[int]:
        wanted, pending = set(outputs), list(outputs)
        while pending:
            register = pending.pop()
            if register >= self._inputs:
                fresh = {r for r in self._code[register - self._inputs][1:4] if r >= 0} - wanted
                wanted |= fresh
                pending.extend(fresh)
        return sorted(r - self._inputs for r in wanted if r >= self._inputs)

    def _value(self, register: Register) -> float | None:
        if register < self._inputs:
            return None
        operation = self._code[register - self._inputs]
        return operation[5] if operation[0] == CONSTANT else None

    def _emit(
        self, operation: int, a: Register = -1, b: Register = -1, mask: Register = -1, *, c: float = 0.0, k: float = 0.0
    ) -> Register:
        entry = (operation, a, b, mask, c, k)
        if entry not in self._known:
            self._code.append(entry)
            self._known[entry] = self._inputs + len(self._code) - 1
        return self._known[entry]
