from pathlib import Path

import pytest

from sweep_studies import BULK, CHIP, MAPPED
from tileloom.core.errors import InputError
from tileloom.explore.sweep.study import parse_study


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as error:
        parse_study(text, file="s.yaml")
    return error.value.problems


def test_the_size_is_exact() -> None:
    assert parse_study(BULK).space.size == 2 * 2 * 2 * 2 * 2 * 3 * 4


def test_all_faults_come_at_once_with_lines_and_the_nearest_name() -> None:
    text = BULK.replace("simd_lanes: [1, 2]", "simd_lane: [1, 2]").replace("num_pes: [96, 256]", "num_pes: []")
    text = text.replace("kcp_ws, xp_ws]\narch", "kcp_w, xp_ws]\narch").replace("power: 500", "powr: 500")
    found = problems(text)
    assert [p.split(": ")[0] for p in found] == ["s.yaml:6", "s.yaml:10", "s.yaml:11", "s.yaml:16"]
    for problem, hint in zip(found, ("'kcp_ws'", "is empty", "'simd_lanes'", "'power'")):
        assert hint in problem


def test_unknown_keys_are_named() -> None:
    (problem,) = problems(BULK.replace("objectives:", "objektives:"))
    assert problem.startswith("s.yaml:17: objektives: unknown key (did you mean 'objectives'?)")


def test_a_study_of_10_to_the_15_is_refused_with_its_size_and_what_helps() -> None:
    many = "{from: 1, to: 100000}"
    text = BULK.replace("[3, 32]", many).replace("[2, 50]", many).replace("[32, 512, 4096]", many)
    (problem,) = problems(text)
    assert f"{2 * 2 * 2 * 10**15 * 4:,} designs" in problem
    assert "s.yaml:8" in problem
    assert "log range" in problem


def test_limits_that_exclude_each_other_are_refused() -> None:
    (problem,) = problems(BULK.replace("area: 6", "area: {min: 7, max: 6}"))
    assert "min 7 is above max 6" in problem


def test_linked_parameters_follow_and_add_no_designs() -> None:
    text = BULK.replace("constraints:", "linked: {noc_latency_cycles: 'ceil(num_pes / 100)'}\nconstraints:")
    study = parse_study(text)
    assert study.space.size == parse_study(BULK).space.size
    assert study.space.values(study.space.size - 1)["noc_latency_cycles"] == 3


def test_a_link_to_nothing_swept_is_refused() -> None:
    (problem,) = problems(BULK.replace("constraints:", "linked: {noc_latency_cycles: '2 + 1'}\nconstraints:"))
    assert "uses no swept parameter" in problem


def test_a_parameter_is_not_both_swept_and_linked() -> None:
    assert "both swept and linked" in problems(BULK.replace("constraints:", "linked: {num_pes: '2'}\nconstraints:"))[0]


def test_faults_of_limits_are_told_with_all_others() -> None:
    text = BULK.replace("{area: 6, power: 500}", "{energy: {min: 7, max: 6}, aera: 3}").replace("[96, 256]", "[]")
    with pytest.raises(InputError) as error:
        parse_study(text, file="s.yaml")
    told = "\n".join(error.value.problems)
    assert len(error.value.problems) == 3
    assert "min 7 is above max 6" in told and "did you mean 'area'" in told and "num_pes: is empty" in told


def test_a_value_that_no_chip_can_have_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "chip.yaml").write_text(CHIP)
    text = MAPPED.replace("[64, 256, 1024, 4096]", "[64, 0, -5]").replace("[0.5, 1.0, 2.0, 6.0]", "[0.0, 1.0]")
    with pytest.raises(InputError) as error:
        parse_study(text, tmp_path, file="s.yaml")
    assert len(error.value.problems) == 2  # An energy of 0 is fine.
    assert error.value.problems[0].startswith("s.yaml:8: sweep.Buffer.size_bytes: holds -5: input should be greater")


def test_fields_of_a_machine_without_its_model_are_refused_with_the_line_to_add() -> None:
    with pytest.raises(InputError, match="add `model: maestro`"):
        parse_study(BULK.replace("model: maestro\n", ""))
