"""The slow twin of the fused optimum: every mapping of every problem, joined in every way, by the definitions alone.

No template rules, no fronts inside a problem beyond dropping what is worse in every number, no bounds. For graphs of a
few problems with extents up to 4 on chips without arrays. Used by tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, permutations, product
from math import inf, prod

from tileloom.architecture.model import Architecture
from tileloom.core.factors import divisors
from tileloom.cost.fused import copy_cost
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.fusion.optimal.graph import FusedGraph, FusedLayer
from tileloom.mapping.fused_occupancy import stop_of
from tileloom.mapping.residency import backing_index, reserved_tile
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.search.objective import Objective
from tileloom.workload.problem import Tensor

Where = tuple[str, tuple[tuple[int, int], ...]]
"""Memory that backs a tensor, and (axis, trips) of the loops above."""


@dataclass(frozen=True)
class Row:
    """where: per shared tensor;  loops: trips of shared loops;  private: (memory, level, bits), level -1 for the run.

    walks   per shared tensor the axis that each shared loop below its hold walks along, alone and as all its users (-1)
    """

    energy: float
    cycles: float
    where: tuple[tuple[str, Where], ...]
    loops: tuple[int, ...]
    private: tuple[tuple[str, int, int], ...]
    walks: tuple[tuple[str, tuple[int, ...]], ...]


def all_rows(graph: FusedGraph, max_loops: int = 99, loops_per_dim: int = 1) -> list[list[Row]]:
    """Per layer every mapping that is not worse than another in every number; capacities play no part."""
    return [_undominated(list(_rows(graph, i, max_loops, loops_per_dim))) for i in range(len(graph.layers))]


def best_of(graph: FusedGraph, rows: Sequence[Sequence[Row]], objective: Objective) -> float:
    """Least value over all ways to join one row per layer that fit; inf when none does."""
    best = inf
    for chosen in _joined(graph, rows, ()):
        energy, cycles = sum(r.energy for r in chosen), sum(r.cycles for r in chosen)
        value = {"energy": energy, "latency": cycles, "edp": energy * cycles}[objective]
        if value < best and _fits(graph, chosen):
            best = value
    return best


def front_of(graph: FusedGraph, rows: Sequence[Sequence[Row]]) -> list[tuple[float, float]]:
    """Every (energy, cycles) of ways to join one row per layer that fit which no other one beats, energy ascending."""
    sums = ((sum(r.energy for r in c), sum(r.cycles for r in c), c) for c in _joined(graph, rows, ()))
    known: list[tuple[float, float]] = []
    for energy, cycles, chosen in sums:
        if not any(e <= energy and c <= cycles for e, c in known) and _fits(graph, chosen):
            known = [(e, c) for e, c in known if e < energy or c < cycles] + [(energy, cycles)]
    return sorted(known)


def _rows(graph: FusedGraph, i: int, max_loops: int, loops_per_dim: int) -> Iterator[Row]:
    layer = graph.layers[i]
    for inside, chip in layer.chips.items():
        for nodes in _chains(layer, chip, inside):
            row = _row(graph, layer, chip, inside, MappingTree(nodes), max_loops, loops_per_dim)
            if row is not None:
                yield row


def _chains(layer: FusedLayer, chip: Architecture, inside: frozenset[str]) -> Iterator[tuple[TreeNode, ...]]:
    """Every order of holds (outer memories first), every loop in every gap, in every order."""
    problem = layer.problem
    unit = chip.compute_for(problem)
    assert unit is not None
    names = [t.name for t in problem.tensors]
    top = Hold(tuple(n for n in names if n not in inside), chip.memories[0].name)
    choices = []
    for memory in chip.memories[1:]:
        must = [t.name for t in problem.tensors if memory.keep.has(t) and not problem.copy]
        may = [t.name for t in problem.tensors if memory.may_keep.has(t) and t.name not in must]
        subsets = chain.from_iterable(combinations(may, k) for k in range(len(may) + 1))
        choices.append([(memory.name, (*must, *extra)) for extra in subsets])
    for placed in product(*choices):
        held_ones = [n for _, held in placed for n in held]
        if not inside <= set(held_ones) or (problem.copy and sorted(held_ones) != sorted(inside)):
            # A copy holds its ends where they are backed, and nothing else.
            continue
        for order in product(*(permutations(held) for _, held in placed)):
            holds = [Hold((n,), memory) for (memory, _), held in zip(placed, order) for n in held]
            for gaps in _gaps(problem.extents, len(holds) + 1):
                nodes: list[TreeNode] = [top] if top.tensors else []
                for hold, gap in zip([*holds, None], gaps):
                    nodes += gap
                    if hold is not None:
                        nodes.append(hold)
                yield (*nodes, Compute(unit.name))


def _gaps(extents: dict[str, int], count: int) -> Iterator[tuple[tuple[Loop, ...], ...]]:
    """Loops in `count` gaps between holds: every way to tile, every order inside a gap."""
    trips = [[t for t in product(divisors(n), repeat=count) if prod(t) == n] for n in extents.values()]
    for choice in product(*trips):
        gaps = [[(d, t[g]) for d, t in zip(extents, choice) if t[g] > 1] for g in range(count)]
        for orders in product(*(tuple(permutations(gap)) for gap in gaps)):
            current = dict(extents)
            found = []
            for order in orders:
                loops = []
                for d, n in order:
                    current[d] //= n
                    loops.append(Loop(d, current[d]))
                found.append(tuple(loops))
            yield tuple(found)


def _row(
    graph: FusedGraph,
    layer: FusedLayer,
    chip: Architecture,
    inside: frozenset[str],
    mapping: MappingTree,
    max_loops: int,
    loops_per_dim: int,
) -> Row | None:
    problem = layer.problem
    trips: list[tuple[str, int]] = []
    above: list[int] = []
    current = dict(problem.extents)
    for node in mapping.nodes:
        above.append(len(trips))
        if isinstance(node, Loop):
            trips.append((node.dim, current[node.dim] // node.tile))
            current[node.dim] = node.tile
    backing = {t: backing_index(mapping, t) for t in layer.tensors}
    where, deepest = [], 0
    for name in layer.tensors:
        index = backing[name]
        assert index is not None
        loops = trips[: above[index]] if name in inside else []
        tensor = problem.tensor(name)
        if name in inside and (name in layer.persistent and loops):
            return None
        if any(tensor.relevance(d) != "relevant" for d, _ in loops):
            return None
        if name in graph.shared:
            node = mapping.nodes[index]
            assert isinstance(node, Hold)
            axes = [next(a for a, x in enumerate(tensor.axes) if x.terms[0][0] == d) for d, _ in loops]
            where.append((name, (node.memory, tuple(zip(axes, (n for _, n in loops))))))
            deepest = max(deepest, len(loops))
    shared = trips[:deepest]
    dims = [d for d, _ in shared]
    if len(shared) > max_loops or any(dims.count(d) > loops_per_dim for d in dims):
        return None
    private: dict[tuple[str, int], int] = {}
    for index, node in enumerate(mapping.nodes):
        if not isinstance(node, Hold):
            continue
        for name in node.tensors:
            backs = backing[name] == index
            if node.memory == chip.memories[0].name or (backs and name in graph.shared):
                continue
            memory, tensor = chip.memory(node.memory), problem.tensor(name)
            bits = tensor.footprint(reserved_tile(problem, mapping, index, name)) * memory.bits_of(tensor)
            stop = stop_of(problem, mapping, index, name)
            level = min(above[stop] + isinstance(mapping.nodes[stop], Loop), deepest)
            if backs and name in layer.persistent:
                level, bits = -1, bits * layer.count
            private[memory.name, level] = private.get((memory.name, level), 0) + bits * memory.buffers
    cost = copy_cost(problem, chip, mapping) if problem.copy else LoopnestModel().evaluate(problem, chip, mapping)
    return Row(
        cost.energy_pj * layer.count,
        cost.cycles * layer.count,
        tuple(where),
        tuple(n for _, n in shared),
        tuple((m, k, b) for (m, k), b in sorted(private.items())),
        tuple((t, _walk(graph, problem.tensor(t), dims[len(w[1]) :])) for t, w in where),
    )


def _walk(graph: FusedGraph, tensor: Tensor, dims: Sequence[str]) -> tuple[int, ...]:
    axes = {tensor.axes[a].terms[0][0]: a for a in graph.axes[tensor.name]}
    return tuple(axes.get(d, -1) for d in dims)


def _undominated(rows: list[Row]) -> list[Row]:
    """Rows of one kind (places, loops) that no other is at least as good as in every number."""
    kinds: dict[object, list[Row]] = {}
    for row in dict.fromkeys(rows):
        kinds.setdefault((row.where, row.loops, row.walks), []).append(row)
    kept = []
    for own in kinds.values():
        names = sorted({(m, k) for r in own for m, k, _ in r.private})
        numbers = [(r.energy, r.cycles, *({(m, k): b for m, k, b in r.private}.get(n, 0) for n in names)) for r in own]
        found: list[tuple[tuple[float, ...], Row]] = []
        for number, row in sorted(zip(numbers, own), key=lambda x: x[0]):
            if not any(all(a <= b for a, b in zip(other, number)) for other, _ in found):
                found.append((number, row))
        kept += [row for _, row in found]
    return kept


def _joined(graph: FusedGraph, rows: Sequence[Sequence[Row]], chosen: tuple[Row, ...]) -> Iterator[tuple[Row, ...]]:
    """Rows that agree on every tensor they share and on the loops open between them."""
    i = len(chosen)
    if i == len(rows):
        yield chosen
        return
    known = {t: w for row in chosen for t, w in row.where}
    open_loops = _open_loops(graph, chosen)
    for row in rows[i]:
        if any(known.get(t, w) != w for t, w in row.where):
            continue
        if row.loops[: len(open_loops)] != open_loops:
            continue
        depth = max((len(w[1]) for t, w in row.where if t in graph.live(i)), default=0)
        if any(len(known[t][1]) > depth for t in graph.live(i) if t in known and t not in dict(row.where)):
            continue
        if not _all_there(graph, (*chosen, row)):
            continue
        yield from _joined(graph, rows, (*chosen, row))


def _all_there(graph: FusedGraph, chosen: tuple[Row, ...]) -> bool:
    """Whether the last problem reads, in loops it shares with a writer, only what the same trip has made."""
    i = len(chosen) - 1
    for t, (_, loops) in chosen[i].where:
        e = graph.producer.get(t, i)
        if e >= i:
            continue
        together = min(len(_open_loops(graph, chosen[: c + 1])) for c in range(e, i))
        made, read = (dict(chosen[k].walks)[t][: max(0, together - len(loops))] for k in (e, i))
        if made != read or -1 in made:
            return False
    return True


def _open_loops(graph: FusedGraph, chosen: tuple[Row, ...]) -> tuple[int, ...]:
    """Trips of the loops open behind the last chosen problem: those above the deepest tensor alive there."""
    if not chosen:
        return ()
    live = graph.live(len(chosen) - 1)
    known = {t: w for row in chosen for t, w in row.where}
    return max((tuple(n for _, n in known[t][1]) for t in live), key=len, default=())


def _fits(graph: FusedGraph, chosen: tuple[Row, ...]) -> bool:
    cuts = [len(_open_loops(graph, chosen[: c + 1])) for c in range(len(chosen) - 1)]

    def together(e: int, f: int) -> int:
        return min(cuts[min(e, f) : max(e, f)])

    known = {t: w for row in chosen for t, w in row.where}
    chip = graph.layers[0].chip
    for memory in chip.memories[1:]:
        if memory.capacity_bits is None:
            continue
        for f in range(len(chosen)):
            total = 0
            for e, row in enumerate(chosen):
                for m, level, bits in row.private:
                    if m == memory.name and (e == f or level < 0 or level < together(e, f)):
                        total += bits
            for t, (m, loops) in known.items():
                users = graph.uses[t]
                alive = users[0] <= f <= users[-1]
                alive = alive or any(together(e, f) > len(loops) for e in users if e != f)
                layer = graph.layers[f]
                if layer.problem.copy and t == layer.problem.output.name:
                    # Within one memory a copy is one tile under two names.
                    alive = alive and not any(known[x.name][0] == m for x in layer.problem.inputs if x.name in known)
                if m == memory.name and alive:
                    total += _tile_bits(graph, t, memory.name, loops)
            if total > memory.capacity_bits:
                return False
    return True


def _tile_bits(graph: FusedGraph, tensor: str, memory: str, loops: tuple[tuple[int, int], ...]) -> int:
    layer = graph.layers[graph.owner(tensor)]
    held, kept = layer.problem.tensor(tensor), layer.chip.memory(memory)
    trips: dict[int, int] = {}
    for axis, n in loops:
        trips[axis] = trips.get(axis, 1) * n
    values = prod(
        1 + sum(c * (extent // trips.get(a, 1) - 1) for c, extent in terms)
        for a, terms in enumerate(graph.spans(tensor))
    )
    return values * kept.bits_of(held) * kept.buffers
