"""Fields of an architecture by path ('GLB.size_kib', 'PEArray.X', 'DRAM.read.bits_per_cycle'), listed and replaced.

Works on the plain data of architecture files, so that what is looked up (energies by size) is looked up again for
every design. Values of bits are those of the workload and are not set here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from tileloom.architecture.dump import architecture_to_data
from tileloom.architecture.load import architecture_from_document
from tileloom.architecture.model import Architecture
from tileloom.core.files import is_file
from tileloom.core.yamlio import Document, load_yaml
from tileloom.explore.sources import load_architecture

Data = dict[str, Any]

_SIZES = ("size_bits", "size_bytes", "size_kib", "size_mib")
_PORT = ("energy_pj", "width_bits", "accesses_per_cycle", "bits_per_cycle")
_LOOKUP = ("size_kib", "width_bits", "technology_nm", "scale")
_LEAK = ("leakage_mw", "leakage_pj_per_cycle")
_MEMORY = (*_SIZES, *_LEAK, "area_mm2", "buffers", "ports")
_COMPUTE = ("energy_pj", "ops_per_cycle", *_LEAK, "area_mm2")
_CHIP = ("technology_nm", "frequency_mhz", "frequency_hz")
_RIVALS: tuple[tuple[str, ...], ...] = (
    (*_SIZES, "unbounded", "partitions"),
    _LEAK,
    ("accesses_per_cycle", "bits_per_cycle"),
    ("energy_pj", "energy"),
    ("frequency_mhz", "frequency_hz"),
    ("buffers", "double_buffered"),
)
"""Keys that stand for one another: setting one removes the others."""


def base_data(source: str, folder: Path) -> tuple[Data, Architecture, str]:
    """(plain data, value, file that relative names are relative to) of a chip by library name or path.

    A path is taken relative to `folder` when there is such a file.
    """
    beside = folder / source
    name = str(beside) if is_file(beside) else source
    chip = load_architecture(name)
    if is_file(name):
        data = load_yaml(name).data
        if isinstance(data, dict) and "nodes" in data:
            return data, chip, name
        return architecture_to_data(chip), chip, name
    from importlib.resources import files

    listed = Path(str(files("tileloom.architecture").joinpath("library"))) / f"{name}.yaml"
    data = load_yaml(listed).data
    assert isinstance(data, dict)
    return data, chip, str(listed)


def known_fields(data: Data) -> tuple[str, ...]:
    """Every path that `with_fields` takes for this chip."""
    found = list(_CHIP)
    for node in data["nodes"]:
        if "fanout" in node:
            found += [f"{node['fanout']}.{axis['name']}" for axis in node["axes"]]
        elif "memory" in node:
            name = node["memory"]
            found += [f"{name}.{key}" for key in _MEMORY]
            for side in ("read", "write", "access"):
                found += [f"{name}.{side}.{key}" for key in _PORT]
                if isinstance(_port(node, side), dict) and "energy" in _port(node, side):
                    found += [f"{name}.{side}.energy.{key}" for key in _LOOKUP]
        elif "compute" in node:
            found += [f"{node['compute']}.{key}" for key in _COMPUTE]
    return tuple(found)


def _port(node: Data, side: str) -> Any:
    return node.get(side) or node.get("access") or node.get("read") or {}


def with_fields(data: Data, values: Mapping[str, object]) -> Data:
    """A copy in which these fields (of `known_fields`) have these values."""
    changed = deepcopy(data)
    for path, value in values.items():
        _set(changed, path, value)
    return changed


def architecture_of(data: Data, file: str) -> Architecture:
    """The chip that plain data describes. Raises InputError naming every fault."""
    return architecture_from_document(Document(data, file, {(): 1}))


def tables_in(data: object) -> Iterator[str]:
    """Every `table:` of an architecture's plain data."""
    if isinstance(data, dict):
        if isinstance(data.get("table"), str):
            yield data["table"]
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from tables_in(item)


def node_of(path: str) -> str:
    """The node that a path is about; '' for the whole chip."""
    return path.split(".")[0] if "." in path else ""


def structural(path: str, data: Data) -> bool:
    """Whether a field changes which mappings there are or what they move: sizes of fanouts."""
    return any(node.get("fanout") == node_of(path) for node in data["nodes"])


def _set(data: Data, path: str, value: object) -> None:
    if "." not in path:
        _replace(data, path, value)
        return
    name, *rest = path.split(".")
    node = next(n for n in data["nodes"] if name in (n.get("memory"), n.get("fanout"), n.get("compute")))
    if "fanout" in node:
        axis = next(a for a in node["axes"] if a["name"] == rest[0])
        axis["size"] = value
    elif len(rest) == 1:
        _replace(node, rest[0], value)
    else:
        for port in _sides(node, rest[0]):
            _replace(port["energy"] if rest[1] == "energy" else port, rest[-1], value)


def _sides(node: Data, side: str) -> list[Data]:
    """The ports that a side names; `access` of a memory is parted when only one of its sides is set."""
    if side == "access":
        return [node["access"]] if node.get("access") else [node["read"], node["write"]]
    if node.get("access"):
        shared = node.pop("access")
        node["read"], node["write"] = deepcopy(shared), deepcopy(shared)
    return [node[side]]


def _replace(holder: Data, key: str, value: object) -> None:
    for rivals in _RIVALS:
        if key in rivals:
            for other in rivals:
                holder.pop(other, None)
    holder[key] = value
