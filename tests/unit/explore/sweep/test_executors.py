"""Workers that die, and a real Dask cluster: the same bytes whoever evaluates."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethal import double
from sweep_studies import BULK
from tileloom.core.errors import InputError
from tileloom.explore.executors import EXECUTORS
from tileloom.explore.executors.base import LostWorkersError
from tileloom.explore.executors.dask import DaskExecutor
from tileloom.explore.executors.local import LocalExecutor
from tileloom.explore.store import listed
from tileloom.explore.sweep.run import run_sweep
from tileloom.explore.sweep.study import parse_study


def test_a_dead_local_worker_is_replaced_and_its_task_done(tmp_path: Path) -> None:
    tasks = [(str(tmp_path / "died"), n) for n in range(8)]
    found = dict(LocalExecutor(2).run(double, tasks))
    assert found == {task: 2 * task[1] for task in tasks}
    assert (tmp_path / "died").exists()


def test_a_task_that_always_kills_its_worker_is_named() -> None:
    with pytest.raises(LostWorkersError, match="3 times"):
        list(LocalExecutor(2).run(double, [("", n) for n in range(5)]))


def test_dask_does_the_tasks_of_a_dead_worker_elsewhere_and_gives_the_same_bytes(tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        executor = DaskExecutor(scheduler=cluster.scheduler_address)
        tasks = [(str(tmp_path / "died"), n) for n in range(12)]
        assert dict(executor.run(double, tasks)) == {task: 2 * task[1] for task in tasks}
        assert (tmp_path / "died").exists()
        study = parse_study(BULK + "chunk: 48\n")
        result = run_sweep(study, tmp_path / "dask", executor=executor)
    assert result.counts.searched == study.space.size
    run_sweep(study, tmp_path / "here")
    here, there = ({path.name: path.read_bytes() for path, _ in listed(tmp_path / name)} for name in ("here", "dask"))
    assert here == there


def test_executors_are_known_by_name_and_refuse_what_is_not_theirs() -> None:
    assert EXECUTORS.get("dask") is DaskExecutor
    with pytest.raises(InputError, match="--executor dask"):
        LocalExecutor(scheduler="tcp://127.0.0.1:1")
