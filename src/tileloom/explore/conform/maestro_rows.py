"""Finds MAESTRO's published rows in a directory: CSV files of results and refusals, mapping files, hardware.

Knows file formats only; nothing is computed here.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.maestro import UNLIMITED, MaestroHardware, read_hardware
from tileloom.architecture.notation.maestro_options import hardware_from_options
from tileloom.core.errors import InputError
from tileloom.core.tokens import read_text

SWEEP_OPTIONS = ("--l1_size_cstr=100000", "--l2_size_cstr=100000000", "--noc_hop_latency=1", "--offchip_bw_cstr=32")
VALIDATION_OPTIONS = ("--noc_bw=14", "--noc_hop_latency=1", "--num_pes=168", "--l1_size=5120", "--l2_size=1024000")
TRACE_OPTIONS = ("--num_pes=8", "--noc_bw_cstr=4", "--noc_hop_latency=1", "--offchip_bw_cstr=2")
_FIRST_COLUMN = "Neural Network Name"
_TITLE = re.compile(r"^// ==== (\S+) ====$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One row of results.

    group    rows of one run of the program: (file, configuration)
    numbers  'csv:...' and 'screen:...' columns as printed
    """

    name: str
    group: str
    mapping_file: str
    index: int
    hardware: MaestroHardware | str
    numbers: Mapping[str, str]


@dataclass(frozen=True)
class Failure:
    """A mapping that the program rejected (255) or crashed on (a negative signal number)."""

    name: str
    mapping_file: str
    hardware: MaestroHardware | str
    exit_status: str


@dataclass(frozen=True)
class Log:
    """A case-by-case log of a mapping."""

    name: str
    mapping_file: str
    hardware: MaestroHardware
    text: str


@dataclass(frozen=True)
class Reference:
    """hardware that could not be found is a text that says why; mappings are texts by file name."""

    rows: tuple[Row | Failure | Log, ...]
    mappings: Mapping[str, str]


def read_reference(directory: Path) -> Reference:
    """All rows of a directory, complete or in part. Raises InputError when there is none."""
    if not directory.is_dir():
        raise InputError(f"{directory} is no directory; give one with MAESTRO's CSV files and mapping files")
    configs = _Configs(directory)
    found: list[Row | Failure | Log] = []
    for path in sorted(directory.rglob("*.csv")):
        found += _rows(path, configs)
    for path in sorted(directory.rglob("*_log.txt")):
        name = path.name.removesuffix("_log.txt")
        found.append(Log(path.name, f"{name}.m", hardware_from_options(configs.options(path)), read_text(path)))
    if not found:
        raise InputError(f"{directory}: no CSV file there holds MAESTRO rows")
    return Reference(tuple(found), _mappings(directory))


