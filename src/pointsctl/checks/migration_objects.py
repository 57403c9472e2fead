"""Looks whether what a migration should have made is really there, and usable."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.model.finding import Observation
from pointsctl.postgres.objects import Flaw, find_flaws

# One name, or two with a dot; quoted parts are for names with capitals or other characters.
_PART = r'(?:[a-z_][a-z0-9_$]*|"[^"]+")'
Name = Annotated[str, pydantic.StringConstraints(pattern=rf"^{_PART}$", max_length=130)]
NameOnTable = Annotated[str, pydantic.StringConstraints(pattern=rf"^{_PART}(\.{_PART})?$", max_length=200)]


class MigrationObjects(Check):
    """Passes when every named object exists: indexes valid, ready and live, constraints validated, policies in force."""

    tables: tuple[Name, ...] = pydantic.Field((), description="tables, partitioned ones included")
    indexes: tuple[Name, ...] = pydantic.Field((), description="indexes that must be valid, ready and live")
    constraints: tuple[NameOnTable, ...] = pydantic.Field(
        (), description="constraints that must be validated; `table.constraint` where the name is not unique"
    )
    functions: tuple[Name, ...] = pydantic.Field((), description="functions and procedures, whatever their arguments")
    policies: tuple[NameOnTable, ...] = pydantic.Field(
        (), description="row level security policies, on tables where it is on; `table.policy` where needed"
    )
    # `schema` is a name of pydantic's own.
    in_schema: Annotated[str, pydantic.Field(min_length=1)] = pydantic.Field(
        "public", alias="schema", description="the schema that holds them all"
    )

    @pydantic.model_validator(mode="after")
    def _something(self) -> MigrationObjects:
        if not self._wanted():
            raise ValueError("expected at least one of tables, indexes, constraints, functions, policies")
        return self

    def look(self, world: World) -> Observation:
        """Look all of them up in one query, in the run's snapshot."""
        wanted = self._wanted()
        with world.database().reader(world.cancellation) as connection:
            flaws = find_flaws(connection, self.in_schema, wanted)
        evidence = {"looked_for": len(wanted), "rows": [self._row(flaw) for flaw in flaws]}
        if not flaws:
            return Observation.passed(
                f"all {len(wanted)} objects exist in schema {self.in_schema}",
                observed=f"{len(wanted)} of {len(wanted)} exist and are valid",
                expected=f"{len(wanted)} exist and are valid",
                evidence=evidence,
            )
        named = ", ".join(f"{flaw.kind} {flaw.name} {flaw.problem}" for flaw in flaws)
        return Observation.failed(
            named if len(named) <= 300 else f"{named[:299]}…",
            observed=f"{len(wanted) - len(flaws)} of {len(wanted)} exist and are valid",
            expected=f"{len(wanted)} exist and are valid",
            hint="apply the migrations to this database; drop and create again what is not valid",
            evidence=evidence,
        )

    def how(self) -> str:
        """How many objects of which schema."""
        return f"{len(self._wanted())} objects in schema {self.in_schema}"[:80]

    def _wanted(self) -> list[tuple[str, str]]:
        groups = {
            "table": self.tables,
            "index": self.indexes,
            "constraint": self.constraints,
            "function": self.functions,
            "policy": self.policies,
        }
        return [(kind, name) for kind, names in groups.items() for name in names]

    def _row(self, flaw: Flaw) -> dict[str, Any]:
        return {
            "id": "migration-objects",
            "severity": "critical",
            "object": f"{self.in_schema}.{flaw.name}",
            "detail": f"{flaw.kind} {flaw.problem}",
            "remedy": "apply the migrations to this database",
            "key": f"migration-objects:{flaw.kind}:{self.in_schema}.{flaw.name}",
        }
