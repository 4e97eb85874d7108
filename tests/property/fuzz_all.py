"""`fuzz_all.py SECONDS FOLDER`: fuzzes every reader for so long, in a process of its own; with atheris where it is installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from readers import readers


def main(seconds: str, folder: str) -> int:
    script = str(Path(__file__).with_name("fuzz_reader.py"))
    how = ["atheris"] if find_spec("atheris") else []
    failed = []
    for reader in readers():
        if subprocess.run([sys.executable, script, reader.name, seconds, folder, *how], check=False).returncode:
            failed.append(reader.name)
    print(
        f"{len(failed)} readers failed: {', '.join(failed)}; their inputs are in {folder}"
        if failed
        else "all readers held"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
