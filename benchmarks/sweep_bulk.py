"""The bulk engine: 484 million MAESTRO machines, every one with energy, cycles, area, power and validity.

Run: python benchmarks/sweep_bulk.py. One ResNet-50 layer under kcp_ws; PEs, network bandwidth, L1 and L2 are swept, as in
MAESTRO's own exploration (480 million designs, 0.17 million a second with skipped ones counted). Nothing is skipped here
unless a line says so. Two processes; the clock, CPU seconds of both and their peak memory.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from tileloom.explore.executors.local import LocalExecutor
from tileloom.explore.sweep.bulk import BulkPlan, single_design
from tileloom.explore.sweep.run import run_sweep
from tileloom.explore.sweep.study import parse_study

STUDY = """
name: maestro-480m
engine: bulk
network: resnet50
layers: [layer1.0.conv2]
model: maestro
dataflows: [kcp_ws]
architecture: {num_pes: 256}
sweep:
  num_pes: {from: 64, to: 1024, step: 8}
  noc_elements_per_cycle: {from: 1, to: 248}
  l1_bytes: {from: 64, to: 8064, step: 64}
  l2_bytes: {from: 8192, to: 1048576, step: 8192}
constraints: {area: 16, power: 450}
objectives: [latency, energy, area]
"""
PUBLISHED = 0.17e6
"""Designs per second of MAESTRO's exploration, skipped ones counted (MICRO 2019, abstract)."""


def main() -> list[str]:
    plan = BulkPlan(parse_study(STUDY + "prune: false\n"))
    plan.chunk(0, 1000)
    count, started = 40_000_000, process_time()
    plan.chunk(0, count)
    rate = count / (process_time() - started)
    started = process_time()
    for i in range(0, plan.space.size, plan.space.size // 20):
        single_design(plan, i)
    alone = 20 / (process_time() - started)
    lines = [
        f"bulk engine: {rate:,.0f} designs per CPU second and core, {rate / alone:,.0f}x the single-design model ({alone:,.0f}); "
        f"two cores {2 * rate:,.0f}, goal 20,000,000 {'reached' if 2 * rate >= 20e6 else 'missed'}"
    ]
    for prune in ("false", "true"):
        lines.append(
            whole(STUDY + f"prune: {prune}\n", "nothing ruled out" if prune == "false" else "sub-spaces ruled out")
        )
    return lines


def whole(text: str, what: str) -> str:
    """The whole space by two processes, start of the processes included."""
    study = parse_study(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        result = run_sweep(study, Path(folder) / "out", executor=LocalExecutor(2))
        seconds = perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    mb = (after.ru_maxrss * 2 + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024
    c = result.counts
    return (
        f"{what}: {c.searched:,} searched, {c.evaluated:,} evaluated, {c.valid:,} valid, front {len(result.front)}; "
        f"{seconds:.1f} s on the clock ({c.searched / seconds:,.0f} designs/s, {c.searched / seconds / PUBLISHED:,.0f}x the published rate), "
        f"{spent:.1f} CPU s ({spent / 2:.1f} s on two free cores), goal 60 s; at most {mb:,.0f} MB for three processes, goal 2,000"
    )


if __name__ == "__main__":
    print("\n".join(main()))
