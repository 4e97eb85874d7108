"""`tileloom doctor`: is this installation complete and sound?"""

from __future__ import annotations

import typer

from tileloom.cli import options as o


def command(json: o.Json = False) -> None:
    """Check the installation.

    Looks at Python, libraries, extras, compiled kernels, a self-test and known clashes.
    """
    from dataclasses import asdict

    from tileloom.cli.diagnosis import examine
    from tileloom.cli.show import emit_json

    findings = examine()
    if json:
        emit_json({"ok": all(f.ok for f in findings), "checks": [asdict(f) for f in findings]})
    else:
        for f in findings:
            typer.echo(f"{f.mark} {f.name:<22} {f.detail}")
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)
