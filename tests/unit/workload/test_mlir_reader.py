"""The MLIR reader: each dialect's operations become the problems they are, everything else is named with its line."""

import pytest

from reader_seeds import AFFINE, LINALG, STABLEHLO, TOSA
from tileloom.core.errors import InputError
from tileloom.workload.frontends.mlir.reader import parse_mlir, read_mlir


def function(body: str, arguments: str = "%a: tensor<4x8xf32>, %b: tensor<8x2xf32>, %c: tensor<4x2xf32>") -> str:
    return f"module {{\n func.func @main({arguments}) {{\n{body}\n return\n }}\n}}\n"


def test_one_product_in_linalg_affine_and_stablehlo_is_the_same_problem():
    dot = function(
        "%0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>"
    )
    found = [parse_mlir(text).layers[0].problem for text in (LINALG, AFFINE, dot)]
    assert {p.signature for p in found} == {found[0].signature}
    assert str(found[0]) == "generic_3: O[M, N] += I[M, K] * W[K, N]  (M=4 N=2 K=8)"


def test_convolutions_keep_their_layout_and_padding():
    hlo = parse_mlir(STABLEHLO).layers[0].problem
    assert str(hlo).endswith(
        "O[N, P, Q, G, K] += I[N, 2*P+R, 2*Q+S, G, C] * W[R, S, C, G, K]  (N=2 G=1 K=4 C=3 P=4 Q=4 R=3 S=3)"
    )
    rows = hlo.tensor("I").axes[1]
    assert (rows.pad_lo, rows.pad_hi) == (0, 1)
    tosa = parse_mlir(TOSA).layers[0].problem
    assert (tosa.macs, tosa.tensor("I").axes[1].pad_lo) == (8 * 8 * 4 * 27, 1)


NAMED = [
    ("conv_2d_nhwc_hwcf", "1x8x8x3", "3x3x3x4", "1x6x6x4", 6 * 6 * 4 * 27),
    ("conv_2d_nchw_fchw", "1x3x8x8", "4x3x3x3", "1x4x6x6", 6 * 6 * 4 * 27),
    ("conv_1d_nwc_wcf", "1x8x3", "3x3x4", "1x6x4", 6 * 4 * 9),
    ("conv_3d_ncdhw_fcdhw", "1x2x4x4x4", "3x2x2x2x2", "1x3x3x3x3", 27 * 3 * 16),
    ("depthwise_conv_2d_nhwc_hwc", "1x8x8x3", "3x3x3", "1x6x6x3", 36 * 3 * 9),
    ("depthwise_conv_2d_nhwc_hwcm", "1x8x8x3", "3x3x3x2", "1x6x6x3x2", 36 * 6 * 9),
    ("conv_2d_ngchw_gfchw", "1x2x3x8x8", "2x4x3x3x3", "1x2x4x6x6", 36 * 2 * 4 * 27),
    ("matmul", "4x8", "8x2", "4x2", 64),
    ("matmul_transpose_b", "4x8", "2x8", "4x2", 64),
    ("batch_matmul", "3x4x8", "3x8x2", "3x4x2", 192),
    ("matvec", "4x8", "8", "4", 32),
    ("mmt4d", "2x3x4x5", "6x3x7x5", "2x6x4x7", 2 * 3 * 4 * 5 * 6 * 7),
]


@pytest.mark.parametrize("name, x, w, o, macs", NAMED, ids=[n[0] for n in NAMED])
def test_named_operations(name, x, w, o, macs):
    text = f"""func.func @main(%x: tensor<{x}xf32>, %w: tensor<{w}xf32>, %o: tensor<{o}xf32>) -> tensor<{o}xf32> {{
  %0 = linalg.{name} ins(%x, %w : tensor<{x}xf32>, tensor<{w}xf32>) outs(%o : tensor<{o}xf32>) -> tensor<{o}xf32>
  return %0 : tensor<{o}xf32>
}}"""
    network = parse_mlir(text, bits="as-file")
    assert not network.skipped
    assert network.macs == macs
    assert {t.bits for t in network.layers[0].problem.tensors} == {32}


def test_generic_form_reads_as_the_custom_form():
    text = """"builtin.module"() ({
  "func.func"() <{function_type = (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>, sym_name = "main"}> ({
  ^bb0(%a: tensor<4x8xf32>, %b: tensor<8x2xf32>):
    %0 = "stablehlo.dot_general"(%a, %b) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1],
      rhs_contracting_dimensions = [0]>}> : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
    "func.return"(%0) : (tensor<4x2xf32>) -> ()
  }) : () -> ()
}) : () -> ()
"""
    assert str(parse_mlir(text).layers[0].problem).endswith("O[M, N] += I[M, K] * W[K, N]  (M=4 N=2 K=8)")


