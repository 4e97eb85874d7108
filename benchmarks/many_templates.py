"""Stress: the library's chips with many templates (placements and orders of tiles) on large layers; which takes longest.

CPU time of this process, kernels compiled, tables empty before every chip and network. Default: five chips on the layers
that were slowest when measured; --full: every chip on every distinct layer of ResNet-50 and MobileNetV2 (minutes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tileloom as tl
from _measure import compile_kernels, cpu_seconds, forget
from tileloom.architecture.load import list_architectures
from tileloom.search.mappers.optimal import OptimalMapper

CHIPS = ("tpu-v4i-like", "maeri-like", "simba", "ascend-like", "tesla-npu-like")
SLOWEST = {
    "resnet50": ("conv1", "layer1.0.conv2", "layer2.0.conv2", "layer1.1.conv1"),
    "mobilenetv2": ("stem", "block1.0.depthwise", "block3.0.depthwise"),
}
TEMPLATES = "templates (placement and order of tiles in memories)"


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    full = "--full" in flags
    compile_kernels(tl.load_network("resnet18").problems[-1].problem, tl.load_architecture("simple-2level"))
    yield f"{'chip':<16} {'network':<12} {'layers':>6} {'CPU s':>8} {'slowest':>8}  {'its layer':<20} templates"
    for name in list_architectures() if full else CHIPS:
        chip = tl.load_architecture(name)
        for network, slowest in SLOWEST.items():
            problems = [d.problem for d in tl.load_network(network).problems]
            problems = [p for p in problems if full or p.name in slowest]
            forget()
            timed = []
            for problem in problems:
                result, seconds = cpu_seconds(lambda p=problem, c=chip: OptimalMapper().search(p, c, "edp"))
                assert result.status in ("optimal", "infeasible"), result.status
                timed.append((seconds, problem.name, dict(result.explain).get(TEMPLATES, 0)))
            worst = max(timed)
            yield (
                f"{name:<16} {network:<12} {len(timed):>6} {sum(t[0] for t in timed):>8.2f} {worst[0]:>8.2f}  "
                f"{worst[1]:<20} {worst[2]}"
            )
