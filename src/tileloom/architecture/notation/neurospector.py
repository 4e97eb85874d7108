"""NeuroSpector's accelerator files as a frozen value, read and written. What the numbers cost is in cost/models/neurospector.

Types are always in the order input, weight, output; dimensions in the order K, B, P, Q, C, R, S, G.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tileloom.core.errors import did_you_mean
from tileloom.core.sections import Entry, Faults, Section, check_keys, read_sections

DIMS = ("K", "B", "P", "Q", "C", "R", "S", "G")
TYPES = ("input", "weight", "output")
DATAFLOWS = ("IS", "WS", "OS")
Dataflow = Literal["IS", "WS", "OS"]
Triple = tuple[float, float, float]

ARRAYS = ("MAC_ARRAY", "PE_ARRAY", "MULTI_CHIPS")
BUFFERS = ("REGISTER", "LOCAL_BUFFER", "GLOBAL_BUFFER", "DRAM")
SECTIONS = ("ACCELERATOR", *ARRAYS, *BUFFERS)
_TOP_KEYS = (
    "name",
    "precision",
    "frequency",
    "unit_mac_energy",
    "unit_mac_static",
    "unit_mul_energy",
    "unit_add_energy",
)
_ARRAY_KEYS = ("type", "size_x", "size_y", "constraint_x", "constraint_y")
_BUFFER_KEYS = (
    "type", "size", "buffer_size", "size_mb", "dataflow", "bypass", "unit_access_energy", "unit_static_power",
    "unit_cycle", "bandwidth", "constraint",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """Copies of everything above it in the table. constraint_x, constraint_y: dims that may lie there; empty = any."""

    size_x: int = 1
    size_y: int = 1
    constraint_x: tuple[str, ...] = ()
    constraint_y: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return self.size_x * self.size_y


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A memory. Energies in pJ per element, power in mW, cycles per access, bandwidth in bits per access.

    sizes_bytes  one value: shared by all types; three: one each; two: a shared part, and a private part of the first
                 bypassed type; none: never checked (DRAM)
    constraint   factor that the buffer's row must have in each dimension, 0 = free
    """

    sizes_bytes: tuple[int, ...] = ()
    dataflow: Dataflow | None = None
    bypass: tuple[str, ...] = ()
    energy_pj: Triple = (0.0, 0.0, 0.0)
    static_mw: Triple = (0.0, 0.0, 0.0)
    cycles: Triple = (0.0, 0.0, 0.0)
    bandwidth_bits: int = 0
    constraint: tuple[int, ...] = (0,) * 8


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A NeuroSpector accelerator. Parts that the file does not declare are None."""

    name: str
    precision_bits: int = 8
    frequency_mhz: float | None = None
    mac_energy_pj: float = 1.0
    mac_static_mw: float = 0.0
    mac_array: Array | None = None
    local_buffer: Buffer
    pe_array: Array | None = None
    global_buffer: Buffer | None = None
    multi_chips: Array | None = None
    dram: Buffer
    register: Buffer | None = None

    def with_dataflows(self, local: Dataflow | None, global_: Dataflow | None) -> Accelerator:
        """The same accelerator with other dataflows of its two buffers."""
        gb = None if self.global_buffer is None else replace(self.global_buffer, dataflow=global_)
        return replace(self, local_buffer=replace(self.local_buffer, dataflow=local), global_buffer=gb)

    @property
    def element_bytes(self) -> int:
        return self.precision_bits // 8

    def capacities(self, buffer: Buffer) -> tuple[int, ...]:
        """`sizes_bytes` in elements."""
        return tuple(size // self.element_bytes for size in buffer.sizes_bytes)

    def holds_one_element(self, buffer: Buffer) -> bool:
        """A buffer that can only hold one element of each type is not searched."""
        one = self.element_bytes
        return buffer.sizes_bytes in ((one, one, one), (3 * one,))

    def array(self, row: Literal["mac_array", "pe_array", "multi_chips"]) -> Array:
        """The array, or a single unit where none is declared."""
        declared = {"mac_array": self.mac_array, "pe_array": self.pe_array, "multi_chips": self.multi_chips}[row]
        return declared or Array()


def read_accelerator(source: str | Path, *, text: str | None = None) -> Accelerator:
    """The accelerator in a file (or in `text`, `source` then being its name in messages).

    Raises InputError with every fault found: unknown or repeated sections and options, numbers out of range, missing
    local buffer or DRAM, a buffer without bandwidth, a bypassed stationary type.
    """
    sections, faults = read_sections(source, SECTIONS, text=text)
    for needed in ("ACCELERATOR", "LOCAL_BUFFER", "DRAM"):
        if needed not in sections:
            faults.add(1, f"section '[{needed}]' is missing")
    top = sections.get("ACCELERATOR", Section("ACCELERATOR", 1, ()))
    check_keys(top, _TOP_KEYS, faults)
    arrays = {name: _array(sections[name], faults) for name in ARRAYS if name in sections}
    buffers = {name: _buffer(sections[name], faults) for name in BUFFERS if name in sections}
    name, frequency = top.get("name"), top.get("frequency")
    precision = _precision(top.get("precision"), faults)
    energy, static = top.get("unit_mac_energy"), top.get("unit_mac_static")
    found = Accelerator(
        name=name.value.lower() if name else Path(source).stem.lower(),
        precision_bits=precision,
        frequency_mhz=faults.number(frequency) if frequency else None,
        mac_energy_pj=faults.number(energy) if energy else 1.0,
        mac_static_mw=faults.number(static) if static else 0.0,
        mac_array=arrays.get("MAC_ARRAY"),
        local_buffer=buffers.get("LOCAL_BUFFER", Buffer()),
        pe_array=arrays.get("PE_ARRAY"),
        global_buffer=buffers.get("GLOBAL_BUFFER"),
        multi_chips=arrays.get("MULTI_CHIPS"),
        dram=buffers.get("DRAM", Buffer()),
        register=buffers.get("REGISTER"),
    )
    faults.stop()
    return found


def _precision(entry: Entry | None, faults: Faults) -> int:
    if entry is None:
        return 8
    digits = "".join(c for c in entry.value if c.isdigit())
    if not (digits.isascii() and 0 < len(digits) < 10) or int(digits) < 8:
        faults.add(entry.line, f"precision is '{entry.value[:60]}'; expected a type of at least 8 bits, as INT16")
        return 8
    return int(digits)


def _array(section: Section, faults: Faults) -> Array:
    check_keys(section, _ARRAY_KEYS, faults)
    x, y = section.get("size_x"), section.get("size_y")
    return Array(
        size_x=faults.whole(x, 1) if x else 1,
        size_y=faults.whole(y, 1) if y else 1,
        constraint_x=_letters(section.get("constraint_x"), faults),
        constraint_y=_letters(section.get("constraint_y"), faults),
    )


def _letters(entry: Entry | None, faults: Faults) -> tuple[str, ...]:
    letters = tuple(entry.value.upper().split(",")) if entry else ()
    for letter in letters:
        if entry and letter not in DIMS:
            faults.add(entry.line, f"{entry.key} names the dimension '{letter}'; there are: {', '.join(DIMS)}")
    return letters


def _buffer(section: Section, faults: Faults) -> Buffer:
    check_keys(section, _BUFFER_KEYS, faults)
    bypass = _bypass(section.get("bypass"), faults)
    dataflow = _dataflow(section.get("dataflow"), faults)
    if dataflow and TYPES[DATAFLOWS.index(dataflow)] in bypass:
        faults.add(section.line, f"[{section.name}] bypasses the type that its dataflow {dataflow} keeps stationary")
    sizes = _sizes(section, bypass, faults)
    bandwidth, constraint = section.get("bandwidth"), section.get("constraint")
    if bandwidth is None and section.name != "REGISTER":
        faults.add(section.line, f"[{section.name}] has no BANDWIDTH (bits per access)")
    return Buffer(
        sizes_bytes=sizes,
        dataflow=dataflow,
        bypass=bypass,
        energy_pj=_triple(section.get("unit_access_energy"), faults),
        static_mw=_triple(section.get("unit_static_power"), faults),
        cycles=_triple(section.get("unit_cycle"), faults),
        bandwidth_bits=faults.whole(bandwidth, 1) if bandwidth else 0,
        constraint=faults.wholes(constraint, 8) if constraint else (0,) * 8,
    )


def _sizes(section: Section, bypass: tuple[str, ...], faults: Faults) -> tuple[int, ...]:
    entry = section.get("size") or section.get("buffer_size")
    checked = section.name in ("LOCAL_BUFFER", "GLOBAL_BUFFER")
    if entry is None:
        if checked:
            faults.add(section.line, f"[{section.name}] has no BUFFER_SIZE (bytes)")
        return ()
    count = entry.value.count(",") + 1
    allowed = (1, 2, 3) if section.name == "GLOBAL_BUFFER" else (1, 3)
    if count not in allowed:
        faults.add(
            entry.line, f"{entry.key} has {count} values; [{section.name}] takes {' or '.join(map(str, allowed))}"
        )
        return ()
    if count == 2 and not bypass:
        faults.add(entry.line, f"{entry.key} has a private part, which belongs to a bypassed type; BYPASS is missing")
    return faults.wholes(entry, count)


def _dataflow(entry: Entry | None, faults: Faults) -> Dataflow | None:
    if entry is None or entry.value.upper() == "NONE":
        return None
    for known in ("IS", "WS", "OS"):
        if entry.value.upper() == known:
            return known  # type: ignore[return-value]
    faults.add(entry.line, f"dataflow is '{entry.value}'; expected IS, WS, OS or NONE")
    return None


def _bypass(entry: Entry | None, faults: Faults) -> tuple[str, ...]:
    words = entry.value.lower().split(",") if entry else []
    for word in words:
        if entry and word not in TYPES:
            faults.add(entry.line, f"bypass names '{word}'{did_you_mean(word, TYPES)}; expected {', '.join(TYPES)}")
    return tuple(t for t in TYPES if t in words)


def _triple(entry: Entry | None, faults: Faults) -> Triple:
    if entry is None:
        return (0.0, 0.0, 0.0)
    values = [faults.number(Entry(entry.key, part, entry.line)) for part in entry.value.split(",")]
    if len(values) > 3:
        faults.add(entry.line, f"{entry.key} has {len(values)} values; expected at most 3 (input, weight, output)")
    first, second, third = (*values, 0.0, 0.0, 0.0)[:3]
    return first, second, third


def write_accelerator(accelerator: Accelerator) -> str:
    """The file's text; reading it gives the same value."""
    a = accelerator
    lines = ["[ACCELERATOR]", f"NAME={a.name.upper()}", f"PRECISION=INT{a.precision_bits}"]
    if a.frequency_mhz is not None:
        lines.append(f"FREQUENCY={_plain(a.frequency_mhz)}")
    lines += [f"UNIT_MAC_ENERGY={_plain(a.mac_energy_pj)}", f"UNIT_MAC_STATIC={_plain(a.mac_static_mw)}"]
    parts: tuple[tuple[str, Array | Buffer | None], ...] = (
        ("REGISTER", a.register), ("MAC_ARRAY", a.mac_array), ("LOCAL_BUFFER", a.local_buffer),
        ("PE_ARRAY", a.pe_array), ("GLOBAL_BUFFER", a.global_buffer), ("MULTI_CHIPS", a.multi_chips), ("DRAM", a.dram),
    )  # fmt: skip
    for name, part in parts:
        if isinstance(part, Array):
            lines += ["", f"[{name}]", *_array_lines(part)]
        elif part is not None:
            lines += ["", f"[{name}]", *_buffer_lines(part)]
    return "\n".join(lines) + "\n"


