"""A tagged YAML file with templates as one plain document: included documents put in place, `<<<` mappings merged.

Joins templates.py and tagged_yaml.py; what the document describes is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.tagged_yaml import MAX_NODES, TaggedMap, load_tagged
from tileloom.core.templates import HANDLE, Rendered, render_file

MERGE = "<<<"
MAX_DEPTH = 60
_REFERENCE = re.compile(rf"({HANDLE}\d+)((?:\.\w+)*)")


def load_templated(path: Path, variables: Mapping[str, object], folders: Iterable[Path] = ()) -> TaggedMap:
    """The document of a file (a mapping), templates rendered with `variables`.

    Raises InputError as `render_file` and `load_tagged` do, and for a reference to nothing.
    """
    rendered = render_file(path, variables, folders)
    document = load_tagged(rendered.text, str(path))
    document = TaggedMap() if document is None else document
    if not isinstance(document, TaggedMap):
        raise InputError(f"{path}: a mapping is needed at the top, got a {type(document).__name__}", file=str(path))
    resolved = _Resolver(rendered).resolve(document, 0)
    assert isinstance(resolved, TaggedMap)
    return resolved


class _Resolver:
    """Replaces handles of included documents by what they refer to, each document resolved once."""

    def __init__(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.documents: dict[str, Any] = {}
        self.left = MAX_NODES

    def resolve(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if depth > MAX_DEPTH or self.left < 0:
            raise InputError(f"{self.rendered.file}: included documents are nested too deep or too large")
        if isinstance(value, str):
            match = _REFERENCE.fullmatch(value.strip())
            return self._included(match[1], match[2], depth) if match else value
        if isinstance(value, TaggedMap):
            return self._mapping(value, depth)
        if isinstance(value, list):
            return self._list(value, depth)
        return value

    def _mapping(self, value: TaggedMap, depth: int) -> TaggedMap:
        result = TaggedMap(value.tag, value.line)
        for key, item in value.items():
            if key != MERGE:
                result[key] = self.resolve(item, depth + 1)
        sources = value.get(MERGE, [])
        for source in sources if isinstance(sources, list) else [sources]:
            merged = self.resolve(source, depth + 1)
            if not isinstance(merged, TaggedMap):
                raise InputError(f"{self.rendered.file}: '{MERGE}' merges mappings, got {merged!r}"[:300])
            for key, item in merged.items():
                result.setdefault(key, item)
        return result

    def _list(self, values: list[Any], depth: int) -> list[Any]:
        result: list[Any] = []
        for value in values:
            item = self.resolve(value, depth + 1)
            spliced = isinstance(value, str) and isinstance(item, list)
            result.extend(item if spliced else [item])
        return result

    def _included(self, handle: str, path: str, depth: int) -> Any:
        if handle not in self.rendered.included:
            raise InputError(f"{self.rendered.file}: '{handle}' refers to no included document")
        text, inner, file = self.rendered.included[handle]
        if handle not in self.documents:
            self.documents[handle] = None
            self.documents[handle] = self.resolve(load_tagged(text, file), depth + 1)
        found = self.documents[handle]
        for key in [*inner.split("."), *path.split(".")]:
            if not key:
                continue
            if not isinstance(found, TaggedMap) or key not in found:
                known = list(found) if isinstance(found, TaggedMap) else []
                raise InputError(f"{file}: has no '{(inner + path).strip('.')}'{did_you_mean(key, known)}", file=file)
            found = found[key]
        return found
