"""Whole networks from ONNX, fused with proof on library chips: CPU seconds against a goal of a minute, and what is saved.

--full adds chips with large scratchpads, where the proof takes longer than the goal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tileloom as tl
from _measure import cpu_seconds, forget
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network

GOAL_S = 60.0


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    cases = [("mobilenetv2", "edge-tpu-like", 0.0), ("resnet18", "edge-tpu-like", 0.0), ("resnet18", "eyeriss", 0.05)]
    cases += [("bert-base", "edge-tpu-like", 0.0), ("resnet50", "edge-tpu-like", 0.0)]
    if "--full" in flags:
        cases += [("efficientnet-b0", "edge-tpu-like", 0.0)]
        cases += [("mobilenetv2", "eyeriss", 0.0), ("resnet18", "eyeriss", 0.0)]
    for name, chip, gap in cases:
        graph = graph_of_network(tl.load_network(name), tl.load_architecture(chip))
        forget()
        result, seconds = cpu_seconds(lambda g=graph, a=gap: fused_optimal(g, "energy", max_fused_loops=1, gap=a))
        reached = "reached" if seconds < GOAL_S and result.status == "optimal" else "MISSED"
        saved = 1 - result.value / result.unfused
        yield (
            f"{name} on {chip}: {result.status}{f' (gap {gap})' if gap else ''}, {seconds:.1f} CPU s, goal {GOAL_S:.0f} s "
            f"{reached}; {result.value / 1e6:.5g} uJ, {saved:.1%} below layer by layer, bound {result.lower_bound / 1e6:.5g}"
        )
