"""COMET programs, TCCG lists, Timeloop problems and MAESTRO layers as networks, with their refusals."""

import csv

import pytest

from reader_seeds import COMET, TIMELOOP
from readers import REFERENCE
from tileloom.core.errors import InputError
from tileloom.explore.formats import FORMATS, recognise
from tileloom.explore.sources import load_network, load_problem
from tileloom.workload.frontends.comet import parse_comet
from tileloom.workload.frontends.tccg import benchmark_sizes, parse_tccg
from tileloom.workload.frontends.timeloop import parse_timeloop


def test_a_comet_program_is_its_contractions():
    network = parse_comet(COMET, bits="as-file")
    assert str(network.layers[0].problem) == "C_9: C[i, k] += A[i, j] * B[j, k]  (i=4 k=8 j=4)"
    assert {t.bits for t in network.layers[0].problem.tensors} == {64}
    assert [v.operator for v in network.vector_ops] == ["random", "print"]


CHAIN = """def main() {
IndexLabel [i] = [2]; IndexLabel [j] = [100]; IndexLabel [k] = [?]; IndexLabel [l] = [0:50];
Tensor<float> A([i, j], {Dense}); Tensor<float> B([j, k], {Dense}); Tensor<float> D([k, l], {Dense});
Tensor<float> E([i, l], {Dense}); Tensor<float> S([i, l], {CSR});
E[i, l] = A[i, j] * B[j, k] * D[k, l];
S[i, l] = A[i, j] * B[j, l];
E[i, l] = A[i, l] + E[i, l];
}"""


def test_chains_are_split_into_the_cheapest_products():
    network = parse_comet(CHAIN, {"k": 3})
    # (A B) D: 2*100*3 + 2*3*50; A (B D) would be 100*3*50 + 2*100*50.
    assert [la.problem.macs for la in network.layers] == [600, 300]
    assert network.layers[1].inputs[0] == network.layers[0].outputs[0]
    assert ["E-SPARSE" in s.reason for s in network.skipped] == [True, False]
    assert "E-OP" in network.skipped[1].reason


@pytest.mark.parametrize(
    "text, message",
    [
        (CHAIN, r"<text>:2: E-DYN: index label 'k' has no size.*--bind k=16"),
        (COMET.replace("B[j,k]", "Q[j,k]"), r"<text>:9: tensor 'Q' is not declared"),
        (COMET.replace("A[i,j]*", "A[i]*"), "used with 1"),
        (COMET.replace("= [4]", "= [four]"), r"<text>:3: 'four' is no size"),
        ("", "no statement"),
    ],
)
def test_comet_faults_name_the_line(text, message):
    with pytest.raises(InputError, match=message):
        parse_comet(text)


def test_tccg_lines_and_blocks():
    network = parse_tccg(
        "ccsd7: abc-adec-ebd\nabcde-efbad-cf & a:48;b:32;c:24;d:48;e:48;f:32;\nC[a,b] = A[a,k] * B[k,b]\na = 2\nb = 3\nk = 4\n"
    )
    assert [(la.name, la.problem.macs) for la in network.layers] == [
        ("ccsd7", 96**2 * 84**3), ("contraction_2", 48**3 * 32**2 * 24), ("contraction_3", 24),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"t:1: 'hello' is no contraction"):
        parse_tccg("hello", file="t")
    with pytest.raises(InputError, match=r"t:1: .*index 'b' has no size"):
        parse_tccg("ab-ac-cb & a:4;c:2", file="t")


FIXED = {f"intensli{i}": d for i, d in enumerate("cbcbccdb")}


def test_sizes_of_the_benchmark_follow_its_rule():
    with (REFERENCE / "union" / "contraction_sizes.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    assert len(rows) >= 20
    for row in rows:
        expected = {d: int(s) for d, s in (part.split("=") for part in row["sizes"].split(";"))}
        # The benchmark fixes one index of this family.
        given = {d: 24 for n, d in FIXED.items() if row["name"].startswith(n)}
        assert benchmark_sizes(row["expr"], 8 if row["name"].endswith("f64") else 4, given) == expected, row["name"]


def test_a_timeloop_problem_is_read_by_its_projections():
    problem = parse_timeloop(TIMELOOP).layers[0].problem
    assert str(problem) == "conv1d: Outputs[K, P] += Weights[K, R] * Inputs[2*P+R]  (K=4 P=8 R=3)"
    assert [t.role for t in problem.tensors] == ["weight", "input", "output"]
    stock = parse_timeloop(
        "problem:\n  shape: cnn-layer\n  R: 3\n  S: 1\n  P: 8\n  Q: 4\n  C: 2\n  K: 5\n  N: 1\n  Wstride: 2\n"
    )
    assert "Inputs[N, C, R+2*P, S+Q]" in str(stock.layers[0].problem)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("R: 3,", "", r"<text>:10: size of dimension 'R' is missing"),
        (
            "[P, stride]",
            "[P, stirde]",
            r"<text>:8: 'stirde' is no dimension or coefficient \(did you mean 'stride'\?\)",
        ),
        ("read_write: true", "read_write: false", "exactly one output"),
        ("shape:", "form:", "not a problem"),
        ("K: 4", "K: 0", "size of dimension 'K' is 0"),
        ("K: 4", "K: 4, Z: 2", "'Z' is no dimension"),
    ],
)
def test_timeloop_faults_name_the_line(old, new, message):
    with pytest.raises(InputError, match=message):
        parse_timeloop(TIMELOOP.replace(old, new))


def test_maestro_layers_are_problems():
    network = load_network(REFERENCE / "maestro" / "mapping" / "vgg16_conv13.m")
    assert [la.problem.op for la in network.layers] == ["conv2d"]
    assert not network.skipped


SEEDS = {"a.ta": COMET, "b.yaml": TIMELOOP, "c.txt": COMET, "d.yaml": "layers:\n - {name: g, op: gemm, M: 1, N: 2, K: 3}\n",
         "e.mlir": "module {\n}\n", "f.tccg": "ab-ac-cb & a:2;b:2;c:2"}  # fmt: skip


@pytest.mark.parametrize("file, format_name", list(zip(SEEDS, ("comet", "timeloop", "comet", "yaml", "mlir", "tccg"))))
def test_files_are_recognised_by_ending_and_content(tmp_path, file, format_name):
    path = tmp_path / file
    path.write_text(SEEDS[file])
    assert recognise(path) == format_name
    assert FORMATS.get(format_name).accepts(path.read_bytes())


def test_a_layer_of_any_file_is_a_problem(tmp_path):
    path = tmp_path / "p.ta"
    path.write_text(COMET)
    assert load_problem(f"{path}:C_9").macs == 128
    with pytest.raises(InputError, match="in no known format; there are: onnx"):
        other = tmp_path / "x.docx"
        other.write_text("hello")
        load_network(other)
    with pytest.raises(InputError, match="no symbolic dimensions"):
        made = tmp_path / "m.mlir"
        made.write_text("module {\n}\n")
        load_network(made, bind={"N": 1})


def test_objects_need_inputs_and_names_do_not():
    with pytest.raises(InputError, match=r"give inputs="):
        load_network(len)
    with pytest.raises(InputError, match="no PyTorch module"):
        load_network(3.5, inputs=[(1, 2)])
    with pytest.raises(InputError, match="inputs are for modules"):
        load_network("resnet18", inputs=[(1, 3, 224, 224)])
