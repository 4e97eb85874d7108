"""dMazeRunner's architecture files (JSON) and the chip they describe: DRAM, scratchpad, a row of PEs with registers.

`DmazeChip` keeps every number of the file; `architecture` makes our hardware of it. What a mapping costs on it is in
cost/models/dmazerunner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.jsonio import read_json

DRAM, SPM, ARRAY, AXIS, RF, MAC = "DRAM", "SPM", "PEs", "P", "RF", "MAC"


@dataclass(frozen=True, slots=True, kw_only=True)
class DmazeChip:
    """Numbers of an architecture file, with the original's defaults.

    Energies in pJ per access or operation of one value; frequencies in MHz; `cgra_size` PEs.
    rf_elements    values per PE (RF_SIZE / BYTES_PER_DATA)
    spm_banks      banks of ONE half of the double-buffered scratchpad; may be a fraction in studies
    bytes_per_data only in the capacity checks; data_type_size_in_bytes only in DMA bursts
    """

    data_type_size_in_bytes: float = 2
    dma_init_cycles: float = 291
    dma_cycles_per_byte: float = 0.24
    dma_frequency: float = 3200
    dataflow_accel_frequency: float = 500
    rf_energy: float = 0.96
    communication_energy: float = 2
    spm_energy: float = 13.5
    dram_energy: float = 200
    mac_energy: float = 0.075
    cgra_size: int = 256
    rf_elements: float = 256
    bytes_per_data: float = 2
    spm_banks: float = 32
    bank_bytes: float = 2048

    def __post_init__(self) -> None:
        positive = ("data_type_size_in_bytes", "dma_frequency", "dataflow_accel_frequency", "cgra_size", "rf_elements",
                    "bytes_per_data", "spm_banks", "bank_bytes")  # fmt: skip
        faults = []
        for f in fields(self):
            value = getattr(self, f.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
                faults.append(f"{f.name} is {value!r}; expected a number, at least 0")
            elif value == 0 and f.name in positive:
                faults.append(f"{f.name} is 0; expected more")
        if faults:
            raise InputError(faults)

    @property
    def spm_bytes(self) -> float:
        """Usable bytes: one half of the double buffer."""
        return self.spm_banks * self.bank_bytes

    def architecture(self, name: str = "dmazerunner") -> Architecture:
        """The chip as memories and a fanout. What it cannot say (DMA start-up, banks, energy of the network) is in the
        options of the cost model."""
        width = round(8 * self.data_type_size_in_bytes)

        def port(energy: float) -> Port:
            return Port(energy_pj=energy, width_bits=width)

        memories = (
            Memory(name=DRAM, capacity_bits=None, read=port(self.dram_energy), write=port(self.dram_energy)),
            Memory(
                name=SPM,
                capacity_bits=round(8 * 2 * self.spm_bytes),
                buffers=2,
                read=port(self.spm_energy),
                write=port(self.spm_energy),
            ),
            Memory(
                name=RF,
                capacity_bits=round(8 * self.bytes_per_data * self.rf_elements),
                read=port(self.rf_energy),
                write=port(self.rf_energy),
            ),
        )
        array = Fanout(name=ARRAY, axes=(FanoutAxis(name=AXIS, size=self.cgra_size),))
        return Architecture(
            name,
            (*memories[:2], array, memories[2], Compute(name=MAC, energy_pj=self.mac_energy)),
            frequency_hz=self.dataflow_accel_frequency * 1e6,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Hard filters of a search.

    pe, rf, spm  least utilisation, 0 to 1
    no_feature_dram        filter loops (Fx, Fy) must not run at DRAM level
    no_spatial_reduction   no loop that the output lacks may be spatial
    min_methods            fewest mappings a search must find to be content
    """

    pe: float = 0.0
    rf: float = 0.0
    spm: float = 0.0
    no_feature_dram: bool = False
    no_spatial_reduction: bool = False
    min_methods: int = 1

    def __post_init__(self) -> None:
        faults = [
            f"minimum utilisation of {name} is {value!r}; expected 0 to 1"
            for name, value in (("PEs", self.pe), ("RF", self.rf), ("SPM", self.spm))
            if not 0 <= value <= 1
        ]
        if self.min_methods < 1:
            faults.append(f"minimum number of mappings is {self.min_methods}; expected at least 1")
        if faults:
            raise InputError(faults)


