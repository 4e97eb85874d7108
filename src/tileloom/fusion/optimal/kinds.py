"""Problems of a graph by kind: those that are equal but for names share bounds and rows."""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory
from tileloom.core.errors import UnsupportedError
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Kind, Limits
from tileloom.fusion.optimal.halo_plan import HaloOptions, HaloSpec, Plan
from tileloom.fusion.optimal.halo_rows import HaloRows
from tileloom.fusion.optimal.rows import KindRows
from tileloom.workload.problem import Problem


def kinds_of(
    graph: FusedGraph,
    objective: int,
    limits: Limits,
    *,
    reversed_copies: bool = False,
    halo: HaloOptions | None = None,
    only_tiles: bool = False,
    searched: Sequence[KindRows] = (),
) -> tuple[KindRows, ...]:
    """Per layer the rows of its kind; equal kinds give the same object.

    halo        tile loops over windows that overlap;  only_tiles: nothing else
    searched    the same layers from a call with other options, whose searched tiles are used again
    """
    only_tiles = only_tiles or (halo is not None and halo.one_stack)
    tracked, roomy = _tracked(graph)
    known: dict[object, KindRows] = {}
    found = []
    for i in range(len(graph.layers)):
        kind = _kind(graph, i, tracked, roomy, reversed_copies)
        key = _fingerprint(kind)
        if key not in known:
            known[key] = KindRows(kind, objective, limits, listed=not only_tiles)
        found.append(known[key])
    if halo is not None and halo.mode != "none":
        _add_tiles(graph, found, halo, only_tiles)
        for own, other in zip(found, searched):
            if own.halo is not None and other.halo is not None:
                own.halo.search.share(other.halo.search)
    return tuple(found)


def _add_tiles(graph: FusedGraph, rows: Sequence[KindRows], options: HaloOptions, only_tiles: bool) -> None:
    """Gives every kind the groups below tile loops of all layers of that kind."""
    plan = Plan(graph, options)
    specs: dict[KindRows, list[HaloSpec]] = {}
    readers: dict[KindRows, frozenset[int]] = {}
    for i, (layer, own) in enumerate(zip(graph.layers, rows)):
        alone = frozenset(
            p for p, t in enumerate(layer.tensors) if sum(u != graph.producer.get(t) for u in graph.uses[t]) == 1
        )
        specs.setdefault(own, []).extend(plan.specs[i])
        readers[own] = readers.get(own, alone) & alone
    crossed = _crossed(graph, plan)
    for own, listed in specs.items():
        if listed:
            own.halo = HaloRows(own, listed, options.mode, readers[own], crossed)
        if only_tiles:
            own.only_tiles()


def _crossed(graph: FusedGraph, plan: Plan) -> frozenset[str]:
    """Memories in which something may stay from one layer or tile to the next."""
    found = {graph.memories[m - 1] for t in graph.shared for m in plan.places[t]}
    for layer in graph.layers:
        for t in layer.problem.inputs:
            if t.name not in graph.producer:
                must = [m for m in graph.memories if layer.chip.memory(m).keep.has(t)]
                first = graph.memories.index(must[0]) if must else len(graph.memories)
                weights = t.role == "weight"
                found |= {
                    m
                    for k, m in enumerate(graph.memories)
                    if layer.chip.memory(m).allows(t) and (weights or k <= first)
                }
            else:
                found |= {graph.memories[m - 1] for m in plan.places[t.name]}
    return frozenset(found)


def _tracked(graph: FusedGraph) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
    """(memories whose space problems compete for, memories of unlimited use): by name, with bits.

    A memory that holds every tensor of the graph at once, and a private copy of each for every problem, is roomy.
    """
    tracked, roomy = [], []
    for name in graph.memories:
        sizes = {layer.chip.memory(name).capacity_bits for layer in graph.layers if name in _names(layer.chip)}
        if len(sizes) > 1:
            raise UnsupportedError(f"memory '{name}' has several sizes in one graph: {sorted(map(str, sizes))}")
        bits = sizes.pop() if sizes else None
        if bits is None or _everything(graph, name) <= bits:
            roomy.append(name)
        else:
            tracked.append((name, bits))
    return tuple(tracked), tuple(roomy)


