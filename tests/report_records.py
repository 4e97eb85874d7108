"""What runs leave in their folders and reports are made from: small records, built here."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any


def point(mode: int, x: int, y: int, energy: float | None = 2e9) -> dict[str, Any]:
    ok = energy is not None
    numbers = (
        "macs",
        "mac_pj",
        "memory_pj",
        "copy_pj",
        "ideal_cycles",
        "spatial_stall_cycles",
        "temporal_stall_cycles",
    )
    rest = ("preparation_cycles", "copy_cycles", "tile_types")
    return {
        "mode": mode, "tile_x": x, "tile_y": y, "cuts": "", "status": "ok" if ok else "failed", "energy_pj": energy,
        "cycles": int(energy / 100) if energy else None, "edp_pj_cycles": energy, "weight_memory": "SRAM", "h_memory": "-",
        "v_memory": "-", "reason": "" if ok else "layer 3 fits in no memory", **dict.fromkeys((*numbers, *rest), 5 if ok else None),
        **({"accesses": {"DRAM": {"activation": 7, "weight": 2, "copy": 1}, "SRAM": {"activation": 70, "weight": 0, "copy": 1}}} if ok else {}),
    }  # fmt: skip


def dataset(**changes: Any) -> dict[str, Any]:
    points = [point(m, x, y, 1e9 * m * x) for m in (1, 3) for x in (1, 4) for y in (2, 8)]
    points[-1] = point(3, 4, 8, None)
    stack = {
        "mode": 3, "stack": "0-7", "map": [96, 54], "tile": [4, 2], "weight_memory": "SRAM", "h_memories": [], "v_memories": [],
        "energy_pj": 1e9, "cycles": 100,
    }  # fmt: skip
    plan = {"energy_pj": 1e9, "cycles": 100, "stacks": [stack]}
    return {
        "format": "tileloom depth-first run 1", "title": "", "network": "a <b>", "architecture": "chip", "layers": 8,
        "study": {"rules": "faithful", "objective": "energy", "lpf_limit": 6}, "modes": {"1": "fully recompute", "3": "fully cached"},
        "notes": [], "versions": {"python": "3"}, "tile_layers": {"asked": 9, "searched": 4},
        "memories": [{"name": "SRAM"}, {"name": "DRAM"}], "points": points, "baselines": [{"name": "layer by layer", **point(1, 9, 9, 9e9)}],
        "search": {"stacks": 1, "strategies": 8, "best": dict.fromkeys(("energy", "latency", "edp"), plan), "front": [plan]},
        "top_memories": [{"mode": 3, "tile_x": 1, "tile_y": 2, "layers": {"0": {"input": {"SRAM": 3}, "output": {"DRAM": 3}, "weight": {}}}}],
        **changes,
    }  # fmt: skip


def fused_record() -> dict[str, Any]:
    """The run.json of a fused optimum of two layers."""
    rows = [
        {"memory": "GLB", "tensor": "t", "bits": 64, "owner": ""},
        {"memory": "GLB", "tensor": "w", "bits": 8, "owner": "a"},
    ]
    return {
        "network": "n", "architecture": "chip", "version": "0", "graph": "n", "objective": "energy", "status": "optimal",
        "value": 5.0, "lower_bound": 5.0, "unfused": 9.0, "seconds": 0.1, "energy_pj": 5.0, "cycles": 7.0, "edp": 35.0,
        "stacks": [["a", "b"]], "kept": [{"tensor": "t", "memory": "GLB", "loops_above": ["m"]}],
        "layers": [{"name": n, "energy_pj": 2.5, "cycles": 3.5, "count": 1} for n in "ab"],
        "occupancy": [{"while": n, "alive": rows} for n in "ab"], "capacity_bits": {"GLB": 128}, "search": {"states": 4},
        "reasons": [], "notes": ["relu"],
    }  # fmt: skip


def run_dataset() -> str:
    """report.json of a run of two layers."""
    from report_cases import network_result
    from tileloom.report.data import dataset_json
    from tileloom.report.extraction import extract

    return dataset_json(extract(network_result()))


def sweep_record() -> str:
    """sweep.json of a study that has stored nothing yet."""
    from sweep_studies import BULK

    return json.dumps(
        {"format": "1", "name": "small", "context": "c", "code": "x", "folder": ".", "study": BULK, "versions": {}}
    )


def sweep_part() -> bytes:
    """A part file of a sweep."""
    import polars as pl

    content = BytesIO()
    pl.DataFrame({"design": [0, 1], "cycles": [5.0, 6.0], "status": ["valid", "valid"]}).write_parquet(content)
    return content.getvalue()
