"""MAESTRO's dataflow templates on one layer: its own model, the corrected one, and how far they are from the optimum.

Run: python examples/maestro_dataflows.py
"""

from __future__ import annotations

import tileloom as tl
from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.cost.models.maestro.corrected import evaluate_corrected
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_templates import apply_template
from tileloom.workload.layers import conv2d

LAYER = conv2d("conv", K=32, C=16, H=14, W=14, R=3, S=3, pad=1)
HARDWARE = MaestroHardware(num_pes=64, noc_elements_per_cycle=32, offchip_elements_per_cycle=16)
TEMPLATES = ("kcp_ws", "rs", "maeri")


def main() -> None:
    chip = tl.load_architecture("maeri-like")
    best = tl.map(LAYER, chip, objective="edp")
    assert best.cost is not None
    print(
        f"{LAYER}\n\n{'dataflow':10} {'faithful':>12} {'corrected':>12} {'on ' + chip.name:>16} {'EDP over optimum':>18}"
    )
    for template in TEMPLATES:
        layer = apply_template(template, layer_of(LAYER).layer, HARDWARE.num_pes)
        faithful = evaluate_layer(layer, HARDWARE).record.top.runtime_cycles
        corrected = evaluate_corrected(layer, HARDWARE).cost.cycles
        fixed = tl.map(LAYER, chip, mapper="template", options={"template": template})
        assert fixed.cost is not None
        ratio = fixed.cost.edp / best.cost.edp
        print(f"{template:10} {faithful:12,} {corrected:12,.0f} {fixed.cost.cycles:16,.0f} {ratio:17.2f}x")
    print(f"\n{best.status}: {best.cost}")


if __name__ == "__main__":
    main()
