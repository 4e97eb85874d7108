"""Where the chunks of a sweep are evaluated: in this process, in local processes, on a Dask cluster.

An executor only carries tasks and answers; it never writes. So the bytes of a sweep do not depend on it.
"""

from __future__ import annotations

from tileloom.core.registry import Registry, from_module
from tileloom.explore.executors.base import Executor

EXECUTORS: Registry[type[Executor]] = Registry(
    kind="executor",
    group="tileloom.executors",
    builtin={
        "local": from_module("tileloom.explore.executors.local:LocalExecutor"),
        "dask": from_module("tileloom.explore.executors.dask:DaskExecutor"),
    },
    about={
        "local": "this process, or --workers processes of this machine (default)",
        "dask": "a Dask cluster: --scheduler ADDRESS, else one of its own on this machine (extra 'dask')",
    },
)
