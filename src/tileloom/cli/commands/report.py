"""`tileloom report`: the page of a run directory, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run directory.")],
    json: o.Json = False,
) -> None:
    """Write the page of a run or sweep directory again.

    DIR/report.html is made from DIR/report.json, or from the parts of a sweep.
    """
    from tileloom.cli.show import emit_json

    if (folder / "sweep.json").is_file():
        from tileloom.report.sweep_page import write_sweep_report

        page = write_sweep_report(folder)
    else:
        from tileloom.explore.run import require_run
        from tileloom.report.html import write_report

        require_run(folder)
        page = write_report(folder, folder)
    if json:
        emit_json({"report": str(page)})
    else:
        typer.echo(str(page))
