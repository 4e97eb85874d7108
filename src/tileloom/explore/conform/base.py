"""What recomputing another tool's rows gives: checks per row, and the report that counts matching rows.

Knows nothing of any tool; each tool's file format is read in its own file here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

Progress = Callable[[str, int, int], None]
"""progress(row name, done, total): called after each row."""

SHOWN = 5
"""Mismatching rows that the text names."""


@dataclass(frozen=True, slots=True)
class Check:
    """One number (or verdict) of a row, theirs against ours."""

    kind: str
    row: str
    what: str
    ok: bool
    expected: float | str
    got: float | str
    relative_error: float = 0.0

    def __str__(self) -> str:
        error = f" (relative error {self.relative_error:.3g})" if self.relative_error else ""
        return f"{self.row}: {self.kind} {self.what}: expected {_show(self.expected)}, got {_show(self.got)}{error}"


def close(kind: str, row: str, what: str, expected: float, got: float, tolerance: float) -> Check:
    """A check that two numbers agree to a relative tolerance (equal, where zero is expected)."""
    error = relative_error(expected, got)
    return Check(kind, row, what, error <= tolerance, float(expected), float(got), error)


def relative_error(expected: float, got: float) -> float:
    """|got - expected| / |expected|; inf where only one is zero or a number is missing."""
    if expected == got:
        return 0.0
    if expected == 0 or not isfinite(expected) or not isfinite(got):
        return float("inf")
    return abs(got - expected) / abs(expected)


@dataclass(frozen=True, slots=True)
class Skip:
    """A row that could not be recomputed, and why. It counts as not matched."""

    row: str
    reason: str


@dataclass(frozen=True)
class ConformReport:
    """rows: names of all rows looked at, in order. A row matches when it has checks and all of them hold."""

    model: str
    rows: tuple[str, ...]
    checks: tuple[Check, ...]
    skipped: tuple[Skip, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        checked = {c.row for c in self.checks}
        bad = {c.row for c in self.checks if not c.ok} | {s.row for s in self.skipped}
        return sum(1 for row in self.rows if row in checked and row not in bad)

    @property
    def conforms(self) -> bool:
        return bool(self.rows) and self.matched == len(self.rows)

    @property
    def worst(self) -> float:
        """The largest relative error of any check."""
        return max((c.relative_error for c in self.checks), default=0.0)

    def by_kind(self) -> Mapping[str, tuple[int, int, float]]:
        """kind -> (checks that hold, all checks, worst relative error), in order of first appearance."""
        table: dict[str, tuple[int, int, float]] = {}
        for c in self.checks:
            held, total, worst = table.get(c.kind, (0, 0, 0.0))
            table[c.kind] = (held + c.ok, total + 1, max(worst, c.relative_error))
        return table

    @property
    def last_line(self) -> str:
        return (
            f"conform {self.model}: matched {self.matched} of {len(self.rows)} (worst relative error {self.worst:.3g})"
        )

    def __str__(self) -> str:
        table = self.by_kind()
        width = max((len(kind) for kind in table), default=0)
        lines = [
            f"  {kind:<{width}}  {held} of {total} (worst relative error {worst:.3g})"
            for kind, (held, total, worst) in table.items()
        ]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  skipped: {s.row}: {s.reason}" for s in self.skipped[:SHOWN]]
        bad = [c for c in self.checks if not c.ok]
        first_of_row = list({c.row: c for c in reversed(bad)}.values())[::-1]
        lines += [f"  mismatch: {c}" for c in first_of_row[:SHOWN]]
        if len(first_of_row) > SHOWN:
            lines.append(f"  ... and {len(first_of_row) - SHOWN} more rows with mismatches")
        return "\n".join([*lines, self.last_line])

    def as_plain(self) -> dict[str, Any]:
        """The report as plain values; infinite errors as text."""
        bad = [c for c in self.checks if not c.ok]
        return {
            "model": self.model,
            "rows": len(self.rows),
            "matched": self.matched,
            "worst_relative_error": _finite(self.worst),
            "kinds": [
                {"kind": k, "matched": held, "total": total, "worst_relative_error": _finite(worst)}
                for k, (held, total, worst) in self.by_kind().items()
            ],
            "mismatches": [
                {"row": c.row, "kind": c.kind, "what": c.what, "expected": _finite(c.expected), "got": _finite(c.got)}
                for c in bad
            ],
            "skipped": [{"row": s.row, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "summary": self.last_line,
        }


def _finite(value: float | str) -> float | str:
    return value if isinstance(value, str) or isfinite(value) else str(value)


def _show(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"
