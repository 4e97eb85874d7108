"""Mappings and networks from one notation into another. The notations are in mapping/notation; this joins two of them."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.mapping.notation.registry import NOTATIONS, ReadMapping, Written, notation_of
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem


def convert(
    mapping: str,
    to: str,
    *,
    source: str | None = None,
    problem: Problem | None = None,
    architecture: Architecture | None = None,
    layer: str | None = None,
) -> Written:
    """A mapping file in notation `to`, with what both steps lose, in order.

    source   notation of the file; by its suffix when None
    Raises InputError for unknown notations and missing context, UnsupportedError for what a notation cannot say.
    """
    writer = NOTATIONS.get(to)
    if writer.write is None:
        raise UnsupportedError(f"format '{to}' cannot hold a mapping; use one of {_able('write')}")
    read = read_any(mapping, source=source, problem=problem, architecture=architecture, layer=layer)
    written = writer.write(read.problem, architecture, read.mapping)
    return Written(written.text, (*read.losses, *written.losses))


def read_any(
    mapping: str,
    *,
    source: str | None = None,
    problem: Problem | None = None,
    architecture: Architecture | None = None,
    layer: str | None = None,
) -> ReadMapping:
    """A mapping file of any notation that can be read, with its problem and what reading loses. Raises as `convert`."""
    reader = NOTATIONS.get(source or notation_of(mapping))
    if reader.read is None:
        raise UnsupportedError(f"format '{reader.name}' is written, not read; give a mapping in {_able('read')}")
    return reader.read(Path(mapping), problem, architecture, layer)


def write_network(network: Network, to: str, options: Mapping[str, object] | None = None) -> Written:
    """A network in a notation that can hold one, with what it leaves out.

    options   of the notation, by name
    UnsupportedError for other notations, InputError for an unknown option.
    """
    writer = NOTATIONS.get(to)
    if writer.network is None:
        raise UnsupportedError(f"format '{to}' cannot hold a network; use one of {_able('network')}")
    known = list(signature(writer.network).parameters)[1:]
    for name in options or {}:
        if name not in known:
            raise InputError(
                f"format '{to}' has no option '{name}'{did_you_mean(name, known)}; it has: {', '.join(known)}"
            )
    return writer.network(network, **(options or {}))


def _able(what: str) -> str:
    return ", ".join(n for n in NOTATIONS.names() if getattr(NOTATIONS.get(n), what) is not None)
