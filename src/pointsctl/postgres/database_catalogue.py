"""The catalogue of a database that is there now, as the archive of a backup describes it, so that both can be compared."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pointsctl.model.archive import catalogue_of
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue
from pointsctl.model.configuration import LeftOut
from pointsctl.postgres.dump_tools import DumpProgram
from pointsctl.postgres.dumping import definitions


def catalogue_of_database(
    url: str,
    program: DumpProgram,
    folder: Path,
    without: LeftOut,
    cancellation: Cancellation,
    *,
    encoding: str = "UTF8",
) -> Catalogue:
    """The objects of the database of `url`, without those of `without`, by their names.

    `folder` is a private folder that exists: what the program writes goes below it, and is gone afterwards. Catalogues can
    be compared when the same program wrote both, of servers of one major version, in one `encoding`. Raises pointsctl's errors.
    """
    with TemporaryDirectory(prefix="definitions-", dir=folder) as private:
        archive = definitions(
            url,
            program,
            Path(private) / "dump",
            encoding=encoding,
            without_schemas=without.schemas,
            cancellation=cancellation,
        )
    return catalogue_of(archive.entries, without.extensions)
