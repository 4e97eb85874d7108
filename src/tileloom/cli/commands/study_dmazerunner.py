"""`tileloom study dmazerunner ...`: its energy validation, memory study, design sweep, rapid exploration, whole models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tileloom.cli import options as o
from tileloom.cli.study_view import show_study

if TYPE_CHECKING:
    from tileloom.explore.dmazerunner.memory import Variant
    from tileloom.workload.frontends.dmazerunner import DmazeLayer

app = typer.Typer(no_args_is_help=True, help="dMazeRunner's studies, faithful or corrected.")

LayerName = Annotated[
    str, typer.Option("--layer", metavar="L", help="Number (0 to 5) or name in its table of ResNet layers.")
]
Mode = Annotated[str, typer.Option("--mode", help="faithful (the original's numbers) or corrected.")]
Numbers = Annotated[str | None, typer.Option(metavar="N,N", help="Only these sizes, separated by commas.")]


@app.command("validation")
def validation(
    table: Annotated[
        Path | None, typer.Option("--table", metavar="CSV", help="Rows in the original's form; default: 11 of its 21.")
    ] = None,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Energy against Yang et al., dataflow by dataflow."""
    from tileloom.explore.dmazerunner.results import validation_result
    from tileloom.explore.dmazerunner.validation import read_table, validation_study

    show_study(validation_result(validation_study(None if table is None else read_table(table))), out, json)


