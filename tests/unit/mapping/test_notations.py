"""Union's blocks, Timeloop's directives, GAMMA's genomes: one printed mapping in each, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.gamma import format_genome, genome_of, parse_genome, tree_of_genome
from tileloom.mapping.notation.levels import form
from tileloom.mapping.notation.placement import placements
from tileloom.mapping.notation.registry import NOTATIONS
from tileloom.mapping.notation.timeloop import mapping_from_timeloop, mapping_to_timeloop
from tileloom.mapping.notation.union import blocks_of, tree_of
from tileloom.mapping.notation.union_file import blocks_to_yaml, read_blocks
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, walk
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem

GEMM = gemm("gemm", M=16, N=64, K=32)
TENSORS = tuple(t.name for t in GEMM.tensors)
PORT = Port(energy_pj=1.0)
CHIP = Architecture(
    "figure",
    (
        Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT),
        Memory(name="L2", capacity_bits=None, read=PORT, write=PORT),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=2), FanoutAxis(name="X", size=4))),
        Memory(name="L1", capacity_bits=None, read=PORT, write=PORT),
        Compute(name="MAC", energy_pj=1.0),
    ),
)
PRINTED = """
problem:
  operation: GEMM
  dimensions: [M, N, K]
  instance: {M: 16, N: 64, K: 32}
  data_spaces:
  - {name: A, projection: [[M], [K]]}
  - {name: B, projection: [[K], [N]]}
  - {name: C, projection: [[M], [N]], read_write: true}
architecture:
- {cluster: C4, virtual: false, dimension: X, memory: DRAM, children: 1}
- {cluster: C3, virtual: false, dimension: Y, memory: L2 Buffer, children: 2}
- {cluster: C2, virtual: true, dimension: X, memory: null, children: 4}
- {cluster: C1, virtual: false, memory: L1 Buffer, compute: MAC Unit, children: 1}
mapping:
- {target_cluster: C4, temporal_order: MNK, temporal_tile_sizes: [16, 32, 16], spatial_tile_sizes: [16, 32, 16]}
- {target_cluster: C3, temporal_order: MNK, temporal_tile_sizes: [8, 16, 8], spatial_tile_sizes: [8, 8, 8]}
- {target_cluster: C2, temporal_order: MNK, temporal_tile_sizes: [8, 8, 8], spatial_tile_sizes: [8, 8, 2]}
- {target_cluster: C1, temporal_order: MNK, temporal_tile_sizes: [1, 1, 1], spatial_tile_sizes: [1, 1, 1]}
"""
DIRECTIVES = """
mapping:
- {target: DRAM, type: temporal, factors: M1 N2 K2, permutation: KNM}
- {target: L2, type: temporal, factors: M2 N2 K2, permutation: KNM}
- {target: L2, type: spatial, factors: M1 N2 K4, permutation: KNM, split: 1}
- {target: L1, type: temporal, factors: M8 N8 K2, permutation: KNM}
"""


def literal() -> MappingTree:
    return tree_of(read_blocks("printed.yaml", text=PRINTED)[1], GEMM, CHIP)


def test_the_printed_blocks_are_the_printed_loops() -> None:
    problem, blocks = read_blocks("printed.yaml", text=PRINTED)
    time, space = zip(*[tuple(tuple(trips.values()) for trips in pair) for pair in blocks.trips(problem.extents)])
    assert time == ((1, 2, 2), (2, 2, 2), (1, 1, 1), (8, 8, 2))
    assert space == ((1, 1, 1), (1, 2, 1), (1, 1, 4), (1, 1, 1))
    assert literal().nodes[:3] == (Hold(TENSORS, "DRAM"), Loop("N", 32), Loop("K", 16))
    spatial = [x for x in literal().loops if x.spatial]
    assert spatial == [Loop("N", 8, "PE", "Y"), Loop("K", 2, "PE", "X")]


def test_blocks_are_written_as_printed() -> None:
    blocks, losses = blocks_of(literal(), GEMM, CHIP)
    assert losses == ()
    assert read_blocks("again", text=blocks_to_yaml(GEMM, blocks))[1] == blocks
    printed = read_blocks("printed.yaml", text=PRINTED)[1]
    ours = {d: d for d in GEMM.extents}
    assert [(b.cluster, dict(b.temporal), dict(b.spatial)) for b in blocks.blocks] == [
        (b.cluster, {ours[d]: b.temporal[d] for d in ours}, {ours[d]: b.spatial[d] for d in ours})
        for b in printed.blocks
    ]
    assert [(c.virtual, c.children) for c in blocks.clusters] == [(c.virtual, c.children) for c in printed.clusters]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[16, 32, 16], spatial", "[16, 65, 16], spatial", "C4: 'N' goes from 64 .* tiles only shrink"),
        ("[8, 8, 8]}", "[8, 2, 8]}", "E-FANOUT: C3 has 2 children.*N8 need 8"),
        ("spatial_tile_sizes: [1, 1, 1]", "spatial_tile_sizes: [1, 1, 1, 1]", r"printed.yaml:\d+: expected 3 sizes"),
        ("temporal_order: MNK", "temporal_order: MNN", "expected each of M N K once"),
        ("dimension: Y, ", "", "E-AXIS"),
        ("virtual: true", "virtual: false", "never both or neither"),
        ("{cluster: C2", "{cluster: C9", "one block for each"),
        ("[[M], [K]]", "[[M], [Z]]", "no dimension with a coefficient"),
    ],
)
def test_wrong_blocks_say_what_is_wrong(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tree_of(read_blocks("printed.yaml", text=PRINTED.replace(old, new))[1], GEMM, CHIP)


def test_undivided_children_are_refused_with_the_four_placements() -> None:
    text = """
