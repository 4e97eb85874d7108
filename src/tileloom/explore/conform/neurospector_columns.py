"""Our numbers of a table in the columns of NeuroSpector's rows. Knows the columns' names; compares nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tileloom.architecture.notation.neurospector import TYPES, Accelerator, Buffer
from tileloom.cost.models.neurospector.analysis import Analysis, LevelUse

LETTERS = dict(zip(TYPES, "iwo"))
KINDS = (
    ("_alloc", "tiles"), ("_send", "tiles"), ("_tile_size", "tiles"), ("_rd", "access counts"), ("_wt", "access counts"),
    ("_access_count", "access counts"), ("num_active", "active units"), ("_utilization", "utilisation"),
    ("_cycle", "cycles"), ("_energy", "energy"),
)  # fmt: skip


def columns(accelerator: Accelerator, analysis: Analysis) -> Mapping[str, float]:
    """Column -> number. Columns that do not apply (no global buffer, unified buffer) are absent."""
    found: dict[str, float] = {
        "mac_dynamic_energy": analysis.mac_energy_pj,
        "mac_static_energy": analysis.mac_static_pj,
        "mac_cycle": analysis.mac_cycles,
        "total_dynamic_energy": analysis.dynamic_pj,
        "total_static_energy": analysis.static_pj,
        "total_energy": analysis.energy_pj,
        "total_cycle": analysis.cycles,
        "num_active_mac_array": analysis.active_macs,
        "num_active_pe_array": analysis.active_pes,
        "num_active_multi_chips": analysis.active_chips,
        "pe_array_utilization": _percent(analysis.active_pes, accelerator.array("pe_array").size),
        "multi_chips_utilization": _percent(analysis.active_chips, accelerator.array("multi_chips").size),
    }
    for short, name, buffer in (
        ("lb", "local_buffer", accelerator.local_buffer),
        ("gb", "global_buffer", accelerator.global_buffer),
    ):
        if buffer is not None:
            found |= _buffer_columns(short, analysis.levels[name])
            found |= _filled(short, name, accelerator, buffer, analysis.levels[name])
    return found | _dram_columns(analysis.levels["dram"])


def _buffer_columns(short: str, use: LevelUse) -> dict[str, float]:
    found: dict[str, float] = {}
    for i, letter in enumerate("iwo"):
        found[f"{short}_{letter}_alloc"] = use.held[i]
        found[f"{short}_{letter}_send"] = use.sent[i]
        found[f"{short}_{letter}_rd"] = use.reads[i]
    upper, lower = np.float32(use.energy_upper_pj), np.float32(use.energy_lower_pj)
    return found | {
        f"{short}_o_wt": use.writes,
        f"{short}_energy_upper": use.energy_upper_pj,
        f"{short}_energy_lower": use.energy_lower_pj,
        f"{short}_dynamic_energy": float(upper + lower),
        f"{short}_static_energy": use.static_pj,
        f"{short}_cycle": use.cycles,
    }


def _dram_columns(use: LevelUse) -> dict[str, float]:
    found: dict[str, float] = {}
    for i, letter in enumerate("iwo"):
        found[f"dram_{letter}_send"] = use.sent[i]
        found[f"dram_{letter}_tile_size"] = use.held[i]
        found[f"dram_{letter}_read_access_count"] = use.reads[i]
    return found | {
        "dram_o_write_access_count": use.writes,
        "dram_dynamic_energy": use.energy_upper_pj,
        "dram_static_energy": use.static_pj,
        "dram_cycle": use.cycles,
    }


def _filled(short: str, name: str, accelerator: Accelerator, buffer: Buffer, use: LevelUse) -> dict[str, float]:
    sizes = accelerator.capacities(buffer)
    kept = [(i, t) for i, t in enumerate(TYPES) if t not in buffer.bypass]
    if len(sizes) == 3:
        return {
            f"{short}_{LETTERS[t]}_buffer_utilization": _percent(use.held[i], sizes[i]) for i, t in kept if sizes[i]
        }
    return {f"{name}_utilization": _percent(sum(use.held[i] for i, _ in kept), sizes[0])}


def _percent(part: int, whole: int) -> float:
    return float(np.float32(part) / np.float32(whole) * np.float32(100))


def kind_of(column: str) -> str:
    if column.startswith("total_"):
        return "total cycles" if column.endswith("cycle") else "total energy"
    return next((kind for part, kind in KINDS if part in column), column)
