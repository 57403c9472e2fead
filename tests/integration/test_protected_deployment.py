"""A protected environment from the first command to the last, as operators and leads type them; and the ways round its gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsctl.postgres.connection import connect
from tests.support.cli import Result, pointsctl
from tests.support.keys import make_key
from tests.support.plan_projects import FIRST, NAME, SECOND, PlanProject

CONFIRM = ("--confirm", NAME)


class Production(PlanProject):
    """Two migrations that can be undone, one function on a platform that is a folder, a backup store."""

    def write_checklist(self, **environment: object) -> None:
        self.settings |= {
            "backup": {"store": (self.folder / "store").as_uri(), "scratch": str(self.folder / "scratch")},
            "functions": {"names": ["hello"], "platform": "folder", "project": "platform", "compare": True},
        }
        super().write_checklist(functions_url="http://127.0.0.1:1", **environment)

    def run(self, *arguments: str, person: str | None = None) -> Result:
        """Run `pointsctl ... --env here`, signed by a person if one is named."""
        key = ("--key", str(make_key(self.folder / "keys", person))) if person else ()
        return pointsctl(*arguments, "--env", NAME, *key, cwd=self.folder, variables={"DATABASE_URL": self.url})

    def done(self, *arguments: str, person: str | None = None) -> str:
        """The same for what must end well."""
        ended = self.run(*arguments, person=person)
        assert ended.code == 0, (arguments, ended.out, ended.err)
        return ended.out

    def execute(self, statement: str) -> None:
        """Somebody else's hand in the database."""
        with connect(self.url) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def production(open_path: Path, database_url: str) -> Production:
    for name in ("store", "scratch"):
        (open_path / name).mkdir()
        (open_path / name).chmod(0o711)
    project = Production(open_path, database_url, protected=True)
    for name, table in ((FIRST, "a"), (SECOND, "b")):
        project.write(f"supabase/reverse/{name}", f"drop table public.{table};\n")
        verify = f"select to_regclass('public.{table}') is not null;\n"
        project.write(f"supabase/reverse/{name.removesuffix('.sql')}.verify.sql", verify)
    (open_path / "platform").mkdir()
    return project


def prove(project: Production) -> None:
    """A proven backup, and a rehearsal on it."""
    project.done("backup", "create")
    assert project.run("backup", "verify").code in (0, 1)  # audits of other tables may fail on this copy
    project.done("migrate", "rehearse")


def sign(project: Production) -> None:
    """A run, an attestation, a plan, two approvals."""
    project.run("preflight")
    project.done("attest", "team.told", person="olga")
    project.done("plan", "create", "--author", "linus@example.test", *CONFIRM, person="olga")
    for person, role in (("ada", "engineering-lead"), ("grace", "operations-lead")):
        project.done("approve", "--role", role, "--yes", *CONFIRM, person=person)


def test_nothing_is_applied_before_the_gate_is_open_and_nothing_that_changed_since(production: Production) -> None:
    closed = production.run("migrate", "apply", *CONFIRM)
    assert (closed.code, "gate is closed" in closed.err) == (5, True)
    prove(production)
    sign(production)
    production.execute("alter table public.coupons add column smuggled text")
    changed = production.run("migrate", "apply", *CONFIRM)
    assert changed.code == 5, changed.err
    assert "the database is not what the backup held" in changed.err
    assert "smuggled" in changed.err
    production.execute("alter table public.coupons drop column smuggled")
    unconfirmed = production.run("migrate", "apply", "--yes")
    assert (unconfirmed.code, "--confirm here" in unconfirmed.err) == (5, True)
    applied = production.done("migrate", "apply", *CONFIRM)
    assert "2 migrations applied" in applied
    production.done("migrate", "verify")
    unknown = production.run("deploy", *CONFIRM)
    assert (unknown.code, "--project platform" in unknown.err) == (5, True), unknown.err
    deployed = production.run("deploy", "--project", "platform", *CONFIRM)
    assert (deployed.code, "step probes" in deployed.err) == (4, True), deployed.err  # nobody answers at its address
    kinds = [record["kind"] for record in production.run("ledger", "log", "--json").json["records"]]
    assert kinds.count("migration.applied") == 2
    assert kinds.count("function.deployed") == 1
