"""A fused optimum as plain values, as text, and as a run directory; `fuse_optimal` is the fuser behind `fuse --optimal`.

The search is in fusion/optimal/, the page in report/fused.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from tileloom import __version__
from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.explore.fusers import FuseCall
from tileloom.fusion.optimal.halo_plan import GRID_X, GRID_Y, HALO_MODES, HaloOptions
from tileloom.fusion.optimal.mapper import FusedResult
from tileloom.mapping.halo import split_name
from tileloom.search.objective import OBJECTIVES, Objective


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
        "tiles": [asdict(t) for t in result.tiles],
        "occupancy": [
            {
                "while": split_name(moment.problem)[0],
                "tile": split_name(moment.problem)[1],
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


@dataclass(frozen=True)
class FusedAnswer:
    """What `tileloom fuse --optimal` says."""

    result: FusedResult
    network: str
    architecture: str

    @property
    def failed(self) -> bool:
        return self.result.cost is None

    def as_plain(self) -> dict[str, Any]:
        return {"network": self.network, "architecture": self.architecture, **record_of(self.result)}

    def __str__(self) -> str:
        result = self.result
        lines = [f"note: {n}" for n in result.graph.notes]
        if result.cost is None:
            return "\n".join([*lines, f"{result.graph.name}: nothing fits", *(f"  {r}" for r in result.reasons)])
        lines.append(f"{result.graph.name}: {len(result.graph.layers)} problems in {len(result.stacks)} stacks")
        for number, stack in enumerate(result.stacks, 1):
            names = set(stack)
            used = {t for layer in result.graph.layers if layer.name in names for t in layer.tensors}
            kept = [t for t, _, _ in result.kept if t in used]
            span = stack[0] if len(stack) == 1 else f"{stack[0]} .. {stack[-1]} ({len(stack)} problems)"
            lines.append(f"  stack {number}: {span}; {len(kept)} tensors on chip")
        lines += [f"  {line}" for line in tile_lines(result)]
        for memory in result.graph.memories:
            capacity = result.graph.layers[0].chip.memory(memory).capacity_bits
            peak = result.cost.peak_bits(memory)
            share = f" of {capacity} ({peak / capacity:.0%})" if capacity else ""
            lines.append(f"  {memory}: at most {peak} bits{share}")
        lines.append(f"{result.status}: {result.cost}; lower bound {result.lower_bound:.6g} ({result.objective})")
        if isfinite(result.unfused) and result.unfused:
            lines.append(f"layer by layer: {result.unfused:.6g}; fused is {1 - result.value / result.unfused:.1%} less")
        return "\n".join(lines)


def tile_lines(result: FusedResult) -> list[str]:
    """Per tensor that tiles pass through: loops outermost first, windows, and where overlaps stay."""
    found: dict[str, list[str]] = {}
    for t in result.tiles:
        kept = f"overlap {t.overlap} kept in {t.strip}" if t.strip else f"overlap {t.overlap} made again"
        text = f"axis {t.axis}: {t.trips} windows of at most {t.window}, {kept if t.overlap else 'no overlap'}"
        found.setdefault(t.tensor, []).append(text)
    return [f"{name}: {'; '.join(texts)}" for name, texts in found.items()]


def read_tiles(mode: str, tiles: str) -> HaloOptions | None:
    """Options of overlapping tiles from --halo and --tiles. Raises InputError for what they cannot be."""
    faults = []
    if mode not in HALO_MODES:
        faults.append(f"--halo {mode}: expected {', '.join(HALO_MODES)}")
    sizes: list[tuple[int, ...] | None] = [None, None]
    if tiles == "grid":
        sizes = [GRID_X, GRID_Y]
    elif tiles != "auto":
        parts = tiles.split(":")
        numbers = [[n.strip() for n in part.split(",")] for part in parts]
        if len(parts) > 2 or not all(n.isdecimal() and int(n) for part in numbers for n in part):
            faults.append(f"--tiles {tiles}: expected auto, grid, sizes as 4,16,60, or widths:heights as 4,16:18,72")
        else:
            both = [tuple(int(n) for n in part) for part in numbers]
            sizes = [both[0], both[-1]]
    if mode == "none" and tiles != "auto":
        faults.append(f"--tiles {tiles}: --halo is none, so nothing is tiled with overlaps; give --halo any")
    if faults:
        raise InputError(faults)
    return None if mode == "none" else HaloOptions(next(m for m in HALO_MODES if m == mode), sizes[1], sizes[0])


def fuse_optimal(call: FuseCall) -> FusedAnswer:
    """The fuser 'optimal': reads network and chip, proves the best fused schedule, writes the run directory.

    Raises InputError for an unknown objective, and as the readers do.
    """
    from tileloom.explore.sources import load_architecture, load_network
    from tileloom.fusion.optimal.mapper import fused_optimal
    from tileloom.fusion.optimal.network_graph import graph_of_network

    if call.objective not in OBJECTIVES:
        raise InputError(f"--objective {call.objective}: expected {', '.join(OBJECTIVES)}")
    objective: Objective = next(o for o in OBJECTIVES if o == call.objective)
    halo = read_tiles(call.halo, call.tiles)
    network = load_network(call.network, bind=dict(call.bind))
    chip = load_architecture(call.architecture)
    graph = graph_of_network(network, chip)
    result = fused_optimal(graph, objective, gap=call.gap, max_fused_loops=call.max_fused_loops, halo=halo)
    answer = FusedAnswer(result, network.name, chip.name)
    if call.out is not None:
        write_fused_run(answer, call.out)
    return answer


def write_fused_run(answer: FusedAnswer, out: Path) -> None:
    """Writes run.json, mapping.yaml and occupancy.json; report.html is the report layer's (report/fused.py)."""
    from tileloom.mapping.text import to_text
    from tileloom.mapping.yaml import mapping_to_yaml

    result = answer.result
    out.mkdir(parents=True, exist_ok=True)
    record = answer.as_plain()
    if result.mapping is not None:
        record["nest"] = to_text(result.mapping, [layer.problem for layer in result.graph.layers])
        write_text_atomic(out / "mapping.yaml", mapping_to_yaml(result.mapping, result.graph.name))
    write_text_atomic(out / "run.json", to_json(record) + "\n")
