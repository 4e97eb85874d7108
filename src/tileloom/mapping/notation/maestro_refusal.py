"""The error for layers and mappings that MAESTRO's model cannot evaluate, with the rule and what the original did."""

from __future__ import annotations

from typing import Literal

from tileloom.core.errors import InputError

Outcome = Literal["exit 255", "division by zero", "segmentation fault", "undefined"]


class RefusedError(InputError):
    """A mapping breaks a rule of the model.

    rule      short name of the rule
    original  what the original program does with this input
    """

    def __init__(self, rule: str, message: str, original: Outcome, file: str | None = None) -> None:
        self.rule = rule
        self.message = message
        self.original: Outcome = original
        super().__init__(f"{message} (rule '{rule}'; the original ends with: {original})", file=file)

    def __reduce__(self) -> tuple[object, ...]:
        return RefusedError, (self.rule, self.message, self.original, self.file)
