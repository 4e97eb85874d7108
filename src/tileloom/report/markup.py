"""HTML elements as values that are safe by construction: whatever is not `Safe` is escaped when it is put in one.

Layer names, reasons and sources come from files nobody has checked, so no other file here joins tags by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import chain
from pathlib import Path

from tileloom.core.errors import InputError


class Safe(str):
    """Markup that may be put into a page as it is."""

    __slots__ = ()


Child = str | int | None


def text(value: Child) -> Safe:
    """Escaped, unless it is markup already; None is nothing."""
    if value is None:
        return Safe("")
    return value if isinstance(value, Safe) else Safe(escape(str(value), quote=True))


def join(children: Iterable[Child], between: str = "") -> Safe:
    return Safe(escape(between).join(text(child) for child in children))


def el(tag: str, *children: Child | Iterable[Child], **attributes: str | float | None) -> Safe:
    """An element. Attributes: `class_` for class, '_' for '-', None leaves one out.

    >>> el("b", "a < b", class_="x")
    '<b class="x">a &lt; b</b>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_attribute(value), quote=True)}"'
        for name, value in attributes.items()
        if value is not None
    )
    parts = chain.from_iterable([c] if isinstance(c, str | int) or c is None else c for c in children)
    return Safe(f"<{tag}{written}>{join(parts)}</{tag}>")


def _attribute(value: str | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def short(name: str, length: int = 28) -> str:
    """A long name with its middle left out; the ends tell layers apart.

    >>> short("features.18.block.2.depthwise.conv", 20)
    'features.1…wise.conv'
    """
    if len(name) <= length:
        return name
    head = (length - 1) // 2 + 1
    return f"{name[:head]}…{name[-(length - 1 - head) :]}"


def damaged_record(file: Path, error: Exception) -> InputError:
    """What to raise where a record cannot be drawn: it was written by something else, or changed since."""
    why = f"{type(error).__name__}: {str(error)[:200]}"
    return InputError(
        f"{file}: cannot be drawn, something is missing or of another kind ({why}); run the study again", file=str(file)
    )
