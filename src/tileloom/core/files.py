"""Writing files so that nothing half-written stays behind, and whether one is there. Reading and formats are elsewhere."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tileloom.core.errors import InputError


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file. What can be no name of one (too long, a null byte) is none."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def write_bytes_atomic(path: str | Path, data: bytes) -> None:
    """Write a whole file or nothing: a temporary name in the same folder, flushed to disk, then renamed.

    An existing file is replaced in one step. Raises InputError when the folder is missing or not writable.
    """
    target = Path(path)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file private; a result should be as readable as any other file of the user.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        temporary = ""
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}", file=str(target)) from error
    finally:
        if temporary:
            os.unlink(temporary)


def write_text_atomic(path: str | Path, text: str) -> None:
    """`write_bytes_atomic` of the text in UTF-8, line ends as given."""
    write_bytes_atomic(path, text.encode("utf-8"))


def _umask() -> int:
    # The only portable way to read it is to set it.
    current = os.umask(0)
    os.umask(current)
    return current
