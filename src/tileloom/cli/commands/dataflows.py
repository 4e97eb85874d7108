"""`tileloom dataflows`: MAESTRO's dataflows side by side on networks, with a bandwidth sweep, as a table and a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    sources: Annotated[
        list[str], typer.Argument(metavar="NETWORK...", help="Networks, or .m files with dataflows of their own.")
    ],
    template: Annotated[
        list[str] | None,
        typer.Option(help="Dataflow template; repeatable (default kcp_ws, xp_ws, rs; for .m files their own)."),
    ] = None,
    arch: Annotated[str | None, typer.Option("--arch", metavar="HW.m", help="MAESTRO hardware file.")] = None,
    pes: Annotated[list[int] | None, typer.Option(min=1, help="Number of PEs; repeatable.")] = None,
    bandwidth: Annotated[
        list[int] | None, typer.Option(min=1, help="NoC elements per cycle of the sweep; repeatable.")
    ] = None,
    lanes: Annotated[int, typer.Option(min=1, help="Multipliers per PE.")] = 1,
    technology: Annotated[str, typer.Option(help="released, 28nm or a YAML file.")] = "released",
    bind: o.Bind = None,
    out: Annotated[Path | None, typer.Option(help="Write the page of charts (HTML) here.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write all rows here (.csv or .parquet).")] = None,
    json: o.Json = False,
) -> None:
    """Compare MAESTRO's dataflows on networks: cycles, energy, PEs at work.

    Exit code 1 when a layer has no such dataflow.
    """
    from tileloom.architecture.notation.maestro import UNLIMITED, MaestroHardware, read_hardware
    from tileloom.cli.dataflows_view import give_table, print_summary, read_series
    from tileloom.cli.show import emit_json, note
    from tileloom.cost.models.maestro.technology_file import load_technology
    from tileloom.explore.maestro_study import study

    chip = read_hardware(arch, lanes) if arch else MaestroHardware(num_pes=256, simd_lanes=lanes)
    if chip.noc_elements_per_cycle == UNLIMITED:
        chip = replace(chip, noc_elements_per_cycle=chip.num_pes)
    main = chip.noc_elements_per_cycle
    bandwidths = sorted({*(bandwidth or [2**k for k in range(11)]), main})
    series = read_series(sources, template, pes or [chip.num_pes], o.sizes("--bind", bind))
    found = study(series, chip, bandwidths, load_technology(technology))
    if table is not None:
        give_table(found, table)
    if out is not None:
        from tileloom.report.dataflow_plots import write_page

        about = f"MAESTRO's model, faithful mode. Multipliers per PE: {lanes}. NoC elements per cycle: {main}. Energies: {technology}."
        write_page(found.rows, out, lanes=lanes, bandwidth=main, about=about, refused=found.refused)
    if json:
        emit_json({"rows": list(found.rows), "refused": [list(r) for r in found.refused]})
    else:
        print_summary(found, main)
    for label, layer, reason in found.refused:
        note(f"{label}: {layer}: {reason}")
    raise typer.Exit(1 if found.refused else 0)
