"""The optimal mapper against AccelForge's own mapper: same optimum, CPU time as a ratio, both in this run.

AccelForge 1.0.467 needs Python 3.12; where there is none, its CPU seconds recorded earlier stand in (marked 'recorded':
measured once on a shared two-core machine, so read those ratios as rough). Both sides: search only, files already
read; ours after compilation, with empty tables before every case. Options: --full runs all 12 distinct ResNet-18
layers (AccelForge needs about six minutes of CPU for them), --only TEXT selects cases by name.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from peers import environment, python_at_least
from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.accelforge import read_architecture
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import Objective
from tileloom.search.optimal import options
from tileloom.workload.frontends.accelforge import read_workload
from tileloom.workload.problem import Problem

FILES = Path(__file__).parent / "accelforge"
METRIC = {"energy": "ENERGY", "latency": "LATENCY", "edp": "ENERGY_DELAY_PRODUCT"}
PJ, CYCLE = 1e-12, 1e-9


@dataclass(frozen=True)
class Case:
    """recorded_cpu_s: AccelForge's own figure, measured earlier; goal: the ratio this project promises."""

    name: str
    chip: str
    workload: str
    sizes: dict[str, int]
    objective: Objective
    goal: float
    recorded_cpu_s: float | None = None
    quick: bool = True


def conv(p: int, c: int, m: int, r: int, stride: int) -> dict[str, int]:
    return {"P": p, "Q": p, "C": c, "M": m, "R": r, "S": stride}


def resnet18() -> list[Case]:
    """The 11 distinct convolutions and the classifier, as AccelForge's ResNet-18 workload has them."""
    layers = [
        ("conv1 7x7/2", conv(112, 3, 64, 7, 2), 39.91, False),
        ("56x56 64-64", conv(56, 64, 64, 3, 1), 49.11, True),
        ("28x28 64-128 /2", conv(28, 64, 128, 3, 2), 39.03, False),
        ("28x28 128-128", conv(28, 128, 128, 3, 1), 37.66, False),
        ("14x14 128-256 /2", conv(14, 128, 256, 3, 2), 37.75, False),
        ("14x14 256-256", conv(14, 256, 256, 3, 1), None, False),
        ("7x7 256-512 /2", conv(7, 256, 512, 3, 2), 39.59, True),
        ("7x7 512-512", conv(7, 512, 512, 3, 1), 36.51, False),
        ("28x28 1x1/2 64-128", conv(28, 64, 128, 1, 2), 6.75, True),
        ("14x14 1x1/2 128-256", conv(14, 128, 256, 1, 2), None, False),
        ("7x7 1x1/2 256-512", conv(7, 256, 512, 1, 2), None, False),
        ("fc 512-1000", {"M": 1, "N": 1000, "K": 512}, 3.27, True),
    ]
    return [
        Case(f"resnet18 {n}", "nvdla_like", "matmul" if n.startswith("fc") else "conv", s, "edp", 100, cpu, quick)
        for n, s, cpu, quick in layers
    ]


def cube(n: int) -> dict[str, int]:
    return {"M": n, "N": n, "K": n}


CASES = [
    *resnet18(),
    Case("512 cube", "tpu_like", "matmul", cube(512), "energy", 30, 3.76),
    Case("512 cube", "tpu_like", "matmul", cube(512), "edp", 30, 3.37),
    Case("4096 cube", "tpu_like", "matmul", cube(4096), "energy", 30, 5.75),
    Case("4096 cube", "tpu_like", "matmul", cube(4096), "latency", 30, 3.80),
    Case("4096 cube", "tpu_like", "matmul", cube(4096), "edp", 30, 2.31),
    Case("512 cube, 256 templates", "all_bypass", "matmul", cube(512), "edp", 20, 90.42),
    Case("512x768x768, 256 templates", "all_bypass", "matmul", {"M": 512, "N": 768, "K": 768}, "energy", 20),
]


def read_case(case: Case) -> tuple[Problem, Architecture]:
    workload = read_workload(FILES / f"{case.workload}.yaml", case.sizes)
    problem = workload.einsums[0].problem
    return problem, read_architecture(FILES / f"{case.chip}.yaml", case.sizes).resolve(workload.einsums[0])


def ours(problem: Problem, chip: Architecture, objective: Objective) -> tuple[float, float]:
    """(optimum in J, s or J*s, CPU seconds), tables emptied first."""
    for table in (options.group_options, options.group_tiles, options.divisor_tiles, options._compositions):
        table.cache_clear()
    started = process_time()
    result = OptimalMapper().search(problem, chip, objective)
    seconds = process_time() - started
    assert result.status == "optimal", result.reasons
    return result.value * {"energy": PJ, "latency": CYCLE, "edp": PJ * CYCLE}[objective], seconds


def theirs(python: Path, case: Case) -> tuple[float, float]:
    """The same from AccelForge; it writes a drawing where it runs, so it runs in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(FILES / "peer.py"), str(FILES / f"{case.chip}.yaml")]
        command += [str(FILES / f"{case.workload}.yaml"), METRIC[case.objective]]
        command += [f"{k}={v}" for k, v in case.sizes.items()]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    key = {"energy": "energy", "latency": "latency", "edp": "energy_delay_product"}[case.objective]
    return float(answer["row"][key]), float(answer["cpu_s"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    chosen = parser.parse_args(arguments or [])
    interpreter = python_at_least(3, 12)
    peer = environment("accelforge", "accelforge==1.0.467", interpreter) if interpreter else None
    ours(*read_case(CASES[-1]), "edp")
    print(
        f"{'case':<34} {'objective':<8} {'AccelForge s':>14} {'Tileloom s':>11} {'ratio':>8} {'goal':>5}  optimum differs by"
    )
    for case in CASES:
        if chosen.only not in case.name or not (case.quick or chosen.full or chosen.only):
            continue
        value, seconds = ours(*read_case(case), case.objective)
        if peer is None and case.recorded_cpu_s is None:
            continue
        if peer is not None:
            reference, cpu = theirs(peer, case)
            mark, difference = "", f"{abs(value - reference) / abs(value):.1e}" if reference > 0 else "overflow"
        else:
            cpu, mark, difference = float(case.recorded_cpu_s or 0), " (recorded)", "not run"
        label = f"{case.name}"
        print(
            f"{label:<34} {case.objective:<8} {cpu:>14.2f} {seconds:>11.4f} {cpu / seconds:>7.0f}x {case.goal:>4.0f}x  {difference}{mark}"
        )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
