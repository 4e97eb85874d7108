"""The mapped engine (not in this revision)."""

from __future__ import annotations

from tileloom.core.errors import UnsupportedError
from tileloom.explore.sweep.bulk import BulkPlan


class MappedPlan(BulkPlan):
    def __post_init__(self) -> None:
        raise UnsupportedError("the mapped engine is not in this revision")
