"""One GPT-3 6.7B decoder layer, prefill of 2048 tokens, unfused, on tpu-v4i-like: goal < 3 CPU s.

CPU time of this process, kernels compiled, tables empty. AccelForge 1.0.467 took 58.6 CPU s for the unfused layer on its
own TPU v4i-like chip (recorded once on two shared cores), so that ratio is across chip files.
"""

from __future__ import annotations

from collections.abc import Iterator

import tileloom as tl
from _measure import compile_kernels, cpu_seconds, forget
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import OBJECTIVES

GOAL_S = 3.0
ACCELFORGE_S = 58.6


def main() -> Iterator[str]:
    network, chip = tl.load_network("gpt3-6.7b-prefill"), tl.load_architecture("tpu-v4i-like")
    compile_kernels(tl.load_network("resnet18").problems[-1].problem, tl.load_architecture("simple-2level"))
    for objective in OBJECTIVES:
        forget()
        total, proved = 0.0, True
        for distinct in network.problems:
            result, seconds = cpu_seconds(lambda d=distinct, o=objective: OptimalMapper().search(d.problem, chip, o))
            total += seconds
            proved = proved and result.status == "optimal"
        line = f"{objective:<8} {len(network.problems)} distinct matmuls: {total:.3f} CPU s"
        line += f", all proved: {'yes' if proved else 'NO'}, goal < {GOAL_S:.0f} s {'reached' if total < GOAL_S else 'MISSED'}"
        if objective == "energy":
            line += f"; AccelForge {ACCELFORGE_S} CPU s (recorded): {ACCELFORGE_S / total:.0f}x"
        yield line
