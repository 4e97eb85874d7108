"""Small networks and machines for the tests of depth-first scheduling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.zigzag import defines_machine
from tileloom.cost.models.zigzag.layer import ZigzagNetwork
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.workload.frontends.zigzag import defines_network

REFERENCE = Path(__file__).parent / "reference" / "defines"
CONV = "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][ix][iy]"
ADD = "O[b][k][oy][ox]=X[b][k][oy][ox]+Y[b][k][oy][ox]"


def conv(
    source: int, k: int, c: int, size: int | tuple[int, int], kernel: int = 3, stride: int = 1, bits: int = 8
) -> dict[str, Any]:
    """A convolution in the form of DeFiNES's files; `size` is (OX, OY) or both."""
    ox, oy = size if isinstance(size, tuple) else (size, size)
    return {
        "equation": CONV,
        "equation_relations": [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"],
        "loop_dim_size": {"B": 1, "K": k, "C": c, "OY": oy, "OX": ox, "FY": kernel, "FX": kernel},
        "operand_precision": {"O": 16, "O_final": bits, "W": 8, "I": bits},
        "operand_source": {"W": [], "I": [source]},
        "operand_source_dimension_mapping": {"I": {"IX": "OX", "IY": "OY", "C": "K"}},
        "constant_operands": ["W"],
        "core_allocation": 1,
        "spatial_mapping": {"D1": ["K", 4], "D2": ["C", 2]},
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }


def add(x: int, y: int, k: int, size: int) -> dict[str, Any]:
    same = {"OX": "OX", "OY": "OY", "K": "K"}
    return {
        "equation": ADD,
        "equation_relations": [],
        "loop_dim_size": {"B": 1, "K": k, "OY": size, "OX": size},
        "operand_precision": {"O": 16, "O_final": 8, "X": 8, "Y": 8},
        "operand_source": {"X": [x], "Y": [y]},
        "operand_source_dimension_mapping": {"X": same, "Y": same},
        "constant_operands": [],
        "core_allocation": 1,
        "spatial_mapping": {"D1": ["K", 4]},
        "memory_operand_links": {"O": "O", "X": "I1", "Y": "I1"},
    }


def source(k: int, size: int | tuple[int, int]) -> dict[str, Any]:
    ox, oy = size if isinstance(size, tuple) else (size, size)
    return {
        "equation": "input",
        "loop_dim_size": {"B": 1, "K": k, "OY": oy, "OX": ox},
        "precision": 8,
        "core_allocation": 1,
        "memory_operand_links": {"O": "I1"},
    }


def network(*layers: dict[str, Any]) -> ZigzagNetwork:
    """Ids from -1 on; the first layer is the input."""
    return defines_network("small", {str(i - 1): layer for i, layer in enumerate(layers)})


def memory(name: str, operands: Sequence[str], bits: int, *, width: int = 64, serves: Sequence[str]) -> dict[str, Any]:
    ports = {"fh": "w_port_1", "tl": "r_port_1"}
    return {
        "name": name, "operands": list(operands), "size_bit": bits, "r_bw": width, "w_bw": width, "r_cost": bits**0.5 / 100,
        "w_cost": bits**0.5 / 80, "r_bw_min": min(64, width), "w_bw_min": min(64, width), "served_dims": list(serves),
        "port_alloc": {o: ports | ({"fl": "w_port_1", "th": "r_port_1"} if o == "O" else {}) for o in operands},
    }  # fmt: skip


def machine(
    features: int = 2**16, weights: int = 2**16, *, near: int = 2**12, unrolled_weights: bool = False
) -> ZigzagMachine:
    """Registers for weights and results, a small and a large feature memory, a weight memory, DRAM. Sizes in bits."""
    both = ("D1", "D2")
    memories = [
        memory("reg_w", ["I2"], 8, width=8, serves=()),
        memory("reg_o", ["O"], 16, width=16, serves=("D2",)),
        memory("sram_w", ["I2"], weights, serves=("D2",) if unrolled_weights else both),
        memory("near", ["I1", "O"], near, serves=both),
        memory("far", ["I1", "O"], features, width=128, serves=both),
        memory("dram", ["I1", "I2", "O"], 10**10, serves=both),
    ]
    return defines_machine(
        "small", {"array": {"D1": 4, "D2": 2}, "mac_energy_pj": 0.04, "memories_in_declaration_order": memories}
    )


def defines_files(folder: Path, name: str, arch: str) -> tuple[str, str]:
    """(network, architecture) for the command line: files that hold only these two of DeFiNES's."""
    for file, key in (("workloads.json", name), ("architectures.json", arch)):
        found = json.loads((REFERENCE / file).read_text())
        (folder / file).write_text(json.dumps({key: found[key]}))
    return f"{folder}/workloads.json:{name.partition('@')[0]}", f"{folder}/architectures.json:{arch}"
