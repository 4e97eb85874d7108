"""The bulk engine for model loopnest (not in this revision)."""

from __future__ import annotations

from tileloom.core.errors import UnsupportedError
from tileloom.explore.sweep.bulk import BulkPlan


class LoopnestPlan(BulkPlan):
    def __post_init__(self) -> None:
        raise UnsupportedError("the bulk engine for model loopnest is not in this revision")
