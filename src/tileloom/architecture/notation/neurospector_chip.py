"""NeuroSpector accelerators as our architectures and back. What cannot be carried over is refused, or told as a loss.

Ours has loop orders instead of dataflows, so dataflows are not in an `Architecture`; reads and writes cost the same there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

from tileloom.architecture.model import (
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    Node,
    Port,
    TensorSet,
)  # fmt: skip
from tileloom.architecture.notation.neurospector import TYPES, Accelerator, Array, Buffer, Dataflow, Triple
from tileloom.core.errors import UnsupportedError
from tileloom.workload.frontends.neurospector import CONVOLUTION, Names
from tileloom.workload.problem import Problem, Tensor

UNCHECKED_BYTES = 2**40
"""Size of a buffer without a capacity."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Names of the nodes that stand for the parts of an accelerator; '' where a part is missing."""

    dram: str = "DRAM"
    chips: str = ""
    global_buffer: str = ""
    pes: str = ""
    local_buffer: str = "LOCAL_BUFFER"
    macs: str = ""
    mac: str = "MAC"


def architecture_of(accelerator: Accelerator) -> Architecture:
    """The accelerator as an `Architecture`. Per-type cycles become those of the slowest type."""
    a = accelerator
    clock_ns = 1000 / a.frequency_mhz if a.frequency_mhz else 0.0
    nodes: list[Node] = [_memory("DRAM", a, a.dram, clock_ns)]
    if a.multi_chips:
        nodes.append(_fanout("MULTI_CHIPS", a.multi_chips))
    if a.global_buffer:
        nodes.append(_memory("GLOBAL_BUFFER", a, a.global_buffer, clock_ns))
    if a.pe_array:
        nodes.append(_fanout("PE_ARRAY", a.pe_array))
    nodes.append(_memory("LOCAL_BUFFER", a, a.local_buffer, clock_ns))
    if a.mac_array:
        nodes.append(_fanout("MAC_ARRAY", a.mac_array))
    nodes.append(Compute(name="MAC", energy_pj=a.mac_energy_pj, leakage_pj_per_cycle=a.mac_static_mw * clock_ns))
    return Architecture(
        a.name, tuple(nodes), frequency_hz=a.frequency_mhz * 1e6 if a.frequency_mhz else 1e9, source="NeuroSpector"
    )


def _memory(name: str, a: Accelerator, buffer: Buffer, clock_ns: float) -> Memory:
    bits = a.precision_bits
    slowest = max(buffer.cycles)
    port = Port(
        energy_pj=buffer.energy_pj[0] * buffer.bandwidth_bits / bits,
        width_bits=buffer.bandwidth_bits,
        accesses_per_cycle=1 / slowest if slowest else inf,
        energy_pj_by_tensor=tuple((t, e * buffer.bandwidth_bits / bits) for t, e in zip(TYPES, buffer.energy_pj)),
    )
    kept = TensorSet(tuple(t for t in TYPES if t not in buffer.bypass))
    sizes = () if name == "DRAM" else tuple(s * 8 for s in buffer.sizes_bytes)
    parts = tuple((TensorSet((t,)), s) for t, s in zip(TYPES, sizes)) if len(sizes) == 3 else ()
    if len(sizes) == 2:
        parts = ((kept, sizes[0]), (TensorSet((buffer.bypass[0],)), sizes[1]))
    return Memory(
        name=name,
        capacity_bits=sum(sizes) if sizes else None,
        read=port,
        write=port,
        partitions=parts,
        keep=kept,
        may_keep=kept,
        value_bits=tuple((t, bits) for t in TYPES),
        leakage_pj_per_cycle=sum(buffer.static_mw) * clock_ns,
    )


def _fanout(name: str, array: Array) -> Fanout:
    ours = dict(zip("KBPQCRSG", CONVOLUTION))
    return Fanout(
        name=name,
        axes=tuple(
            FanoutAxis(name=axis, size=size, dims=tuple(ours[d] or "" for d in allowed))
            for axis, size, allowed in (
                ("X", array.size_x, array.constraint_x),
                ("Y", array.size_y, array.constraint_y),
            )
        ),
    )


