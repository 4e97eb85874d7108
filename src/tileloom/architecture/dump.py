"""Writes an architecture as YAML that loads to an equal value, and as a drawing for people. Reading is in load.py."""

from __future__ import annotations

from math import isinf
from typing import Any

from tileloom.architecture.model import (
    EVERYTHING,
    NOTHING,
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    Port,
    TensorSet,
)
from tileloom.core.yamlio import dump_yaml


def architecture_to_yaml(architecture: Architecture) -> str:
    """YAML text such that parse_architecture(architecture_to_yaml(a)) == a."""
    return dump_yaml(architecture_to_data(architecture))


def architecture_to_data(architecture: Architecture) -> dict[str, Any]:
    """The same as plain data, keys as in schema.py, defaults left out."""
    data: dict[str, Any] = {"name": architecture.name}
    _put(data, "description", architecture.description, "")
    _put(data, "source", architecture.source, "")
    data["frequency_hz"] = _short(architecture.frequency_hz)
    _put(data, "technology_nm", architecture.technology_nm, None)
    data["nodes"] = [_node(n) for n in architecture.nodes]
    return data


def describe(architecture: Architecture) -> str:
    """The hierarchy as text: one line per node with size, copies, energies and what it may hold."""
    lines = [architecture.name + (f": {architecture.description}" if architecture.description else "")]
    facts = [f"{architecture.frequency_hz / 1e6:g} MHz"]
    if architecture.technology_nm is not None:
        facts.append(f"{architecture.technology_nm:g} nm")
    peak = sum(c.ops_per_cycle * architecture.instances(c) for c in architecture.computes[-1:])
    facts.append(f"{peak:g} operations per cycle at most")
    if architecture.area_mm2:
        facts.append(f"{architecture.area_mm2:.4g} mm2")
    lines.append("  " + ", ".join(facts))
    names = [f"{'  ' * i}{n.name}" for i, n in enumerate(architecture.nodes)]
    width = max(len(n) for n in names)
    for node, name in zip(architecture.nodes, names, strict=True):
        copies = architecture.instances(node)
        lines.append(f"  {name:<{width}}  x{copies:<6d} {_summary(node)}")
    if architecture.source:
        lines.append(f"  source: {architecture.source}")
    return "\n".join(lines)


def format_bits(bits: int | None) -> str:
    """'108 KiB', '7 bit', 'unbounded'; the largest unit that keeps at most one decimal place exact.

    >>> format_bits(108 * 8192)
    '108 KiB'
    """
    if bits is None:
        return "unbounded"
    for unit, size in (("GiB", 2**33), ("MiB", 2**23), ("KiB", 2**13), ("B", 8)):
        if bits >= size and bits * 10 % size == 0:
            return f"{bits / size:g} {unit}"
    return f"{bits} bit"


def _summary(node: Memory | Fanout | Compute) -> str:
    if isinstance(node, Fanout):
        shape = " x ".join(f"{a.name} {a.size}" for a in node.axes)
        rules = "; ".join(f"{a.name}: {rule}" for a in node.axes for rule in [_axis_rules(a)] if rule)
        return f"fanout {shape}" + (f" ({rules})" if rules else "")
    if isinstance(node, Compute):
        limit = f", problems with {' or '.join(map(str, node.n_inputs))} inputs" if node.n_inputs else ""
        return f"compute {node.ops_per_cycle:g} op/cycle, {node.energy_pj:g} pJ/op{limit}"
    size = format_bits(node.capacity_bits)
    if node.partitions:
        size += " = " + " + ".join(f"{format_bits(bits)} {tensors}" for tensors, bits in node.partitions)
    if node.buffers > 1:
        size += f" ({node.buffers} buffers)"
    holds = f"keeps {node.keep}" if node.keep.names else ""
    if node.may_keep.names:
        holds += (", " if holds else "") + f"may keep {node.may_keep}"
    return f"memory {size}, read {_port_text(node.read)}, write {_port_text(node.write)}, {holds}"