@app.command("memory")
def memory(
    layer: LayerName = "5",
    settings: Annotated[str, typer.Option(help="paper (of the authors' tables) or shipped (of the script).")] = "paper",
    mode: Mode = "corrected",
    spm: Numbers = None,
    rf: Numbers = None,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Sizes of scratchpad and registers at 256 PEs, each with its energy: 49 chips."""
    from tileloom.cli.show import progress_bar
    from tileloom.explore.dmazerunner.memory import RF_PJ, SPM_PJ, memory_study
    from tileloom.explore.dmazerunner.results import memory_result

    _one_of("--settings", settings, ("paper", "shipped"))
    faithful, chosen = _faithful(mode), _layer(layer)
    sizes = _sizes("--spm", spm, tuple(SPM_PJ)), _sizes("--rf", rf, tuple(RF_PJ))
    variant: Variant = "paper_settings" if settings == "paper" else "shipped_code"
    with progress_bar("Memory study", progress) as callback:
        rows = memory_study(chosen, variant, *sizes, faithful=faithful, progress=callback)
    show_study(memory_result(rows, chosen.name, variant, faithful=faithful), out, json)


@app.command("design")
def design(
    layer: LayerName = "5",
    mode: Mode = "corrected",
    pes: Numbers = None,
    spm: Numbers = None,
    rf: Numbers = None,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """PEs, scratchpad and registers: the 477 plausible chips, or as the original the 612 others (--mode faithful)."""
    from time import process_time

    from tileloom.cli.show import progress_bar
    from tileloom.core.errors import InputError
    from tileloom.explore.dmazerunner.design import PES, RF_BYTES, SPM_ENERGY, design_sweep, points
    from tileloom.explore.dmazerunner.results import design_result

    faithful, chosen = _faithful(mode), _layer(layer)
    grid = _sizes("--pes", pes, PES), _sizes("--spm", spm, tuple(SPM_ENERGY)), _sizes("--rf", rf, RF_BYTES)
    todo = points(*grid, faithful=faithful)
    if not todo:
        raise InputError(f"no {'im' if faithful else ''}plausible point among these sizes; ask for more of them")
    start = process_time()
    with progress_bar("Design sweep", progress) as callback:
        rows = design_sweep(chosen, todo, faithful=faithful, progress=callback)
    show_study(design_result(rows, chosen.name, process_time() - start, faithful=faithful), out, json)


@app.command("rapid")
def rapid(
    layer: LayerName = "5",
    mode: Mode = "corrected",
    arch_spec: Annotated[Path | None, typer.Option(metavar="JSON", help="Its architecture file.")] = None,
    count_to: Annotated[int, typer.Option(min=1, help="Stop counting mappings there.")] = 20_000_000,
    cost_to: Annotated[
        int, typer.Option(min=0, help="Cost every mapping up to so many; prove the best above.")
    ] = 200_000,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Its filters against the whole space: mappings left, time, quality lost."""
    from tileloom.architecture.notation.dmazerunner import DmazeArchitecture, read_architecture
    from tileloom.cli.show import progress_bar
    from tileloom.explore.dmazerunner.rapid import rapid_study
    from tileloom.explore.dmazerunner.results import rapid_result

    faithful, chosen = _faithful(mode), _layer(layer)
    chip = (read_architecture(arch_spec) if arch_spec else DmazeArchitecture()).chip
    with progress_bar("Rapid exploration", progress) as callback:
        rows = rapid_study(
            chosen, chip, faithful=faithful, count_to=count_to, enumerate_to=cost_to, progress=callback
        )  # fmt: skip
    show_study(rapid_result(rows, chosen.name, faithful=faithful), out, json)


@app.command("model")
def model(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Its model file (JSON), or any network.")],
    arch_spec: Annotated[Path | None, typer.Option(metavar="JSON", help="Its architecture file.")] = None,
    mode: Mode = "corrected",
    bits: Annotated[int, typer.Option(min=1, help="Bits per value where the network does not say.")] = 16,
    bind: o.Bind = None,
    prove: Annotated[bool, typer.Option(help="Also the proven optimum of every layer.")] = False,
    min_utilization: Annotated[
        tuple[float, float, float], typer.Option(metavar="PE RF SPM", help="Utilisation to start from.")
    ] = (0.8, 0.8, 0.5),
    min_methods: Annotated[int, typer.Option(min=1, help="Mappings that are enough.")] = 100,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """The auto-optimizer on a whole model; totals weighted by instances, and as the original prints them."""
    from dataclasses import replace
    from time import process_time

    from tileloom import api
    from tileloom.architecture.notation.dmazerunner import DmazeArchitecture, read_architecture
    from tileloom.cli.show import progress_bar
    from tileloom.explore.dmazerunner.model_result import model_result
    from tileloom.explore.dmazerunner.network import optimize_model, write_methods
    from tileloom.search.dmazerunner.auto import START
    from tileloom.workload.frontends.dmazerunner import read_model

    faithful = _faithful(mode)
    own = network.endswith(".json")
    source = (
        read_model(network, square=faithful)
        if own
        else api.load_network(network, bind=o.sizes("--bind", bind), bits=bits)
    )
    arch = read_architecture(arch_spec) if arch_spec else DmazeArchitecture()
    pe, rf, spm = min_utilization
    start = replace(START, pe=pe, rf=rf, spm=spm, min_methods=min_methods)
    begin = process_time()
    with progress_bar("Auto-optimizer", progress) as callback:
        run = optimize_model(source, arch, faithful=faithful, start=start, prove=prove, progress=callback)
    seconds = process_time() - begin
    if out is not None:
        write_methods(run, out)
    show_study(model_result(run, Path(network).stem, faithful=faithful, seconds=seconds), out, json)


def _layer(name: str) -> DmazeLayer:
    from tileloom.core.errors import InputError, did_you_mean
    from tileloom.workload.frontends.dmazerunner import RESNET

    known = {layer.name: layer for layer in RESNET} | {layer.name.removeprefix("resnet_"): layer for layer in RESNET}
    if name.isdecimal() and int(name) < len(RESNET):
        return RESNET[int(name)]
    if name not in known:
        listed = ", ".join(f"{i} {layer.name}" for i, layer in enumerate(RESNET))
        raise InputError(f"--layer {name}: no such layer{did_you_mean(name, known)}; there are: {listed}")
    return known[name]


def _faithful(mode: str) -> bool:
    _one_of("--mode", mode, ("faithful", "corrected"))
    return mode == "faithful"


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    from tileloom.core.errors import InputError, did_you_mean

    if value not in known:
        raise InputError(f"{option} is '{value}'{did_you_mean(value, known)}; expected {' or '.join(known)}")


def _sizes(option: str, text: str | None, known: tuple[int, ...]) -> tuple[int, ...]:
    from tileloom.core.errors import InputError

    if text is None:
        return known
    parts = [part.strip() for part in text.split(",")]
    wrong = [p for p in parts if not p.isdecimal() or int(p) not in known]
    if wrong:
        raise InputError(f"{option} {', '.join(wrong)}: the study has {', '.join(map(str, known))}")
    return tuple(int(p) for p in parts)
