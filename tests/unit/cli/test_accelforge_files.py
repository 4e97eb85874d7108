"""AccelForge's files on the command line: taken where ours are, variables by --set, and rows recomputed."""

from pathlib import Path

REFERENCE = Path(__file__).parents[2] / "reference" / "accelforge"
MATMUL = REFERENCE / "workload" / "matmul.yaml"
CHIP = REFERENCE / "arch" / "tpu_like.yaml"
SET = ("--set", "M=8", "--set", "N=4", "--set", "K=2")


def test_a_workload_is_imported(run) -> None:
    shown = run("import", MATMUL, *SET, "--json")
    assert (shown.code, shown.json["macs"]) == (0, 64)
    assert sorted(shown.json["problems"][0]["dims"].items()) == [("k", 2), ("m", 8), ("n", 4)]


def test_a_workload_is_mapped_on_their_chip(run, tmp_path) -> None:
    shown = run("map", MATMUL, "--arch", CHIP, *SET, "--mapper", "random", "--option", "samples=50", "--json")
    (layer,) = shown.json["layers"]
    assert (shown.code, layer["status"]) == (0, "feasible")
    mapping = tmp_path / "nest.yaml"
    mapping.write_text(layer["mapping"])
    again = run("evaluate", mapping, "--problem", f"{MATMUL}:{layer['name']}", "--arch", CHIP, *SET, "--json")
    assert again.json["energy_pj"] == layer["energy_pj"]


def test_a_variable_without_value_is_named(run) -> None:
    shown = run("import", MATMUL, *SET[:4])
    assert shown.code == 2
    assert "K" in shown.err
    assert str(MATMUL) in shown.err


def test_a_chip_alone_cannot_be_resolved(run) -> None:
    shown = run("list", "architectures", CHIP)
    assert (shown.code, f"'tileloom map WORKLOAD --arch {CHIP}'" in shown.err) == (2, True)


def test_rows_are_recomputed(run) -> None:
    shown = run("conform", "accelforge", "--reference", REFERENCE, "--limit", 2)
    assert shown.code == 0
    assert shown.out.splitlines()[-1].startswith("conform accelforge: matched 2 of 2 (worst relative error ")
    data = run("conform", "accelforge", "--reference", REFERENCE, "--limit", 2, "--json").json
    assert (data["matched"], data["rows"], data["mismatches"]) == (2, 2, [])


def test_a_folder_without_rows_and_an_unknown_model(run, tmp_path) -> None:
    assert run("conform", "accelforge", "--reference", tmp_path).code == 2
    shown = run("conform", "accelforg", "--reference", tmp_path)
    assert (shown.code, "did you mean 'accelforge'" in shown.err) == (2, True)
