"""Reads ZigZag's hardware YAML and DeFiNES's accelerators in JSON, and writes the former.

The value is in zigzag_machine.py; what it costs to use it is in cost/models/zigzag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tileloom.architecture.notation.zigzag_machine import DIRECTIONS, DataLink, Direction, ZigzagMachine, ZigzagMemory
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.validate import Schema, fault, validate
from tileloom.core.yamlio import Document, dump_yaml, load_yaml, parse_yaml

Bits = Annotated[int, Field(ge=1, le=2**60, strict=True)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False, strict=True)]
_WISH = re.compile(r"([A-Z]\w*)\s*,\s*([1-9]\d*)")
Copies = Annotated[int, Field(ge=1, le=2**24, strict=True)]


class _Port(Schema):
    name: str
    type: Literal["read", "write", "read_write"]
    bandwidth_min: Bits
    bandwidth_max: Bits
    allocation: list[str]


class _Memory(Schema):
    size: Bits
    r_cost: Amount
    w_cost: Amount
    area: Amount = 0.0
    latency: int = 1
    operands: list[str]
    ports: list[_Port]
    served_dimensions: list[str]
    mem_type: str = "sram"
    auto_cost_extraction: Literal[False] = False
    double_buffering: Literal[False] = False


class _Array(Schema):
    unit_energy: Amount
    unit_area: Amount = 0.0
    dimensions: list[str]
    sizes: list[Copies]
    is_imc: Literal[False] = False
    input_precision: list[int] | None = None
    """Newer files state it; the layer's own precision is what counts."""


class _Hardware(Schema):
    name: str
    description: str = ""
    source: str = ""
    memories: dict[str, _Memory]
    operational_array: _Array
    dataflows: dict[str, list[str]] | None = None


def read_machine(path: str | Path) -> ZigzagMachine:
    """The machine of a ZigZag hardware file; of a key that is written twice the last counts, as in ZigZag.

    Raises InputError with every fault and its line.
    """
    return machine_from_document(load_yaml(path, last_key_wins=True))


def parse_machine(text: str, *, file: str = "<text>") -> ZigzagMachine:
    """The same from YAML text."""
    return machine_from_document(parse_yaml(text, file=file, last_key_wins=True))


def machine_from_document(document: Document) -> ZigzagMachine:
    hardware = validate(_Hardware, document)
    array = hardware.operational_array
    faults = list(_faults(document, hardware))
    if faults:
        raise InputError(faults, file=document.file)
    memories = tuple(
        ZigzagMemory(
            name=name,
            size_bits=memory.size,
            read_pj=float(memory.r_cost),
            write_pj=float(memory.w_cost),
            operands=tuple(memory.operands),
            serves=tuple(d for d in array.dimensions if d in memory.served_dimensions),
            links=tuple(_links(memory)),
            latency_cycles=memory.latency,
            area=memory.area,
        )
        for name, memory in hardware.memories.items()
    )
    sizes = tuple(zip(array.dimensions, array.sizes))
    return ZigzagMachine(
        hardware.name, sizes, float(array.unit_energy), memories, array.unit_area, _dataflow(document, hardware)
    )


def _links(memory: _Memory) -> Iterator[DataLink]:
    # Ties between transfers of one port go by operand and then by the order in the file.
    for operand in memory.operands:
        for port in memory.ports:
            for entry in port.allocation:
                owner, _, direction = (part.strip() for part in entry.partition(","))
                if owner == operand:
                    yield DataLink(operand, _direction(direction), port.name, port.bandwidth_max, port.bandwidth_min)


def _dataflow(document: Document, hardware: _Hardware) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    """'K, 32' per array dimension. InputError with every malformed one."""
    found = []
    faults = []
    for dim, wishes in (hardware.dataflows or {}).items():
        loops = [_WISH.fullmatch(w) for w in wishes]
        place = ("dataflows", dim)
        if dim not in hardware.operational_array.dimensions:
            faults.append(fault(document, place, "unknown array dimension"))
        if None in loops:
            faults.append(fault(document, place, f"{wishes} is not a list of 'LOOP, COPIES' such as 'K, 32'"))
        found.append((dim, tuple((m[1], int(m[2])) for m in loops if m)))
    if faults:
        raise InputError(faults, file=document.file)
    return tuple(found)


def _direction(text: str) -> Direction:
    return next(d for d in DIRECTIONS if d == text)