_DETAILS = tuple(f.name for f in fields(DmazeChip))[:10]
_BASIC = {
    "CGRA_SIZE": "cgra_size", "BYTES_PER_DATA": "bytes_per_data", "TOTAL_BANKS_IN_SPM": "spm_banks",
    "TOTAL_BYTES_IN_BANK": "bank_bytes", "RF_SIZE": "rf_elements",
}  # fmt: skip
_PRUNING = {
    "PE_UTILIZATION": "pe", "RF_UTILIZATION": "rf", "SPM_UTILIZATION": "spm",
    "PRUNE_NO_FEATURE_DRAM": "no_feature_dram", "PRUNE_NO_REDUCTION": "no_spatial_reduction",
    "MIN_EXEC_METHODS": "min_methods",
}  # fmt: skip
_THRESHOLDS = ("THRESHOLD_BEGIN_REDUCE_SPM_UTIL", "THRESHOLD_DISABLE_OPTS")


@dataclass(frozen=True, slots=True)
class DmazeArchitecture:
    """An architecture file: the chip, the filters it asks for, and the two thresholds of the auto-optimizer."""

    chip: DmazeChip = DmazeChip()
    pruning: Pruning = Pruning()
    begin_reduce_spm: float = 0.6
    disable_prunings: float = 0.3


MAX_NUMBER = 1e18
"""Beyond any energy, size or number of PEs; excludes infinities and what is no number."""


def read_architecture(path: str | Path) -> DmazeArchitecture:
    """Reads an architecture file. Raises InputError with every fault."""
    path = Path(path)
    document = read_json(path, 50_000_000)
    return architecture_of(document, str(path))


def architecture_of(document: object, where: str = "architecture") -> DmazeArchitecture:
    """`read_architecture` of parsed JSON."""
    if not isinstance(document, Mapping):
        raise InputError(f"{where}: expected an object with arch_details and arch_basic")
    faults: list[str] = []
    _unknown(document, ("arch_details", "arch_basic"), where, faults)
    details, basic = (_object(document, key, where, faults) for key in ("arch_details", "arch_basic"))
    known = ("pe_pipelined", "pe_pipeline_stages", *_DETAILS)
    _unknown(details, known, f"{where}: arch_details", faults)
    _unknown(basic, (*_BASIC, *_PRUNING, *_THRESHOLDS), f"{where}: arch_basic", faults)
    if details.get("pe_pipelined", True) is not True:
        faults.append(f"{where}: pe_pipelined must be true; the model of other PEs was never written")
    flags = [k for k in _PRUNING if k.startswith("PRUNE")]
    faults += [
        f"{where}: {k} is {basic[k]!r}; expected true or false"
        for k in flags
        if basic.get(k) not in (None, True, False)
    ]
    plain = {k: v for k, v in (*details.items(), *basic.items()) if k not in (*flags, "pe_pipelined")}
    faults += [
        f"{where}: {k} is {v!r}; expected a number"
        for k, v in plain.items()
        if not isinstance(v, int | float) or isinstance(v, bool) or not abs(v) < MAX_NUMBER
    ]
    if faults:
        raise InputError(faults, file=where)
    try:
        chip: dict[str, Any] = {k: details[k] for k in _DETAILS if k in details}
        chip |= {field: basic[key] for key, field in _BASIC.items() if key in basic}
        # Capacity in values: RF_SIZE is in bytes.
        chip["rf_elements"] = basic.get("RF_SIZE", 512) / chip.get("bytes_per_data", 2)
        pruning: dict[str, Any] = {field: basic[key] for key, field in _PRUNING.items() if key in basic}
        return DmazeArchitecture(
            DmazeChip(**chip), Pruning(**pruning), basic.get(_THRESHOLDS[0], 0.6), basic.get(_THRESHOLDS[1], 0.3)
        )
    except ZeroDivisionError:
        raise InputError(f"{where}: BYTES_PER_DATA is 0; expected more", file=where) from None
    except InputError as error:
        raise InputError([f"{where}: {p}" for p in error.problems], file=where) from None


def _object(document: Mapping[str, Any], key: str, where: str, faults: list[str]) -> Mapping[str, Any]:
    value = document.get(key, {})
    if isinstance(value, Mapping):
        return value
    faults.append(f"{where}: '{key}' must be an object")
    return {}


def _unknown(found: Mapping[str, Any], known: tuple[str, ...], where: str, faults: list[str]) -> None:
    faults.extend(f"{where}: unknown key '{k}'{did_you_mean(str(k), known)}" for k in found if k not in known)
