"""Strict JSON text: infinities and NaN, which JSON lacks, are written as null."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any


def to_json(value: object, indent: int | None = 1) -> str:
    """JSON of plain values (dict, list, tuple, str, numbers, None).

    >>> to_json({"bound": float("inf"), "n": 2}, indent=None)
    '{"bound": null, "n": 2}'
    """
    return json.dumps(_finite(value), indent=indent, allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
