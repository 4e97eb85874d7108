"""Any of our architectures as a machine of ZigZag's form, with what is lost said, and which loops suit its array.

ZigZag's own machines are read in architecture/notation; networks are converted in convert_network.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory, Port, TensorSet
from tileloom.core.errors import InputError
from tileloom.cost.models.zigzag.layer import Unroll, ZigzagLayer
from tileloom.cost.models.zigzag.machine import DataLink, ZigzagMachine, ZigzagMemory
from tileloom.fusion.stacks import INPUTS, OUTPUTS, WEIGHTS

ROLES = {"input": INPUTS, "weight": WEIGHTS, "output": OUTPUTS}
UNBOUNDED_BITS = 10**10
"""Size taken for a memory without limit; that of DRAM in DeFiNES's machines."""
WIDEST_ACCESSES = 2**16
"""Accesses per cycle taken for a port without limit."""
Dataflow = Mapping[str, str]
"""array dimension -> which loops suit it: 'channels' (K, G), 'reduction' (C, kernel), 'positions' (OX, OY)."""
SUITED = {
    "channels": ("K", "G", "C", "OX", "OY"),
    "reduction": ("C", "FX", "FY", "K", "OX", "OY"),
    "positions": ("OX", "OY", "K", "G", "C"),
}


@dataclass(frozen=True)
class ConvertedMachine:
    """losses: what the machine does not say that the architecture did."""

    machine: ZigzagMachine
    dataflow: Dataflow
    losses: tuple[str, ...]


def convert_architecture(architecture: Architecture) -> ConvertedMachine:
    """Raises InputError naming everything that has no counterpart: no common top memory, fanouts above memories of all."""
    nodes = [n for n in architecture.nodes if not isinstance(n, Compute)]
    compute = architecture.computes[-1]
    axes = {(f.name, a.name): a for f in architecture.fanouts for a in f.axes}
    names = {key: key[1] if [k[1] for k in axes].count(key[1]) == 1 else ".".join(key) for key in axes}
    memories: list[ZigzagMemory] = []
    losses: list[str] = []
    above: list[str] = []
    for node in nodes:
        if isinstance(node, Fanout):
            above += [names[node.name, a.name] for a in node.axes]
            continue
        serves = tuple(n for n in names.values() if n not in above)
        memories = [*_memories(node, serves, losses), *memories]
    faults = [f"no memory keeps {role}s" for role, op in ROLES.items() if not any(op in m.operands for m in memories)]
    if memories and set(memories[-1].operands) != set(ROLES.values()):
        faults.append(f"its outermost memory '{memories[-1].name}' holds {list(memories[-1].operands)}, not everything")
    if faults:
        raise InputError(
            [f"architecture '{architecture.name}' cannot be taken for depth-first scheduling: {f}" for f in faults]
        )
    losses += [f"unit '{c.name}' is left out" for c in architecture.computes[:-1]]
    if compute.ops_per_cycle != 1:
        losses.append(f"unit '{compute.name}' does {compute.ops_per_cycle:g} operations per cycle; taken as 1")
    leaking = [n.name for n in architecture.nodes if not isinstance(n, Fanout) and n.leakage_pj_per_cycle]
    if leaking:
        losses.append(f"leakage of {', '.join(leaking)} is left out")
    array = tuple((names[key], axis.size) for key, axis in axes.items())
    machine = ZigzagMachine(architecture.name, array, compute.energy_pj, tuple(memories))
    flow = {names[k]: _suits(a.stationary, a.dims) for k, a in axes.items()}
    served = dataflow_of(machine)
    return ConvertedMachine(machine, {d: flow[d] or served[d] for d, _ in array}, tuple(losses))


def dataflow_of(machine: ZigzagMachine) -> dict[str, str]:
    """What an array dimension is for: sums where the lowest output memory is shared along it, positions where the
    lowest weight memory is, channels otherwise."""
    lowest_out, lowest_weights = machine.levels(OUTPUTS)[0], machine.levels(WEIGHTS)[0]
    return {
        dim: "reduction" if dim in lowest_out.serves else "positions" if dim in lowest_weights.serves else "channels"
        for dim, _ in machine.array
    }


