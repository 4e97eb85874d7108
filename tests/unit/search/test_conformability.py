"""What stands between a request and a model or mapper: every obstacle at once, each with who else takes it."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from mapping_cases import MATMUL, MATMUL_MAPPING, conv, matmul, memory, three_level, two_level
from tileloom import api
from tileloom.architecture.model import EVERYTHING, NOTHING, TensorSet
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.base import Profile
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.registry import MODELS
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Pipe
from tileloom.search.conformability import diagnose
from tileloom.search.driver import map_problem

NARROW = Profile(
    operations=("conv2d",), max_inputs=1, max_terms_per_axis=1, max_memories=2, imperfect=False, bypass=False,
    uneven=False, spatial=False, objectives=("latency",),
)  # fmt: skip


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cost model 'narrow' that takes little, beside the one there is."""

    @dataclass(frozen=True)
    class NarrowModel(LoopnestModel):
        name: ClassVar[str] = "narrow"
        profile: ClassVar[Profile] = NARROW

    monkeypatch.setitem(MODELS.builtin, "narrow", lambda: NarrowModel)  # type: ignore[arg-type]


def codes(*arguments: object, **more: object) -> list[str]:
    return [d.code for d in diagnose(*arguments, **more)]  # type: ignore[arg-type]


def test_what_fits_has_no_obstacle() -> None:
    assert diagnose(MATMUL, three_level()) == ()
    assert diagnose(MATMUL, three_level(), MATMUL_MAPPING) == ()
    for mapper in ("optimal", "exhaustive", "random"):
        assert diagnose(MATMUL, three_level(), mapper=mapper, objective="energy") == ()


def test_all_obstacles_of_a_pair_at_once() -> None:
    chip = two_level(glb=memory("GLB", 7, keep=TensorSet(("weight",)), may_keep=NOTHING))
    chip = replace(chip, nodes=(chip.nodes[0], chip.nodes[1], memory("Mid", 64), *chip.nodes[2:]))
    found = diagnose(matmul(4, 4, 4), chip, model="narrow", mapper="exhaustive", objective="edp")
    assert [d.code for d in found] == ["E-OBJ", "E-OP", "E-NINPUT", "E-LEVELS", "E-BYPASS", "E-CAP"]
    assert str(found[1]).startswith("E-OP at mm: model 'narrow' takes conv2d; 'mm' is matmul. Choose model loopnest")
    assert str(found[1]).endswith(", or state the problem as conv2d.")
    assert "takes 1 to 2 memories; the way to the compute unit has 3 (DRAM, GLB, Mid)" in found[3].why
    assert "'GLB' does not take A, Z" in found[4].why


def test_sums_of_dims_in_an_index() -> None:
    found = diagnose(conv(1, 2, 2, 4, 4, 3, 3, stride=2), two_level(), model="narrow", mapper="random")
    (first, second) = [d for d in found if d.code == "E-NONAFFINE"]
    assert "takes 1 dims in an index at most; I is indexed by 2*p+r" in first.why
    assert "2*q+s" in second.why


def test_a_unit_for_that_many_inputs() -> None:
    chip = two_level()
    chip = replace(chip, nodes=(*chip.nodes[:-1], replace(chip.computes[0], n_inputs=(1, 3))))
    (found,) = diagnose(MATMUL, chip)
    assert str(found) == (
        "E-NINPUT at two-level: no compute unit takes 2 inputs as 'mm' has (MAC takes 1 or 3). "
        "Rewrite the problem, or take another architecture."
    )


def test_a_mapper_names_the_models_it_can_search_with() -> None:
    (found,) = [d for d in diagnose(MATMUL, two_level(), model="narrow") if d.code == "E-MODEL"]
    assert str(found).startswith(
        "E-MODEL at narrow: mapper 'optimal' searches with loopnest only, not with 'narrow'. "
        "Choose mapper exhaustive or random"
    )
    assert str(found).endswith(", or take cost model loopnest.")


def test_all_obstacles_of_a_mapping_and_its_broken_rules() -> None:
    problem, chip = matmul(16, 8, 30), three_level(rf_bits=8)
    found = diagnose(problem, chip, MATMUL_MAPPING, "narrow")
    assert [d.code for d in found] == [
        "E-OP", "E-NINPUT", "E-LEVELS", "E-RESID", "E-AXIS", "E-AXIS", "E-BYPASS", "E-BYPASS", "E-CAP",
    ]  # fmt: skip
    assert "takes tiles that divide; 30 of 'k' in steps of 8 leave a remainder" in found[3].why
    assert found[3].fix.startswith("Choose model loopnest")
    assert found[3].fix.endswith(", or use a divisor of 30")
    assert [d.where for d in found if d.code == "E-BYPASS"] == ["GLB", "RF"]
    assert diagnose(problem, chip, MATMUL_MAPPING)[0].code == "E-CAP"


def test_holds_of_a_memory_at_several_boundaries() -> None:
    tensors = ("A", "B", "Z")
    loops = (Loop("m", 1), Loop("n", 1), Loop("k", 1), Compute("MAC"))
    uneven = MappingTree((Hold(tensors, "DRAM"), Hold(("Z",), "GLB"), Loop("m", 2), Hold(("A", "B"), "GLB"), *loops))
    assert "E-UNEVEN" in codes(matmul(4, 4, 4), two_level(), uneven, "narrow")
    assert codes(matmul(4, 4, 4), two_level(), uneven) == []


def test_loops_that_advance_together() -> None:
    joint = Joint((Loop("m", 1, "PE", "X"), Loop("k", 1, "PE", "X")))
    tree = MappingTree((Hold(("A", "B", "Z"), "DRAM"), joint, Loop("n", 1), Compute("MAC")))
    problem, chip = matmul(4, 2, 4), two_level(x=replace(two_level().fanouts[0].axes[0], size=4))
    (found,) = diagnose(problem, chip, tree)
    assert (found.code, found.fix) == ("E-JOINT", "Give each dim its own loop")
    with pytest.raises(UnsupportedError, match="E-JOINT at node 1"):
        api.evaluate(problem, chip, tree)
    verdicts = {v.model: v for v in api.compare(problem, chip, tree)}
    assert verdicts["loopnest"].refusal == str(found)
    assert "E-OP" in verdicts["narrow"].refusal and "E-JOINT" in verdicts["narrow"].refusal


def test_branches_and_unknown_names_are_reported_not_tripped_over() -> None:
    assert codes(MATMUL, three_level(), MappingTree((Pipe(((Compute("MAC"),),)),)), "narrow")[-1] == "E-FUSE"
    strange = MappingTree((Hold(("A", "Q"), "DRAM"), Loop("w", 2), Compute("MAC")))
    assert {"E-DIMS", "E-OP", "E-BYPASS"} <= set(codes(MATMUL, three_level(), strange, "narrow"))


def test_an_unknown_model_or_mapper_is_an_input_error() -> None:
    with pytest.raises(InputError, match="did you mean 'loopnest'"):
        diagnose(MATMUL, three_level(), model="loopnets")
    with pytest.raises(InputError, match="did you mean 'optimal'"):
        diagnose(MATMUL, three_level(), mapper="optimol")


def test_a_search_that_cannot_begin_says_everything() -> None:
    chip = two_level(glb=memory("GLB", 7, keep=EVERYTHING))
    result = map_problem(MATMUL, chip, "edp", mapper="random", model="narrow", cache=False)
    assert result.status == "infeasible"
    assert [r.split()[0] for r in result.reasons] == ["E-OBJ", "E-OP", "E-NINPUT", "E-CAP"]
