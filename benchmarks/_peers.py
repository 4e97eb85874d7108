"""Peers in environments of their own: `environment('accelforge', ...)` makes one on first use, under .bench/."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".bench"


def python_at_least(major: int, minor: int) -> str | None:
    """An interpreter of at least that version: this one, one on the PATH, or one that pyenv holds."""
    candidates = [sys.executable]
    candidates += [found for v in range(minor, minor + 4) if (found := shutil.which(f"python{major}.{v}"))]
    candidates += [str(p) for p in sorted(Path.home().glob(f".pyenv/versions/{major}.*/bin/python"))]
    check = f"import sys; sys.exit(sys.version_info < ({major}, {minor}))"
    for candidate in candidates:
        if subprocess.run([candidate, "-c", check], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def environment(name: str, requirement: str, python: str) -> Path | None:
    """The Python of an environment that holds `requirement`, or None (with a line on stderr) when it can't be made."""
    folder = BENCH / name
    interpreter = folder / "bin" / "python"
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == requirement:
        return interpreter
    print(f"installing {requirement} into {folder.relative_to(ROOT)} (once)", file=sys.stderr)
    steps = ([python, "-m", "venv", str(folder)], [str(interpreter), "-m", "pip", "install", "-q", requirement])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"  not available: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
    stamp.write_text(requirement)
    return interpreter
