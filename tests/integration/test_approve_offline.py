"""A decision that travels in a file: signed without a database, recorded only if it would count had it been signed here."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pointsctl.errors import PointsctlError, RefusedError, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import Verdict
from pointsctl.model.approval_file import ApprovalFileError, approval_file
from pointsctl.model.plan import PlanError
from pointsctl.model.statement import Decision
from pointsctl.workflow.approve_offline import Asked, Request, approve_offline
from pointsctl.workflow.import_approval import Imported, import_approvals
from tests.support.approvals import ADA, ENGINEERING, GRACE, OPERATIONS
from tests.support.leads import NAME, VARIABLES, Leads


class Desk:
    """A machine without a database: a plan's file, and keys."""

    def __init__(self, leads: Leads) -> None:
        self.leads = leads
        self.file = leads.folder / "plan.json"
        self.file.write_text(leads.plan_file().text(), encoding="utf-8")

    def sign(self, person: str, role: str | None = None, *, reject: bool = False, **changed: Any) -> Path:
        output = self.leads.folder / f"{person}.json"
        values: dict[str, Any] = {
            "plan_file": self.file,
            "output": output,
            "role": role,
            "decision": Decision.REJECT if reject else Decision.APPROVE,
            "comment": "not like this" if reject else "",
            "means": self.leads.means(person),
            "now": datetime.now(UTC),
        }
        approve_offline(Request(**{**values, **changed}), lambda _: None)
        return output

    def bring(self, *paths: Path) -> tuple[Imported, ...]:
        with Ledger(self.leads.url) as ledger:
            return import_approvals(ledger, NAME, paths, lambda: self.leads.look(ledger), VARIABLES)

    def refusal(self, path: Path) -> str:
        (one,) = self.bring(path)
        assert one.decided is None
        assert one.refusal is not None
        return one.refusal.message


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Desk:
    leads = Leads(tmp_path, database_url)
    leads.plan()
    return Desk(leads)


