"""The plain dataset behind a report: frozen values that turn into JSON and back, without a drawing or a search object.

`extraction.py` makes it from a `NetworkResult`, the other files of this folder draw it. Nothing here computes a cost.
Units are in the names; a tuple of pairs stands where JSON would have an object whose order matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic

K = TypeVar("K")

DATASET_FILE = "report.json"
"""Name of the dataset inside a run directory."""

SERIES = ("input", "weight", "output", "compute", "leakage")
"""What an energy belongs to: the role of a tensor, the arithmetic, or leakage. Every stacked bar uses this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One node of the architecture: kind 'memory', 'fanout' or 'compute'.

    capacity_bits          None = unbounded;  bits_per_cycle_*: per instance, None = never the bottleneck
    pj_per_bit_*           of a memory;  energy_pj: per operation of a compute unit
    axes                   (name, size) of a fanout
    """

    kind: str
    name: str
    instances: int = 1
    capacity_bits: int | None = None
    pj_per_bit_read: float = 0.0
    pj_per_bit_write: float = 0.0
    bits_per_cycle_read: float | None = None
    bits_per_cycle_write: float | None = None
    shared_port: bool = True
    buffers: int = 1
    partitions: tuple[tuple[str, int], ...] = ()
    axes: tuple[tuple[str, int], ...] = ()
    energy_pj: float = 0.0
    ops_per_cycle: float = 1.0
    area_mm2: float = 0.0
    source: str = ""

    @property
    def bits_per_cycle(self) -> float | None:
        """Most bits that cross the ports in a cycle, reads and writes together; None = unbounded."""
        read, write = self.bits_per_cycle_read, self.bits_per_cycle_write
        if read is None or write is None:
            return None
        return max(read, write) if self.shared_port else read + write


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPart:
    """Energy and accesses of one tensor at one component by one action; `series` is one of SERIES."""

    component: str
    tensor: str
    series: str
    action: str
    accesses: float
    energy_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """One mapping that no other beats in both energy and cycles; `chosen`: the one that the section is about."""

    energy_pj: float
    cycles: float
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorTile:
    """What a memory holds of a tensor: the shape along the tensor's axes and the bits that are there at once.

    visit_shape, visit_bits   of the whole tile at the Hold; larger when the loops below walk through it piece by piece
    """

    tensor: str
    series: str
    shape: tuple[int, ...]
    bits: int
    visit_shape: tuple[int, ...]
    visit_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPart:
    """A loop: `outside` is the extent above it, `tile` the extent inside; `last` the last trip's when it is smaller."""

    dim: str
    trips: int
    tile: int
    outside: int
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NestRow:
    """One node of a loop nest, outermost first: kind 'hold', 'stream', 'loop', 'spatial', 'compute' or 'branch'.

    place   memory, fanout or unit;  axis of a spatial row;  loops: several when they advance together
    """

    kind: str
    place: str = ""
    axis: str = ""
    loops: tuple[LoopPart, ...] = ()
    tiles: tuple[TensorTile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerData:
    """A distinct layer with everything the page shows of it. Energies and cycles are of ONE run; `count` repeats it.

    energy_pj, cycles, edp_pj_cycles   None when no mapping was found (`reasons` say why)
    outer_bits       bits read and written at the outermost memory;  peak_macs_per_cycle: of the unit that computes it
    occupied_bits    (memory, tensor, series, bits reserved in one instance)
    spatial_use      (fanout, axis, instances used)
    front            all trade-offs, energy ascending, where the search was asked for them
    """

    name: str
    layers: tuple[str, ...]
    count: int
    op: str
    equation: str
    dims: tuple[tuple[str, int], ...]
    macs: int
    status: str
    lower_bound: float = 0.0
    gap: float = 0.0
    evaluated: int = 0
    space_size: int = 0
    search_seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    explain: tuple[tuple[str, int], ...] = ()
    energy_pj: float | None = None
    cycles: float | None = None
    edp_pj_cycles: float | None = None
    utilization: float = 0.0
    bottleneck: str = ""
    outer_bits: float = 0.0
    peak_macs_per_cycle: float = 0.0
    energy: tuple[EnergyPart, ...] = ()
    cycles_by_component: tuple[tuple[str, float], ...] = ()
    overlapped_cycles: float | None = None
    occupied_bits: tuple[tuple[str, str, str, int], ...] = ()
    spatial_use: tuple[tuple[str, str, int], ...] = ()
    notes: tuple[str, ...] = ()
    nest: tuple[NestRow, ...] = ()
    text: str = ""
    front: tuple[FrontPoint, ...] = ()

    @property
    def mapped(self) -> bool:
        return self.energy_pj is not None

    def energy_by_component(self) -> dict[str, float]:
        """pJ of one run."""
        return _summed((p.component, p.energy_pj) for p in self.energy)

    def energy_by_series(self) -> dict[str, float]:
        """pJ of one run."""
        return _summed((p.series, p.energy_pj) for p in self.energy)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNode:
    """A node of the network that was not mapped: a vector operation, or one that was skipped (then `reason` is set)."""

    name: str
    operator: str
    elements: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the numbers come from. inputs: (name, content hash); versions: (package, version); options: (name, value)."""

    command: str = ""
    created: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything one report shows. Totals count every layer as often as the network runs it."""

    network: str
    architecture: str
    objective: str
    mapper: str
    model: str
    network_source: str = ""
    architecture_source: str = ""
    architecture_description: str = ""
    technology_nm: float | None = None
    frequency_hz: float = 1e9
    area_mm2: float = 0.0
    search_seconds: float = 0.0
    units: tuple[Unit, ...] = ()
    layers: tuple[LayerData, ...] = ()
    vector_ops: tuple[OtherNode, ...] = ()
    skipped: tuple[OtherNode, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def mapped(self) -> tuple[LayerData, ...]:
        return tuple(layer for layer in self.layers if layer.mapped)

    @property
    def energy_pj(self) -> float:
        return sum((layer.energy_pj or 0.0) * layer.count for layer in self.layers)

    @property
    def cycles(self) -> float:
        """Layers one after another."""
        return sum((layer.cycles or 0.0) * layer.count for layer in self.layers)

    @property
    def seconds(self) -> float:
        return self.cycles / self.frequency_hz if self.frequency_hz else 0.0

    @property
    def macs(self) -> int:
        """Of all layers, mapped or not."""
        return sum(layer.macs * layer.count for layer in self.layers)

    @property
    def mapped_macs(self) -> int:
        return sum(layer.macs * layer.count for layer in self.mapped)

    @property
    def utilization(self) -> float:
        """Mean over time: useful operations / operations the array could have done in the same cycles."""
        return sum(m.utilization * (m.cycles or 0.0) * m.count for m in self.mapped) / (self.cycles or 1.0)

    @property
    def outer_memory(self) -> Unit | None:
        return next((u for u in self.units if u.kind == "memory"), None)

    def count_status(self, status: str) -> int:
        """Distinct layers with that status."""
        return sum(layer.status == status for layer in self.layers)

    def energy_table(self) -> dict[tuple[str, str], float]:
        """(component, series) -> pJ of the whole network."""
        return _summed(((p.component, p.series), p.energy_pj * la.count) for la in self.layers for p in la.energy)

    def components(self) -> tuple[str, ...]:
        """Memories and compute units in the order of the architecture, then any other name a cost row carries."""
        known = [u.name for u in self.units if u.kind != "fanout"]
        named = [p.component for la in self.layers for p in la.energy]
        named += [name for la in self.layers for name, _ in la.cycles_by_component]
        return tuple(dict.fromkeys(known + named))


def _summed(pairs: Iterable[tuple[K, float]]) -> dict[K, float]:
    table: dict[K, float] = {}
    for key, value in pairs:
        table[key] = table.get(key, 0.0) + value
    return table


def dataset_json(data: ReportData) -> str:
    """The dataset as JSON text; `read_dataset` gives an equal value back."""
    from pydantic import TypeAdapter

    return TypeAdapter(ReportData).dump_json(data, indent=1).decode()


def read_dataset(path: str | Path) -> ReportData:
    """Reads a file written by `write_dataset`, or the one inside a run directory. Raises InputError."""
    from pydantic import TypeAdapter, ValidationError

    file = Path(path)
    file = file / DATASET_FILE if file.is_dir() else file
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file}: cannot read the report's dataset ({error}); 'tileloom map --out' writes it"
        ) from error
    try:
        return TypeAdapter(ReportData).validate_json(text)
    except ValidationError as error:
        problems = [f"{file}: {'.'.join(str(p) for p in e['loc']) or 'text'}: {e['msg']}" for e in error.errors()]
        raise InputError(problems, file=str(file)) from error


def write_dataset(data: ReportData, path: str | Path) -> Path:
    """Writes the dataset to a file, or as report.json into a directory. Returns the file's path."""
    file = Path(path)
    file = file / DATASET_FILE if file.is_dir() else file
    write_text_atomic(file, dataset_json(data))
    return file
