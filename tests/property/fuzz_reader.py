"""`fuzz_reader.py READER SECONDS FOLDER [atheris]`: damages a reader's input for so long; what is no typed error is kept.

Each failing input goes into FOLDER with its traceback. With atheris the damage is guided by the lines that it reaches.
"""

from __future__ import annotations

import resource
import signal
import sys
import traceback
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic, process_time
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if "atheris" in sys.argv[4:]:
    import atheris

    with atheris.instrument_imports(include=["tileloom"]):
        from readers import Reader, readers

        READERS = readers()
else:
    from readers import Reader, readers

    READERS = readers()

from hostile import damaged
from tileloom.core.errors import MAX_TEXT, TileloomError

SECONDS_EACH = 10
"""CPU time of one input; damaged inputs are at most 200 KB."""
MEMORY_BYTES = 4 << 30


class TooSlowError(BaseException):
    """Raised inside a reader that has had its time; nothing there may catch it."""


class Fuzzer:
    """Feeds one reader and keeps what it ends in; a place of failure is kept once."""

    def __init__(self, reader: Reader, seconds: float, kept: Path, folder: Path) -> None:
        self.reader, self.kept = reader, kept
        self.path = folder / f"input{reader.ending}"
        self.ends = monotonic() + seconds
        self.inputs, self.refused, self.slowest = 0, 0, 0.0
        self.failures: set[str] = set()
        signal.signal(signal.SIGVTALRM, _too_slow)

    def feed(self, content: str) -> None:
        self.inputs += 1
        self.reader.write(self.path, content)
        began = process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_EACH)
        try:
            self.reader.read(self.path)
        except TileloomError as error:
            self.refused += 1
            if not 0 < len(str(error)) <= MAX_TEXT:
                self.keep(content, error)
        except (Exception, TooSlowError) as error:
            self.keep(content, error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.slowest = max(self.slowest, process_time() - began)

    def keep(self, content: str, error: BaseException) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "/tileloom/" in f.filename]
        place = f"{type(error).__name__}-{Path((ours or [last])[-1].filename).stem}-{(ours or [last])[-1].lineno}"
        if place in self.failures:
            return
        self.failures.add(place)
        self.kept.mkdir(parents=True, exist_ok=True)
        name = f"{self.reader.name}-{place}"
        self.reader.write(self.kept / f"{name}{self.reader.ending}", content)
        (self.kept / f"{name}.trace").write_text("".join(traceback.format_exception(error)), encoding="utf-8")

    @property
    def done(self) -> bool:
        return monotonic() > self.ends

    def report(self) -> None:
        found = f"{len(self.failures)} kinds of failure: {' '.join(sorted(self.failures))}" if self.failures else "fine"
        print(
            f"{self.reader.name}: {self.inputs} inputs, {self.inputs - self.refused} read, slowest {self.slowest:.1f} s, {found}",
            flush=True,
        )


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {SECONDS_EACH} s of CPU time")


def _by_chance(fuzzer: Fuzzer) -> None:
    # Other damage in each run; what fails is kept, so nothing has to be repeated.
    number = Random().getrandbits(48)
    while not fuzzer.done:
        fuzzer.feed(damaged(fuzzer.reader.seed, Random(number)))
        number += 1


def _guided(fuzzer: Fuzzer, corpus: Path) -> None:
    encoding = fuzzer.reader.encoding
    (corpus / "seed").write_bytes(fuzzer.reader.seed.encode(encoding, "replace"))

    def one(data: bytes) -> None:
        if fuzzer.done:
            fuzzer.report()
            sys.stdout.flush()
            # libFuzzer ends a process only by its own count of runs; what is kept is on disk already.
            import os

            os._exit(1 if fuzzer.failures else 0)
        fuzzer.feed(data.decode(encoding, "replace"))

    def change(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        changed = damaged(data.decode(encoding, "replace") or fuzzer.reader.seed, random)
        return changed.encode(encoding, "replace")[:most]

    options = [
        "-verbosity=0",
        "-print_final_stats=0",
        "-timeout=60",
        "-rss_limit_mb=6000",
        "-max_len=100000",
        "-close_fd_mask=2",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], one, custom_mutator=change)
    atheris.Fuzz()


def main(name: str, seconds: float, kept: str, guided: bool) -> int:
    reader = next(r for r in READERS if r.name == name)
    with TemporaryDirectory() as folder, TemporaryDirectory() as corpus:
        fuzzer = Fuzzer(reader, seconds, Path(kept), Path(folder))
        if guided:
            _guided(fuzzer, Path(corpus))
        else:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            _by_chance(fuzzer)
        fuzzer.report()
        return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3], "atheris" in sys.argv[4:]))