def test_a_transpose_after_a_product_is_folded_into_it():
    body = """%0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
    %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>"""
    network = parse_mlir(function(body))
    assert network.layers[0].problem.equation == "O[N, M] += I[M, K] * W[K, N]"
    assert [(v.operator, v.elements) for v in network.vector_ops] == [("stablehlo.transpose", 0)]


def test_an_input_dilated_convolution_is_the_transposed_one():
    conv = """%0 = stablehlo.convolution(%a, %b) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {pad = [[1, 2]],
      lhs_dilate = [STEP], stride = [WALK]} {feature_group_count = 1 : i64} : (tensor<1x3x8xf32>, tensor<4x3x3xf32>) -> tensor<1x4x16xf32>"""
    arguments = "%a: tensor<1x3x8xf32>, %b: tensor<4x3x3xf32>"
    network = parse_mlir(function(conv.replace("STEP", "2").replace("WALK", "1"), arguments))
    assert network.layers[0].problem.equation == "O[N, G, K, 2*P+R] += I[N, G, C, P] * W[K, G, C, R]"
    assert network.macs == 8 * 3 * 3 * 4
    network = parse_mlir(function(conv.replace("STEP", "2").replace("WALK", "2"), arguments))
    assert "E-LHSDIL" in network.skipped[0].reason


def test_functions_are_read_where_they_are_called():
    text = """func.func private @half(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> tensor<4x8xf32> {
  %0 = tosa.fully_connected %x, %w, %w : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = arith.constant dense_resource<big> : tensor<8x8xf32>
  %0 = func.call @half(%x, %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = call @half(%0, %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
"""
    network = parse_mlir(text)
    assert [la.problem.macs for la in network.layers] == [256, 256]
    assert network.layers[1].inputs == network.layers[0].outputs
    assert network.problems[0].count == 2


REFUSED = [
    ("%0 = stablehlo.dot_general %d, %b, contracting_dims = [1] x [0] : (tensor<?x8xf32>, tensor<8x2xf32>) -> tensor<?x2xf32>", "E-DYN"),
    ("affine.for %i = 0 to %n {\n affine.yield\n }", "E-DYN"),
    ("affine.for %i = 0 to 4 {\n affine.for %j = 0 to 2 {\n %x = affine.load %m[%j] : memref<4xf32>\n affine.store %x, %m[%i] : memref<4xf32>\n }\n"
     " affine.for %j = 0 to 2 {\n %x = affine.load %m[%j] : memref<4xf32>\n affine.store %x, %m[%i] : memref<4xf32>\n }\n }", "E-IMPERFECT"),
    ("affine.for %i = 0 to 4 {\n %x = affine.load %m[%i floordiv 2] : memref<4xf32>\n affine.store %x, %m[%i] : memref<4xf32>\n }", "E-NONAFFINE"),
    ("%0 = linalg.winograd_filter_transform ins(%a : tensor<4x8xf32>) outs(%b : tensor<8x2xf32>) -> tensor<8x2xf32>", "E-OP"),
    ("%0:2 = stablehlo.while(%x = %a, %y = %b) : tensor<4x8xf32>, tensor<8x2xf32>\n cond {\n stablehlo.return %x : tensor<4x8xf32>\n } do {\n"
     " stablehlo.return %x, %y : tensor<4x8xf32>, tensor<8x2xf32>\n }", "how often a loop runs"),
    ("%0 = scf.if %p -> tensor<4x8xf32> {\n scf.yield %a : tensor<4x8xf32>\n } else {\n scf.yield %a : tensor<4x8xf32>\n }", "control flow"),
    ("%0 = torch.aten.mm %a, %b : tensor<4x8xf32>, tensor<8x2xf32> -> tensor<4x2xf32>", "lower it to linalg"),
    ("%0 = stablehlo.custom_call @gelu(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>", "custom call"),
    ("%0 = func.call @away(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>", "is not in the file"),
    ("%0 = linalg.matmul ins(%a, %a : tensor<4x8xf32>, tensor<4x8xf32>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>", "disagree: 8 and 4"),
]  # fmt: skip


@pytest.mark.parametrize("body, reason", REFUSED, ids=[r for _, r in REFUSED])
def test_what_is_not_understood_is_skipped_with_its_line(body, reason):
    arguments = "%a: tensor<4x8xf32>, %b: tensor<8x2xf32>, %c: tensor<4x2xf32>, %d: tensor<?x8xf32>, %m: memref<4xf32>"
    network = parse_mlir(function(body, arguments), file="f.mlir")
    assert reason in network.skipped[0].reason
    assert network.skipped[0].reason.startswith("f.mlir:3: ")
    assert not network.layers


