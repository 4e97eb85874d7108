"""Energies, areas and powers of MAESTRO's model, each set of constants one value with its source. Counts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tileloom.core.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """Constants of one technology.

    l1_per_mac, l2_per_mac   energy of one access relative to one multiplication
    mac_nj                   energy of one multiplication
    mac_um2, mac_mw          of one SIMD lane
    l1_cell_bytes, l2_cell_bytes   bytes that one cell of the areas and powers below holds
    bus: (um2, mw) per lane * (a * PEs + b);  arbiter: (um2, mw) * (a * PEs^2 + b * PEs + c), at least 1 unit
    """

    name: str
    source: str
    l1_per_mac: float
    l2_per_mac: float
    mac_nj: float
    mac_um2: float
    mac_mw: float
    l1_cell_um2: float
    l1_cell_mw: float
    l1_cell_bytes: int
    l2_cell_um2: float
    l2_cell_mw: float
    l2_cell_bytes: int
    bus_fit: tuple[float, float] = (14.662, 28.895)
    bus_um2: float = 101.7938
    bus_uw: float = 0.8
    arbiter_fit: tuple[float, float, float] = (1.2886, 5.5814, -23.711)
    arbiter_um2: float = 395.473
    arbiter_uw: float = 0.34


RELEASED = Technology(
    name="released",
    source="constants compiled into MAESTRO (maestro-project/maestro, commit 4eb08d1, 2022)",
    l1_per_mac=1.68,
    l2_per_mac=18.61,
    mac_nj=0.00023,
    mac_um2=283.0,
    mac_mw=1.2223,
    l1_cell_um2=0.104,
    l1_cell_mw=0.00345,
    l1_cell_bytes=1,
    l2_cell_um2=0.104,
    l2_cell_mw=0.00345,
    l2_cell_bytes=1,
)
PAPER_28NM = Technology(
    name="28nm",
    source="the older 28 nm constant set kept in MAESTRO's sources, and access energies of its design-space exploration",
    l1_per_mac=2.91,
    l2_per_mac=32.2,
    mac_nj=0.904,
    mac_um2=4470.9014,
    mac_mw=1.2223,
    l1_cell_um2=4505.1889,
    l1_cell_mw=0.2208,
    l1_cell_bytes=64,
    l2_cell_um2=4161.536,
    l2_cell_mw=4.0,
    l2_cell_bytes=32768,
)
TECHNOLOGIES = {t.name: t for t in (RELEASED, PAPER_28NM)}


def get_technology(name: str) -> Technology:
    """A set of constants by name. Raises InputError with the known names."""
    if name not in TECHNOLOGIES:
        raise InputError(
            f"no technology '{name}'{did_you_mean(name, TECHNOLOGIES)}; there are {', '.join(TECHNOLOGIES)}"
        )
    return TECHNOLOGIES[name]


@dataclass(frozen=True, slots=True)
class AreaPower:
    """Area in um2 and power in mW, the power by part."""

    area_um2: float
    power_mw: float
    pe_mw: float
    l1_mw: float
    l2_mw: float
    noc_mw: float


def area_power(
    technology: Technology, num_pes: int, simd_lanes: int, l1_bytes: int, l2_bytes: int, noc_elements_per_cycle: int
) -> AreaPower:
    """Area and power of a chip whose buffers are as large as the mapping requires.

    A negative requirement passes through (quirk Q17).
    """
    t = technology
    l1, l2 = _cells(l1_bytes, t.l1_cell_bytes), _cells(l2_bytes, t.l2_cell_bytes)
    lanes = t.bus_fit[0] * num_pes + t.bus_fit[1]
    a, b, c = t.arbiter_fit
    arbiter = a * num_pes**2 + b * num_pes + c
    bus_um2, bus_mw = t.bus_um2 * lanes * noc_elements_per_cycle, t.bus_uw * lanes / 1000 * noc_elements_per_cycle
    arbiter_um2 = max(t.arbiter_um2 * arbiter, t.arbiter_um2)
    arbiter_mw = max(t.arbiter_uw * arbiter / 1000, t.arbiter_uw)
    pe_mw, l1_mw, l2_mw = num_pes * t.mac_mw * simd_lanes, num_pes * t.l1_cell_mw * l1, t.l2_cell_mw * l2
    area = num_pes * (t.mac_um2 * simd_lanes + t.l1_cell_um2 * l1) + t.l2_cell_um2 * l2 + bus_um2 + arbiter_um2
    noc_mw = bus_mw + arbiter_mw
    return AreaPower(area, pe_mw + l1_mw + l2_mw + noc_mw, pe_mw, l1_mw, l2_mw, noc_mw)


def _cells(required: int, cell_bytes: int) -> int:
    return ceil(required / cell_bytes) or 1
