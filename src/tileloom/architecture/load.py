"""Reads an architecture from a YAML file or from the library of published designs.

The keys and their limits are in schema.py, the way back to YAML in dump.py, other tools' hardware files in notation/.
"""

from __future__ import annotations

from importlib.resources import files
from math import inf, prod
from pathlib import Path
from typing import Any

from tileloom.architecture.energy.base import Query
from tileloom.architecture.energy.table import EnergyTable, load_energy_table
from tileloom.architecture.model import (
    EVERYTHING,
    NOTHING,
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    Node,
    Port,
    TensorSet,
)
from tileloom.architecture.schema import (
    MAX_INSTANCES,
    ArchitectureSchema,
    AxisSchema,
    ComputeSchema,
    EnergySchema,
    FanoutSchema,
    MemorySchema,
    PortSchema,
)
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.files import is_file
from tileloom.core.validate import fault, validate
from tileloom.core.yamlio import Document, Place, load_yaml, parse_yaml
from tileloom.workload.problem import ROLES

_LIBRARY = "tileloom.architecture", "library"
_SUFFIXES = (".yaml", ".yml", ".json")


def load_architecture(name_or_path: str | Path) -> Architecture:
    """A design of the library by name, or a YAML file by path.

    Raises InputError with every fault of the file, or with the known names when there is no such design.

    >>> load_architecture("eyeriss").fanout("PEArray").size
    168
    """
    name = str(name_or_path)
    if isinstance(name_or_path, str) and name in _library():
        return architecture_from_document(load_yaml(_library()[name]))
    if Path(name).suffix.lower() not in _SUFFIXES and not is_file(name):
        known = sorted(_library())
        raise InputError(
            f"no architecture '{name}'{did_you_mean(name, known)}; the library has {', '.join(known)}; "
            "your own chip is given as a path that ends in .yaml"
        )
    return architecture_from_document(load_yaml(name))


def parse_architecture(text: str, *, file: str = "<text>") -> Architecture:
    """The same from YAML text."""
    return architecture_from_document(parse_yaml(text, file=file))


def list_architectures() -> list[tuple[str, str]]:
    """(name, description) of every design in the library, by name."""
    found = []
    for name, path in sorted(_library().items()):
        data = load_yaml(path).data
        found.append((name, str(data.get("description", "")) if isinstance(data, dict) else ""))
    return found


def architecture_json_schema() -> dict[str, Any]:
    """JSON Schema of the file format, for editors."""
    return ArchitectureSchema.model_json_schema()


def architecture_from_document(document: Document) -> Architecture:
    """A parsed document as an Architecture; the last step of every reader above."""
    schema = validate(ArchitectureSchema, document)
    builder = _Builder(document, schema)
    nodes = tuple(builder.node(node, ("nodes", i)) for i, node in enumerate(schema.nodes))
    copies = prod(n.size for n in nodes if isinstance(n, Fanout))
    if copies > MAX_INSTANCES:
        builder.problems.append(
            fault(document, ("nodes",), f"the fanouts multiply to {copies} copies; expected at most {MAX_INSTANCES}")
        )
    if builder.problems:
        raise InputError(list(dict.fromkeys(builder.problems)), file=document.file)
    try:
        return Architecture(
            name=schema.name,
            nodes=nodes,
            frequency_hz=builder.frequency_hz,
            technology_nm=schema.technology_nm,
            description=schema.description,
            source=schema.source,
        )
    except InputError as error:
        raise InputError([fault(document, ("nodes",), p) for p in error.problems], file=document.file) from None


def _library() -> dict[str, Path]:
    folder = Path(str(files(_LIBRARY[0]).joinpath(_LIBRARY[1])))
    return {path.stem: path for path in folder.glob("*.yaml")}


