"""Every exception Tileloom raises on purpose, in one tree.

A message says what is wrong, the numbers, where, and what to do; the same data is on attributes.
Infeasible is not here: when no mapping exists that is a result with reasons (search/base.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MAX_PROBLEMS = 500
"""Problems that one error carries; a damaged file of millions of values has as many."""
MAX_MESSAGE = 4_000
"""Characters of one problem; a damaged file has names of megabytes."""
MAX_TEXT = 200_000
"""Characters of all problems of one error together."""


def clipped(text: str, most: int = MAX_MESSAGE) -> str:
    """The text with its middle left out where it is longer than `most`: where it is and what to do stand at the ends.

    >>> clipped("a.yaml:1: " + "n" * 50 + "; there are GLB", 60)
    'a.yaml:1:  ... (55 characters left out) ... re are GLB'
    """
    if len(text) <= most:
        return text
    kept = max(most - 40, 0)
    head = kept - kept // 2
    return f"{text[:head]} ... ({len(text) - kept} characters left out) ... {text[len(text) - kept // 2 :]}"


class TileloomError(Exception):
    """Base of the tree. The command line prints it without a traceback and exits with status 2."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(clipped(a, MAX_TEXT) if isinstance(a, str) else a for a in args))


class InputError(TileloomError):
    """A file or an argument is wrong. Carries all problems found, not only the first."""

    def __init__(self, problems: Sequence[str] | str, *, file: str | None = None) -> None:
        listed = (problems,) if isinstance(problems, str) else tuple(problems)
        self.problems: tuple[str, ...] = _bounded(listed)
        self.file = file
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_input_error, (self.problems, self.file)


def _bounded(problems: tuple[str, ...]) -> tuple[str, ...]:
    """As many as a person may read, each of a length that can be; the others are counted."""
    kept: list[str] = []
    room = MAX_TEXT - 100
    for problem in problems[:MAX_PROBLEMS]:
        short = clipped(problem)
        room -= len(short) + 1
        if room < 0:
            break
        kept.append(short)
    left = len(problems) - len(kept)
    return (*kept, f"... and {left} more problems") if left else tuple(kept)


def _rebuild_input_error(problems: tuple[str, ...], file: str | None) -> InputError:
    return InputError(problems, file=file)


class IllegalMappingError(TileloomError):
    """A mapping breaks a rule; `diagnostics` holds every broken rule with its code."""

    def __init__(self, diagnostics: Iterable[object]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))

    def __reduce__(self) -> tuple[object, ...]:
        return IllegalMappingError, (self.diagnostics,)


class UnsupportedError(TileloomError):
    """A feature that the chosen model, mapper or front end does not have; says which one does."""


class MissingDependencyError(TileloomError):
    """An optional library is not installed; the message holds the install command."""

    def __init__(self, module: str, extra: str, needed_for: str) -> None:
        self.module, self.extra, self.needed_for = module, extra, needed_for
        super().__init__(f"{needed_for} needs '{module}', which is not installed: pip install 'tileloom[{extra}]'")

    def __reduce__(self) -> tuple[object, ...]:
        return MissingDependencyError, (self.module, self.extra, self.needed_for)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' (did you mean 'write'?)' for the nearest known name, or '' when nothing is near.

    >>> did_you_mean("wirte", ["read", "write"])
    " (did you mean 'write'?)"
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
