"""Every code of an error or diagnostic has a test with its message: collected from the source, so that none is forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tileloom.core.errors import TileloomError
from tileloom.mapping.notation.registry import NOTATIONS
from tileloom.mapping.notation.union import tree_of
from tileloom.mapping.notation.union_file import read_blocks
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Seq
from tileloom.workload.frontends.comet import parse_comet
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.frontends.mlir.reader import parse_mlir
from tileloom.workload.layers import gemm

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src" / "tileloom"
CODE = re.compile(r"\b[EW]-[A-Z]{2,}\b")
AREAS = {"workload/frontends/": "front end", "mapping/notation/": "notation", "search/conformability.py": "pair"}
"""Where else a code stands it is of the rules for mappings and spaces."""


def area(file: str) -> str:
    return next((name for start, name in AREAS.items() if file.startswith(start)), "rule")


def raised() -> set[tuple[str, str]]:
    """(area, code) of every text in the source that is no docstring and no name that a program compares with."""
    found: set[tuple[str, str]] = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not CODE.search(text):
            continue
        tree = ast.parse(text)
        passive = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        passive |= {id(p) for n in ast.walk(tree) if isinstance(n, ast.Compare) for p in ast.walk(n)}
        texts = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        file = path.relative_to(SOURCE).as_posix()
        found |= {(area(file), code) for n in texts if id(n) not in passive for code in CODE.findall(n.value)}
    return found


def mlir(body: str, arguments: str = "") -> str:
    """Why the operation of a small function is not read."""
    given = arguments or "%a: tensor<4x8xf32>, %b: tensor<8x2xf32>, %d: tensor<?x8xf32>, %m: memref<8xf32>, %n: index"
    text = f"func.func @main({given}) {{\n{body}\nreturn\n}}\n"
    return " ".join(skipped.reason for skipped in parse_mlir(text).skipped)


def loop(body: str) -> str:
    return mlir(f"affine.for %i = 0 to 4 {{\n{body}\n}}")


CONV = (
    "%0 = stablehlo.convolution(%a, %b) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {WINDOW} "
    "{batch_group_count = BATCH : i64, feature_group_count = 1 : i64} : (tensor<2x3x8xf32>, tensor<4x3x3xf32>) -> tensor<2x4x16xf32>"
)


def convolution(window: str, batch: int = 1) -> str:
    body = CONV.replace("{WINDOW}", "{" + window + "}").replace("BATCH", str(batch))
    return mlir(body, "%a: tensor<2x3x8xf32>, %b: tensor<4x3x3xf32>")


def comet(tensor: str, statement: str) -> str:
    text = f"def main() {{\n IndexLabel [i, k] = [4];\n{tensor}\n Tensor<double> C([i], {{Dense}});\n {statement}\n print(C);\n}}\n"
    try:
        return " ".join(skipped.reason for skipped in parse_comet(text).skipped)
    except TileloomError as error:
        return str(error)


DENSE = " Tensor<double> A([i, k], {Dense});\n Tensor<double> B([k], {Dense});"
NAMES = ("I", "W", "O")
WORK = gemm("g", M=4, N=4, K=4)
INSIDE = (Hold(NAMES, "L1"), Loop("M", 1), Loop("N", 1), Loop("K", 1), Compute("MAC"))


def chip():
    from tileloom.architecture.load import parse_architecture

    return parse_architecture(
        "name: chip\nnodes:\n- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}}\n"
        "- {memory: L2, size_bits: 9000, access: {energy_pj: 8, width_bits: 8}}\n"
        "- {fanout: PE, axes: [{name: Y, size: 2}, {name: X, size: 2}]}\n"
        "- {memory: L1, size_bits: 9000, access: {energy_pj: 8, width_bits: 8}}\n- {compute: MAC, energy_pj: 1}\n"
    )


def written(notation: str, *nodes: object, problem=WORK) -> str:
    """What writing this mapping loses, or why it is refused."""
    write = NOTATIONS.get(notation).write
    assert write is not None
    try:
        return " ".join(write(problem, chip(), MappingTree((Hold(NAMES, "DRAM"), *nodes))).losses)  # type: ignore[arg-type]
    except TileloomError as error:
        return str(error)


BLOCKS = """problem:
  dimensions: [M, N, K]
  instance: {M: 4, N: 4, K: 4}
  data_spaces: [{name: A, projection: [M, K]}, {name: B, projection: [K, N]}, {name: C, projection: [M, N], read_write: true}]
