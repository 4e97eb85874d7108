"""The cache on disk: an equal question is answered without a search, anything that differs or is broken is not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stub_mapper import StubMapper, product
from tileloom.architecture.load import parse_architecture
from tileloom.architecture.model import Architecture
from tileloom.search.cache import Cache, default_folder
from tileloom.search.driver import map_problem
from tileloom.search.objective import SearchResult
from tileloom.workload.problem import Problem


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "answers-here")


def ask(problem: Problem, chip: Architecture, cache: Cache, **settings: object) -> SearchResult:
    return map_problem(problem, chip, cache=cache, **({"mapper": "stub"} | settings))  # type: ignore[arg-type]


def entries(cache: Cache) -> list[Path]:
    return sorted(cache.folder.rglob("*.json"))


def test_the_second_question_is_answered_from_disk(stub: type[StubMapper], chip: Architecture, cache: Cache) -> None:
    first = ask(product("a", 4), chip, cache)
    second = ask(product("renamed", 4), chip, cache)
    assert stub.searched == ["a"]
    assert second == replace(first, problem=product("renamed", 4))


@pytest.mark.parametrize("what", ["problem", "dim names", "objective", "options", "architecture", "version"])
def test_whatever_differs_is_another_question(
    what: str, stub: type[StubMapper], chip: Architecture, cache: Cache
) -> None:
    ask(product("a", 4), chip, cache)
    problem = product("a", 5 if what == "problem" else 4)
    if what == "dim names":
        from tileloom.workload.frontends.einsum import parse_einsum

        problem = parse_einsum("C[i, n] += A[i, k] * B[k, n]", {"i": 4, "n": 2, "k": 3}, name="a")
    if what == "architecture":
        from stub_mapper import CHIP

        chip = parse_architecture(CHIP.replace("size_bits: 1024", "size_bits: 1032"))
    settings = {"objective": {"objective": "energy"}, "options": {"options": {"effort": 2}}}.get(what, {})
    ask(problem, chip, replace(cache, version="9.9") if what == "version" else cache, **settings)
    assert len(stub.searched) == 2
    assert len(entries(cache)) == 2


def spoil(path: Path, how: str) -> None:
    entry = json.loads(path.read_text())
    if how == "truncated":
        path.write_text(path.read_text()[:40])
        return
    if how == "another cost":
        entry["found"][0]["energy_pj"] *= 1.001
    elif how == "another mapping":
        entry["found"][0]["mapping"] = entry["found"][0]["mapping"].replace("tile: 1", "tile: 2", 1)
    elif how == "a key missing":
        del entry["found"]
    elif how == "claims a proof":
        entry["status"] = "optimal"
    else:
        entry["status"] = how
    path.write_text(json.dumps(entry))


@pytest.mark.parametrize(
    "how", ["truncated", "another cost", "another mapping", "a key missing", "claims a proof", "wonderful"]
)
def test_a_spoilt_entry_is_reported_and_searched_again(
    how: str, stub: type[StubMapper], chip: Architecture, cache: Cache
) -> None:
    first = ask(product("a", 4), chip, cache)
    spoil(entries(cache)[0], how)
    with pytest.warns(UserWarning, match="is ignored"):
        again = ask(product("a", 4), chip, cache)
    assert len(stub.searched) == 2
    assert (again.mapping, again.cost) == (first.mapping, first.cost)
    ask(product("a", 4), chip, cache)
    assert len(stub.searched) == 2, "the entry was mended"


def test_what_was_not_found_is_not_remembered(stub: type[StubMapper], chip: Architecture, cache: Cache) -> None:
    ask(product("a", 13), chip, cache)
    assert entries(cache) == []


def test_a_folder_that_cannot_be_made_is_only_a_warning(
    stub: type[StubMapper], chip: Architecture, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="was not written"):
        result = ask(product("a", 4), chip, Cache(tmp_path / "file" / "below"))
    assert result.status == "feasible"


def test_nothing_but_whole_entries_is_left(stub: type[StubMapper], chip: Architecture, cache: Cache) -> None:
    ask(product("a", 4), chip, cache)
    assert [p for p in cache.folder.rglob("*") if p.is_file()] == entries(cache)


def test_the_default_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILELOOM_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_folder() == Path("/x/tileloom")
    monkeypatch.setenv("TILELOOM_CACHE", "/mine")
    assert default_folder() == Path("/mine")
