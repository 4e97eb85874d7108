"""Mappings drawn at random: files round-trip, canonical forms are stable, hoisting never moves more words."""

from __future__ import annotations

from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_cases import MATMUL, three_level
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.normalise import blocked, canonical, hoist
from tileloom.mapping.residency import reservations
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode, walk
from tileloom.mapping.yaml import mapping_from_yaml, mapping_to_yaml
from tileloom.workload.problem import Problem

NAMES = st.one_of(
    st.sampled_from(["n", "y", "null", "1", "1e3", "0x1", "~", "a b", "x:", "- z", "{", "#", "L 2"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=6),
)
SIZES = st.integers(1, 2**40)
ENDS = st.one_of(st.none(), SIZES)
TEMPORAL = st.builds(Loop, NAMES, SIZES, st.one_of(st.none(), NAMES), st.none(), ENDS, ENDS)
SPATIAL = st.builds(Loop, NAMES, SIZES, st.one_of(st.none(), NAMES), NAMES, ENDS, ENDS)
HOLDS = st.builds(Hold, st.lists(NAMES, max_size=3).map(tuple), NAMES, st.sampled_from(["keep", "stream", "strip"]))
JOINTS = st.builds(Joint, st.lists(SPATIAL, max_size=3).map(tuple))
LEAVES = st.one_of(TEMPORAL, SPATIAL, HOLDS, JOINTS, st.builds(Compute, NAMES, st.one_of(st.none(), NAMES)))


def branches(inner: st.SearchStrategy[TreeNode]) -> st.SearchStrategy[TreeNode]:
    children = st.lists(st.lists(inner, max_size=3).map(tuple), max_size=3).map(tuple)
    return st.one_of(st.builds(Seq, children), st.builds(Pipe, children), st.builds(Par, children))


TREES = st.lists(st.recursive(LEAVES, branches, max_leaves=8), max_size=6).map(lambda n: MappingTree(tuple(n)))


@settings(deadline=None, max_examples=150)
@given(TREES, NAMES)
def test_yaml_round_trips(tree: MappingTree, name: str) -> None:
    assert mapping_from_yaml(mapping_to_yaml(tree, name)) == tree


@settings(deadline=None, max_examples=50)
@given(TREES)
def test_any_tree_prints_a_line_a_node(tree: MappingTree) -> None:
    assert len(to_text(tree).split("\n")) >= len(tree.nodes)


@st.composite
def chains(draw: st.DrawFn) -> MappingTree:
    """A complete mapping of MATMUL: holds and loops in any order the hierarchy allows, tiles of any size."""
    current = dict(MATMUL.extents)
    nodes: list[TreeNode] = [Hold(("A", "B", "Z"), "DRAM")]

    def loops(spatial: bool) -> None:
        for _ in range(draw(st.integers(0, 3))):
            dim = draw(st.sampled_from(sorted(current)))
            tile = draw(st.integers(1, current[dim]))
            current[dim] = tile
            place = ("PE", draw(st.sampled_from("XY"))) if spatial else (None, None)
            nodes.append(Loop(dim, tile, *place))

    for memory in ("GLB", "RF"):
        for tensor in draw(st.permutations("ABZ")):
            loops(spatial=False)
            if draw(st.booleans()):
                nodes.append(Hold((tensor,), memory))
        loops(spatial=memory == "GLB")
    nodes += [Loop(d, 1) for d in sorted(current)]
    return MappingTree((*nodes, Compute("MAC")))


def words(problem: Problem, mapping: MappingTree) -> dict[tuple[str, str], int]:
    """Words brought into each hold: trips of all loops above it in time, and of the spatial ones that move the
    tensor, times its tile."""
    found: dict[tuple[str, str], int] = {}
    time, space = 1, {t.name: 1 for t in problem.tensors}
    for step in walk(mapping, problem.extents):
        node = step.node
        if isinstance(node, Loop) and not node.spatial:
            time *= step.trips
        elif isinstance(node, Loop):
            for t in problem.tensors:
                space[t.name] *= step.trips if node.dim in t.dims else 1
        elif isinstance(node, Hold):
            for name in node.tensors:
                tile = problem.tensor(name).footprint(step.outside)
                found[(node.memory, name)] = time * space[name] * tile
    return found


@settings(deadline=None, max_examples=200)
@given(chains())
def test_canonical_is_idempotent_and_moves_the_same_words_in_the_same_space(mapping: MappingTree) -> None:
    once = canonical(mapping, MATMUL)
    assert canonical(once, MATMUL) == once
    assert words(MATMUL, once) == words(MATMUL, mapping)
    arch = three_level()
    assert sorted(reservations(MATMUL, arch, once)) == sorted(reservations(MATMUL, arch, mapping))


@settings(deadline=None, max_examples=200)
@given(chains())
def test_hoist_never_moves_more_words_and_does_the_same_work(mapping: MappingTree) -> None:
    after = hoist(mapping, MATMUL)
    before_words, after_words = words(MATMUL, mapping), words(MATMUL, after)
    assert after_words.keys() == before_words.keys()
    assert all(after_words[key] <= before_words[key] for key in before_words)
    assert hoist(after, MATMUL) == after
    trips = [prod(s.trips for s in walk(m, MATMUL.extents)) for m in (mapping, after)]
    assert trips[0] == trips[1]


@settings(deadline=None, max_examples=60)
@given(chains())
def test_hoist_never_makes_more_accesses_anywhere(mapping: MappingTree) -> None:
    counts = []
    for m in (mapping, hoist(mapping, MATMUL)):
        cost = LoopnestModel().evaluate(MATMUL, three_level(), m)
        counts.append({(t.component, t.tensor, t.action): t.accesses for t in cost.traffic})
    assert all(counts[1].get(key, 0) <= before for key, before in counts[0].items())


@settings(deadline=None, max_examples=200)
@given(chains())
def test_hoist_undoes_blocked(mapping: MappingTree) -> None:
    hoisted = hoist(mapping, MATMUL)
    assert words(MATMUL, hoist(blocked(hoisted, MATMUL), MATMUL)) == words(MATMUL, hoisted)
