"""The YAML form of an architecture as pydantic classes: keys, units, limits and contradictions.

Turning them into the model's values is load.py's business; this file knows no energy table and no library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Strict, Tag, WithJsonSchema

from tileloom.core.validate import Schema
from tileloom.workload.problem import ROLES

MAX_BITS = 2**60
MAX_FANOUT = 2**24
MAX_NODES = 256
MAX_INSTANCES = 2**40
"""Products of more copies than this would leave 64-bit integers in cost counts."""

Energy = Annotated[float, Strict(), Field(ge=0, le=1e12, allow_inf_nan=False)]
Amount = Annotated[float, Strict(), Field(ge=0, le=1e15, allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, le=1e15, allow_inf_nan=False)]
Rate = Annotated[float, Strict(), Field(gt=0)]
"""May be infinite (`.inf`): never the bottleneck."""
Name = Annotated[str, Field(min_length=1, max_length=100)]

_SIZES = {"size_bits": 1, "size_bytes": 8, "size_kib": 8 * 1024, "size_mib": 8 * 1024 * 1024}


def _names(value: object) -> object:
    """'all', 'none', one name or a list of names -> a tuple of names; plurals of the roles are refused."""
    if isinstance(value, str):
        value = [] if value == "none" else [value]
    if not isinstance(value, list):
        raise ValueError("expected tensor names or roles: all, none, weight, or a list such as [input, weight]")
    for name in value:
        role = str(name).lower().rstrip("s")
        if name != role and role in (*ROLES, "all", "none"):
            raise ValueError(f"'{name}' is not a role; did you mean '{role}'?")
    if len(value) > 1 and "none" in value:
        raise ValueError("'none' stands alone; leave it out of a list")
    return tuple(value)


_NAMES_IN_JSON = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
Tensors = Annotated[tuple[Name, ...], BeforeValidator(_names), _NAMES_IN_JSON]


def exactly_one(raw: Mapping[str, Any], keys: Iterable[str], meaning: str) -> list[tuple[str | None, str]]:
    """The contradiction of giving none or several of `keys`, as `Schema.contradictions` reports it."""
    given = [k for k in keys if raw.get(k) is not None]
    if len(given) == 1:
        return []
    listed = ", ".join(keys)
    if not given:
        return [(None, f"{meaning} is missing; give one of {listed}")]
    return [(given[1], f"{' and '.join(given)} are both given; keep one of {listed}")]


def at_most_one(raw: Mapping[str, Any], keys: Iterable[str]) -> list[tuple[str | None, str]]:
    given = [k for k in keys if raw.get(k) is not None]
    return [(given[1], f"{' and '.join(given)} are both given; keep one")] if len(given) > 1 else []


class Sized(Schema):
    """A capacity: exactly one of the size keys."""

    size_bits: Annotated[int, Strict(), Field(gt=0, le=MAX_BITS)] | None = Field(None, description="capacity in bits")
    size_bytes: Positive | None = Field(None, description="capacity in bytes")
    size_kib: Positive | None = Field(None, description="capacity in KiB (1024 bytes)")
    size_mib: Positive | None = Field(None, description="capacity in MiB")

    @staticmethod
    def size_faults(raw: Mapping[str, Any]) -> list[tuple[str | None, str]]:
        faults: list[tuple[str | None, str]] = []
        for key, unit in _SIZES.items():
            value = raw.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15:
                bits = value * unit
                if bits > MAX_BITS:
                    faults.append((key, f"{value} is {bits:.3g} bits, more than 2^60; is the unit right?"))
                elif bits != int(bits):
                    faults.append((key, f"{value} is {bits} bits; expected a whole number of bits"))
        return faults

    @property
    def bits(self) -> int | None:
        for key, unit in _SIZES.items():
            value = getattr(self, key)
            if value is not None:
                return int(value * unit)
        return None


class EnergySchema(Schema):
    """Where an energy comes from when it is not written as a number."""

    table: Name = Field(description="a name from `list_energy_tables`")
    item: Name | None = Field(None, description="row of a table of operations or interfaces, such as int8-mac")
    size_kib: Positive | None = Field(None, description="capacity to look up instead of this memory's own")
    width_bits: Positive | None = Field(None, description="width to look up instead of the port's own")
    technology_nm: Positive | None = Field(None, description="technology to look up instead of the chip's own")
    scale: Positive = Field(1.0, description="factor on the looked-up energy; say why in `source`")


class PortSchema(Schema):
    """`read`, `write`, or `access` for both."""

    energy_pj: Energy | None = Field(None, description="per access of width_bits")
    energy: EnergySchema | None = Field(None, description="look-up in an energy table, instead of energy_pj")
    width_bits: Positive = Field(1.0, description="bits moved by one access; 1 makes energy_pj an energy per bit")
    accesses_per_cycle: Rate | None = Field(None, description="per instance; left out: never the bottleneck")
    bits_per_cycle: Rate | None = Field(None, description="the same as a bandwidth")
    energy_pj_by_tensor: dict[Name, Energy] = Field({}, description="replaces energy_pj for a role or tensor")

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        yield from exactly_one(raw, ("energy_pj", "energy"), "the energy")
        yield from at_most_one(raw, ("accesses_per_cycle", "bits_per_cycle"))


class PartitionSchema(Sized):
    tensors: Tensors = Field(description="what this part holds")

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        yield from exactly_one(raw, _SIZES, "the size")
        yield from cls.size_faults(raw)


class MemorySchema(Sized):
    memory: Name
    unbounded: bool | None = Field(None, description="true: capacity is never checked (DRAM)")
    partitions: tuple[PartitionSchema, ...] = Field((), description="a memory split per tensor, instead of a size")
    access: PortSchema | None = Field(None, description="reads and writes alike")
    read: PortSchema | None = None
    write: PortSchema | None = None
    ports: Literal["shared", "separate"] = Field("shared", description="do read and write time add up or overlap")
    keep: Tensors | None = Field(None, description="tensors that must be held here")
    may_keep: Tensors | None = Field(None, description="tensors that may be; all if `keep` is not given, else none")
    bypass: Tensors | None = Field(None, description="roles that may not be held here, instead of may_keep")
    value_bits: dict[Name, Annotated[int, Strict(), Field(ge=1, le=1024)]] = Field(
        {}, description="bits of a value while stored here, by role or tensor"
    )
    double_buffered: bool | None = Field(None, description="every tile takes twice its size")
    buffers: Annotated[int, Strict(), Field(ge=1, le=16)] | None = Field(None, description="the same as a number")
    refetch_first_output: bool = Field(False, description="first visit of an output also reads and writes")
    leakage_mw: Amount | None = Field(None, description="per instance")
    leakage_pj_per_cycle: Amount | None = Field(None, description="the same per cycle")
    area_mm2: Amount = Field(0.0, description="per instance")
    source: str = Field("", description="where the numbers come from")

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        if raw.get("partitions"):
            yield from at_most_one(raw, ("partitions", *_SIZES, "unbounded"))
        elif raw.get("unbounded") is False:
            yield "unbounded", "false says nothing; leave it out and give a size"
        else:
            yield from exactly_one(raw, (*_SIZES, "unbounded", "partitions"), "the size")
        yield from cls.size_faults(raw)
        if raw.get("access") is not None:
            yield from at_most_one(raw, ("access", "read", "write"))
        else:
            missing = [k for k in ("read", "write") if raw.get(k) is None]
            if missing:
                yield None, f"no {' and no '.join(missing)} port; give read and write, or `access` for both"
        yield from at_most_one(raw, ("double_buffered", "buffers"))
        yield from at_most_one(raw, ("leakage_mw", "leakage_pj_per_cycle"))
        yield from _keep_faults(raw)


def _keep_faults(raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
    yield from at_most_one(raw, ("may_keep", "bypass"))
    bypass = _as_list(raw.get("bypass"))
    other = [n for n in bypass if n not in ROLES and n != "none"]
    if other:
        yield "bypass", f"takes the roles {', '.join(ROLES)} only, got {other}; use may_keep for tensor names"
    keep = _as_list(raw.get("keep"))
    both = [n for n in bypass if n in keep or "all" in keep]
    if both:
        yield "bypass", f"{', '.join(both)} is also in `keep`; a tensor is either kept or bypassed"


def _as_list(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


class AxisSchema(Schema):
    name: Name
    size: Annotated[int, Strict(), Field(ge=1, le=MAX_FANOUT)] = Field(description="copies along this axis")
    multicast: Tensors = Field(("all",), description="tensors sent once for all copies, or reduced on the way up")
    stationary: Tensors = Field((), description="only loops that move none of these may lie here")
    dims: tuple[Name, ...] = Field((), description="only these dimensions may lie here; empty: any")
    max_dims: Annotated[int, Strict(), Field(ge=1, le=64)] | None = Field(None, description="dimensions at once")
    min_utilization: Annotated[float, Strict(), Field(ge=0, le=1)] = Field(0.0, description="share of size to reach")


class FanoutSchema(Schema):
    fanout: Name
    axes: tuple[AxisSchema, ...]
    source: str = Field("", description="where the numbers come from")

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        if raw.get("axes") == []:
            yield "axes", "is empty; a fanout needs at least one axis"


class ComputeSchema(Schema):
    compute: Name
    energy_pj: Energy | None = Field(None, description="per operation")
    energy: EnergySchema | None = Field(None, description="look-up in a table of operations, instead of energy_pj")
    ops_per_cycle: Positive = 1.0
    n_inputs: tuple[Annotated[int, Strict(), Field(ge=1, le=64)], ...] = Field(
        (), description="only problems with that many inputs; empty: any"
    )
    leakage_mw: Amount | None = Field(None, description="per instance")
    leakage_pj_per_cycle: Amount | None = Field(None, description="the same per cycle")
    area_mm2: Amount = Field(0.0, description="per instance")
    source: str = Field("", description="where the numbers come from")

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        yield from exactly_one(raw, ("energy_pj", "energy"), "the energy")
        yield from at_most_one(raw, ("leakage_mw", "leakage_pj_per_cycle"))


def _kind(raw: object) -> str | None:
    if not isinstance(raw, dict):
        return None
    kinds = ("memory", "fanout", "compute")
    found = [kind for kind in kinds if kind in raw]
    # A misspelt kind is checked as what it resembles, so that the message can name the nearest key.
    near = [] if found else [kind for key in raw for kind in get_close_matches(str(key), kinds, n=1)]
    return f"<{(found + near)[0]}>" if found or near else None


NodeSchema = Annotated[
    Annotated[MemorySchema, Tag("<memory>")]
    | Annotated[FanoutSchema, Tag("<fanout>")]
    | Annotated[ComputeSchema, Tag("<compute>")],
    Discriminator(
        _kind,
        custom_error_type="node_kind",
        custom_error_message="a node is one of `memory: NAME`, `fanout: NAME`, `compute: NAME`",
    ),
]


class ArchitectureSchema(Schema):
    """A whole file. `nodes` from the outside (DRAM) to the inside (the arithmetic)."""

    name: Name
    description: str = ""
    source: str = Field("", description="the publication that the design comes from")
    frequency_mhz: Positive | None = Field(None, description="turns cycles into seconds; 1000 if not given")
    frequency_hz: Positive | None = None
    technology_nm: Positive | None = Field(None, description="feature size, for energy look-ups")
    nodes: tuple[NodeSchema, ...]

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        yield from at_most_one(raw, ("frequency_mhz", "frequency_hz"))
        nodes = raw.get("nodes")
        if isinstance(nodes, list) and not 2 <= len(nodes) <= MAX_NODES:
            yield "nodes", f"has {len(nodes)} entries; expected 2 (a memory and a compute unit) to {MAX_NODES}"
