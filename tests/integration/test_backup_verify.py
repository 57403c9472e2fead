"""`backup verify`: the copy is the source or it is not, by name; what cannot be looked at refutes nothing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pointsctl.errors import (
    BackupDamagedError,
    ContextMissingError,
    ExitCode,
    InterruptedByOperatorError,
    PermissionMissingError,
    RefusedError,
)
from pointsctl.ledger.store import Ledger
from pointsctl.model.finding import Outcome
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.proof import Differs
from pointsctl.postgres.cluster import PrivateCluster
from pointsctl.postgres.connection import connect
from pointsctl.postgres.ephemeral import DATABASE
from pointsctl.postgres.workspace import CLUSTER
from pointsctl.sandbox.databases import SUPERUSER
from pointsctl.workflow.interruption import stoppable
from pointsctl.workflow.stored_backups import LATEST
from pointsctl.workflow.verify_backup import verify_backup
from tests.support.audits import execute
from tests.support.backup_projects import AUDITS, NAME, BackupProject, Telling
from tests.support.ledgers import install


@pytest.fixture
def project(open_path: Path, database_url: str) -> BackupProject:
    install(database_url, NAME)
    return BackupProject(open_path, database_url)


def after_restore(project: BackupProject, act: Callable[[str], None]) -> Telling:
    """Calls `act` with the URL of the copy when it has been restored and is not yet proven."""

    def ended(stage: str) -> None:
        if stage == "restore":
            [workspace] = project.scratch.iterdir()
            act(PrivateCluster(workspace / CLUSTER).url(DATABASE, SUPERUSER))

    return Telling(ends=ended)


def last(project: BackupProject, kind: Kind) -> Record | None:
    with Ledger(project.url) as ledger:
        return ledger.last(kind)


def test_a_copy_that_is_the_source_is_proven_and_recorded_with_its_restore_time(project: BackupProject) -> None:
    manifest = project.create().manifest
    done = project.verify()
    assert done.exit_code is ExitCode.DONE, (done.proof, done.audits)
    assert done.manifest == manifest
    assert done.proof.tables > 0
    assert done.proof.rows > 0
    assert done.restore_seconds > 0
    assert project.left_over() == []
    record = last(project, Kind.BACKUP_VERIFIED)
    assert record is not None
    assert record.head == done.recorded.head
    assert record.data["restore_ms"] == round(done.restore_seconds * 1000)
    assert record.data["proof"]["holds"] is True
    assert {one["outcome"] for one in record.data["audits"]} == {"pass"}


WRITES = (
    b"INSERT INTO public.t_writes (writer, text) SELECT %(writer)s, repeat('x', 50) FROM generate_series(1, 20)",
    b"UPDATE public.t_writes SET text = text || 'y' WHERE writer = %(writer)s AND id %% 7 = 0 AND length(text) < 60",
    b"DELETE FROM public.t_writes WHERE writer = %(writer)s AND id %% 11 = 0",
)


def test_writers_at_full_speed_give_no_false_alarm(project: BackupProject) -> None:
    stop = threading.Event()

    def write(writer: int) -> None:
        with connect(project.url) as connection:
            while not stop.is_set():
                for statement in WRITES:
                    connection.execute(statement, {"writer": writer})

    execute(
        project.url,
        "CREATE TABLE public.t_writes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer int, text text)",
    )
    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for one in writers:
        one.start()
    try:
        project.create()
    finally:
        stop.set()
        for one in writers:
            one.join()
    done = project.verify()
    assert done.proof.differences == ()
    assert done.proof.holds


SABOTAGE = {
    "a dropped row": (
        "DELETE FROM public.t_plain WHERE id = 7",
        Differs.ROWS,
        "public.t_plain",
    ),
    "two values swapped": (
        "UPDATE public.t_plain SET v = CASE id WHEN 7 THEN 'v8' ELSE 'v7' END WHERE id IN (7, 8)",
        Differs.CONTENT,
        "public.t_plain",
    ),
    "a dropped policy": ("DROP POLICY own ON public.t_plain", Differs.MISSING, "policy own"),
    "a dropped grant": ("REVOKE SELECT ON public.t_plain FROM authenticated", Differs.CHANGED, "public.t_plain"),
    "a dropped trigger": ("DROP TRIGGER touch ON public.t_plain", Differs.MISSING, "trigger touch"),
    "a dropped constraint": ("ALTER TABLE public.t_plain DROP CONSTRAINT positive", None, "positive"),
    "a dropped index": ("DROP INDEX public.t_plain_v", Differs.MISSING, "t_plain_v"),
    "a sequence behind": ("SELECT setval('public.t_plain_id_seq', 1)", Differs.BEHIND, "t_plain_id_seq"),
    "row security off": ("ALTER TABLE public.t_plain DISABLE ROW LEVEL SECURITY", None, "public.t_plain"),
}
PLAIN = """
CREATE TABLE public.t_plain (id bigserial PRIMARY KEY, v text, n int CONSTRAINT positive CHECK (n > 0));
INSERT INTO public.t_plain (v, n) SELECT 'v' || i, i FROM generate_series(1, 50) i;
CREATE INDEX t_plain_v ON public.t_plain (v);
ALTER TABLE public.t_plain ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.t_plain FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON public.t_plain FOR SELECT TO authenticated USING (n > 10);
GRANT SELECT ON public.t_plain TO authenticated;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON public.t_plain FOR EACH ROW EXECUTE FUNCTION public.touch();
"""


def test_whatever_is_other_in_the_copy_is_named_and_refutes_the_backup(project: BackupProject) -> None:
    """All at once, since each drill takes its time; each must be named for itself."""
    execute(project.url, PLAIN)
    project.create()

    def sabotage(url: str) -> None:
        with connect(url) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement, _, _ in reversed(SABOTAGE.values()):
                connection.execute(statement.encode())

    # The dropped row hides the swapped values of the same table, so these are a drill of their own below.
    swapped = SABOTAGE.pop("two values swapped")
    try:
        done = project.verify(progress=after_restore(project, sabotage))
    finally:
        SABOTAGE["two values swapped"] = swapped
    told = [(one.differs, one.what) for one in done.proof.differences]
    for name, (_, differs, what) in SABOTAGE.items():
        if name != "two values swapped":
            assert any(what in found and differs in (None, kind) for kind, found in told), (name, told)
    assert done.exit_code is ExitCode.BAD
    assert project.left_over() == []
    refuted = last(project, Kind.BACKUP_REFUTED)
    assert refuted is not None
    assert refuted.head == done.recorded.head
    assert last(project, Kind.BACKUP_VERIFIED) is None


def test_two_values_swapped_between_rows_are_found(project: BackupProject) -> None:
    execute(project.url, PLAIN)
    project.create()
    statement, differs, what = SABOTAGE["two values swapped"]
    done = project.verify(progress=after_restore(project, lambda url: execute(url, statement)))
    [difference] = done.proof.differences
    assert difference.differs is differs
    assert what in difference.what


def test_an_audit_that_fails_on_a_faithful_copy_is_bad_and_refutes_nothing(project: BackupProject) -> None:
    execute(project.url, "CREATE TABLE public.t_open (id int)", "GRANT SELECT ON public.t_open TO anon")
    project.create()
    done = project.verify()
    assert done.proof.holds
    assert done.exit_code is ExitCode.BAD
    assert done.audits is not None
    assert {one.id: one.outcome for one in done.audits.results}["rls-enabled"] is Outcome.FAIL
    record = last(project, Kind.BACKUP_VERIFIED)
    assert record is not None
    assert record.data["audits_pass"] is False
    assert last(project, Kind.BACKUP_REFUTED) is None


PRESENT = """
- id: verification.event-rate
  title: Events arrive
  kind: sql_audit
  with: {audits: [event-rate]}
