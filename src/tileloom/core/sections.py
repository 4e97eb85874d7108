"""Files of `[SECTION]` headings and `key=value` lines, with line numbers. What sections and keys mean is decided elsewhere.

Blanks are removed everywhere; lines that start with # are comments; keys are compared in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tileloom.core.errors import InputError, did_you_mean

MAX_DIGITS = 18
"""Longer numbers are taken for a mistake."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key=value` line. The key is in lower case; the value as written, without blanks."""

    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    line: int
    entries: tuple[Entry, ...]

    def get(self, key: str) -> Entry | None:
        return next((e for e in self.entries if e.key == key), None)


@dataclass(slots=True)
class Faults:
    """Problems collected while a file is read; `stop` raises all of them at once."""

    file: str
    found: list[str] = field(default_factory=list)

    def add(self, line: int, text: str) -> None:
        self.found.append(f"{self.file}:{line}: {text}")

    def stop(self) -> None:
        if self.found:
            raise InputError(self.found, file=self.file)

    def whole(self, entry: Entry, least: int = 0) -> int:
        """The value as a whole number; a fault and `least` where it is not one."""
        text = entry.value
        if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) >= least:
            return int(text)
        self.add(entry.line, f"{entry.key} is '{text[:40]}'; expected a whole number, at least {least}")
        return least

    def wholes(self, entry: Entry, count: int, least: int = 0) -> tuple[int, ...]:
        """Exactly `count` whole numbers separated by commas."""
        parts = entry.value.split(",")
        if len(parts) != count:
            self.add(entry.line, f"{entry.key} has {len(parts)} values ('{entry.value}'); expected {count}")
            return (least,) * count
        return tuple(self.whole(Entry(entry.key, p, entry.line), least) for p in parts)

    def number(self, entry: Entry) -> float:
        """The value as a number of at least 0."""
        try:
            value = float(entry.value)
        except ValueError:
            value = -1.0
        if 0 <= value < float("inf"):
            return value
        self.add(entry.line, f"{entry.key} is '{entry.value}'; expected a number, at least 0")
        return 0.0


def read_sections(
    source: str | Path, known: Sequence[str], *, text: str | None = None
) -> tuple[dict[str, Section], Faults]:
    """Sections by name, and the faults found so far (the caller adds its own and calls `stop`).

    Faults: an unknown or repeated section, a line that is no `key=value`, a repeated key in a section.
    Raises InputError when the file cannot be read.
    """
    faults = Faults(str(source))
    found: dict[str, Section] = {}
    name, start, entries = "", 0, dict[str, Entry]()

    def close() -> None:
        if name and name not in found:
            found[name] = Section(name, start, tuple(entries.values()))

    for number, raw in enumerate(_lines(source, text), 1):
        line = raw.replace(" ", "").replace("\r", "").strip("\t")
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            close()
            name, start, entries = line.strip("[]"), number, {}
            if not line.endswith("]") or name not in known:
                near = did_you_mean(name.upper(), known)
                faults.add(number, f"unknown section '[{name[:60]}]'{near}; there are: {', '.join(known)}")
            elif name in found:
                faults.add(number, f"section '[{name}]' appears again; it began at line {found[name].line}")
            continue
        key, equals, value = line.partition("=")
        key = key.lower()
        if not equals or not key:
            faults.add(number, f"'{line[:60]}' is neither a [SECTION] nor key=value")
        elif not name:
            faults.add(number, f"'{line}' stands before the first [SECTION]")
        elif key in entries:
            faults.add(
                number, f"{key} is given again in [{name}]; it was '{entries[key].value}' at line {entries[key].line}"
            )
        else:
            entries[key] = Entry(key, value, number)
    close()
    return found, faults


def check_keys(section: Section, known: Mapping[str, object] | Sequence[str], faults: Faults) -> None:
    """A fault for every key that is not known, with the nearest one."""
    for entry in section.entries:
        if entry.key not in known:
            listed = ", ".join(k.upper() for k in known)
            near = did_you_mean(entry.key, list(known)).upper().replace("DID YOU MEAN", "did you mean")
            faults.add(entry.line, f"[{section.name}] has no option '{entry.key.upper()}'{near}; it has: {listed}")


def _lines(source: str | Path, text: str | None) -> list[str]:
    if text is not None:
        return text.split("\n")
    try:
        return Path(source).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{source}: cannot be read: {reason}", file=str(source)) from error
