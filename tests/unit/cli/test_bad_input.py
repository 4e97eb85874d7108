"""Bad input: each mistake is named with its place, value and remedy, exits as documented, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from stub_mapper import CHIP

PRODUCT = "C[m, n] += A[m, k] * B[k, n]"
SIZES = ("--size", "m=4", "--size", "n=2", "--size", "k=3")
NEST = """mapping:
  problem: product
  nodes:
  - hold: {memory: DRAM, tensors: [A, B, C]}
  - {for: m, tile: 1}
  - {for: n, tile: 1}
  - {for: k, tile: 1}
  - hold: {memory: Buffer, tensors: [A, B, C]}
  - {compute: MAC}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty working folder, in which a failing command must leave nothing."""
    path = tmp_path / "work"
    path.mkdir()
    return path


def left_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def map_product(run, chip_file, *more):
    return run("map", PRODUCT, *SIZES, "--arch", chip_file, "--mapper", "stub", *more)


def test_unknown_key_in_an_architecture(run, chip_file, folder) -> None:
    chip_file.write_text(CHIP.replace("size_bits", "size_bit"))
    shown = map_product(run, chip_file, "--out", folder / "run")
    assert shown.code == 2
    assert f"{chip_file}:5" in shown.err
    assert "did you mean 'size_bits'" in shown.err
    assert left_in(folder) == []


def test_negative_size_in_an_architecture(run, chip_file) -> None:
    chip_file.write_text(CHIP.replace("1024", "-1024"))
    shown = map_product(run, chip_file)
    assert shown.code == 2
    assert f"{chip_file}:5" in shown.err
    assert "-1024" in shown.err


@pytest.mark.parametrize("size", ["m=-4", "m=0", "m=many", "m", "=4"])
def test_bad_size_of_an_index(run, chip_file, size) -> None:
    shown = run("map", PRODUCT, "--size", size, "--arch", chip_file, "--mapper", "stub")
    assert shown.code == 2
    assert f"--size {size}: expected" in shown.err


@pytest.mark.parametrize(("sizes", "named"), [(("m=4", "n=2"), "'k'"), ((f"m={2**50}", "n=2", "k=3"), str(2**50))])
def test_missing_and_absurd_sizes(run, chip_file, sizes, named) -> None:
    given = [part for size in sizes for part in ("--size", size)]
    shown = run("map", PRODUCT, *given, "--arch", chip_file, "--mapper", "stub")
    assert shown.code == 2
    assert named in shown.err


@pytest.mark.parametrize("content", [b"not a protobuf at all", b""])
def test_unreadable_onnx(run, chip_file, folder, content) -> None:
    broken = folder / "net.onnx"
    broken.write_bytes(content)
    shown = run("map", broken, "--arch", chip_file, "--mapper", "stub", "--out", folder / "run")
    assert shown.code == 2
    assert str(broken) in shown.err
    assert left_in(folder) == ["net.onnx"]


def test_truncated_onnx(run, chip_file, folder) -> None:
    whole = Path(run("list", "networks", "resnet18", "--path").out.strip()).read_bytes()
    broken = folder / "net.onnx"
    broken.write_bytes(whole[: len(whole) // 2])
    shown = run("import", broken)
    assert shown.code == 2
    assert str(broken) in shown.err


def test_dynamic_shape_not_bound(run, chip_file) -> None:
    network = run("list", "networks", "resnet18", "--path").out.strip()
    shown = run("map", network, "--arch", chip_file, "--mapper", "stub")
    assert shown.code == 2
    assert "N" in shown.err
    assert "--bind" in shown.err


def test_unknown_layer_and_network(run, chip_file) -> None:
    shown = run("map", "resnet18", "--layer", "conv11", "--arch", chip_file, "--mapper", "stub")
    assert shown.code == 2
    assert "no layer 'conv11' (did you mean 'conv1'?)" in shown.err
    shown = run("map", "resnet-18", "--arch", chip_file)
    assert (shown.code, "did you mean 'resnet18'" in shown.err) == (2, True)


def onnx_with_a_strange_operator(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4, 4]) for n in ("x", "w", "y", "z")]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"], name="product"),
        helper.make_node("FancyAttention", ["y"], ["z"], name="strange", domain="com.example"),
    ]
    graph = helper.make_graph(nodes, "net", values[:2], values[3:], value_info=[values[2]])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)


def test_unsupported_operator_is_named_and_the_rest_is_mapped(run, chip_file, folder) -> None:
    onnx_with_a_strange_operator(folder / "net.onnx")
    shown = run("map", folder / "net.onnx", "--arch", chip_file, "--mapper", "stub", "--json")
    assert shown.code == 1
    assert "strange" in shown.err
    assert "FancyAttention" in shown.err
    assert [layer["status"] for layer in shown.json["layers"]] == ["feasible"]
    (skipped,) = shown.json["skipped"]
    assert skipped["node"] == "strange"
    imported = run("import", folder / "net.onnx", "--json")
    assert (imported.code, imported.json["skipped"][0]["node"]) == (1, "strange")


def test_a_layer_that_fits_nowhere(run, chip_file, folder) -> None:
    shown = run(
        "map", PRODUCT, "--size", "m=13", *SIZES[2:], "--arch", chip_file, "--mapper", "stub", "--out", folder / "run"
    )
    assert shown.code == 1
    assert "smallest tile 1200 bits, Buffer 1024 bits" in shown.err
    assert "infeasible" in shown.out
    assert (folder / "run" / "run.json").is_file()
    assert list((folder / "run" / "best").iterdir()) == []


def test_a_mapping_that_does_not_cover_its_problem(run, chip_file, folder) -> None:
    mapping = folder / "nest.yaml"
    mapping.write_text(NEST.replace("  - {for: k, tile: 1}\n", ""))
    arguments = (mapping, "--problem", PRODUCT, *SIZES, "--arch", chip_file)
    checked = run("check", *arguments)
    assert checked.code == 1
    assert f"{mapping}: E-COVER" in checked.out
    (diagnostic,) = run("check", *arguments, "--json").json["diagnostics"]
    assert (diagnostic["code"], diagnostic["severity"]) == ("E-COVER", "error")
    refused = run("evaluate", *arguments)
    assert (refused.code, f"{mapping}: E-COVER" in refused.err, refused.out) == (2, True, "")
    compared = run("compare", *arguments)
    assert (compared.code, f"{mapping}: E-COVER" in compared.err) == (2, True)


def test_a_mapping_with_an_unknown_key(run, chip_file, folder) -> None:
    mapping = folder / "nest.yaml"
    mapping.write_text(NEST.replace("{for: m, tile: 1}", "{for: m, tiel: 1}"))
    shown = run("evaluate", mapping, "--problem", PRODUCT, *SIZES, "--arch", chip_file)
    assert shown.code == 2
    assert f"{mapping}:5" in shown.err
    assert "did you mean 'tile'" in shown.err


def test_a_folder_of_other_files_is_never_replaced(run, chip_file, folder) -> None:
    (folder / "thesis.tex").write_text("years of work")
    shown = map_product(run, chip_file, "--out", folder)
    assert shown.code == 2
    assert "thesis.tex" in shown.err
    assert left_in(folder) == ["thesis.tex"]


def test_an_earlier_run_is_replaced_and_survives_a_failure(run, chip_file, folder, monkeypatch) -> None:
    target = folder / "run"
    assert map_product(run, chip_file, "--out", target).code == 0
    before = left_in(folder)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("tileloom.report.html.write_report", fail)
    with pytest.raises(OSError, match="disk full"):
        map_product(run, chip_file, "--out", target)
    assert left_in(folder) == before
    monkeypatch.undo()


def test_not_a_run_directory(run, folder) -> None:
    shown = run("report", folder)
    assert shown.code == 2
    assert "not a run directory" in shown.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to write to")
def test_output_that_cannot_be_written_is_an_error_without_a_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        listed = subprocess.run(
            [sys.executable, "-m", "tileloom", "list", "models"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert listed.returncode == 2
    assert listed.stderr.startswith("error: the output could not be written: ")
    assert "Traceback" not in listed.stderr