"""


def test_an_audit_of_the_present_moment_is_not_asked_of_a_copy_of_the_past(open_path: Path, database_url: str) -> None:
    execute(database_url, "DELETE FROM public.points_events")
    project = BackupProject(open_path, database_url, items=AUDITS + PRESENT)
    project.create()
    done = project.verify(unrecorded=True)
    assert done.audits is not None
    assert done.audits.of_the_present == ("event-rate",)
    assert {one.id: one.outcome for one in done.audits.results}["event-rate"] is Outcome.SKIP
    assert done.exit_code is ExitCode.DONE


def test_a_flipped_bit_in_the_store_is_named_and_refutes_the_backup(project: BackupProject) -> None:
    manifest = project.create().manifest
    stored = max(manifest.objects, key=lambda one: one.size)
    path = project.store / manifest.place_of(stored)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BackupDamagedError, match=stored.name) as damaged:
        project.verify()
    record = last(project, Kind.BACKUP_REFUTED)
    assert record is not None
    assert stored.name in record.data["why"]
    assert f"record {record.seq}" in damaged.value.hint
    assert project.left_over() == []


def test_a_backup_that_the_ledger_does_not_know_is_refused(project: BackupProject) -> None:
    """Whoever can write to the store must not be able to slip a backup in, whole as it may be."""
    manifest = project.create().manifest
    slipped = manifest.model_copy(update={"id": "29990101T000000Z-zzzzzz"})
    source, target = project.store / manifest.folder, project.store / slipped.folder
    shutil.copytree(source, target)
    (target / Path(manifest.name).name).unlink()
    (project.store / slipped.name).write_bytes(slipped.text().encode())
    with pytest.raises(RefusedError, match="knows no backup"):
        project.verify(slipped.id)
    assert project.verify(LATEST).manifest.id == manifest.id


def test_a_manifest_that_was_exchanged_is_found_by_the_digest_in_the_ledger(project: BackupProject) -> None:
    manifest = project.create().manifest
    other = manifest.model_copy(update={"snapshot": "another"})
    (project.store / manifest.name).unlink()
    (project.store / other.name).write_bytes(other.text().encode())
    with pytest.raises(BackupDamagedError, match="the manifest that the ledger recorded"):
        project.verify()
    record = last(project, Kind.BACKUP_REFUTED)
    assert record is not None
    assert record.data["manifest"] == manifest.digest


def test_an_edited_manifest_refutes_what_was_verified_until_a_drill_succeeds_again(project: BackupProject) -> None:
    manifest = project.create().manifest
    path = project.store / manifest.name
    stored = path.read_bytes()
    project.verify()
    path.chmod(0o600)
    path.write_bytes(stored.replace(b'"rows":', b'"rows":1', 1))
    with pytest.raises(BackupDamagedError, match="cannot be believed") as damaged:
        project.verify()
    record = last(project, Kind.BACKUP_REFUTED)
    assert record is not None
    assert f"recorded as refuted in record {record.seq}" in damaged.value.hint
    path.write_bytes(stored)
    assert project.verify().recorded.head is not None


def test_another_store_than_the_recorded_one_says_nothing_of_the_backup(project: BackupProject) -> None:
    project.create()
    moved = project.folder / "elsewhere"
    moved.mkdir()
    other = BackupProject(project.folder, project.url, store=moved.as_uri())
    with pytest.raises(RefusedError, match="was stored in"):
        other.verify()
    assert last(project, Kind.BACKUP_REFUTED) is None


def test_without_its_server_a_backup_is_verified_and_nothing_recorded(project: BackupProject) -> None:
    project.create()
    lost = BackupProject(project.folder, "postgresql://postgres@127.0.0.1:1/gone")
    done = lost.verify(unrecorded=True)
    assert done.proof.holds
    assert done.recorded.head is None
    assert "--unrecorded" in done.recorded.why


def test_nothing_to_verify_is_no_success(project: BackupProject) -> None:
    with pytest.raises(ContextMissingError, match="knows no backup"):
        project.verify()


def test_a_copy_beside_its_source_is_refused_by_identity(project: BackupProject) -> None:
    project.create()
    beside = BackupProject(project.folder, project.url, restore_into=NAME)
    with pytest.raises(RefusedError, match="system identifier"):
        beside.verify()


def test_an_encrypted_backup_needs_its_key(project: BackupProject, tmp_path: Path) -> None:
    import pyrage  # type: ignore[import-untyped]  # ships no types

    key = pyrage.x25519.Identity.generate()
    path = tmp_path / "identity"
    path.write_text(f"{key}\n", "utf-8")
    path.chmod(0o600)
    sealed = BackupProject(project.folder, project.url, encrypt_to=[str(key.to_public())])
    manifest = sealed.create().manifest
    assert manifest.encryption is not None
    with pytest.raises(PermissionMissingError, match="encrypted"):
        sealed.verify()
    assert sealed.verify(POINTSCTL_AGE_IDENTITY=str(path)).proof.holds


def test_ctrl_c_in_the_middle_of_a_drill_removes_the_scratch_and_refutes_nothing(project: BackupProject) -> None:
    project.create()
    request, asked = project.request(), threading.Event()
    around = replace(request.surroundings, interrupted=asked.is_set)

    def ask(stage: str) -> None:
        if stage == "restore":
            asked.set()
            with stop.callback(told.set):
                told.wait()

    told = threading.Event()
    with stoppable(around) as stop, pytest.raises(InterruptedByOperatorError):
        verify_backup(replace(request, surroundings=around), LATEST, stop, Telling(begins=ask))
    assert project.left_over() == []
    assert last(project, Kind.BACKUP_REFUTED) is None
