"""Reads layers for ZigZag's model: DeFiNES's networks in JSON, ZigZag's workload and mapping YAML, and single layers.

The values are in zigzag_layer.py. Padding is not in these files; ZigZag's `pr_loop_sizes` cap the input's extent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import load_yaml
from tileloom.workload.frontends.zigzag_layer import (
    Halo,
    Unroll,
    ZigzagLayer,
    ZigzagNetwork,
    ZigzagNode,
    ZigzagOperand,
)

_TENSOR = re.compile(r"([A-Za-z]\w*)((?:\[\w+\])*)")
_RELATION = re.compile(r"(\w+)=(?:(\d+)\*)?([A-Za-z]\w*)\+(?:(\d+)\*)?([A-Za-z]\w*)")
FINAL = "O_final"
DEFAULT_LINKS = {"O": "O", "W": "I2", "I": "I1", "X": "I1", "Y": "I2", "A": "I1", "B": "I2"}


def make_layer(
    name: str,
    equation: str,
    relations: Sequence[str],
    sizes: Mapping[str, int],
    bits: Mapping[str, int],
    links: Mapping[str, str] | None = None,
    spatial: Mapping[str, Sequence[Unroll]] | None = None,
    *,
    caps: Mapping[str, int] | None = None,
    order: Sequence[Unroll] | None = None,
    kind: str = "",
) -> ZigzagLayer:
    """A layer from the texts of the originals' files.

    equation    'O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]', output first;  relations  'ix=1*ox+1*fx'
    bits        per operand; of the output 'O' for partial sums and 'O_final' for final values
    links       layer operand -> memory operand;  spatial  array dimension -> wished loops
    caps        most elements of a halo dimension ('IX')
    Raises InputError with every fault.
    """
    found = [(n, tuple(a.upper() for a in re.findall(r"\w+", axes))) for n, axes in _TENSOR.findall(equation)]
    sizes = {dim.upper(): size for dim, size in sizes.items()}
    faults = [*_size_faults(sizes), *_spatial_faults(sizes, spatial or {})]
    if len(found) < 2 or "=" not in equation:
        faults.append(f"equation '{equation}' is not OUTPUT[..] = INPUT[..] with one or two inputs")
    elif len(found) > 3:
        faults.append(f"equation '{equation}' has {len(found) - 1} inputs; at most two are supported")
    halos = {}
    for text in relations:
        halo = _halo(text, caps or {})
        if halo is None:
            faults.append(f"relation '{text}' is not of the form ix=2*ox+1*fx")
        else:
            halos[halo.axis] = halo
    for tensor, axes in found:
        for dim in axes:
            inside = (halos[dim].first, halos[dim].second) if dim in halos else (dim,)
            for loop in inside:
                if loop not in sizes:
                    near = did_you_mean(loop, sizes)
                    faults.append(
                        f"'{loop.lower()}' of operand '{tensor}' is no loop dimension{near}; there are {list(sizes)}"
                    )
        if bits.get(tensor) is None:
            faults.append(f"operand '{tensor}' has no precision; there are {dict(bits)}")
    chosen = {tensor: (links or DEFAULT_LINKS).get(tensor) for tensor, _ in found}
    for tensor, link in chosen.items():
        if link is None:
            faults.append(
                f"operand '{tensor}' is linked to no memory operand; memory_operand_links has {dict(links or DEFAULT_LINKS)}"
            )
    if faults:
        raise InputError([f"layer '{name}': {f}" for f in dict.fromkeys(faults)])
    operands = tuple(
        _operand(tensor, axes, sizes, halos, bits, str(chosen[tensor]), position == 0)
        for position, (tensor, axes) in enumerate(found)
    )
    wished = tuple((dim, tuple((d.upper(), int(n)) for d, n in loops)) for dim, loops in (spatial or {}).items())
    fixed = None if order is None else tuple((d.upper(), int(n)) for d, n in order)
    return ZigzagLayer(name, tuple(sizes.items()), operands, wished, fixed, kind)


def _operand(
    name: str,
    axes: tuple[str, ...],
    sizes: Mapping[str, int],
    halos: Mapping[str, Halo],
    bits: Mapping[str, int],
    link: str,
    output: bool,
) -> ZigzagOperand:
    own = tuple(halos[a] for a in axes if a in halos)
    inside = {d for h in own for d in (h.first, h.second)}
    plain = [a for a in axes if a not in halos and a not in inside]
    return ZigzagOperand(
        name=name,
        axes=axes,
        relevant=tuple(d for d in plain if sizes[d] != 1),
        irrelevant=tuple(d for d in sizes if d not in plain and d not in inside and sizes[d] != 1),
        halos=own,
        bits=int(bits.get(FINAL, bits[name]) if output else bits[name]),
        partial_bits=int(bits[name]),
        memory_operand=link,
        is_output=output,
    )


def _halo(text: str, caps: Mapping[str, int]) -> Halo | None:
    match = _RELATION.fullmatch(text.replace(" ", "").upper())
    if match is None:
        return None
    axis, a, first, b, second = match.groups()
    return Halo(axis, first, second, int(a or 1), int(b or 1), caps.get(axis))


def _size_faults(sizes: Mapping[str, int]) -> Iterator[str]:
    for dim, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 2**31:
            yield f"loop dimension '{dim}' has size {size!r}; expected a whole number from 1 to 2^31"


def _spatial_faults(sizes: Mapping[str, int], spatial: Mapping[str, Sequence[Unroll]]) -> Iterator[str]:
    for array_dim, loops in spatial.items():
        for dim, size in loops:
            if size < 1:
                yield f"spatial mapping {array_dim}: {dim}, {size}: expected at least 1"


def read_defines_workloads(path: str | Path) -> dict[str, ZigzagNetwork]:
    """DeFiNES's networks by 'name@family', from the JSON form of its workload modules."""
    document = load_yaml(path)
    if not isinstance(document.data, dict):
        raise InputError(f"{document.file}: expected networks by name", file=document.file)
    return {name: defines_network(name, data) for name, data in document.data.items()}


