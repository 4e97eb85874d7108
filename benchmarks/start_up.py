"""How long a user waits: `tileloom --help` (goal < 0.3 CPU s), `import tileloom`, and with --demo `make demo`.

CPU time of the command and its children, least of five. `--demo` clones the committed state into a temporary folder and
installs everything there (goal: under 2 minutes on the clock with the installation).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _measure import of_command

ROOT = Path(__file__).resolve().parent.parent


def least(*command: str) -> tuple[float, float]:
    return min(of_command(command, ROOT) for _ in range(5))


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    bare, _ = least(sys.executable, "-c", "pass")
    loaded, _ = least(sys.executable, "-c", "import tileloom")
    shown, wall = least(sys.executable, "-m", "tileloom", "--help")
    verdict = "reached" if shown < 0.3 else "MISSED"
    yield f"tileloom --help: {shown:.3f} CPU s ({wall:.3f} s on the clock), goal < 0.3 s {verdict}"
    yield f"import tileloom: {loaded - bare:.3f} CPU s on top of the interpreter's own {bare:.3f}"
    if "--demo" not in flags:
        yield "make demo from a bare clone: not run; add --demo (it installs, about a minute)"
        return
    with TemporaryDirectory() as folder:
        of_command(["git", "clone", "--quiet", str(ROOT), folder + "/clone"])
        cpu, wall = of_command(["make", "demo"], Path(folder, "clone"))
    verdict = "reached" if wall < 120 else "MISSED"
    yield f"make demo from a bare clone: {wall:.0f} s on the clock, {cpu:.0f} CPU s, goal < 120 s {verdict}"
