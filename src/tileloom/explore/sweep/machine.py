"""The fields of MAESTRO's machine as a study sees them, and the constants that price it. Evaluates nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tileloom.architecture.energy.base import AccessEnergy, EnergySource, Query
from tileloom.architecture.energy.cacti import Cacti
from tileloom.architecture.energy.table import load_energy_table
from tileloom.architecture.notation.maestro import UNLIMITED, MaestroHardware
from tileloom.core.errors import InputError
from tileloom.core.files import is_file
from tileloom.cost.models.maestro.technology import Technology, get_technology
from tileloom.explore.sweep.schema import LogicScalingSchema, MemoryPriceSchema, PricesSchema
from tileloom.search.cache import default_folder

FIELDS = (
    "num_pes",
    "simd_lanes",
    "noc_elements_per_cycle",
    "noc_latency_cycles",
    "offchip_elements_per_cycle",
    "l1_bytes",
    "l2_bytes",
)
"""Whole numbers of MaestroHardware that a study may set, sweep or link."""
OTHERS = ("technology", "dataflow")
"""Names that a study may sweep besides."""


@dataclass(frozen=True, slots=True)
class MemoryPrice:
    """Of one buffer: pJ per element read or written, um2 and mW."""

    energy_pj: float
    area_um2: float
    power_mw: float


@dataclass(frozen=True, slots=True)
class MachinePrices:
    """How a study prices MAESTRO's machine; `sources` are the texts that a report states."""

    technology: Technology
    l1: tuple[EnergySource, MemoryPriceSchema] | None
    l2: tuple[EnergySource, MemoryPriceSchema] | None

    def buffer(self, level: int, capacity_bytes: int) -> MemoryPrice:
        """L1 (level 1) or L2 (level 2) of a size. Raises InputError outside what a table covers."""
        t = self.technology
        looked_up = self.l1 if level == 1 else self.l2
        if looked_up is not None:
            return _from_source(*looked_up, capacity_bytes, "L1" if level == 1 else "L2")
        per_mac, um2, mw, cell = (
            (t.l1_per_mac, t.l1_cell_um2, t.l1_cell_mw, t.l1_cell_bytes)
            if level == 1
            else (t.l2_per_mac, t.l2_cell_um2, t.l2_cell_mw, t.l2_cell_bytes)
        )
        cells = -(-capacity_bytes // cell) or 1
        return MemoryPrice(per_mac * (t.mac_nj * 1000), um2 * cells, mw * cells)

    @property
    def sources(self) -> tuple[str, ...]:
        found = [f"logic, network and what is not named below: {self.technology.source}"]
        for name, given in (("L1", self.l1), ("L2", self.l2)):
            if given is not None:
                width = given[1].width_bits
                found.append(f"{name}: {given[0].name}, {width:g} bit per access, energies per byte of it")
        return tuple(found)


def _from_source(source: EnergySource, wanted: MemoryPriceSchema, capacity_bytes: int, name: str) -> MemoryPrice:
    """An element is a byte, so a row access of w bits serves w / 8 of them. The mean of read and write, as MAESTRO has one."""
    query = Query(capacity_bits=capacity_bytes * 8, width_bits=wanted.width_bits, technology_nm=wanted.technology_nm)
    found: AccessEnergy = source.lookup(query)
    if found.area_mm2 is None or found.leakage_mw is None:
        raise InputError(
            f"{name}: {source.name} has no area or no leakage; take a table that has, such as cacti-7-sram"
        )
    energy = (found.read_pj + found.write_pj) / 2 * 8 / wanted.width_bits
    return MemoryPrice(energy, found.area_mm2 * 1e6, found.leakage_mw)


def scaled(technology: Technology, rule: LogicScalingSchema) -> Technology:
    """The constants at another node, by the rule that the study states; buffers priced by a table keep their own node."""
    ratio = rule.to_nm / rule.from_nm
    area, energy = ratio**rule.area_exponent, ratio**rule.energy_exponent
    return replace(
        technology,
        name=f"{technology.name}@{rule.to_nm:g}nm",
        source=(
            f"{technology.source}; scaled from {rule.from_nm:g} to {rule.to_nm:g} nm: area times "
            f"{ratio:.4g}^{rule.area_exponent:g}, energy and power times {ratio:.4g}^{rule.energy_exponent:g} ({rule.source})"
        ),
        mac_nj=technology.mac_nj * energy,
        mac_um2=technology.mac_um2 * area,
        mac_mw=technology.mac_mw * energy,
        l1_cell_um2=technology.l1_cell_um2 * area,
        l1_cell_mw=technology.l1_cell_mw * energy,
        l2_cell_um2=technology.l2_cell_um2 * area,
        l2_cell_mw=technology.l2_cell_mw * energy,
        bus_um2=technology.bus_um2 * area,
        bus_uw=technology.bus_uw * energy,
        arbiter_um2=technology.arbiter_um2 * area,
        arbiter_uw=technology.arbiter_uw * energy,
    )


def prices_of(name: str, prices: PricesSchema, folder: Path) -> MachinePrices:
    """The prices of a technology by name, with what the study says about buffers and scaling."""
    technology = get_technology(name)
    if prices.logic is not None:
        technology = scaled(technology, prices.logic)
    return MachinePrices(technology, _source(prices.l1, folder), _source(prices.l2, folder))


def _source(wanted: MemoryPriceSchema | None, folder: Path) -> tuple[EnergySource, MemoryPriceSchema] | None:
    if wanted is None:
        return None
    if wanted.cacti is not None:
        return Cacti((folder / wanted.cacti), default_folder() / "cacti"), wanted
    table = wanted.table or ""
    beside = folder / table
    return load_energy_table(beside if is_file(beside) else table), wanted


def hardware_of(values: Mapping[str, int]) -> MaestroHardware:
    """The machine of a design. A buffer of size 0 is as large as required, a missing bandwidth unlimited."""
    return MaestroHardware(
        num_pes=values["num_pes"],
        simd_lanes=values.get("simd_lanes", 1),
        noc_elements_per_cycle=values.get("noc_elements_per_cycle", UNLIMITED),
        noc_latency_cycles=values.get("noc_latency_cycles", 1),
        offchip_elements_per_cycle=values.get("offchip_elements_per_cycle", UNLIMITED),
        l1_bytes=values.get("l1_bytes") or UNLIMITED,
        l2_bytes=values.get("l2_bytes") or UNLIMITED,
    )
