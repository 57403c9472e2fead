"""What every engine must keep, run over each: what was backed up comes back, and whatever does not is named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pydantic
import pytest

from pointsctl import kinds
from pointsctl.backup_engines.interface import Engine, Restored, Taken
from pointsctl.errors import PointsctlError, RefusedError
from pointsctl.model.backup import ManifestError, ObjectName
from pointsctl.model.canonical import canonical_text
from pointsctl.model.configuration import Backup
from pointsctl.model.progress import NoProgress
from pointsctl.model.proof import Proof
from pointsctl.postgres.scratch import Scratch
from tests.support.backups import limit, scratch_beside, source_of


@pytest.fixture(params=kinds.names("backup_engines"))
def engine(request: pytest.FixtureRequest) -> Engine:
    loaded: type[Engine] = kinds.load("backup_engines", request.param)
    return loaded.open(Backup(), os.environ, Path())


@dataclass(frozen=True)
class Stored:
    """A backup as somebody has it who knows the manifest and the files alone."""

    engine: Engine
    taken: Taken
    contents: Mapping[str, Any]
    folder: Path

    def restored(self, scratch: Scratch) -> Restored:
        return self.engine.restore(self.contents, self.folder, scratch, limit(), NoProgress())

    def proof(self, copy: Restored, scratch: Scratch) -> Proof:
        return self.engine.prove(self.contents, copy, scratch, limit(), NoProgress())


@pytest.fixture
def stored(engine: Engine, admin_url: str, tmp_path: Path) -> Stored:
    """A backup of the reference database."""
    (tmp_path / "files").mkdir()
    source = source_of(admin_url)
    engine.refuse(source)
    taken = engine.take(source, tmp_path / "files", limit(), NoProgress())
    return Stored(engine, taken, json.loads(canonical_text(taken.contents)), tmp_path / "files")


@pytest.fixture
def scratch(admin_url: str) -> Iterator[Scratch]:
    with scratch_beside(admin_url) as place:
        yield place


def test_what_was_backed_up_comes_back_and_is_proven(stored: Stored, scratch: Scratch, admin_url: str) -> None:
    copy = stored.restored(scratch)
    proof = stored.proof(copy, scratch)
    assert proof.differences == ()
    assert proof.holds
    assert copy.seconds > 0
    with psycopg.connect(admin_url) as source, psycopg.connect(copy.url) as found:
        for table in ("coupon_templates", "feature_flags"):
            count = f"SELECT count(*) FROM public.{table}"
            assert source.execute(count.encode()).fetchone() == found.execute(count.encode()).fetchone()


def test_what_the_copy_lacks_is_named(stored: Stored, scratch: Scratch) -> None:
    copy = stored.restored(scratch)
    with psycopg.connect(copy.url) as connection:
        connection.execute("DELETE FROM public.feature_flags WHERE ctid = (SELECT min(ctid) FROM public.feature_flags)")
        connection.execute("DROP POLICY coupons_select_own ON public.coupons")
    proof = stored.proof(copy, scratch)
    assert not proof.holds
    assert {one.what for one in proof.differences} == {
        "table public.feature_flags",
        "policy coupons_select_own on public.coupons",
    }


def test_an_empty_copy_proves_nothing(stored: Stored, scratch: Scratch) -> None:
    copy = Restored(scratch.empty_database(), 1.0, folder=stored.folder)
    assert not stored.proof(copy, scratch).holds


def test_the_moment_is_told_and_the_numbers_are_for_people(stored: Stored) -> None:
    taken = stored.taken
    assert taken.taken_at.tzinfo is not None
    assert (taken.snapshot != "", taken.lsn != "", taken.database_size > 0) == (True, True, True)
    assert taken.tools
    assert all(isinstance(value, int) for value in stored.engine.summary(stored.contents).values())


def test_every_file_can_be_an_object_of_a_backup_and_nothing_else_is_left(stored: Stored) -> None:
    names = [path.relative_to(stored.folder).as_posix() for path in stored.folder.rglob("*") if path.is_file()]
    assert names
    for name in names:
        pydantic.TypeAdapter(ObjectName).validate_python(name)
    assert not [
        path for path in stored.folder.rglob("*") if path.is_symlink() or not any((path.is_file(), path.is_dir()))
    ]
    assert [path.name for path in stored.folder.parent.iterdir()] == ["files"]


def test_room_is_asked_for_what_will_be_written(stored: Stored, admin_url: str) -> None:
    written = sum(path.stat().st_size for path in stored.folder.rglob("*") if path.is_file())
    assert stored.engine.estimate(source_of(admin_url)) > written / 10


@pytest.mark.parametrize("change", [{}, {"surprise": 1}, {"format": "other/9"}, {"fingerprints": {}}, {"roles": [1]}])
def test_contents_that_it_did_not_write_are_not_believed(stored: Stored, scratch: Scratch, change: Any) -> None:
    contents = {**stored.contents, **change} if change else {}
    for use in (
        lambda: stored.engine.summary(contents),
        lambda: stored.engine.restore(contents, stored.folder, scratch, limit(), NoProgress()),
    ):
        with pytest.raises(ManifestError):
            use()


def test_a_database_that_is_not_there_is_an_error_of_ours(engine: Engine, admin_url: str, tmp_path: Path) -> None:
    source = source_of(admin_url)
    gone = type(source)(source.url.replace("/test_", "/gone_"), source.identity)
    for use in (
        lambda: engine.refuse(gone),
        lambda: engine.estimate(gone),
        lambda: engine.take(gone, tmp_path, limit(), NoProgress()),
    ):
        with pytest.raises(PointsctlError):
            use()


def test_an_address_that_leads_elsewhere_in_the_meantime_is_refused(
    engine: Engine, admin_url: str, tmp_path: Path
) -> None:
    """As one that names two hosts, or a name of two servers: the backup would bear the name of the wrong database."""
    source = source_of(admin_url)
    other = replace(source, identity=replace(source.identity, database_oid=source.identity.database_oid + 1))
    with pytest.raises(RefusedError):
        engine.take(other, tmp_path, limit(), NoProgress())
    assert list(tmp_path.iterdir()) == []
