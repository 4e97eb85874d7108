"""Energies from published tables: data files with a source per row, interpolated between rows, never beyond them.

A table has rows of memories (capacity, width, technology -> pJ per access), of named operations (pJ), or of named
interfaces (pJ per bit). Tools that compute energies are not called here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import exp, isclose, log
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tileloom.architecture.energy.base import AccessEnergy, Query
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.validate import Schema, validate
from tileloom.core.yamlio import load_yaml

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Quality = Literal["published", "measured", "simulated", "derived", "web", "assumption"]


class MemoryRow(Schema):
    """pJ for one access of width_bits to a memory of that capacity; leakage and area of the whole memory."""

    capacity_bits: Positive
    width_bits: Positive
    technology_nm: Positive
    read_pj: Positive
    write_pj: Positive
    leakage_mw: Positive | None = None
    area_mm2: Positive | None = None
    quality: Quality
    source: str


class ItemRow(Schema):
    """pJ for one operation, or pJ for one bit through an interface."""

    item: str
    energy_pj: Positive | None = None
    energy_pj_per_bit: Positive | None = None
    technology_nm: Positive | None = None
    quality: Quality
    source: str


class TableSchema(Schema):
    name: str
    description: str
    source: str
    memories: tuple[MemoryRow, ...] = ()
    items: tuple[ItemRow, ...] = ()


@dataclass(frozen=True)
class EnergyTable:
    """A table of the package or of the user; an EnergySource."""

    name: str
    description: str
    source: str
    memories: tuple[MemoryRow, ...]
    items: tuple[ItemRow, ...]

    def lookup(self, query: Query) -> AccessEnergy:
        """The row asked for, or a value interpolated linearly in log(energy) over log(capacity), then log(width).

        Raises InputError for an unknown item and for anything outside the rows, naming the range they cover.
        """
        if query.item is not None:
            return self._item(query.item, query.width_bits)
        return self._memory(query)

    def _item(self, item: str, width_bits: float | None) -> AccessEnergy:
        known = [r.item for r in self.items]
        row = next((r for r in self.items if r.item == item), None)
        if row is None:
            raise InputError(
                f"energy table '{self.name}' has no item '{item}'{did_you_mean(item, known)}; it has {known}"
            )
        energy = row.energy_pj
        if row.energy_pj_per_bit is not None:
            energy = row.energy_pj_per_bit * (width_bits or 1.0)
        return AccessEnergy(read_pj=energy or 0.0, write_pj=energy or 0.0, source=row.source)

    def _memory(self, query: Query) -> AccessEnergy:
        if not self.memories:
            known = [r.item for r in self.items]
            raise InputError(f"energy table '{self.name}' has no memories; give `item`, one of {known}")
        if query.capacity_bits is None or query.width_bits is None:
            raise InputError(
                f"energy table '{self.name}' needs a capacity and a width; an unbounded memory has none: give size_kib "
                "or take an interface table with `item`"
            )
        technologies = sorted({r.technology_nm for r in self.memories})
        technology = query.technology_nm
        if technology is None and len(technologies) == 1:
            technology = technologies[0]
        rows = [r for r in self.memories if technology is not None and isclose(r.technology_nm, technology)]
        if not rows:
            listed = ", ".join(f"{t:g}" for t in technologies)
            given = "none given" if technology is None else f"asked for {technology:g} nm"
            raise InputError(
                f"energy table '{self.name}' covers {listed} nm; {given}. Energies are not scaled between technologies: "
                "set `technology_nm` in the energy entry and say so in `source`"
            )
        return self._interpolate(rows, query.capacity_bits, query.width_bits)

    def _interpolate(self, rows: Sequence[MemoryRow], capacity: float, width: float) -> AccessEnergy:
        widths = sorted({r.width_bits for r in rows})
        near = self._neighbours(widths, width, "width", "bit")
        ends = []
        for w in near:
            column = sorted((r for r in rows if r.width_bits == w), key=lambda r: r.capacity_bits)
            pair = self._neighbours([r.capacity_bits for r in column], capacity, f"capacity at {w:g} bit", "bit")
            ends.append([next(r for r in column if r.capacity_bits == c) for c in pair])

        def value(field: Callable[[MemoryRow], float]) -> float:
            by_width = [_between([(r.capacity_bits, field(r)) for r in pair], capacity) for pair in ends]
            return _between(list(zip(near, by_width, strict=True)), width)

        used = list(dict.fromkeys(r.source for pair in ends for r in pair))
        note = "" if len(used) == 1 and len(ends) == 1 and len(ends[0]) == 1 else "interpolated: "
        rows_used = [r for pair in ends for r in pair]

        def optional(field: Callable[[MemoryRow], float | None]) -> float | None:
            if any(field(r) is None for r in rows_used):
                return None
            return value(lambda r: field(r) or 0.0)

        return AccessEnergy(
            read_pj=value(lambda r: r.read_pj),
            write_pj=value(lambda r: r.write_pj),
            source=note + "; ".join(used),
            leakage_mw=optional(lambda r: r.leakage_mw),
            area_mm2=optional(lambda r: r.area_mm2),
        )

    def _neighbours(self, known: Sequence[float], wanted: float, what: str, unit: str) -> list[float]:
        """The known value that equals `wanted`, or the two around it."""
        for value in known:
            if isclose(value, wanted, rel_tol=1e-12):
                return [value]
        low = [v for v in known if v < wanted]
        high = [v for v in known if v > wanted]
        if not low or not high:
            raise InputError(
                f"energy table '{self.name}' covers {what} {known[0]:.12g} to {known[-1]:.12g} {unit}, asked for {wanted:.12g}; "
                "it is not extrapolated: give energy_pj, or size_kib/width_bits inside the range and a `scale`"
            )
        return [max(low), min(high)]


def load_energy_table(name_or_path: str | Path) -> EnergyTable:
    """A table of the package by name, or a YAML file of the same form by path."""
    name = str(name_or_path)
    known = _tables()
    if name not in known and Path(name).suffix not in (".yaml", ".yml"):
        raise InputError(f"no energy table '{name}'{did_you_mean(name, known)}; there are {', '.join(sorted(known))}")
    return _package_table(name) if name in known else _read_table(name)


@lru_cache(maxsize=64)
def _package_table(name: str) -> EnergyTable:
    """Tables of the package do not change while it runs."""
    return _read_table(_tables()[name])


def _read_table(path: str | Path) -> EnergyTable:
    schema = validate(TableSchema, load_yaml(path))
    return EnergyTable(schema.name, schema.description, schema.source, schema.memories, schema.items)


def list_energy_tables() -> list[tuple[str, str]]:
    """(name, description) of every table of the package."""
    return [(name, load_energy_table(name).description) for name in sorted(_tables())]


def lookup(
    table: str,
    capacity_bits: float | None = None,
    width_bits: float | None = None,
    technology_nm: float | None = None,
    *,
    item: str | None = None,
) -> AccessEnergy:
    """One question to one table; see EnergyTable.lookup."""
    query = Query(item=item, capacity_bits=capacity_bits, width_bits=width_bits, technology_nm=technology_nm)
    return load_energy_table(table).lookup(query)


def _tables() -> dict[str, Path]:
    folder = Path(str(files("tileloom.architecture.energy").joinpath("tables")))
    return {path.stem: path for path in folder.glob("*.yaml")}


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    """Straight line through one or two points on log-log axes.

    >>> round(_between([(1.0, 1.0), (4.0, 16.0)], 2.0), 9)
    4.0
    """
    if len(points) == 1:
        return points[0][1]
    (x0, y0), (x1, y1) = points
    share = (log(at) - log(x0)) / (log(x1) - log(x0))
    return exp(log(y0) + share * (log(y1) - log(y0)))
