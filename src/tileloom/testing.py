"""Suites that every mapper, cost model, front end and executor must pass, for authors of plug-ins to inherit. Needs pytest.

    from tileloom.testing import MapperSuite

    class TestAnnealing(MapperSuite):
        @pytest.fixture
        def mapper(self):
            return AnnealingMapper(steps=100)

They test promises, not quality: what a mapper says of its answer is true, what a model counts adds up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path
from random import Random

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.architecture.model import Architecture
from tileloom.core.errors import TileloomError, UnsupportedError
from tileloom.cost.base import Cost, CostModel, Profile
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.explore.executors.base import Executor
from tileloom.explore.formats import Format, Request
from tileloom.mapping.legality import check_mapping, is_legal
from tileloom.mapping.space import MapSpace
from tileloom.mapping.tree import Compute, MappingTree, Seq
from tileloom.search.mappers.random import RandomMapper
from tileloom.search.objective import OBJECTIVES, Mapper, SearchResult
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem

TOLERANCE = 1e-9
"""Relative difference that sums in another order may make."""

BUFFERED = """
name: buffered
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8.0, width_bits: 8, bits_per_cycle: 16}, keep: all}
- {memory: Buffer, size_bits: 96, access: {energy_pj: 1.0, width_bits: 8, bits_per_cycle: 64}, leakage_pj_per_cycle: 0.25}
- {compute: MAC, energy_pj: 0.5}
"""
ARRAY = """
name: array
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8.0, width_bits: 8, bits_per_cycle: 16}, keep: all}
- fanout: PE
  axes: [{name: X, size: 2}]
