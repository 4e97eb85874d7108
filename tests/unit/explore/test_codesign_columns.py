"""Tables that a co-design study reads columns from: what would end the process is refused first."""

from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.codesign.study import read_columns


def test_a_table_of_very_many_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a" + "," * 2000 + "\n")
    with pytest.raises(InputError, match="2001 columns; at most 2000 are read"):
        read_columns(path, ("a",))
