"""A sweep's directory: part files that appear whole or not at all, a lock, and what is already known in them.

    sweep.json          what is swept: content hashes, versions, the study's text
    parts/*.parquet     one file per chunk of designs; its counts are in its name, so that both appear in one step
    lock                held by the run that writes

Which designs there are and what they cost is the engines' business.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tileloom.core.errors import InputError
from tileloom.core.files import write_bytes_atomic, write_text_atomic
from tileloom.core.jsonio import parse_json, to_json
from tileloom.explore.sweep.chunk import Counts

if TYPE_CHECKING:
    import polars as pl

SWEEP_FILE = "sweep.json"
LOCK_FILE = "lock"
PARTS = "parts"
UNREADABLE = ".unreadable"

_PART = re.compile(r"part-(\d+)-(\d+)\.s(\d+)\.e(\d+)\.v(\d+)\.p(\d+)\.r(\d+)(?:\.([0-9a-f]+))?\.parquet")


@dataclass(frozen=True, slots=True)
class PartName:
    """Which designs a part is about (start .. stop - 1) and how many of what kind.

    label   tells parts of one range apart, where a study was extended
    """

    start: int
    stop: int
    counts: Counts
    label: str = ""

    def __str__(self) -> str:
        c = self.counts
        return (
            f"part-{self.start:015d}-{self.stop:015d}.s{c.searched}.e{c.evaluated}.v{c.valid}.p{c.pruned}"
            f".r{c.refused}{'.' + self.label if self.label else ''}.parquet"
        )


def parse_part(name: str) -> PartName | None:
    """The name of a part file taken apart; None for other files.

    >>> parse_part(str(PartName(0, 8, Counts(8, 8, 3)))).counts.valid
    3
    """
    match = _PART.fullmatch(name)
    if match is None:
        return None
    start, stop, *counts = (int(g) for g in match.groups()[:7])
    return PartName(start, stop, Counts(*counts), match[8] or "")


@dataclass(frozen=True)
class Store:
    """An open sweep directory; only `opened` makes one, and only one at a time per directory."""

    folder: Path

    def parts(self) -> list[PartName]:
        """Complete parts, in the order of their designs."""
        return [part for _, part in listed(self.folder)]

    def write(self, part: PartName, data: bytes) -> None:
        """One part, whole or not at all. InputError when the disk is full, with what to do."""
        target = self.folder / PARTS / str(part)
        if target.exists():
            raise InputError(f"{target}: is there already; a design is stored once")
        try:
            write_bytes_atomic(target, data)
        except InputError as error:
            cause = error.__cause__
            full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            hint = "; make room" if full else "; mend it"
            raise InputError(
                f"{error}{hint} and run again with --resume: {len(self.parts())} parts are complete and stay",
                file=str(target),
            ) from cause


def listed(folder: Path) -> list[tuple[Path, PartName]]:
    """(path, name) of every part file of a sweep directory, in the order of their designs."""
    found = [(path, part) for path in (folder / PARTS).glob("*.parquet") if (part := parse_part(path.name))]
    return sorted(found, key=lambda pair: (pair[1].start, pair[1].stop))


def read_parts(folder: Path, *, force: bool = False, set_aside: bool = False) -> list[pl.DataFrame]:
    """The rows of every part. Raises InputError naming all that cannot be read; with `force` those are skipped.

    set_aside   rename them, so that their designs count as unknown
    """
    import polars as pl

    frames, broken = [], []
    for path, part in listed(folder):
        try:
            frames.append(pl.read_parquet(path))
        # The reader has its own exceptions, OSError among them, and panics on some damaged files.
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
            broken.append((path, part, str(error).splitlines()[0][:120] if str(error) else type(error).__name__))
    if broken and not force:
        raise InputError(
            [f"{path}: cannot be read ({why})" for path, _, why in broken]
            + ["--force leaves these parts out; a resumed sweep evaluates their designs again"],
            file=str(broken[0][0]),
        )
    if set_aside:
        for path, _, _ in broken:
            path.rename(path.with_name(path.name + UNREADABLE))
    return frames


def require_sweep(folder: Path) -> dict[str, Any]:
    """What sweep.json says. Raises InputError when the directory holds no sweep."""
    try:
        found = parse_json((folder / SWEEP_FILE).read_text(encoding="utf-8"), str(folder / SWEEP_FILE))
    except FileNotFoundError:
        raise InputError(
            f"{folder}: holds no sweep ({SWEEP_FILE} is missing); give the --out of `tileloom sweep`"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / SWEEP_FILE}: cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{folder / SWEEP_FILE}: is not a sweep's record")
    return found


@contextmanager
def opened(folder: Path, record: dict[str, Any], *, resume: bool = False, force: bool = False) -> Iterator[Store]:
    """The directory locked for this process, made if there is none.

    record   goes into sweep.json; its "context" says when an earlier run's results may be added to
    Raises InputError: another run holds it, it holds another study or other code's results (`force` goes on), or it
    holds something else.
    """
    _make(folder)
    with _locked(folder):
        known = folder / SWEEP_FILE
        if known.exists():
            _require_same(folder, require_sweep(folder), record, resume, force)
        elif any(path.name not in (LOCK_FILE, PARTS) for path in folder.iterdir()):
            raise InputError(f"{folder}: is not empty and holds no sweep; give another --out")
        (folder / PARTS).mkdir(exist_ok=True)
        for left in (folder / PARTS).glob(".*.tmp"):
            # Half-written by a killed run; this run holds the lock, so nobody is writing it.
            left.unlink()
        write_text_atomic(known, to_json(record))
        yield Store(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}; give another --out") from error


def _require_same(folder: Path, known: dict[str, Any], record: dict[str, Any], resume: bool, force: bool) -> None:
    if not resume:
        raise InputError(f"{folder}: holds results already; continue them with --resume, or give another --out")
    if known.get("context") != record["context"]:
        raise InputError(
            f"{folder}: holds results of another study ('{known.get('name')}', {str(known.get('context'))[:12]}); this one is "
            f"'{record['name']}' ({str(record['context'])[:12]}): give another --out"
        )
    if known.get("code") != record["code"] and not force:
        raise InputError(
            f"{folder}: was written by other code of Tileloom; results may differ: give another --out, or --force to go on"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The kernel drops the lock when its process ends, however it ends, so nothing stale is left behind."""
    path = folder / LOCK_FILE
    with path.open("a+", encoding="utf-8") as file:
        if not _take(file):
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise InputError(f"{folder}: in use by {holder}; wait for it, or give another --out", file=str(path))
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _take(file: IO[str]) -> bool:
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise InputError(
                f"{file.name}: this file system has no locks ({error.strerror}); give another --out"
            ) from error
        return True
    import msvcrt  # type: ignore[unreachable,unused-ignore]

    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True
