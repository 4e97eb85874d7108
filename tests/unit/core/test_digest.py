"""Content hashes: equal content gives equal keys, any difference another one."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tileloom.core.digest import digest, digest_file, digest_tree


@dataclass(frozen=True)
class Pair:
    a: int
    b: float


@dataclass(frozen=True)
class Other:
    a: int
    b: float


def test_equal_content_is_equal() -> None:
    assert digest(Pair(1, 2.0), {"x": (1, 2)}) == digest(Pair(1, 2.0), {"x": [1, 2]})
    assert digest(frozenset({"a", "b"})) == digest({"b", "a"})


@pytest.mark.parametrize("other", [Pair(1, 2.0000000000000004), Pair(2, 2.0), Other(1, 2.0), (1, 2.0)])
def test_any_difference_shows(other: object) -> None:
    assert digest(Pair(1, 2.0)) != digest(other)


def test_a_number_is_not_its_text() -> None:
    assert len({digest(1), digest("1"), digest(1.0), digest(True)}) == 4


def test_what_has_no_stable_content_is_refused() -> None:
    with pytest.raises(TypeError, match="no stable content for a object"):
        digest(object())


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    before = digest_tree(tmp_path)
    # sha256 of nothing, as in the standard's test vectors
    (tmp_path / "empty").write_bytes(b"")
    assert digest_file(tmp_path / "empty").startswith("e3b0c44298fc1c14")
    (tmp_path / "b.txt").write_text("not code")
    assert digest_tree(tmp_path) == before
    (tmp_path / "a.py").write_text("x = 2\n")
    assert digest_tree(tmp_path) != before
