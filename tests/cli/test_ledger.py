"""`pointsctl ledger`: what people and scripts see, whatever stands in the records, on wide and narrow terminals."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.errors import ExitCode, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.postgres.binaries import Account, embedded_binaries
from pointsctl.workflow.read_ledger import known_kinds, last_records, read_head
from tests.support.audits import execute
from tests.support.cli import PROGRAM, Result, environment, pointsctl, write_checklist
from tests.support.ledgers import SEED
from tests.support.servers import Server
from tests.support.signed_ledgers import NAME, SignedLedger, unguarded

EVIL = "\x1b[31mred\x1b[0m\nsecond line \u202egnp ::error::no ##[command]"


class Project:
    """A folder with a checklist whose environment has a ledger of seven records, an evil note (5) and a signature (6) in it."""

    def __init__(self, ledger: SignedLedger) -> None:
        self.ledger, self.folder = ledger, ledger.folder
        path = write_checklist(self.folder, "- {id: team.told, title: Everybody knows, kind: attestation}")
        text = path.read_text("utf-8").replace("  here:\n", f"  {NAME}:\n")
        path.write_text(text.replace("phases:", f"backup: {{store: {ledger.store}}}\nphases:", 1), "utf-8")

    @property
    def variables(self) -> dict[str, str]:
        return {"DATABASE_URL": self.ledger.url}

    def run(self, *arguments: str, **variables: str) -> Result:
        return pointsctl("ledger", *arguments, cwd=self.folder, variables={**self.variables, **variables})


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Only looked at: its records stay as they are."""
    with server.database() as name:
        yield Project(_ledger(server, name, tmp_path_factory.mktemp("project")))


@pytest.fixture
def own(server: Server, database: str, tmp_path: Path) -> Project:
    """For a test that changes it."""
    return Project(_ledger(server, database, tmp_path))


def _ledger(server: Server, name: str, folder: Path) -> SignedLedger:
    ledger = SignedLedger(folder, server.cluster.url(name, "postgres"))
    ledger.note()
    ledger.note(EVIL)
    ledger.attest("ada")
    execute(ledger.url, SEED)
    return ledger


# ---------------------------------------------------------------------------------------------------------------------
# log


def test_log_shows_the_newest_last(project: Project) -> None:
    shown = project.run("log")
    lines = shown.out.splitlines()
    assert (shown.code, shown.err) == (0, "")
    assert lines[0].split() == ["seq", "recorded", "at", "kind", "by", "about"]
    assert [line.split()[0] for line in lines[1:] if line[:3].strip()] == list("1234567")
    assert "signed ada@example.test" in shown.out
    assert "20250725000001_points_and_coupons" in project.run("log", COLUMNS="200").out


@pytest.mark.parametrize("columns", ["40", "80"])
def test_nothing_from_a_record_is_shown_raw_or_wider_than_the_terminal(project: Project, columns: str) -> None:
    for shown in (project.run("log", COLUMNS=columns), project.run("show", "5", COLUMNS=columns)):
        assert shown.code == 0
        text = shown.out.partition("data:")[0].partition("check it yourself:")[0]
        assert all(len(line) <= int(columns) for line in text.splitlines())
        assert r"\x1b[31mred" in "".join(shown.out.split("\n"))
        for raw in ("\x1b", "\u202e", "::error::", "##[command]"):
            assert raw not in shown.out


def test_log_by_kind_item_and_number(project: Project) -> None:
    with Ledger(project.ledger.url) as ledger:

        def numbers(*kinds: str, limit: int = 50, item: str | None = None, after: int = 0) -> list[int]:
            wanted = known_kinds(list(kinds)) if kinds else None
            return [one.row.seq for one in last_records(ledger, limit, kinds=wanted, item=item, after=after)]

        assert numbers() == [1, 2, 3, 4, 5, 6, 7]
        assert numbers("migration.noted") == [4, 5, 7]
        assert numbers("migration", limit=2) == [5, 7]
        assert numbers("policy", "item") == [3, 6]
        assert numbers(item="team.told") == [6]
        assert numbers(item="team.tol") == []
        assert numbers(after=5) == [6, 7]
        assert numbers(limit=1) == [7]
    shown = project.run("log", "--kind", "item", "--item", "team.told", "--since", "1", "--limit", "9", "--json")
    assert [record["seq"] for record in shown.json["records"]] == [6]


