"""Alembic's revisions: read from the files without running them, and from the table `alembic_version`."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Self

from pointsctl.migration_histories.interface import History
from pointsctl.model.configuration import Migrations
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.problems import shown
from pointsctl.model.project_files import Project, ProjectFile
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.history_contents import alembic_revisions
from pointsctl.sql_folder import content_of, file_names

_SUFFIX = ".py"
_LONGEST = 1024 * 1024
_NAMED = 5


class Alembic(History):
    """A project with `migrations.directory` as its folder of versions."""

    tables = frozenset({"table public.alembic_version"})

    def __init__(self, directory: Path, settings: Migrations) -> None:
        self._directory = directory
        self._folder = settings.directory

    @classmethod
    def open(cls, directory: Path, settings: Migrations) -> Self:
        return cls(directory, settings)

    def project(self) -> Project:
        """The revisions, each behind those that it follows; branches and several heads are as good as one line."""
        names = [name for name in file_names(self._directory / self._folder) if not name.startswith((".", "__"))]
        read = {name: _revision(name, content_of(self._directory / self._folder / name)) for name in names}
        files = [_file(f"{self._folder}/{name}", one) for name, one in read.items() if one is not None]
        others = tuple(f"{self._folder}/{name}" for name, one in read.items() if one is None)
        ordered, remarks = _ordered(files)
        return Project(ordered, others=others, remarks=remarks)

    def applied(self, connection: Connection) -> tuple[HistoryRow, ...]:
        """The revisions at which the database is, and everything that they follow."""
        known = {file.version: file for file in self.project().files}
        return tuple(HistoryRow(one, None) for one in _behind(alembic_revisions(connection), known))


@dataclass(frozen=True)
class _Revision:
    revision: str
    name: str
    after: tuple[str, ...]
    sha256: str


def _revision(file: str, content: bytes) -> _Revision | None:
    """What the file says of itself; None when it is no revision. Nothing in it is executed."""
    if not file.endswith(_SUFFIX) or len(content) > _LONGEST:
        return None
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    values = {name: value for statement in module.body for name, value in _assigned(statement)}
    revision = values.get("revision")
    if not isinstance(revision, str) or not revision:
        return None
    after = (*_texts(values.get("down_revision")), *_texts(values.get("depends_on")))
    told = (ast.get_docstring(module) or "").strip().partition("\n")[0]
    sha256 = hashlib.sha256(content).hexdigest()
    return _Revision(revision, told or file.removesuffix(_SUFFIX), tuple(dict.fromkeys(after)), sha256)


def _assigned(statement: ast.stmt) -> list[tuple[str, object]]:
    """The names that a statement gives a literal, with `revision: str = ...` and `revision = ...` alike."""
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return []
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return []
    return [(target.id, literal) for target in targets if isinstance(target, ast.Name)]


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list | tuple | set) else ()


def _file(place: str, one: _Revision) -> ProjectFile:
    return ProjectFile(one.revision, one.name, place, one.sha256, after=one.after)


def _ordered(files: Sequence[ProjectFile]) -> tuple[tuple[ProjectFile, ...], tuple[str, ...]]:
    """Each file behind those that it follows, otherwise by name; and what is wrong with what they follow."""
    known: dict[str, list[ProjectFile]] = {}
    for file in files:
        known.setdefault(file.version, []).append(file)
    remarks = [
        f"{shown(file.version)} follows {shown(one)}, which no file is"
        for file in files
        for one in file.after or ()
        if one not in known
    ]
    before = {
        version: [one for file in same for one in file.after or () if one in known] for version, same in known.items()
    }
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " -> ".join(shown(one) for one in error.args[1][:_NAMED])
        return tuple(files), (*remarks, f"revisions follow one another in a circle: {circle}")
    return tuple(file for version in order for file in known[version]), tuple(remarks)


def _behind(heads: Iterable[str], known: Mapping[str, ProjectFile]) -> list[str]:
    """The heads and everything that they follow, each once; a head that no file is stands for itself."""
    found: dict[str, None] = {}
    left = list(heads)
    while left:
        one = left.pop()
        if one in found:
            continue
        found[one] = None
        file = known.get(one)
        left += [before for before in (file.after or () if file else ()) if before in known]
    return list(found)
