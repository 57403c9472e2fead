"""What every kind of history promises, with the real tools' tables; Alembic's with the real Alembic."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from pointsctl import kinds
from pointsctl.errors import CouldNotLookError, RefusedError
from pointsctl.migration_histories.interface import History
from pointsctl.model.configuration import Migrations
from pointsctl.model.migration_status import MigrationState, standings
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres.connection import connect, parse_url
from tests.support.histories import apply_migration, write_migration
from tests.support.ledgers import install, session

S = MigrationState
KINDS = kinds.names("migration_histories")
NOTED = (
    "INSERT INTO migration_audit (migration_name, applied_by, environment) VALUES (%s, 'ada@example.test', 'staging')"
)


def opened(kind: str, folder: Path, directory: str = "files") -> History:
    history: History = kinds.load("migration_histories", kind).open(folder, Migrations(directory=directory))
    return history


def applied(history: History, url: str) -> tuple[HistoryRow, ...]:
    with connect(url) as connection:
        return history.applied(connection)


def states(history: History, url: str) -> dict[str, MigrationState]:
    return {one.version: one.state for one in standings(history.project(), applied(history, url))}


def write_revision(folder: Path, name: str, down: str, more: str = "") -> None:
    text = (
        f'"""Revision {name}."""\n\nrevision: str = "{name}"\ndown_revision = {down}\n{more}\n\ndef upgrade(): pass\n'
    )
    write_migration(folder, f"{name}_x.py", text, "files")


def write_two(kind: str, folder: Path) -> None:
    if kind == "alembic":
        write_revision(folder, "1", "None")
        write_revision(folder, "2", '"1"')
    else:
        write_migration(folder, "1_a.sql", "select 1;", "files")
        write_migration(folder, "2_b.sql", "select 2;", "files")


def note_first(kind: str, folder: Path, url: str) -> None:
    """Let the database say that it has had the first one."""
    if kind == "supabase":
        apply_migration(url, folder / "files/1_a.sql")
    elif kind == "plain":
        install(url)
        with session(url) as connection:
            connection.execute(NOTED.encode(), ("1_a.sql",))
    else:
        with session(url) as connection:
            connection.execute("create table alembic_version (version_num varchar(32) primary key)")
            connection.execute("insert into alembic_version values ('1')")


@pytest.mark.parametrize("kind", KINDS)
def test_no_folder_and_no_history_are_no_migrations(kind: str, tmp_path: Path, empty_database_url: str) -> None:
    history = opened(kind, tmp_path)
    assert history.project().files == ()
    assert applied(history, empty_database_url) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_applied_is_known_and_the_rest_is_pending(kind: str, tmp_path: Path, empty_database_url: str) -> None:
    write_two(kind, tmp_path)
    note_first(kind, tmp_path, empty_database_url)
    found = states(opened(kind, tmp_path), empty_database_url)
    assert found == {"1": S.APPLIED if kind == "supabase" else S.UNKNOWN, "2": S.PENDING}


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_file_holds_any_more_is_missing(kind: str, tmp_path: Path, empty_database_url: str) -> None:
    write_two(kind, tmp_path)
    note_first(kind, tmp_path, empty_database_url)
    for place in (tmp_path / "files").glob("1_*"):
        place.unlink()
    found = states(opened(kind, tmp_path), empty_database_url)
    assert found["1"] is S.MISSING
    assert found["2"] is (S.UNKNOWN if kind == "alembic" else S.PENDING)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_among_the_files_is_refused(kind: str, tmp_path: Path) -> None:
    write_two(kind, tmp_path)
    for name in ("9_link.sql", "9_link.py"):
        (tmp_path / "files" / name).symlink_to("/etc/passwd")
    with pytest.raises(RefusedError, match="is a link"):
        opened(kind, tmp_path).project()


@pytest.mark.parametrize("kind", KINDS)
def test_the_places_are_relative_and_the_digests_those_of_the_bytes(kind: str, tmp_path: Path) -> None:
    write_two(kind, tmp_path)
    for one in opened(kind, tmp_path).project().files:
        assert one.place.startswith(f"files/{one.version}_")
        assert len(one.sha256) == 64


def test_only_the_supabase_history_can_be_written() -> None:
    assert [kind for kind in KINDS if kinds.load("migration_histories", kind).applies] == ["supabase"]


def test_statements_are_kept_byte_for_byte(tmp_path: Path, empty_database_url: str) -> None:
    text = "select '\\u0041 \x01\x1f\x7f\u2028 ü 😀 \"\\\\ /';\nselect E'a\\nb';\r\n-- end\nselect 3"
    place = write_migration(tmp_path, "1_a.sql", text, "files")
    apply_migration(empty_database_url, place)
    history = opened("supabase", tmp_path)
    assert states(history, empty_database_url) == {"1": S.APPLIED}
    with connect(empty_database_url) as connection:
        assert history.statements(connection, ["1", "2"]) == {"1": history.project().files[0].statements}


def test_what_pointsctl_applied_is_compared_by_the_files_digest(tmp_path: Path, empty_database_url: str) -> None:
    place = write_migration(tmp_path, "1_a.sql", "select 1;", "files")
    install(empty_database_url)
    history = opened("plain", tmp_path)
    (file,) = history.project().files
    with session(empty_database_url) as connection:
        connection.execute(
            "INSERT INTO migration_audit (kind, migration_name, applied_by, environment, body)"
            " VALUES ('migration.applied', '1_a', 'ada@example.test', 'staging', json_build_object('sha256', %s::text))",
            (file.sha256,),
        )
    assert states(history, empty_database_url) == {"1": S.APPLIED}
    place.write_text("select 2;", encoding="utf-8")
    assert states(history, empty_database_url) == {"1": S.DRIFTED}


def test_a_table_of_the_ledgers_name_is_no_history(tmp_path: Path, empty_database_url: str) -> None:
    with session(empty_database_url) as connection:
        connection.execute("create table public.migration_audit (migration_name text)")
    with pytest.raises(CouldNotLookError, match="is no ledger of pointsctl"):
        applied(opened("plain", tmp_path), empty_database_url)


class Alembic:
    """A real environment of Alembic, whose revisions are files with branches and a merge."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        given = parse_url(url)
        address = f"postgresql+psycopg://{given['user']}@/{given['dbname']}?host={given['host']}&port={given['port']}"
        self.engine = create_engine(address, poolclass=NullPool)
        self.config = Config()
        self.config.set_main_option("script_location", str(folder / "alembic"))
        self.config.set_main_option("sqlalchemy.url", address)
        self.config.config_file_name = str(folder / "alembic.ini")
        command.init(self.config, str(folder / "alembic"))
        self.config.config_file_name = None

    def revision(
        self, name: str, head: str | tuple[str, ...], *, splice: bool = False, depends_on: str | None = None
    ) -> None:
        """Let Alembic write a revision."""
        # It takes several heads for a merge, which its annotation does not say.
        command.revision(self.config, name, rev_id=name, head=head, splice=splice, depends_on=depends_on)  # type: ignore[arg-type]

    def upgrade(self, revision: str) -> None:
        """Apply with Alembic itself."""
        command.upgrade(self.config, revision)

    def heads(self) -> set[str]:
        """Where Alembic says that the database is."""
        with self.engine.connect() as connection:
            return set(MigrationContext.configure(connection).get_current_heads())