- {memory: Registers, size_bits: 40, access: {energy_pj: 0.25, width_bits: 8}, keep: weight}
- {compute: MAC, energy_pj: 0.5}
"""
CRAMPED = """
name: cramped
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8.0, width_bits: 8}, keep: all}
- {memory: Buffer, size_bits: 20, access: {energy_pj: 1.0, width_bits: 8}, keep: all}
- {compute: MAC, energy_pj: 0.5}
"""


@dataclass(frozen=True)
class Case:
    """A problem small enough for any mapper, and a chip."""

    problem: Problem
    architecture: Architecture

    def __str__(self) -> str:
        return f"{self.problem} on {self.architecture.name}"


def small_cases() -> tuple[Case, ...]:
    """A product and a strided convolution, on a chip with a buffer and on one with parallel registers."""
    product = parse_einsum("C[m, n] += A[m, k] * B[k, n]", {"m": 4, "n": 2, "k": 2}, name="product")
    window = parse_einsum("O[k, p] += I[2*p + r] * W[k, r]", {"k": 2, "p": 2, "r": 3}, name="window")
    chips = (parse_architecture(BUFFERED), parse_architecture(ARRAY))
    return tuple(Case(problem, chip) for problem in (product, window) for chip in chips)


class MapperSuite:
    """What a mapper's answers must keep. Override `mapper`; `model` when it searches with another than loopnest."""

    @pytest.fixture
    def mapper(self) -> Mapper:
        raise NotImplementedError("a suite needs a fixture 'mapper' that returns the mapper")

    @pytest.fixture
    def model(self) -> CostModel:
        """The model that the mapper searches with."""
        return LoopnestModel()

    @pytest.fixture
    def cases(self) -> tuple[Case, ...]:
        return small_cases()

    @pytest.fixture
    def too_large(self) -> Case:
        """A problem that no mapping fits; override together with `cases`."""
        return Case(small_cases()[0].problem, parse_architecture(CRAMPED))

    @pytest.fixture
    def answers(self, mapper: Mapper, cases: tuple[Case, ...]) -> list[tuple[Case, SearchResult]]:
        """Every case for every objective of the mapper's profile."""
        wanted = [o for o in OBJECTIVES if o in mapper.profile.objectives]
        return [(c, mapper.search(c.problem, c.architecture, o)) for c in cases for o in wanted]

    def test_it_says_what_it_is(self, mapper: Mapper) -> None:
        assert mapper.name and isinstance(mapper.profile, Profile)
        assert isinstance(mapper.PROVES_OPTIMAL, bool)

    def test_something_is_found(self, answers: list[tuple[Case, SearchResult]]) -> None:
        for case, result in answers:
            assert result.mapping is not None and result.cost is not None, f"{case}: {result.reasons}"
            assert result.problem == case.problem
            assert result.evaluated >= 1

    def test_mappings_are_legal(self, answers: list[tuple[Case, SearchResult]]) -> None:
        for case, result in answers:
            for mapping, _ in _found(result):
                broken = [d for d in check_mapping(case.problem, case.architecture, mapping) if d.severity == "error"]
                assert not broken, f"{case}: {[str(d) for d in broken]}"

    def test_costs_are_the_model_s(self, model: CostModel, answers: list[tuple[Case, SearchResult]]) -> None:
        for case, result in answers:
            for mapping, cost in _found(result):
                again = model.evaluate(case.problem, case.architecture, mapping)
                assert isclose(cost.energy_pj, again.energy_pj, rel_tol=TOLERANCE), str(case)
                assert isclose(cost.cycles, again.cycles, rel_tol=TOLERANCE), str(case)

    def test_bounds_lie_below_and_proofs_are_tight(
        self, mapper: Mapper, answers: list[tuple[Case, SearchResult]]
    ) -> None:
        for case, result in answers:
            assert 0 <= result.lower_bound <= result.value * (1 + TOLERANCE), str(case)
            if result.status == "optimal":
                assert mapper.PROVES_OPTIMAL, f"{case}: 'optimal' from a mapper that proves nothing"
                assert isclose(result.lower_bound, result.value, rel_tol=TOLERANCE), str(case)

    def test_no_drawn_mapping_lies_below_a_bound(
        self, model: CostModel, answers: list[tuple[Case, SearchResult]]
    ) -> None:
        for case, result in answers:
            if not result.lower_bound:
                continue
            drawn = RandomMapper(samples=40, seed=1, model=model)
            best = drawn.search(case.problem, case.architecture, result.objective).value
            assert best >= result.lower_bound * (1 - TOLERANCE), f"{case}: {best} was drawn"

    def test_a_front_has_nothing_beaten(self, answers: list[tuple[Case, SearchResult]]) -> None:
        for case, result in answers:
            points = [(cost.energy_pj, cost.cycles) for _, cost in result.front]
            assert points == sorted(points), str(case)
            assert [c for _, c in points] == sorted({c for _, c in points}, reverse=True), str(case)

    def test_equal_questions_have_equal_answers(self, mapper: Mapper, answers: list[tuple[Case, SearchResult]]) -> None:
        for case, result in answers:
            again = mapper.search(case.problem, case.architecture, result.objective)
            assert replace(again, seconds=0.0) == replace(result, seconds=0.0), str(case)

    def test_what_fits_nowhere_has_reasons(self, mapper: Mapper, too_large: Case) -> None:
        objective = next(o for o in OBJECTIVES if o in mapper.profile.objectives)
        result = mapper.search(too_large.problem, too_large.architecture, objective)
        assert result.status in ("infeasible", "stopped")
        assert (result.mapping, result.cost) == (None, None)
        assert result.reasons and all(result.reasons)


