"""Strict JSON: infinities and NaN, which JSON lacks, are written as null; files are read with bounds on size and depth."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError

MAX_BYTES = 200_000_000


def to_json(value: object, indent: int | None = 1) -> str:
    """JSON of plain values (dict, list, tuple, str, numbers, None).

    >>> to_json({"bound": float("inf"), "n": 2}, indent=None)
    '{"bound": null, "n": 2}'
    """
    return json.dumps(_finite(value), indent=indent, allow_nan=False, ensure_ascii=False)


def read_json(path: str | Path, max_bytes: int = MAX_BYTES) -> Any:
    """The values in a file. Raises InputError when it is missing, too large, too deep or no JSON."""
    file = str(path)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise InputError(f"{file}: larger than {max_bytes} bytes", file=file)
        return parse_json(raw.decode("utf-8"), file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}", file=file) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not JSON: no UTF-8 text (byte {error.start})", file=file) from error


def parse_json(text: str, file: str = "<text>") -> Any:
    """The values in a text. Raises InputError for anything but JSON, and where it is nested too deep to read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(f"{file}: not readable: nested too deeply", file=file) from None
    except ValueError as error:
        raise InputError(f"{file}: not JSON: {str(error)[:200]}", file=file) from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
