"""`tileloom study ...`: studies of the original tools, repeated. One file per tool; this one only groups them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from tileloom.cli.commands import study, study_dmazerunner, study_union

DEFAULT = "neurospector"


class StudyGroup(TyperGroup):
    """Takes accelerator files without the name of a study as NeuroSpector's: `study eyeriss.cfg --network N`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and (Path(args[0]).suffix or Path(args[0]).exists()):
            return super().resolve_command(ctx, [DEFAULT, *args])
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=StudyGroup,
    no_args_is_help=True,
    help="Repeat a published study: NeuroSpector's search against the optimum, dMazeRunner's design studies, Union's cases.",
)
app.command(DEFAULT)(study.command)
app.add_typer(study_dmazerunner.app, name="dmazerunner")
app.add_typer(study_union.app, name="union")
