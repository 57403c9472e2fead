"""Runs probes: tries, as a client would, what must be refused, in a transaction that is always rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.errors import UsageError
from pointsctl.model.escape import plain
from pointsctl.model.finding import Observation
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.probe_rows import FOLDER as ROWS
from pointsctl.postgres.probe_rows import Stage, present, set_up
from pointsctl.postgres.probes import Attempt, run_probe, tables_of
from pointsctl.postgres.sqlfiles import SqlFile


class SqlProbe(Check):
    """Tries statements as anon, as one user and as service_role; passes when each meets what the probe expects.

    Rows are set up for it first; the transaction is rolled back however it ends, and no sequence is used. It needs a role
    that may write to the tables and become the client roles (on Supabase: postgres); anything less is an error.
    """

    probes: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = pydantic.Field(
        description="names of the probes to run; docs/audits.md lists them"
    )
    tables: tuple[str, ...] = pydantic.Field(
        (), description="try only these of the probes' tables; empty means all that a probe is for"
    )

    @pydantic.model_validator(mode="after")
    def _known(self) -> SqlProbe:
        if len(set(self.probes)) != len(self.probes):
            raise ValueError("expected each probe once")
        try:
            files = self._files()
            for table in self.tables:
                sqlfiles.load(ROWS, table)
        except UsageError as error:
            raise ValueError(f"something else: {error.message}; {error.hint}") from None
        for file in files:
            if self.tables and not set(self.tables) & set(sum(tables_of(file), ())):
                raise ValueError(f"probe {file.id!r} tries none of {', '.join(self.tables)}")
        return self

    def look(self, world: World) -> Observation:
        """Set up the rows, make every attempt, and roll everything back."""
        with world.database().scratch(world.cancellation) as connection:
            wanted = {file.id: self._tables(file, present(connection, tables_of(file)[1])) for file in self._files()}
            stage: Stage = set_up(connection, dict.fromkeys(name for names in wanted.values() for name in names))
            attempts = {file.id: run_probe(connection, file, stage, wanted[file.id]) for file in self._files()}
        return _observation(self._files(), attempts)

    def how(self) -> str:
        """The names of the probes."""
        text = f"probe{'s' * (len(self.probes) > 1)} {', '.join(self.probes)}"
        return text if len(text) <= 80 else f"{text[:79]}…"

    def _files(self) -> tuple[SqlFile, ...]:
        return tuple(sqlfiles.load("probes", name) for name in self.probes)

    def _tables(self, file: SqlFile, extra: tuple[str, ...]) -> tuple[str, ...]:
        names = (*tables_of(file)[0], *extra)
        return tuple(name for name in names if name in self.tables) if self.tables else names


def _observation(files: Sequence[SqlFile], attempts: dict[str, tuple[Attempt, ...]]) -> Observation:
    total = sum(map(len, attempts.values()))
    rows = [_row(file, attempt) for file in files for attempt in attempts[file.id] if not attempt.held]
    evidence = {"rows": rows, "probes": [_probe(file, attempts[file.id]) for file in files]}
    if not total or not all(attempts.values()):
        return Observation.error("no attempt was made", hint="name at least one table that exists", evidence=evidence)
    if not rows:
        return Observation.passed(
            f"all {total} attempts met what was expected",
            observed=f"{total} attempts as expected",
            expected="every attempt refused or allowed as the probes say",
            evidence=evidence,
        )
    first = rows[0]
    return Observation.failed(
        plain(f"{len(rows)} of {total} attempts went otherwise; first {first['object']}: {first['detail']}", 300),
        observed=f"{len(rows)} of {total} attempts not as expected",
        expected="every attempt refused or allowed as the probes say",
        hint=first["remedy"],
        evidence=evidence,
    )


def _row(file: SqlFile, attempt: Attempt) -> dict[str, str]:
    return {
        "id": file.id,
        "severity": file.severity,
        "object": attempt.relation,
        "detail": f"as {attempt.role}{', ' + attempt.aim if attempt.aim else ''}: {attempt.saw}"
        f"{' (' + attempt.saw.message + ')' if attempt.saw.message else ''}, expected {file.headers['expect']}",
        "remedy": file.remedy,
        "key": attempt.key,
    }


def _probe(file: SqlFile, attempts: Sequence[Attempt]) -> dict[str, Any]:
    made = [
        {"as": one.role, "table": one.relation, "aim": one.aim, "observed": str(one.saw), "held": one.held}
        for one in attempts
    ]
    return {"id": file.id, "title": file.title, "expected": file.headers["expect"], "attempts": made}
