"""Runs a mapper over one problem or a whole network: each distinct problem once, from the cache where it is known.

With several workers the problems are shared out to spawned processes; answers and their order do not depend on how many
there are. The search itself is in mappers/, what is remembered on disk in cache.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from time import perf_counter
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, TileloomError, UnsupportedError, did_you_mean
from tileloom.search.cache import Cache, open_cache
from tileloom.search.conformability import diagnose
from tileloom.search.constrained import settled
from tileloom.search.network import LayerResult, NetworkResult, Progress
from tileloom.search.objective import OBJECTIVES, Objective, SearchResult
from tileloom.search.registry import make_mapper
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem


class WorkerError(TileloomError):
    """A worker process died (killed, or out of memory); what it was working on is lost, nothing else is."""


def map_problem(
    problem: Problem,
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    cache: Cache | str | bool = True,
) -> SearchResult:
    """The mapper's answer for one problem. What the mapper cannot take is 'infeasible' with the reason."""
    results = _solve((problem,), architecture, objective, (mapper, model, dict(options or {})), 1, open_cache(cache))
    return next(result for _, result in results)


def map_network(
    network: Network,
    architecture: Architecture,
    objective: Objective = "edp",
    *,
    mapper: str = "optimal",
    model: str = "loopnest",
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    cache: Cache | str | bool = True,
    progress: Progress | None = None,
) -> NetworkResult:
    """Every distinct problem of the network mapped; a layer that fits nowhere does not stop the others.

    options   fields of the mapper;  cache: True (the user's own), False, or a folder
    workers   processes; above 1 the calling script needs the usual `if __name__ == "__main__":` guard
    progress  called with (layer name, done, total) when a problem is finished
    """
    start = perf_counter()
    chosen = (mapper, model, dict(options or {}))
    problems = tuple(d.problem for d in network.problems)
    found: dict[int, SearchResult] = {}
    for index, result in _solve(problems, architecture, objective, chosen, workers, open_cache(cache)):
        found[index] = result
        if progress is not None:
            progress(problems[index].name, len(found), len(problems))
    return NetworkResult(
        network=network,
        architecture=architecture,
        objective=objective,
        mapper=mapper,
        model=model,
        layers=tuple(LayerResult(d, found[i]) for i, d in enumerate(network.problems)),
        seconds=perf_counter() - start,
        seed=getattr(make_mapper(mapper, _of_mapper(mapper, chosen[2]), model), "seed", None),
        options=tuple(sorted((k, str(v)) for k, v in chosen[2].items())),
    )


Choice = tuple[str, str, dict[str, Any]]
"""(mapper name, model name, mapper options): what a worker needs to build the mapper itself."""


def _solve(
    problems: Sequence[Problem],
    architecture: Architecture,
    objective: Objective,
    choice: Choice,
    workers: int,
    cache: Cache | None,
) -> Iterator[tuple[int, SearchResult]]:
    """(index, answer) in the order in which they become known."""
    _refuse_bad_settings(objective, choice, workers)
    todo: list[int] = []
    keys: dict[int, str] = {}
    for index, problem in enumerate(problems):
        known = None
        if cache is not None:
            keys[index] = cache.key(problem, architecture, objective, choice)
            known = cache.load(keys[index], problem, architecture, objective, choice[1])
        if known is not None:
            yield index, known
        else:
            todo.append(index)
    for index, result in _search_all(problems, todo, architecture, objective, choice, workers):
        if cache is not None:
            cache.store(keys[index], result)
        yield index, result


def _search_all(
    problems: Sequence[Problem],
    todo: Sequence[int],
    architecture: Architecture,
    objective: Objective,
    choice: Choice,
    workers: int,
) -> Iterator[tuple[int, SearchResult]]:
    if workers == 1 or len(todo) < 2:
        for index in todo:
            yield index, search_one(problems[index], architecture, objective, choice)
        return
    with _pool(min(workers, len(todo))) as pool:
        jobs: dict[Future[SearchResult], int] = {}
        # The largest first: a long search that starts last would be waited for alone.
        for index in sorted(todo, key=lambda i: (-problems[i].macs, i)):
            jobs[pool.submit(search_one, problems[index], architecture, objective, choice)] = index
        for job in as_completed(jobs):
            try:
                yield jobs[job], job.result()
            except BrokenProcessPool as error:
                raise WorkerError(
                    f"a worker process died while {len(todo)} problems were searched by {workers} workers; "
                    "use fewer workers, or one to see the failure itself"
                ) from error


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def search_one(problem: Problem, architecture: Architecture, objective: Objective, choice: Choice) -> SearchResult:
    """One search in this process; also what a worker runs."""
    mapper, model, options = choice
    start = perf_counter()
    if refused := [d for d in diagnose(problem, architecture, None, model, mapper, objective) if d.severity == "error"]:
        reasons = tuple(map(str, refused))
        return SearchResult(problem=problem, objective=objective, status="infeasible", reasons=reasons, mapper=mapper)
    try:
        chosen = settled(mapper, options, problem, architecture)
        result = make_mapper(mapper, chosen, model).search(problem, architecture, objective)
    except UnsupportedError as error:
        reasons = (f"not supported: {error}",)
        result = SearchResult(problem=problem, objective=objective, status="infeasible", reasons=reasons)
    return replace(result, seconds=result.seconds or perf_counter() - start, mapper=result.mapper or mapper)


def _refuse_bad_settings(objective: Objective, choice: Choice, workers: int) -> None:
    wrong = []
    if objective not in OBJECTIVES:
        wrong.append(
            f"no objective '{objective}'{did_you_mean(objective, OBJECTIVES)}; there are: {', '.join(OBJECTIVES)}"
        )
    if workers < 1:
        wrong.append(f"workers is {workers}; expected at least 1")
    if wrong:
        raise InputError(wrong)
    make_mapper(choice[0], _of_mapper(choice[0], choice[2]), choice[1])


def _of_mapper(mapper: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the mapper itself takes them: of constraints a template takes only its name (search/constrained.py)."""
    return {k: v for k, v in options.items() if (mapper, k) != ("template", "constraints")}
