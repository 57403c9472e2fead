"""For how many users a feature flag is on, as the reference schema keeps it in `public.feature_flags`."""

from __future__ import annotations

from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import connect
from pointsctl.postgres.failures import translated

_TABLE = "public.feature_flags"


def has_flags(url: str) -> bool:
    """Whether the database at `url` has the table. Raises what connecting raises."""
    with connect(url) as connection, translated("looking for the feature flags"):
        row = connection.execute("SELECT pg_catalog.to_regclass(%s) IS NOT NULL", (_TABLE,)).fetchone()
    return row == (True,)


def flag_share(url: str, name: str) -> int | None:
    """The share in percent; None where there is no flag of that name. Raises PermissionMissingError, ContextMissingError."""
    with connect(url) as connection, translated(f"reading the feature flag {name!r}"):
        row = connection.execute(sqlfiles.load("context", "flag-share").statement.encode(), {"name": name}).fetchone()
    return int(row[0]) if row else None