def _axis_rules(axis: FanoutAxis) -> str:
    rules = []
    if axis.stationary.names:
        rules.append(f"{axis.stationary} stationary")
    if axis.dims:
        rules.append(f"dims {', '.join(axis.dims)}")
    if axis.multicast != EVERYTHING:
        rules.append(f"multicast {axis.multicast}")
    return ", ".join(rules)


def _port_text(port: Port) -> str:
    text = f"{port.energy_pj:.4g} pJ/{port.width_bits:g} bit"
    return text if isinf(port.accesses_per_cycle) else f"{text} {port.accesses_per_cycle * port.width_bits:g} bit/cycle"


def _node(node: Memory | Fanout | Compute) -> dict[str, Any]:
    if isinstance(node, Memory):
        return _memory(node)
    if isinstance(node, Fanout):
        data: dict[str, Any] = {"fanout": node.name, "axes": [_axis(a) for a in node.axes]}
    else:
        data = {"compute": node.name, "energy_pj": _short(node.energy_pj)}
        _put(data, "ops_per_cycle", node.ops_per_cycle, 1.0)
        _put(data, "n_inputs", list(node.n_inputs), [])
        _put(data, "leakage_pj_per_cycle", node.leakage_pj_per_cycle, 0.0)
        _put(data, "area_mm2", node.area_mm2, 0.0)
    _put(data, "source", node.source, "")
    return data


def _memory(memory: Memory) -> dict[str, Any]:
    data: dict[str, Any] = {"memory": memory.name}
    if memory.partitions:
        data["partitions"] = [{"tensors": _tensors(t), "size_bits": bits} for t, bits in memory.partitions]
    elif memory.capacity_bits is None:
        data["unbounded"] = True
    else:
        data["size_bits"] = memory.capacity_bits
    if memory.read == memory.write:
        data["access"] = _port(memory.read)
    else:
        data["read"], data["write"] = _port(memory.read), _port(memory.write)
    _put(data, "ports", memory.ports, "shared")
    data["keep"], data["may_keep"] = _tensors(memory.keep), _tensors(memory.may_keep)
    _put(data, "value_bits", dict(memory.value_bits), {})
    _put(data, "buffers", memory.buffers, 1)
    _put(data, "refetch_first_output", memory.refetch_first_output, False)
    _put(data, "leakage_pj_per_cycle", memory.leakage_pj_per_cycle, 0.0)
    _put(data, "area_mm2", memory.area_mm2, 0.0)
    _put(data, "source", memory.source, "")
    return data


def _port(port: Port) -> dict[str, Any]:
    data: dict[str, Any] = {"energy_pj": _short(port.energy_pj), "width_bits": _short(port.width_bits)}
    if not isinf(port.accesses_per_cycle):
        data["accesses_per_cycle"] = _short(port.accesses_per_cycle)
    _put(data, "energy_pj_by_tensor", dict(port.energy_pj_by_tensor), {})
    return data


def _axis(axis: FanoutAxis) -> dict[str, Any]:
    data: dict[str, Any] = {"name": axis.name, "size": axis.size}
    _put(data, "multicast", _tensors(axis.multicast), "all")
    _put(data, "stationary", _tensors(axis.stationary), "none")
    _put(data, "dims", list(axis.dims), [])
    _put(data, "max_dims", axis.max_dims, None)
    _put(data, "min_utilization", axis.min_utilization, 0.0)
    return data


def _tensors(tensors: TensorSet) -> str | list[str]:
    if tensors == EVERYTHING:
        return "all"
    return "none" if tensors == NOTHING else list(tensors.names)


def _put(data: dict[str, Any], key: str, value: Any, default: Any) -> None:
    if value != default:
        data[key] = _short(value) if isinstance(value, float) else value


def _short(value: float) -> float | int:
    """1 instead of 1.0; loads back to an equal number."""
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value