class _Builder:
    """Turns schema nodes into model nodes; collects faults of energy look-ups instead of stopping at the first."""

    def __init__(self, document: Document, schema: ArchitectureSchema) -> None:
        self.document = document
        self.technology_nm = schema.technology_nm
        self.frequency_hz = schema.frequency_hz or (schema.frequency_mhz or 1000.0) * 1e6
        self.problems: list[str] = []
        self.tables: dict[str, EnergyTable] = {}

    def node(self, node: MemorySchema | FanoutSchema | ComputeSchema, place: Place) -> Node:
        if isinstance(node, MemorySchema):
            return self.memory(node, place)
        if isinstance(node, FanoutSchema):
            return Fanout(name=node.fanout, axes=tuple(_axis(a) for a in node.axes), source=node.source)
        return Compute(
            name=node.compute,
            energy_pj=self.compute_energy(node, place),
            ops_per_cycle=node.ops_per_cycle,
            n_inputs=node.n_inputs,
            leakage_pj_per_cycle=self.leakage(node),
            area_mm2=node.area_mm2,
            source=node.source,
        )

    def memory(self, node: MemorySchema, place: Place) -> Memory:
        partitions = tuple((TensorSet(p.tensors), p.bits or 0) for p in node.partitions)
        capacity = sum(bits for _, bits in partitions) if partitions else node.bits
        keep, may_keep = _keeps(node)
        side = "access" if node.access else ""
        return Memory(
            name=node.memory,
            capacity_bits=capacity,
            read=self.port(node.access or node.read, capacity, "read", (*place, side or "read")),
            write=self.port(node.access or node.write, capacity, "write", (*place, side or "write")),
            ports=node.ports,
            partitions=partitions,
            keep=keep,
            may_keep=may_keep,
            value_bits=tuple(node.value_bits.items()),
            buffers=node.buffers or (2 if node.double_buffered else 1),
            refetch_first_output=node.refetch_first_output,
            leakage_pj_per_cycle=self.leakage(node),
            area_mm2=node.area_mm2,
            source=node.source,
        )

    def port(self, port: PortSchema | None, capacity: int | None, side: str, place: Place) -> Port:
        assert port is not None  # the schema refuses memories without
        energy = port.energy_pj
        if port.energy is not None:
            energy = self.look_up(port.energy, capacity, port.width_bits, side, (*place, "energy"))
        rate = port.accesses_per_cycle or inf
        if port.bits_per_cycle is not None:
            rate = port.bits_per_cycle / port.width_bits
        return Port(
            energy_pj=energy or 0.0,
            width_bits=port.width_bits,
            accesses_per_cycle=rate,
            energy_pj_by_tensor=tuple(port.energy_pj_by_tensor.items()),
        )

    def compute_energy(self, node: ComputeSchema, place: Place) -> float:
        if node.energy is None:
            return node.energy_pj or 0.0
        return self.look_up(node.energy, None, None, "read", (*place, "energy"))

    def look_up(
        self, wanted: EnergySchema, capacity: int | None, width: float | None, side: str, place: Place
    ) -> float:
        query = Query(
            item=wanted.item,
            capacity_bits=capacity if wanted.size_kib is None else wanted.size_kib * 8 * 1024,
            width_bits=wanted.width_bits or width,
            technology_nm=wanted.technology_nm or self.technology_nm,
        )
        try:
            found = self.table(wanted.table).lookup(query)
        except InputError as error:
            self.problems += [fault(self.document, place, p) for p in error.problems]
            return 0.0
        energy = wanted.scale * (found.read_pj if side == "read" else found.write_pj)
        # Tables have two to four digits; 2.2 * 200 should read as 440.
        return float(f"{energy:.12g}")

    def table(self, name: str) -> EnergyTable:
        """A table of the package, or a file named relative to the architecture's own."""
        if name not in self.tables:
            beside = Path(self.document.file).parent / name
            self.tables[name] = load_energy_table(beside if Path(name).suffix in _SUFFIXES else name)
        return self.tables[name]

    def leakage(self, node: MemorySchema | ComputeSchema) -> float:
        if node.leakage_mw is not None:
            # mW / Hz = 1e-3 J per cycle = 1e9 pJ per cycle.
            return node.leakage_mw * 1e9 / self.frequency_hz
        return node.leakage_pj_per_cycle or 0.0


def _axis(axis: AxisSchema) -> FanoutAxis:
    return FanoutAxis(
        name=axis.name,
        size=axis.size,
        multicast=TensorSet(axis.multicast),
        stationary=TensorSet(axis.stationary),
        dims=axis.dims,
        max_dims=axis.max_dims,
        min_utilization=axis.min_utilization,
    )


def _keeps(node: MemorySchema) -> tuple[TensorSet, TensorSet]:
    keep = NOTHING if node.keep is None else TensorSet(node.keep)
    if node.may_keep is not None:
        return keep, TensorSet(node.may_keep)
    if node.bypass is not None:
        return keep, TensorSet(tuple(role for role in ROLES if role not in node.bypass))
    return keep, EVERYTHING if node.keep is None else NOTHING
