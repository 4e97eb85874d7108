"""All 12 distinct ResNet-18 layers proved optimal on Eyeriss (DRAM, buffer, scratchpads, 12 x 14 MACs): goal < 5 CPU s.

CPU time of this process, kernels compiled; tables empty at the start of every objective, so layers share tables as they
do in `tileloom map`. The disk cache is not used.
"""

from __future__ import annotations

from collections.abc import Iterator

import tileloom as tl
from _measure import compile_kernels, cpu_seconds, forget
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import OBJECTIVES, Objective, SearchResult
from tileloom.workload.problem import Problem

GOAL_S = 5.0
ZIGZAG_S = 66.0
"""ZigZag 3.9.1, whole ResNet-18 on its eyeriss_like, energy, lpf_limit 6; two shared cores, once."""


def main() -> Iterator[str]:
    network, chip = tl.load_network("resnet18"), tl.load_architecture("eyeriss")
    compile_kernels(network.problems[-1].problem, tl.load_architecture("simple-2level"))

    def prove(problem: Problem, objective: Objective) -> tuple[SearchResult, float]:
        return cpu_seconds(lambda: OptimalMapper().search(problem, chip, objective))

    found: dict[Objective, list[tuple[SearchResult, float]]] = {}
    for objective in OBJECTIVES:
        forget()
        found[objective] = [prove(d.problem, objective) for d in network.problems]
    yield f"{'layer':<22}" + "".join(f"{o + ' CPU s':>16}" for o in OBJECTIVES) + "  proved"
    for i, distinct in enumerate(network.problems):
        proved = all(found[o][i][0].status == "optimal" for o in OBJECTIVES)
        seconds = "".join(f"{found[o][i][1]:>16.3f}" for o in OBJECTIVES)
        yield f"{distinct.problem.name:<22}{seconds}  {'yes' if proved else 'NO'}"
    totals = {o: sum(s for _, s in found[o]) for o in OBJECTIVES}
    yield f"{'total (goal < 5)':<22}" + "".join(f"{totals[o]:>16.3f}" for o in OBJECTIVES)
    for o in OBJECTIVES:
        verdict = "reached" if totals[o] < GOAL_S else "MISSED"
        yield f"12 layers, {o}: {totals[o]:.2f} CPU s, goal < {GOAL_S:.0f} s {verdict}"
    yield (
        f"remark: ZigZag 3.9.1 took {ZIGZAG_S:.0f} CPU s (recorded) for the whole network on its own Eyeriss-like chip, "
        f"energy: {ZIGZAG_S / totals['energy']:.0f}x; another cost model, a heuristic, and equal layers searched again"
    )