problem:
  dimensions: [M, N, K]
  instance: {M: 2, N: 2, K: 2}
  data_spaces: [{name: A, projection: [M, K]}, {name: B, projection: [K, N]}, {name: C, projection: [M, N], read_write: true}]
architecture: [{cluster: C1, memory: L2, children: [8, 8], compute: MAC}]
mapping: [{target_cluster: C1, temporal_order: MNK, temporal_tile_sizes: [2, 2, 2], spatial_tile_sizes: [1, 1, 1]}]
"""
    with pytest.raises(InputError, match="E-AXIS") as caught:
        read_blocks("flat.yaml", text=text)
    for way in ("{M,N,K} | {} (8x1)", "{M,N} | {K} (4x2)", "{M} | {N,K} (2x4)", "{} | {M,N,K} (1x8)"):
        assert way in str(caught.value)
    assert len(placements([("M", 2), ("N", 2), ("K", 2)], (8, 8))) == 4


def test_directives_are_the_hoisted_loops_and_back() -> None:
    read = mapping_from_timeloop("t.yaml", GEMM, CHIP, text=DIRECTIVES)
    assert read.losses == ()
    assert form(read.mapping, GEMM) == form(hoist(literal(), GEMM), GEMM)
    written = mapping_to_timeloop(read.mapping, GEMM, CHIP)
    assert written.losses == ()
    assert mapping_from_timeloop("again", GEMM, CHIP, text=written.text).mapping == read.mapping
    assert "fetched again" in mapping_to_timeloop(literal(), GEMM, CHIP).losses[0]


def test_residuals_are_the_trips_of_the_last_tile() -> None:
    problem = gemm("g", M=16, N=7, K=32)
    text = (
        DIRECTIVES.replace("M1 N2 K2", "M1 N1 K2").replace("M1 N2 K4", "M1 N1 K4").replace("M8 N8 K2", '"M8 N4,3 K2"')
    )
    read = mapping_from_timeloop("r.yaml", problem, CHIP, text=text)
    assert [x.tile for x in read.mapping.loops if x.dim == "N"] == [4, 1]
    assert "N=4,3" in mapping_to_timeloop(read.mapping, problem, CHIP).text
    with pytest.raises(InputError, match="factors of 'N' give 8 iterations; its extent is 7"):
        mapping_from_timeloop("r.yaml", problem, CHIP, text=text.replace("N4,3", "N4"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("target: L1", "target: L7", "no memory of 'figure'"),
        ("type: spatial", "type: sptial", "did you mean"),
        ("M8 N8 K2", "M8 Z8 K2", "'Z' is no dimension"),
        ("M8 N8 K2", "M8 N8 K2 N8", "given twice"),
        ("M8 N8 K2", "M8 !", "not read as factors"),
        ("split: 1", "split: 7", "expected 0 to 3"),
        (", split: 1", "", "E-AXIS.*{N} | {K}"),
        ("permutation: KNM, split", "permutation: KKM, split", "stands twice"),
    ],
)
def test_wrong_directives_say_what_is_wrong(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        mapping_from_timeloop("t.yaml", GEMM, CHIP, text=DIRECTIVES.replace(old, new))


def test_a_short_permutation_with_a_split_warns_of_the_trap() -> None:
    text = DIRECTIVES.replace("permutation: KNM, split: 1", "permutation: K, split: 1")
    read = mapping_from_timeloop("t.yaml", GEMM, CHIP, text=text)
    assert any("can move dims between X and Y" in note for note in read.losses)


def test_long_names_get_letters_that_are_read_back() -> None:
    problem = gemm("g", M=4, N=4, K=4)
    renamed = type(problem)(
        "g",
        tuple(type(d)({"M": "rows", "N": "cols"}.get(d.name, d.name), d.extent) for d in problem.dims),
        tuple(
            type(t)(
                t.name,
                t.role,
                tuple(type(a)(tuple(({"M": "rows", "N": "cols"}.get(d, d), c) for d, c in a.terms)) for a in t.axes),
            )
            for t in problem.tensors
        ),
    )
    tree = hoist(
        MappingTree(
            (Hold(TENSORS, "DRAM"), Loop("rows", 1), Hold(TENSORS, "L1"), Loop("cols", 1), Loop("K", 1), Leaf("MAC"))
        ),
        renamed,
    )
    written = mapping_to_timeloop(tree, renamed, CHIP)
    assert "dimension_names: {A: rows, B: cols}" in written.text
    assert mapping_from_timeloop("again", renamed, CHIP, text=written.text).mapping == tree


@pytest.mark.parametrize(
    "notation", ["union", "timeloop", "gamma", "neurospector", "dmazerunner", "maestro", "accelforge"]
)
def test_what_only_trees_can_say_is_refused(notation: str) -> None:
    joint = MappingTree(
        (Hold(TENSORS, "DRAM"), Joint((Loop("M", 1, "PE", "X"), Loop("N", 1, "PE", "X"))), Loop("K", 1), Leaf("MAC"))
    )
    write = NOTATIONS.get(notation).write
    assert write is not None
    with pytest.raises(UnsupportedError):
        write(GEMM, CHIP, joint)


GENOME = """[['K', 4], ['K', 16], ['C', 8], ['Y', 4], ['X', 28], ['R', 3], ['S', 3]]
[['Y', 2], ['Y', 1], ['X', 1], ['K', 1], ['C', 8], ['R', 3], ['S', 3]]
"""


def spread(tree: MappingTree, problem: Problem) -> dict[tuple[str, str], int]:
    steps = [s for s in walk(tree, problem.extents) if isinstance(s.node, Loop) and s.node.spatial]
    return {(s.node.dim, s.node.axis or ""): s.trips for s in steps if isinstance(s.node, Loop)}


def test_a_genome_is_loops_and_its_loops_are_the_genome() -> None:
    problem = conv2d("c", K=64, C=32, P=28, Q=28, R=3, S=3)
    genome = parse_genome(GENOME)
    tree = tree_of_genome(genome, problem, CHIP).mapping
    again, losses = genome_of(tree, problem)
    assert "where tiles are held is not said" in losses[0]
    back = tree_of_genome(parse_genome(format_genome(again)), problem, CHIP).mapping
    assert spread(back, problem) == spread(tree, problem) == {("K", "Y"): 2, ("P", "X"): 2}


@pytest.mark.parametrize(
    "text", ["", "[", "[['K', 4]]", GENOME.replace("'C', 8", "'C', 0"), GENOME.replace("'S', 3", "'R', 3"), "[" * 5000]
)
def test_wrong_genomes_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_genome(text)


def test_matrix_products_are_no_genomes() -> None:
    with pytest.raises(UnsupportedError, match="1x1 convolution"):
        genome_of(literal(), GEMM)


def test_a_file_for_another_problem_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(PRINTED)
    read = NOTATIONS.get("union").read
    assert read is not None
    with pytest.raises(InputError, match="not the sizes of the given problem"):
        read(file, gemm("g", M=16, N=64, K=16), CHIP, None)


def test_stars_of_a_zigzag_ordering_are_what_is_left(tmp_path: Path) -> None:
    given = {
        "text": '- name: default\n  spatial_mapping: {D1: ["M, 2"]}\n  temporal_ordering: [[K, 4], [M, REST], [N, REST], [K, REST]]\n'
    }
    sizes = given["text"].replace("[M, REST]", "[M, 8]").replace("[N, REST]", "[N, 64]").replace("[K, REST]", "[K, 8]")
    stars = given["text"].replace("REST", '"*"')
    files = [tmp_path / "sizes.yaml", tmp_path / "stars.yaml"]
    for file, text in zip(files, (sizes, stars)):
        file.write_text(text)
    problem = gemm("g", M=16, N=64, K=32)
    one, other = (NOTATIONS.get("zigzag").read(file, problem, CHIP, None) for file in files)  # type: ignore[misc]
    assert one.mapping == other.mapping
    files[1].write_text(stars.replace("[K, 4]", '["*", "*"]'))
    with pytest.raises(InputError, match="leaves loops to ZigZag's search"):
        NOTATIONS.get("zigzag").read(files[1], problem, CHIP, None)  # type: ignore[misc]


def test_a_dim_on_both_axes_takes_two_spatial_directives() -> None:
    tree = hoist(
        MappingTree(
            (Hold(TENSORS, "DRAM"), Loop("M", 8), Loop("K", 1), Loop("N", 1), Hold(TENSORS, "L2"), Loop("M", 4, "PE", "Y"),
             Loop("M", 2, "PE", "X"), Hold(TENSORS, "L1"), Loop("M", 1), Leaf("MAC"))
        ),
        GEMM,
    )  # fmt: skip
    written = mapping_to_timeloop(tree, GEMM, CHIP)
    assert written.text.count("type: spatial") >= 2 and any("M lies on both axes below" in x for x in written.losses)
    assert form(mapping_from_timeloop("again", GEMM, CHIP, text=written.text).mapping, GEMM) == form(tree, GEMM)
    extra = (
        written.text.replace("dimension", "dimension")
        + "- {target: L2, type: spatial, factors: M1, permutation: MNK, split: 0}\n"
    )
    with pytest.raises(InputError, match="another spatial directive for 'L2'"):
        mapping_from_timeloop("again", GEMM, CHIP, text=extra)