def _everything(graph: FusedGraph, name: str) -> int:
    total = 0
    for layer in graph.layers:
        if name not in _names(layer.chip):
            continue
        memory = layer.chip.memory(name)
        total += sum(
            layer.problem.size(t.name) * memory.bits_of(t) * memory.buffers * layer.count for t in layer.problem.tensors
        )
    return total


def _names(chip: Architecture) -> tuple[str, ...]:
    return tuple(m.name for m in chip.memories)


def _kind(
    graph: FusedGraph, i: int, tracked: tuple[tuple[str, int], ...], roomy: tuple[str, ...], reversed_copies: bool
) -> Kind:
    layer = graph.layers[i]
    at = {t: p for p, t in enumerate(layer.tensors)}
    spans = []
    for t in layer.tensors:
        axes = graph.spans(t)
        bits = []
        for name in graph.memories:
            users = [graph.layers[u] for u in graph.uses[t] if name in _names(graph.layers[u].chip)]
            held = [u.chip.memory(name).bits_of(u.problem.tensor(t)) * u.chip.memory(name).buffers for u in users]
            bits.append(max(held, default=0))
        spans.append((axes, tuple(bits)))
    return Kind(
        problem=layer.problem,
        chips={frozenset(at[t] for t in inside): chip for inside, chip in layer.chips.items()},
        shared=frozenset(at[t] for t in layer.tensors if t in graph.shared),
        persistent=frozenset(at[t] for t in layer.persistent),
        axes=tuple(graph.axes.get(t, frozenset()) for t in layer.tensors),
        spans=tuple(spans),
        tracked=tracked,
        roomy=roomy,
        backing=graph.memories,
        count=layer.count,
        reversed_copies=reversed_copies,
    )


def _fingerprint(kind: Kind) -> object:
    return (
        kind.problem.signature,
        frozenset((inside, _chip(kind.problem, chip)) for inside, chip in kind.chips.items()),
        kind.shared,
        kind.persistent,
        kind.axes,
        kind.spans,
        kind.count,
    )


def _chip(problem: Problem, chip: Architecture) -> object:
    """The hardware with every set of tensors as positions of the problem's tensors."""
    return tuple(_node(problem, node) for node in chip.nodes)


def _node(problem: Problem, node: Memory | Fanout | Compute) -> object:
    tensors = problem.tensors
    if isinstance(node, Compute):
        return ("unit", node.name, node.energy_pj, node.ops_per_cycle, node.n_inputs, node.leakage_pj_per_cycle)
    if isinstance(node, Fanout):
        return (
            "fanout",
            tuple(
                (a.name, a.size, _sets(tensors, a.multicast), _sets(tensors, a.stationary),
                 tuple(d.name in a.dims for d in problem.dims) if a.dims else (), a.max_dims,
                 a.min_utilization)
                for a in node.axes
            ),
        )  # fmt: skip
    return (
        "memory", node.name, node.capacity_bits, node.ports, node.buffers, node.refetch_first_output,
        node.leakage_pj_per_cycle,
        tuple((p.width_bits, p.accesses_per_cycle, tuple(p.energy_for(t) for t in tensors)) for p in (node.read, node.write)),
        tuple((_sets(tensors, s), bits) for s, bits in node.partitions),
        _sets(tensors, node.keep), _sets(tensors, node.may_keep), tuple(node.bits_of(t) for t in tensors),
    )  # fmt: skip


def _sets(tensors: Sequence[object], chosen: object) -> tuple[bool, ...]:
    return tuple(chosen.has(t) for t in tensors)  # type: ignore[attr-defined]
