"""What the names of a study stand for: networks and machines of DeFiNES and ZigZag, or ours, converted.

The readers are in workload/frontends and architecture/notation, the conversions in fusion/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tileloom.architecture.notation.zigzag import read_defines_architectures, read_machine
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import load_yaml
from tileloom.cost.models.zigzag.layer import ZigzagNetwork
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.explore.sources import load_architecture, load_network
from tileloom.fusion.convert_machine import Dataflow, convert_architecture, dataflow_of, unroll
from tileloom.fusion.convert_network import convert_network
from tileloom.fusion.depth_first import Setting, prepare, prepare_graph
from tileloom.fusion.rules import Rules
from tileloom.workload.frontends.zigzag import read_defines_workloads


@dataclass(frozen=True)
class Sources:
    """A network made ready for a machine; notes: what was converted and what that leaves out."""

    setting: Setting
    notes: tuple[str, ...]


def load_sources(network: str, architecture: str, rules: Rules, bind: Mapping[str, int] | None = None) -> Sources:
    """The network on the machine.

    network        FILE.json:NAME in the form of DeFiNES's workloads, or anything that `load_network` takes
    architecture   FILE.json:NAME in the form of DeFiNES's accelerators, a ZigZag hardware file, or one of ours
    Raises InputError with what is wrong in either.
    """
    machine, flow, notes = read_any_machine(architecture)
    known = _zigzag_network(network, machine)
    if known is not None:
        return Sources(prepare(known, machine, rules), tuple(notes))
    converted = convert_network(load_network(network, bind=bind))
    nodes = tuple(n if n.is_input else replace(n, layer=unroll(n.layer, machine, flow)) for n in converted.graph.nodes)
    setting = prepare_graph(replace(converted.graph, nodes=nodes), machine, rules, converted.pads)
    return Sources(setting, (*notes, *(f"network: {n}" for n in converted.notes)))


def read_any_machine(source: str) -> tuple[ZigzagMachine, Dataflow, list[str]]:
    """(machine, which loops suit its array, what a conversion lost)."""
    member = _member(source)
    if member is not None:
        machine = _pick(read_defines_architectures(member[0]), member[1], source)
        return machine, dataflow_of(machine), []
    if _is_hardware(source):
        machine = read_machine(source)
        return machine, dataflow_of(machine), []
    converted = convert_architecture(load_architecture(source))
    return converted.machine, converted.dataflow, [f"architecture: {n}" for n in dict.fromkeys(converted.losses)]


def _zigzag_network(source: str, machine: ZigzagMachine) -> ZigzagNetwork | None:
    """A network in DeFiNES's own form. 'NAME' alone takes the one written for the machine's family (NAME@FAMILY)."""
    member = _member(source)
    if member is None:
        return None
    found = read_defines_workloads(member[0])
    family = f"{member[1]}@{machine.name.removesuffix('_DF')}"
    return found[family] if family in found else _pick(found, member[1], source)


def _member(source: str) -> tuple[Path, str] | None:
    """'FILE.json:NAME' -> (FILE.json, NAME)."""
    file, colon, name = source.rpartition(":")
    return (Path(file), name) if colon and file.endswith(".json") else None


T = TypeVar("T")


def _pick(table: Mapping[str, T], name: str, source: str) -> T:
    if name not in table:
        raise InputError(f"{source}: no '{name}'{did_you_mean(name, table)}; there are: {', '.join(sorted(table))}")
    return table[name]


def _is_hardware(source: str) -> bool:
    path = Path(source)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return False
    data = load_yaml(path, last_key_wins=True).data
    return isinstance(data, dict) and "operational_array" in data
