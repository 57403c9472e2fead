"""Runs SQL audits: each looks for rows that should not exist, and finding none of them is the pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.errors import UsageError
from pointsctl.model.escape import plain
from pointsctl.model.finding import Observation
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.audits import AuditResult, is_empty, run_audit, table_exists
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.sqlfiles import SqlFile

_FOLDER = "audits"
_Table = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]


class SqlAudit(Check):
    """Runs SQL audits read-only in the run's shared snapshot; passes when none of them finds an offending row.

    An audit whose schemas, roles or tables are missing, or whose rows are hidden from the asking role, is an error.
    """

    audits: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = pydantic.Field(
        description="names of the audits to run; `pointsctl audit list` shows them all"
    )
    parameters: dict[str, dict[str, Any]] = pydantic.Field(
        default_factory=dict, description="for each audit that needs it, its parameters; docs/audits.md lists them"
    )
    when_installed: _Table | None = pydantic.Field(
        None, description="a table such as public.points_events: skipped, with the reason, while it does not exist here"
    )
    when_used: _Table | None = pydantic.Field(
        None, description="a table: skipped, with the reason, while it does not exist here or holds no row"
    )
    not_empty: tuple[_Table, ...] = pydantic.Field(
        (), description="tables in which finding nothing means nothing while they hold no row: then the item is pending"
    )
    sample: int = pydantic.Field(20, ge=1, le=1000, description="how many offending rows are shown; all are counted")

    @pydantic.model_validator(mode="after")
    def _known(self) -> SqlAudit:
        if len(set(self.audits)) != len(self.audits):
            raise ValueError("expected each audit once")
        stray = sorted(set(self.parameters) - set(self.audits))
        if stray:
            raise ValueError(f"parameters for {stray[0]!r}, which is none of this item's audits")
        try:
            for file in self._files():
                file.arguments(self.parameters.get(file.id, {}))
        except UsageError as error:
            raise ValueError(f"something else: {error.message}; {error.hint}") from None
        return self

    def look(self, world: World) -> Observation:
        """Run the audits one after the other on one reader, so that their answers belong together."""
        with world.database().reader(world.cancellation) as connection:
            reason = self._does_not_apply(connection)
            if reason:
                return Observation.skipped(f"{reason} at {world.environment} yet")
            return self._audited(connection)

    def _does_not_apply(self, connection: Connection) -> str:
        """Why there is nothing to audit, or an empty text."""
        for table in filter(None, (self.when_installed, self.when_used)):
            if not table_exists(connection, table):
                return f"{table} does not exist"
        return f"{self.when_used} holds no row" if self.when_used and is_empty(connection, self.when_used) else ""

    def _audited(self, connection: Connection) -> Observation:
        results = tuple(
            run_audit(connection, file, file.arguments(self.parameters.get(file.id, {})), self.sample)
            for file in self._files()
        )
        bad = [result for result in results if result.total]
        if bad:
            return _failed(results, bad)
        empty = [table for table in self.not_empty if is_empty(connection, table)]
        return _empty(empty, results) if empty else _passed(results)

    def how(self) -> str:
        """The names of the audits."""
        return _within(f"audit{'s' * (len(self.audits) > 1)} {', '.join(self.audits)}", 80)

    def _files(self) -> tuple[SqlFile, ...]:
        return tuple(sqlfiles.load(_FOLDER, name) for name in self.audits)


def _empty(tables: Sequence[str], results: Sequence[AuditResult]) -> Observation:
    return Observation.pending(
        f"no rows in {', '.join(tables)}: nothing could be checked",
        expected="0 offending rows among some",
        hint="use the system there first, then run again",
        evidence=_evidence(results),
    )


def _passed(results: Sequence[AuditResult]) -> Observation:
    notes = _notes(results)
    looked = f"{len(results)} audits, " if len(results) > 1 else ""
    observed = "; ".join(notes) or f"{looked}0 offending rows"
    return Observation.passed(
        _within(
            notes[0]
            if notes and len(results) == 1
            else f"nothing found by {looked or results[0].file.id}".removesuffix(", "),
            200,
        ),
        observed=observed,
        expected="0 offending rows",
        evidence=_evidence(results),
    )


def _failed(results: Sequence[AuditResult], bad: Sequence[AuditResult]) -> Observation:
    total = sum(result.total for result in bad)
    first = bad[0].rows[0]
    counts = ", ".join(f"{result.total:,} by {result.file.id}" for result in bad)
    remedies = dict.fromkeys(row.remedy or result.file.remedy for result in bad for row in result.rows[:1])
    alone = (_notes(bad) or [f"{total:,} found"])[0]
    what = alone if len(bad) == 1 else f"{total:,} found: {counts}"
    return Observation.failed(
        plain(f"{what}; first {first.object}: {first.detail}", 300),
        observed=alone if len(bad) == 1 else counts,
        expected="0 offending rows",
        hint=plain(" | ".join(remedies), 400),
        evidence=_evidence(results),
    )


def _notes(results: Sequence[AuditResult]) -> list[str]:
    return [result.note.detail for result in results if result.note]


def _evidence(results: Sequence[AuditResult]) -> dict[str, Any]:
    return {
        "audits": [
            {
                "id": result.file.id,
                "title": result.file.title,
                "severity": result.file.severity,
                "total": result.total,
                "note": result.note.detail if result.note else "",
                "rows": [row.as_json() for row in result.rows],
            }
            for result in results
        ]
    }


def _within(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
