"""Numbers for people: energy, time, size, counts with a unit and about three significant digits.

Only text is made here; sorting and sums use the exact numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, isfinite, log10

PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"), (1e-18, "a"))
BINARY = ((8 * 1024**3, "GiB"), (8 * 1024**2, "MiB"), (8 * 1024, "KiB"), (8, "B"))
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PJ_PER_J = 1e12


def digits(value: float, significant: int = 3) -> str:
    """About three significant digits, thousands separated: 1234567 -> '1,234,567', 12.345 -> '12.3'."""
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{significant - 1}e}")
    places = max(0, significant - 1 - floor(log10(abs(rounded))))
    return f"{value:,.{places}f}"


def plain(value: float) -> str:
    """A given number as short as it is: 64.0 -> '64', 0.6 -> '0.6', 12800.0 -> '12,800'."""
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"


def power_of_ten(value: float) -> str:
    """'3.2 × 10¹⁴' for what has no prefix; small numbers are written out."""
    if abs(value) < 1e6:
        return digits(value)
    exponent = floor(log10(value)) if isinstance(value, float) else len(str(value)) - 1
    mantissa = value / 10**exponent
    return f"{mantissa:.1f} × 10{str(exponent).translate(SUPERSCRIPT)}"


def _scaled(value: float, scale: Iterable[tuple[float, str]], unit: str) -> str:
    steps = list(scale)
    for factor, prefix in steps:
        if abs(value) >= factor * 0.9995:
            return f"{digits(value / factor)} {prefix}{unit}".rstrip()
    factor, prefix = steps[-1]
    return f"{digits(value / factor)} {prefix}{unit}".rstrip()


def count(value: float) -> str:
    """Plain up to 9,999, then k, M, G.

    >>> count(1_814_073_344)
    '1.81 G'
    """
    if abs(value) < 10_000:
        return f"{value:,.0f}" if float(value).is_integer() else digits(value)
    return _scaled(value, PREFIXES, "")


def energy(picojoules: float) -> str:
    """
    >>> energy(1234567.0)
    '1.23 µJ'
    """
    return "0" if picojoules == 0 else _scaled(picojoules / PJ_PER_J, SMALL, "J")


def seconds(value: float) -> str:
    return "0 s" if value == 0 else f"{digits(value)} s" if value >= 1 else _scaled(value, SMALL, "s")


def edp(picojoule_cycles: float, frequency_hz: float) -> str:
    """Energy times time in joule seconds."""
    joule_seconds = picojoule_cycles / PJ_PER_J / frequency_hz
    return "0" if joule_seconds == 0 else _scaled(joule_seconds, SMALL, "J·s")


def size(bits: float) -> str:
    """Bits as B, KiB, MiB.

    >>> size(108 * 1024 * 8)
    '108 KiB'
    """
    return f"{digits(bits)} bit" if 0 < bits < 8 else "0 B" if bits == 0 else _scaled(bits, BINARY, "")


def share(part: float, whole: float) -> str:
    """
    >>> share(1, 3)
    '33.3 %'
    """
    if whole == 0:
        return "–"
    percent = 100 * part / whole
    return (
        f"{percent:.0f} %" if percent >= 99.95 or percent == 0 else f"{percent:.1f} %" if percent >= 0.1 else "<0.1 %"
    )


def hertz(value: float) -> str:
    return _scaled(value, PREFIXES, "Hz")
