"""A fused optimum as plain values and as a run directory: run.json, mapping.yaml and report.html."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from tileloom import __version__
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.fusion.optimal.mapper import FusedResult


def record_of(result: FusedResult) -> dict[str, Any]:
    """Everything a script needs: value, proof, schedule, what is kept where, and what is alive while each layer runs."""
    cost = result.cost
    return {
        "version": __version__,
        "graph": result.graph.name,
        "objective": result.objective,
        "status": result.status,
        "value": result.value if isfinite(result.value) else None,
        "lower_bound": result.lower_bound,
        "unfused": result.unfused if isfinite(result.unfused) else None,
        "seconds": result.seconds,
        "energy_pj": None if cost is None else cost.energy_pj,
        "cycles": None if cost is None else cost.cycles,
        "edp": None if cost is None else cost.edp,
        "stacks": [list(s) for s in result.stacks] if cost is not None else [],
        "kept": [{"tensor": t, "memory": m, "loops_above": list(loops)} for t, m, loops in result.kept],
        "layers": [
            {"name": name, "energy_pj": c.energy_pj, "cycles": c.cycles, "count": n}
            for (name, c), n in (zip(cost.costs, cost.counts) if cost is not None else ())
        ],
        "occupancy": [
            {
                "while": moment.problem,
                "alive": [
                    {"memory": r.memory, "tensor": r.tensor, "bits": r.bits, "owner": r.owner} for r in moment.alive
                ],
            }
            for moment in (cost.moments if cost is not None else ())
        ],
        "capacity_bits": {m: result.graph.layers[0].chip.memory(m).capacity_bits for m in result.graph.memories},
        "search": dict(result.explain),
        "reasons": list(result.reasons),
        "notes": list(result.graph.notes),
    }


def write_fused_run(result: FusedResult, out: Path, *, source: str, architecture: str) -> None:
    """Writes the directory; an existing one is written over file by file."""
    from tileloom.mapping.yaml import to_yaml
    from tileloom.report.fused import fused_page

    out.mkdir(parents=True, exist_ok=True)
    record = {"network": source, "architecture": architecture, **record_of(result)}
    write_text_atomic(out / "run.json", to_json(record, indent=2) + "\n")
    if result.mapping is not None:
        write_text_atomic(out / "mapping.yaml", to_yaml(result.mapping))
    write_text_atomic(out / "report.html", fused_page(record, result.mapping, result.graph))
