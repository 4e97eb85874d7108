"""Union rows about mappings: the printed example, the ambiguity figure, and one mapping in the format of every tool.

The printed blocks are read as they stand; each tool's file must mean the same loops, and our numbers for it must be the
tool's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.accelforge_resolve import CLOCK_HZ, PICOJOULES
from tileloom.architecture.notation.maestro import read_hardware
from tileloom.architecture.notation.neurospector import read_accelerator
from tileloom.architecture.notation.neurospector_chip import Places
from tileloom.architecture.notation.zigzag import read_machine
from tileloom.core.errors import InputError
from tileloom.core.jsonio import read_json
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.models.maestro.columns import csv_rows
from tileloom.cost.models.maestro.evaluate import evaluate_layers
from tileloom.cost.models.neurospector.analysis import analyze
from tileloom.cost.models.zigzag.flow import merge_down
from tileloom.explore.accelforge_files import read_chip, read_network
from tileloom.explore.conform.base import Check, close
from tileloom.explore.conform.union_neurospector import compared, our_numbers, printed_numbers
from tileloom.explore.conform.union_row import UnionRow, same
from tileloom.mapping.normalise import blocked, hoist
from tileloom.mapping.notation import accelforge
from tileloom.mapping.notation.levels import form
from tileloom.mapping.notation.maestro_directives import directives_of_tree
from tileloom.mapping.notation.maestro_problem import layer_of as maestro_layer
from tileloom.mapping.notation.maestro_reader import read_mapping
from tileloom.mapping.notation.neurospector import read_table
from tileloom.mapping.notation.neurospector_tree import table_of
from tileloom.mapping.notation.placement import axis_error, placements
from tileloom.mapping.notation.timeloop import mapping_from_timeloop, mapping_to_timeloop
from tileloom.mapping.notation.union import blocks_of, tree_of
from tileloom.mapping.notation.union_file import blocks_to_yaml, read_blocks
from tileloom.mapping.tree import Hold, Loop, MappingTree, walk
from tileloom.workload.frontends.neurospector import layer_of, read_layers
from tileloom.workload.frontends.zigzag_files import read_mapping as read_rules
from tileloom.workload.frontends.zigzag_files import read_workload
from tileloom.workload.problem import Problem

MAX_BYTES = 50_000_000
FIGURE = "figure_gemm_in_each_format"
_PLACES = Places(global_buffer="L2", pes="PEArray", local_buffer="L1")
_TOLERANCE = 1e-9


def printed_figures(folder: Path) -> Iterator[UnionRow]:
    """union_paper_*.json: a worked example with its blocks, or loops in space with their placements."""
    for path in sorted(folder.glob("union_paper_*.json")):
        data = read_json(path, MAX_BYTES)
        kind = _example if "mapping" in data else _ambiguity
        yield UnionRow(path.name, partial(kind, path, data))


def _example(path: Path, data: Mapping[str, Any]) -> Iterator[Check]:
    row, what = path.name, "printed example"
    problem, blocks = read_blocks(path)
    for cluster, (time, space), printed in zip(
        blocks.clusters, blocks.trips(problem.extents), data["printed_trip_counts"]
    ):
        found = cluster.name, list(time.values()), list(space.values())
        yield same(what, row, "trip counts", (printed["cluster"], printed["temporal"], printed["spatial"]), found)
    tree = tree_of(blocks, problem)
    derived = data["derived_by_us"]
    steps = tuple(walk(tree, problem.extents))
    cycles = prod(s.trips for s in steps if not getattr(s.node, "spatial", False))
    copies = prod(s.trips for s in steps if getattr(s.node, "spatial", False))
    yield same(what, row, "MACs", derived["macs"], problem.macs)
    yield same(what, row, "time steps", derived["time_steps_one_mac_per_pe"], cycles)
    yield same(what, row, "instances", derived["spatial_instances"], copies)
    yield same(what, row, "utilisation", derived["pe_utilisation"], copies / prod(c.children for c in blocks.clusters))
    tiles = {s.node.memory: s.outside for s in steps if isinstance(s.node, Hold)}
    for key, expected in derived.items():
        if key.startswith("tile_words_in_"):
            level = key.removeprefix("tile_words_in_").split("_")[0]
            memory = next(m for m in tiles if m.split()[0] == level)
            found_words = {t.name: t.footprint(tiles[memory]) for t in problem.tensors}
            yield same(what, row, key, expected, found_words)
    again, losses = blocks_of(tree, problem)
    yield same(
        what,
        row,
        "written again",
        [(b.temporal, b.spatial) for b in blocks.blocks],
        [(b.temporal, b.spatial) for b in again.blocks],
    )
    yield same(
        what, row, "read again", tree, tree_of(read_blocks("again", text=blocks_to_yaml(problem, again))[1], problem)
    )
    yield same(what, row, "losses but the hardware's sizes", [], [x for x in losses if "no architecture" not in x])


def _ambiguity(path: Path, data: Mapping[str, Any]) -> Iterator[Check]:
    row, what = path.name, "ambiguity"
    loops = [(d.lower(), n) for d, n in data["spatial_loops"].items()]
    sizes = data["array"][0], data["array"][1]
    expected = [
        (tuple(p["rows"]), tuple(p["columns"]), tuple(p["active"])) for p in data["interpretations_rows_by_columns"]
    ]
    ways = placements(loops, sizes)
    yield same(what, row, "placements", expected, [(p.first, p.second, p.active) for p in ways])
    refusal = str(axis_error(row, loops, sizes))
    yield same(what, row, "refusal lists them", True, "E-AXIS" in refusal and all(str(p) in refusal for p in ways))
    dims = [d for d, _ in loops]
    text = _undivided(dict(loops), sizes)
    try:
        read_blocks(row, text=text)
        verdict = "taken"
    except InputError as error:
        verdict = "refused with the placements" if all(str(p) in str(error) for p in ways) else str(error)
    yield same(what, row, f"blocks over {' '.join(dims)} without axes", "refused with the placements", verdict)


def _undivided(loops: Mapping[str, int], sizes: Sequence[int]) -> str:
    names = ", ".join(loops)
    trips = list(loops.values())
    return (
        f"problem: {{dimensions: [{names}], instance: {{{', '.join(f'{d}: {n}' for d, n in loops.items())}}}, data_spaces: "
        f"[{{name: A, projection: [{names}]}}, {{name: C, projection: [{next(iter(loops))}], read_write: true}}]}}\n"
        f"architecture: [{{cluster: C1, memory: L2, children: {list(sizes)}, compute: MAC}}]\n"
        f"mapping: [{{target_cluster: C1, temporal_order: [{names}], temporal_tile_sizes: {trips}, "
        f"spatial_tile_sizes: {[1] * len(trips)}}}]\n"
    )


def mapping_files(folder: Path) -> Iterator[UnionRow]:
    """The files of the folder with one mapping in each format, one row per file that holds a mapping or results."""
    at = folder / FIGURE
    if not (at / "accelforge_mapping_literal.yaml").is_file():
        return
    for path in sorted(at.glob("accelforge_mapping_*.yaml")):
        yield UnionRow(f"{FIGURE}/{path.name}", partial(_accelforge, at, path))
    for path in sorted(at.glob("timeloop_mapping*.yaml")):
        yield UnionRow(f"{FIGURE}/{path.name}", partial(_timeloop, at, path))
    for path in sorted(at.glob("maestro_*.m")):
        if path.name != "maestro_hw.m":
            yield UnionRow(f"{FIGURE}/{path.name}", partial(_maestro, at, path))
    if (at / "neurospector_table.cfg").is_file():
        yield UnionRow(f"{FIGURE}/neurospector_table.cfg", partial(_neurospector, at))
    if (at / "zigzag_mapping.yaml").is_file():
        yield UnionRow(f"{FIGURE}/zigzag_mapping.yaml", partial(_zigzag, at))
    yield UnionRow(f"{FIGURE}/union blocks", partial(_blocks, at))


def _literal(at: Path) -> tuple[Problem, MappingTree]:
    problem = read_network(at / "accelforge_workload.yaml", {}).layers[0].problem
    tree = accelforge.chain_of(accelforge.read_mapping(at / "accelforge_mapping_literal.yaml"), problem)
    return problem, tree


def _accelforge(at: Path, path: Path) -> Iterator[Check]:
    what, row = "AccelForge words", f"{FIGURE}/{path.name}"
    problem, literal = _literal(at)
    chip = read_chip(at / "accelforge_arch.yaml", {}, [problem])
    tree = accelforge.chain_of(accelforge.read_mapping(path), problem)
    again = accelforge.chain_of(accelforge.parse_mapping(accelforge.export_mapping(tree, problem.name).text), problem)
    yield same("conversions", row, "written and read again", tree, again)
    yield same(
        "conversions",
        row,
        "the same loops once hoisted",
        form(hoist(literal, problem), problem),
        form(hoist(tree, problem), problem),
    )
    results = at / path.name.replace("_mapping", "").replace(".yaml", ".out.json")
    if not results.is_file():
        return
    cost = LoopnestModel().evaluate(problem, chip, tree)
    energy = cost.energy_pj / PICOJOULES
    ours: dict[str, float] = {
        f"{problem.name}|action|{t.component}|{t.tensor or None}|{t.action}": t.accesses for t in cost.traffic
    }
    ours |= {"Total|latency": cost.cycles / CLOCK_HZ, "Total|energy": energy, "Total|leak_energy": 0.0}
    ours |= {"Total|dynamic_energy": energy, "Total|energy_delay_product": energy * cost.cycles / CLOCK_HZ}
    for fanout, axis, used in cost.spatial_use:
        ours[f"{problem.name}|usage|spatial|{fanout}|{axis}"] = used / chip.fanout(fanout).axis(axis).size
    for o in cost.occupancy:
        # Shares of memories that have no end.
        capacity = chip.memory(o.memory).capacity_bits
        ours[f"{problem.name}|usage|memory|{o.memory}|{o.tensor}"] = o.bits / capacity if capacity else 0.0
    data = read_json(results, MAX_BYTES)
    for column, expected in data["columns"].items():
        yield close(what, row, column, expected, ours.get(column, float("nan")), _TOLERANCE)
    energies = cost.energy_by("component")
    for component, expected in data["energy"].items():
        yield close(
            what,
            row,
            f"energy {component}",
            expected,
            energies.get((component,), float("nan")) / PICOJOULES,
            _TOLERANCE,
        )
    busy = dict(cost.cycles_by_component)
    for component, expected in data["latency"].items():
        yield close(
            what, row, f"latency {component}", expected, busy.get(component, float("nan")) / CLOCK_HZ, _TOLERANCE
        )


def _timeloop(at: Path, path: Path) -> Iterator[Check]:
    what, row = "conversions", f"{FIGURE}/{path.name}"
    problem, literal = _literal(at)
    chip = read_chip(at / "accelforge_arch.yaml", {}, [problem])
    read = mapping_from_timeloop(path, problem, chip)
    yield same(
        what, row, "the printed loops, hoisted", form(hoist(literal, problem), problem), form(read.mapping, problem)
    )
    written = mapping_to_timeloop(read.mapping, problem, chip)
    yield same(what, row, "losses", (), (*read.losses, *written.losses))
    again = mapping_from_timeloop("again", problem, chip, text=written.text)
    yield same(what, row, "written and read again", read.mapping, again.mapping)


def _maestro(at: Path, path: Path) -> Iterator[Check]:
    row = f"{FIGURE}/{path.name}"
    hardware = read_hardware(at / "maestro_hw.m")
    results = path.with_suffix(".out.csv")
    try:
        file = read_mapping(path)
        evaluated = evaluate_layers(file.layers, hardware)
    except InputError as error:
        verdict = "taken" if results.is_file() else "refused"
        yield same("MAESTRO refusals", row, "verdict", verdict, "refused")
        yield same("MAESTRO refusals", row, "says why", True, bool(str(error)))
        return
    if not results.is_file():
        yield same("MAESTRO refusals", row, "verdict", "refused", "taken")
        return
    with results.open(encoding="utf-8", newline="") as stream:
        # The file's head names a column twice; by place all are compared.
        head, *body = csv.reader(stream)
    for line, ours in zip(body, csv_rows(file.network, evaluated)):
        yield from _csv(row, head, line, list(ours.values()))
    if len(evaluated) == 1 and path.name == "maestro_three_level.m":
        problem, literal = _literal(at)
        named = maestro_layer(problem)
        flow, _ = directives_of_tree(problem, named, literal)
        made = type(file.layers[0])(**{**_fields(file.layers[0]), "dataflow": flow})
        exported = csv_rows(file.network, evaluate_layers((made,), hardware))[0]
        for line in body:
            yield from _csv(f"{row}", head, line, list(exported.values()), kind="MAESTRO numbers of our directives")


def _fields(layer: Any) -> dict[str, Any]:
    return {f: getattr(layer, f) for f in layer.__dataclass_fields__}


def _csv(
    row: str, head: Sequence[str], line: Sequence[str], ours: Sequence[float | str], kind: str = "MAESTRO numbers"
) -> Iterator[Check]:
    yield same(kind, row, "columns", len(head), len(ours))
    for column, expected, got in zip(head, line, ours):
        if isinstance(got, str):
            yield same(kind, row, column.strip(), expected.strip(), got)
        else:
            yield close(kind, row, column.strip(), float(expected), float(f"{got:.6g}"), 1e-5)


def _neurospector(at: Path) -> Iterator[Check]:
    what, row = "conversions", f"{FIGURE}/neurospector_table.cfg"
    problem, literal = _literal(at)
    accelerator = read_accelerator(at / "neurospector_acc.cfg")
    layer, table = read_table(at / "neurospector_table.cfg", accelerator, read_layers(at / "neurospector_net.cfg"))
    ours, names = layer_of(problem)
    yield same(what, row, "layer", layer.dims, ours.dims)
    for name, tree in (("literal", literal), ("hoisted", hoist(literal, problem))):
        made = table_of(accelerator, blocked(tree, problem), problem, names, _PLACES)
        yield same(what, row, f"table of the {name} loops", table, made.table)
    analysis = analyze(accelerator, layer, table, faithful=True)
    text = (at / "neurospector_out.txt").read_text(encoding="utf-8")
    yield from compared(row, printed_numbers(text), our_numbers(accelerator, analysis))


def _zigzag(at: Path) -> Iterator[Check]:
    from tileloom.search.zigzag.loma import best_mapping

    what, row = "ZigZag allocation", f"{FIGURE}/zigzag_mapping.yaml"
    problem, literal = _literal(at)
    rules = read_rules(at / "zigzag_mapping.yaml")
    layer = next(n.layer for n in read_workload(at / "zigzag_workload.yaml", rules).nodes if n.layer is not None)
    machine = read_machine(at / "zigzag_hw.yaml")
    dims = dict(zip(sorted(layer.sizes), ("m", "n", "k")))
    steps = [s for s in walk(literal, problem.extents) if s.trips > 1]
    loops = [(s.node, s.trips) for s in steps if isinstance(s.node, Loop)]
    flat = [(loop.dim, n) for loop, n in loops if not loop.spatial]
    yield same(
        "conversions", row, "flat order", list(reversed(flat)), [(dims[d], n) for d, n in rules[0].order or () if n > 1]
    )
    spread = {n: loop.dim for loop, n in loops if loop.spatial}
    yield same(
        "conversions", row, "loops in space", spread, {n: dims[d] for _, loops in rules[0].spatial for d, n in loops}
    )
    expected = read_json(at / "zigzag_allocation.out.json", MAX_BYTES)
    for mode in ("uneven", "even"):
        found = best_mapping(layer, machine, uneven=mode == "uneven").mapping
        for operand, levels in zip(layer.operands, found.temporal if found else ()):
            merged = merge_down(operand, levels) if mode == "uneven" else levels
            named = [[[dims[d].upper(), n] for d, n in level] for level in merged]
            yield same(what, row, f"{mode} {operand.name}", expected[mode][operand.name], named)


def _blocks(at: Path) -> Iterator[Check]:
    what, row = "conversions", f"{FIGURE}/union blocks"
    problem, literal = _literal(at)
    chip = read_chip(at / "accelforge_arch.yaml", {}, [problem])
    blocks, losses = blocks_of(literal, problem, chip)
    yield same(what, row, "losses", ["bits of the values"], list(losses))
    again = tree_of(read_blocks("again", problem, text=blocks_to_yaml(problem, blocks))[1], problem, chip)
    yield same(what, row, "written and read again", form(literal, problem), form(again, problem))
    paper = at.parent / "union_paper_gemm_example.json"
    if paper.is_file():
        _, printed = read_blocks(paper)
        upper = [
            ({d.upper(): n for d, n in b.temporal.items()}, {d.upper(): n for d, n in b.spatial.items()})
            for b in blocks.blocks
        ]
        yield same(what, row, "as printed", [(b.temporal, b.spatial) for b in printed.blocks], upper)
        yield same(
            what,
            row,
            "clusters as printed",
            [(c.virtual, c.children) for c in printed.clusters],
            [(c.virtual, c.children) for c in blocks.clusters],
        )
