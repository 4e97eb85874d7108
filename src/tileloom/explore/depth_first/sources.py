"""What the names of a study stand for: networks and machines of DeFiNES and ZigZag, or ours, converted.

The readers are in workload/frontends and architecture/notation, the conversions in fusion/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tileloom.architecture.notation.zigzag import read_defines_architectures
from tileloom.architecture.notation.zigzag_library import load_machine, machine_files
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.files import is_file
from tileloom.core.yamlio import load_yaml
from tileloom.cost.models.zigzag.layer import ZigzagNetwork, ZigzagNode
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.explore.sources import load_architecture, load_network
from tileloom.fusion.convert_machine import Dataflow, convert_architecture, dataflow_of, unroll
from tileloom.fusion.convert_network import convert_network
from tileloom.fusion.depth_first import Setting, prepare, prepare_graph
from tileloom.fusion.rules import Rules
from tileloom.workload.frontends.zigzag import read_defines_workloads
from tileloom.workload.frontends.zigzag_files import read_workload
from tileloom.workload.frontends.zigzag_library import load_zigzag_network, network_files


@dataclass(frozen=True)
class Sources:
    """A network made ready for a machine; notes: what was converted and what that leaves out."""

    setting: Setting
    notes: tuple[str, ...]


def load_sources(network: str, architecture: str, rules: Rules, bind: Mapping[str, int] | None = None) -> Sources:
    """The network on the machine.

    network        one of DeFiNES ('defines-fsrcnn'), a ZigZag workload file, FILE.json:NAME in the form of DeFiNES's
                   workloads, or anything that `load_network` takes
    architecture   one of DeFiNES ('defines-meta-prototype-df'), a ZigZag hardware file, FILE.json:NAME in the form of
                   DeFiNES's accelerators, or one of ours
    Raises InputError with what is wrong in either.
    """
    machine, flow, notes = read_any_machine(architecture)
    known = _zigzag_network(network, machine)
    if known is not None:
        nodes = tuple(_unrolled(n, machine, flow) for n in known.nodes)
        return Sources(prepare(replace(known, nodes=nodes), machine, rules), tuple(notes))
    converted = convert_network(load_network(network, bind=bind))
    graph = tuple(n if n.is_input else replace(n, layer=unroll(n.layer, machine, flow)) for n in converted.graph.nodes)
    setting = prepare_graph(replace(converted.graph, nodes=graph), machine, rules, converted.pads)
    return Sources(setting, (*notes, *(f"network: {n}" for n in converted.notes)))


def _unrolled(node: ZigzagNode, machine: ZigzagMachine, flow: Dataflow) -> ZigzagNode:
    """Layers that nobody gave a spatial mapping get the machine's."""
    if node.is_input or node.layer.spatial:
        return node
    return replace(node, layer=unroll(node.layer, machine, flow))


def read_any_machine(source: str) -> tuple[ZigzagMachine, Dataflow, list[str]]:
    """(machine, which loops suit its array, what a conversion lost)."""
    member = _member(source)
    if member is not None:
        machine = _pick(read_defines_architectures(member[0]), member[1], source)
        return machine, dataflow_of(machine), []
    if source in machine_files() or _keys(source) & {"operational_array", "memories"}:
        machine = load_machine(source)
        return machine, dataflow_of(machine), []
    converted = convert_architecture(load_architecture(source))
    return converted.machine, converted.dataflow, [f"architecture: {n}" for n in dict.fromkeys(converted.losses)]


def _zigzag_network(source: str, machine: ZigzagMachine) -> ZigzagNetwork | None:
    """A network in DeFiNES's or ZigZag's own form; None for others.

    Of a JSON file 'NAME' alone takes the network written for the machine's family (NAME@FAMILY).
    """
    member = _member(source)
    if member is not None:
        found = read_defines_workloads(member[0])
        family = f"{member[1]}@{machine.name.removesuffix('_DF')}"
        return found[family] if family in found else _pick(found, member[1], source)
    if source in network_files():
        return load_zigzag_network(source, machine.dataflow)
    return read_workload(source) if LIST in _keys(source) else None


def _member(source: str) -> tuple[Path, str] | None:
    """'FILE.json:NAME' -> (FILE.json, NAME)."""
    file, colon, name = source.rpartition(":")
    return (Path(file), name) if colon and file.endswith(".json") else None


T = TypeVar("T")


def _pick(table: Mapping[str, T], name: str, source: str) -> T:
    if name not in table:
        raise InputError(f"{source}: no '{name}'{did_you_mean(name, table)}; there are: {', '.join(sorted(table))}")
    return table[name]


LIST = "a list"


def _keys(source: str) -> set[str]:
    """Top-level keys of a YAML file; `LIST` when it holds a list, as ZigZag's workloads do."""
    path = Path(source)
    if path.suffix not in (".yaml", ".yml") or not is_file(path):
        return set()
    data = load_yaml(path, last_key_wins=True).data
    return {LIST} if isinstance(data, list) else set(data) if isinstance(data, dict) else set()
