"""The proven optimum of NeuroSpector's own tables for every ResNet-50 layer on every accelerator that comes with it, in CPU
seconds, beside its bottom-up search; with --full for flexible dataflow on all of them too.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from tileloom.architecture.notation.neurospector import Accelerator, read_accelerator
from tileloom.search.neurospector.bottom_up import Mode
from tileloom.search.neurospector.optimum import optimum
from tileloom.workload.frontends.neurospector import ConvLayer, read_layers

INPUTS = Path(__file__).resolve().parent.parent / "tests" / "reference" / "neurospector" / "inputs"
CHIPS = ("eyeriss", "eyeriss-isca", "flexflow", "maeri", "simba", "tpu", "tpuv3")


def main(flags: Sequence[str] = ()) -> list[str]:
    layers = read_layers(INPUTS / "networks" / "resnet50.cfg").layers
    runs: list[tuple[str, Mode]] = [(name, "fixed") for name in CHIPS]
    runs += [(name, "flexible") for name in (CHIPS if "--full" in flags else ("eyeriss",))]
    return [line(read_accelerator(INPUTS / "accelerators" / f"{name}.cfg"), name, mode, layers) for name, mode in runs]


def line(chip: Accelerator, name: str, mode: Mode, layers: Sequence[ConvLayer]) -> str:
    optimum(chip, layers[-1], "energy", mode, faithful=True)
    started = time.process_time()
    found = [optimum(chip, layer, "energy", mode, faithful=True) for layer in layers]
    seconds = time.process_time() - started
    gaps, proven = [f.gap for f in found], sum(f.status == "optimal" for f in found)
    return (
        f"{name} ResNet-50, energy, {mode} dataflow: {proven} of {len(layers)} layers proven in {seconds:.2f} s with bottom-up's "
        f"{sum(f.start_seconds for f in found):.2f} s (worst layer {max(f.seconds for f in found):.2f} s); "
        f"bottom-up is {sum(gaps) / len(gaps):.1%} dearer on average, {max(gaps):.1%} at worst"
    )


if __name__ == "__main__":
    import sys

    print("\n".join(main(sys.argv[1:])))
