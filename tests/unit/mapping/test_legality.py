"""Every legality code is provoked once and its message read; legal mappings give no finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapping_cases import MATMUL, MATMUL_MAPPING, PORT, conv, matmul, memory, three_level, two_level
from tileloom.architecture.model import (
    NOTHING,
    Architecture,
    Fanout,
    FanoutAxis,
    Memory,
    Port,
    TensorSet,
)
from tileloom.architecture.model import Compute as Unit
from tileloom.mapping.legality import check_mapping, is_legal
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Seq, TreeNode
from tileloom.mapping.utilization import required_places
from tileloom.workload.problem import Problem

ALL_HELD = Hold(("A", "B", "Z"), "DRAM")
MAC = Compute("MAC")
SMALL = matmul(4, 4, 4)
UNIT_LOOPS = (Loop("m", 1), Loop("n", 1), Loop("k", 1))


def says(
    nodes: tuple[TreeNode, ...],
    problem: Problem = SMALL,
    architecture: Architecture | None = None,
    perfect: bool = False,
) -> list[str]:
    return [str(d) for d in check_mapping(problem, architecture or two_level(), MappingTree(nodes), perfect)]


def test_a_legal_mapping_has_no_finding() -> None:
    assert check_mapping(MATMUL, three_level(), MATMUL_MAPPING, perfect=True) == ()
    assert is_legal(MATMUL, three_level(), MATMUL_MAPPING)


def test_e_fuse() -> None:
    assert says((ALL_HELD, Seq(((MAC,), (MAC,))))) == [
        "E-FUSE at mapping: the mapping has seq, pipe or par branches, but one problem is checked. "
        "Give the branch of 'mm' alone, or check all problems together (check_fused)."
    ]


def test_e_op_unknown_unit_and_wrong_problem() -> None:
    assert says((ALL_HELD, *UNIT_LOOPS, Compute("MACC", "conv1"))) == [
        "E-OP at node 4 (compute on MACC): 'two-level' has no compute unit 'MACC' (did you mean 'MAC'?). Use one of MAC.",
        "E-OP at node 4 (compute on MACC): the mapping computes 'conv1', the problem is 'mm'. "
        "Give the mapping of this problem.",
    ]


def test_e_op_number_of_inputs() -> None:
    units = (Unit(name="VEC", energy_pj=1, n_inputs=(1,)), Unit(name="MAC", energy_pj=1, n_inputs=(2,)))
    architecture = Architecture("side", (memory("DRAM"), *units))
    assert says((ALL_HELD, *UNIT_LOOPS, Compute("VEC")), architecture=architecture) == [
        "E-OP at node 4 (compute on VEC): unit 'VEC' takes 1 inputs, 'mm' has 2. Use MAC."
    ]


def test_e_op_without_a_leaf() -> None:
    assert says((ALL_HELD, *UNIT_LOOPS)) == [
        "E-OP at mapping: a mapping ends in exactly one compute node, found none of 4 nodes. "
        "End the mapping with one compute node."
    ]
    assert says((ALL_HELD, MAC, *UNIT_LOOPS, MAC))[0].startswith(
        "E-OP at mapping: a mapping ends in exactly one compute node, found 2, at ['node 1', 'node 5']"
    )


def test_unknown_names_are_all_reported() -> None:
    assert says((ALL_HELD, Hold(("a",), "GBL"), Loop("mm", 2), *UNIT_LOOPS, MAC)) == [
        "E-DIMS at node 1 (hold a in GBL): 'mm' has no tensor 'a'. It has A, B, Z.",
        "E-LEVELS at node 1 (hold a in GBL): 'two-level' has no memory 'GBL' (did you mean 'GLB'?). "
        "Its memories are DRAM, GLB.",
        "E-DIMS at node 2 (for mm step 2): 'mm' has no dim 'mm' (did you mean 'm'?). Its dims are m, n, k.",
    ]


def test_e_cover() -> None:
    nodes = (ALL_HELD, Loop("m", 8), Loop("n", 1), Loop("k", 2, first=5), Loop("k", 1, last=2), Loop("m", 0), MAC)
    assert says(nodes) == [
        "E-COVER at node 5 (for m step 0): tile 0 of 'm' is smaller than 1. Use a tile of at least 1.",
        "E-COVER at node 1 (for m step 8): tile 8 of 'm' is larger than the 4 that reach this loop. "
        "Use a tile from 1 to 4.",
        "E-COVER at node 3 (for k step 2): the first tile of 'k' is 5, outside 1 to 4. "
        "Leave 'first' out, or give a value from 1 to 4.",
        "E-COVER at node 4 (for k step 1): the last tile of 'k' is 2, outside 1 to 1. "
        "Leave 'last' out, or give a value from 1 to 1.",
        "E-COVER at m: 'm' (extent 4) ends at a tile of 4, but the unit computes 1 at a time. "
        "Add a loop over 'm' with tile 1 above the compute node.",
    ]


def test_e_resid_only_when_asked() -> None:
    nodes = (ALL_HELD, Loop("m", 3), *UNIT_LOOPS, MAC)
    assert says(nodes) == []
    assert says(nodes, perfect=True) == [
        "E-RESID at node 1 (for m step 3): 4 of 'm' in steps of 3 leave a remainder of 1, "
        "and only even divisions were asked for. Use a divisor of 4, or allow remainders."
    ]


def test_e_levels_order_and_repeats() -> None:
    nodes = (Hold(("A", "B", "Z"), "GLB"), Hold(("A", "B", "Z"), "DRAM"), Hold(("B",), "DRAM"), *UNIT_LOOPS, MAC)
    found = says(nodes)
    assert (
        "E-LEVELS at node 1 (hold A B Z in DRAM): 'A' goes outward: 'DRAM' lies outside 'GLB', which holds it "
        "further out at node 0. Order the holds of a tensor from the outermost memory inward." in found
    )
    assert (
        "E-LEVELS at node 2 (hold B in DRAM): 'B' is already held in 'DRAM' at node 1. Remove one of the two." in found
    )


def test_e_levels_memory_beside_the_path() -> None:
    architecture = Architecture(
        "side",
        (
            memory("DRAM"),
            Unit(name="VEC", energy_pj=1),
            Fanout(name="PE", axes=(FanoutAxis(name="X", size=4),)),
            memory("RF"),
            Unit(name="MAC", energy_pj=1),
        ),
    )
    nodes = (ALL_HELD, Loop("m", 1, "PE", "X"), Hold(("A",), "RF"), Loop("n", 1), Loop("k", 1), Compute("VEC"))
    assert says(nodes, architecture=architecture) == [
        "E-LEVELS at node 2 (hold A in RF): memory 'RF' is not above the unit 'VEC'. "
        "Hold the tensor in a memory on the way to that unit.",
        "E-AXIS at node 1 (spatial m step 1 on PE.X): fanout 'PE' is not above the unit 'VEC'. "
        "Lay the loop on a fanout above that unit.",
    ]


def test_e_levels_spatial_loop_on_the_wrong_side() -> None:
    nodes = (ALL_HELD, Loop("m", 1, "PE", "X"), Hold(("A",), "GLB"), Loop("n", 1), Loop("k", 1), MAC)
    assert says(nodes) == [
        "E-LEVELS at node 1 (spatial m step 1 on PE.X): 'GLB' lies outside 'PE', but its hold of A at node 2 is below "
        "this loop. Move the hold in 'GLB' above the loops on 'PE'."
    ]
    nodes = (ALL_HELD, Hold(("A",), "RF"), Loop("m", 1, "PE", "X"), Loop("n", 1), Loop("k", 1), MAC)
    assert says(nodes, architecture=three_level()) == [
        "E-LEVELS at node 2 (spatial m step 1 on PE.X): 'RF' lies inside 'PE', but its hold of A at node 1 is above "
        "this loop. Move the hold in 'RF' below the loops on 'PE'."
    ]


def test_a_spatial_loop_may_sit_between_holds_of_other_tensors() -> None:
    nodes = (
        ALL_HELD,
        Loop("m", 1, "PE", "X"),
        Hold(("A",), "RF"),
        Loop("n", 1, "PE", "Y"),
        Hold(("B",), "RF"),
        Loop("k", 1),
        MAC,
    )
    problem = matmul(4, 2, 4)
    found = says(nodes, problem, three_level())
    assert found == [
        "E-LEVELS at node 3 (spatial n step 1 on PE.Y): 'RF' lies inside 'PE', but its hold of A at node 2 is above "
        "this loop. Move the hold in 'RF' below the loops on 'PE'."
    ]


def test_e_bypass() -> None:
    architecture = two_level(glb=memory("GLB", 4096, keep=TensorSet(("weight",)), may_keep=TensorSet(("output",))))
    nodes = (Hold(("A", "B"), "DRAM"), Hold(("A", "Z"), "GLB"), *UNIT_LOOPS, MAC)
    assert says(nodes, architecture=architecture) == [
        "E-BYPASS at node 1 (hold A Z in GLB): 'GLB' does not take 'A' (input); it must keep weight and may keep "
        "output. Remove 'A' from this hold.",
        "E-BYPASS at B: 'B' bypasses 'GLB', which must keep weight. Add a hold of 'B' in 'GLB'.",
        "E-BYPASS at Z: 'Z' is not held in 'DRAM', the outermost memory that takes it. Add a hold of 'Z' in 'DRAM'.",
    ]
    assert "; it is held nowhere" in says((Hold(("A", "B"), "DRAM"), *UNIT_LOOPS, MAC))[0]


def test_e_fanout() -> None:
    nodes = (ALL_HELD, Loop("m", 1, "PE", "X"), Loop("n", 2, "PE", "X"), *UNIT_LOOPS, MAC)
    assert says(nodes) == [
        "E-FANOUT at PE.X: the spatial loops need 8 places on 'PE.X' (m 4 x n 2), it has 4. "
        "Take a larger tile in one of them, so that their trips multiply to at most 4."
    ]


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        (Loop("m", 1, None, "Y"), "names the axis 'Y' but no fanout. Name one of PE.Y"),
        (Loop("m", 1, "PE", None), "names the fanout 'PE' but no axis. Name one of PE.X, PE.Y"),
        (Loop("m", 1, "PEs", "X"), "has no fanout 'PEs' (did you mean 'PE'?). Its axes are PE.X, PE.Y"),
        (Loop("m", 1, "PE", "Z"), "fanout 'PE' has no axis 'Z'. Its axes are X, Y"),
    ],
)
def test_e_axis(loop: Loop, why: str) -> None:
    (found,) = says((ALL_HELD, loop, Loop("n", 1), Loop("k", 1), MAC), architecture=three_level())
    assert found.startswith("E-AXIS at node 1 (")
    assert why in found


def test_e_axisdims() -> None:
    x = FanoutAxis(name="X", size=8, stationary=TensorSet(("weight",)), dims=("m", "k", "n"), max_dims=1)
    nodes = (ALL_HELD, Loop("m", 2, "PE", "X"), Loop("k", 2, "PE", "X"), *UNIT_LOOPS, MAC)
    assert says(nodes, architecture=two_level(x=x)) == [
        "E-AXISDIMS at node 2 (spatial k step 2 on PE.X): 'k' moves B, which stays the same along 'PE.X'. "
        "Move the loop to another axis, or run it in time.",
        "E-AXISDIMS at PE.X: 2 dims lie on 'PE.X' (m, k), at most 1 may. Keep 1 of them there.",
    ]
    only_n = replace(x, dims=("n",), stationary=NOTHING)
    assert says((ALL_HELD, Loop("m", 2, "PE", "X"), *UNIT_LOOPS, MAC), architecture=two_level(x=only_n)) == [
        "E-AXISDIMS at node 1 (spatial m step 2 on PE.X): 'm' may not lie on 'PE.X', only n. "
        "Move the loop to another axis, or run it in time."
    ]


def test_e_reduce_is_a_warning() -> None:
    x = FanoutAxis(name="X", size=4, multicast=TensorSet(("input", "weight")))
    nodes = (ALL_HELD, Loop("k", 2, "PE", "X"), *UNIT_LOOPS, MAC)
    assert says(nodes, architecture=two_level(x=x)) == [
        "E-REDUCE (warning) at node 1 (spatial k step 2 on PE.X): 'PE.X' cannot add up 'Z', so each of the 2 instances "
        "along 'k' reads and writes its partial sums in the memory above. "
        "Lay a dim of 'Z' on 'PE.X', or declare 'Z' in its multicast."
    ]
    assert is_legal(SMALL, two_level(x=x), MappingTree(nodes))


def test_e_joint() -> None:
    problem = conv(1, 1, 1, 4, 1, 4, 1)
    held = Hold(("I", "W", "O"), "DRAM")
    rest = tuple(Loop(d, 1) for d in "nkcpqrs")
    on = {"target": "PE", "axis": "X"}
    good = (held, Joint((Loop("p", 1, **on), Loop("r", 1, **on))), *rest, MAC)
    assert says(good, problem) == []
    uneven = (held, Joint((Loop("p", 1, **on), Loop("r", 2, **on))), *rest, MAC)
    assert says(uneven, problem) == [
        "E-JOINT at node 1 (joint p with r): joint loops must make the same number of trips, got p 4, r 2. "
        "Pad the dims or choose tiles so that each makes 4."
    ]
    apart = (held, Joint((Loop("p", 1, **on), Loop("r", 1, "PE", "Y"))), *rest, MAC)
    assert says(apart, problem, three_level())[0].startswith(
        "E-JOINT at node 1 (joint p with r): the loops of a joint advance together on one axis"
    )
    alone = (held, Joint((Loop("p", 1, **on),)), *rest, MAC)
    assert "a joint needs two or more different dims" in says(alone, problem)[0]


def write_only(name: str) -> Memory:
    return Memory(name=name, capacity_bits=None, read=Port(energy_pj=0, accesses_per_cycle=0), write=PORT)


def test_e_psum() -> None:
    architecture = Architecture(
        "sink",
        (
            Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT, may_keep=TensorSet(("input", "weight"))),
            write_only("OUT"),
            memory("ACC"),
            Unit(name="MAC", energy_pj=1),
        ),
    )
    inputs = Hold(("A", "B"), "DRAM")
    outside = (inputs, Hold(("Z",), "OUT"), Loop("k", 2), Hold(("Z",), "ACC"), *UNIT_LOOPS, MAC)
    assert says(outside, architecture=architecture) == [
        "E-PSUM at node 1 (hold Z in OUT): 'OUT' cannot be read, but the reduction over 'k' makes partial sums of 'Z' "
        "come back from it. Hold 'Z' further in above the loops over 'k'."
    ]
    inside = (inputs, Hold(("Z",), "OUT"), Loop("m", 1), Hold(("Z",), "ACC"), Loop("n", 1), Loop("k", 1), MAC)
    assert says(inside, architecture=architecture) == []


def test_e_cap_in_bytes() -> None:
    nodes = (ALL_HELD, Loop("k", 4), Hold(("B", "A", "Z"), "GLB"), *UNIT_LOOPS, MAC)
    # B: k 4 x n 8; A: m 16 x k 4; Z sinks below m and n, which move it, and stops above k.
    problem = matmul(16, 8, 32)
    assert says(nodes, problem, two_level(glb_bits=80 * 8)) == [
        "E-CAP at GLB: tiles do not fit in 'GLB': B 32 + A 64 + Z 1 = 97 B, capacity 80 B (1.21x). "
        "Shrink a temporal tile kept at 'GLB', or bypass one tensor."
    ]
    assert says(nodes, problem, two_level(glb_bits=97 * 8)) == []


def test_e_cap_double_buffered_and_odd_bits() -> None:
    glb = memory("GLB", 100, buffers=2, value_bits=(("weight", 5),))
    nodes = (ALL_HELD, Hold(("B",), "GLB"), *UNIT_LOOPS, MAC)
    assert says(nodes, architecture=two_level(glb=glb)) == [
        "E-CAP at GLB: tiles do not fit in 'GLB': B 160 = 160 bits (each tile 2 times, for its buffers), "
        "capacity 100 bits (1.60x). Shrink a temporal tile kept at 'GLB', or bypass one tensor."
    ]


def test_e_cap_partitions() -> None:
    parts = ((TensorSet(("input",)), 64), (TensorSet(("weight",)), 256))
    glb = memory("GLB", 320, partitions=parts)
    nodes = (ALL_HELD, Hold(("A", "B", "Z"), "GLB"), Loop("n", 1), Loop("m", 1), Loop("k", 1), MAC)
    assert says(nodes, architecture=two_level(glb=glb)) == [
        "E-CAP at GLB: no partition of 'GLB' takes 'Z' (output). Bypass 'GLB' for 'Z'.",
        "E-CAP at GLB: tiles do not fit in 'GLB' (partition of input): A 16 = 16 B, capacity 8 B (2.00x). "
        "Shrink a temporal tile kept at 'GLB', or bypass one tensor.",
    ]


def test_e_util_best_reachable_is_enough() -> None:
    x = FanoutAxis(name="X", size=8, min_utilization=1.0)
    problem = matmul(6, 1, 1)
    rest = (Loop("m", 1), MAC)
    assert says((ALL_HELD, Loop("m", 2, "PE", "X"), *rest), problem, two_level(x=x)) == [
        "E-UTIL at PE.X: 3 of 8 places on 'PE.X' are used (38%), at least 100% is asked for and 6 can be reached. "
        "Give this axis a spatial loop with more trips."
    ]
    assert says((ALL_HELD, Loop("m", 1, "PE", "X"), MAC), problem, two_level(x=x)) == []


def test_e_util_axes_are_settled_outermost_first() -> None:
    axes = tuple(FanoutAxis(name=n, size=4, min_utilization=1.0, dims=("m",)) for n in "XY")
    architecture = Architecture(
        "two axes", (memory("DRAM"), Fanout(name="PE", axes=axes), Unit(name="MAC", energy_pj=1))
    )
    assert required_places(matmul(8, 1, 1), architecture) == {("PE", "X"): 4.0, ("PE", "Y"): 2.0}
    capped = replace(axes[0], dims=(), max_dims=1)
    one = Architecture("one", (memory("DRAM"), Fanout(name="PE", axes=(capped,)), Unit(name="MAC", energy_pj=1)))
    assert required_places(matmul(2, 2, 1), one) == {("PE", "X"): 2.0}


def test_every_broken_rule_is_reported_at_once() -> None:
    nodes = (Hold(("A", "B"), "DRAM"), Loop("m", 1, "PE", "X"), Hold(("A",), "GLB"), Loop("k", 1))
    codes = [d.code for d in check_mapping(matmul(16, 8, 32), two_level(4), MappingTree(nodes))]
    assert codes == ["E-OP", "E-COVER", "E-BYPASS", "E-LEVELS", "E-FANOUT", "E-CAP"]
