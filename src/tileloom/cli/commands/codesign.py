"""`tileloom codesign`: networks and accelerators chosen together, from a study file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML); see docs/codesign.md.")],
    out: o.StudyOut = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, where layers are mapped by search.")] = 1,
    progress: o.Progress = False,
    json: o.Json = False,
) -> None:
    """Choose a network and an accelerator together: coupled, decoupled, semi-decoupled, with a certificate.

    Exit code 1 when no pair keeps the limits.
    """
    from tileloom.cli.show import emit_json, note, progress_bar
    from tileloom.cli.study_view import print_study
    from tileloom.explore.codesign.output import FILES, as_plain, write_codesign
    from tileloom.explore.codesign.run import run_study
    from tileloom.explore.codesign.study import load_study
    from tileloom.explore.codesign.summary import summarise_study
    from tileloom.explore.study import refuse_folder

    asked = load_study(study)
    if out is not None:
        refuse_folder(out, FILES)
    with progress_bar("Co-design", progress) as callback:
        result = run_study(asked, workers=workers, progress=callback)
    shown = summarise_study(result)
    if json:
        emit_json(as_plain(result))
    else:
        print_study(shown)
    if out is not None:
        from tileloom.report.study_page import write_study_report

        write_codesign(result, out)
        page = write_study_report(shown, out, f"tileloom codesign {study}", FILES)
        note(f"Report: {page}")
    raise typer.Exit(0 if result.best.best is not None else 1)
