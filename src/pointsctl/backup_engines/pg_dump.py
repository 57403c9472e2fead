"""Backups by pg_dump: rows and definitions of one snapshot, proven by fingerprints of that very snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pointsctl.backup_engines.interface import Archive, Engine, Restored, Source, Taken
from pointsctl.errors import RefusedError
from pointsctl.model.archive import catalogue_of
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Backup
from pointsctl.model.expected_catalogue import Reading
from pointsctl.model.fingerprint import Fingerprints, compare
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.proof import Proof
from pointsctl.model.sizes import amount
from pointsctl.postgres.amcheck import PROGRAM as AMCHECK
from pointsctl.postgres.amcheck import Amcheck, check_indexes
from pointsctl.postgres.archive import read_archive
from pointsctl.postgres.connection import connect
from pointsctl.postgres.copy_catalogue import Archived, compare_catalogue, encoding_of
from pointsctl.postgres.dump_contents import DumpContents, left_out_of_copies
from pointsctl.postgres.dump_tools import (
    UNCOMPRESSED,
    DumpProgram,
    asking,
    best_compression,
    installed_tools,
    pg_dump_for,
    pg_dump_of,
    pg_restore_for,
)
from pointsctl.postgres.dumping import Order, dump
from pointsctl.postgres.failures import translated
from pointsctl.postgres.fingerprints import fingerprints_of_copy, take_fingerprints
from pointsctl.postgres.locale import DatabaseLocale
from pointsctl.postgres.relations import relations
from pointsctl.postgres.restoring import Recipe, make_copy
from pointsctl.postgres.roles import read_roles
from pointsctl.postgres.scratch import Scratch
from pointsctl.postgres.snapshot import HeldSnapshot, held_snapshot
from pointsctl.postgres.source import refuse_source
from pointsctl.postgres.survey import survey_source
from pointsctl.postgres.together import together

ARCHIVE = "dump"
_MAJOR = 10_000


@dataclass(frozen=True)
class PgDump(Engine):
    """Takes backups with the pg_dump of this machine that fits the server best."""

    settings: Backup
    search_path: str
    directory: Path

    @classmethod
    def open(cls, settings: Backup, variables: Mapping[str, str], directory: Path) -> Self:
        """Looks for nothing yet."""
        return cls(settings, variables.get("PATH", os.defpath), directory)

    def refuse(self, source: Source) -> None:
        """Looks at the server, the role's view of it, and the programs."""
        self._program_for(source)
        refuse_source(source.url, self.settings.leave_out)

    def estimate(self, source: Source) -> int:
        """The tables' bytes without indexes: compressed, their text is shorter."""
        with connect(source.url) as connection, translated("looking how large the tables are"):
            return sum(one.bytes for one in relations(connection, self.settings.leave_out) if one.kind == "r")

    def take(self, source: Source, folder: Path, cancellation: Cancellation, progress: Progress) -> Taken:
        """Dumps and takes the fingerprints at the same time, in one snapshot that was held from before until after both."""
        program = self._program_for(source)
        with held_snapshot(source.url, cancellation) as held:
            _refuse_other(held, source)
            guard = held.guard(cancellation)
            order = Order(source.jobs, self.settings.leave_out)
            survey = survey_source(held, self.settings.leave_out, guard)
            with held.reader(guard) as connection:
                roles, locale = read_roles(connection), DatabaseLocale.of(connection)
            archive, fingerprints = together(
                guard,
                lambda limit: dump(held, program, folder / ARCHIVE, order, limit, progress),
                # The dump takes longer, so it must not wait for processors that the fingerprints are using.
                lambda limit: take_fingerprints(held, survey, max(1, source.jobs // 2), limit, progress),
            )
            held.still_held()
            contents = DumpContents(
                server_version=held.identity.server_version,
                program=program.tool.version,
                objects=len(catalogue_of(archive.entries, self.settings.leave_out.extensions)),
                fingerprints=fingerprints,
                roles=roles,
                locale=locale,
                without=self.settings.leave_out,
                left_out=(*fingerprints.left_out, *left_out_of_copies(archive.entries)),
            )
            tools = {"pg_dump": program.tool.version, "compression": program.compression.name}
            return Taken(held.taken_at, held.snapshot, held.lsn, held.database_size, tools, contents.as_json())

    def restore(
        self,
        contents: Mapping[str, Any],
        folder: Path,
        scratch: Scratch,
        cancellation: Cancellation,
        progress: Progress,
    ) -> Restored:
        """Roles, what the platform supplies, then pg_restore, which ends at the first error."""
        known = DumpContents.read(contents)
        _refuse_other_major(known, scratch)
        made = make_copy(folder / ARCHIVE, scratch, self._recipe(known, scratch), cancellation, progress)
        return Restored(made.url, made.seconds, made.left_out, folder)

    def prove(
        self,
        contents: Mapping[str, Any],
        copy: Restored,
        scratch: Scratch,
        cancellation: Cancellation,
        progress: Progress,
    ) -> Proof:
        """Definitions, rows, sequences and large objects against the source's; then indexes against their tables."""
        known = DumpContents.read(contents)
        _refuse_other_major(known, scratch)
        if copy.folder is None:
            raise AssertionError("a copy that this engine made names the files that it was made from")
        jobs, archived = self.settings.jobs, self._archived(known, copy, copy.folder, scratch)
        catalogue = compare_catalogue(copy.url, archived, cancellation, progress)
        found = fingerprints_of_copy(copy.url, known.without, jobs, cancellation, progress)
        # Last, since it adds an extension to the copy meanwhile.
        program = archived.recipe.program.with_name(AMCHECK)
        indexes = check_indexes(
            copy.url,
            program,
            folder=copy.folder,
            search_path=self.search_path,
            jobs=jobs,
            cancellation=cancellation,
            progress=progress,
        )
        damaged, checked = (indexes.differences, indexes.indexes) if isinstance(indexes, Amcheck) else ((), None)
        return Proof(
            **_counts(found),
            objects=catalogue.objects,
            differences=(*catalogue.differences, *compare(known.fingerprints, found), *damaged),
            indexes_checked=checked,
            left_out=tuple(dict.fromkeys((*known.left_out, *copy.left_out, *_unchecked(indexes)))),
        )

    def archived(self, contents: Mapping[str, Any], folder: Path) -> Archive:
        """From the archive's table of contents."""
        known, entries = DumpContents.read(contents), read_archive(folder / ARCHIVE).entries
        reading = Reading(program_major=known.program_major, encoding=encoding_of(entries), without=known.without)
        return Archive(catalogue_of(entries, known.without.extensions), reading)

    def summary(self, contents: Mapping[str, Any]) -> Mapping[str, int]:
        """Tables, rows, sequences, large objects, and objects of the catalogue."""
        known = DumpContents.read(contents)
        return {**_counts(known.fingerprints), "objects": known.objects}

    def parts(self, contents: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """The tables with their rows."""
        tables = sorted(DumpContents.read(contents).fingerprints.tables, key=lambda one: -one.rows)
        return [(f"{one.in_schema}.{one.name}", amount(one.rows, Unit.ROWS)) for one in tables]

    def _program_for(self, source: Source) -> DumpProgram:
        with connect(source.url) as connection:
            encrypted, major = connection.pgconn.ssl_in_use, connection.info.server_version // _MAJOR
        tool = pg_dump_for(major, installed_tools(self.search_path), encrypted=encrypted)
        return DumpProgram(tool, best_compression(tool.path, asking(self.search_path)), self.search_path)

    def _recipe(self, known: DumpContents, scratch: Scratch) -> Recipe:
        tools = installed_tools(self.search_path, scratch.programs)
        return Recipe(
            program=pg_restore_for(known.program_major, scratch.major, tools, shared=not scratch.own_server).path,
            search_path=self.search_path,
            jobs=self.settings.jobs,
            roles=known.roles,
            prelude=tuple(self.directory / name for name in self.settings.prelude),
            without_extensions=known.without.extensions,
            rows=known.fingerprints.rows,
            locale=known.locale,
        )

    def _archived(self, known: DumpContents, copy: Restored, folder: Path, scratch: Scratch) -> Archived:
        with connect(copy.url) as connection:
            encrypted = connection.pgconn.ssl_in_use
        tools = installed_tools(self.search_path, scratch.programs)
        tool = pg_dump_of(known.program_major, tools, encrypted=encrypted)
        program = DumpProgram(tool, UNCOMPRESSED, self.search_path)
        return Archived(folder / ARCHIVE, self._recipe(known, scratch), program, known.without)


def _refuse_other(held: HeldSnapshot, source: Source) -> None:
    if not held.identity.same_database(source.identity):
        raise RefusedError(
            f"the address led to the database {source.identity.database!r} first, and then to {held.identity.database!r} of another server",
            hint="name one host in database_url",
        )


def _refuse_other_major(known: DumpContents, scratch: Scratch) -> None:
    if scratch.major != known.server_major:
        raise RefusedError(
            f"the copy would be on PostgreSQL {scratch.major}, the backup is of {known.server_major}: definitions can be compared on one version only",
            hint=f"restore into a server of version {known.server_major}",
        )


def _unchecked(indexes: Amcheck | str) -> Iterator[str]:
    if isinstance(indexes, str):
        yield f"a look whether indexes and tables agree: {indexes}"
    elif indexes.other_indexes:
        yield f"a look whether {indexes.other_indexes} indexes that are no B-trees agree with their tables"


def _counts(found: Fingerprints) -> dict[str, int]:
    return {
        "tables": len(found.tables),
        "rows": found.rows,
        "sequences": len(found.sequences),
        "large_objects": found.large_objects.count,
    }
