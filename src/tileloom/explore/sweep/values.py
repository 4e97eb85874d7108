"""The values of one swept parameter: lists, ranges and log ranges become a tuple. What a parameter means is not known here."""

from __future__ import annotations

from math import log
from typing import TypeAlias

Value: TypeAlias = "int | float | str"

MAX_VALUES = 1_000_000
MAX_NUMBER = 1e15
"""Beyond any size, energy or rate that is swept."""
"""Values of one parameter; more is taken for a mistake."""

RANGE_KEYS = ("from", "to", "step", "factor", "count", "scale")


def values_of(raw: object) -> tuple[Value, ...]:
    """The values that a list or a range stands for, in the order given.

        [1, 2, 4]                          these
        {from: 64, to: 256, step: 64}      64, 128, 192, 256 (both ends included; whole ends without a step: by 1)
        {from: 1, to: 64, factor: 2}       1, 2, 4, ... 64
        {from: 1, to: 100, count: 5, scale: log}   5 values, evenly spaced (linear without `scale`); whole where both
                                           ends are, equal ones once
    Raises ValueError with the reason and the remedy.
    """
    if isinstance(raw, list):
        return _listed(raw)
    if isinstance(raw, dict):
        return _ranged(raw)
    if _is_value(raw):
        return _listed([raw])
    raise ValueError("expected a list of values, or a range such as {from: 1, to: 64, factor: 2}")


def _is_value(raw: object) -> bool:
    return isinstance(raw, int | float | str) and not isinstance(raw, bool)


def _listed(raw: list[object]) -> tuple[Value, ...]:
    if not raw:
        raise ValueError("is empty; give at least one value, or leave the parameter out")
    wrong = [v for v in raw if not _is_value(v) or (isinstance(v, float) and v != v)]
    if wrong:
        raise ValueError(f"holds {wrong[0]!r}; expected numbers or names")
    found: list[Value] = [v for v in raw if isinstance(v, int | float | str)]
    if len({isinstance(v, str) for v in found}) > 1:
        raise ValueError("mixes numbers and names")
    twice = [v for i, v in enumerate(found) if v in found[:i]] if len(found) < 10_000 else []
    if twice:
        raise ValueError(f"{twice[0]} appears twice; a design is evaluated once")
    return tuple(found)


def _ranged(raw: dict[str, object]) -> tuple[Value, ...]:
    from tileloom.core.errors import did_you_mean

    unknown = [k for k in raw if k not in RANGE_KEYS]
    if unknown:
        near = did_you_mean(unknown[0], RANGE_KEYS)
        raise ValueError(f"a range has no key '{unknown[0]}'{near}; it has {', '.join(RANGE_KEYS)}")
    low, high = _number(raw, "from"), _number(raw, "to")
    if low > high:
        raise ValueError(f"is empty: from {low} is above to {high}; exchange them")
    kinds = [k for k in ("step", "factor", "count") if k in raw]
    if not kinds and isinstance(low, int) and isinstance(high, int):
        return _stepped(low, high, 1)
    if len(kinds) != 1:
        given = " and ".join(kinds) if kinds else "none"
        raise ValueError(f"a range needs exactly one of step, factor and count; given: {given}")
    if "scale" in raw and kinds != ["count"]:
        raise ValueError("`scale` goes with `count` only")
    size = _number(raw, kinds[0])
    if kinds == ["step"]:
        return _stepped(low, high, size)
    return _multiplied(low, high, size) if kinds == ["factor"] else _spaced(low, high, size, raw.get("scale", "linear"))


def _number(raw: dict[str, object], key: str) -> int | float:
    value = raw.get(key)
    if value is None:
        raise ValueError(f"a range needs `{key}`")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        raise ValueError(f"`{key}` is {value!r}; expected a finite number, at most {MAX_NUMBER:g}")
    return value


def _stepped(low: int | float, high: int | float, step: int | float) -> tuple[Value, ...]:
    if step <= 0:
        raise ValueError(f"`step` is {step}; expected more than 0")
    whole = all(isinstance(v, int) for v in (low, high, step))
    _bounded((high - low) / step)
    count = (high - low) // step + 1 if whole else int((high - low) / step * (1 + 1e-12)) + 1
    _bounded(count)
    return tuple(low + i * step for i in range(int(count)))


def _multiplied(low: int | float, high: int | float, factor: int | float) -> tuple[Value, ...]:
    if factor <= 1 or low <= 0:
        raise ValueError(f"a log range needs from > 0 and factor > 1; got from {low}, factor {factor}")
    _bounded(log(high / low) / log(factor))
    found: list[Value] = []
    at: int | float = low
    while at <= high * (1 + 1e-12):
        found.append(at)
        at = at * factor
    return tuple(found)


def _spaced(low: int | float, high: int | float, count: int | float, scale: object) -> tuple[Value, ...]:
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"`count` is {count}; expected a whole number, at least 1")
    if scale not in ("linear", "log"):
        raise ValueError(f"`scale` is {scale!r}; expected linear or log")
    if scale == "log" and low <= 0:
        raise ValueError(f"a log range needs from > 0; got {low}")
    _bounded(count)
    whole = isinstance(low, int) and isinstance(high, int)
    share = [i / (count - 1) if count > 1 else 0.0 for i in range(count)]
    points = [low * (high / low) ** s if scale == "log" else low + s * (high - low) for s in share]
    # The ends are exact, whatever the powers round to.
    points[-1] = high if count > 1 else low
    return tuple(dict.fromkeys(round(p) if whole else p for p in points))


def _bounded(count: float) -> None:
    if count > MAX_VALUES:
        raise ValueError(f"has {count:.3g} values, at most {MAX_VALUES:,} are taken; use a larger step or a log range")
