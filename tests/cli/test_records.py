"""Runs are recorded in the ledger, or say why not; attest, waive and gate as people and scripts meet them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pointsctl.cli.execute import recorded
from pointsctl.errors import ExitCode
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind, read_record
from pointsctl.model.statement import AttestationStatement, read_statement
from pointsctl.postgres.ledger_table import LOCK_KEY
from pointsctl.workflow.look import UNKNOWN
from pointsctl.workflow.record_run import RunLedger
from tests.support.ledgers import session
from tests.support.people import ADA, EVE, FLAG, GRACE, People
from tests.support.servers import Server

ITEMS = f"""
{FLAG}
- {{id: team.told, title: Everybody knows, kind: attestation, with: {{role: operations-lead}}}}
- {{id: team.rested, title: Nobody is tired, kind: attestation}}
- id: team.named
  title: Somebody is on call
  kind: attestation
  fields: [{{name: who, type: person, title: Who}}]
- {{id: balance.right, title: Balances are right, kind: sql_audit, with: {{audits: [cache-balance]}}}}
"""


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    return People(tmp_path, database_url, ITEMS)


def records(people: People, kind: Kind) -> list[dict[str, Any]]:
    with people.ledger() as ledger:
        return [dict(read_record(row).data) for row in ledger.rows(kinds=[kind])]


def test_a_run_is_recorded_with_everything_that_was_found(people: People) -> None:
    done = people.run("preflight", "--json")
    assert done.code == 3
    assert done.err.splitlines()[-1].startswith("recorded 4:")
    (data,) = records(people, Kind.RUN_FINISHED)
    assert data["run"] == done.json
    assert {len(one["definition"]) for one in data["run"]["findings"]} == {64}


@pytest.mark.parametrize("command", [("run", "pre-deployment"), ("check", "run", "flag.on")])
def test_every_command_that_looks_records(people: People, command: tuple[str, ...]) -> None:
    assert "recorded 4:" in people.run(*command).err
    assert "recorded" not in people.run(*command, "--no-record").err
    assert len(records(people, Kind.RUN_FINISHED)) == 1


def test_without_a_ledger_it_runs_and_says_that_nothing_is_recorded(tmp_path: Path, database_url: str) -> None:
    people = People(tmp_path, database_url, ITEMS, ledger=False)
    done = people.run("preflight", "--json")
    assert done.code == 3
    last = done.err.splitlines()[-1]
    assert last == "not recorded: environment 'here' has no ledger; install it with `pointsctl init --env here`"
    assert done.finding("team.told")["hint"] == "install the ledger with `pointsctl init --env here`"


def test_a_server_that_does_not_answer_records_nothing_and_what_people_said_is_not_known(people: People) -> None:
    people.url = "postgresql://postgres@127.0.0.1:1/points"
    done = people.run("preflight", "--json")
    assert done.code == 4
    assert "not recorded: " in done.err
    assert {one["id"]: one["outcome"] for one in done.json["findings"]} == {
        "flag.on": "pass",
        "team.told": "error",
        "team.rested": "error",
        "team.named": "error",
        "balance.right": "error",
    }


def test_the_ledger_of_another_environment_stops_it_before_anything_is_looked_at(people: People) -> None:
    path = people.folder / "checklist.yaml"
    path.write_text(path.read_text("utf-8").replace("  here:", "  there:"), "utf-8")
    done = people.run("preflight", "--json")
    assert (done.code, done.json["code"]) == (5, "refused")
    assert "'here'" in done.json["message"]
    assert "'there'" in done.json["message"]
    assert people.run("preflight", "--no-record").code == 5
    assert records(people, Kind.RUN_FINISHED) == []


def test_a_record_that_cannot_be_written_is_4_whatever_the_run_says(people: People) -> None:
    run = people.look(record=False)
    with session(people.url) as other, other.transaction(), Ledger(people.url, lock_timeout_ms=50) as ledger:
        other.execute("select pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        told, code = recorded(RunLedger(ledger, UNKNOWN), run)
    assert code is ExitCode.COULD_NOT_LOOK
    assert told.startswith("not recorded: ")


def test_attest_shows_what_is_signed_and_keeps_files_by_their_digest(people: People) -> None:
    folder = people.folder / "a folder"
    folder.mkdir()
    (folder / "rota.txt").write_text("Ada\n", encoding="utf-8")
    done = people.signed(
        "eve", "attest", "team.named", "--field", "who=Ada", "--note", "by telephone",
        "--evidence", "a folder/../a folder/rota.txt", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    digest = hashlib.sha256(b"Ada\n").hexdigest()
    assert done.err.splitlines() == [
        f"{EVE} signs for here:",
        "  team.named: Somebody is on call",
        "    who: Ada",
        "  note: by telephone",
        f"  evidence: rota.txt (4 bytes, sha256 {digest})",
    ]
    assert done.json["schema"] == "pointsctl/attested/v1"
    (data,) = records(people, Kind.ITEM_ATTESTED)
    statement = read_statement(data["statement"])
    assert isinstance(statement, AttestationStatement)
    assert (statement.principal, statement.fields, statement.note) == (EVE, {"who": "Ada"}, "by telephone")
    assert [one.name for one in statement.evidence] == ["rota.txt"]
    assert people.run("check", "run", "team.named").code == 0


def test_several_items_without_fields_are_attested_with_one_signature(people: People) -> None:
    assert people.signed("grace", "attest", "team.told", "team.r*").code == 0
    assert len(records(people, Kind.ITEM_ATTESTED)) == 1
    assert "team.told (and 1 more)" in people.run("ledger", "log", "--kind", "item").out
    found = people.run("preflight", "--json")
    outcomes = {one["id"]: one["outcome"] for one in found.json["findings"]}
    assert (outcomes["team.told"], outcomes["team.rested"], outcomes["team.named"]) == ("pass", "pass", "pending")


@pytest.mark.parametrize(
    ("person", "arguments", "code", "said"),
    [
        ("eve", ("team.told",), 5, f"who can: operations-lead: {GRACE}"),
        ("mallory", ("team.rested",), 5, "is nobody's in the policy in force"),
        ("eve", ("team.*",), 2, "team.named asks for fields"),
        ("eve", ("flag.on",), 2, "no person can attest flag.on"),
        ("eve", ("team.restless",), 2, "did you mean 'team.rested'"),
        ("eve", ("team.rested", "--field", "who=Ada"), 2, "there is no field 'who'"),
        ("eve", ("team.named", "--field", "who"), 2, "is no NAME=VALUE"),
        ("eve", ("team.named", "--field", "who=a", "--field", "who=b"), 2, "is given twice"),
        ("eve", ("team.rested", "--evidence", "/etc"), 2, "is not a file"),
        ("eve", ("team.rested", "--evidence", "nothing.txt"), 2, "does not exist"),
        ("eve", ("team.rested", "--evidence", "a\x1b[2Jb.txt"), 2, "cannot be kept as evidence"),
        ("eve", ("team.rested", "--expires", "soon"), 2, "expected a duration"),
        ("eve", ("team.rested", "--note", "postgresql://a:hunter2@example.test/x"), 2, "without a secret"),
    ],
)
def test_attest_refuses(people: People, person: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    (people.folder / "a\x1b[2Jb.txt").write_text("x", encoding="utf-8")
    refused = people.signed(person, "attest", *arguments)
    assert (refused.code, said in refused.err) == (code, True), refused.err
    assert "\x1b" not in refused.err
    assert records(people, Kind.ITEM_ATTESTED) == []


def test_waive_asks_for_the_name_of_a_protected_environment(people: People) -> None:
    path = people.folder / "checklist.yaml"
    path.write_text(path.read_text("utf-8").replace("${DATABASE_URL}", "${DATABASE_URL}\n    protected: true"), "utf-8")
    people.run("check", "run", "flag.on", FLAG="off")
    arguments = ("waive", "flag.on", "--reason", "measured by hand", "--until", "2h")
    refused = people.signed("ada", *arguments)
    assert refused.code == 5
    assert "  seen: fail in record 4: " in refused.err
    assert records(people, Kind.ITEM_WAIVED) == []
    done = people.signed("ada", *arguments, "--confirm", "here", "--json")
    assert (done.code, done.json["schema"], done.json["principal"]) == (0, "pointsctl/waived/v1", ADA)
    shown = people.run("check", "run", "flag.on", FLAG="off")
    assert shown.code == 0
    assert f"flag.on: fail, waived by {ADA} until " in shown.out
    assert "1 waived" in shown.out


@pytest.mark.parametrize("missing", ["--reason", "--until"])
def test_waive_takes_a_reason_and_an_end(people: People, missing: str) -> None:
    given = {"--reason": "measured by hand", "--until": "2h"}
    del given[missing]
    refused = people.signed("ada", "waive", "flag.on", *(part for pair in given.items() for part in pair))
    assert (refused.code, missing in refused.err) == (2, True)


def test_gate_lists_every_missing_piece_with_who_and_how(people: People) -> None:
    people.run("check", "run", "flag.on", FLAG="off")
    closed = people.run("gate", "pre-deployment", "--json")
    document = closed.json
    assert (closed.code, document["schema"], document["verdict"], document["exit_code"]) == (
        4,
        "pointsctl/gate/v1",
        "unknown",
        4,
    )
    assert [(one["item"], one["state"], one["command"]) for one in document["pieces"]] == [
        ("flag.on", "fail", "pointsctl check run flag.on --env here"),
        ("team.told", "pending", "pointsctl attest team.told --env here"),
        ("team.rested", "pending", "pointsctl attest team.rested --env here"),
        ("team.named", "pending", "pointsctl attest team.named --env here --field who=..."),
        ("balance.right", "error", "pointsctl check run balance.right --env here"),
    ]
    assert document["pieces"][1]["who"] == f"operations-lead: {GRACE}"
    assert document["pieces"][2]["who"] == f"{ADA} or {GRACE} or {EVE}"
    text = people.run("gate", "pre-deployment", COLUMNS="40")
    assert max(map(len, text.out.splitlines())) <= 40
    assert "    run: pointsctl attest team.named \\\n      --env here --field who=...\n" in text.out
    assert text.out.splitlines()[-2].startswith("closed (unknown): ")
    assert people.run("gate", "nothing").code == 2


def test_gate_in_a_copy_of_the_database_is_refused(people: People, server: Server) -> None:
    with people.ledger() as ledger:
        name = ledger.database().database
    with server.database(name) as copied:
        people.url = people.url.replace(name, copied)
        refused = people.run("gate", "pre-deployment", "--json")
    assert refused.code == 5
    assert name in refused.json["message"]
    assert copied in refused.json["message"]


def test_gate_is_held_against_the_anchors(people: People, admin_url: str) -> None:
    path = people.folder / "checklist.yaml"
    store = (people.folder / "store").as_uri()
    path.write_text(path.read_text("utf-8").replace("phases:", f"backup: {{store: '{store}'}}\nphases:"), "utf-8")
    people.look()
    assert people.signed("ada", "ledger", "anchor").code == 0
    assert people.run("gate", "pre-deployment").code == 3
    with session(admin_url) as connection, connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute("alter table public.migration_audit disable trigger user")
        connection.execute("delete from public.migration_audit where seq > 3")
        for trigger in ("append", "refuse"):
            connection.execute(f"alter table public.migration_audit enable always trigger migration_audit_{trigger}")
    refused = people.run("gate", "pre-deployment", "--json")
    assert (refused.code, refused.json["code"]) == (5, "refused")
    assert "anchor" in refused.json["message"]


def test_json_of_a_gate_is_one_document_when_it_fails(people: People) -> None:
    (people.folder / "checklist.yaml").rename(people.folder / "gone.yaml")
    failed = people.run("gate", "pre-deployment", "--json")
    assert json.loads(failed.out)["schema"] == "pointsctl/error/v1"
    assert failed.code == 2
