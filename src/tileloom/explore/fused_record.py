"""A fused optimum as plain values, as text, and as a run directory; `fuse_optimal` is the fuser behind `fuse --optimal`.

The search is in fusion/optimal/, the page in report/fused.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from tileloom import __version__
from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.cost.fused import FusedCost
from tileloom.explore.fusers import FuseAnswer, FuseCall
from tileloom.fusion.optimal.alone import layer_by_layer
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.halo_plan import GRID_X, GRID_Y, HALO_MODES, HaloOptions
from tileloom.fusion.optimal.mapper import FusedResult
from tileloom.mapping.halo import split_name
from tileloom.search.objective import OBJECTIVES, Objective

MOST_KEPT = 24
"""Tensors kept on chip that the text lists one by one; run.json has them all."""


def record_of(result: FusedResult, alone: Sequence[tuple[float, float] | None] = ()) -> dict[str, Any]:
    """Everything a script needs: value, proof, schedule, what is kept where, and what is alive while each layer runs.

    alone   per problem (pJ, cycles) layer by layer, where it is known
    """
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
        "kept": [
            {
                "tensor": t,
                "memory": m,
                "loops_above": list(loops),
                "from": result.graph.layers[result.graph.uses[t][0]].name,
                "until": result.graph.layers[result.graph.uses[t][-1]].name,
            }
            for t, m, loops in result.kept
        ],
        "layers": [
            {
                "name": name,
                "energy_pj": c.energy_pj,
                "cycles": c.cycles,
                "count": n,
                # Of all runs, with every tensor in the outermost memory; null where nothing fits that way.
                "alone": None if own is None else {"energy_pj": own[0], "cycles": own[1]},
            }
            for (name, c), n, own in (
                zip(cost.costs, cost.counts, alone or (None,) * len(cost.costs)) if cost is not None else ()
            )
        ],
        "tiles": [asdict(t) for t in result.tiles],
        "occupancy": _occupancy(cost) if cost is not None else [],
        "capacity_bits": {m: result.graph.layers[0].chip.memory(m).capacity_bits for m in result.graph.memories},
        "search": dict(result.explain),
        "reasons": list(result.reasons),
        "notes": list(result.graph.notes),
    }


def cost_record(cost: FusedCost, chip: Architecture) -> dict[str, Any]:
    """What a given fused mapping costs, by problem and by part; energies of the parts sum to the whole."""
    return {
        "energy_pj": cost.energy_pj,
        "cycles": cost.cycles,
        "edp": cost.edp,
        "overlapped": cost.elapsed_cycles is not None,
        "problems": [
            {"name": name, "energy_pj": c.energy_pj, "cycles": c.cycles, "count": n, "macs": c.macs}
            for (name, c), n in zip(cost.costs, cost.counts)
        ],
        "energy": [asdict(row) for row in cost.energy_rows],
        "occupancy": _occupancy(cost),
        "capacity_bits": {m.name: m.capacity_bits for m in chip.memories},
    }


def _occupancy(cost: FusedCost) -> list[dict[str, Any]]:
    return [
        {
            "while": split_name(moment.problem)[0],
            "tile": split_name(moment.problem)[1],
            "alive": [{"memory": r.memory, "tensor": r.tensor, "bits": r.bits, "owner": r.owner} for r in moment.alive],
        }
        for moment in cost.moments
    ]


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
        return {"network": self.network, "architecture": self.architecture, **record_of(self.result, self.alone)}

    @cached_property
    def alone(self) -> tuple[tuple[float, float] | None, ...]:
        """Per problem (pJ, cycles) layer by layer."""
        if self.result.cost is None:
            return ()
        return layer_by_layer(self.result.graph, self.result.objective)

    def __str__(self) -> str:
        result = self.result
        lines = [f"note: {n}" for n in result.graph.notes]
        if result.cost is None:
            said = (
                "nothing fits" if result.status == "infeasible" else f"no schedule yet, bound {result.lower_bound:.6g}"
            )
            return "\n".join([*lines, f"{result.graph.name}: {said}", *(f"  {r}" for r in result.reasons)])
        lines.append(f"{result.graph.name}: {len(result.graph.layers)} problems in {len(result.stacks)} stacks")
        for number, stack in enumerate(result.stacks, 1):
            lines += self._stack(number, stack)
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

    def _stack(self, number: int, stack: Sequence[str]) -> list[str]:
        """One line for a stack: what runs in it, what it costs and saves; and one per tensor it keeps, if they are few."""
        result = self.result
        assert result.cost is not None
        at = {layer.name: i for i, layer in enumerate(result.graph.layers)}
        fused = sum(result.cost.costs[at[n]][1].energy_pj * result.cost.counts[at[n]] for n in stack)
        own = [self.alone[at[n]] for n in stack]
        before = sum(a[0] for a in own if a is not None)
        saved = f", alone {before / 1e6:.4g} µJ" if None not in own and before else ""
        kept = [k for k in result.kept if result.graph.layers[result.graph.uses[k[0]][0]].name in set(stack)]
        span = stack[0] if len(stack) == 1 else f"{stack[0]} .. {stack[-1]} ({len(stack)} problems)"
        lines = [f"  stack {number}: {span}; {len(kept)} tensors on chip; {fused / 1e6:.4g} µJ{saved}"]
        if len(result.kept) > MOST_KEPT:
            return lines
        for tensor, memory, loops in kept:
            uses = [result.graph.layers[i].name for i in (result.graph.uses[tensor][0], result.graph.uses[tensor][-1])]
            tiled = f", one of {' x '.join(map(str, loops))} tiles at a time" if loops else ""
            lines.append(f"    {tensor} in {memory}{tiled}: from {uses[0]} until {uses[1]}")
        return lines


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


def fuse_optimal(call: FuseCall) -> FuseAnswer:
    """The fuser 'optimal': reads network and chip, proves the best fused schedule (with the objective pareto, the
    front), writes the run directory.

    Raises InputError for an unknown objective, and as the readers do.
    """
    from tileloom.explore.sources import load_architecture, load_network
    from tileloom.fusion.optimal.mapper import fused_optimal
    from tileloom.fusion.optimal.network_graph import graph_of_network

    if call.objective not in (*OBJECTIVES, "pareto"):
        raise InputError(f"--objective {call.objective}: expected {', '.join(OBJECTIVES)} or pareto")
    if call.objective == "pareto" and call.gap:
        raise InputError("--gap goes with one objective; the front is proved whole: leave it out")
    halo = read_tiles(call.halo, call.tiles)
    if call.objective == "pareto" and halo is not None:
        raise InputError("--halo goes with one objective: leave out --objective pareto or --halo")
    network = load_network(call.network, bind=dict(call.bind), variables=dict(call.variables))
    chip = load_architecture(call.architecture)
    graph = graph_of_network(network, chip)
    if call.objective == "pareto":
        return _fuse_front(call, graph, network.name, chip.name)
    objective: Objective = next(o for o in OBJECTIVES if o == call.objective)
    result = fused_optimal(
        graph,
        objective,
        gap=call.gap,
        max_fused_loops=call.max_fused_loops,
        max_steps=call.max_steps,
        time_limit_s=call.time_limit_s,
        halo=halo,
    )
    answer = FusedAnswer(result, network.name, chip.name)
    if call.out is not None:
        write_fused_run(answer, call.out)
    return answer


def _fuse_front(call: FuseCall, graph: FusedGraph, network: str, chip: str) -> FuseAnswer:
    from tileloom.explore.fused_front import FrontAnswer, write_front_run
    from tileloom.fusion.optimal.front import fused_front

    front = fused_front(
        graph, max_fused_loops=call.max_fused_loops, max_steps=call.max_steps, time_limit_s=call.time_limit_s
    )
    answer = FrontAnswer(front, network, chip)
    if call.out is not None:
        write_front_run(answer, call.out)
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
