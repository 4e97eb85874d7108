"""No input makes a reader end in anything but a typed error, take long or fill the memory: all readers of the project.

Random damage to inputs that a reader takes (hypothesis), and inputs made to cost: deep nesting, huge integers,
megabytes of constants. The costly ones run in processes of their own whose CPU time and memory the system bounds.
`make fuzz` does the same for longer, with coverage where atheris is installed.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hostile import HOSTILE, damaged
from readers import readers
from reading_places import reading_functions
from tileloom.core.errors import MAX_TEXT, TileloomError
from tileloom.explore.formats import FORMATS
from tileloom.mapping.notation.registry import NOTATIONS

READERS = readers()
CPU_SECONDS = 150
"""For all hostile inputs of one reader together, on a busy machine and with the start of Python."""
MEMORY_BYTES = 3 << 30
QUICK = (
    "deep brackets",
    "deep lists",
    "closed nesting",
    "huge integer",
    "aliases",
    "dense constant",
    "open text",
    "megabytes of JSON",
)
NO_READERS = {
    "workload/frontends/dmazerunner.py _listed": "lists as text in records that a program gives (test_dmazerunner)",
    "architecture/energy/cacti.py Cacti.lookup": "answers of its own cache; broken ones are asked for again (test_cacti)",
    "architecture/load.py list_architectures": "files of the package",
    "architecture/notation/zigzag_library.py list_machines": "files of the package",
    "architecture/load.py parse_architecture": "text of what load_architecture reads",
    "architecture/notation/zigzag.py parse_machine": "text of what read_machine reads",
    "cli/commands/convert.py _with_layer": "the first lines of a table that its notation reads",
    "cli/main.py main": "opens the null device",
    "core/digest.py digest_file": "bytes are not looked at",
    "core/digest.py digest_tree": "bytes are not looked at",
    "core/templates.py _Renderer.include": "as render_file, with bounds on depth and number (test_templates)",
    "explore/codesign/space.py zoo": "a file of the package",
    "explore/dmazerunner/validation.py published": "a file of the package",
    "explore/query.py _broken": "part files, as read_parts (test_query)",
    "explore/store.py _locked": "a lock file",
    "explore/sweep/adaptive.py adaptive_answers": "rows of its own workers",
    "mapping/text.py to_text": "writes text",
    "mapping/text.py _lines": "writes text",
    "report/dataflow_plots.py write_page": "a file of the package",
    "report/depth_first/page.py _template": "a file of the package",
    "report/html.py _template": "a file of the package",
    "report/study_page.py _template": "a file of the package",
    "report/sweep_page.py render_sweep": "files of the package",
    "search/cache.py Cache.load": "its own answers; broken ones are a warning (test_cache)",
    "workload/frontends/timeloop.py parse_timeloop": "text of what read_timeloop reads",
    "workload/frontends/yaml.py parse_workload": "text of what read_workload reads",
    "workload/frontends/zigzag_library.py list_zigzag_networks": "files of the package",
    "workload/frontends/zigzag_library.py load_zigzag_network": "files of the package",
    "workload/library/__init__.py _entries": "a file of the package",
}
"""Functions that open or parse something, but nothing that a user gives, and why."""


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_every_seed_is_taken(reader, tmp_path):
    path = tmp_path / f"seed{reader.ending}"
    reader.write(path, reader.seed)
    assert reader.read(path) is not None


def test_no_registered_format_or_notation_is_forgotten():
    covered = {r.covers for r in READERS}
    assert {f"format {name}" for name in FORMATS.builtin} <= covered
    read = [name for name in NOTATIONS.builtin if NOTATIONS.get(name).read is not None]
    assert {f"notation {name}" for name in read} <= covered
    assert len({r.name for r in READERS}) == len(READERS)


def test_no_function_that_opens_a_file_is_forgotten(tmp_path):
    """Every function of the source that opens or parses something is reached by the seed of a reader."""
    reached: set[str] = set()

    def note(frame, event, argument):
        if event == "call":
            code = frame.f_code
            _, below, file = code.co_filename.rpartition("/tileloom/")
            if below:
                reached.add(f"{file} {code.co_qualname}")

    for number, reader in enumerate(READERS):
        path = tmp_path / str(number) / f"seed{reader.ending}"
        path.parent.mkdir()
        reader.write(path, reader.seed)
        sys.setprofile(note)
        try:
            reader.read(path)
        finally:
            sys.setprofile(None)
    found = {f"{file} {name}" for file, name in reading_functions()}
    found = {f for f in found if not f.startswith("explore/conform/")}
    assert found - reached - set(NO_READERS) == set(), "give each a reader in tests/readers.py"
    assert set(NO_READERS) <= found


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_damaged_input_ends_in_a_typed_error(reader, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / f"input{reader.ending}"

    # Shrinking takes longer than reading a damaged file does; the seed of a failure is enough.
    @settings(
        max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None,
        phases=(Phase.explicit, Phase.generate),
    )  # fmt: skip
    @given(seed=st.integers(0, 2**64))
    def survives(seed: int) -> None:
        reader.write(path, damaged(reader.seed, Random(seed)))
        try:
            reader.read(path)
        except TileloomError as error:
            assert 0 < len(str(error)) <= MAX_TEXT

    survives()


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_bytes_that_are_no_text_are_named(reader, tmp_path):
    path = tmp_path / f"input{reader.ending}"
    path.write_bytes(b"\xff\xfe\x80" + reader.seed.encode("utf-16-le"))
    with pytest.raises(TileloomError):
        reader.read(path)


@pytest.mark.parametrize("reader", [r for r in READERS if r.name != "tile-layer-answers"], ids=lambda r: r.name)
def test_a_missing_file_is_named(reader, tmp_path):
    """Answers are a folder, which may be empty."""
    with pytest.raises(TileloomError, match=r"missing|run"):
        reader.read(tmp_path / f"missing{reader.ending}")


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_hostile_input_ends_soon_and_in_bounded_memory(reader):
    _run_hostile(reader.name, HOSTILE)


@pytest.mark.parametrize("name", ["mlir-format", "yaml-format", "dmazerunner-format", "comet-format"])
def test_hostile_input_of_each_syntax_ends_soon(name):
    _run_hostile(name, QUICK)


def _run_hostile(name: str, inputs: Iterable[str]) -> None:
    script = str(Path(__file__).parent / "run_hostile.py")
    command = [sys.executable, script, name, str(CPU_SECONDS), str(MEMORY_BYTES), *inputs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "all refused or read" in done.stdout
