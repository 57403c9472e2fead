"""Use case: the definitions that a rehearsal expects, put next to the backups and read again."""

from __future__ import annotations

from pathlib import Path

from pointsctl.backup_stores.interface import AlreadyStoredError, NotStoredError, Store
from pointsctl.errors import StorageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue
from pointsctl.model.expected_catalogue import LONGEST, ExpectedCatalogue, Reading, catalogue_name, read_expected
from pointsctl.model.rehearsal import RecordedRehearsal
from pointsctl.postgres.connection import connect
from pointsctl.postgres.database_catalogue import catalogue_of_database
from pointsctl.postgres.dump_tools import UNCOMPRESSED, DumpProgram, installed_tools, pg_dump_of


def store_catalogue(store: Store, expected: ExpectedCatalogue) -> str:
    """Keep the document in the environment's store; its digest. The same one may be there already. Raises StorageError."""
    name = catalogue_name(expected.environment, expected.digest)
    try:
        store.put(name, expected.text().encode())
    except AlreadyStoredError:
        read_expected(store.get(name, LONGEST), expected.digest)
    return expected.digest


def stored_catalogue(store: Store, environment: str, rehearsal: RecordedRehearsal) -> ExpectedCatalogue:
    """The document of a rehearsal. Raises StorageError when it is gone, ExpectedCatalogueError when it was changed."""
    digest, command = rehearsal.data.catalogue, f"rehearse again: `pointsctl migrate rehearse --env {environment}`"
    if digest is None:
        message = f"the rehearsal in record {rehearsal.record.seq} came to no definitions"
        raise StorageError(message, hint=command)
    try:
        return read_expected(store.get(catalogue_name(environment, digest), LONGEST), digest)
    except NotStoredError:
        message = f"the definitions of the rehearsal in record {rehearsal.record.seq} are not in {store.address}"
        raise StorageError(message, hint=command) from None


def read_definitions(
    url: str,
    reading: Reading,
    folder: Path,
    search_path: str,
    cancellation: Cancellation,
    *,
    programs: Path | None = None,
) -> Catalogue:
    """The definitions of the database of `url`, in the words of `reading`; `folder` is private and exists.

    `search_path` has the form of PATH, `programs` is a folder with more client programs. Raises ToolMissingError without a
    pg_dump of that version, and pointsctl's other errors.
    """
    with connect(url) as connection:
        encrypted = connection.pgconn.ssl_in_use
    tool = pg_dump_of(reading.program_major, installed_tools(search_path, programs), encrypted=encrypted)
    program = DumpProgram(tool, UNCOMPRESSED, search_path)
    return catalogue_of_database(url, program, folder, reading.without, cancellation, encoding=reading.encoding)
