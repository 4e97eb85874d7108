"""Execution methods in files: there and back, the original's printed lines, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, method_of_loops
from tileloom.mapping.notation.dmazerunner_file import is_method_file, method_to_yaml, read_method
from tileloom.workload.frontends.dmazerunner import DmazeLayer

PROBLEM = DmazeLayer(name="g: 1", kind="GEMM", extents=(6, 4, 7)).problem()
METHOD = method_of_loops({"X": [1, 2, 3, 1], "Y": [1, 1, 1, 4], "K": [7, 1, 1, 1]}, PROBLEM.extents).with_orders(
    ("X", "K", "Y"), ("Y", "X", "K")
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("method", [METHOD, METHOD.with_orders((), ())])
def test_there_and_back(tmp_path: Path, method: ExecutionMethod) -> None:
    path = written(tmp_path, method_to_yaml(method, PROBLEM.name))
    assert is_method_file(path)
    assert read_method(path, PROBLEM) == method


def test_tiles_that_do_not_divide_are_asked_for(tmp_path: Path) -> None:
    method = method_of_loops({"X": [1, 1, 6, 1], "Y": [1, 1, 1, 4], "K": [1, 1, 2, 4]}, PROBLEM.extents, imperfect=True)
    assert read_method(written(tmp_path, method_to_yaml(method, imperfect=True)), PROBLEM) == method
    with pytest.raises(InputError, match=r"m\.yaml:2: loop 'K': 1 \* 1 \* 2 \* 4 = 8, its trip count is 7"):
        read_method(written(tmp_path, method_to_yaml(method)), PROBLEM)


def test_the_original_s_lines_are_read(tmp_path: Path) -> None:
    printed = "Optimized energy-delay product (EDP): 1.0E+02\nExecution method for optimized EDP: \n" + str(METHOD)
    path = written(tmp_path, printed + "\nTime spent in exploration: 1 seconds\n")
    assert is_method_file(path)
    assert read_method(path, PROBLEM) == METHOD
    path.write_text(printed.replace("((1, 1, 7)", "((1, 1, 7"))
    with pytest.raises(InputError, match=r"m\.yaml:3: not factors and orders"):
        read_method(path, PROBLEM)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dram_order", "dram_ordre", "unknown key 'dram_ordre' (did you mean 'dram_order'?)"),
        ("    X: [1, 2, 3, 1]", "    X: [1, 2, 3]", "loop 'X': [1, 2, 3] has 3 factors"),
        ("    X: [1, 2, 3, 1]", "    Z: [1, 2, 3, 1]", "unknown loop 'Z'"),
        ("    X: [1, 2, 3, 1]", "    X: [1, 0, 3, 1]", "factor 0 is not a whole number"),
        ("    X: [1, 2, 3, 1]", "    X: [1, 2, 2, 1]", "1 * 2 * 2 * 1 = 4, its trip count is 6"),
        ("[X, K, Y]", "[X, K]", "DRAM order ['X', 'K'] does not name each of"),
        ("  tiling:", "  tilings:", "'tiling' must give"),
        ("  tiling:", "  imperfect: 3\n  tiling:", "expected true or false"),
    ],
)
def test_mistakes_have_their_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = method_to_yaml(METHOD)
    assert old in text
    with pytest.raises(InputError) as caught:
        read_method(written(tmp_path, text.replace(old, new)), PROBLEM)
    assert message in str(caught.value)
    assert f"{tmp_path / 'm.yaml'}:" in str(caught.value)


def test_other_files_are_not_taken_for_one(tmp_path: Path) -> None:
    assert not is_method_file(written(tmp_path, "mapping:\n  nodes: []\n"))
    assert not is_method_file(tmp_path / "missing.yaml")
