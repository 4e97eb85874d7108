"""Every exception Tileloom raises on purpose, in one tree.

A message says what is wrong, the numbers, where, and what to do; the same data is on attributes.
Infeasible is not here: when no mapping exists that is a result with reasons (search/base.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MAX_PROBLEMS = 500
"""Problems that one error carries; a damaged file of millions of values has as many."""


class TileloomError(Exception):
    """Base of the tree. The command line prints it without a traceback and exits with status 2."""


class InputError(TileloomError):
    """A file or an argument is wrong. Carries all problems found, not only the first."""

    def __init__(self, problems: Sequence[str] | str, *, file: str | None = None) -> None:
        listed = (problems,) if isinstance(problems, str) else tuple(problems)
        if len(listed) > MAX_PROBLEMS:
            listed = (*listed[:MAX_PROBLEMS], f"... and {len(listed) - MAX_PROBLEMS} more problems")
        self.problems: tuple[str, ...] = listed
        self.file = file
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_input_error, (self.problems, self.file)


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
