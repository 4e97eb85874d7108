"""Whole networks from ONNX, fused with proof on library chips: CPU seconds against a goal of a minute, and what is saved.

--full adds the whole fronts of energy and latency.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tileloom as tl
from _measure import cpu_seconds, forget
from tileloom.fusion.optimal.front import fused_front
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network

GOAL_S = 60.0
CASES = (
    ("mobilenetv2", "edge-tpu-like"),
    ("resnet18", "edge-tpu-like"),
    ("bert-base", "edge-tpu-like"),
    ("resnet50", "edge-tpu-like"),
    ("mobilenetv2", "eyeriss"),
    ("resnet18", "eyeriss"),
)
MORE = (("efficientnet-b0", "edge-tpu-like"),)


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    for name, chip in (*CASES, *(MORE if "--full" in flags else ())):
        graph = graph_of_network(tl.load_network(name), tl.load_architecture(chip))
        forget()
        result, seconds = cpu_seconds(lambda g=graph: fused_optimal(g, "energy", max_fused_loops=1))
        reached = "reached" if seconds < GOAL_S and result.status == "optimal" else "MISSED"
        saved = 1 - result.value / result.unfused
        yield (
            f"{name} on {chip}: {result.status}, {seconds:.1f} CPU s, goal {GOAL_S:.0f} s "
            f"{reached}; {result.value / 1e6:.5g} uJ, {saved:.1%} below layer by layer, bound {result.lower_bound / 1e6:.5g}"
        )
    for name, chip in CASES[:2] if "--full" in flags else ():
        graph = graph_of_network(tl.load_network(name), tl.load_architecture(chip))
        forget()
        front, seconds = cpu_seconds(lambda g=graph: fused_front(g, max_fused_loops=1))
        yield f"{name} on {chip}, front: {len(front.points)} schedules, {front.status}, {seconds:.1f} CPU s"
