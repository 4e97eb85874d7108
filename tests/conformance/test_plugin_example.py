"""The example plug-in passes its own tests, found by its entry points as if it were installed."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "plugin"


def as_installed(folder: Path) -> Path:
    """The metadata that pip writes for the package, without building it."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def test_the_plugin_passes_its_suites(tmp_path: Path) -> None:
    places = [ROOT / "src", PLUGIN / "src", as_installed(tmp_path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), "TILELOOM_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", PLUGIN, PLUGIN / "tests"],
        capture_output=True,
        text=True,
        timeout=300,
        env=env,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "26 passed" in done.stdout
