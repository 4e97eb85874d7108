"""The GPU's kernel: equal to the CPU's in numba's simulator, and refused where there is no GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parents[3]


def test_the_kernel_equals_the_cpus_in_the_simulator() -> None:
    env = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    done = subprocess.run(
        [sys.executable, TESTS / "sweep_on_simulator.py"], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "equal", done.stderr


def test_without_a_gpu_it_says_so() -> None:
    from tileloom.core.errors import UnsupportedError
    from tileloom.explore.sweep.cuda import has_gpu, price_on_gpu

    if has_gpu():
        return
    with pytest.raises(UnsupportedError, match="no GPU"):
        price_on_gpu(0, 1, None, None, np.zeros(1, np.int64), 0, 1, None, None)