def _array_lines(array: Array) -> list[str]:
    lines = [f"SIZE_X={array.size_x}", f"SIZE_Y={array.size_y}"]
    lines += [f"CONSTRAINT_X={','.join(array.constraint_x)}"] if array.constraint_x else []
    return lines + ([f"CONSTRAINT_Y={','.join(array.constraint_y)}"] if array.constraint_y else [])


def _buffer_lines(buffer: Buffer) -> list[str]:
    lines = [f"DATAFLOW={buffer.dataflow or 'NONE'}"]
    if buffer.sizes_bytes:
        lines.append(f"BUFFER_SIZE={','.join(map(str, buffer.sizes_bytes))}")
    if buffer.bypass:
        lines.append(f"BYPASS={','.join(buffer.bypass).upper()}")
    for key, values in (
        ("UNIT_ACCESS_ENERGY", buffer.energy_pj),
        ("UNIT_STATIC_POWER", buffer.static_mw),
        ("UNIT_CYCLE", buffer.cycles),
    ):
        lines.append(f"{key}={','.join(_plain(v) for v in values)}")
    if buffer.bandwidth_bits:
        lines.append(f"BANDWIDTH={buffer.bandwidth_bits}")
    if any(buffer.constraint):
        lines.append(f"CONSTRAINT={','.join(map(str, buffer.constraint))}")
    return lines


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
