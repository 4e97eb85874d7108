"""Searches a space too large to enumerate: optuna (extra 'optuna') proposes designs, the mapped engine evaluates them.

Proposals depend on the seed and on answers only, and answers that are stored are not worked out again; so a killed
search resumes where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from tileloom.core.errors import MissingDependencyError
from tileloom.explore.executors.base import Executor
from tileloom.explore.store import PartName
from tileloom.explore.sweep.plan import Plan, Task, context_of, evaluate, key_of, plan_of
from tileloom.explore.sweep.study import Study

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]


def adaptive_answers(
    study: Study, frames: list[pl.DataFrame], executor: Executor
) -> Iterator[tuple[Task, tuple[PartName, bytes]]]:
    """Parts of the designs that optuna asks for and that are not stored yet, one part per batch of proposals."""
    import polars as pl

    optuna = _optuna()
    given = study.given.adaptive
    assert given is not None
    plan = plan_of(study.text, str(study.folder), "study")
    context = context_of(study)
    known: dict[str, Row] = {row["key"]: row for frame in frames for row in frame.iter_rows(named=True)}
    search = _search(optuna, study)
    asked = 0
    while asked < given.trials:
        trials = [search.ask(_distributions(optuna, plan)) for _ in range(min(given.batch, given.trials - asked))]
        asked += len(trials)
        designs = [plan.space.index(_digits(plan, trial.params)) for trial in trials]
        keys = [key_of(context, plan.content(plan.space.values(d))) for d in designs]
        new = tuple({k: d for k, d in zip(keys, designs) if k not in known}.values())
        if new:
            task = Task(study.text, str(study.folder), "study", min(new), max(new) + 1, new)
            for done, answer in executor.run(evaluate, [task]):
                rows = pl.read_parquet(BytesIO(answer[1]))
                known.update({row["key"]: row for row in rows.iter_rows(named=True)})
                yield done, answer
        for trial, key in zip(trials, keys):
            _tell(optuna, search, trial, known[key], study)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError("optuna", "optuna", "an adaptive study") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _search(optuna: Any, study: Study) -> Any:
    given = study.given.adaptive
    assert given is not None
    # Until version 5 a sampler asks a function for what a trial violates; since then trials are told.
    told = hasattr(optuna.trial.Trial, "set_constraint")
    constraints: dict[str, Any] = {} if told else {"constraints_func": _violations}
    samplers = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=given.seed, **constraints),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=given.seed, **constraints),
        "random": lambda: optuna.samplers.RandomSampler(seed=given.seed),
    }
    directions = ["maximize" if name == "utilization" else "minimize" for name in study.objectives]
    return optuna.create_study(directions=directions, sampler=samplers[given.sampler]())


def _distributions(optuna: Any, plan: Plan) -> dict[str, Any]:
    """Numbers by their position, which keeps their order; names by name."""
    found: dict[str, Any] = {}
    for p in plan.space.parameters:
        if all(isinstance(v, str) for v in p.values):
            found[p.name] = optuna.distributions.CategoricalDistribution(p.values)
        else:
            found[p.name] = optuna.distributions.IntDistribution(0, len(p.values) - 1)
    return found


def _digits(plan: Plan, params: dict[str, Any]) -> list[int]:
    return [
        p.values.index(params[p.name]) if isinstance(params[p.name], str) else int(params[p.name])
        for p in plan.space.parameters
    ]


def _tell(optuna: Any, search: Any, trial: Any, row: Row, study: Study) -> None:
    if row["status"] == "infeasible":
        search.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    for i, limit in enumerate(study.limits):
        over = max(0.0, row[limit.metric] - limit.high, limit.low - row[limit.metric])
        if hasattr(trial, "set_constraint"):
            trial.set_constraint(f"{limit.metric} {i}", over)
        else:
            trial.set_user_attr(f"over {i}", over)
    search.tell(trial, [row[name] for name in study.objectives])


def _violations(trial: Any) -> list[float]:
    return [v for k, v in trial.user_attrs.items() if k.startswith("over ")] or [0.0]