architecture: [{cluster: C2, memory: DRAM, children: CHILDREN}, {cluster: C1, memory: L1, compute: MAC}]
mapping:
- {target_cluster: C2, temporal_order: MNK, temporal_tile_sizes: [4, 4, OUTER], spatial_tile_sizes: [4, 4, INNER]}
- {target_cluster: C1, temporal_order: MNK, temporal_tile_sizes: [1, 1, LAST], spatial_tile_sizes: [1, 1, LAST]}
"""


def blocks(children: str = "4", outer: int = 4, inner: int = 4, last: int = 1) -> str:
    text = (
        BLOCKS.replace("CHILDREN", children if "," in children else f"{children}, dimension: X")
        .replace("OUTER", str(outer))
        .replace("INNER", str(inner))
    )
    try:
        tree_of(read_blocks("b.yaml", text=text.replace("LAST", str(last)))[1], WORK, chip())
    except TileloomError as error:
        return str(error)
    return "read"


def three_inputs() -> str:
    problem = parse_einsum("C[M] += A[M, K] * B[K] * D[M]", {"M": 4, "K": 4}, name="three")
    names = ("A", "B", "D", "C")
    nodes = (Hold(names, "DRAM"), Hold(names, "L1"), Loop("M", 1), Loop("K", 1), Compute("MAC"))
    write = NOTATIONS.get("zigzag").write
    assert write is not None
    try:
        return write(problem, chip(), MappingTree(nodes)).text
    except TileloomError as error:
        return str(error)


def space(problem) -> str:
    from dataclasses import replace

    from tileloom.mapping.constraints import FREE
    from tileloom.mapping.layout import frame_of

    narrow = replace(chip(), nodes=(*chip().nodes[:-1], replace(chip().computes[0], n_inputs=(2,))))
    try:
        return str(frame_of(problem, narrow, FREE))
    except TileloomError as error:
        return str(error)


def proven(model: str) -> str:
    from tileloom.cost.registry import get_model
    from tileloom.search.mappers.optimal import OptimalMapper

    try:
        return OptimalMapper(model=get_model(model)).search(WORK, chip(), "energy").status
    except TileloomError as error:
        return str(error)


LIVE: dict[tuple[str, str], tuple[Callable[[], str], str]] = {
    ("front end", "E-DYN"): (lambda: mlir("affine.for %i = 0 to %n {\naffine.yield\n}"), "loop bound '%n' is not constant"),
    ("front end", "E-NONAFFINE"): (
        lambda: loop("%x = affine.load %m[%i floordiv 2] : memref<8xf32>\naffine.store %x, %m[%i] : memref<8xf32>"),
        "'floordiv' in an index; only sums of multiples of loops are read",
    ),
    ("front end", "E-IMPERFECT"): (
        lambda: loop(
            "affine.for %j = 0 to 2 {\n%x = affine.load %m[%j] : memref<8xf32>\naffine.store %x, %m[%i] : memref<8xf32>\n}\n" * 2
        ),
        "2 statements beside each other under loop",
    ),
    ("front end", "E-OP"): (
        lambda: mlir("%0 = linalg.mystery ins(%a : tensor<4x8xf32>) outs(%b : tensor<8x2xf32>) -> tensor<8x2xf32>"),
        "'linalg.mystery' is not known; run linalg's generalization on it first",
    ),
    ("front end", "E-LHSDIL"): (
        lambda: convolution("pad = [[1, 2]], lhs_dilate = [2], stride = [2]"),
        r"input dilated by \[2\] and strides \[2\] at once",
    ),
    ("front end", "E-PAD"): (lambda: convolution("pad = [[-1, 2]], stride = [1]"), r"padding \[-1, 2\] crops the input; slice it before"),
    ("front end", "E-GROUP"): (lambda: convolution("stride = [1]", 2), "batch_group_count other than 1"),
    ("front end", "E-SPARSE"): (
        lambda: comet(DENSE.replace("k], {Dense}", "k], {CSR}"), "C[i] = A[i,k] * B[k];"),
        "tensor 'A' is stored as CSR; only Dense is mapped",
    ),
    ("notation", "E-FUSE"): (
        lambda: written("timeloop", Seq(((Compute("MAC"),), (Compute("MAC"),)))),
        r"seq, pipe or par branches \(E-FUSE\)",
    ),
    ("notation", "E-JOINT"): (
        lambda: written("timeloop", Joint((Loop("M", 2, "PE", "X"), Loop("K", 2, "PE", "X"))), *INSIDE),
        r"loops that advance together \(E-JOINT\)",
    ),
    ("notation", "E-BYPASS"): (
        lambda: written("union", Hold(("I", "W"), "L2"), Loop("M", 2), *INSIDE),
        "O bypass 'L2'; blocks hold every tensor in every memory",
    ),
    ("notation", "E-UNEVEN"): (
        lambda: written("timeloop", Loop("M", 2), Hold(("I",), "L2"), Loop("M", 1), Hold(("W", "O"), "L2"), *INSIDE),
        "one boundary",
    ),
    ("notation", "E-RESID"): (
        lambda: written("zigzag", Loop("M", 3), *INSIDE),
        "tiles of M do not divide; ZigZag has whole factors only",
    ),
    ("notation", "E-NINPUT"): (three_inputs, "ZigZag's layers have two inputs; 'three' has 3"),
    ("notation", "E-AXIS"): (lambda: blocks("[2, 2]", inner=1), "loops in space K4 on a 2x2 array name no axis.*Name the axis of each"),
    ("notation", "E-FANOUT"): (lambda: blocks(children="2", inner=1), "C2 has 2 children, its loops in space .* need 4"),
    ("notation", "E-COVER"): (lambda: blocks(inner=2, last=2), "C1 leaves tiles of K 2; the unit computes one point"),
    ("notation", "E-ORDER"): (
        lambda: written("neurospector", Loop("M", 2), Loop("K", 2), Loop("N", 2), Hold(NAMES, "L2"), *INSIDE),
        "the order of loops beyond which tensor stays still",
    ),
    ("rule", "E-NINPUT"): (
        lambda: space(parse_einsum("C[m] += A[m, k] * B[k] * D[m]", {"m": 4, "k": 4})),
        "no compute unit of 'chip' takes .* with 3 inputs .*MAC: ",
    ),
    ("rule", "E-MODEL"): (
        lambda: proven("maestro"),
        "mapper 'optimal' proves optima of model 'loopnest', not of 'maestro'; use mapper 'exhaustive' or 'random'",
    ),
}  # fmt: skip
"""(area, code) -> (what says it, the message)."""

TOLD = {
    "rule": {
        "unit/mapping/test_legality.py": (
            "E-FUSE at mapping: the mapping has seq", "E-OP at node 4 (compute on MACC)", "E-DIMS at node 1", "E-COVER at node 5",
            "E-RESID at node 1 (for m step 3)", "E-LEVELS at node 1", "E-BYPASS at node 1", "E-AXIS at node 1", "E-FANOUT at PE.X",
            "E-AXISDIMS at PE.X", "E-REDUCE (warning) at node 1", "E-JOINT at node 1", "E-PSUM at node 1", "E-CAP at GLB",
            "E-UTIL at PE.X",
        ),
        "unit/mapping/test_fused_legality.py": (
            "E-TREE at branch 3.3", "E-PROBLEM at add: 'add' is never computed", "E-SHARED at node 1 (for m step 2): 'k' has no dim",
            "E-ORDER at node 3.0.3", "E-BACKING at A: 'A' passes between problems", "E-COMMON at A: 'A' passes between problems",
            "E-CUT at A: 'A' is used by", "E-PARTIAL at node 1", "E-RECOMPUTE at node 1", "E-TILE at node 1",
            "E-EARLY at node 2 (hold two.A in L1)", "E-INSTANCES at node 1", "E-PERSIST at node 2", "E-COPY at node 2.0.1",
            "E-PAR at node 1 (par)", "E-FETCH (warning) at node 2",
        ),
        "property/fusion/test_window_trees.py": ("E-FOLLOW at tile loops",),
        "unit/mapping/test_normalise.py": ("W-HALO (warning) at p", "E-UNEVEN (warning) at GLB"),
        "unit/mapping/test_constraint_files.py": ('"E-RULE", "Order them M K"',),
    },
    "pair": {
        "unit/search/test_conformability_codes.py": (
            'in found["E-GROUP"]', 'in found["E-DILATION"]', 'in found["E-PAD"]', 'in found["E-LEVELS"]', 'found["E-RESID"]',
            'found["E-BYPASS"]', 'found["E-ORDER"]', 'found["E-JOINT"]', 'found["E-OBJ"]', 'found["E-AXIS"]', 'found["E-UNEVEN"]',
        ),
        "unit/search/test_conformability.py": (
            "E-OP at mm: model 'narrow' takes", "E-NINPUT at two-level: no compute unit", "E-MODEL at narrow: mapper 'optimal'",
            'd.code == "E-NONAFFINE"',
        ),
    },
}  # fmt: skip
"""Messages that the tests beside the rules compare, by area and file."""


def told() -> set[tuple[str, str]]:
    return {(a, CODE.findall(m)[0]) for a, files in TOLD.items() for messages in files.values() for m in messages}


def test_every_code_has_a_test_with_its_message() -> None:
    missing = raised() - set(LIVE) - told()
    assert not missing, f"add each of {sorted(missing)} to LIVE or TOLD with its message"
    stale = (set(LIVE) | told()) - raised()
    assert not stale, f"{sorted(stale)} are raised nowhere"


def test_the_tests_that_are_named_compare_the_messages() -> None:
    for files in TOLD.values():
        for file, messages in files.items():
            text = (TESTS / file).read_text(encoding="utf-8")
            assert [m for m in messages if m not in text] == [], file


@pytest.mark.parametrize("which", list(LIVE), ids=" ".join)
def test_what_is_refused_says_so(which: tuple[str, str]) -> None:
    say, message = LIVE[which]
    said = say()
    assert which[1] in said
    assert re.search(message, said), said
