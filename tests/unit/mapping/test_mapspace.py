"""The mapping space: a hand count, size against listing, draws that lie inside it, and constraints that narrow it."""

from __future__ import annotations

from random import Random

import pytest

from mapping_cases import PORT, conv, matmul, memory, three_level, two_level
from tileloom.architecture.model import NOTHING, Architecture, FanoutAxis, Memory, TensorSet
from tileloom.architecture.model import Compute as Unit
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.constraints import AxisRule, Constraints, TileRule, constrain
from tileloom.mapping.constraints_file import constraints_from_yaml
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.residency import reservations
from tileloom.mapping.space import MapSpace
from tileloom.mapping.tree import MappingTree, walk
from tileloom.workload.problem import Problem

ONLY_INPUT = memory("GLB", None, may_keep=TensorSet(("input",)))
NO_PLACES = FanoutAxis(name="X", size=1)
TILED = Constraints(tiles=(TileRule("GLB", "m", "<=", 2),))
INSIDE = Constraints(full_at=frozenset({("m", "RF")}), no_spatial=frozenset({"n"}))

SPACES = [
    MapSpace(matmul(4, 2, 2), two_level(glb=ONLY_INPUT)),
    MapSpace(matmul(4, 2, 1), two_level()),
    MapSpace(matmul(4, 2, 1), two_level(), distinct=True),
    MapSpace(matmul(3, 2, 1), two_level(), imperfect=True),
    MapSpace(matmul(5, 3, 1), two_level(), imperfect=True, distinct=True),
    MapSpace(conv(1, 2, 1, 2, 1, 3, 1), two_level(glb=ONLY_INPUT)),
    MapSpace(conv(1, 2, 1, 2, 1, 3, 1), two_level(glb=ONLY_INPUT), distinct=True),
    MapSpace(matmul(6, 4, 1), two_level(x=FanoutAxis(name="X", size=6, max_dims=1, stationary=TensorSet(("A",))))),
    MapSpace(matmul(2, 1, 2), three_level(), distinct=True),
    MapSpace(matmul(4, 2, 1), two_level(), constraints=TILED),
    MapSpace(matmul(4, 2, 1), two_level(), distinct=True, constraints=TILED),
    MapSpace(matmul(2, 2, 1), three_level(), distinct=True, constraints=INSIDE),
]


@pytest.mark.parametrize("space", SPACES, ids=range(len(SPACES)))
def test_size_is_the_number_of_mappings_listed(space: MapSpace) -> None:
    listed = list(space.enumerate())
    assert len(set(listed)) == len(listed) == space.size()


@pytest.mark.parametrize("space", SPACES, ids=range(len(SPACES)))
def test_draws_lie_in_the_space_and_repeat(space: MapSpace) -> None:
    inside = set(space.enumerate())
    draws = [space.sample(Random(seed)) for seed in range(60)]
    assert len({d for d in draws if d is not None}) > 5
    assert all(d in inside for d in draws if d is not None)
    assert draws == [space.sample(Random(seed)) for seed in range(60)]


def test_a_count_made_by_hand() -> None:
    # m = 4, k = 2 without places. A may be held or not. Not held: one block; m and k loop there, in 2 orders: 2.
    # Held: two blocks. m: (4, 1), (1, 4) or (2, 2); k: outside or inside. Orders multiply where both loop in a block:
    # k outside: m outside 2, m inside 1, m in both 2; k inside the same: 10 in all.
    space = MapSpace(matmul(4, 1, 2), two_level(glb=ONLY_INPUT, x=NO_PLACES))
    assert space.size() == 2 + 10
    assert MapSpace(matmul(4, 1, 2), two_level(glb=ONLY_INPUT, x=NO_PLACES), distinct=True).size() == 1 + 6


@pytest.mark.parametrize("space", SPACES[:9], ids=range(9))
def test_mappings_of_the_space_break_no_rule_but_capacity(space: MapSpace) -> None:
    for mapping in list(space.enumerate())[::7]:
        codes = {d.code for d in check_mapping(space.problem, space.architecture, mapping, perfect=not space.imperfect)}
        assert codes <= {"E-CAP"}


def tiles_and_space(problem: Problem, architecture: Architecture, mapping: MappingTree) -> tuple[object, int]:
    """What fixes the counts (holds with the loops between them as a set), and the bits reserved in GLB."""
    key: list[object] = []
    for step in walk(mapping, problem.extents):
        key.append(step.node if not step.trips > 1 else frozenset({step.node}))
    merged: list[object] = []
    for item in key:
        if merged and isinstance(item, frozenset) and isinstance(merged[-1], frozenset):
            merged[-1] = merged[-1] | item
        else:
            merged.append(item)
    bits = sum(b for m, _, b in reservations(problem, architecture, mapping) if m == "GLB")
    return tuple(merged), bits


def test_distinct_keeps_an_order_that_needs_least_space() -> None:
    problem, architecture = conv(1, 2, 1, 2, 1, 3, 1), two_level(glb=ONLY_INPUT)
    least: dict[bool, dict[object, int]] = {}
    for distinct in (False, True):
        found: dict[object, int] = {}
        for mapping in MapSpace(problem, architecture, distinct=distinct).enumerate():
            key, bits = tiles_and_space(problem, architecture, mapping)
            found[key] = min(bits, found.get(key, bits))
        least[distinct] = found
    assert least[True] == least[False]


