"""The proven optimum of NeuroSpector's own tables for every ResNet-50 layer, in CPU seconds, beside its bottom-up search."""

import time
from pathlib import Path

from tileloom.architecture.notation.neurospector import read_accelerator
from tileloom.search.neurospector.bottom_up import bottom_up
from tileloom.search.neurospector.optimum import optimum
from tileloom.workload.frontends.neurospector import read_layers

INPUTS = Path(__file__).resolve().parent.parent / "tests" / "reference" / "neurospector" / "inputs"


def main() -> list[str]:
    layers = read_layers(INPUTS / "networks" / "resnet50.cfg").layers
    lines = []
    for name in ("eyeriss", "eyeriss-isca", "flexflow", "tpu"):
        chip = read_accelerator(INPUTS / "accelerators" / f"{name}.cfg")
        optimum(chip, layers[-1], faithful=True)
        started = time.process_time()
        for layer in layers:
            bottom_up(chip, layer, faithful=True)
        middle = time.process_time()
        found = [optimum(chip, layer, faithful=True) for layer in layers]
        proof = time.process_time() - middle
        gaps = [f.gap for f in found]
        lines.append(
            f"{name} ResNet-50, {len(layers)} layers, energy: proven in {proof:.2f} s, {proof / (middle - started):.1f}x "
            f"bottom-up's time; bottom-up is {sum(gaps) / len(gaps):.1%} dearer on average, {max(gaps):.1%} at worst"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(main()))
