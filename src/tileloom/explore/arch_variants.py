"""Variants of one chip for a study: another shape of its array, another bandwidth of one memory. Maps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tileloom.architecture.model import Architecture, Fanout, Memory, Port
from tileloom.core.errors import InputError


def array_of(architecture: Architecture, name: str | None = None) -> Fanout:
    """The fanout with this name, else the one with the most places. InputError where it has not two axes."""
    if not architecture.fanouts:
        raise InputError(f"architecture '{architecture.name}' has no array to reshape")
    found = architecture.fanout(name) if name else max(architecture.fanouts, key=lambda f: f.size)
    if len(found.axes) != 2:
        axes = ", ".join(a.name for a in found.axes)
        raise InputError(f"fanout '{found.name}' has {len(found.axes)} axes ({axes}); an aspect ratio needs two")
    return found


def reshaped(architecture: Architecture, rows: int, columns: int, fanout: str | None = None) -> Architecture:
    """The chip with its array `rows` x `columns`: the second axis is the rows (Y), the first the columns (X)."""
    array = array_of(architecture, fanout)
    sizes = (columns, rows)
    axes = tuple(replace(a, size=n) for a, n in zip(array.axes, sizes, strict=True))
    nodes = tuple(replace(array, axes=axes) if n is array else n for n in architecture.nodes)
    return replace(architecture, name=f"{architecture.name} {rows}x{columns}", nodes=nodes)


def all_aspects(architecture: Architecture, fanout: str | None = None) -> list[tuple[int, int]]:
    """Every shape (rows, columns) with as many places and no more rows than columns."""
    size = array_of(architecture, fanout).size
    return [(r, size // r) for r in range(1, int(size**0.5) + 1) if size % r == 0]


def filling_memory(architecture: Architecture, name: str | None = None) -> Memory:
    """The memory with this name, else the innermost one outside the outermost fanout: what fills chiplets or the array."""
    if name:
        return architecture.memory(name)
    first = next((i for i, n in enumerate(architecture.nodes) if isinstance(n, Fanout)), len(architecture.nodes))
    return next(n for n in reversed(architecture.nodes[:first]) if isinstance(n, Memory))


def with_bandwidth(architecture: Architecture, gbytes_per_s: float, memory: str | None = None) -> Architecture:
    """The chip whose memory reads and writes at most so fast per instance, at its clock. Energy per access stays."""
    node = filling_memory(architecture, memory)
    bits_per_cycle = gbytes_per_s * 8e9 / architecture.frequency_hz

    def limited(port: Port) -> Port:
        return (
            port if port.accesses_per_cycle == 0 else replace(port, accesses_per_cycle=bits_per_cycle / port.width_bits)
        )

    changed = replace(node, read=limited(node.read), write=limited(node.write))
    nodes = tuple(changed if n is node else n for n in architecture.nodes)
    return replace(architecture, name=f"{architecture.name} {gbytes_per_s:g} GB/s", nodes=nodes)


def parse_aspects(text: str) -> list[tuple[int, int]]:
    """'1x256,2x128' -> [(1, 256), (2, 128)]. InputError names every part that is no shape."""
    parts = [p.strip().lower().split("x") for p in text.split(",") if p.strip()]
    wrong = ["x".join(p) for p in parts if len(p) != 2 or not all(n.isdecimal() and int(n) >= 1 for n in p)]
    if wrong or not parts:
        raise InputError(f"--aspect: {', '.join(wrong) or 'nothing'}: expected ROWSxCOLUMNS, as 1x256,2x128")
    return [(int(r), int(c)) for r, c in parts]


def parse_bandwidths(text: str) -> list[float]:
    """'1,2,4' -> [1.0, 2.0, 4.0], in GB/s."""
    found: list[float] = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = 0.0
        if not 0 < value < 1e9:
            raise InputError(f"--fill-bandwidth: '{part}': expected GB/s above 0, as 1,2,4")
        found.append(value)
    return found


def saturation(values: Sequence[tuple[float, float]], share: float = 0.01) -> float | None:
    """Of (bandwidth, EDP) pairs, the least bandwidth whose EDP is within `share` of that of the largest; None when empty."""
    if not values:
        return None
    last = max(values)[1]
    return min(b for b, edp in values if edp <= last * (1 + share))
