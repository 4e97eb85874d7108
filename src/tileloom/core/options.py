"""Options given as text or plain values: reading them, and whether each suits the field it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from tileloom.core.errors import did_you_mean

Plain = bool | int | float | str


def plain_value(text: str) -> Plain:
    """Numbers and true/false understood; anything else stays text.

    >>> plain_value("2"), plain_value("True"), plain_value("0.5"), plain_value("edp")
    (2, True, 0.5, 'edp')
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def field_kinds(cls: type) -> dict[str, str]:
    """Names of a dataclass's fields with their annotated types as text; {} for any other class."""
    if not is_dataclass(cls):
        return {}
    return {
        f.name: f.type if isinstance(f.type, str) else str(getattr(f.type, "__name__", f.type)) for f in fields(cls)
    }


def unknown_options(owner: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """A line for every option that is not known, with the nearest one; owner: "mapper 'random'"."""
    listed = ", ".join(known) or "none"
    return [
        f"{owner} has no option '{name}'{did_you_mean(name, known)}; it has: {listed}"
        for name in given
        if name not in known
    ]


def option_fault(owner: str, option: str, value: object, kind: str) -> str | None:
    """Why a value does not suit an option of this annotated type; None when it does."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if kind.startswith("bool"):
        fits, expected = isinstance(value, bool), "true or false"
    elif kind.startswith("int"):
        fits, expected = number and isinstance(value, int), "a whole number, at least 0"
    elif kind.startswith("float"):
        fits, expected = number, "a number, at least 0"
    elif kind == "str" or kind.startswith("Literal"):
        fits, expected = isinstance(value, str), "a name"
    else:
        # Constraints and models are values of the API; there is no text form to check.
        fits, expected = not isinstance(value, bool | int | float | str), "a value that only the Python API can give"
    return None if fits else f"option '{option}' of {owner} is {value!r}; expected {expected}"
