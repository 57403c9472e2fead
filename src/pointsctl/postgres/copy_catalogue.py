"""The definitions of a copy, compared object by object with those in the archive that it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pointsctl.errors import PermissionMissingError
from pointsctl.model.archive import ArchiveEntry, catalogue_of
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue, differences, may_be_reworded
from pointsctl.model.configuration import LeftOut
from pointsctl.model.progress import NoProgress, Progress, Unit
from pointsctl.model.proof import Difference
from pointsctl.postgres.archive import read_archive
from pointsctl.postgres.connection import connect
from pointsctl.postgres.database_catalogue import catalogue_of_database
from pointsctl.postgres.dump_tools import DumpProgram
from pointsctl.postgres.restoring import Recipe, make_copy
from pointsctl.postgres.scratch_database import ScratchDatabase

STAGE = "catalogue"
_ENCODING = re.compile(r"SET client_encoding = '([A-Za-z0-9_]+)';")


@dataclass(frozen=True)
class CatalogueProof:
    """How many objects the source had, and every one that is not the same in the copy."""

    objects: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Archived:
    """The archive in `folder`, how copies of it are made, and the program that wrote it."""

    folder: Path
    recipe: Recipe
    program: DumpProgram
    without: LeftOut


def compare_catalogue(url: str, archived: Archived, cancellation: Cancellation, progress: Progress) -> CatalogueProof:
    """Compare the database of `url` with the archive that it was restored from.

    Where the server writes a definition in other words than the source's did, the archive's definitions are read once more,
    into a database beside the copy that is dropped again: what then comes out is the same definition, and nothing else is.
    Raises pointsctl's errors.
    """
    entries = read_archive(archived.folder).entries
    expected = catalogue_of(entries, archived.without.extensions)
    progress.begin(STAGE, Unit.THINGS, len(expected))
    encoding = encoding_of(entries)
    found = _catalogue_of(url, archived, encoding, cancellation)
    again: Catalogue = {}
    if may_be_reworded(expected, found):
        again = _read_again(url, archived, encoding, cancellation)
    progress.end(STAGE)
    return CatalogueProof(len(expected), differences(expected, found, again))


def _read_again(url: str, archived: Archived, encoding: str, cancellation: Cancellation) -> Catalogue:
    with connect(url) as server:
        beside = ScratchDatabase(url, server)
        try:
            recipe = replace(archived.recipe, definitions_only=True)
            made = make_copy(archived.folder, beside, recipe, cancellation, NoProgress())
            return _catalogue_of(made.url, archived, encoding, cancellation)
        except PermissionMissingError:
            # A role that may make no database; then every difference in words stands.
            return {}
        finally:
            beside.drop()


def _catalogue_of(url: str, archived: Archived, encoding: str, cancellation: Cancellation) -> Catalogue:
    folder, without = archived.folder.parent, archived.without
    return catalogue_of_database(url, archived.program, folder, without, cancellation, encoding=encoding)


def encoding_of(entries: Iterable[ArchiveEntry]) -> str:
    """The encoding in which the archive's texts are, so that the copy's are written in the same one."""
    found = (_ENCODING.search(one.definition) for one in entries if one.kind == "ENCODING")
    return next((one[1] for one in found if one), "")
