"""What `import tileloom` and `tileloom --help` load, and that the public names and versions are what they say."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tileloom

ROOT = Path(__file__).parents[2]
HEAVY = ("numba", "numpy", "onnx", "altair", "polars", "pydantic", "ruamel.yaml", "jinja2")


def heavy_after(code: str) -> list[str]:
    probe = f"import sys\n{code}\nsys.stderr.write(','.join(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return [name for name in done.stderr.split(",") if name]


@pytest.mark.parametrize(
    "code",
    [
        "import tileloom",
        "import tileloom.cli.main",
        "from tileloom.cli.main import main\nsys.argv = ['tileloom', '--help']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code",
    ],
    ids=["import tileloom", "import cli", "tileloom --help"],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert heavy_after(code) == []


def test_the_probe_sees_a_heavy_module() -> None:
    assert heavy_after("import pydantic") == ["pydantic"]


def test_every_public_name_exists() -> None:
    assert set(tileloom.__all__) <= set(dir(tileloom))
    missing = [name for name in tileloom.__all__ if getattr(tileloom, name, None) is None]
    assert not missing


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mpa'"):
        tileloom.mpa


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == tileloom.__version__
