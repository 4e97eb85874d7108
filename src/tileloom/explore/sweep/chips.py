"""The architectures of a study's designs, put together from node variants that are each read and checked once.

A structure is what decides which mappings there are and what they move; chips of one structure differ in energies,
capacities, throughputs, widths, leakage, area and clock only, and are written as one chip whose numbers are `Many`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isinf
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory, Node, Port
from tileloom.core.digest import digest
from tileloom.core.errors import InputError
from tileloom.explore.sweep.fields import Data, architecture_of, node_of, with_fields
from tileloom.explore.sweep.many import many
from tileloom.explore.sweep.values import Value

Floats = npt.NDArray[np.float64]

SENTINEL = 2**50
"""Capacities of the chip of `together` are this and the numbers above it: one per part, so that parts stay apart."""


@dataclass
class ChipMaker:
    """base: plain data of the base architecture; file: what its relative names are relative to."""

    data: Data
    file: str
    chip: Architecture
    made: dict[tuple[tuple[str, Value], ...], Architecture] = field(default_factory=dict)
    digests: dict[int, tuple[Node, str]] = field(default_factory=dict)

    def content(self, chip: Architecture) -> list[str]:
        """Hashes of the chip's nodes, each worked out once."""
        found = []
        for node in chip.nodes:
            if id(node) not in self.digests:
                self.digests[id(node)] = node, digest(node)
            found.append(self.digests[id(node)][1])
        return found

    def chip_of(self, values: dict[str, Value]) -> Architecture:
        """The chip with these fields. Raises InputError naming the fields and what is wrong with them."""
        whole = tuple((p, v) for p, v in values.items() if "." not in p)
        fields: dict[str, tuple[tuple[str, Value], ...]] = {}
        for path, value in values.items():
            if "." in path:
                fields[node_of(path)] = (*fields.get(node_of(path), ()), (path, value))
        base = self._read(whole, None)
        nodes = [
            self._read((*whole, *fields[node.name]), i).nodes[i] if node.name in fields else base.nodes[i]
            for i, node in enumerate(self.chip.nodes)
        ]
        return replace(base, nodes=tuple(nodes))

    def _read(self, values: tuple[tuple[str, Value], ...], node: int | None) -> Architecture:
        """The base with these values. With `node` only that node of it is right; it is read on a chip of three nodes."""
        if not values:
            return self.chip
        if values not in self.made:
            self.made[values] = self._made(dict(values), node)
        return self.made[values]

    def _made(self, values: dict[str, Value], node: int | None) -> Architecture:
        changed = with_fields(self.data, values)
        if node is None:
            return self._checked(changed, values)
        first, last = 0, len(changed["nodes"]) - 1
        positions = sorted({first, node, last})
        small = self._checked(changed | {"nodes": [changed["nodes"][i] for i in positions]}, values)
        nodes = list(self.chip.nodes)
        nodes[node] = small.nodes[positions.index(node)]
        return replace(self.chip, nodes=tuple(nodes))

    def _checked(self, data: Data, values: dict[str, Value]) -> Architecture:
        try:
            return architecture_of(data, self.file)
        except InputError as error:
            given = ", ".join(f"{k} = {v}" for k, v in values.items())
            raise InputError([f"with {given}: {p}" for p in error.problems], file=error.file) from None


def structures_of(chips: Sequence[Architecture]) -> list[tuple[int, ...]]:
    """Per chip a key that is equal for chips which have the same mappings, moving the same values."""
    numbers: dict[object, int] = {}
    # Variants of a node are shared between chips, so each is looked at once.
    known: dict[int, int] = {}
    found = []
    for chip in chips:
        key = []
        for node in chip.nodes:
            if id(node) not in known:
                known[id(node)] = numbers.setdefault(_frame(node), len(numbers))
            key.append(known[id(node)])
        found.append(tuple(key))
    return found


def _frame(node: Node) -> object:
    if isinstance(node, Fanout):
        return node
    if isinstance(node, Compute):
        return (node.name, node.n_inputs, isinf(node.ops_per_cycle))
    return (
        node.name,
        node.capacity_bits is None,
        tuple(part for part, _ in node.partitions),
        _port_frame(node.read),
        _port_frame(node.write),
        (node.ports, node.keep, node.may_keep, node.value_bits, node.buffers, node.refetch_first_output),
    )


def _port_frame(port: Port) -> object:
    return isinf(port.accesses_per_cycle), tuple(key for key, _ in port.energy_pj_by_tensor)


def capacities(node: Node) -> list[float]:
    """Bits of every part of a bounded memory; over the nodes of a chip, the order in which `together` numbers them."""
    if not isinstance(node, Memory) or node.capacity_bits is None:
        return []
    return [float(bits) for _, bits in node.partitions] or [float(node.capacity_bits)]


def table_of(chips: Sequence[Architecture], numbers: Callable[[Node], list[float]]) -> Floats:
    """float64[chips, .]: some numbers of every node, side by side. Nodes that chips share are looked at once."""
    known: dict[int, list[float]] = {}
    rows = []
    for chip in chips:
        row: list[float] = []
        for node in chip.nodes:
            if id(node) not in known:
                known[id(node)] = numbers(node)
            row += known[id(node)]
        rows.append(row)
    return np.array(rows, np.float64).reshape(len(chips), -1)


def together(chips: Sequence[Architecture]) -> Architecture:
    """Chips of one structure as one, its capacities replaced by marks (SENTINEL + position in `capacities`)."""
    position = SENTINEL
    nodes: list[Node] = []
    for index, first in enumerate(chips[0].nodes):
        same = [chip.nodes[index] for chip in chips]
        if isinstance(first, Fanout):
            nodes.append(first)
        elif isinstance(first, Compute):
            nodes.append(_compute(first, cast("list[Compute]", same)))
        else:
            parts = max(1, len(first.partitions)) if first.capacity_bits is not None else 0
            nodes.append(_memory(first, cast("list[Memory]", same), position))
            position += parts
    leader = chips[0]
    return replace(leader, nodes=tuple(nodes), frequency_hz=many([c.frequency_hz for c in chips]))


def _compute(first: Compute, same: list[Compute]) -> Compute:
    return replace(
        first,
        energy_pj=many([c.energy_pj for c in same]),
        ops_per_cycle=many([c.ops_per_cycle for c in same]),
        leakage_pj_per_cycle=many([c.leakage_pj_per_cycle for c in same]),
        area_mm2=0.0,
    )


def _memory(first: Memory, same: list[Memory], position: int) -> Memory:
    changed: dict[str, Any] = {
        "read": _port(first.read, [m.read for m in same]),
        "write": _port(first.write, [m.write for m in same]),
        "leakage_pj_per_cycle": many([m.leakage_pj_per_cycle for m in same]),
        "area_mm2": 0.0,
    }
    if first.partitions:
        changed["partitions"] = tuple((part, position + i) for i, (part, _) in enumerate(first.partitions))
        changed["capacity_bits"] = position
    elif first.capacity_bits is not None:
        changed["capacity_bits"] = position
    return replace(first, **changed)


def _port(first: Port, same: list[Port]) -> Port:
    return replace(
        first,
        energy_pj=many([p.energy_pj for p in same]),
        width_bits=many([p.width_bits for p in same]),
        accesses_per_cycle=many([p.accesses_per_cycle for p in same]),
        energy_pj_by_tensor=tuple(
            (key, many([p.energy_pj_by_tensor[i][1] for p in same]))
            for i, (key, _) in enumerate(first.energy_pj_by_tensor)
        ),
    )
