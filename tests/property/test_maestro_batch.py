"""The batch of MAESTRO's model equals the clear one row by row: interpreted always, compiled among the slow tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.maestro.batch import evaluate_batch, hardware_array, pack
from tileloom.mapping.notation.maestro import DirectiveLayer, Map

ROWS = Path(__file__).parent / "maestro_batch_rows.py"
FLOW = (Map("spatial", 1, 1, "M"), Map("temporal", 1, 1, "N"))
LAYER = DirectiveLayer("L", "GEMM", (("M", 4), ("N", 4), ("K", 4)), dataflow=FLOW)


def rows(**environment: str) -> int:
    done = subprocess.run(
        [sys.executable, str(ROWS)], env=os.environ | environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


def test_the_interpreted_kernel_equals_the_clear_model() -> None:
    assert rows(NUMBA_DISABLE_JIT="1") >= 90


@pytest.mark.slow
def test_the_compiled_kernel_equals_the_clear_model() -> None:
    assert rows() >= 90


def test_wrong_shapes_and_schedules_are_input_errors() -> None:
    packed = pack([LAYER])
    hardware = hardware_array([MaestroHardware(num_pes=4)])
    with pytest.raises(InputError, match=r"expected \(2, 6\)"):
        evaluate_batch(packed, np.array([0, 0]), hardware)
    with pytest.raises(InputError, match="there are 1"):
        evaluate_batch(packed, np.array([1]), hardware)


def test_what_the_arrays_cannot_hold_is_said() -> None:
    twice = DirectiveLayer("L", "GEMM", LAYER.extents, dataflow=(*FLOW, Map("temporal", 2, 2, "N")))
    with pytest.raises(UnsupportedError, match="one map per known dimension"):
        pack([twice])
    large = DirectiveLayer("L", "GEMM", (("M", 2**20), ("N", 2**20), ("K", 2**20)), dataflow=FLOW)
    with pytest.raises(UnsupportedError, match="64-bit"):
        pack([large])
