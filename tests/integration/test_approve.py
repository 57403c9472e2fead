"""Approving a plan with real keys and a real ledger, and every way in which somebody might get a plan open without it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import Verdict
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.standing import State
from pointsctl.model.statement import ApprovalStatement, Decision, HeadName
from pointsctl.workflow.approve import Asked
from tests.support.approvals import ADA, BARBARA, EDSGER, ENGINEERING, GRACE, OPERATIONS, ROLES, SECURITY
from tests.support.keys import make_key, signer_line, trust_folder
from tests.support.leads import NAME, Leads, later, raw_signature
from tests.support.ledgers import install
from tests.support.signed_ledgers import RECOMPUTE, unguarded

MALLORY = "mallory@example.test"


@pytest.fixture
def leads(tmp_path: Path, database_url: str) -> Leads:
    """A plan is made, nobody has decided yet."""
    made = Leads(tmp_path, database_url)
    made.plan()
    return made


def like(statement: ApprovalStatement, person: str, role: str, **changed: object) -> ApprovalStatement:
    """Another statement at the same moment."""
    fields = {"principal": f"{person}@example.test", "role": role, "nonce": uuid.uuid4().hex, **changed}
    return ApprovalStatement(**{**dict(statement), **fields})


def head(leads: Leads) -> int:
    with Ledger(leads.url) as ledger:
        return ledger.head().seq


# ---------------------------------------------------------------------------------------------------------------------
# As it should be


def test_two_leads_approve_and_every_change_kills_it(leads: Leads) -> None:
    first = leads.approve("ada")
    assert first.decision.statement.role == ENGINEERING
    assert leads.verdict() is Verdict.WAITING
    second = leads.approve("grace")
    assert second.approvals is not None
    assert second.approvals.verdict is Verdict.APPROVED

    text = leads.migration.read_text(encoding="utf-8")
    leads.migration.write_text(text + " ", encoding="utf-8")
    approvals = leads.approvals()
    assert approvals.verdict is Verdict.REFUSED
    assert leads.migration.name in approvals.refusals[0]
    assert [one.statement.principal for one in approvals.died] == [ADA, GRACE]
    leads.migration.write_text(text, encoding="utf-8")
    assert leads.verdict() is Verdict.APPROVED

    folder = leads.trust / "allowed_signers"
    folder.write_text(folder.read_text(encoding="utf-8").replace("ada", "mallory"), encoding="utf-8")
    assert leads.verdict() is Verdict.REFUSED


def test_a_rejection_closes_and_stays(leads: Leads) -> None:
    leads.approve("ada")
    leads.approve("grace")
    done = leads.approve("edsger", OPERATIONS, reject=True, comment="no index on the big table")
    assert done.decision.statement.expires_at is None
    assert leads.verdict() is Verdict.REFUSED
    for person in ("edsger", "grace", "ada"):
        with pytest.raises(RefusedError, match="no index on the big table"):
            leads.approve(person)
    leads.forge(leads.statement("grace", OPERATIONS))
    assert leads.verdict() is Verdict.REFUSED
    leads.plan(not_after="40h")
    assert leads.verdict() is Verdict.WAITING


# ---------------------------------------------------------------------------------------------------------------------
# Put into the ledger by somebody who may insert there: none of it counts, all of it is named


def test_what_is_inserted_without_any_question_asked(leads: Leads, tmp_path: Path) -> None:
    plan = leads.deployment().plan
    assert plan is not None
    seq = plan.signed.record.seq
    good = leads.statement("ada", ENGINEERING)
    text, key = good.text(), leads.key("ada")
    with Ledger(leads.url) as ledger:
        before = ledger.hash_at(seq - 1)
    early = HeadName(seq=seq - 1, hash=before or "")
    far = later(-100)
    database = good.database
    records = {
        "namespace": leads.forge(good, raw_signature(text.encode(), key, tmp_path, "git")),
        "other bytes": leads.forge(good, raw_signature(text.replace(ENGINEERING, OPERATIONS).encode(), key, tmp_path)),
        "line end": leads.forge(good, raw_signature(f"{text}\n".encode(), key, tmp_path)),
        "other key": leads.forge(good, person="edsger"),
        "unknown key": leads.forge(good, person="mallory"),
        "no signature": leads.insert(text, None, applied_by=ADA, plan=good.plan),
        "for somebody else": leads.insert(text, leads.signed(good, "ada"), applied_by=GRACE, plan=good.plan),
        "plan": leads.insert(text, leads.signed(good, "ada"), applied_by=ADA, plan="ff" * 32),
        "environment": leads.forge(like(good, "ada", ENGINEERING, environment="there")),
        "cloned database": leads.forge(
            like(good, "ada", ENGINEERING, database=database.model_copy(update={"database_oid": 1}))
        ),
        "expired": leads.forge(like(good, "ada", ENGINEERING, not_before=far, expires_at=later(-1))),
        "of the future": leads.forge(like(good, "ada", ENGINEERING, not_before=later(1), expires_at=later(2))),
        "back-dated": leads.forge(like(good, "ada", ENGINEERING, head=early)),
        "future head": leads.forge(like(good, "ada", ENGINEERING, head=HeadName(seq=999, hash="ab" * 32))),
        "for ever": leads.forge(like(good, "ada", ENGINEERING, expires_at=None)),
        "too long": leads.forge(like(good, "ada", ENGINEERING, expires_at=later(1000))),
        "role not held": leads.forge(like(good, "ada", OPERATIONS)),
        "role not asked for": leads.forge(like(good, "barbara", SECURITY)),
        "own plan": leads.forge(like(good, "olga", ENGINEERING)),
        "rejection by nobody": leads.forge(like(good, "barbara", SECURITY, decision=Decision.REJECT)),
    }
    approvals, found = leads.approvals(), leads.standings()
    assert approvals.verdict is Verdict.WAITING
    assert [role.filled_by for role in approvals.roles] == [(), ()]
    states = {name: found[record.seq].state.value for name, record in records.items()}
    tampered = dict.fromkeys(records, "tampered")
    others = {
        **dict.fromkeys(("role not held", "role not asked for", "own plan", "rejection by nobody"), "wrong-role"),
    }
    assert states == {**tampered, **others}
    for name, part in {
        "namespace": "namespace 'git'",
        "other bytes": "other bytes",
        "line end": "other bytes",
        "other key": f"the key of '{EDSGER}'",
        "unknown key": "not in allowed_signers",
        "no signature": "not signed",
        "environment": "another environment",
        "cloned database": "another environment or database",
        "expired": "expired when it was recorded",
        "back-dated": "before the plan was made",
        "for ever": "no time at which it expires",
        "too long": "the checklist allows 3d",
    }.items():
        assert part in found[records[name].seq].why, name


def test_a_recorded_approval_counts_once(leads: Leads) -> None:
    first = leads.approve("ada")
    again = leads.forge(first.decision.statement, first.decision.signature)
    assert leads.standings()[again.seq].state is State.TAMPERED
    assert "nonce" in leads.standings()[again.seq].why


def test_an_approval_of_another_plan_is_replayed(leads: Leads) -> None:
    old = leads.approve("ada")
    leads.plan(not_after="40h")
    statement = old.decision.statement.model_copy(update={"nonce": uuid.uuid4().hex})
    leads.forge(statement)  # signed anew, about the plan before
    assert {one.state for one in leads.standings().values()} == {State.SUPERSEDED}
    assert leads.verdict() is Verdict.WAITING


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"role":', '"role":"operations-lead","role":'),
        lambda text: text.replace('"seq":', '"seq":NaN,"x":'),
        lambda text: text.replace(ADA, f"{ADA}\\u001b[2K"),
        lambda text: text.replace('"comment":""', '"comment": ""'),
        lambda text: f"{text}\n",
    ],
    ids=["duplicate key", "NaN", "escape", "blank", "line end"],
)
def test_a_text_that_pointsctl_would_not_write_is_no_statement(leads: Leads, tmp_path: Path, change: object) -> None:
    assert callable(change)
    text = change(leads.statement("ada", ENGINEERING).text())
    record = leads.insert(text, raw_signature(text.encode(), leads.key("ada"), tmp_path), applied_by=ADA)
    deployment = leads.deployment()
    assert deployment.history.decisions == ()
    assert [seq for seq, _ in deployment.history.unreadable] == [record.seq]
    assert leads.verdict() is Verdict.WAITING


def test_two_keys_of_one_person_fill_one_place(tmp_path: Path, database_url: str) -> None:
    leads = Leads(tmp_path, database_url, thresholds={ENGINEERING: 2})
    second = make_key(tmp_path / "keys", "ada-laptop")
    signers = leads.trust / "allowed_signers"
    signers.write_text(f"{signers.read_text(encoding='utf-8')}{signer_line(ADA, second)}\n", encoding="utf-8")
    leads.replace_policy()
    leads.plan()
    leads.approve("ada", ENGINEERING)
    leads.approve("grace")
    statement = leads.statement("ada", ENGINEERING)
    record = leads.forge(statement, raw_signature(statement.text().encode(), second, tmp_path))
    assert leads.standings()[record.seq].state is State.VALID
    role = leads.approvals().role(ENGINEERING)
    assert role is not None
    assert (role.missing, role.candidates) == (1, (EDSGER,))
    leads.approve("edsger", ENGINEERING)
    assert leads.verdict() is Verdict.APPROVED


def test_a_key_that_is_revoked_opens_nothing_and_history_says_since_when(leads: Leads) -> None:
    leads.approve("ada")
    leads.approve("grace")
    trust_folder(leads.folder, ROLES, updates=[ENGINEERING], revoked=[leads.key("grace")])
    leads.replace_policy()
    grace = next(one for one in leads.standings().values() if one.statement.principal == GRACE)
    assert grace.state is State.REVOKED
    assert "counted when it was recorded; its key was revoked since" in grace.why
    leads.plan()
    assert leads.verdict() is Verdict.WAITING
    with pytest.raises(RefusedError, match="the key is revoked"):
        leads.approve("grace", OPERATIONS)
    late = leads.forge(leads.statement("grace", OPERATIONS))
    assert leads.standings()[late.seq].state is State.REVOKED
    (leads.trust / "revoked_keys").write_bytes(b"")
    assert leads.verdict() is Verdict.REFUSED


def test_approvals_after_a_rejection_do_not_count_without_it(leads: Leads, admin_url: str) -> None:
    leads.approve("edsger", OPERATIONS, reject=True, comment="not like this")
    gone = head(leads)
    for person, role in (("ada", ENGINEERING), ("grace", OPERATIONS)):
        leads.forge(leads.statement(person, role))
    with unguarded(admin_url) as connection:
        connection.execute("delete from public.migration_audit where seq = %s", (gone,))
        connection.execute("update public.migration_audit set seq = seq - 1 where seq > %s", (gone,))
        connection.execute(
            "update public.migration_audit set body = replace(body, '\"seq\":' || (seq + 1), '\"seq\":' || seq) where seq >= %s",
            (gone,),
        )
        connection.execute(RECOMPUTE.encode())
    assert all("as the last one before it" in one.why for one in leads.standings().values())
    assert leads.verdict() is not Verdict.APPROVED


def test_a_plan_that_names_another_operator_than_its_signer(leads: Leads) -> None:
    """ada makes a plan, says that olga did, and approves it herself."""
    from pointsctl.model.statement import PlanStatement
    from pointsctl.workflow.sign import sign_statement

    plan = leads.deployment().plan
    assert plan is not None
    forged = plan.plan.model_copy(
        update={
            "content": plan.plan.content.model_copy(update={"not_after": plan.plan.content.not_after + timedelta(1)})
        }
    )
    trust = leads.deployment().history.trust
    assert trust is not None
    with Ledger(leads.url) as ledger:
        signed = sign_statement(
            ledger, NAME, trust, leads.means("ada"), lambda b: PlanStatement(**b, plan=forged.digest), valid_for=None
        )
        data = {"statement": signed.text, "plan": forged.model_dump(mode="json")}
        ledger.append(Draft(Kind.PLAN_CREATED, NAME, ADA, data, plan=forged.digest, signature=signed.signature))
    with pytest.raises(RefusedError, match="signed it"):
        leads.approve("ada")
    leads.forge(leads.statement("ada", ENGINEERING))
    assert [one.state for one in leads.standings().values()] == [State.SELF_APPROVED]
    assert leads.verdict() is Verdict.REFUSED


# ---------------------------------------------------------------------------------------------------------------------
# Refused before anything is signed or recorded


def test_refused_before_it_is_signed(leads: Leads) -> None:
    before = head(leads)
    with pytest.raises(RefusedError, match="holds none of the roles"):
        leads.approve("olga")
    with pytest.raises(RefusedError, match="does not hold the role operations-lead"):
        leads.approve("ada", OPERATIONS)
    with pytest.raises(RefusedError, match="not for security"):
        leads.approve("barbara", SECURITY)
    with pytest.raises(RefusedError, match="nobody's in the policy"):
        leads.approve("mallory")
    with pytest.raises(UsageError, match="in which role"):
        leads.approve("edsger")
    with pytest.raises(UsageError, match="names no plan"):
        leads.approve("ada", plan="ff" * 32)
    with pytest.raises(UsageError, match="too short"):
        leads.approve("ada", plan="ff")
    with pytest.raises(UsageError, match="without a comment"):
        leads.approve("ada", reject=True)
    for comment in ("a\x1b[2Kb", "x" * 1001, "postgresql://ada:hunter2-hunter2@db.example.test/points"):
        with pytest.raises(UsageError, match="comment"):
            leads.approve("ada", comment=comment)
    assert head(leads) == before


def test_an_author_and_the_operator_do_not_approve(leads: Leads) -> None:
    leads.plan(authors=("ADA@example.test",))
    with pytest.raises(RefusedError, match="author"):
        leads.approve("ada")
    leads.plan("edsger")
    with pytest.raises(RefusedError, match="nobody approves their own plan"):
        leads.approve("edsger", ENGINEERING)


def test_one_person_approves_in_one_role(leads: Leads) -> None:
    leads.approve("edsger", OPERATIONS)
    with pytest.raises(RefusedError, match="one person fills one role"):
        leads.approve("edsger", ENGINEERING)


def test_an_older_plan_is_not_approved(leads: Leads) -> None:
    plan = leads.deployment().plan
    assert plan is not None
    leads.plan(not_after="40h")
    with pytest.raises(RefusedError, match="superseded"):
        leads.approve("ada", plan=plan.plan.short)


@pytest.mark.parametrize("what", ["a migration changes", "a newer plan", "a rejection"])
def test_what_happens_while_somebody_reads_the_plan(leads: Leads, what: str) -> None:
    def meanwhile(_asked: Asked) -> None:
        if what == "a migration changes":
            leads.migration.write_text("drop table public.coupons;\n", encoding="utf-8")
        elif what == "a newer plan":
            leads.plan(not_after="40h")
        else:
            leads.approve("edsger", OPERATIONS, reject=True, comment="not like this")

    with pytest.raises(RefusedError):
        leads.approve("ada", consent=meanwhile)
    assert all(one.statement.principal != ADA for one in leads.standings().values())


def test_what_happens_while_somebody_signs(leads: Leads) -> None:
    """Between the last look and the record: the plan is looked at again when nobody else can append."""
    with pytest.raises(RefusedError, match="would not count"):
        leads.approve("ada", meanwhile=lambda: leads.plan(not_after="40h"))
    assert leads.standings() == {}


def test_a_security_review_is_asked_for_by_what_the_migrations_do(leads: Leads) -> None:
    leads.migration.write_text("grant select on public.coupons to anon;\n", encoding="utf-8")
    plan = leads.plan()
    assert plan.content.roles == (ENGINEERING, OPERATIONS, SECURITY)
    leads.approve("ada")
    leads.approve("grace")
    role = leads.approvals().role(SECURITY)
    assert role is not None
    assert role.candidates == (BARBARA,)
    leads.approve("barbara")
    assert leads.verdict() is Verdict.APPROVED


def test_the_ledger_of_a_copy_is_not_the_original(leads: Leads, server: object) -> None:
    """A database restored from this one elsewhere has another identity; what was approved here opens nothing there."""
    leads.approve("ada")
    leads.approve("grace")
    from tests.support.servers import Server

    assert isinstance(server, Server)
    from pointsctl.postgres.connection import parse_url

    with server.database(str(parse_url(leads.url)["dbname"])) as name:
        url = server.cluster.url(name, "postgres")
        install(url, NAME, trust=leads.trust, adopt=True)
        original, leads.url = leads.url, url
        assert leads.deployment().history.plan is None
        leads.url = original
