"""The optimal mapper against AccelForge's own mapper: same optimum, CPU time as a ratio, both in this run.

AccelForge 1.0.467 needs Python 3.12; where there is none, its CPU seconds recorded earlier stand in (marked 'recorded':
measured once on a shared two-core machine, so read those ratios as rough; --recorded asks for them). Both sides: search
only, files already read; ours after compilation, with empty tables before every case. --full runs all cases, among them
all 12 distinct ResNet-18 layers (AccelForge needs about six minutes of CPU for those).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from _measure import compile_kernels, cpu_seconds, forget
from _peers import environment, python_at_least
from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.accelforge import read_architecture
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import Objective
from tileloom.workload.frontends.accelforge import read_workload
from tileloom.workload.problem import Problem

FILES = Path(__file__).parent / "accelforge"
METRIC = {"energy": "ENERGY", "latency": "LATENCY", "edp": "ENERGY_DELAY_PRODUCT"}
PJ, CYCLE = 1e-12, 1e-9


TOLERANCE = 1e-6


@dataclass(frozen=True)
class Family:
    """goal: the ratio this project promises over the family's cases together."""

    name: str
    chip: str
    goal: int


CONVOLUTIONS = Family("ResNet-18 convolutions, NVDLA-like", "nvdla_like", 100)
CLASSIFIER = Family("ResNet-18 classifier, NVDLA-like", "nvdla_like", 100)
MATMULS = Family("matmuls, TPU-like", "tpu_like", 30)
BYPASS = Family("matmuls, 256 templates", "all_bypass", 20)


@dataclass(frozen=True)
class Case:
    """recorded_cpu_s: AccelForge's own figure, measured earlier; quick: also without --full."""

    name: str
    family: Family
    workload: str
    sizes: dict[str, int]
    objective: Objective
    recorded_cpu_s: float | None = None
    quick: bool = True

    @property
    def chip(self) -> str:
        return self.family.chip


def conv(p: int, c: int, m: int, r: int, stride: int) -> dict[str, int]:
    return {"P": p, "Q": p, "C": c, "M": m, "R": r, "S": stride}


def resnet18() -> list[Case]:
    """The 11 distinct convolutions and the classifier, as AccelForge's ResNet-18 workload has them."""
    layers = [
        ("conv1 7x7/2", conv(112, 3, 64, 7, 2), 39.91, False),
        ("56x56 64-64", conv(56, 64, 64, 3, 1), 49.11, True),
        ("28x28 64-128 /2", conv(28, 64, 128, 3, 2), 39.03, False),
        ("28x28 128-128", conv(28, 128, 128, 3, 1), 37.66, True),
        ("14x14 128-256 /2", conv(14, 128, 256, 3, 2), 37.75, False),
        ("14x14 256-256", conv(14, 256, 256, 3, 1), None, False),
        ("7x7 256-512 /2", conv(7, 256, 512, 3, 2), 39.59, True),
        ("7x7 512-512", conv(7, 512, 512, 3, 1), 36.51, False),
        ("28x28 1x1/2 64-128", conv(28, 64, 128, 1, 2), 6.75, True),
        ("14x14 1x1/2 128-256", conv(14, 128, 256, 1, 2), None, False),
        ("7x7 1x1/2 256-512", conv(7, 256, 512, 1, 2), None, False),
        ("fc 512-1000", {"M": 1, "N": 1000, "K": 512}, 3.27, True),
    ]
    found = []
    for name, sizes, cpu, quick in layers:
        family, workload = (CLASSIFIER, "matmul") if name.startswith("fc") else (CONVOLUTIONS, "conv")
        found.append(Case(f"resnet18 {name}", family, workload, sizes, "edp", cpu, quick))
    return found


def cube(n: int) -> dict[str, int]:
    return {"M": n, "N": n, "K": n}