def test_work_without_multiply_accumulates_is_counted():
    body = """%0 = stablehlo.add %a, %a : tensor<4x8xf32>
    %1 = "stablehlo.reduce_window"(%0, %a) ({ ^bb0(%x: tensor<f32>, %y: tensor<f32>):
      %s = stablehlo.maximum %x, %y : tensor<f32>
      stablehlo.return %s : tensor<f32> }) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
    %2 = tensor.collapse_shape %1 [[0, 1]] : tensor<2x4xf32> into tensor<8xf32>"""
    network = parse_mlir(function(body))
    assert [(v.operator, v.elements) for v in network.vector_ops] == [
        ("stablehlo.add", 32), ("stablehlo.reduce_window", 8), ("tensor.collapse_shape", 0),
    ]  # fmt: skip


def test_a_reduction_of_two_operands_that_is_no_product_is_refused():
    text = LINALG.replace("arith.mulf %x, %y", "arith.subf %x, %y")
    assert "E-OP" in parse_mlir(text).skipped[0].reason


def test_three_operands_are_one_problem():
    text = """#a = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
func.func @mttkrp(%a: tensor<4x5x6xf32>, %b: tensor<5x3xf32>, %c: tensor<6x3xf32>, %o: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %0 = linalg.generic {indexing_maps = [#a, affine_map<(d0, d1, d2, d3) -> (d2, d1)>, affine_map<(d0, d1, d2, d3) -> (d3, d1)>,
    affine_map<(d0, d1, d2, d3) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b, %c : tensor<4x5x6xf32>, tensor<5x3xf32>, tensor<6x3xf32>) outs(%o : tensor<4x3xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %q = arith.mulf %p, %z : f32
    %r = arith.addf %acc, %q : f32
    linalg.yield %r : f32
  } -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}"""
    problem = parse_mlir(text).layers[0].problem
    assert (len(problem.inputs), problem.macs) == (3, 4 * 3 * 5 * 6)


BROKEN = [
    ("module {\n  func.func @main() {\n", r"t:2: '\{' is never closed"),
    ("module {\n)", r"t:2: unexpected '\)'; '\{' of line 1 is open"),
    ('%0 = "stablehlo.add', "never ends"),
    (
        "func.func @f(%a: tensor<99999999999999x2xf32>) {\n %0 = tosa.abs %a : (tensor<99999999999999x2xf32>) -> tensor<2xf32>\n}",
        "at most",
    ),
    ("", "no operation"),
    ("module { \x07 }", "is no MLIR text"),
    ("%0 = stablehlo.constant dense<[1, 2", "a constant that never ends"),
    ("(" * 200 + ")" * 200, "nested more than"),
]


@pytest.mark.parametrize("text, message", BROKEN, ids=[m for _, m in BROKEN])
def test_text_that_is_no_mlir_is_an_error_with_its_line(text, message):
    with pytest.raises(InputError, match=message):
        parse_mlir(text, file="t")


def test_bytecode_is_named(tmp_path):
    (tmp_path / "m.mlir").write_bytes(b"ML\xefR\x01")
    with pytest.raises(InputError, match="bytecode; print it as text"):
        read_mlir(tmp_path / "m.mlir")


@pytest.mark.parametrize("text", [LINALG, AFFINE], ids=["linalg", "affine"])
def test_xdsl_reads_the_same_iteration_space(text):
    """xdsl (a test tool, in the extra 'dev') parses the same text; its bounds and maps are those of our problem."""
    from xdsl.context import Context
    from xdsl.dialects import get_all_dialects
    from xdsl.parser import Parser

    context = Context()
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    module = Parser(context, text).parse_module()
    problem = parse_mlir(text).layers[0].problem
    generics = [op for op in module.walk() if op.name == "linalg.generic"]
    if generics:
        maps = [a.data for a in generics[0].indexing_maps.data]
        dims = ["M", "N", "K"]
        theirs = [[dims[r.position] for r in m.results] for m in maps]
        assert theirs == [[d for a in t.axes for d, _ in a.terms] for t in problem.tensors]
    else:
        loops = [op for op in module.walk() if op.name == "affine.for"]
        bounds = [op.upperBoundMap.data.eval([], [])[0] - op.lowerBoundMap.data.eval([], [])[0] for op in loops]
        assert bounds == list(problem.extents.values())


@pytest.mark.parametrize("left_out", ["%x, %w, %b", "%w, %b", ", %w, %b"])
def test_an_operation_without_its_operands_is_skipped_with_the_reason(left_out: str) -> None:
    network = parse_mlir(TOSA.split(" {acc_type")[0].replace(left_out, "") + "\n  return\n}\n")
    assert not network.layers
    assert "operands; at least 2 are needed" in network.skipped[0].reason