class CostModelSuite:
    """What a cost model's answers must keep. Override `model`."""

    @pytest.fixture
    def model(self) -> CostModel:
        raise NotImplementedError("a suite needs a fixture 'model' that returns the cost model")

    @pytest.fixture
    def nests(self) -> list[tuple[Case, MappingTree]]:
        """Legal mappings to evaluate; override for a model that does not take all of them."""
        return [(case, mapping) for case in small_cases() for mapping in _drawn(case, 6)]

    @pytest.fixture
    def costs(self, model: CostModel, nests: list[tuple[Case, MappingTree]]) -> list[tuple[Case, Cost]]:
        return [(case, model.evaluate(case.problem, case.architecture, mapping)) for case, mapping in nests]

    def test_it_says_what_it_is(self, model: CostModel, costs: list[tuple[Case, Cost]]) -> None:
        assert model.name and isinstance(model.profile, Profile)
        assert {cost.model for _, cost in costs} == {model.name}

    def test_parts_sum_to_the_whole(self, costs: list[tuple[Case, Cost]]) -> None:
        for case, cost in costs:
            for key in ("component", "tensor", "action"):
                assert isclose(sum(cost.energy_by(key).values()), cost.energy_pj, rel_tol=TOLERANCE), str(case)  # type: ignore[arg-type]

    def test_nothing_is_negative(self, model: CostModel, costs: list[tuple[Case, Cost]]) -> None:
        # Rows that a model lists in `corrections` make rounded sums add up, so they may be below zero, by little.
        corrections = set(getattr(model, "corrections", ()))
        for case, cost in costs:
            small = [abs(t.energy_pj) for t in cost.traffic if t.component in corrections]
            assert sum(small) <= 0.01 * cost.energy_pj, str(case)
            numbers = [cost.energy_pj, cost.cycles, *(e for _, e in cost.leakage_pj), *(o.bits for o in cost.occupancy)]
            numbers += [c for _, c in cost.cycles_by_component]
            rows = [t for t in cost.traffic if t.component not in corrections]
            numbers += [n for t in rows for n in (t.accesses, t.accesses_per_instance, t.energy_pj)]
            assert min(numbers) >= 0, str(case)
            assert all(t.accesses_per_instance <= t.accesses * (1 + TOLERANCE) for t in cost.traffic), str(case)

    def test_no_more_is_used_than_there_is(self, costs: list[tuple[Case, Cost]]) -> None:
        for case, cost in costs:
            assert 0 <= cost.utilization <= 1 + TOLERANCE, str(case)
            assert 0 < cost.macs <= case.problem.macs, str(case)
            for fanout, axis, used in cost.spatial_use:
                assert 1 <= used <= case.architecture.fanout(fanout).axis(axis).size, str(case)

    def test_no_component_is_busy_longer_than_the_whole(self, costs: list[tuple[Case, Cost]]) -> None:
        for case, cost in costs:
            assert cost.cycles > 0, str(case)
            assert all(c <= cost.cycles * (1 + TOLERANCE) for _, c in cost.cycles_by_component), str(case)

    def test_rows_name_what_exists(self, model: CostModel, costs: list[tuple[Case, Cost]]) -> None:
        for case, cost in costs:
            # A model may count parts that no architecture names, such as a network; it lists them in `parts`.
            places = {node.name for node in case.architecture.nodes} | set(getattr(model, "parts", ()))
            tensors = {t.name for t in case.problem.tensors} | {""}
            assert {t.component for t in cost.traffic} <= places, str(case)
            assert {t.tensor for t in cost.traffic} <= tensors, str(case)

    def test_equal_inputs_give_equal_costs(
        self, model: CostModel, nests: list[tuple[Case, MappingTree]], costs: list[tuple[Case, Cost]]
    ) -> None:
        for (case, mapping), (_, cost) in zip(nests, costs, strict=True):
            assert model.evaluate(case.problem, case.architecture, mapping) == cost, str(case)

    def test_branches_are_refused_where_the_profile_says_so(self, model: CostModel) -> None:
        if not model.profile.fused:
            case, tree = small_cases()[0], MappingTree((Seq(((Compute("MAC"),),)),))
            with pytest.raises(UnsupportedError, match=model.name):
                model.evaluate(case.problem, case.architecture, tree)