CASES = [
    *resnet18(),
    Case("512 cube", MATMULS, "matmul", cube(512), "energy", 3.76),
    Case("512 cube", MATMULS, "matmul", cube(512), "edp", 3.37),
    Case("4096 cube", MATMULS, "matmul", cube(4096), "energy", 5.75),
    Case("4096 cube", MATMULS, "matmul", cube(4096), "latency", 3.80),
    Case("4096 cube", MATMULS, "matmul", cube(4096), "edp", 2.31),
    Case("512 cube", BYPASS, "matmul", cube(512), "edp", 90.42),
    Case("M=512,N=768,K=768", BYPASS, "matmul", {"M": 512, "N": 768, "K": 768}, "energy", quick=False),
]


def read_case(case: Case) -> tuple[Problem, Architecture]:
    workload = read_workload(FILES / f"{case.workload}.yaml", case.sizes)
    problem = workload.einsums[0].problem
    return problem, read_architecture(FILES / f"{case.chip}.yaml", case.sizes).resolve(workload.einsums[0])


def ours(problem: Problem, chip: Architecture, objective: Objective) -> tuple[float, float]:
    """(optimum in J, s or J*s, CPU seconds), tables emptied first."""
    forget()
    result, seconds = cpu_seconds(lambda: OptimalMapper().search(problem, chip, objective))
    assert result.status == "optimal", result.reasons
    return result.value * {"energy": PJ, "latency": CYCLE, "edp": PJ * CYCLE}[objective], seconds


def theirs(python: Path, case: Case) -> tuple[float, float]:
    """The same from AccelForge; it writes a drawing where it runs, so it runs in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(FILES / "peer.py"), str(FILES / f"{case.chip}.yaml")]
        command += [str(FILES / f"{case.workload}.yaml"), METRIC[case.objective]]
        command += [f"{k}={v}" for k, v in case.sizes.items()]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"AccelForge failed on {case.name}: {done.stderr.strip()[-300:]}")
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    key = {"energy": "energy", "latency": "latency", "edp": "energy_delay_product"}[case.objective]
    return float(answer["row"][key]), float(answer["cpu_s"])


def verdict(ours_found: float, theirs_found: float) -> str:
    """Ours against theirs, relative and signed: negative is a better optimum."""
    if theirs_found <= 0:
        return f"{'':>10}  theirs overflowed ({theirs_found:g})"
    difference = ours_found / theirs_found - 1
    said = "equal within 1e-6" if abs(difference) <= TOLERANCE else "better" if difference < 0 else "WORSE"
    return f"{difference:>+10.1e}  {said}"


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--recorded", action="store_true")
    chosen = parser.parse_known_args(list(flags))[0]
    interpreter = None if chosen.recorded else python_at_least(3, 12)
    peer = environment("accelforge", "accelforge==1.0.467", interpreter) if interpreter else None
    if peer is None:
        yield "AccelForge can't run here: its CPU seconds are those recorded earlier, its optima are not compared"
    compile_kernels(*read_case(next(c for c in CASES if c.family is CLASSIFIER)))
    yield f"{'case':<34} {'objective':<9} {'AccelForge s':>12} {'Tileloom s':>10} {'ratio':>7}  {'optimum':>10}"
    totals: dict[Family, tuple[float, float, int]] = {}
    for case in CASES:
        if not (case.quick or chosen.full or peer is None) or (peer is None and case.recorded_cpu_s is None):
            continue
        value, seconds = ours(*read_case(case), case.objective)
        if peer is not None:
            reference, cpu = theirs(peer, case)
            said = verdict(value, reference)
        else:
            cpu, said = float(case.recorded_cpu_s or 0), f"{'':>10}  recorded"
        yield f"{case.name:<34} {case.objective:<9} {cpu:>12.2f} {seconds:>10.4f} {cpu / seconds:>6.0f}x  {said}"
        their_s, our_s, n = totals.get(case.family, (0.0, 0.0, 0))
        totals[case.family] = (their_s + cpu, our_s + seconds, n + 1)
    for family, (their_s, our_s, n) in totals.items():
        ratio, how = their_s / our_s, "" if peer else ", recorded"
        yield (
            f"{family.name}, {n} cases together: {their_s:.1f} s / {our_s:.3f} s = {ratio:.0f}x{how}, "
            f"goal {family.goal}x {'reached' if ratio >= family.goal else 'MISSED'}"
        )
