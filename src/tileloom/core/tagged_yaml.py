"""YAML whose mappings carry tags (`!Memory`), read as plain values that remember tag and line.

Nothing is constructed from a tag: it is kept as text. Knows nothing of what the tags mean.
"""

from __future__ import annotations

from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.quick_yaml import NotQuick, read_quickly
from tileloom.core.yamlio import refuse_costly

MAX_NODES = 200_000
"""Values of one document after aliases are written out; more is taken for an attack."""
_CORE = "tag:yaml.org,2002:"


class TaggedMap(dict[str, Any]):
    """A mapping with its tag (without '!'; '' when there is none) and the line it starts on."""

    def __init__(self, tag: str = "", line: int = 0) -> None:
        super().__init__()
        self.tag = tag
        self.line = line


def load_tagged(text: str, file: str) -> Any:
    """The document as TaggedMap, list, str, int, float, bool and None.

    Raises InputError with the line for a syntax error, a key given twice or a document that is too large.
    """
    try:
        return read_quickly(text, tagged_table)
    except NotQuick:
        return _load_completely(text, file)


def tagged_table(tag: str, line: int, pairs: list[tuple[str, Any]]) -> TaggedMap:
    result = TaggedMap(tag, line)
    result.update(pairs)
    return result


def _load_completely(text: str, file: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    refuse_costly(text, file)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        return None if root is None else _Converter(file).convert(root)
    except (YAMLError, RecursionError) as error:
        raise InputError(f"{file}:{_line_of(error)}: not readable as YAML: {_problem(error)}", file=file) from None


class _Converter:
    def __init__(self, file: str) -> None:
        self.file = file
        self.left = MAX_NODES

    def convert(self, node: Any) -> Any:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self.left -= 1
        if self.left < 0:
            raise InputError(f"{self.file}: more than {MAX_NODES} values; are aliases nested?", file=self.file)
        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            return [self.convert(child) for child in node.value]
        return self._scalar(node)

    def _mapping(self, node: Any) -> TaggedMap:
        line = node.start_mark.line + 1
        result = TaggedMap(_own_tag(node), line)
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in result:
                place = f"{self.file}:{key_node.start_mark.line + 1}"
                raise InputError(f"{place}: '{key}' is given twice; keep one", file=self.file)
            result[key] = self.convert(value_node)
        return result

    def _scalar(self, node: Any) -> Any:
        tag = str(node.tag)
        text = str(node.value)
        if tag == _CORE + "null":
            return TaggedMap(_own_tag(node), node.start_mark.line + 1) if _own_tag(node) else None
        if tag == _CORE + "bool":
            return text.lower() in ("true", "yes", "on")
        if tag in (_CORE + "int", _CORE + "float"):
            return _number(text)
        return text


def _own_tag(node: Any) -> str:
    tag = str(node.tag)
    return tag[1:] if tag.startswith("!") else ""


def _number(text: str) -> int | float | str:
    plain = text.replace("_", "")
    try:
        return int(plain, 0) if not any(c in plain.lower() for c in ".en") or plain[:2] == "0x" else float(plain)
    except ValueError:
        special = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf")}
        return special.get(plain.lower(), text)


def _line_of(error: BaseException) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return int(mark.line) + 1 if mark is not None else 1


def _problem(error: BaseException) -> str:
    return str(getattr(error, "problem", None) or type(error).__name__)
