"""`run_hostile.py READER CPU_SECONDS BYTES INPUT...`: feeds one reader hostile inputs under limits that the system keeps."""

import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from readers import HOSTILE, text_readers
from tileloom.core.errors import TileloomError


def main(name: str, cpu_seconds: int, memory: int, inputs: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    reader = next(r for r in text_readers() if r.name == name)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"input{reader.ending}"
        for what in inputs:
            path.write_text(HOSTILE[what](reader.seed))
            print(what, flush=True)
            try:
                reader.read(path)
            except TileloomError as error:
                # A message must stay readable, whatever was in the file.
                if len(str(error)) > 2_000_000:
                    raise SystemExit(f"{what}: a message of {len(str(error))} characters") from error
    print("all refused or read")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
