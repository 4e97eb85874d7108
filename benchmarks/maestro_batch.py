"""How many layers MAESTRO's batch kernel evaluates per CPU second on one core, and how many its clear twin does.

Run: python benchmarks/maestro_batch.py
The 54 layers of ResNet-50 with the kcp_ws template on 256 PEs, on hardware that differs from row to row: in bandwidth only,
so that volumes are shared, and in the number of PEs, so that nothing is. CPU time of the process after compilation, best
of five; packing is timed apart, because a schedule is packed once.
"""

from __future__ import annotations

from time import process_time

import numpy as np

from tileloom.api import load_network
from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.cost.models.maestro.batch import Ints, Packed, evaluate_batch, hardware_array, pack
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_templates import apply_template

PES = 256
REPETITIONS = 400


def layers() -> list[DirectiveLayer]:
    network = load_network("resnet50")
    return [apply_template("kcp_ws", layer_of(layer.problem).layer, PES) for layer in network.layers]


def rate(packed: Packed, which: Ints, hardware: Ints) -> float:
    """Layer evaluations per second of CPU, best of five."""
    best = float("inf")
    for _ in range(5):
        started = process_time()
        evaluate_batch(packed, which, hardware)
        best = min(best, process_time() - started)
    return len(which) / best


def main() -> list[str]:
    schedules = layers()
    started = process_time()
    packed = pack(schedules)
    packing = len(schedules) / (process_time() - started)
    which = np.tile(np.arange(len(packed)), REPETITIONS)
    chips = [MaestroHardware(num_pes=PES, noc_elements_per_cycle=1 + i % 64) for i in range(len(which))]
    hardware = hardware_array(chips)
    started = process_time()
    evaluate_batch(packed, which[:8], hardware[:8])
    first = process_time() - started
    fast = rate(packed, which, hardware)
    hardware[:, 0] = PES + np.repeat(np.arange(REPETITIONS), len(packed))
    apart = rate(packed, which, hardware)
    started = process_time()
    for layer, chip in zip(schedules, chips):
        evaluate_layer(layer, chip)
    slow = len(schedules) / (process_time() - started)
    return [
        f"maestro batch kernel, 256 PEs, other bandwidths: {fast:,.0f} layers per CPU second (goal 200,000), "
        f"{fast / slow:,.0f}x its clear twin ({slow:,.0f})",
        f"maestro batch kernel, other PEs on every row: {apart:,.0f} layers per CPU second (goal 200,000), {apart / slow:,.0f}x",
        f"packing: {packing:,.0f} schedules per CPU second; first call: {first:.1f} s of CPU (compiled kernels are kept on disk)",
    ]


if __name__ == "__main__":
    print("\n".join(main()))
