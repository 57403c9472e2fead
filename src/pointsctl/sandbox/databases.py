"""Gives a private server the roles of a Supabase project, and databases with the reference schema in them."""

from __future__ import annotations

from importlib.resources import files

from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.sql_statements import split
from pointsctl.postgres import administration, supabase_history
from pointsctl.postgres.cluster import PrivateCluster
from pointsctl.postgres.connection import connect
from pointsctl.sandbox.layout import Layout

# The names are Supabase's: the superuser is the platform's, the project works as `postgres`, which is none.
SUPERUSER = "supabase_admin"
OWNER = "postgres"
REFERENCE_MIGRATION = "20250725000001_points_and_coupons"

# Everything here can be made again, so only a crash of the machine may damage it; speed matters more. Autovacuum stays on:
# without it a sandbox that is used for days would become slow for reasons that no real server has.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
}


def sandbox_cluster(layout: Layout) -> PrivateCluster:
    """Return the sandbox's server, running or not."""
    return PrivateCluster(layout.cluster, superuser=SUPERUSER, settings=_SETTINGS)


def sql_text(path: str) -> str:
    """Return one of the SQL files that ship with pointsctl; `path` is relative to sql/."""
    return files("pointsctl.sql").joinpath(path).read_text(encoding="utf-8")


def prepare_roles(cluster: PrivateCluster) -> None:
    """Make the roles that every database of the cluster shares."""
    administration.run_script(cluster.url("postgres"), sql_text("sandbox/roles.sql"), what="making the sandbox's roles")


def create_points_database(cluster: PrivateCluster, name: str, *, with_history: bool = False) -> None:
    """Make the database `name` with the auth schema, the reference migration and the first rows, in place of any old one.

    `with_history` writes down that it had the migration, as the Supabase CLI does.

    It gets its name last: a database called `name` is a whole one, whatever was killed before, and it is missing only for
    a moment. Whoever is connected to the old one is cut off.
    """
    partial = f"{name}_partial"
    server = cluster.url("postgres")
    administration.drop_database(server, partial)
    administration.create_database(server, partial, owner=OWNER)
    administration.run_script(
        cluster.url(partial), sql_text("sandbox/database.sql"), what=f"preparing the database {name}"
    )
    for path in (f"migrations/{REFERENCE_MIGRATION}.sql", "sandbox/seed.sql"):
        administration.run_script(
            cluster.url(partial, OWNER), sql_text(path), what=f"running {path} in the database {name}"
        )
    if with_history:
        _note_migration(cluster.url(partial, OWNER))
    administration.drop_database(server, name)
    administration.rename_database(server, partial, name)


def ensure_points_database(cluster: PrivateCluster, name: str) -> None:
    """Make the database `name` where it is missing."""
    if not administration.database_exists(cluster.url("postgres"), name):
        create_points_database(cluster, name, with_history=True)


def _note_migration(url: str) -> None:
    version, _, name = REFERENCE_MIGRATION.partition("_")
    script = split(sql_text(f"migrations/{REFERENCE_MIGRATION}.sql").encode())
    with connect(url) as connection:
        supabase_history.install(connection)
        supabase_history.insert(connection, HistoryRow(version, name, tuple(one.text for one in script.statements)))
