"""`run_hostile.py READER CPU_SECONDS BYTES INPUT...`: feeds one reader hostile inputs under limits that the system keeps."""

import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostile import HOSTILE
from readers import readers
from tileloom.core.errors import MAX_TEXT, TileloomError

SECONDS_EACH = 20


def main(name: str, cpu_seconds: int, memory: int, inputs: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    reader = next(r for r in readers() if r.name == name)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"input{reader.ending}"
        for what in inputs:
            reader.write(path, HOSTILE[what](reader.seed))
            print(what, flush=True)
            began = process_time()
            try:
                reader.read(path)
            except TileloomError as error:
                # A message must stay readable, whatever was in the file.
                if len(str(error)) > MAX_TEXT:
                    raise SystemExit(f"{what}: a message of {len(str(error))} characters") from error
            if (took := process_time() - began) > SECONDS_EACH:
                raise SystemExit(f"{what}: {took:.1f} s of CPU time")
    print("all refused or read")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