@pytest.fixture
def alembic(tmp_path: Path, empty_database_url: str) -> Alembic:
    made = Alembic(tmp_path, empty_database_url)
    made.revision("a1", "base")
    made.revision("b1", "a1")
    made.revision("b2", "a1", splice=True)
    made.revision("m1", ("b1", "b2"))
    made.revision("z1", "m1")
    made.revision("o1", "base", depends_on="b1")
    return made


@pytest.mark.parametrize(
    ("upgrade", "had"),
    [
        ("a1", {"a1"}),
        ("b1", {"a1", "b1"}),
        ("m1", {"a1", "b1", "b2", "m1"}),
        ("o1", {"a1", "b1", "o1"}),
        ("heads", {"a1", "b1", "b2", "m1", "z1", "o1"}),
    ],
)
def test_branches_merges_and_several_heads_are_read_as_alembic_applies_them(
    alembic: Alembic, tmp_path: Path, empty_database_url: str, upgrade: str, had: set[str]
) -> None:
    alembic.upgrade(upgrade)
    history = opened("alembic", tmp_path, "alembic/versions")
    assert {row.version for row in applied(history, empty_database_url)} == had
    assert alembic.heads() <= had
    order = [file.version for file in history.project().files]
    assert all(
        order.index(one) < order.index(file.version) for file in history.project().files for one in file.after or ()
    )


@pytest.mark.parametrize(
    "content",
    [
        "revision = open('/etc/passwd').read()",
        "import os; os.abort()",
        "revision = 1",
        "def f(:",
        "revision = " + "(" * 10_000,
        "\0",
        "revision = 'x' * 3",
    ],
)
def test_python_is_never_run(content: str, tmp_path: Path) -> None:
    write_migration(tmp_path, "x.py", content, "files")
    project = opened("alembic", tmp_path).project()
    assert (project.files, project.others) == ((), ("files/x.py",))


def test_circles_and_revisions_that_are_nowhere_are_told(tmp_path: Path) -> None:
    write_revision(tmp_path, "1", '"2"')
    write_revision(tmp_path, "2", '("1", "lost")')
    project = opened("alembic", tmp_path).project()
    assert {file.version for file in project.files} == {"1", "2"}
    assert any("'2' follows 'lost', which no file is" in one for one in project.remarks)
    assert any("in a circle" in one for one in project.remarks)


def test_the_table_may_be_in_another_schema_and_not_in_two(tmp_path: Path, empty_database_url: str) -> None:
    write_two("alembic", tmp_path)
    history = opened("alembic", tmp_path)
    make = "create schema {0}; create table {0}.alembic_version as select '1' as version_num"
    with session(empty_database_url) as connection:
        connection.execute(make.format("app").encode())
        assert [row.version for row in history.applied(connection)] == ["1"]
        connection.execute(make.format("other").encode())
        with pytest.raises(CouldNotLookError, match=r"app\.alembic_version and other\.alembic_version"):
            history.applied(connection)