def _faults(document: Document, hardware: _Hardware) -> Iterator[str]:
    array = hardware.operational_array
    if len(array.dimensions) != len(array.sizes):
        what = f"{len(array.dimensions)} dimensions but {len(array.sizes)} sizes"
        yield fault(document, ("operational_array", "sizes"), what)
    if not hardware.memories:
        yield fault(document, ("memories",), "there are none")
    for name, memory in hardware.memories.items():
        here = ("memories", name)
        for position, dim in enumerate(memory.served_dimensions):
            if dim not in array.dimensions:
                what = (
                    f"unknown array dimension '{dim}'{did_you_mean(dim, array.dimensions)}; known: {array.dimensions}"
                )
                yield fault(document, (*here, "served_dimensions", position), what)
        taken: dict[tuple[str, ...], str] = {}
        for index, port in enumerate(memory.ports):
            place = (*here, "ports", index, "allocation")
            for position, entry in enumerate(port.allocation):
                link = tuple(part.strip() for part in entry.split(","))
                what = _wrong_link(link, port, memory.operands, taken.get(link))
                taken[link] = port.name
                if what:
                    yield fault(document, (*place, position), what)
        for operand in memory.operands:
            needed = ("tl", "fl", "th", "fh") if operand == "O" else ("tl", "fh")
            missing = [d for d in needed if (operand, d) not in taken]
            if missing:
                what = f"no port carries {', '.join(f'{operand}, {d}' for d in missing)}"
                yield fault(document, (*here, "ports"), what)


def _wrong_link(link: tuple[str, ...], port: _Port, operands: list[str], owner: str | None) -> str:
    if len(link) != 2 or link[1] not in DIRECTIONS:
        return f"'{', '.join(link)}' is not 'OPERAND, DIRECTION' with one of {', '.join(DIRECTIONS)}"
    if link[0] not in operands:
        return f"the memory does not hold '{link[0]}'{did_you_mean(link[0], operands)}; it holds {operands}"
    if owner is not None:
        return f"'{', '.join(link)}' is already carried by port '{owner}'"
    wrong = {"read": ("fh", "fl"), "write": ("tl", "th")}.get(port.type, ())
    return f"a {port.type} port cannot carry '{link[1]}'" if link[1] in wrong else ""


def write_machine(machine: ZigzagMachine, description: str = "", source: str = "") -> str:
    """ZigZag hardware YAML that reads back as the same machine."""
    memories = {m.name: _memory_plain(m) for m in machine.memories}
    notes = {k: v for k, v in (("description", description), ("source", source)) if v}
    array = {
        "unit_energy": machine.mac_pj,
        "unit_area": machine.mac_area,
        "dimensions": [d for d, _ in machine.array],
        "sizes": [size for _, size in machine.array],
    }
    wishes = {dim: [f"{d}, {size}" for d, size in loops] for dim, loops in machine.dataflow}
    data = {"name": machine.name, **notes, "memories": memories, "operational_array": array}
    return dump_yaml({**data, "dataflows": wishes} if wishes else data)


def _memory_plain(memory: ZigzagMemory) -> dict[str, Any]:
    ports = []
    for name in memory.ports:
        links = [k for k in memory.links if k.port == name]
        reads, writes = ({k.direction for k in links} & set(way) for way in (("tl", "th"), ("fh", "fl")))
        ports.append(
            {
                "name": name,
                "type": "read_write" if reads and writes else "read" if reads else "write",
                "bandwidth_min": links[0].min_bits,
                "bandwidth_max": links[0].bits,
                "allocation": [f"{k.operand}, {k.direction}" for k in links],
            }
        )
    return {
        "size": memory.size_bits,
        "r_cost": memory.read_pj,
        "w_cost": memory.write_pj,
        "area": memory.area,
        "latency": memory.latency_cycles,
        "operands": list(memory.operands),
        "ports": ports,
        "served_dimensions": list(memory.serves),
    }


def read_defines_architectures(path: str | Path) -> dict[str, ZigzagMachine]:
    """DeFiNES's accelerators by name, from the JSON form of its accelerator modules. InputError names what is missing."""
    document = load_yaml(path)
    if not isinstance(document.data, dict):
        raise InputError(f"{document.file}: expected accelerators by name", file=document.file)
    return {name: defines_machine(name, data, document.file) for name, data in document.data.items()}


def defines_machine(name: str, data: Any, file: str = "accelerator") -> ZigzagMachine:
    """One accelerator of that JSON form. InputError names the accelerator, the memory and the missing key."""
    try:
        array = tuple((dim, int(size)) for dim, size in data["array"].items())
        memories = tuple(_defines_memory(m) for m in data["memories_in_declaration_order"])
        return ZigzagMachine(name, array, float(data["mac_energy_pj"]), memories)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(f"{file}: accelerator '{name}': missing or malformed: {str(error)[:200]}", file=file) from None


def _defines_memory(data: Mapping[str, Any]) -> ZigzagMemory:
    links = []
    for operand in data["operands"]:
        for direction in DIRECTIONS:
            port = data["port_alloc"][operand].get(direction)
            if port is not None:
                way = "r" if direction in ("tl", "th") else "w"
                links.append(DataLink(operand, direction, port, int(data[f"{way}_bw"]), int(data[f"{way}_bw_min"])))
    return ZigzagMemory(
        name=data["name"],
        size_bits=int(data["size_bit"]),
        read_pj=float(data["r_cost"]),
        write_pj=float(data["w_cost"]),
        operands=tuple(data["operands"]),
        serves=tuple(data["served_dims"]),
        links=tuple(links),
        latency_cycles=int(data.get("latency", 1)),
    )