def test_files_are_signed_and_recorded(desk: Desk) -> None:
    paths = [desk.sign("ada"), desk.sign("grace")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    assert desk.leads.verdict() is Verdict.WAITING
    desk.leads.approve("ada")  # who is at a desk with a database does not wait
    done = desk.bring(*paths)
    assert all(one.decided for one in done)
    assert desk.leads.verdict() is Verdict.APPROVED
    assert [one.statement.principal for one in desk.leads.standings().values()] == [ADA, ADA, GRACE]
    assert "nonce" in desk.refusal(paths[0])  # a file counts once


def test_a_rejection_travels_too(desk: Desk) -> None:
    path = desk.sign("edsger", OPERATIONS, reject=True)
    desk.leads.approve("ada")
    desk.leads.approve("grace")
    desk.bring(path)
    assert desk.leads.verdict() is Verdict.REFUSED


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_wrong_is_no_obstacle(desk: Desk, minutes: int) -> None:
    path = desk.sign("ada", now=datetime.now(UTC) + timedelta(minutes=minutes))
    assert desk.bring(path)[0].decided


def test_a_clock_that_is_wrong_is_noticed(desk: Desk) -> None:
    ahead = desk.sign("ada", now=datetime.now(UTC) + timedelta(minutes=15))
    assert "before the time that it names" in desk.refusal(ahead)
    with pytest.raises(RefusedError, match="this machine's clock"):
        desk.sign("ada", now=datetime.now(UTC) - timedelta(minutes=15))
    with pytest.raises(RefusedError, match="could be deployed until"):
        desk.sign("ada", now=datetime.now(UTC) + timedelta(days=30))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_a_plan_file_of_the_end_of_time_gives_nothing_that_counts(desk: Desk, moment: str) -> None:
    document = json.loads(desk.file.read_text(encoding="utf-8"))
    desk.file.write_text(json.dumps({**document, "now": moment}), encoding="utf-8")
    if moment.startswith("9999"):
        with pytest.raises(RefusedError, match="this machine's clock"):
            desk.sign("ada")
    else:
        assert desk.bring(desk.sign("ada"))[0].decided


def test_what_happened_since_is_seen_when_it_is_recorded(desk: Desk) -> None:
    ada, grace = desk.sign("ada"), desk.sign("grace")
    migration = desk.leads.migration
    text = migration.read_text(encoding="utf-8")
    migration.write_text("drop table public.coupons;\n", encoding="utf-8")
    assert migration.name in desk.refusal(ada)
    migration.write_text(text, encoding="utf-8")
    desk.leads.approve("edsger", OPERATIONS)
    desk.leads.approve("ada")
    desk.leads.approve("edsger", OPERATIONS, reject=True, comment="second thoughts")
    assert "second thoughts" in desk.refusal(grace)
    desk.leads.plan(not_after="40h")
    assert "newest" in desk.refusal(grace)
    assert len(desk.leads.standings()) == 3


def test_refused_before_it_is_signed(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not hold"):
        desk.sign("ada", OPERATIONS)
    with pytest.raises(RefusedError, match="nobody's in the policy"):
        desk.sign("mallory")
    with pytest.raises(UsageError, match="in which role"):
        desk.sign("edsger")
    with pytest.raises(UsageError, match="does not exist"):
        desk.sign("ada", plan_file=tmp_path / "nothing")
    with pytest.raises(RefusedError, match="does not exist"):
        desk.sign("ada", migrations=tmp_path)
    desk.sign("ada", migrations=desk.leads.migrations)
    desk.leads.migration.write_text("select 1;\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="planned was"):
        desk.sign("ada", migrations=desk.leads.migrations)


def test_the_author_of_a_plan_in_a_file(desk: Desk) -> None:
    desk.leads.plan(authors=(ADA,))
    desk.file.write_text(desk.leads.plan_file().text(), encoding="utf-8")
    with pytest.raises(RefusedError, match="author"):
        desk.sign("ada")


@pytest.mark.parametrize(
    ("old", "new"), [(OPERATIONS, "operations-lea"), ('"threshold":1', '"threshold":2'), ('":', '": ')]
)
def test_a_plan_file_that_was_changed_is_not_signed_or_not_recorded(desk: Desk, old: str, new: str) -> None:
    text = desk.file.read_text(encoding="utf-8")
    assert old in text
    desk.file.write_text(text.replace(old, new), encoding="utf-8")
    try:
        path = desk.sign("ada")
    except (PlanError, RefusedError):
        return
    assert (new == '": ') is bool(desk.bring(path)[0].decided)  # blanks mean nothing, and are in no digest


def test_what_is_shown_is_what_is_signed(desk: Desk) -> None:
    shown: list[Asked] = []
    output = desk.leads.folder / "out.json"
    request = Request(
        desk.file, output, None, Decision.APPROVE, "looked at", desk.leads.means("ada"), datetime.now(UTC)
    )
    signed = approve_offline(request, shown.append)
    assert (shown[0].principal, shown[0].role) == (ADA, ENGINEERING)
    assert signed.statement.plan == shown[0].file.plan.digest
    assert signed.statement.comment == "looked at"


# ---------------------------------------------------------------------------------------------------------------------
# Files that somebody changed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda value: {**value, "statement": value["statement"] + "\n"}, "cannot be used"),
        (
            lambda value: {**value, "statement": value["statement"].replace('"role":', '"role":"x","role":')},
            "key stands",
        ),
        (lambda value: {**value, "statement": value["statement"].replace('"seq":', '"seq":NaN,"x":')}, "nan is no"),
        (lambda value: {**value, "more": 1}, "other fields"),
        (lambda value: {**value, "signature": None}, "other fields"),
        (lambda value: {**value, "schema": "pointsctl/approval-file/v2"}, "no file of"),
        (lambda value: [value], "no file of"),
    ],
)
def test_a_file_that_pointsctl_would_not_write(desk: Desk, change: Any, why: str) -> None:
    path = desk.sign("ada")
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(ApprovalFileError, match=why):
        desk.bring(path)
    assert desk.leads.standings() == {}


def test_a_file_with_another_statement_or_signature(desk: Desk) -> None:
    path = desk.sign("ada")
    value = json.loads(path.read_text(encoding="utf-8"))
    other = json.loads(desk.sign("grace").read_text(encoding="utf-8"))
    for changed in (
        {**value, "signature": other["signature"]},
        {**value, "statement": value["statement"].replace(ENGINEERING, OPERATIONS)},
        {**value, "signature": value["signature"] + "\n"},
    ):
        path.write_text(json.dumps(changed), encoding="utf-8")
        assert "would not count" in desk.refusal(path)


def test_a_file_of_another_ledger_names_a_head_that_is_not_here(desk: Desk) -> None:
    statement = desk.leads.statement("ada", ENGINEERING)
    head = statement.head.model_copy(update={"hash": "ab" * 32})
    forged = statement.model_copy(update={"head": head})
    path = desk.leads.folder / "forged.json"
    path.write_text(approval_file(forged, desk.leads.signed(forged, "ada")), encoding="utf-8")
    assert "not in this ledger" in desk.refusal(path)


def test_files_that_cannot_be_read(desk: Desk, tmp_path: Path) -> None:
    good = desk.sign("ada")
    for bad in (tmp_path / "nothing", tmp_path):
        with pytest.raises(PointsctlError):
            desk.bring(good, bad)
    assert desk.leads.standings() == {}  # all files are read before anything is recorded
