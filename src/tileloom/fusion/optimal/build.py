"""From chosen rows to the mapping tree: each problem's chain, then one tree in which shared loops stand once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Source
from tileloom.fusion.optimal.join import Choice
from tileloom.fusion.optimal.rows import KindRows
from tileloom.fusion.optimal.space import looped_dims
from tileloom.mapping.fused import own_copy, shared_dim
from tileloom.mapping.halo import follow_dim
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, Seq, TreeNode
from tileloom.search.optimal.arrays import Ints
from tileloom.workload.problem import Problem


@dataclass(frozen=True)
class Chain:
    """One problem's nodes. shared: its shared loops, outermost first; holds: (shared loops above, tensor, memory) of
    tiles held above or among them; rest: everything below.

    tiled: its shared loops are tile loops (mapping/halo.py);  leader: it is what they cut;  strips: (tile loops above,
    tensor, memory) of overlaps that stay
    """

    name: str
    shared: tuple[Loop, ...]
    holds: tuple[tuple[int, str, str], ...]
    rest: tuple[TreeNode, ...]
    tiled: bool = False
    leader: bool = False
    strips: tuple[tuple[int, str, str], ...] = ()


def chain_for(kind: KindRows, graph: FusedGraph, layer: int, choice: Choice) -> Chain:
    """The chain of one layer with the names of its own tensors and dims."""
    problem = graph.layers[layer].problem
    front = choice.group.front
    assert front is not None
    source, rows = front.sources[choice.row]
    if source is None:
        return _copy_chain(kind, graph, layer, choice)
    if not isinstance(source, Source):
        from tileloom.fusion.optimal.halo_build import tiled_chain

        return tiled_chain(kind, graph, layer, source)
    return chain_of(kind, problem, source, rows)


def chain_of(kind: KindRows, problem: Problem, source: Source, rows: Ints) -> Chain:
    """The chain of one row of a problem of a kind, with the names of `problem`."""
    arrays = kind.templates[source.template]
    setting, template = kind.settings[kind.setting_of[source.template]], arrays.fused.template
    # Kinds number dims and tensors by position; extents of 1 have no loops.
    dims = looped_dims(problem)
    names = tuple(t.name for t in problem.tensors)
    tiles = arrays.tiles_of(rows)
    current = [problem.extents[d] for d in dims]
    below = [dict(zip(template.allowed[i], tiles[i])) for i in range(len(dims))]
    shared: list[Loop] = []
    holds: list[tuple[int, str, str]] = []
    rest: list[TreeNode] = []
    outermost = setting.memories[0].name
    backed = tuple(n for i, n in enumerate(names) if not arrays.fused.backing[i])
    holds += [(0, n, outermost) for n in backed]
    block = 0
    for index, slot in enumerate(template.slots):
        if slot.block > block:
            block = slot.block
            memory, tensor = template.holds[block - 1]
            held = (names[tensor], setting.memories[memory].name)
            if block <= arrays.fused.fused:
                holds.append((len(shared), *held))
            else:
                rest.append(Hold((held[0],), held[1]))
        if slot.axis < 0 and slot.block < arrays.fused.fused:
            for d, trips in source.order[slot.block]:
                current[d] //= trips
                shared.append(Loop(dims[d], current[d]))
            continue
        halo = template.first_halo[block - 1] if block and slot.axis < 0 else -1
        for d in sorted(range(len(dims)), key=lambda i: i != halo):
            tile = below[d].get(index, current[d])
            if tile == current[d]:
                continue
            current[d] = tile
            if slot.axis < 0:
                rest.append(Loop(dims[d], tile))
            else:
                place = setting.axes[slot.axis]
                rest.append(Loop(dims[d], tile, target=place.fanout.name, axis=place.axis.name))
    rest.append(Compute(setting.compute.name, problem.name))
    return Chain(problem.name, tuple(shared), tuple(holds), tuple(rest))


def _copy_chain(kind: KindRows, graph: FusedGraph, layer: int, choice: Choice) -> Chain:
    """A copy holds its tensors where they are backed and walks through them."""
    problem, chip = graph.layers[layer].problem, graph.layers[layer].chip
    backing = kind.kind.backing
    current = dict(problem.extents)
    loops = max((k[1] for k in choice.group.keys), key=len)
    shared = []
    for axis, trips in loops:
        dim = problem.output.axes[axis].terms[0][0]
        current[dim] //= trips
        shared.append(Loop(dim, current[dim]))
    holds = tuple(
        (len(key[1]), t.name, backing[key[0] - 1] if key[0] else chip.memories[0].name)
        for t, key in zip(problem.tensors, choice.group.keys)
    )
    unit = chip.compute_for(problem) or chip.computes[-1]
    rest: list[TreeNode] = [Loop(d, 1) for d, n in current.items() if n > 1]
    return Chain(problem.name, tuple(shared), holds, (*rest, Compute(unit.name, problem.name)))


def tree_of(graph: FusedGraph, chains: Sequence[Chain], depths: Sequence[int]) -> MappingTree:
    """depths: per cut between neighbours the number of loops that both stand under."""
    builder = _Builder(graph, chains, depths)
    return MappingTree(tuple(builder.segment(0, len(chains), 0, frozenset())))


class _Builder:
    def __init__(self, graph: FusedGraph, chains: Sequence[Chain], depths: Sequence[int]) -> None:
        self.graph, self.chains, self.depths = graph, chains, depths
        self.outermost = graph.layers[0].chip.memories[0].name

    def segment(self, first: int, end: int, depth: int, placed: frozenset[str]) -> list[TreeNode]:
        """Chains first .. end - 1 below `depth` loops that all of them share; `placed`: shared tensors held above."""
        if end - first == 1:
            return self._alone(first, depth, placed)
        parts = self._parts(first, end, depth)
        if len(parts) == 1:
            return self._together(first, end, depth, placed)
        across = self._across(parts, depth) - placed
        nodes: list[TreeNode] = [Hold((t,), self._memory(first, end, t)) for t in sorted(across)]
        children = tuple(tuple(self.segment(a, b, depth, placed | across)) for a, b in parts)
        return [*nodes, Seq(children)]

    def _parts(self, first: int, end: int, depth: int) -> list[tuple[int, int]]:
        cuts = [c + 1 for c in range(first, end - 1) if self.depths[c] <= depth]
        edges = [first, *cuts, end]
        return list(pairwise(edges))

    def _across(self, parts: list[tuple[int, int]], depth: int) -> frozenset[str]:
        """Shared tensors held below exactly `depth` loops by chains of several parts, on chip."""
        found: dict[str, set[int]] = {}
        for n, (a, b) in enumerate(parts):
            for i in range(a, b):
                for level, tensor, memory in self._backed(i):
                    if level == depth and memory != self.outermost:
                        found.setdefault(tensor, set()).add(n)
        return frozenset(t for t, at in found.items() if len(at) > 1)

    def _backed(self, i: int) -> list[tuple[int, str, str]]:
        """Outermost holds of shared tensors in a chain."""
        seen: set[str] = set()
        found = []
        for level, tensor, memory in self.chains[i].holds:
            if tensor in self.graph.shared and tensor not in seen:
                found.append((level, tensor, memory))
            seen.add(tensor)
        return found

    def _memory(self, first: int, end: int, tensor: str) -> str:
        return next(m for i in range(first, end) for _, t, m in self._backed(i) if t == tensor)

    def _together(self, first: int, end: int, depth: int, placed: frozenset[str]) -> list[TreeNode]:
        """All chains stand under one more loop: what they hold above it, the loop, and the rest."""
        nodes: list[TreeNode] = []
        here = set(placed)
        for i in range(first, end):
            nodes += self._holds(i, depth, here, end)
        loops = {self.chains[i].name: self.chains[i].shared[depth] for i in range(first, end)}
        leader = next(iter(loops.values()))
        if self.chains[first].tiled:
            nodes += self._tile_loop(first, end, depth)
        elif all(loop == leader for loop in loops.values()):
            nodes.append(leader)
        else:
            nodes.append(Loop(shared_dim({name: loop.dim for name, loop in loops.items()}), leader.tile))
        return [*nodes, *self.segment(first, end, depth + 1, frozenset(here))]

    def _tile_loop(self, first: int, end: int, depth: int) -> list[TreeNode]:
        """The overlaps that stay, and the tile loop; its leader first, then those that follow, nearest first."""
        chains = [self.chains[i] for i in range(first, end)]
        kept = dict.fromkeys((t, m) for c in chains for level, t, m in c.strips if level == depth)
        order = [c for c in chains if c.leader] + [c for c in reversed(chains) if not c.leader]
        dims = {c.name: c.shared[depth].dim for c in order}
        return [*(Hold((t,), m, "strip") for t, m in kept), Loop(follow_dim(dims), order[0].shared[depth].tile)]

    def _holds(self, i: int, depth: int, here: set[str], end: int | None = None) -> list[TreeNode]:
        """Holds of chain `i` below exactly `depth` shared loops; a shared tensor's outermost one only once.

        Above other users of a tensor (chains before `end`) a copy of one's own names its owner.
        """
        chain = self.chains[i]
        backed = {(t, m) for _, t, m in self._backed(i)}
        others = {
            t for k in range(i + 1 if end is None else 0, end or 0) if k != i for t in self.graph.layers[k].tensors
        }
        nodes: list[TreeNode] = []
        for level, tensor, memory in chain.holds:
            if level != depth:
                continue
            if (tensor, memory) in backed:
                if tensor in here:
                    continue
                here.add(tensor)
                nodes.append(Hold((tensor,), memory))
            else:
                nodes.append(Hold((own_copy(chain.name, tensor) if tensor in others else tensor,), memory))
        return nodes

    def _alone(self, i: int, depth: int, placed: frozenset[str]) -> list[TreeNode]:
        chain = self.chains[i]
        here = set(placed)
        nodes: list[TreeNode] = []
        for level in range(depth, len(chain.shared) + 1):
            nodes += self._holds(i, level, here)
            if level < len(chain.shared):
                nodes.append(chain.shared[level])
        return [*nodes, *chain.rest]