def test_a_kind_that_does_not_exist_is_a_mistake(project: Project) -> None:
    shown = project.run("log", "--kind", "item.atested")
    assert shown.code == ExitCode.USAGE
    assert "did you mean 'item.attested'?" in shown.err


# ---------------------------------------------------------------------------------------------------------------------
# show


def test_show_has_everything_and_the_document_too(project: Project) -> None:
    shown = project.run("show", "6")
    for part in ("item.attested", "ada@example.test", "team.told", '"nonce": "', "ssh-keygen -Y verify"):
        assert part in shown.out
    document = project.run("show", "6", "--json").json
    assert document["schema"] == "pointsctl/record/v1"
    assert json.loads(document["data"]["statement"])["items"][0]["id"] == "team.told"
    assert document["signature"].startswith("-----BEGIN SSH SIGNATURE-----")


def test_the_printed_commands_agree(project: Project, tmp_path: Path) -> None:
    """Run as they are printed, in an empty folder, with nothing but what a machine has."""
    document = project.run("show", "6", "--json").json
    programs = embedded_binaries(Account.of_this_process()).program("psql").parent
    path = f"{programs}:{os.environ['PATH']}"
    variables = {**environment(tmp_path, **project.variables), "PATH": path}

    def run(lines: list[str]) -> subprocess.CompletedProcess[str]:
        script = "set -e\n" + "\n".join(lines)
        return subprocess.run(
            ["/bin/sh", "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )

    ended = run(document["commands"])
    stored, computed, verdict = ended.stdout.splitlines()
    assert (ended.returncode, stored, computed) == (0, document["hash"], f"{document['hash']}  -")
    assert verdict.startswith('Good "pointsctl" signature for ada@example.test')
    for number in ("4", "5", "7"):
        one = project.run("show", number, "--json").json
        stored, computed = run(one["commands"]).stdout.splitlines()
        assert computed.split()[0] == stored == one["hash"]
    (tmp_path / "6.json").write_text((tmp_path / "6.json").read_text() + "\n")
    assert run(document["commands"][-1:]).returncode != 0


def test_a_long_note_is_shown_to_its_end(own: Project) -> None:
    own.ledger.note("x" * 9_990 + "to its end")
    assert own.run("show", "8", COLUMNS="40").out.replace("\n", "").replace(" ", "").count("toitsend") == 1


def test_the_documents_hold_nothing_that_a_terminal_or_a_ci_runner_obeys(own: Project) -> None:
    own.ledger.note("\x9b31m \u202e ##[command]")
    for shown in (own.run("log", "--json"), own.run("show", "8", "--json")):
        assert shown.json
        assert shown.out.isascii()
        assert "##[" not in shown.out


def test_a_record_that_does_not_exist(project: Project) -> None:
    shown = project.run("show", "99")
    assert (shown.code, shown.out) == (ExitCode.USAGE, "")
    assert "the last one is 7" in shown.err


# ---------------------------------------------------------------------------------------------------------------------
# verify, export, anchor


def test_a_whole_ledger_without_anchors_says_so(project: Project) -> None:
    shown = project.run("verify")
    head = project.ledger.head()
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines() == [
        "7 records, 1 good signature",
        f"not compared with an anchor: there is no folder {project.ledger.store}",
        "no signature fixes the records from 6 on: a superuser could have rewritten or removed them",
        f"whole, up to 7:{head.hash}",
    ]
    later = project.run("verify", "--since", f"7:{head.hash}", "--json").json
    assert (later["whole"], later["records"], later["head"]["seq"]) == (True, 0, 7)


@pytest.mark.parametrize(
    "given",
    ["", "7", "7:abc", f":{'0' * 64}", f"-1:{'0' * 64}", f"x:{'0' * 64}", f"0:{'a' * 64}", f"\u0667:{'0' * 64}"],
)
def test_a_head_that_is_none_is_a_mistake(given: str) -> None:
    with pytest.raises(UsageError):
        read_head(given)


def test_going_on_after_something_that_is_no_head_is_a_mistake(project: Project) -> None:
    assert project.run("verify", "--since", "7:abc").code == ExitCode.USAGE
    assert project.run("verify", "--since", "").code == ExitCode.USAGE


def test_the_story_of_an_anchor(own: Project, admin_url: str) -> None:
    own.ledger.note()
    made = own.run("anchor", "--key", "keys/ada")
    assert made.code == 0, made.err
    assert made.out.startswith("anchored 8:")
    assert "1 good anchor in file://" in own.run("verify").out
    assert own.run("anchor", "--key", "keys/grace", "--json").json["head"]["seq"] == 9

    with unguarded(admin_url) as superuser:
        superuser.execute("delete from public.migration_audit where seq > 6")
    shown = own.run("verify")
    assert shown.code == 1
    assert shown.out.splitlines()[0] == "records 7 to 9: truncated"
    assert "anchors/staging/000000000008-" in shown.out
    assert "DAMAGED" in shown.out
    document = own.run("verify", "--json").json
    assert (document["whole"], document["damages"][0]["what"]) == (False, "truncated")


def test_an_anchor_needs_a_policy_a_key_of_it_and_a_store(own: Project) -> None:
    unknown = own.run("anchor", "--key", "keys/nobody")
    assert (unknown.code, unknown.out) == (ExitCode.USAGE, "")
    checklist = own.folder / "checklist.yaml"
    text = checklist.read_text("utf-8")
    checklist.write_text(text.replace(own.ledger.store, "gcs://bucket/prefix"), "utf-8")
    shown = own.run("anchor", "--key", "keys/ada")
    assert shown.code == ExitCode.USAGE
    assert "this version has file" in shown.err
    checklist.write_text(text.replace(own.ledger.store, "file:///proc/nowhere"), "utf-8")
    assert own.run("anchor", "--key", "keys/ada").code == ExitCode.COULD_NOT_LOOK
    assert own.ledger.head().seq == 7


def test_a_damaged_ledger_is_not_anchored(own: Project, admin_url: str) -> None:
    with unguarded(admin_url) as superuser:
        superuser.execute(
            "update public.migration_audit set body = replace(body, 'nothing unusual', 'all is well') where seq = 4"
        )
    shown = own.run("anchor", "--key", str(own.folder / "keys" / "ada"))
    assert (shown.code, shown.out) == (ExitCode.REFUSED, "")
    assert "the ledger is damaged: record 4 altered" in shown.err
    assert not (own.folder / "store").exists()


def test_an_exported_file_is_private_and_is_verified_without_a_database(own: Project, tmp_path: Path) -> None:
    done = own.run("export", "--output", "ledger.jsonl")
    head = own.ledger.head()
    assert (done.code, done.out, done.err) == (0, "", f"7 records, head 7:{head.hash}\n")
    exported = own.folder / "ledger.jsonl"
    assert exported.stat().st_mode & 0o777 == 0o600
    assert own.run("export").out == exported.read_text("utf-8")

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shown = pointsctl("ledger", "verify", "--file", str(exported), cwd=elsewhere)
    assert (shown.code, shown.out.splitlines()[-1]) == (0, f"whole, up to 7:{head.hash}")

    lines = exported.read_text("utf-8").splitlines(keepends=True)
    exported.write_text("".join([*lines[:3], "\x1b[31mjunk\n", *lines[4:]]), "utf-8")
    shown = pointsctl("ledger", "verify", "--file", str(exported), cwd=elsewhere)
    assert shown.code == 1
    assert "record 4 (line 4): unreadable" in shown.out
    assert "\x1b" not in shown.out
    assert pointsctl("ledger", "verify", "--file", "missing", cwd=elsewhere).code == ExitCode.COULD_NOT_LOOK


def test_without_a_ledger_nothing_is_shown_as_whole(tmp_path: Path, empty_database_url: str) -> None:
    write_checklist(tmp_path, "- {id: team.told, title: Everybody knows, kind: attestation}")
    for command in ("log", "verify"):
        shown = pointsctl(
            "ledger",
            command,
            "--env",
            "here",
            cwd=tmp_path,
            variables={"DATABASE_URL": empty_database_url, "BACKUP_STORE": ""},
        )
        assert (shown.code, shown.out) == (ExitCode.COULD_NOT_LOOK, "")


def test_a_reader_that_goes_away_ends_an_export_quietly(project: Project) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "ledger", "export"],
        cwd=project.folder,
        env=environment(project.folder, **project.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_on_a_terminal_the_count_leaves_no_trace(project: Project) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "ledger", "verify"],
        cwd=project.folder,
        env=environment(project.folder, TERM="xterm", **project.variables),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    out, _ = process.communicate()
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(ours)
    assert (process.returncode, out.count(b"\x1b")) == (0, 0)
    assert shown == b"\r\x1b[K7 records\r\x1b[K"
