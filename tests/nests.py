"""Random small problems, architectures and legal mappings: what the property tests of the cost layer run on."""

from __future__ import annotations

from math import prod
from random import Random

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, Port, TensorSet
from tileloom.architecture.model import Compute as Unit
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

PROJECTIONS = {
    "gemm": ({"A": "m k", "B": "k n", "Z": "m n"}, "mnk"),
    "conv1d": ({"I": "c S*p+D*r", "W": "k c r", "O": "k p"}, "kcpr"),
    "conv2d": ({"I": "S*p+r S*q+D*s", "W": "k r s", "O": "k p q"}, "kpqrs"),
    "depthwise": ({"I": "c S*p+r", "W": "c r", "O": "c p"}, "cpr"),
    "transposed": ({"I": "c p", "W": "c r", "O": "S*p+r"}, "cpr"),
    "attention": ({"Q": "h m e", "K": "h p e", "S": "h m p"}, "hmpe"),
    "diagonal": ({"A": "m m k", "B": "k", "Z": "m"}, "mk"),
}


def random_problem(random: Random, *, points: int = 64, kinds: tuple[str, ...] = tuple(PROJECTIONS)) -> Problem:
    """One of `kinds` with at most `points` iterations, strides and dilations 1 to 3."""
    kind = random.choice(kinds)
    tensors, dims = PROJECTIONS[kind]
    extents = {d: random.randint(1, 7) for d in dims}
    while prod(extents.values()) > points:
        largest = max(extents, key=lambda d: extents[d])
        extents[largest] -= 1
    factors = {"S": random.randint(1, 3), "D": random.choice([1, 1, 2])}

    def axis(text: str) -> Axis:
        terms = [t.split("*") for t in text.split("+")]
        return Axis(tuple((t[-1], factors[t[0]] if len(t) == 2 else 1) for t in terms))

    last = len(tensors) - 1
    roles = ("input", "weight", "output")
    return Problem(
        kind,
        tuple(Dim(d, e) for d, e in extents.items()),
        tuple(
            Tensor(name, roles[i] if i < last else "output", tuple(axis(a) for a in text.split()), 8 * (1 + i // 2))
            for i, (name, text) in enumerate(tensors.items())
        ),
        op=kind,
    )


def random_architecture(random: Random, problem: Problem, *, max_memories: int = 4) -> Architecture:
    """Two to `max_memories` memories, zero to two fanouts with one or two axes, any multicast ability."""

    def port() -> Port:
        return Port(
            energy_pj=random.choice([0.5, 1.0, 3.25]),
            width_bits=random.choice([1, 8, 64]),
            accesses_per_cycle=random.choice([0.5, 1.0, 16.0]),
            energy_pj_by_tensor=random.choice([(), (("weight", 2.0),)]),
        )

    def memory(level: int, capacity: int | None) -> Memory:
        return Memory(
            name=f"M{level}",
            capacity_bits=capacity,
            read=port(),
            write=port(),
            ports=random.choice(["shared", "separate"]),
            value_bits=random.choice([(), (("output", 32),)]),
            buffers=random.choice([1, 1, 2]),
            refetch_first_output=random.random() < 0.15,
            leakage_pj_per_cycle=random.choice([0.0, 0.125]),
        )

    def multicast() -> TensorSet:
        return TensorSet(tuple(t.name for t in problem.tensors if random.random() < 0.7))

    levels = random.randint(2, max_memories)
    nodes: list[Memory | Fanout | Unit] = [memory(0, None)]
    for level in range(1, levels + 1):
        if random.random() < 0.5:
            axes = tuple(
                FanoutAxis(name=name, size=random.randint(1, 6), multicast=multicast())
                for name in random.choice([("X",), ("X", "Y")])
            )
            nodes.append(Fanout(name=f"F{level}", axes=axes))
        if level < levels:
            nodes.append(memory(level, random.choice([None, 256, 1024, 8192])))
    nodes.append(Unit(name="MAC", energy_pj=0.25, ops_per_cycle=random.choice([1.0, 2.0])))
    return Architecture("random", tuple(nodes))


def random_mapping(
    random: Random, problem: Problem, architecture: Architecture, *, perfect: bool = False, first: bool = False
) -> MappingTree:
    """Loops in any order, any bypass, Holds anywhere between the fanouts around their memory.

    perfect  only tiles that divide;  first: some temporal loops start with a shorter tile
    """
    current = dict(problem.extents)
    nodes: list[TreeNode] = []

    def cut(dim: str) -> int:
        size = current[dim]
        tiles = [t for t in range(1, size + 1) if not perfect or size % t == 0]
        current[dim] = random.choice(tiles)
        return current[dim]

    def temporal(at_most: int) -> list[TreeNode]:
        made: list[TreeNode] = []
        for dim in random.choices(list(current), k=random.randint(0, at_most)):
            size, tile = current[dim], cut(dim)
            start = random.randint(1, tile) if first and tile < size and random.random() < 0.3 else None
            made.append(Loop(dim, tile, first=start if start != tile else None))
        return made

    for level, node in enumerate(architecture.nodes[:-1]):
        if isinstance(node, Fanout):
            for axis in node.axes:
                for dim in random.sample(list(current), k=random.randint(0, 2)):
                    nodes.append(Loop(dim, cut(dim), node.name, axis.name))
            continue
        held = [t.name for t in problem.tensors if level == 0 or random.random() < 0.7]
        random.shuffle(held)
        if level:
            nodes.extend(temporal(1))
        while held:
            taken, held = held[: random.randint(1, 3)], held[random.randint(1, 3) :]
            held = [t for t in held if t not in taken]
            mode = "stream" if level and random.random() < 0.1 else "keep"
            nodes.append(Hold(tuple(taken), node.name, mode))
            nodes.extend(temporal(2))
        if level == 0:
            missing = tuple(
                t.name for t in problem.tensors if not any(t.name in h.tensors for h in MappingTree(tuple(nodes)).holds)
            )
            if missing:
                nodes.insert(0, Hold(missing, node.name))
    tail = [d for d, size in current.items() if size > 1]
    random.shuffle(tail)
    return MappingTree((*nodes, *(Loop(d, 1) for d in tail), Compute("MAC")))
