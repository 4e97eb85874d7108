"""A YAML file as plain data with the line of every value, and back to text.

Private to the workload front ends; what the data should look like is decided by the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tileloom.core.errors import InputError

MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Document:
    """`data` is dict / list / str / int / float / bool / None; `at(path)` is 'file:line' of the value there."""

    data: Any
    file: str

    def at(self, path: tuple[str | int, ...]) -> str:
        node: Any = self.data
        line = 1
        for key in path:
            try:
                line = (node.lc.key(key) if isinstance(node, dict) else node.lc.item(key))[0] + 1
                node = node[key]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return f"{self.file}:{line}"


def load_yaml(path: str | Path) -> Document:
    """Raises InputError for a file that cannot be read, is too large or is not YAML."""
    name = str(path)
    try:
        text = Path(path).read_bytes()[: MAX_BYTES + 1].decode("utf-8-sig")
    except OSError as fault:
        raise InputError(f"{name}: cannot be read: {fault.strerror or fault}", file=name) from fault
    except UnicodeDecodeError as fault:
        raise InputError(f"{name}: not UTF-8 text; is this a YAML file?", file=name) from fault
    return parse_yaml(text, file=name)


def parse_yaml(text: str, *, file: str = "<text>") -> Document:
    if len(text) > MAX_BYTES:
        raise InputError(f"{file}: larger than {MAX_BYTES} bytes; split it or check that it is YAML", file=file)
    try:
        return Document(YAML(typ="rt", pure=True).load(text), file)
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        raise InputError(f"{where}: not valid YAML: {fault.problem}", file=file) from fault
    except (YAMLError, RecursionError, ValueError) as fault:
        raise InputError(f"{file}: not valid YAML: {str(fault).splitlines()[0]}", file=file) from fault


def dump_yaml(data: object) -> str:
    """Text of plain data: keys in the order given, innermost collections on one line."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.representer.ignore_aliases = lambda data: True
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