def _mappings(directory: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted(directory.rglob("*_mappings.txt")):
        parts = _TITLE.split(read_text(path).replace("\r\n", "\n"))
        texts |= dict(zip(parts[1::2], parts[2::2]))
    for path in sorted(directory.rglob("*.m")):
        if path.parent.name != "hw":
            texts.setdefault(path.name, read_text(path))
    return texts


class _Configs:
    """Hardware by name of configuration, from configs.json or hw/*.m; options of single runs from the README's table."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        path = directory / "configs.json"
        try:
            self._known: Any = json.loads(read_text(path)) if path.is_file() else {}
        except ValueError as error:
            raise InputError(f"{path}: not readable as JSON: {error}", file=str(path)) from None
        readme = directory / "README.md"
        self._readme = read_text(readme) if readme.is_file() else ""

    def hardware(self, name: str) -> MaestroHardware | str:
        try:
            if name in self._known:
                return _from_config(self._known[name])
            path = self._directory / "hw" / f"{Path(name).name}.m"
            return (
                read_hardware(path, faithful=True)
                if path.is_file()
                else f"no configuration '{name}' in configs.json or hw/"
            )
        except (InputError, KeyError, TypeError, ValueError) as error:
            return f"configuration '{name}' cannot be read: {error!r}"

    def options(self, path: Path) -> tuple[str, ...]:
        """Options of the runs of a folder: as the README's line about it says, else those published."""
        folder = path.parent.name
        for line in self._readme.splitlines():
            if line.startswith(f"| {folder}/"):
                found = re.findall(r"--\w+=\w+", line)
                if found:
                    return tuple(found)
        return TRACE_OPTIONS if folder == "trace" else VALIDATION_OPTIONS


def _from_config(config: Mapping[str, Any]) -> MaestroHardware:
    hops = int(config["noc_hops"] if "noc_hops" in config else config["hops"])
    return MaestroHardware(
        num_pes=int(config["num_pes"]),
        simd_lanes=int(config.get("simd", 1)),
        noc_elements_per_cycle=UNLIMITED if config["noc_bw"] is None else int(config["noc_bw"]),
        noc_latency_cycles=hops if config["kind"] == "hw" else hops * int(config["lat"]),
        offchip_elements_per_cycle=int(config["offchip"]),
        l1_bytes=int(config["l1"]),
        l2_bytes=int(config["l2"]),
    )


def _rows(path: Path, configs: _Configs) -> Iterator[Row | Failure]:
    records = list(csv.reader(read_text(path).splitlines()))
    header = [cell.strip() for cell in records[0]] if records else []
    body = [r for r in records[1:] if len(r) == len(header)]
    if header and header[0] == _FIRST_COLUMN:
        yield from _program_rows(path, header, body, configs)
    elif "exit_status" in header:
        for record in body:
            row = dict(zip(header, record))
            config, mapping = row.get("config", ""), row["mapping_file"]
            yield Failure(f"{path.stem} {config} {mapping}", mapping, configs.hardware(config), row["exit_status"])
    elif "mapping_file" in header:
        for record in body:
            yield _row(path, dict(zip(header, record)), configs)


def _row(path: Path, row: Mapping[str, str], configs: _Configs) -> Row:
    config, mapping = row.get("config", ""), row["mapping_file"]
    hardware: MaestroHardware | str
    if "sweep_num_pes" in row:
        config = f"{row['sweep_num_pes']} PEs, {row['sweep_noc_bw']}/cycle"
        options = (*SWEEP_OPTIONS, f"--num_pes={row['sweep_num_pes']}", f"--noc_bw_cstr={row['sweep_noc_bw']}")
        hardware = hardware_from_options(options)
    else:
        hardware = configs.hardware(config)
    group = f"{path.stem} {config} {mapping}"
    numbers = {k: v for k, v in row.items() if k.startswith(("csv:", "screen:"))}
    return Row(f"{group}[{row['layer_index']}]", group, mapping, int(row["layer_index"]), hardware, numbers)


def _program_rows(path: Path, header: list[str], body: list[list[str]], configs: _Configs) -> Iterator[Row]:
    """Rows of a file that the program wrote itself, for the mapping file of the same name beside it."""
    # The program heads two columns 'Compute Delay (Min)'; the second is the maximum.
    if header.count("Compute Delay (Min)") == 2:
        header[header.index("Compute Delay (Min)") + 1] = "Compute Delay (Max)"
    hardware = hardware_from_options(configs.options(path))
    screen = path.with_name(f"{path.stem}_screen.txt")
    printed = list(_screen(read_text(screen))) if screen.is_file() else []
    for index, record in enumerate(body):
        numbers = {f"csv:{k}": v.strip() for k, v in zip(header, record)}
        numbers |= printed[index] if index < len(printed) else {}
        yield Row(f"{path.parent.name}/{path.stem}[{index}]", f"{path}", f"{path.stem}.m", index, hardware, numbers)


def _screen(text: str) -> Iterator[dict[str, str]]:
    """The 'screen:' columns of a printed report, layer by layer."""
    for part in re.split(r"^(?=Num MACs:)", text, flags=re.MULTILINE)[1:]:
        found: dict[str, str] = {}
        tensor = ""
        for line in part.splitlines():
            label, _, value = line.partition(": ")
            if line.startswith("Tensor "):
                tensor = line.split()[1]
            elif label == "Num MACs":
                found["screen:num_macs"] = value
            elif label.startswith(("L1 ", "L2 ", "Data reuse")):
                found[f"screen:{tensor}|{label}"] = value.split()[0]
            elif label.startswith(("Overall", "Total", "Performance per")):
                found[f"screen:{label}"] = value.split()[0]
        yield found
