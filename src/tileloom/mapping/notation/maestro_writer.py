"""Writes MAESTRO mapping and model files. Reading what was written gives the same values."""

from __future__ import annotations

from collections.abc import Iterator

from tileloom.core.errors import InputError
from tileloom.mapping.notation.maestro import DirectiveLayer, MaestroFile

_UNUSABLE = " ,->():\t;{}/\n\r"


def format_mapping(file: MaestroFile, dataflows: bool = True) -> str:
    """The text of a mapping file, or with dataflows=False of a model file, as the original's front ends lay it out.

    Raises InputError for a name whose characters the format cannot hold ('-' separates words there).
    """
    for name in (file.network, *(layer.name for layer in file.layers)):
        if any(c in _UNUSABLE for c in name) or not name:
            raise InputError(f"'{name}' cannot be a name in MAESTRO's format: none of {_UNUSABLE!r} may be in it")
    lines = [f"Network {file.network} {{"]
    for layer in file.layers:
        lines += _layer(layer, dataflows)
    return "\n".join([*lines, "}"])


def _layer(layer: DirectiveLayer, dataflows: bool) -> Iterator[str]:
    yield f"Layer {layer.name} {{"
    yield f"Type: {layer.operator}"
    if layer.strides:
        yield f"Stride {{ {_pairs(layer.strides)} }}"
    yield f"Dimensions {{ {_pairs(layer.extents)} }}"
    if dataflows and layer.dataflow is not None:
        yield "Dataflow {"
        yield from (f"{directive};" for directive in layer.dataflow)
        yield "}"
    yield "}"


def _pairs(values: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values)
