"""Memories priced by the user's own CACTI: its program is run once per question and its answers are remembered.

Nothing of CACTI is shipped. The configuration is fixed and part of every source text, because CACTI's energies differ
by half and more between configurations.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tileloom.architecture.energy.base import AccessEnergy, Query
from tileloom.core.digest import digest, digest_file
from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic

TIMEOUT_S = 300.0
NODES_NM = (22.0, 90.0)
"""CACTI 7 has parameters from 22 to 90 nm and interpolates between its own nodes."""

Cell = Literal["itrs-hp", "itrs-lstp", "itrs-lop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports of the memory, and what its cells and periphery are made of."""

    read_write: int = 1
    read: int = 0
    write: int = 0
    banks: int = 1
    cell: Cell = "itrs-lstp"
    kelvin: int = 350

    def __str__(self) -> str:
        return (
            f"{self.read_write} read/write, {self.read} read, {self.write} write ports, {self.banks} banks, "
            f"{self.cell}, {self.kelvin} K"
        )


@dataclass(frozen=True, slots=True)
class Cacti:
    """An EnergySource.

    program  CACTI's executable; it is run in its own folder, where its technology files are
    cache    folder for answers and scratch files, private to the user; nothing is written beside the program
    """

    program: Path
    cache: Path
    ports: Ports = Ports()

    @property
    def name(self) -> str:
        return f"cacti ({self.program})"

    def lookup(self, query: Query) -> AccessEnergy:
        """Energy per access of the width, leakage and area. Raises InputError for what CACTI does not cover."""
        size, width, node = _asked(query)
        folder = self._folder()
        key = digest(digest_file(self._executable()), size, width, node, self.ports)
        known = folder / f"{key}.json"
        if known.is_file():
            try:
                return AccessEnergy(**json.loads(known.read_text(encoding="utf-8")))
            except (ValueError, TypeError, RecursionError):
                # An answer that cannot be read is asked for again.
                known.unlink()
        found = parse_output(self._run(configuration(size, width, node, self.ports), folder))
        answer = AccessEnergy(**found, source=f"CACTI 7, {size} B, {width} bit, {node:g} nm, {self.ports}")
        write_text_atomic(known, json.dumps(asdict(answer)))
        return answer

    def _executable(self) -> Path:
        if not self.program.is_file():
            raise InputError(f"{self.program}: no CACTI program there; build CACTI 7 and give the path of `cacti`")
        return self.program.resolve()

    def _folder(self) -> Path:
        try:
            self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InputError(f"{self.cache}: cannot be made: {error.strerror or error}") from error
        return self.cache

    def _run(self, text: str, folder: Path) -> str:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            asked = Path(scratch).resolve() / "memory.cfg"
            asked.write_text(text, encoding="ascii")
            program = self._executable()
            try:
                done = subprocess.run(
                    [str(program), "-infile", str(asked)],
                    cwd=program.parent,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=TIMEOUT_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise InputError(f"{program}: did not run: {error}") from error
        if done.returncode != 0:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise InputError(f"{program}: ended with status {done.returncode}: {' '.join(last)}")
        return done.stdout


def _asked(query: Query) -> tuple[int, int, float]:
    if query.item is not None or query.capacity_bits is None or query.width_bits is None:
        raise InputError("CACTI prices memories: give a capacity and a width")
    if query.technology_nm is None or not NODES_NM[0] <= query.technology_nm <= NODES_NM[1]:
        raise InputError(f"CACTI covers {NODES_NM[0]:g} to {NODES_NM[1]:g} nm, asked for {query.technology_nm} nm")
    size, width = query.capacity_bits / 8, query.width_bits
    if size != int(size) or width != int(width) or width % 8:
        raise InputError(f"CACTI takes whole bytes, asked for {query.capacity_bits:g} bits, {width:g} bit wide")
    return int(size), int(width), query.technology_nm


def configuration(size_bytes: int, width_bits: int, technology_nm: float, ports: Ports) -> str:
    """The text of CACTI's configuration file for a plain memory without tags, ECC and power gating."""
    lines = [
        f"-size (bytes) {size_bytes}",
        '-Array Power Gating - "false"',
        '-WL Power Gating - "false"',
        '-CL Power Gating - "false"',
        '-Bitline floating - "false"',
        '-Interconnect Power Gating - "false"',
        "-Power Gating Performance Loss 0.01",
        f"-block size (bytes) {width_bits // 8}",
        "-associativity 1",
        f"-read-write port {ports.read_write}",
        f"-exclusive read port {ports.read}",
        f"-exclusive write port {ports.write}",
        "-single ended read ports 0",
        f"-UCA bank count {ports.banks}",
        f"-technology (u) {technology_nm / 1000:.3f}",
        "-page size (bits) 8192",
        "-burst length 8",
        "-internal prefetch width 8",
        *(f'-{part} array {kind} type - "{ports.cell}"' for part in ("Data", "Tag") for kind in ("cell", "peripheral")),
        f"-output/input bus width {width_bits}",
        f"-operating temperature (K) {ports.kelvin}",
        '-cache type "ram"',
        '-tag size (b) "default"',
        '-access mode (normal, sequential, fast) - "normal"',
        "-design objective (weight delay, dynamic power, leakage power, cycle time, area) 0:0:0:100:0",
        "-deviate (delay, dynamic power, leakage power, cycle time, area) 20:100000:100000:100000:100000",
        "-NUCAdesign objective (weight delay, dynamic power, leakage power, cycle time, area) 100:100:0:0:100",
        "-NUCAdeviate (delay, dynamic power, leakage power, cycle time, area) 10:10000:10000:10000:10000",
        '-Optimize ED or ED^2 (ED, ED^2, NONE): "ED^2"',
        '-Cache model (NUCA, UCA)  - "UCA"',
        "-NUCA bank count 0",
        '-Wire signaling (fullswing, lowswing, default) - "Global_30"',
        '-Wire inside mat - "semi-global"',
        '-Wire outside mat - "semi-global"',
        '-Interconnect projection - "conservative"',
        "-Core count 8",
        '-Cache level (L2/L3) - "L3"',
        '-Add ECC - "false"',
        '-Print level (DETAILED, CONCISE) - "DETAILED"',
        '-Print input parameters - "false"',
        '-Force cache config - "false"',
        "-Ndwl 1",
        "-Ndbl 1",
        "-Nspd 0",
        "-Ndcm 1",
        "-Ndsam1 0",
        "-Ndsam2 0",
        '-dram_type "DDR3"',
        '-io state "WRITE"',
        "-addr_timing 1.0",
        "-mem_density 4 Gb",
        "-bus_freq 800 MHz",
        "-duty_cycle 1.0",
        "-activity_dq 1.0",
        "-activity_ca 0.5",
        "-num_dq 72",
        "-num_dqs 18",
        "-num_ca 25",
        "-num_clk 2",
        "-num_mem_dq 2",
        "-mem_data_width 8",
        "-rtt_value 10000",
        "-ron_value 34",
        "-tflight_value",
        "-num_bobs 1",
        "-capacity 80",
        "-num_channels_per_bob 1",
        '-first metric "Cost"',
        '-second metric "Bandwidth"',
        '-third metric "Energy"',
        '-DIMM model "ALL"',
        '-mirror_in_bob "F"',
    ]
    return "\n".join(lines) + "\n"


_NUMBER = r"\s*([0-9.eE+-]+)"
_READ = re.compile(r"Total dynamic read energy per access \(nJ\):" + _NUMBER)
_WRITE = re.compile(r"Total dynamic write energy per access \(nJ\):" + _NUMBER)
_LEAKAGE = re.compile(r"Total leakage power of a bank \(mW\):" + _NUMBER)
_GATE = re.compile(r"Total gate leakage power of a bank \(mW\):" + _NUMBER)
_AREA = re.compile(r"Cache height x width \(mm\):" + _NUMBER + r"\s*x" + _NUMBER)


def parse_output(text: str) -> dict[str, float]:
    """read_pj, write_pj, leakage_mw (subthreshold and gate, of one bank), area_mm2 from CACTI's screen report.

    Raises InputError where one is missing.
    """
    read, write, leakage, gate, area = (p.search(text) for p in (_READ, _WRITE, _LEAKAGE, _GATE, _AREA))
    if read is None or write is None or leakage is None or gate is None or area is None:
        raise InputError("CACTI's report lacks energies, leakage or area; its last line: " + text.strip()[-200:])
    return {
        "read_pj": float(read[1]) * 1000,
        "write_pj": float(write[1]) * 1000,
        "leakage_mw": float(leakage[1]) + float(gate[1]),
        "area_mm2": float(area[1]) * float(area[2]),
    }
