"""Small private files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pointsctl.errors import StorageError


def write_private(path: Path, text: str) -> None:
    """Put `text` under `path` with mode 0600; a reader sees the old or the new file. Raises StorageError."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}", hint=f"check that {path.parent} may be written to"
        ) from error
