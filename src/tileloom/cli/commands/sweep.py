"""`tileloom sweep`: every design of a study, the Pareto front of the valid ones, and a page about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    out: Annotated[Path | None, typer.Option(help="Directory of results; default sweep-NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run ended.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Leave unreadable parts out; they are evaluated again.")
    ] = False,
    executor: Annotated[str, typer.Option(help="local or dask.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Address or file of a running Dask scheduler.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the study and say how large it is.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html (extra 'plot').")] = True,
    progress: o.Progress = False,
    json: o.Json = False,
) -> None:
    """Evaluate every design of STUDY and keep the best trade-offs.

    Exit code 1 when no design is valid.
    """
    from tileloom.cli import sweep_view as view
    from tileloom.cli.show import emit_json, note
    from tileloom.explore.executors import EXECUTORS
    from tileloom.explore.sweep.run import run_sweep
    from tileloom.explore.sweep.study import load_study
    from tileloom.report.sweep_page import write_sweep_report

    loaded = load_study(study)
    if check:
        view.say_size(loaded, json)
        return
    folder = out or Path(f"sweep-{loaded.given.name}")
    chosen = EXECUTORS.get(executor)(workers=workers, scheduler=scheduler)  # type: ignore[call-arg]
    with view.rate_bar(loaded.given.name, progress) as callback:
        result = run_sweep(loaded, folder, resume=resume, force=force, executor=chosen, progress=callback)
    page = write_sweep_report(folder, force=force) if report else None
    if json:
        emit_json(result.as_plain())
    else:
        view.print_result(result)
        note(f"Report: {page}" if page else f"Results: {folder}")
    raise typer.Exit(0 if result.counts.valid else 1)
