"""The mapped engine on 1,000 chips of one structure against the optimal mapper asked chip by chip.

Run: python benchmarks/sweep_mapped.py. CPU seconds of this process after compilation; the mapper is asked for every
40th chip, and both answers are compared.
"""

from __future__ import annotations

from time import process_time

from tileloom.explore.sweep.mapped import MappedPlan
from tileloom.explore.sweep.study import parse_study
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import value_of

SWEEPS = {
    "nvdla-like": """
  GlobalBuffer.size_kib: [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
  GlobalBuffer.read.energy_pj: [0.1, 0.2, 0.3, 0.4, 0.5]
  MainMemory.access.bits_per_cycle: [76.8, 153.6, 307.2, 614.4, 1228.8]
  MainMemory.access.energy_pj: [2.0, 7.03, 14.0, 20.0]
""",
    "eyeriss": """
  GLB.size_kib: [54, 81, 108, 162, 216, 324, 432, 648, 864, 1296]
  GLB.access.energy_pj: [3.0, 6.0, 12.0, 18.0, 24.0]
  DRAM.access.bits_per_cycle: [16, 32, 64, 128, 256]
  DRAM.access.energy_pj: [100.0, 200.0, 400.0, 600.0]
""",
}


def study(chip: str, objective: str) -> str:
    return (
        f"name: {chip}\nengine: mapped\nnetwork: resnet18\nlayers: [layer2.0.conv1]\narchitecture: {chip}\n"
        f"objective: {objective}\nsweep:{SWEEPS[chip]}"
    )


def main() -> list[str]:
    lines = []
    for chip in SWEEPS:
        for objective in ("edp", "energy", "latency"):
            lines.append(compare(chip, study(chip, objective)))
    return lines


def compare(chip: str, text: str) -> str:
    warm = MappedPlan(parse_study(text))
    warm.some((0, warm.space.size - 1))
    plan = MappedPlan(parse_study(text))
    size, objective = plan.space.size, plan.study.given.objective
    asked = range(0, size, 40)
    OptimalMapper().search(plan.workload({})[0][0], plan.chip(plan.space.values(0)), objective)
    started = process_time()
    found = plan.chunk(0, size)
    together = process_time() - started
    fresh = MappedPlan(parse_study(text))
    worst, alone = 0.0, 0.0
    for i in asked:
        values = fresh.space.values(i)
        started = process_time()
        ((problem, _),) = fresh.workload(values)
        cost = OptimalMapper().search(problem, fresh.chip(values), objective).cost
        alone += process_time() - started
        assert cost is not None
        mine = {"edp": 4, "energy": 1, "latency": 0}[objective]
        worst = max(worst, abs(found.rows.metrics[i, mine] / value_of(cost, objective) - 1))
    each = alone / len(asked)
    ratio = each * size / together
    return (
        f"{chip} {objective}: {size} chips in {together:.2f} CPU s ({together / size * 1e3:.2f} ms each), mapper alone "
        f"{each * 1e3:.1f} ms each: {ratio:.0f}x, goal 50x {'reached' if ratio >= 50 else 'missed'}; "
        f"optima differ by at most {worst:.1g}"
    )


if __name__ == "__main__":
    print("\n".join(main()))
