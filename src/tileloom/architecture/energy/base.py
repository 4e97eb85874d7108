"""What every source of energies takes and gives. The tables are in table.py; nothing here reads files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A memory (capacity, width, technology) or an `item` by name (an operation, a memory interface)."""

    item: str | None = None
    capacity_bits: float | None = None
    width_bits: float | None = None
    technology_nm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEnergy:
    """Energy of one access of the queried width (or of one operation: then read_pj == write_pj).

    leakage_mw, area_mm2   of the whole memory, where the source knows them
    """

    read_pj: float
    write_pj: float
    source: str
    leakage_mw: float | None = None
    area_mm2: float | None = None


class EnergySource(Protocol):
    """Anything that can answer a query. Raises InputError, naming what it covers, rather than guess."""

    @property
    def name(self) -> str: ...

    def lookup(self, query: Query) -> AccessEnergy: ...
