"""Findings of the doctor that this machine does not show."""

import pytest

from tileloom.cli.diagnosis import examine, solver_clash


@pytest.mark.parametrize(
    ("highspy", "ortools", "ok"),
    [
        (None, True, True),
        ("1.15.1", False, True),
        ("1.14.0", True, True),
        ("1.15.1", True, False),
        ("2.0", True, False),
    ],
)
def test_the_solver_clash_is_seen(highspy: str | None, ortools: bool, ok: bool) -> None:
    finding = solver_clash(highspy, ortools)
    assert finding.ok is ok
    assert finding.mark == ("ok  " if ok else "FAIL")


def test_a_failing_self_test_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tileloom.cli.diagnosis.CHIP", "name: broken\n")
    (finding,) = [f for f in examine() if f.name == "self-test"]
    assert not finding.ok
    assert "InputError" in finding.detail
