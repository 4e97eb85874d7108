"""Random fused trees over random graphs, legal and illegal ones; what they must have in common with the walk of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from tileloom.architecture.model import Architecture
from tileloom.core.factors import divisors
from tileloom.mapping.fused import own_copy, shared_dim
from tileloom.mapping.fused_legality import tensors_between
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

Extents = dict[str, dict[str, int]]


def random_tree(
    random: Random, problems: Sequence[Problem], chip: Architecture, *, pipes: bool = True, imperfect: bool = False
) -> MappingTree:
    """A tree of which some are legal: what passes between problems is backed anywhere, loops mostly walk along it."""
    between = tensors_between(problems)
    outside = {t.name for p in problems for t in p.tensors} - between
    outside |= {t for t in sorted(between) if random.random() < 0.35}
    grower = _Grower(random, chip, between, pipes, imperfect)
    extents: Extents = {p.name: dict(p.extents) for p in problems}
    nodes = grower.together(list(problems), frozenset(outside), extents, 0)
    return MappingTree((Hold(tuple(sorted(outside)), chip.memories[0].name), *nodes))


class _Grower:
    def __init__(
        self, random: Random, chip: Architecture, between: frozenset[str], pipes: bool, imperfect: bool
    ) -> None:
        self.random, self.between, self.pipes, self.imperfect = random, between, pipes, imperfect
        self.memories = [m.name for m in chip.memories]
        self.unit = chip.computes[-1].name

    def together(self, problems: list[Problem], placed: frozenset[str], extents: Extents, depth: int) -> list[TreeNode]:
        if len(problems) == 1:
            return self._alone(problems[0], placed, extents[problems[0].name])
        random = self.random
        nodes: list[TreeNode] = []
        extents = {p.name: dict(extents[p.name]) for p in problems}
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            open_ones = [t for t in sorted(self.between - placed) if self._users(problems, t) > 1]
            roll = random.random()
            if roll < 0.45 and open_ones:
                tensor = random.choice(open_ones)
                nodes.append(Hold((tensor,), random.choice(self.memories[1:])))
                placed |= {tensor}
            elif roll < 0.8:
                loop = self._shared_loop(problems, extents)
                nodes += [loop] if loop is not None else []
            elif roll < 0.9:
                problem = random.choice(problems)
                known = [t.name for t in problem.tensors if t.name in placed and not problem.copy]
                if known:
                    nodes.append(
                        Hold((own_copy(problem.name, random.choice(known)),), random.choice(self.memories[1:]))
                    )
        for tensor in [t for t in sorted(self.between - placed) if self._users(problems, t) > 1]:
            # Mostly held before the branches part.
            if random.random() < 0.9:
                nodes.append(Hold((tensor,), random.choice(self.memories[1:])))
                placed |= {tensor}
        parts = self._parts(problems)
        kind: type[Seq] | type[Pipe] = Seq
        if self.pipes and len(parts) == len(problems) and random.random() < 0.4:
            kind = Pipe
        return [*nodes, kind(tuple(tuple(self.together(p, placed, extents, depth + 1)) for p in parts))]

    def _users(self, problems: Sequence[Problem], tensor: str) -> int:
        return sum(1 for p in problems for t in p.tensors if t.name == tensor)

    def _parts(self, problems: list[Problem]) -> list[list[Problem]]:
        if len(problems) == 2 or self.random.random() < 0.6:
            return [[p] for p in problems]
        cut = self.random.randrange(1, len(problems))
        return [problems[:cut], problems[cut:]]

    def _shared_loop(self, problems: Sequence[Problem], extents: Extents) -> Loop | None:
        """Along an axis of one tensor where a problem has it, else along any dim with such a divisor."""
        random = self.random
        tensor = random.choice(sorted({t.name for p in problems for t in p.tensors}))
        axis = random.randrange(2)
        trips = random.choice((2, 2, 4))
        dims: dict[str, str] = {}
        for p in problems:
            own = [t for t in p.tensors if t.name == tensor and axis < len(t.axes)]
            wanted = [own[0].axes[axis].terms[0][0]] if own and random.random() < 0.95 else []
            able = [d for d in (*wanted, *p.extents) if extents[p.name].get(d, 1) % trips == 0]
            if not able:
                return None
            dims[p.name] = able[0] if wanted else random.choice(able)
        for name, d in dims.items():
            extents[name][d] //= trips
        first, dim = next(iter(dims.items()))
        alike = len({(d, extents[n][d]) for n, d in dims.items()}) == 1
        return Loop(dim if alike and random.random() < 0.5 else shared_dim(dims), extents[first][dim])

    def _alone(self, problem: Problem, placed: frozenset[str], extents: Mapping[str, int]) -> list[TreeNode]:
        random = self.random
        current = dict(extents)
        missing = [t.name for t in problem.tensors if t.name not in placed]
        nodes: list[TreeNode] = [Hold((t,), random.choice(self.memories)) for t in missing]
        copies: list[TreeNode] = []
        if not problem.copy:
            for memory in self.memories[1:]:
                for t in problem.tensors:
                    if random.random() < 0.3:
                        copies.append(Hold((t.name,), memory))
        rest: list[TreeNode] = []
        for hold in [*copies, None]:
            dims = [d for d, n in current.items() if n > 1]
            random.shuffle(dims)
            for d in dims:
                tile = 1
                if hold is not None:
                    tile = random.choice(divisors(current[d]))
                    if self.imperfect and random.random() < 0.2:
                        tile = random.randint(1, current[d])
                if tile < current[d]:
                    rest.append(Loop(d, tile))
                    current[d] = tile
            if hold is not None:
                rest.append(hold)
        return [*nodes, *rest, Compute(self.unit, problem.name)]


def mutated(random: Random, tree: MappingTree) -> MappingTree:
    """The same with one thing changed: neighbours exchanged, branches turned round, another memory, another tile."""
    return MappingTree(_changed(random, tree.nodes))


def _changed(random: Random, nodes: tuple[TreeNode, ...]) -> tuple[TreeNode, ...]:
    last = nodes[-1]
    if isinstance(last, Seq | Pipe) and (len(nodes) == 1 or random.random() < 0.5):
        children = list(last.children)
        if random.random() < 0.4:
            random.shuffle(children)
        else:
            b = random.randrange(len(children))
            children[b] = _changed(random, children[b])
        return (*nodes[:-1], type(last)(tuple(children)))
    at = random.randrange(len(nodes))
    node = nodes[at]
    if isinstance(node, Hold) and random.random() < 0.5:
        return (*nodes[:at], Hold(node.tensors, random.choice(("DRAM", "GB"))), *nodes[at + 1 :])
    if isinstance(node, Loop) and random.random() < 0.5:
        return (*nodes[:at], Loop(node.dim, random.choice((1, 2, 3))), *nodes[at + 1 :])
    if 0 < at < len(nodes) - 1:
        return (*nodes[: at - 1], nodes[at], nodes[at - 1], *nodes[at + 1 :])
    return nodes
