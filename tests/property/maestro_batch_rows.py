"""Compares the batch with the clear model over reference schedules; prints the rows that were compared.

Run as a script by test_maestro_batch.py, with the kernel interpreted instead of compiled.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Literal

import numpy as np

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.maestro.batch import COLUMNS, STATUS, evaluate_batch, hardware_array, pack
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.mapping.notation.maestro import OPERATORS, Cluster, Directive, DirectiveLayer, Map
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.mapping.notation.maestro_refusal import RefusedError

REFERENCE = Path(__file__).parents[1] / "reference" / "maestro"
CHIPS = (
    MaestroHardware(num_pes=256, noc_elements_per_cycle=1000, offchip_elements_per_cycle=50),
    MaestroHardware(
        num_pes=40, simd_lanes=4, noc_elements_per_cycle=3, noc_latency_cycles=6, offchip_elements_per_cycle=20
    ),
    MaestroHardware(num_pes=168, noc_elements_per_cycle=7, innermost_noc_only=True),
)
Kind = Literal["temporal", "spatial"]
_RULES = {"work in every cluster": 1, "steps bring something": 2, "enough PEs": 3}


def random_layers(many: int) -> list[DirectiveLayer]:
    """Small layers with arbitrary directives, some of which the model refuses."""
    draw = random.Random(5)
    found = []
    for _ in range(many):
        operator = draw.choice(OPERATORS)
        names = [
            *("MNK" if operator == "GEMM" else "KCRSYX"),
            *("G" if operator == "NGCONV" else ""),
            *draw.choice(("", "N")),
        ]
        names = list(dict.fromkeys(names))
        flow: list[Directive] = []
        for _ in range(draw.randint(1, 8)):
            if draw.random() < 0.2:
                flow.append(Cluster(draw.randint(1, 4)))
            else:
                kind: Kind = draw.choice(("temporal", "spatial"))
                flow.append(
                    Map(kind, draw.randint(1, 9), draw.randint(1, 9), draw.choice([*names, *names, "Y'", "X'"]))
                )
        strides = (("X", draw.randint(1, 3)), ("Y", draw.randint(1, 3)))
        found.append(
            DirectiveLayer("L", operator, tuple((d, draw.randint(1, 12)) for d in names), strides, tuple(flow))
        )
    return found


def schedules() -> list[DirectiveLayer]:
    texts = (REFERENCE / "synthetic_mappings.txt").read_text().split("// ==== ")[1:]
    texts = [t.split("\n", 1)[1] for t in texts] + [p.read_text() for p in sorted((REFERENCE / "mapping").glob("*.m"))]
    found = []
    for layer in [*(la for t in texts for la in parse_mapping(t).layers[:2]), *random_layers(1500)]:
        try:
            pack([layer])
        except (InputError, UnsupportedError):
            continue
        found.append(layer)
    return found


def expected(layer: DirectiveLayer, chip: MaestroHardware) -> list[float]:
    try:
        record = evaluate_layer(layer, chip).record
    except RefusedError as error:
        return [_RULES[error.rule]]
    top, inner = record.top, record.inner
    kinds = (top.up_bytes, inner.down_bytes, top.up_read, top.up_write, top.down_read, top.down_write)
    row: list[float] = [0, top.runtime_cycles, top.macs, top.steps, *(v for kind in kinds for v in kind.values())]
    row += [top.peak_elements_per_cycle, top.offchip_elements_per_cycle]
    if top.steps:
        row += [x for d in (top.ingress_delay, top.egress_delay, top.compute_delay) for x in (d.min, d.max, d.avg)]
    return row


def compare() -> int:
    layers = schedules()
    packed = pack(layers)
    which = np.repeat(np.arange(len(layers)), len(CHIPS))
    chips = list(CHIPS) * len(layers)
    result = evaluate_batch(packed, which, hardware_array(chips))
    statuses = set()
    for i, (s, chip) in enumerate(zip(which, chips)):
        row = expected(layers[s], chip)
        got = result.ints[i, : len(row)].tolist()
        assert got == row, [(COLUMNS[k], a, b) for k, (a, b) in enumerate(zip(row, got)) if a != b]
        statuses.add(STATUS[got[0]])
        if got[0] == 0:
            top = evaluate_layer(layers[s], chip).record.top
            reals = (top.active, top.intensity, top.avg_elements_per_cycle)
            if top.steps:
                np.testing.assert_allclose(result.reals[i], reals, rtol=1e-12)
    assert statuses == set(STATUS[:4]), statuses
    return len(which)


if __name__ == "__main__":
    sys.stdout.write(f"{compare()}\n")
