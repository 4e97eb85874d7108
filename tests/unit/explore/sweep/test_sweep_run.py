"""Directories of sweeps: what a killed, repeated, extended, crowded or damaged one does."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from sweep_studies import BULK, CHIP, MAPPED
from tileloom.core.errors import InputError
from tileloom.explore.executors.local import LocalExecutor
from tileloom.explore.query import query
from tileloom.explore.store import UNREADABLE, listed, opened, read_parts
from tileloom.explore.sweep.plan import context_of
from tileloom.explore.sweep.run import run_sweep
from tileloom.explore.sweep.study import Study, parse_study

SMALL = BULK + "chunk: 16\n"


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path, _ in listed(folder)}


@pytest.fixture
def mapped(tmp_path: Path) -> Study:
    (tmp_path / "chip.yaml").write_text(CHIP)
    return parse_study(MAPPED + "chunk: 20\n", tmp_path)


def command(tmp_path: Path, text: str, *flags: str) -> list[str]:
    (tmp_path / "study.yaml").write_text(text)
    return [
        sys.executable,
        "-m",
        "tileloom",
        "sweep",
        str(tmp_path / "study.yaml"),
        "--out",
        str(tmp_path / "out"),
        *flags,
    ]


def test_a_process_killed_again_and_again_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    text = BULK + "chunk: 4\n"
    whole = parts_of_an_undisturbed_run(tmp_path, text)
    out = tmp_path / "out"
    seen: dict[str, int] = {}
    for stop_at in (4, 25, 55):
        running = subprocess.Popen(
            command(tmp_path, text, "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while running.poll() is None and len(listed(out)) < stop_at:
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
        running.wait()
        now = {path.name: path.stat().st_mtime_ns for path, _ in listed(out)}
        assert len(now) >= stop_at
        assert {name: now[name] for name in seen} == seen, "a part was lost or written again"
        seen = now
    result = run_sweep(parse_study(text, tmp_path), out, resume=True)
    assert result.known == 4 * len(seen)
    assert parts(out) == whole
    starts = sorted(part.start for _, part in listed(out))
    assert starts == list(range(0, result.study.space.size, 4))
    assert not list((out / "parts").glob(".*"))


def parts_of_an_undisturbed_run(tmp_path: Path, text: str) -> dict[str, bytes]:
    run_sweep(parse_study(text, tmp_path), tmp_path / "whole")
    return parts(tmp_path / "whole")


def test_two_runs_on_one_directory_are_refused_with_the_holder(tmp_path: Path) -> None:
    study = parse_study(SMALL)
    held: list[str] = []

    def second_run(_: object) -> None:
        if not held:
            done = subprocess.run(command(tmp_path, SMALL, "--resume"), capture_output=True, text=True)
            assert done.returncode == 2
            held.append(done.stderr)

    run_sweep(study, tmp_path / "out", progress=second_run)
    assert f"in use by process {os.getpid()} on" in held[0]


def test_results_are_not_overwritten_and_not_mixed(tmp_path: Path) -> None:
    run_sweep(parse_study(SMALL), tmp_path / "out")
    with pytest.raises(InputError, match="--resume"):
        run_sweep(parse_study(SMALL), tmp_path / "out")
    with pytest.raises(InputError, match="another study"):
        run_sweep(parse_study(SMALL.replace("[3, 32]", "[3, 33]")), tmp_path / "out", resume=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no sweep"):
        run_sweep(parse_study(SMALL), tmp_path / "other")


def test_a_full_disk_is_said_and_what_is_there_stays(tmp_path: Path) -> None:
    # A limit on the size of files stands in for the disk: writing fails in the same place.
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    env = os.environ | {"NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", "")}
    done = subprocess.run(
        command(tmp_path, SMALL),
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        env={k: v for k, v in env.items() if v},
    )
    assert done.returncode == 2, done.stderr
    assert "make room" in done.stderr
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr
    result = run_sweep(parse_study(SMALL, tmp_path), tmp_path / "out", resume=True)
    assert result.counts.searched == result.study.space.size


def test_unreadable_parts_are_named_and_evaluated_again_only_with_force(tmp_path: Path) -> None:
    study, out = parse_study(SMALL), tmp_path / "out"
    whole = run_sweep(study, out)
    victim, part = listed(out)[3]
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(InputError, match=victim.name) as error:
        run_sweep(study, out, resume=True)
    assert "--force" in error.value.problems[-1]
    assert len(read_parts(out, force=True)) == len(listed(out)) - 1
    again = run_sweep(study, out, resume=True, force=True)
    assert again.known == study.space.size - (part.stop - part.start)
    assert again.front.equals(whole.front)
    assert (victim.with_name(victim.name + UNREADABLE)).is_file()


def test_local_processes_give_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 2):
        run_sweep(parse_study(SMALL), tmp_path / str(workers), executor=LocalExecutor(workers))
    assert parts(tmp_path / "1") == parts(tmp_path / "2")
    assert (tmp_path / "1" / "front.parquet").read_bytes() == (tmp_path / "2" / "front.parquet").read_bytes()


def test_a_mapped_study_that_grows_evaluates_only_what_is_new(tmp_path: Path, mapped: Study) -> None:
    first = run_sweep(mapped, tmp_path / "out")
    text = mapped.text.replace("[64, 256, 1024, 4096]", "[64, 256, 1024, 4096, 8192]")
    more = run_sweep(parse_study(text, tmp_path), tmp_path / "out", resume=True)
    assert (first.counts.searched, more.known, more.counts.searched) == (64, 64, 80)
    keys = pl.concat(read_parts(tmp_path / "out"))["key"]
    assert keys.n_unique() == len(keys) == 80


def test_sql_reads_designs_and_nothing_else(tmp_path: Path, mapped: Study) -> None:
    result = run_sweep(mapped, tmp_path / "out")
    found = query(tmp_path / "out", "select count(*) as n, min(edp) from designs")
    assert found.columns[0] == "n"
    assert found.rows[0][0] == 64
    assert query(tmp_path / "out", "select * from front").rows[0][1] == result.front["key"][0]
    target = tmp_path / "stolen.csv"
    for sql in (
        f"copy designs to '{target}'", "drop table designs", "select 1; select 2", "attach 'x.db'", "install httpfs",
        "set enable_external_access = true", "", f"select * from read_csv('{tmp_path / 'study.yaml'}')",
        f"select * from '{listed(tmp_path / 'out')[0][0]}'", "selec 1",
    ):  # fmt: skip
        with pytest.raises(InputError):
            query(tmp_path / "out", sql)
    assert not target.exists()


def test_a_search_by_optuna_resumes_without_asking_twice(tmp_path: Path, mapped: Study) -> None:
    text = mapped.text + "adaptive: {trials: 20, seed: 4, batch: 5}\n"
    study = parse_study(text, tmp_path)
    whole = run_sweep(study, tmp_path / "whole")
    assert 5 <= whole.counts.searched <= 20
    out = tmp_path / "part"
    stopped: list[object] = []

    def stop_after_two(progress: object) -> None:
        stopped.append(progress)
        if len(stopped) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(study, out, progress=stop_after_two)
    resumed = run_sweep(study, out, resume=True)
    assert resumed.known > 0
    assert parts(out) == parts(tmp_path / "whole")
    assert resumed.front.equals(whole.front)


@pytest.mark.parametrize("sampler", ["nsga2", "random"])
def test_other_samplers(tmp_path: Path, mapped: Study, sampler: str) -> None:
    study = parse_study(mapped.text + f"adaptive: {{trials: 6, sampler: {sampler}}}\n", tmp_path)
    assert run_sweep(study, tmp_path / "out").counts.searched <= 6


def test_other_numbers_in_an_energy_table_are_another_study(tmp_path: Path) -> None:
    table = (
        "name: mine\ndescription: mine\nsource: me\nmemories:\n"
        "- {capacity_bits: 8192, width_bits: 8, technology_nm: 65, read_pj: 1.5, write_pj: 2, quality: assumption, source: me}\n"
    )
    (tmp_path / "mine.yaml").write_text(table)
    (tmp_path / "chip.yaml").write_text(
        CHIP.replace(
            "access: {energy_pj: 1, width_bits: 8, bits_per_cycle: 64}, keep: all, area",
            "access: {energy: {table: mine.yaml}, width_bits: 8, bits_per_cycle: 64}, keep: all, area",
        )
    )
    text = MAPPED.replace(
        "  Buffer.size_bytes: [64, 256, 1024, 4096]\n  Buffer.access.energy_pj: [0.5, 1.0, 2.0, 6.0]\n", ""
    )
    before = parse_study(text, tmp_path)
    assert context_of(parse_study(text, tmp_path)) == context_of(before)
    (tmp_path / "mine.yaml").write_text(table.replace("write_pj: 2", "write_pj: 3"))
    assert context_of(parse_study(text, tmp_path)) != context_of(before)
    with opened(tmp_path / "out", {"name": "one", "context": context_of(before), "code": ""}):
        pass
    with pytest.raises(InputError, match="another study"):
        run_sweep(parse_study(text, tmp_path), tmp_path / "out", resume=True)
