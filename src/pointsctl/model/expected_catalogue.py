"""The definitions that a database must have before and after its migrations, as a rehearsal found them on a proven copy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.backup import BackupId
from pointsctl.model.canonical import canonical_text
from pointsctl.model.catalogue import CONFIDENTIAL, Catalogue, CatalogueObject, differences
from pointsctl.model.configuration import LeftOut, Name
from pointsctl.model.proof import Difference
from pointsctl.model.statement import Digest
from pointsctl.model.strict_json import JsonError, parse
from pointsctl.model.table_definition import changed_from

ROOT = "rehearsals"
LONGEST = 64 * 1024 * 1024
_Short = Annotated[str, StringConstraints(max_length=2000)]


class ExpectedCatalogueError(PointsctlError):
    """The stored definitions cannot be believed: they are not what a rehearsal wrote, or their bytes were changed."""

    code = "expected-catalogue"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reading(_Strict):
    """How the definitions were read, so that others can be read in the same words: the major version of pg_dump, the encoding
    of its texts, what was left out, and whether definitions stand there as digests, since the backups are encrypted.
    """

    program_major: int
    encoding: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{0,40}$")]
    without: LeftOut
    sealed: bool = False


class Definition(_Strict):
    """One object of a catalogue; see `CatalogueObject`. A definition that may hold a password stands there as its digest."""

    kind: _Short
    name: str
    text: str
    part_of: str = ""


class Definitions(_Strict):
    """All objects at one moment. `reworded` are those that the copy's server wrote in other words, which are accepted too."""

    objects: tuple[Definition, ...]
    reworded: tuple[Definition, ...]


class ExpectedCatalogue(_Strict):
    """What a rehearsal on the backup `backup` found: the definitions before its migrations and after them."""

    SCHEMA: ClassVar[str] = "pointsctl/expected-catalogue/v1"

    environment: Name
    backup: BackupId
    manifest: Digest
    reading: Reading
    before: Definitions
    after: Definitions

    def text(self) -> str:
        """Canonical JSON, whose SHA-256 is the digest in the rehearsal's record."""
        return canonical_text({"schema": self.SCHEMA, **self.model_dump(mode="json")})

    @property
    def digest(self) -> str:
        """The digest of `text`."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def differs_from_before(self, found: Catalogue, *, untouched: bool = False) -> tuple[Difference, ...]:
        """How a database is not as it was when the backup was taken. With `untouched` only what the migrations leave alone is
        compared, since some of them are applied already.
        """
        before, reworded = _catalogue(self.before.objects), _catalogue(self.before.reworded)
        here = _sealed(found, everything=self.reading.sealed)
        if untouched:
            touched = self._touched()
            before, here = _but(before, touched), _but(here, touched)
        return differences(before, here, reworded)

    def differs_from_after(self, found: Catalogue) -> tuple[Difference, ...]:
        """How a database is not as the rehearsed migrations leave it."""
        here = _sealed(found, everything=self.reading.sealed)
        return differences(_catalogue(self.after.objects), here, _catalogue(self.after.reworded))

    def _touched(self) -> frozenset[str]:
        before, after = _catalogue(self.before.objects), _catalogue(self.after.objects)
        return frozenset(name for name in {**before, **after} if before.get(name) != after.get(name))


@dataclass(frozen=True)
class Observed:
    """Three catalogues: of the backup's archive, and of the copy before and after the migrations."""

    archived: Catalogue
    before: Catalogue
    after: Catalogue


def expected_catalogue(
    observed: Observed, reading: Reading, environment: str, backup: str, manifest: str
) -> ExpectedCatalogue:
    """What to expect of the real database: what the archive says, with what changed on the copy; words of the copy's server
    for what the migrations leave alone are accepted, and are not what is expected.
    """
    expected = _migrated(observed)
    return ExpectedCatalogue(
        environment=environment,
        backup=backup,
        manifest=manifest,
        reading=reading,
        before=_definitions(observed.archived, observed.before, sealed=reading.sealed),
        after=_definitions(expected, observed.after, sealed=reading.sealed),
    )


def catalogue_name(environment: str, digest: str) -> str:
    """The name in the store of the document with this digest."""
    return f"{ROOT}/{environment}/catalogue-{digest}.json"


def read_expected(data: bytes, digest: str) -> ExpectedCatalogue:
    """The document of this digest. Raises ExpectedCatalogueError unless every byte is as the digest says."""
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise _unbelievable(f"its bytes have the digest {found[:12]}, the rehearsal recorded {digest[:12]}")
    try:
        document = parse(data.decode())
        return ExpectedCatalogue.model_validate(_body(document))
    except (UnicodeDecodeError, JsonError) as error:
        raise _unbelievable(f"it is no JSON ({type(error).__name__})") from None
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        raise _unbelievable(f"{where} is not as expected") from None


def _body(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict) or document.pop("schema", None) != ExpectedCatalogue.SCHEMA:
        raise _unbelievable(f"it is no {ExpectedCatalogue.SCHEMA}")
    return document


def _unbelievable(why: str) -> ExpectedCatalogueError:
    message = f"the definitions that a rehearsal stored cannot be believed: {why}"
    return ExpectedCatalogueError(message, hint="rehearse again: `pointsctl migrate rehearse`")


def _migrated(observed: Observed) -> Catalogue:
    before, after = observed.before, observed.after
    kept = {name: one for name, one in observed.archived.items() if name in after or name not in before}
    changed = {name: _changed(observed, one) for name, one in after.items() if before.get(name) != one}
    return {**kept, **changed}


def _changed(observed: Observed, after: CatalogueObject) -> CatalogueObject:
    """An object that the migrations made or changed; of a table, what they leave alone keeps the archive's words."""
    archived, before = observed.archived.get(after.name), observed.before.get(after.name)
    if archived is None or before is None or {archived.kind, before.kind, after.kind} != {"TABLE"}:
        return after
    text = changed_from(archived.text, before.text, after.text)
    return CatalogueObject(after.kind, after.name, text, after.part_of)


def _definitions(expected: Catalogue, copy: Catalogue, *, sealed: bool) -> Definitions:
    shown, copied = _sealed(expected, everything=sealed), _sealed(copy, everything=sealed)
    reworded = (one for name, one in copied.items() if name in shown and shown[name] != one)
    return Definitions(objects=_listed(shown.values()), reworded=_listed(reworded))


def _listed(objects: Iterable[CatalogueObject]) -> tuple[Definition, ...]:
    ordered = sorted(objects, key=lambda one: one.name)
    return tuple(Definition(kind=one.kind, name=one.name, text=one.text, part_of=one.part_of) for one in ordered)


def _catalogue(definitions: Iterable[Definition]) -> Catalogue:
    return {one.name: CatalogueObject(one.kind, one.name, one.text, one.part_of) for one in definitions}


def _but(catalogue: Catalogue, names: frozenset[str]) -> Catalogue:
    return {name: one for name, one in catalogue.items() if name not in names}


def _sealed(catalogue: Catalogue, *, everything: bool) -> Catalogue:
    """With digests in place of the definitions that nobody may read where the document lies."""
    return {name: _seal(one) if everything or one.kind in CONFIDENTIAL else one for name, one in catalogue.items()}


def _seal(one: CatalogueObject) -> CatalogueObject:
    digest = hashlib.sha256(one.text.encode(errors="surrogateescape")).hexdigest()
    return CatalogueObject(one.kind, one.name, f"sha256:{digest}", one.part_of)
