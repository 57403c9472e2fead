"""What closes a gate closes it: attacks on the promises that a gate, a plan and the page of it make together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.run_document import recorded_document
from tests.support.leads import Leads
from tests.support.people import ADA, FLAG, NAME, People

APPROVAL = "- {id: approval.engineering, title: Engineering, kind: approval, with: {role: engineering-lead}}"
SETTINGS = """approvals:
  roles:
    engineering-lead: {title: Engineering lead}
migrations: {directory: migrations, reverse_directory: reverse}
phases:"""
WITHOUT = "without: [backup, rehearsal, functions]"


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    """Eve deploys a migration that ada must approve."""
    people = People(tmp_path, database_url, f"{FLAG}\n{APPROVAL}\n")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/20260131000001_index.sql").write_text("create index on public.coupons (status);\n", "utf-8")
    write(people, f"{FLAG}\n{APPROVAL}\n")
    return people


def write(people: People, items: str, settings: str = WITHOUT) -> None:
    """Replace the checklist."""
    people.write(items)
    path = people.folder / "checklist.yaml"
    text = path.read_text("utf-8").replace("phases:", SETTINGS)
    path.write_text(text.replace("${DATABASE_URL}", f"${{DATABASE_URL}}\n    {settings}"), "utf-8")


def plan(people: People) -> None:
    """A plan by eve, in force."""
    people.look()
    made = people.signed("eve", "plan", "create", "--author", "linus@example.test", "--json")
    assert made.code == 0, made.err


def test_a_checklist_from_which_the_approvals_were_taken_out_opens_nothing(people: People) -> None:
    plan(people)
    assert people.run("gate", "pre-deployment").code == 3
    write(people, f"{FLAG}\n")
    closed = people.run("gate", "pre-deployment", "--json")
    assert closed.code == 5, closed.out
    assert "the checklist changed" in closed.json["refusals"][0]["why"]


def test_what_is_pinned_as_protected_is_not_declared_otherwise(tmp_path: Path, database_url: str) -> None:
    people = People(tmp_path, database_url, FLAG, ledger=False)
    write(people, f"{FLAG}\n", "protected: ${PROTECTED}")
    assert people.run("init", "--env", NAME, "--confirm", NAME, PROTECTED="true").code == 0
    assert people.run("gate", "pre-deployment", PROTECTED="true").code == 4
    for command in (("gate", "pre-deployment"), ("preflight",), ("plan", "list"), ("approvals", "list")):
        closed = people.run(*command, PROTECTED="false")
        assert closed.code == 5, (command, closed.out, closed.err)
        assert "protected" in closed.err


@pytest.mark.parametrize("change", [{"run_id": "x" * 41}, {"verdict": "x" * 401}, {"counts": {"pass": "\u0661"}}])
def test_a_run_that_no_plan_could_hold_is_none(people: People, change: dict[str, Any]) -> None:
    document = {**recorded_document(people.look()), **change}
    with people.ledger() as ledger:
        ledger.append(Draft(Kind.RUN_FINISHED, NAME, ADA, {"run": document}))
    for command in (("gate", "pre-deployment"), ("plan", "list"), ("ledger", "log")):
        assert "Traceback" not in people.run(*command).err
    made = people.signed("eve", "plan", "create", "--author", "linus@example.test")
    assert made.code == 0, made.err


HOSTILE = "no\x1b[2J\x1b]0;owned\x07\u202e\r\nplan approved"


def test_what_a_signer_wrote_by_hand_is_never_echoed_raw(people: People, tmp_path: Path) -> None:
    plan(people)
    leads = Leads.__new__(Leads)
    leads.folder, leads.url = people.folder, people.url
    from pointsctl.model.statement import Decision

    statement = leads.statement("ada", "engineering-lead", decision=Decision.REJECT, expires_at=None, comment=HOSTILE)
    leads.forge(statement)
    for command in (
        ("gate", "pre-deployment"),
        ("plan", "show"),
        ("plan", "list"),
        ("approvals", "list", "--all"),
        ("approvals", "verify"),
        ("approvals", "verify", "--show-commands"),
        ("preflight",),
        ("ledger", "log"),
        ("ledger", "show", "6"),
        ("evidence", "export", "--output", "bundle.zip"),
        ("evidence", "verify", "bundle.zip"),
        ("evidence", "export", "--format", "in-toto", "--key", str(leads.key("ada"))),
    ):
        for extra in ((), ("--json",)):
            said = people.run(*command, *extra, COLUMNS="40")
            assert "Traceback" not in said.err
            for bad in "\x1b\x07\u202e\r":
                assert bad not in said.out + said.err, (command, said.out, said.err)


@pytest.mark.parametrize("text", ["\udcff", "a\x1b[2J", "x" * 5000, "\ud800"])
def test_a_note_that_cannot_be_kept_is_refused_in_words(people: People, text: str) -> None:
    write(people, f"{FLAG}\n- {{id: team.told, title: Told, kind: attestation}}\n{APPROVAL}\n")
    people.look()
    arg = os.fsencode(text).decode("utf-8", "surrogateescape") if text == "\udcff" else text
    if text == "\ud800":
        return
    for command in (
        ("plan", "create", "--author", "linus@example.test", "--note", arg),
        ("attest", "team.told", "--note", arg),
        ("waive", "team.told", "--until", "1h", "--reason", arg),
        ("approve", "--yes", "--comment", arg),
    ):
        said = people.signed("ada", *command)
        assert "Traceback" not in said.err, (command, said.err)
        assert "\x1b" not in said.out + said.err
        print(command[0], said.code, said.err[-300:], said.out[-200:])