def accelerator_of(
    architecture: Architecture,
    problem: Problem,
    names: Names,
    flows: tuple[Dataflow | None, Dataflow | None] = ("WS", "OS"),
) -> tuple[Accelerator, Places]:
    """The architecture as an accelerator with these dataflows of the local and the global buffer.

    Raises UnsupportedError with every reason: other than two or three memories, fanouts of more than two axes or two in
    one place, values of different widths, a value that no memory next to the compute unit keeps.
    """
    reasons: list[str] = []
    gaps = _gaps(architecture, reasons)
    memories = architecture.memories
    bits = {m.bits_of(t) for m in memories for t in problem.tensors}
    roles = {t.role: t for t in problem.tensors}
    if len(bits) > 1 or min(bits) < 8:
        reasons.append(f"values of {', '.join(map(str, sorted(bits)))} bits; one width of at least 8 is needed")
    if set(roles) != set(TYPES):
        reasons.append("the problem needs exactly one input, one weight and one output")
    if reasons:
        raise UnsupportedError(f"NeuroSpector cannot describe '{architecture.name}': {'; '.join(reasons)}")
    tensors = tuple(roles[t] for t in TYPES)  # type: ignore[index]
    clock_mhz = architecture.frequency_hz / 1e6
    outer = memories[1] if len(memories) == 3 else None
    unit = architecture.computes[-1]
    chips, pes, macs = gaps if outer else (None, gaps[0], gaps[1])
    width = bits.pop()
    found = Accelerator(
        name=architecture.name,
        precision_bits=width,
        frequency_mhz=clock_mhz,
        mac_energy_pj=unit.energy_pj,
        mac_static_mw=unit.leakage_pj_per_cycle * clock_mhz / 1000,
        mac_array=_array(macs, tensors, names),
        local_buffer=_buffer(memories[-1], tensors, width, clock_mhz, flows[0]),
        pe_array=_array(pes, tensors, names),
        global_buffer=_buffer(outer, tensors, width, clock_mhz, flows[1]) if outer else None,
        multi_chips=_array(chips, tensors, names),
        dram=_buffer(memories[0], tensors, width, clock_mhz, None),
    )
    places = Places(
        dram=memories[0].name,
        chips=chips.name if chips else "",
        global_buffer=outer.name if outer else "",
        pes=pes.name if pes else "",
        local_buffer=memories[-1].name,
        macs=macs.name if macs else "",
        mac=unit.name,
    )
    return found, places


def _gaps(architecture: Architecture, reasons: list[str]) -> list[Fanout | None]:
    """The fanout under each memory, outermost first."""
    gaps: list[Fanout | None] = []
    for node in architecture.nodes:
        if isinstance(node, Memory):
            gaps.append(None)
        elif isinstance(node, Fanout):
            if gaps[-1] is not None or len(node.axes) > 2:
                reasons.append(f"fanout '{node.name}' is one too many there, or has more than two axes")
            if any(axis.max_dims is not None or axis.min_utilization for axis in node.axes):
                reasons.append(f"fanout '{node.name}' limits the number of dimensions or asks for a utilisation")
            gaps[-1] = node
    if len(gaps) not in (2, 3):
        reasons.append(f"it has {len(gaps)} memories; tables have two or three")
    if len(architecture.computes) != 1:
        reasons.append(f"it has {len(architecture.computes)} compute units; tables have one kind")
    return gaps


def _array(fanout: Fanout | None, tensors: tuple[Tensor, ...], names: Names) -> Array | None:
    if fanout is None:
        return None
    axes = (*fanout.axes, FanoutAxis(name="", size=1))[:2]
    letters = [tuple(c for c, n in zip("KBPQCRSG", names) if n and _may_lie(axis, n, tensors)) for axis in axes]
    free = tuple(c for c, n in zip("KBPQCRSG", names) if n)
    limits = [() if allowed == free else allowed or ("",) for allowed in letters]
    return Array(size_x=axes[0].size, size_y=axes[1].size, constraint_x=limits[0], constraint_y=limits[1])


def _may_lie(axis: FanoutAxis, dim: str, tensors: tuple[Tensor, ...]) -> bool:
    fixed = any(axis.stationary.has(t) and dim in t.dims for t in tensors)
    return (not axis.dims or dim in axis.dims) and not fixed


def _buffer(memory: Memory, tensors: tuple[Tensor, ...], bits: int, clock_mhz: float, flow: Dataflow | None) -> Buffer:
    bypass = tuple(t.role for t in tensors if not memory.allows(t))
    rate = memory.read.accesses_per_cycle
    cycles = 1 / rate if isfinite(rate) else 0.0
    return Buffer(
        sizes_bytes=_sizes(memory, tensors, bypass),
        dataflow=flow if flow is None or TYPES[("IS", "WS", "OS").index(flow)] not in bypass else None,
        bypass=bypass,
        energy_pj=_energies(memory, tensors, bits),
        static_mw=(memory.leakage_pj_per_cycle * clock_mhz / 1000, 0.0, 0.0),
        cycles=(cycles, cycles, cycles),
        bandwidth_bits=max(1, round(memory.read.width_bits)),
    )


def _energies(memory: Memory, tensors: tuple[Tensor, ...], bits: int) -> Triple:
    i, w, o = (memory.read.energy_for(t) * bits / memory.read.width_bits for t in tensors)
    return i, w, o


def _sizes(memory: Memory, tensors: tuple[Tensor, ...], bypass: tuple[str, ...]) -> tuple[int, ...]:
    if not memory.partitions:
        return (UNCHECKED_BYTES if memory.capacity_bits is None else memory.capacity_bits // 8,)
    own = [next((b // 8 for s, b in memory.partitions if s.has(t)), 0) for t in tensors]
    if len(memory.partitions) == 3:
        return tuple(own)
    kept = [size for size, t in zip(own, tensors) if t.role not in bypass]
    private = [size for size, t in zip(own, tensors) if t.role in bypass]
    return (kept[0], private[0]) if private and kept else (kept[0],)
