"""Use case: write the starter checklist and its editor schema into a folder."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.workflow.checklist_schema import checklist_schema

CHECKLIST = "checklist.yaml"
SCHEMA = "checklist.schema.json"


def starter_text() -> str:
    """The checklist that ships with pointsctl, whole."""
    return resources.files("pointsctl").joinpath(CHECKLIST).read_text(encoding="utf-8")


def start_checklist(directory: Path) -> tuple[Path, ...]:
    """Write both files; the paths written. Raises RefusedError when one exists, StorageError when it cannot be written."""
    first, _, rest = starter_text().partition("\n")
    texts = {
        directory / CHECKLIST: f"{first.replace(f'docs/{SCHEMA}', SCHEMA)}\n{rest}",
        directory / SCHEMA: json.dumps(checklist_schema(), indent=2) + "\n",
    }
    for path in texts:
        if path.exists() or path.is_symlink():
            raise RefusedError(
                f"{path} exists already", hint="move it away, or use another folder; nothing was written"
            )
    for path, text in texts.items():
        _write_new(path, text)
    return tuple(texts)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RefusedError(f"{path} exists already", hint="move it away, or use another folder") from None
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise StorageError(f"cannot write {path}: {reason}", hint="choose a folder that you may write to") from None
