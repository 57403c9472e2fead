"""What a project's folder of migrations holds, as values: the migrations, and what lies beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProjectFile:
    """A migration in the project; `place` is relative to the checklist's folder, with slashes.

    `statements` are those of a file in SQL, None of any other. `digest` is what its row in the history must hold, None where
    the history keeps nothing to compare. `after` are the versions that it follows, where the files say so themselves
    (Alembic), None where the order of the versions does. `unusable` says why it cannot be applied as it is, empty otherwise.
    """

    version: str
    name: str
    place: str
    sha256: str
    statements: tuple[str, ...] | None = field(default=None, repr=False)
    digest: str | None = None
    after: tuple[str, ...] | None = None
    unusable: str = ""


@dataclass(frozen=True)
class Project:
    """The migrations in the order in which they apply, two of one version among them.

    `reverse` are reverse scripts beside the migrations, which a push applies forwards; `others` are the places of files that
    no tool takes for a migration; `remarks` are sentences about what is wrong with the migrations as a whole.
    """

    files: tuple[ProjectFile, ...]
    reverse: tuple[ProjectFile, ...] = ()
    others: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def statements_digest(statements: Sequence[str]) -> str:
    """SHA-256 of the statements as PostgreSQL writes them in JSON (`array_to_json`), so that the server can compute it too."""
    text = json.dumps(list(statements), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
