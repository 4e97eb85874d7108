"""`tileloom fuse`: a network run depth first, several layers tile by tile, over modes, tile sizes and cuts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tileloom.cli import options as o

if TYPE_CHECKING:
    from tileloom.explore.depth_first.run import StudyResult
    from tileloom.explore.depth_first.study import Study
    from tileloom.explore.fusers import FuseCall

SHOWN = 12
"""Points that the table on the screen holds; all are in the files."""


def command(
    context: typer.Context,
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="Study file (YAML), ONNX, YAML or ZigZag network, or library name; with --optimal any format, as hf:bert.",
        ),
    ],
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="Chip: library name or file (not with a study file).")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="1 recompute, 2 keep columns, 3 keep columns and rows; 13, or all.")
    ] = "all",
    tile_x: Annotated[str | None, typer.Option("--tile-x", metavar="N,N..", help="Tile widths to try.")] = None,
    tile_y: Annotated[str | None, typer.Option("--tile-y", metavar="N,N..", help="Tile heights to try.")] = None,
    cuts: Annotated[
        str, typer.Option(help="auto, single, none, all (search the fuse depth), or layers to cut after: 3,7.")
    ] = "auto",
    objective: Annotated[
        str, typer.Option(help="What to minimise: energy, latency or edp; with --optimal also pareto, the whole front.")
    ] = "energy",
    lpf_limit: Annotated[str, typer.Option(help="Loop factors that the mapper orders, or optimal.")] = "6",
    faithful: Annotated[bool, typer.Option("--faithful", help="DeFiNES's numbers with its quirks.")] = False,
    max_layers: Annotated[int | None, typer.Option(min=1, help="Most layers of a stack with --cuts all.")] = None,
    optimal: Annotated[
        bool, typer.Option("--optimal", help="The fused optimum over mappings of our own, not depth-first tiles.")
    ] = False,
    gap: Annotated[
        float, typer.Option(min=0, max=0.99, help="With --optimal: stop at this proven relative gap.")
    ] = 0.0,
    max_fused_loops: Annotated[
        str, typer.Option("--max-fused-loops", help="With --optimal: loops that layers may share, a number or inf.")
    ] = "1",
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit", min=0, metavar="SECONDS", help="With --optimal: stop with the best found by then."
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", min=0, help="With --optimal: as --time-limit, the same on every machine."),
    ] = None,
    halo: Annotated[
        str,
        typer.Option(
            help="With --optimal: tiles with overlaps too: none, recompute, horizontal, full, or any (a choice "
            "per tensor)."
        ),
    ] = "none",
    tiles: Annotated[
        str,
        typer.Option(help="With --halo: tile sizes to try: auto, grid (DeFiNES's), N,N.. or widths:heights."),
    ] = "auto",
    bind: o.Bind = None,
    variables: o.Variables = None,
    out: Annotated[Path | None, typer.Option(help="Write results and report.html here; a killed run goes on.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    progress: o.Progress = False,
    json: o.Json = False,
) -> None:
    """Run a network depth first: energy and latency over tile sizes, overlap-storing modes and cuts.

    Exit code 1 when a point cannot run; the others are still reported.
    """
    from tileloom.cli.show import emit_json, note, progress_bar
    from tileloom.core.errors import InputError
    from tileloom.explore.depth_first.files import run_record, write_files
    from tileloom.explore.depth_first.record import row_of
    from tileloom.explore.depth_first.run import run_study
    from tileloom.explore.depth_first.study import is_study, read_study
    from tileloom.report.depth_first.page import write_page

    if optimal:
        _refuse_options(context, TILING, "--optimal searches mappings of our own, not depth-first tiles")
        from tileloom.explore.fusers import FuseCall

        given = o.plain_pairs("--set", variables)
        sizes, loops = o.sizes("--bind", bind), _loops(max_fused_loops)
        call = FuseCall(
            network, arch or "", objective, sizes, out, None, gap, loops, given, max_steps, time_limit, halo, tiles
        )
        _optimal(call, progress, json)
    if variables:
        raise InputError("--set is for --optimal: fields of a Hugging Face model, or variables of a template")
    _refuse_options(context, PROOF, "only --optimal takes these")
    if is_study(network):
        _refuse_options(context, ("arch", "objective", *TILING), f"{network} is a study file, which says this itself")
        study = read_study(network)
    else:
        study = _study(network, arch, mode, tile_x, tile_y, cuts, objective, lpf_limit, faithful, max_layers)
    answers = None if out is None else out / "answers"
    with progress_bar("Depth first", progress) as callback:
        result = run_study(study, workers=workers, answers=answers, bind=o.sizes("--bind", bind), progress=callback)
    if out is not None:
        write_files(result, out)
        note(f"report: {write_page(out)}")
    if json:
        emit_json(run_record(result) | {"results": [row_of(p) for p in result.grid.outcomes]})
    else:
        _print(result)
    raise typer.Exit(1 if result.failed else 0)


TILING = ("mode", "tile_x", "tile_y", "cuts", "lpf_limit", "faithful", "max_layers")
"""Options of depth-first schedules only."""

PROOF = ("gap", "max_fused_loops", "max_steps", "time_limit", "halo", "tiles")
"""Options of the fused optimum only."""


def _refuse_options(context: typer.Context, own: tuple[str, ...], reason: str) -> None:
    """InputError for options that would be dropped without a word."""
    from tileloom.core.errors import InputError

    sources = {name: context.get_parameter_source(name) for name in own}
    given = [f"--{n.replace('_', '-')}" for n, s in sources.items() if s is not None and s.name != "DEFAULT"]
    if given:
        raise InputError(f"{reason}: leave out {', '.join(given)}")


def _optimal(call: FuseCall, progress: bool, json: bool) -> NoReturn:
    from dataclasses import replace

    from tileloom.cli.show import emit_json, note, progress_bar
    from tileloom.core.errors import InputError
    from tileloom.explore.fusers import FUSERS

    if not call.architecture:
        raise InputError("--arch is missing: which chip?")
    with progress_bar("Fusing", progress) as callback:
        answer = FUSERS.get("optimal")(replace(call, progress=callback))
    out = call.out
    if out is not None and (out / "run.json").is_file():
        from tileloom.report.fused import write_fused_page

        note(f"report: {write_fused_page(out)}")
    if json:
        emit_json(answer.as_plain())
    else:
        typer.echo(str(answer))
    raise typer.Exit(1 if answer.failed else 0)


def _loops(text: str) -> int | None:
    from tileloom.core.errors import InputError

    if text == "inf":
        return None
    if not text.isdecimal():
        raise InputError(f"--max-fused-loops {text}: expected a whole number, or inf")
    return int(text)


def _study(
    network: str,
    arch: str | None,
    mode: str,
    tile_x: str | None,
    tile_y: str | None,
    cuts: str,
    objective: str,
    lpf_limit: str,
    faithful: bool,
    max_layers: int | None,
) -> Study:
    from tileloom.core.errors import InputError
    from tileloom.explore.depth_first.study import Study, read_cuts, read_list, read_modes

    faults = []
    if Path(network).suffix in (".yaml", ".yml") and not Path(network).exists():
        faults.append(f"{network}: no such file")
    if arch is None:
        faults.append("--arch is missing: which chip?")
    if objective not in ("energy", "latency", "edp"):
        faults.append(f"--objective is '{objective}'; expected energy, latency or edp")
    if lpf_limit != "optimal" and not (lpf_limit.isdecimal() and 1 <= int(lpf_limit) <= 10):
        faults.append(f"--lpf-limit is '{lpf_limit}'; expected 1 to 10, or optimal")
    if max_layers is not None and cuts != "all":
        faults.append(f"--max-layers limits the stacks that --cuts all tries; --cuts is '{cuts}'")
    if faults:
        raise InputError(faults)
    return Study(
        network=network,
        architecture=str(arch),
        modes=read_modes(mode),
        tile_xs=read_list("--tile-x", tile_x),
        tile_ys=read_list("--tile-y", tile_y),
        cuts=read_cuts(cuts),
        objective=objective,  # type: ignore[arg-type]
        rules="faithful" if faithful else "corrected",
        lpf_limit=None if lpf_limit == "optimal" else int(lpf_limit),
        max_layers=max_layers,
    )


def _print(result: StudyResult) -> None:
    from tileloom.cli.show import make_table, note, print_table
    from tileloom.explore.depth_first.record import row_of
    from tileloom.fusion.depth_first import MODES
    from tileloom.report.quantities import count, energy

    for line in result.sources.notes:
        note(f"left out: {line}")
    key = {"energy": "energy_pj", "latency": "cycles", "edp": "edp_pj_cycles"}[result.study.objective]
    rows = sorted((row_of(p) for p in result.grid.outcomes), key=lambda r: (r[key] is None, r[key] or 0))
    heads = [("Mode", False), ("Tile", False), ("Energy", True), ("Cycles", True), ("MACs", True), ("Kinds", True)]
    title = f"{result.setting.graph.name} on {result.setting.machine.name}, least {result.study.objective} first"
    table = make_table(title, heads)
    for row in rows[:SHOWN]:
        tile = f"{row['tile_x']} x {row['tile_y']}"
        if row["energy_pj"] is None:
            table.add_row(MODES[row["mode"]], tile, "cannot run", "", "", "")
        else:
            numbers = (energy(row["energy_pj"]), f"{row['cycles']:,}", count(row["macs"]), str(row["tile_types"]))
            table.add_row(MODES[row["mode"]], tile, *numbers)
    print_table(table)
    for base in result.baselines:
        found = base.outcome.result
        text = f"{energy(found.totals.energy_pj)}, {found.totals.cycles:,} cycles" if found else base.outcome.reason
        typer.echo(f"{base.name}: {text}")
    if result.best is not None:
        plan = result.best
        typer.echo(
            f"best strategy per stack ({result.study.objective}): {energy(plan.energy_pj)}, {plan.cycles:,} cycles, "
            f"{len(plan.choices)} stack{'s' if len(plan.choices) > 1 else ''}"
        )
        for c in plan.choices:
            tile = " x ".join(str(min(a, b)) for a, b in zip(c.tile, c.stack.stack.extent))
            typer.echo(f"  {c.stack.stack.label}: {MODES[c.mode]}, tile {tile}, {energy(c.energy_pj)}")
    for reason in dict.fromkeys(p.reason for p in result.grid.outcomes if p.reason):
        typer.echo(f"cannot run: {reason}", err=True)
