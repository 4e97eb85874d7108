"""Names to things that are imported only when asked for: cost models, mappers and other extension points.

A built-in is listed with a function that imports and returns it, so that listing costs nothing; installed packages add
to the entry-point group of the registry. What the things are is no business of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tileloom.core.errors import InputError, TileloomError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class RegistrationError(TileloomError):
    """Two owners registered the same name; both are named."""


def from_module(path: str) -> Callable[[], Any]:
    """A function that imports 'package.module:attribute' when called.

    >>> from_module("math:prod")()([2, 3])
    6
    """
    module, _, attribute = path.partition(":")

    def load() -> Any:
        return getattr(import_module(module), attribute)

    return load


@dataclass(frozen=True)
class Registry(Generic[T]):
    """kind: 'mapper', for messages;  group: entry-point group;  builtin: name -> function that imports and returns it.

    about   name -> one line for people
    """

    kind: str
    group: str
    builtin: Mapping[str, Callable[[], T]]
    about: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Built-in names in their order, then those of installed packages, sorted."""
        return (*self.builtin, *sorted(self._plugins()))

    def summaries(self) -> list[tuple[str, str]]:
        """(name, one line) of each, without importing any."""
        plugins = [(name, f"from {_owner(entry)}") for name, entry in sorted(self._plugins().items())]
        return [(name, self.about.get(name, "")) for name in self.builtin] + plugins

    def get(self, name: str) -> T:
        """The thing itself. Unknown names raise InputError with the nearest one."""
        plugins = self._plugins()
        if name in self.builtin:
            return self.builtin[name]()
        if name in plugins:
            loaded: T = plugins[name].load()
            return loaded
        known = (*self.builtin, *sorted(plugins))
        raise InputError(f"no {self.kind} '{name}'{did_you_mean(name, known)}; there are: {', '.join(known)}")

    def _plugins(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points

        found: dict[str, EntryPoint] = {}
        for entry in entry_points(group=self.group):
            other = "Tileloom itself" if entry.name in self.builtin else None
            if entry.name in found and found[entry.name].value != entry.value:
                other = _owner(found[entry.name])
            if other is not None:
                raise RegistrationError(
                    f"{self.kind} '{entry.name}' is registered by {other} and by {_owner(entry)}; uninstall one of them"
                )
            found[entry.name] = entry
        return found


def _owner(entry: EntryPoint) -> str:
    return f"{entry.dist.name if entry.dist is not None else 'an unknown package'} ({entry.value})"
