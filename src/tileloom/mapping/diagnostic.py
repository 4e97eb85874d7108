"""One broken rule, as a value: its code, where, why with the numbers, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tileloom.mapping.tree import Compute, Hold, Joint, Loop, TreeNode


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding of a check. `code` is stable ('E-CAP'); an 'error' refuses, a 'warning' only tells.

    >>> print(Diagnostic("E-COVER", "error", "k", "'k' ends at tile 4, not at 1", "Add a loop over 'k' with tile 1"))
    E-COVER at k: 'k' ends at tile 4, not at 1. Add a loop over 'k' with tile 1.
    """

    code: str
    severity: Literal["error", "warning"]
    where: str
    why: str
    fix: str

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else f" ({self.severity})"
        return f"{self.code}{mark} at {self.where}: {self.why}. {self.fix}."


def error(code: str, where: str, why: str, fix: str) -> Diagnostic:
    return Diagnostic(code, "error", where, why, fix)


def warning(code: str, where: str, why: str, fix: str) -> Diagnostic:
    return Diagnostic(code, "warning", where, why, fix)


def label(index: int | str, node: TreeNode) -> str:
    """How a node is named in messages: 'node 4 (spatial k step 2 on PE.X)'. Nodes are counted from 0, outermost first."""
    return f"node {index} ({_brief(node)})"


def _brief(node: TreeNode) -> str:
    if isinstance(node, Loop):
        if node.spatial:
            return f"spatial {node.dim} step {node.tile} on {node.target or '?'}.{node.axis}"
        return f"for {node.dim} step {node.tile}"
    if isinstance(node, Hold):
        return f"hold {' '.join(node.tensors)} in {node.memory}"
    if isinstance(node, Joint):
        return f"joint {' with '.join(loop.dim for loop in node.loops)}"
    if isinstance(node, Compute):
        return f"compute on {node.unit}"
    return type(node).__name__.lower()
