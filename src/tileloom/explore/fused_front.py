"""The front of fused schedules as plain values, as a table, and as a run directory: `fuse --optimal --objective pareto`.

The search is in fusion/optimal/front.py; one schedule alone is in fused_record.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.explore.fused_record import record_of
from tileloom.fusion.optimal.front import FusedFront
from tileloom.fusion.optimal.mapper import FusedResult

EMPTY = "no schedule was found before the search had to stop"


@dataclass(frozen=True)
class FrontAnswer:
    """What `tileloom fuse --optimal --objective pareto` says. The point of least EDP stands for the front where one
    schedule is drawn."""

    result: FusedFront
    network: str
    architecture: str

    @property
    def failed(self) -> bool:
        return not self.result.points

    def as_plain(self) -> dict[str, Any]:
        front = self.result
        best = front.best("edp") if front.points else FusedResult(front.graph, "edp", front.status)
        shown = replace(
            best,
            status=front.status,
            unfused=dict(front.unfused).get("edp", float("inf")),
            reasons=front.reasons,
            explain=front.explain,
            seconds=front.seconds,
        )
        points = [
            {
                "energy_pj": p.value_of("energy"),
                "cycles": p.value_of("latency"),
                "edp": p.value_of("edp"),
                "stacks": len(p.stacks),
                "kept": [t for t, _, _ in p.kept],
                "mapping": file_of(number),
                "chosen": p is best,
            }
            for number, p in enumerate(front.points, 1)
        ]
        alone = {name: value for name, value in front.unfused if isfinite(value)}
        record = record_of(shown) | {"objective": "pareto", "front": points, "layer_by_layer": alone}
        return {"network": self.network, "architecture": self.architecture, **record}

    def __str__(self) -> str:
        front = self.result
        lines = [f"note: {n}" for n in front.graph.notes]
        if not front.points:
            said = "nothing fits" if front.status == "infeasible" else EMPTY
            return "\n".join([*lines, f"{front.graph.name}: {said}", *(f"  {r}" for r in front.reasons)])
        proof = "proved: no other schedule" if front.status == "optimal" else "stopped: the best known"
        lines.append(f"{front.graph.name}: {len(front.points)} schedules that none beats in both numbers ({proof})")
        lines.append(f"{'':>4} {'energy (uJ)':>14} {'cycles':>14} {'EDP (uJ*cycles)':>16}  on chip")
        for number, p in enumerate(front.points, 1):
            energy, cycles = p.value_of("energy") / 1e6, p.value_of("latency")
            lines.append(f"{number:>4} {energy:>14.6g} {cycles:>14.6g} {energy * cycles:>16.6g}  {len(p.kept)} tensors")
        for name, value in front.unfused:
            if isfinite(value):
                least = front.best(name).value_of(name)
                lines.append(f"least {name}: {least:.6g}, layer by layer {value:.6g}, {1 - least / value:.1%} less")
        return "\n".join(lines)


def file_of(number: int) -> str:
    """Name of the mapping file of a point, counted from 1."""
    return f"mapping-{number:02}.yaml"


def write_front_run(answer: FrontAnswer, out: Path) -> None:
    """Writes run.json and one mapping per point; report.html is the report layer's (report/fused.py)."""
    from tileloom.mapping.text import to_text
    from tileloom.mapping.yaml import mapping_to_yaml

    front = answer.result
    out.mkdir(parents=True, exist_ok=True)
    record = answer.as_plain()
    for number, point in enumerate(front.points, 1):
        if point.mapping is not None:
            write_text_atomic(out / file_of(number), mapping_to_yaml(point.mapping, front.graph.name))
    chosen = front.best("edp").mapping if front.points else None
    if chosen is not None:
        record["nest"] = to_text(chosen, [layer.problem for layer in front.graph.layers])
    write_text_atomic(out / "run.json", to_json(record) + "\n")
