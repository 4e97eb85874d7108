"""A small network mapped by hand-written rules onto an Eyeriss-like chip: real trees, counts in the literal way.

The numbers are plausible, not optimal; tests of the report need sums that close and every status once.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port, TensorSet
from tileloom.cost.base import Cost, Occupancy, Traffic
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree, walk
from tileloom.search.network import LayerResult, NetworkResult
from tileloom.search.objective import SearchResult
from tileloom.workload.network import Layer, Network, Skipped, VectorOp
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

KIB = 8 * 1024


def port(energy_pj: float, width: float, rate: float) -> Port:
    return Port(energy_pj=energy_pj, width_bits=width, accesses_per_cycle=rate)


CHIP = Architecture(
    name="eyeriss-like",
    nodes=(
        Memory(name="DRAM", capacity_bits=None, read=port(512, 64, 1), write=port(512, 64, 1), source="a hand-made case"),
        Memory(
            name="GlobalBuffer", capacity_bits=108 * KIB, read=port(25, 64, 2), write=port(28, 64, 2),
            may_keep=TensorSet(("input", "output")), area_mm2=1.1,
        ),
        Fanout(name="PEArray", axes=(FanoutAxis(name="X", size=14), FanoutAxis(name="Y", size=12))),
        Memory(name="Spad", capacity_bits=KIB // 2, read=port(0.6, 16, 3), write=port(0.7, 16, 2), area_mm2=0.01),
        Compute(name="MAC", energy_pj=0.6),
    ),
    frequency_hz=2e8,
    technology_nm=65,
    description="Row-stationary array of 168 processing elements",
)  # fmt: skip


def conv(name: str, k: int, c: int, size: int, kernel: int, stride: int = 1) -> Problem:
    extents = {"K": k, "C": c, "P": size, "Q": size, "R": kernel, "S": kernel}
    return Problem(
        name=name,
        dims=tuple(Dim(d, e) for d, e in extents.items()),
        tensors=(
            Tensor("I", "input", (Axis((("C", 1),)), Axis((("P", stride), ("R", 1))), Axis((("Q", stride), ("S", 1))))),
            Tensor("W", "weight", tuple(Axis(((d, 1),)) for d in "KCRS")),
            Tensor("O", "output", tuple(Axis(((d, 1),)) for d in "KPQ"), 16),
        ),
        op="conv2d",
    )


def largest_divisor(n: int, most: int) -> int:
    return max(d for d in range(1, most + 1) if n % d == 0)


def mapping_for(problem: Problem) -> MappingTree:
    """Output rows on X, output channels on Y; weights straight from DRAM into the array."""
    e = problem.extents
    q, k, c = largest_divisor(e["Q"], 14), largest_divisor(e["K"], 12), largest_divisor(e["C"], 2)
    return MappingTree(
        (
            Hold(("I", "W", "O"), "DRAM"),
            Loop("K", k),
            Loop("P", largest_divisor(e["P"], 8)),
            Hold(("I", "O"), "GlobalBuffer"),
            Loop("C", c),
            Loop("P", 1),
            Loop("Q", 1, "PEArray", "X") if q == e["Q"] else Loop("Q", q),
            *([] if q == e["Q"] else [Loop("Q", 1, "PEArray", "X")]),
            Loop("K", 1, "PEArray", "Y"),
            Hold(("I", "W", "O"), "Spad"),
            Loop("C", 1),
            Loop("R", 1),
            Loop("S", 1),
            Leaf("MAC"),
        )
    )


def cost_of(problem: Problem, mapping: MappingTree, leakage: bool = False) -> Cost:
    """Literal counts without the first-read rule: every crossing is a read above and writes below."""
    steps = list(walk(mapping, problem.extents))
    used = prod(s.trips for s in steps if isinstance(s.node, Loop) and s.node.spatial)
    rows: list[Traffic] = []
    occupancy, busy = [], {m.name: 0.0 for m in CHIP.memories}
    for tensor in problem.tensors:
        holds = [(i, s) for i, s in enumerate(steps) if isinstance(s.node, Hold) and tensor.name in s.node.tensors]
        moved: dict[tuple[str, str], float] = {}
        for (_, upper), (at, lower) in pairwise(holds):
            loops = [(s.node, s.trips) for s in steps[:at] if isinstance(s.node, Loop)]
            words = tensor.footprint(lower.outside) * prod(
                n for loop, n in loops if not loop.spatial or loop.dim in tensor.dims
            )
            copies = prod(n for loop, n in loops if loop.spatial and loop.dim not in tensor.dims)
            up, down = upper.node.memory, lower.node.memory
            pair = ((up, "write", words), (down, "read", words * copies))
            pair = pair if tensor.is_output else ((up, "read", words), (down, "write", words * copies))
            for memory, action, amount in pair:
                moved[memory, action] = moved.get((memory, action), 0.0) + amount
        inner = holds[-1][1].node.memory
        for action in ("read", "write") if tensor.is_output else ("read",):
            moved[inner, action] = moved.get((inner, action), 0.0) + problem.macs
        for (name, action), words in moved.items():
            memory = CHIP.memory(name)
            access = memory.read if action == "read" else memory.write
            n = words * tensor.bits / access.width_bits
            share = used if name == "Spad" else 1
            busy[name] += n / share / access.accesses_per_cycle
            rows.append(
                Traffic(
                    component=name,
                    tensor=tensor.name,
                    action=action,
                    accesses=n,
                    accesses_per_instance=n / share,
                    energy_pj=n * access.energy_pj,
                )
            )
        for _, step in holds[1:]:
            occupancy.append(
                Occupancy(
                    memory=step.node.memory, tensor=tensor.name, bits=tensor.footprint(step.outside) * tensor.bits
                )
            )
    rows.append(
        Traffic(
            component="MAC",
            tensor="",
            action="compute",
            accesses=problem.macs,
            accesses_per_instance=problem.macs / used,
            energy_pj=0.6 * problem.macs,
        )
    )
    busy["MAC"] = problem.macs / used
    cycles = max(busy.values())
    leak = (("GlobalBuffer", 3.0 * cycles),) if leakage else ()
    return Cost(
        energy_pj=sum(r.energy_pj for r in rows) + sum(e for _, e in leak),
        cycles=cycles,
        macs=problem.macs,
        utilization=problem.macs / (cycles * 168),
        traffic=tuple(rows),
        leakage_pj=leak,
        cycles_by_component=tuple(busy.items()),
        occupancy=tuple(occupancy),
        spatial_use=tuple(
            (s.node.target, s.node.axis, s.trips) for s in steps if isinstance(s.node, Loop) and s.node.axis
        ),
    )


def answer(problem: Problem, status: str = "optimal", leakage: bool = False) -> SearchResult:
    if status == "infeasible":
        reason = "GlobalBuffer holds 108 KiB; the smallest tile of I and O needs 131 KiB"
        return SearchResult(problem=problem, objective="edp", status="infeasible", reasons=(reason,), seconds=0.01)
    mapping = mapping_for(problem)
    cost = cost_of(problem, mapping, leakage)
    bound = {"optimal": cost.edp, "stopped": 0.93 * cost.edp}.get(status, 0.0)
    return SearchResult(
        problem=problem, objective="edp", status=status, mapping=mapping, cost=cost, lower_bound=bound,
        evaluated=problem.macs % 97_000, space_size=problem.macs**2, seconds=0.05 + problem.macs / 1e10, mapper="optimal",
        explain=(("the bound of the group", 41_233), ("capacity of Spad", 1_204), ("dominated tiles", 388_120)),
    )  # fmt: skip


LAYERS = (
    (conv("conv1", 64, 3, 112, 7, 2), "optimal", 1),
    (conv("layer1.0.conv1", 64, 64, 56, 3), "optimal", 4),
    (conv("layer2.0.conv1", 128, 64, 28, 3, 2), "stopped", 1),
    (conv("layer2.0.downsample", 128, 64, 28, 1, 2), "optimal", 1),
    (conv("layer3.0.conv2", 256, 256, 14, 3), "optimal", 3),
    (conv("layer4.0.conv2", 512, 512, 7, 3), "feasible", 3),
)


def network_result(layers: tuple[tuple[Problem, str, int], ...] = LAYERS, name: str = "resnet-small") -> NetworkResult:
    network = Network(
        name=name,
        layers=tuple(Layer(name=p.name, problem=p, operator="Conv", count=n) for p, _, n in layers),
        vector_ops=(
            VectorOp(name="relu1", operator="Relu", elements=802_816),
            VectorOp(name="maxpool", operator="MaxPool", elements=200_704),
            VectorOp(name="add1", operator="Add", elements=200_704),
            VectorOp(name="relu2", operator="Relu", elements=200_704),
        ),
        skipped=(Skipped(node="nms", operator="NonMaxSuppression", reason="data-dependent output shape"),),
        source="resnet-small.onnx",
    )
    found = {p.signature: answer(p, status, leakage=i == 1) for i, (p, status, _) in enumerate(layers)}
    return NetworkResult(
        network=network,
        architecture=CHIP,
        objective="edp",
        mapper="optimal",
        model="loopnest",
        layers=tuple(LayerResult(d, found[d.problem.signature]) for d in network.problems),
        seconds=1.25,
        seed=7,
        options=(("gap", "0"), ("workers", "2")),
    )
