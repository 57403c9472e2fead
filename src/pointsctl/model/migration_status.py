"""How each migration stands between the project's files and the database's history: every file and every row told once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.project_files import Project, ProjectFile

REVERSE_SUFFIX = ".down"


class MigrationState(StrEnum):
    """How a migration stands; ids that scripts may rely on."""

    APPLIED = "applied"
    PENDING = "pending"
    DRIFTED = "drifted"
    MISSING = "missing"
    OUT_OF_ORDER = "out-of-order"
    DUPLICATE = "duplicate"
    REVERSE = "reverse-script"
    NO_MIGRATION = "no-migration"
    UNKNOWN = "unknown"


BAD = frozenset(
    {
        MigrationState.DRIFTED,
        MigrationState.MISSING,
        MigrationState.OUT_OF_ORDER,
        MigrationState.DUPLICATE,
        MigrationState.REVERSE,
    }
)
"""What somebody has to mend before anything is applied."""


@dataclass(frozen=True)
class Standing:
    """One file, one row, or both of one migration. `why` is a sentence where the state does not say all; `place` is that of a
    file that is none of the project's migrations.
    """

    state: MigrationState
    file: ProjectFile | None = None
    row: HistoryRow | None = None
    why: str = ""
    place: str = ""

    @property
    def version(self) -> str:
        """The version that the file and the row have, an empty text for what has none."""
        return self.file.version if self.file else self.row.version if self.row else ""

    @property
    def name(self) -> str:
        """What people call it: the file's name, else the row's, else the place."""
        if self.file is not None:
            return self.file.name
        return (self.row.name or "") if self.row else self.place

    @property
    def applied(self) -> bool | None:
        """Whether the database has had it; None where nobody knows, or it is nothing to apply."""
        if self.row is not None:
            return True
        return None if self.state in (MigrationState.UNKNOWN, MigrationState.NO_MIGRATION) else False


def standings(project: Project, rows: Iterable[HistoryRow]) -> tuple[Standing, ...]:
    """Each file and each row in exactly one standing, in the order in which they apply; what is nothing to apply comes last.

    Rows without a file stand where their version belongs (as text), and behind everything where the files order themselves.
    """
    return _Comparison(project, tuple(rows)).result()


class _Comparison:
    def __init__(self, project: Project, rows: tuple[HistoryRow, ...]) -> None:
        self.project = project
        self.files: dict[str, list[ProjectFile]] = defaultdict(list)
        for file in project.files:
            self.files[file.version].append(file)
        self.rows: dict[str, list[HistoryRow]] = defaultdict(list)
        for row in rows:
            self.rows[row.version].append(row)
        self.newest = max(self.rows, default="")
        self.stranger = next((one.version for one in rows if one.version not in self.files), None)

    def result(self) -> tuple[Standing, ...]:
        found = [standing for version, files in self.files.items() for standing in self._of_version(version, files)]
        reverse = [self._reverse(file) for file in self.project.reverse]
        missing = [_missing(row) for left in self.rows.values() for row in left]
        others = [Standing(MigrationState.NO_MIGRATION, place=place) for place in self.project.others]
        return (*self._in_order(found, missing), *reverse, *others)

    def _of_version(self, version: str, files: Sequence[ProjectFile]) -> list[Standing]:
        rows = self.rows.pop(version, [])
        more = [
            Standing(MigrationState.DUPLICATE, row=row, why="the history holds its version twice") for row in rows[1:]
        ]
        row = rows[0] if rows else None
        if len(files) == 1:
            return [self._one(files[0], row), *more]
        owner = next((file for file in files if row and _same(file, row)), files[0])
        return [_duplicate(file, files, row if file is owner else None) for file in files] + more

    def _one(self, file: ProjectFile, row: HistoryRow | None) -> Standing:
        if row is not None:
            return _applied(file, row)
        if file.after is not None:
            return self._pending_by_itself(file)
        if file.version < self.newest:
            why = f"{self.newest} is applied already, and comes after it"
            return Standing(MigrationState.OUT_OF_ORDER, file, why=why)
        return Standing(MigrationState.PENDING, file, why=file.unusable)

    def _pending_by_itself(self, file: ProjectFile) -> Standing:
        """A file that says what it follows: where the database is at a version that no file holds, nobody knows what led there."""
        if self.stranger is None:
            return Standing(MigrationState.PENDING, file, why=file.unusable)
        why = f"the database is at {self.stranger}, which no file holds; this one may have led there"
        return Standing(MigrationState.UNKNOWN, file, why=why)

    def _reverse(self, file: ProjectFile) -> Standing:
        rows = self.rows.get(file.version, [])
        row = next((one for one in rows if (one.name or "").endswith(REVERSE_SUFFIX)), None)
        if row is None:
            return Standing(MigrationState.REVERSE, file, why="a push would apply it forwards")
        rows.remove(row)
        return Standing(MigrationState.REVERSE, file, row, "it was applied forwards")

    def _in_order(self, found: Sequence[Standing], missing: Sequence[Standing]) -> list[Standing]:
        if any(file.after is not None for file in self.project.files):
            return [*found, *missing]
        return sorted((*found, *missing), key=lambda one: one.version)


def _applied(file: ProjectFile, row: HistoryRow) -> Standing:
    if row.digest is None or file.digest is None:
        return Standing(MigrationState.UNKNOWN, file, row, "applied; the history does not say with which content")
    if not _same(file, row):
        return Standing(MigrationState.DRIFTED, file, row, "the file was changed after it was applied")
    renamed = row.name is not None and row.name != file.name
    return Standing(MigrationState.APPLIED, file, row, f"applied under the name {row.name}" if renamed else "")


def _duplicate(file: ProjectFile, files: Sequence[ProjectFile], row: HistoryRow | None) -> Standing:
    others = ", ".join(one.place.rpartition("/")[2] for one in files if one is not file)
    why = f"{others} has the same version, and only one of them can be applied"
    if row is not None:
        same = "this one" if _same(file, row) else "neither of them as it is"
        why = f"{others} has the same version; what is applied is {same}"
    return Standing(MigrationState.DUPLICATE, file, row, why)


def _missing(row: HistoryRow) -> Standing:
    return Standing(MigrationState.MISSING, row=row, why="the database has had it, and the project has no such file")


def _same(file: ProjectFile, row: HistoryRow) -> bool:
    return row.digest is not None and row.digest == file.digest
