"""`plan create`, `plan show` and `plan list` as an operator and a lead see them."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.plan_file import read_plan_file
from pointsctl.model.statement import ApprovalStatement, Decision
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.sign import sign_statement
from tests.support.cli import Result, pointsctl
from tests.support.keys import make_key
from tests.support.plan_projects import LINUS, NAME, OLGA, SECOND, PlanProject

Run = Callable[..., Result]
HOSTILE = "\x1b[2J::error::x \u202e"


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> PlanProject:
    return PlanProject(tmp_path / "project", database_url)


def runner(project: PlanProject) -> Run:
    key = make_key(project.folder / "keys", "olga")

    def run(*arguments: str, columns: int = 100) -> Result:
        variables = {"DATABASE_URL": project.url, "POINTSCTL_KEY": str(key), "COLUMNS": str(columns)}
        return pointsctl("plan", *arguments, "--env", NAME, cwd=project.folder, variables=variables)

    return run


@pytest.fixture
def run(project: PlanProject) -> Run:
    return runner(project)


def test_from_nothing_to_a_plan_that_changed(project: PlanProject, run: Run) -> None:
    assert (run("list").code, run("show").code) == (0, 4)
    made = run("create", "--note", HOSTILE, "--json")
    assert made.code == 0
    digest = made.json["digest"]
    assert (made.json["schema"], made.json["new"]) == ("pointsctl/plan-created/v1", True)
    again = run("create")
    assert (again.code, digest[:12] in again.out) == (0, True)
    assert "nothing to do" in again.out
    shown = run("show", digest[:14], "--json")
    assert (shown.code, shown.json["state"], shown.json["changes"]) == (0, "open", [])
    project.write(f"supabase/migrations/{SECOND}", "drop table public.b;\n")
    late = run("show")
    assert late.code == 1
    assert f"CHANGED    migration {SECOND}" in late.out
    for said in (made.err, late.out):
        assert HOSTILE not in said
        assert "\\x1b[2J" in said
    listed = run("list", "--json").json["plans"]
    assert [(one["digest"], one["state"], one["by"]) for one in listed] == [(digest, "changed", OLGA)]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_page_says_what_a_lead_must_know_on_any_terminal(project: PlanProject, run: Run, columns: int) -> None:
    (project.folder / "supabase/reverse" / SECOND).unlink()
    project.write(f"supabase/migrations/{SECOND}", "select 1;\ngrant all on public.b to anon;\n")
    digest = project.create(note="before lunch").plan.short
    page = run("show", columns=columns)
    lines = page.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines == [line.rstrip() for line in lines]
    assert columns < 80 or len(lines) <= 24
    said = " ".join(page.out.split())
    for part in (
        digest,
        NAME,
        OLGA,
        LINUS,
        "DIRTY",
        SECOND,
        "reverse NO",
        "verify yes",
        "review NEEDED",
        "touches grants",
    ):
        assert part in said
    for part in ("before lunch", "hello", "ABSENT", "engineering-lead: ada@example.test", "not after", "2 lines"):
        assert part in said


def test_the_plan_s_file(project: PlanProject, run: Run) -> None:
    plan = project.create().plan
    place = project.folder / "keys" / "plan.json"
    assert run("show", "--output", str(place)).code == 0
    file = read_plan_file(place.read_bytes())
    with Ledger(project.url) as ledger:
        assert (file.plan, file.trust, file.head) == (plan, load_trust(project.trust), ledger.head())
    assert (file.valid_for, len(file.pending)) == (timedelta(hours=72), 2)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    project.write(f"supabase/migrations/{SECOND}", "drop table public.b;\n")
    place.unlink()
    refused = run("show", "--output", str(place))
    assert (refused.code, place.exists()) == (5, False)
    assert "nobody can approve it" in refused.err


def test_a_protected_environment_is_confirmed(tmp_path: Path, database_url: str) -> None:
    project = PlanProject(tmp_path / "project", database_url, protected=True)
    run = runner(project)
    for arguments in ([], ["--confirm", "staging"], ["--yes"]):
        assert run("create", *arguments).code == 5
    assert project.deployment().plan is None
    assert run("create", "--confirm", NAME).code == 0
    assert project.deployment().plan is not None


def test_approvals_do_not_die_unasked(project: PlanProject, run: Run) -> None:
    approve(project, project.create().plan.digest)
    project.write(f"supabase/migrations/{SECOND}", "drop table public.b;\n")
    refused = run("create")
    assert refused.code == 5
    assert "the approval as engineering-lead by ada@example.test dies" in refused.err
    assert run("create", "--yes").code == 0
    assert run("create", "--not-after", "3h").code == 0  # no approval counts any more


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "abc"], 2, "too short"),
        (["show", "0" * 12], 2, "names no plan"),
        (["show", "\x1b[2J" * 9], 2, "names no plan"),
        (["create", "--not-after", "soon"], 2, "--not-after"),
        (["create", "--key", "/nonexistent"], 2, "no key file"),
        (["show", "--output", "/nonexistent/x.json"], 4, "no folder"),
    ],
)
def test_mistakes(project: PlanProject, run: Run, arguments: list[str], code: int, said: str) -> None:
    project.create()
    done = run(*arguments)
    assert (done.code, said in done.err, "\x1b" in done.err) == (code, True, False)


def approve(project: PlanProject, digest: str) -> None:
    """Ada approves."""
    with Ledger(project.url) as ledger:
        signed = sign_statement(
            ledger,
            NAME,
            load_trust(project.trust),
            project.means("ada"),
            lambda bindings: ApprovalStatement(
                **bindings, plan=digest, evidence="0" * 64, role="engineering-lead", decision=Decision.APPROVE
            ),
            valid_for=timedelta(hours=1),
        )
        data = {"statement": signed.text}
        principal = signed.statement.principal
        ledger.append(Draft(Kind.PLAN_DECIDED, NAME, principal, data, plan=digest, signature=signed.signature))