class FrontEndSuite:
    """What a file format's answers must keep. Override `front_end` and `sample`, the bytes of a small valid file."""

    @pytest.fixture
    def front_end(self) -> Format:
        raise NotImplementedError("a suite needs a fixture 'front_end' that returns the format")

    @pytest.fixture
    def sample(self) -> bytes:
        raise NotImplementedError("a suite needs a fixture 'sample' that returns the bytes of a small file")

    @pytest.fixture
    def network(self, front_end: Format, sample: bytes, tmp_path: Path) -> Network:
        return front_end.read(Request(_written(front_end, sample, tmp_path)))

    def test_it_knows_its_own(self, front_end: Format, sample: bytes) -> None:
        assert front_end.endings and all(e.startswith(".") for e in front_end.endings)
        assert front_end.accepts(sample)

    def test_every_layer_is_a_problem(self, network: Network) -> None:
        assert network.layers, "nothing was read"
        names = [layer.name for layer in network.layers]
        assert len(set(names)) == len(names)
        assert all(layer.problem.macs >= 1 for layer in network.layers if layer.problem is not None)

    def test_equal_files_give_equal_networks(
        self, front_end: Format, sample: bytes, network: Network, tmp_path: Path
    ) -> None:
        assert front_end.read(Request(_written(front_end, sample, tmp_path))).layers == network.layers

    def test_broken_files_end_in_a_typed_error(self, front_end: Format, sample: bytes, tmp_path: Path) -> None:
        """Cut anywhere, with a byte changed, empty, or noise: a network or an error of ours, nothing else."""
        rng = Random(0)
        cuts = [sample[: len(sample) * part // 8] for part in range(8)]
        changed = [_with_byte(sample, rng) for _ in range(40)]
        for content in (*cuts, *changed, bytes(range(256)), b"\x00" * 64):
            try:
                front_end.read(Request(_written(front_end, content, tmp_path)))
            except TileloomError as error:
                assert str(error)


class ExecutorSuite:
    """What an executor must keep. Override `executor`; jobs of other processes must be importable, as these are."""

    @pytest.fixture
    def executor(self) -> Executor:
        raise NotImplementedError("a suite needs a fixture 'executor' that returns the executor")

    def test_every_task_is_answered_once(self, executor: Executor) -> None:
        answers = list(executor.run(square, range(25)))
        assert sorted(answers) == [(n, n * n) for n in range(25)]

    def test_nothing_to_do_is_done(self, executor: Executor) -> None:
        assert list(executor.run(square, ())) == []

    def test_it_can_run_again(self, executor: Executor) -> None:
        for _ in range(2):
            assert dict(executor.run(square, (3, 4))) == {3: 9, 4: 16}

    def test_a_failing_job_is_told(self, executor: Executor) -> None:
        with pytest.raises(ValueError, match="task 2"):
            list(executor.run(fail_at_two, (1, 2, 3)))


def square(number: int) -> int:
    """A job for ExecutorSuite."""
    return number * number


def fail_at_two(number: int) -> int:
    """A job for ExecutorSuite that fails for one task."""
    if number == 2:
        raise ValueError("task 2 fails")
    return number


def _written(front_end: Format, content: bytes, folder: Path) -> Path:
    path = folder / f"sample{front_end.endings[0]}"
    path.write_bytes(content)
    return path


def _with_byte(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]


def _found(result: SearchResult) -> Iterator[tuple[MappingTree, Cost]]:
    if result.mapping is not None and result.cost is not None:
        yield result.mapping, result.cost
    yield from result.front


def _drawn(case: Case, number: int) -> list[MappingTree]:
    """The first legal mappings of a fixed sequence of draws."""
    space, rng = MapSpace(case.problem, case.architecture), Random(0)
    found: list[MappingTree] = []
    for _ in range(100 * number):
        mapping = space.sample(rng)
        if mapping is not None and is_legal(case.problem, case.architecture, mapping):
            found.append(mapping)
        if len(found) == number:
            return found
    raise AssertionError(f"{case}: only {len(found)} of {100 * number} drawn mappings are legal")
