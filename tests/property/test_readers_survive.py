"""No input makes a reader end in anything but a typed error, take long or fill the memory: all text readers of the project.

Random damage to inputs that a reader takes (hypothesis), and inputs made to cost: deep nesting, huge integers,
megabytes of constants. The costly ones run in processes of their own whose CPU time and memory the system bounds.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readers import HOSTILE, text_readers
from tileloom.core.errors import TileloomError

READERS = text_readers()
CPU_SECONDS = 120
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
PIECES = (
    "[", "]", "{", "}", "(", ")", "<", ">", '"', "'", ":", ",", ";", "=", "->", "\n", "\t", "#", "%", "&", "*", "!", "-", "0", "-1",
    "1e999", "9" * 30, "9" * 5000, "null", "~", "\0", "\ufeff", "\u2028", "inf", "nan", "?", "|", ">-", "<<", "{{", "{%", "0x", "1_0",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, seed: str) -> str:
    """A seed cut short, with pieces deleted, repeated or inserted."""
    text = seed
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 20))
        what = draw(st.sampled_from(("cut", "delete", "insert", "repeat", "swap")))
        if what == "cut":
            text = text[:at]
        elif what == "delete":
            text = text[:at] + text[at + length :]
        elif what == "insert":
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
        elif what == "repeat":
            text = text[:at] + text[at : at + length] * draw(st.integers(2, 5)) + text[at + length :]
        else:
            text = text[:at] + draw(st.characters(exclude_categories=("Cs",))) + text[at + 1 :]
    return text


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_every_seed_is_taken(reader, tmp_path):
    path = tmp_path / f"seed{reader.ending}"
    path.write_text(reader.seed)
    assert reader.read(path) is not None


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_damaged_input_ends_in_a_typed_error(reader, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / f"input{reader.ending}"

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(damaged(reader.seed))
    def survives(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        try:
            reader.read(path)
        except TileloomError as error:
            assert str(error)

    survives()


def test_bytes_that_are_no_text_are_named(tmp_path):
    for reader in READERS:
        path = tmp_path / f"input{reader.ending}"
        path.write_bytes(b"\xff\xfe\x80" + reader.seed.encode("utf-16-le"))
        with pytest.raises(TileloomError):
            reader.read(path)
        with pytest.raises(TileloomError):
            reader.read(tmp_path / f"missing{reader.ending}")


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_hostile_input_ends_soon_and_in_bounded_memory(reader):
    _run_hostile(reader.name, HOSTILE)


@pytest.mark.parametrize("name", ["stablehlo", "workload", "dmazerunner-model", "comet"])
def test_hostile_input_of_each_syntax_ends_soon(name):
    _run_hostile(name, QUICK)


def _run_hostile(name: str, inputs: Iterable[str]) -> None:
    script = str(Path(__file__).parent / "run_hostile.py")
    command = [sys.executable, script, name, str(CPU_SECONDS), str(MEMORY_BYTES), *inputs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "all refused or read" in done.stdout
