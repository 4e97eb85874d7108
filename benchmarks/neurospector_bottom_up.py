"""Bottom-up on ResNet-50 CONV_2_2 against the C++ original, and on accelerators where the original gave no result.

The original's seconds are those measured with the reference rows (NeuroSpector 1.5.0, g++ -O3, one loaded core: upper
bounds). Where a compiler and the original's program are at hand, NEUROSPECTOR=PATH runs it here instead.
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from tileloom.architecture.notation.neurospector import read_accelerator, write_accelerator
from tileloom.search.neurospector.bottom_up import bottom_up
from tileloom.workload.frontends.neurospector import ConvLayer, LayerList, write_layers

INPUTS = Path(__file__).resolve().parent.parent / "tests" / "reference" / "neurospector" / "inputs" / "accelerators"
LAYER = ConvLayer("conv_2_2", (64, 1, 56, 56, 64, 3, 3, 1), 1)
MEASURED_S = {"eyeriss": 8.908, "eyeriss-isca": 62.187, "acc_2lv": 23.236, "flexflow": 4.844, "acc_1lv": 1.279}
"""Wall seconds of the original for energy, fixed dataflow. Source: optimizer_bottom_up.csv of the reference rows."""
UNFINISHED = ("simba", "tpu", "tpuv3")
"""No result in 100 s there."""


def main() -> list[str]:
    lines = []
    for name in (*MEASURED_S, *UNFINISHED):
        chip = read_accelerator(INPUTS / f"{name}.cfg")
        bottom_up(chip, ConvLayer("warm-up", (2, 1, 2, 2, 2, 1, 1, 1), 1), faithful=True)
        started = time.process_time()
        found = bottom_up(chip, LAYER, "energy", "fixed", faithful=True)
        seconds = time.process_time() - started
        here = _original_s(name)
        theirs = here if here is not None else MEASURED_S.get(name)
        source = "run here" if here is not None else "recorded"
        versus = (
            f"{theirs / seconds:.0f}x faster than the original's {theirs:.2f} s ({source})"
            if theirs is not None
            else "the original gave no result in 100 s"
        )
        lines.append(f"{name} CONV_2_2 energy: {seconds:.3f} s, {found.strategies}, {found.value:.6g} pJ; {versus}")
    return lines


def _original_s(name: str) -> float | None:
    """CPU seconds of the original's own program, if NEUROSPECTOR names it; None for those it does not finish."""
    program = os.environ.get("NEUROSPECTOR")
    if not program or name in UNFINISHED:
        return None
    with tempfile.TemporaryDirectory() as folder:
        chip, network = Path(folder) / "chip.cfg", Path(folder) / "net.cfg"
        # The original takes one energy value for the input only, and needs SIZE where ours writes BUFFER_SIZE too.
        chip.write_text(
            re.sub(r"^DATAFLOW=NONE\n", "", write_accelerator(read_accelerator(INPUTS / f"{name}.cfg")), flags=re.M)
        )
        network.write_text(write_layers(LayerList("resnet50", (LAYER,))))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [program, "--run_type=optimizer", f"--accelerator={chip}", f"--network={network}", "--dataflow=fixed",
             "--optimizer=bottom-up", "--metric=energy", "--layer=1"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    print("\n".join(main()))