def defines_network(name: str, data: Any) -> ZigzagNetwork:
    """One network of that JSON form, in topological order.

    Raises InputError with every fault: unknown producers, cycles, layers that cannot be read.
    """
    nodes: list[ZigzagNode] = []
    faults: list[str] = []
    for key, layer in data.items():
        try:
            nodes.append(_defines_node(int(key), layer))
        except InputError as error:
            faults += error.problems
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            faults.append(f"layer '{key}': missing or malformed: {str(error)[:200]}")
    numbers = {n.number for n in nodes}
    faults += [
        f"layer {n.number}: operand '{o}' comes from layer {p}, which does not exist"
        for n in nodes
        for o, ids in n.sources
        for p in ids
        if p not in numbers and not faults
    ]
    if faults:
        raise InputError([f"network '{name}': {f}" for f in faults])
    return ZigzagNetwork(name, topological(name, nodes))


def topological(name: str, nodes: Sequence[ZigzagNode]) -> tuple[ZigzagNode, ...]:
    """Nodes with producers first, otherwise in the given order. InputError names the layers of a cycle."""
    left, done, ordered = list(nodes), set[int](), list[ZigzagNode]()
    while left:
        ready = next((n for n in left if all(p in done for p in n.producers)), None)
        if ready is None:
            raise InputError(f"network '{name}': layers {[n.number for n in left]} form a cycle or depend on one")
        left.remove(ready)
        done.add(ready.number)
        ordered.append(ready)
    return tuple(ordered)


def _defines_node(number: int, data: Mapping[str, Any]) -> ZigzagNode:
    links = data["memory_operand_links"]
    if data["equation"] == "input":
        sizes = {str(d): int(n) for d, n in data["loop_dim_size"].items()}
        bits = int(data["precision"])
        relevant = tuple(d for d, n in sizes.items() if n != 1)
        output = ZigzagOperand("O", tuple(sizes), relevant, (), (), bits, bits, links["O"], True)
        return ZigzagNode(number, ZigzagLayer(f"input {number}", tuple(sizes.items()), (output,), kind="input"))
    wished = {dim: (tuple(loop),) for dim, loop in data.get("spatial_mapping", {}).items()}
    layer = make_layer(
        f"layer {number}",
        data["equation"],
        data.get("equation_relations", ()),
        data["loop_dim_size"],
        data["operand_precision"],
        links,
        wished,
    )
    renamed = data.get("operand_source_dimension_mapping", {})
    return ZigzagNode(
        number,
        layer,
        tuple((o, tuple(int(p) for p in ids)) for o, ids in data.get("operand_source", {}).items()),
        tuple((o, tuple(dims.items())) for o, dims in renamed.items()),
        tuple(data.get("constant_operands", ())),
    )
