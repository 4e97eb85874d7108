"""Tile-layers of DeFiNES with their machines, for the tests of ZigZag's model and of LOMA."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tileloom.architecture.notation.zigzag_library import load_machine, machine_files
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.mapping.notation.zigzag import ZigzagMapping
from tileloom.workload.frontends.zigzag import make_layer
from tileloom.workload.frontends.zigzag_library import load_zigzag_network, wished

FILE = Path(__file__).parent / "reference" / "zigzag" / "defines_tile_layers.json"


@dataclass(frozen=True)
class TileLayer:
    row: dict[str, Any]
    layer: ZigzagLayer
    machine: ZigzagMachine

    @property
    def mapping(self) -> ZigzagMapping:
        names = tuple(o.name for o in self.layer.operands)
        spatial, temporal = (
            tuple(tuple(tuple((d, n) for d, n in level) for level in self.row[key][o]) for o in names)
            for key in ("spatial", "temporal")
        )
        return ZigzagMapping(names, spatial, temporal)

    def __str__(self) -> str:
        sizes = "x".join(str(n) for n in self.row["dims"].values())
        return f"{self.row['arch']}-{self.row['network']}-{self.row['layer']}-{sizes}"


@cache
def tile_layers() -> tuple[TileLayer, ...]:
    return tuple(_case(row) for row in json.loads(FILE.read_text())["rows"])


def _case(row: dict[str, Any]) -> TileLayer:
    family = load_machine("defines-" + row["family"].lower().replace("_", "-"))
    machine = load_machine("defines-" + row["arch"].lower().replace("_", "-"))
    layer = load_zigzag_network("defines-" + row["network"], family.dataflow).node(row["layer"]).layer
    if len({o.memory_operand for o in layer.operands}) < len(layer.operands):
        layer = layer.relinked({layer.inputs[1].name: "I2"})
        machine = machine.with_twin("I1", "I2")
    layer = layer.resized(row["dims"])
    tops = {o.memory_operand: row["tops"][o.name] for o in layer.operands if o.name in row["tops"]}
    return TileLayer(row, layer, machine.shrunk(tops))


SMALL_MACHINE = """
name: small
memories:
  buffer:
    size: 96
    r_cost: 1.0
    w_cost: 2.0
    operands: [I1, I2, O]
    served_dimensions: [D1]
    ports:
    - {name: rw_port_1, type: read_write, bandwidth_min: 8, bandwidth_max: 8,
       allocation: ["I1, fh", "I1, tl", "I2, fh", "I2, tl", "O, fh", "O, tl", "O, fl", "O, th"]}
  dram:
    size: 100000
    r_cost: 10.0
    w_cost: 20.0
    operands: [I1, I2, O]
    served_dimensions: [D1]
    ports:
    - {name: rw_port_1, type: read_write, bandwidth_min: 8, bandwidth_max: 16,
       allocation: ["I1, fh", "I1, tl", "I2, fh", "I2, tl", "O, fh", "O, tl", "O, fl", "O, th"]}
operational_array: {unit_energy: 0.5, dimensions: [D1], sizes: [1]}
"""


def small_layer() -> ZigzagLayer:
    """O[m, n] += A[m, k] * B[k, n] with m 4, n 2, k 2; 8-bit values and sums."""
    return make_layer(
        "product", "O[m][n]+=A[m][k]*B[k][n]", (), {"M": 4, "N": 2, "K": 2}, {"O": 8, "O_final": 8, "A": 8, "B": 8}
    )


def random_case(random: Random) -> tuple[ZigzagLayer, ZigzagMachine]:
    """A small convolution or product on a cut of a library machine, often with fractional unrollings."""
    name = random.choice(list(machine_files()))
    machine = load_machine(name)
    sizes = {
        d: random.randint(1, most) for d, most in (("K", 40), ("C", 10), ("OY", 9), ("OX", 20), ("FY", 3), ("FX", 3))
    }
    stride = random.randint(1, 3)
    layer = make_layer(
        "random", "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]", (f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"),
        {"B": 1, **sizes}, {"O": 16, "O_final": 8, "W": 8, "I": 8},
        caps={"IX": stride * sizes["OX"], "IY": stride * sizes["OY"]},
    )  # fmt: skip
    tops = {o: random.choice(machine.levels(o)[-2:]).name for o in ("I1", "I2", "O")}
    return wished(layer, machine.dataflow), machine.shrunk(tops)
