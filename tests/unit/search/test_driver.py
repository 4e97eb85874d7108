"""Mapping a network: each distinct problem once, failures kept to their layer, settings refused before any search."""

import pytest

from stub_mapper import StubMapper, die, network, product
from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.search.driver import WorkerError, map_network, map_problem
from tileloom.search.network import NetworkResult
from tileloom.search.registry import make_mapper


def run(chip: Architecture, *names_and_sizes: tuple[str, int], **settings: object) -> NetworkResult:
    problems = [product(name, m) for name, m in names_and_sizes]
    settings = {"mapper": "stub", "cache": False} | settings
    return map_network(network(*problems), chip, **settings)  # type: ignore[arg-type]


def test_equal_problems_are_searched_once(stub: type[StubMapper], chip: Architecture) -> None:
    result = run(chip, ("first", 4), ("other", 5), ("again", 4))
    assert stub.searched == ["first", "other"]
    assert [(r.distinct.layers, r.distinct.count) for r in result.layers] == [(("first", "again"), 2), (("other",), 1)]
    first, other = (r.result.cost for r in result.layers)
    assert first is not None and other is not None
    assert result.energy_pj == 2 * first.energy_pj + other.energy_pj
    assert result["again"] == result["first"]


def test_a_layer_that_fits_nowhere_does_not_stop_the_others(stub: type[StubMapper], chip: Architecture) -> None:
    result = run(chip, ("big", 13), ("small", 4))
    assert [r.result.status for r in result.layers] == ["infeasible", "feasible"]
    assert result["big"].reasons == ("big: smallest tile 1200 bits, Buffer 1024 bits",)
    assert result.status == "infeasible"


def test_a_layer_that_the_mapper_refuses_says_so(stub: type[StubMapper], chip: Architecture) -> None:
    result = run(chip, ("odd", 11), ("small", 4))
    assert result["odd"].status == "infeasible"
    assert result["odd"].reasons == ("not supported: the stub takes no extent of 11",)
    assert result["small"].status == "feasible"


def test_progress_is_told_each_problem(stub: type[StubMapper], chip: Architecture) -> None:
    told: list[tuple[str, int, int]] = []
    run(chip, ("a", 4), ("b", 5), progress=lambda *step: told.append(step))
    assert told == [("a", 1, 2), ("b", 2, 2)]


def test_options_reach_the_mapper_and_the_result(stub: type[StubMapper], chip: Architecture) -> None:
    result = run(chip, ("a", 4), options={"seed": 3, "effort": 2})
    assert result.seed == 3
    assert result.options == (("effort", "2"), ("seed", "3"))


def test_an_unknown_option_is_refused_with_the_known_ones(stub: type[StubMapper], chip: Architecture) -> None:
    with pytest.raises(UnsupportedError, match=r"no option 'efort' \(did you mean 'effort'\?\); it has: effort, seed"):
        run(chip, ("a", 4), options={"efort": 2})
    assert stub.searched == []


@pytest.mark.parametrize(
    ("mapper", "option", "value", "expected"),
    [
        ("stub", "effort", "much", "a whole number, at least 0"),
        ("stub", "effort", -1, "a whole number, at least 0"),
        ("optimal", "gap", "small", "a number, at least 0"),
        ("optimal", "pareto", 1, "true or false"),
        ("random", "constraints", "none", "a value that only the Python API can give"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused(
    mapper: str, option: str, value: object, expected: str, stub: type[StubMapper], chip: Architecture
) -> None:
    with pytest.raises(InputError, match=f"option '{option}' of mapper '{mapper}' is {value!r}; expected {expected}"):
        run(chip, ("a", 4), mapper=mapper, options={option: value})


def test_the_default_seed_is_recorded(stub: type[StubMapper], chip: Architecture) -> None:
    assert run(chip, ("a", 4)).seed == 0


def test_imperfect_is_the_same_word_for_every_mapper() -> None:
    assert make_mapper("optimal", {"imperfect": True}) == make_mapper("optimal", {"remainders": 1})
    assert make_mapper("random", {"imperfect": True}) != make_mapper("random")


def test_bad_settings_are_all_named(stub: type[StubMapper], chip: Architecture) -> None:
    with pytest.raises(InputError) as caught:
        run(chip, ("a", 4), objective="energi", workers=0)
    assert caught.value.problems == (
        "no objective 'energi' (did you mean 'energy'?); there are: energy, latency, edp",
        "workers is 0; expected at least 1",
    )


def test_a_model_that_the_mapper_cannot_use_is_refused(stub: type[StubMapper], chip: Architecture) -> None:
    with pytest.raises(UnsupportedError, match="searches with the cost model 'loopnest' only, not 'maestro'"):
        run(chip, ("a", 4), model="maestro")


def test_unknown_mapper(chip: Architecture) -> None:
    with pytest.raises(InputError, match=r"no mapper 'optimul' \(did you mean 'optimal'\?\)"):
        run(chip, ("a", 4), mapper="optimul")


def test_a_worker_that_dies_is_an_error_with_advice(
    stub: type[StubMapper], chip: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tileloom.search.driver.search_one", die)
    with pytest.raises(WorkerError, match="a worker process died while 2 problems were searched by 2 workers"):
        run(chip, ("a", 4), ("b", 5), workers=2)


def test_one_problem(stub: type[StubMapper], chip: Architecture) -> None:
    result = map_problem(product("a", 4), chip, "energy", mapper="stub", cache=False)
    assert (result.status, result.mapper, result.objective) == ("feasible", "stub", "energy")
    # Each of 24 multiply-accumulates brings one value of A and of B through both memories, so at least 2 * 24 * 9 pJ.
    assert result.cost is not None and result.cost.energy_pj >= 2 * 24 * 9
