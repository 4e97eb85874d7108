"""Which format a file is in, by its first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader_seeds import STABLEHLO, TCCG
from tileloom.explore.formats import recognise


@pytest.mark.parametrize(("seed", "name"), [(STABLEHLO, "mlir"), (TCCG, "tccg")])
def test_a_file_is_known_by_its_content_after_any_blanks(seed: str, name: str, tmp_path: Path) -> None:
    """The square of the number of blanks would be hours here."""
    path = tmp_path / "f.txt"
    for blanks in ("", "\n" * 400_000, " " * 400_000 + "\n"):
        path.write_text(blanks + seed)
        assert recognise(path) == name