def unroll(layer: ZigzagLayer, machine: ZigzagMachine, dataflow: Dataflow) -> ZigzagLayer:
    """The layer with a loop on every array dimension: the first suited one that has something left to unroll."""
    left = dict(layer.sizes)
    chosen: list[tuple[str, tuple[Unroll, ...]]] = []
    for dim, size in machine.array:
        loops = [d for d in SUITED[dataflow[dim]] if left.get(d, 1) > 1]
        if loops:
            copies = min(size, left[loops[0]])
            chosen.append((dim, ((loops[0], copies),)))
            # Each array dimension takes another loop: what two would share is no longer a plain quotient.
            left[loops[0]] = 1
    return layer.with_spatial(tuple(chosen))


def _suits(stationary: TensorSet, dims: tuple[str, ...]) -> str | None:
    if "weight" in stationary.names or {"P", "Q"} & set(dims):
        return "positions"
    if "output" in stationary.names or {"C", "R", "S"} & set(dims):
        return "reduction"
    return "channels" if "input" in stationary.names or {"K"} & set(dims) else None


def _memories(memory: Memory, serves: tuple[str, ...], losses: list[str]) -> Iterator[ZigzagMemory]:
    held = tuple(op for role, op in ROLES.items() if _holds(memory, role))
    if not held:
        losses.append(f"memory '{memory.name}' keeps no inputs, weights or outputs by role; it is left out")
        return
    if memory.buffers > 1:
        losses.append(f"memory '{memory.name}' keeps {memory.buffers} copies of a tile; ZigZag's own rule is used")
    if memory.value_bits:
        losses.append(f"widths of values in '{memory.name}' are those of the layers")
    if memory.partitions:
        for tensors, bits in memory.partitions:
            own = tuple(op for role, op in ROLES.items() if role in tensors.names or "all" in tensors.names)
            if own:
                label = "-".join(r for r, op in ROLES.items() if op in own)
                yield _memory(memory, f"{memory.name}.{label}", own, bits, serves, losses)
        return
    yield _memory(memory, memory.name, held, memory.capacity_bits or UNBOUNDED_BITS, serves, losses)


def _holds(memory: Memory, role: str) -> bool:
    return any(name in (role, "all") for name in (*memory.keep.names, *memory.may_keep.names))


def _memory(
    memory: Memory, name: str, held: tuple[str, ...], bits: int, serves: tuple[str, ...], losses: list[str]
) -> ZigzagMemory:
    read, read_min, read_pj = _port(memory.read, memory.name, "read", losses)
    write, write_min, write_pj = _port(memory.write, memory.name, "write", losses)
    shared = memory.ports == "shared"
    r, w = ("rw_port_1", "rw_port_1") if shared else ("r_port_1", "w_port_1")
    links: list[DataLink] = []
    for operand in held:
        links += [DataLink(operand, "fh", w, write, write_min), DataLink(operand, "tl", r, read, read_min)]
        if operand == OUTPUTS:
            links += [DataLink(operand, "fl", w, write, write_min), DataLink(operand, "th", r, read, read_min)]
    return ZigzagMemory(name, bits, read_pj, write_pj, held, serves, tuple(links))


def _port(port: Port, memory: str, way: str, losses: list[str]) -> tuple[int, int, float]:
    """(bits per cycle, least bits of an access, pJ per access of all those bits)."""
    width = max(1, round(port.width_bits))
    many = port.accesses_per_cycle
    if many == inf:
        losses.append(f"'{memory}' {way}s without limit; taken as {WIDEST_ACCESSES} accesses per cycle")
        many = WIDEST_ACCESSES
    if port.energy_pj_by_tensor:
        losses.append(f"'{memory}': {way} energies by tensor are left out")
    bits = max(width, round(width * many)) if many >= 1 else max(1, round(width * many))
    return bits, min(width, bits), port.energy_pj * bits / width