def test_size_of_a_large_space_is_exact_and_quick() -> None:
    size = MapSpace(matmul(512, 512, 512), three_level(), distinct=True).size()
    assert 10**13 < size < MapSpace(matmul(512, 512, 512), three_level()).size()


def test_the_outermost_memory_must_take_every_tensor() -> None:
    top = Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT, may_keep=TensorSet(("input",)))
    with pytest.raises(UnsupportedError, match=r"'DRAM' does not take B, Z; .* \(E-BYPASS\)"):
        MapSpace(matmul(2, 2, 2), Architecture("a", (top, Unit(name="MAC", energy_pj=1)))).size()
    unit = Unit(name="MAC", energy_pj=1, n_inputs=(1,))
    with pytest.raises(UnsupportedError, match=r"no compute unit of 'a' takes 'mm' with 2 inputs .*\(E-NINPUT\)"):
        MapSpace(matmul(2, 2, 2), Architecture("a", (memory("DRAM"), unit))).size()


FILE = """\
constraints:
  hardware:
    PE.X: {dims: [m, k], max_dims: 1, min_util: 0.5}
    GLB: {tensors: [input, Z]}
  workload:
    n: {no_spatial: true}
    m: {full_at: RF}
    tile: {RF: {k: 3, m: "<= 7"}, GLB: {n: "multiple_of 2"}}
"""


def test_constraints_file() -> None:
    found = constraints_from_yaml(FILE)
    (rule,) = found.axes
    assert (rule.fanout, rule.axis, rule.dims, rule.max_dims, rule.min_utilization) == ("PE", "X", ("m", "k"), 1, 0.5)
    assert found.tensors == (("GLB", TensorSet(("input", "Z"))),)
    assert found.no_spatial == {"n"}
    assert found.full_at == {("m", "RF")}
    assert found.tiles == (
        TileRule("RF", "k", "=", 3),
        TileRule("RF", "m", "<=", 7),
        TileRule("GLB", "n", "multiple_of", 2),
    )


def test_constraints_file_mistakes() -> None:
    text = """\
constraints:
  hardware:
    PE.X: {dim: [m], max_dims: 0, min_util: 2}
    GLB: {tensors: A}
  workload:
    n: {nospatial: true}
    tile: {RF: {k: "< 3"}}
"""
    with pytest.raises(InputError) as caught:
        constraints_from_yaml(text)
    assert [p.split(": ", 2)[0] for p in caught.value.problems] == [f"<constraints>:{n}" for n in (3, 3, 3, 4, 6, 7)]
    assert "unknown key 'dim' (did you mean 'dims'?); expected dims, max_dims, min_util" in caught.value.problems[0]


def test_constraints_narrow_the_hardware() -> None:
    rule = AxisRule(fanout="PE", axis="X", dims=("k", "m"), max_dims=3, min_utilization=0.5)
    start = two_level(x=FanoutAxis(name="X", size=4, dims=("m", "n"), max_dims=2))
    result = constrain(matmul(4, 4, 4), start, Constraints(axes=(rule,), tensors=(("GLB", TensorSet(("weight",))),)))
    axis = result.fanouts[0].axes[0]
    assert (axis.dims, axis.max_dims, axis.min_utilization) == (("m",), 2, 0.5)
    assert result.memory("GLB").keep == TensorSet(("weight",))


def test_constraints_that_conflict_are_all_reported() -> None:
    start = two_level(
        glb=memory("GLB", 4096, keep=TensorSet(("weight",)), may_keep=NOTHING),
        x=FanoutAxis(name="X", size=4, dims=("n",)),
    )
    bad = Constraints(
        axes=(AxisRule(fanout="PE", axis="X", dims=("k",)), AxisRule(fanout="PE", axis="Y")),
        tensors=(("GLB", TensorSet(("input",))),),
        tiles=(TileRule("GBL", "q", "=", 1),),
    )
    with pytest.raises(InputError) as caught:
        constrain(matmul(2, 2, 2), start, bad)
    assert [p.removeprefix("constraints on 'two-level': ") for p in caught.value.problems] == [
        "'GLB' is to keep 'A', but the architecture does not let it",
        "'GLB' is to leave out 'B', but the architecture makes it keep it",
        "'PE.X' is to take only ['k'], but the architecture lets only ['n'] lie there",
        "no axis 'PE.Y' (did you mean 'PE.X'?); there are ['PE.X']",
        "no memory 'GBL' (did you mean 'GLB'?); there are ['DRAM', 'GLB']",
        "'mm' has no dim 'q'; it has ['m', 'n', 'k']",
    ]


def test_constraints_hold_in_every_mapping() -> None:
    for mapping in SPACES[9].enumerate():
        reaching = [s.outside["m"] for s in walk(mapping, {"m": 4, "n": 2, "k": 1}) if s.node in mapping.holds]
        assert len(reaching) == 1 or reaching[-1] <= 2
    for mapping in SPACES[11].enumerate():
        steps = list(walk(mapping, {"m": 2, "n": 2, "k": 1}))
        inner = [i for i, s in enumerate(steps) if getattr(s.node, "memory", "") == "RF"]
        assert all(s.outside["m"] == 2 for s in steps[: max(inner, default=0) + 1])
        assert not any(loop.spatial and loop.dim in "mn" for loop in mapping.loops)
