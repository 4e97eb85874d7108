"""What is wrong with a network before it can be a graph: names and tensors that appear twice, missing, empty or circular.

Also the order in which its nodes run: producers first, one branch finished before the next begins.
"""

from __future__ import annotations

from collections import Counter

from tileloom.core.errors import InputError
from tileloom.workload.network import Layer, Network, VectorOp

Node = Layer | VectorOp
SHOWN = 6


def nodes_in_order(network: Network) -> list[Node]:
    """Nodes with producers first. Raises one InputError with all faults of the network."""
    nodes: list[Node] = [*network.layers, *network.vector_ops]
    faults = [*_twice(nodes), *_missing(network, nodes), *_empty(network, nodes)]
    if faults:
        raise InputError([f"network '{network.name}': {f}" for f in faults])
    order = _ordered(nodes)
    if len(order) < len(nodes):
        left = [n.name for n in nodes if n not in order]
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise InputError(
            f"network '{network.name}': {', '.join(left[:SHOWN])}{more} wait for each other (a cycle): "
            "a fused schedule needs nodes that can run one after another"
        )
    return order


def _twice(nodes: list[Node]) -> list[str]:
    names = Counter(n.name for n in nodes)
    faults = [
        f"{count} nodes are called '{name}'; give each a name of its own" for name, count in names.items() if count > 1
    ]
    makers: dict[str, list[str]] = {}
    for node in nodes:
        for t in node.outputs:
            makers.setdefault(t, []).append(node.name)
    for t, by in makers.items():
        # A transposition folded into the product before it lists the same result.
        vector = [n for n in nodes if n.name in by and isinstance(n, VectorOp) and n.elements]
        layers = [n for n in nodes if n.name in by and isinstance(n, Layer)]
        if len(layers) > 1 or (len(by) > 1 and (vector or not layers)):
            faults.append(f"tensor '{t}' is written by {' and by '.join(repr(n) for n in by)}")
    return faults


def _missing(network: Network, nodes: list[Node]) -> list[str]:
    """Tensors that are read, but neither written nor inputs; only where the source says what its inputs are."""
    if not network.inputs:
        return []
    known = {*network.inputs, *(t for n in nodes for t in n.outputs)}
    known |= {t for s in network.skipped for t in s.outputs}
    readers = [*((n.name, n.inputs) for n in nodes), *((s.node, s.inputs) for s in network.skipped)]
    return [
        f"'{name}' reads '{t}', which nothing writes and which is no input of the network; its inputs are "
        f"{', '.join(network.inputs[:SHOWN])}"
        for name, inputs in readers
        for t in inputs
        if t not in known
    ]


def _empty(network: Network, nodes: list[Node]) -> list[str]:
    faults = []
    for node in nodes:
        # Without an input it is worked out before the network runs, as empty lists of sizes are.
        for t in node.outputs if node.inputs else ():
            shape = network.shapes.get(t) or (node.shape if isinstance(node, VectorOp) else ())
            if 0 in shape:
                faults.append(
                    f"'{node.name}' writes '{t}' of shape {list(shape)}: an axis without positions holds nothing"
                )
    return faults


def _ordered(nodes: list[Node]) -> list[Node]:
    makers = {t: n.name for n in nodes for t in n.outputs}
    place = {n.name: i for i, n in enumerate(nodes)}
    waits = {n.name: {makers[t] for t in n.inputs if t in makers} for n in nodes}
    readers: dict[str, list[str]] = {}
    for name, before in waits.items():
        for b in before:
            readers.setdefault(b, []).append(name)
    ready = [n.name for n in nodes if not waits[n.name]]
    order: list[Node] = []
    by_name = {n.name: n for n in nodes}
    # Depth first, so that a branch is finished before the next one begins and few tensors are alive at once.
    while ready:
        name = ready.pop(0)
        order.append(by_name[name])
        free = []
        for reader in sorted(readers.get(name, ()), key=lambda n: place[n]):
            waits[reader].discard(name)
            if not waits[reader]:
                free.append(reader)
        ready = [*free, *ready]
    return order
