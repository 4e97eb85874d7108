"""Fused chains of matmuls: our proven optimum against AccelForge's fused mapper in the same run, and up to 96 layers.

CPU seconds of search only, files read, ours compiled and with empty tables before every case. Where AccelForge cannot
run (it needs Python 3.12), its recorded seconds stand in. --full adds the second buffer size and chains to 96.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from _measure import cpu_seconds, forget
from _peers import environment, python_at_least
from tileloom.architecture.notation.accelforge import read_architecture
from tileloom.fusion.optimal import compiled, orders
from tileloom.fusion.optimal.graph_from import graph_of_accelforge
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.search.objective import Objective
from tileloom.workload.frontends.accelforge import read_workload

FILES = Path(__file__).parent / "accelforge"
GOAL = 50
CASES: tuple[tuple[int, int, int, Objective, float], ...] = (
    (256, 64, 65536, "energy", 11.57),
    (512, 128, 1048576, "energy", 16.5),
    (256, 64, 65536, "latency", 10.42),
    (512, 128, 1048576, "latency", 12.5),
)


def ours(einsums: int, m: int, kn: int, buffer: int, objective: Objective) -> tuple[FusedResult, float]:
    workload = read_workload(FILES / "chain.yaml", {"EINSUMS": einsums, "M": m, "KN": kn})
    graph = graph_of_accelforge(workload, read_architecture(FILES / "two_level_fused.yaml", {"BUFFER": buffer}))
    forget()
    compiled.class_table.cache_clear()
    orders.block_orders.cache_clear()
    return cpu_seconds(lambda: fused_optimal(graph, objective))


def theirs(python: Path, einsums: int, m: int, kn: int, buffer: int, objective: Objective) -> tuple[float, float]:
    command = [str(python), str(FILES / "peer.py"), str(FILES / "two_level_fused.yaml"), str(FILES / "chain.yaml"),
               objective.upper(), f"EINSUMS={einsums}", f"M={m}", f"KN={kn}", f"BUFFER={buffer}"]  # fmt: skip
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return found["row"][objective], found["cpu_s"]


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    python312 = python_at_least(3, 12)
    peer = (
        environment("accelforge", "accelforge==1.0.467", python312) if python312 and "--recorded" not in flags else None
    )
    ours(3, 16, 8, 512, "energy"), ours(3, 16, 8, 512, "latency")
    for m, kn, buffer, objective, recorded in CASES if "--full" in flags else CASES[1::2]:
        result, seconds = ours(8, m, kn, buffer, objective)
        value = result.value * (1e-12 if objective == "energy" else 1e-9)
        expected, cpu, source = value, recorded, "recorded"
        if peer is not None:
            (expected, cpu), source = theirs(peer, 8, m, kn, buffer, objective), "same run"
        same = "same optimum" if abs(expected - value) <= 1e-6 * value else f"theirs {expected:.9g}, ours {value:.9g}"
        ratio = cpu / seconds
        reached = "reached" if ratio >= GOAL else "MISSED"
        yield (
            f"8 matmuls {m} x {kn}, {buffer} bits, {objective}: {seconds:.3f} CPU s, AccelForge {cpu:.2f} ({source}): "
            f"{ratio:.0f}x, goal {GOAL}x {reached}; {result.status}, {same}"
        )
    for einsums in (12, 24, 48, 96) if "--full" in flags else (12, 48):
        result, seconds = ours(einsums, 256, 64, 65536, "energy")
        yield f"{einsums} matmuls: {seconds:.3f} CPU s, {1000 * seconds / einsums:.1f} ms per layer, {result.status}"
