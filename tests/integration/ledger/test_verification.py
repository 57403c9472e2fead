"""A superuser may switch everything off and write what they like. What a chain can show, it shows; the rest is for heads that
were signed or anchored, each deed with the guard that catches it.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.errors import ContextMissingError, CouldNotLookError, RefusedError, ToolMissingError
from pointsctl.files import write_private
from pointsctl.ledger.anchors import name_of, read_anchor, written
from pointsctl.ledger.signing import sign
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import EMPTY, Draft, Head, Kind
from pointsctl.sandbox.databases import OWNER
from pointsctl.workflow.anchor_ledger import anchor_ledger
from pointsctl.workflow.export_ledger import Export
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.open_store import open_store
from pointsctl.workflow.verify_ledger import Request, verify_database
from tests.support.audits import execute
from tests.support.keys import make_key, trust_folder
from tests.support.ledger_bulk import fill
from tests.support.ledgers import SEED, install
from tests.support.servers import Server
from tests.support.signed_ledgers import (
    NAME,
    RECOMPUTE,
    VARIABLES,
    SignedLedger,
    named,
    unguarded,
    verify_exported,
)


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedLedger]:
    """A ledger of eight records: installed, pinned, policy (1-3), a note (4), signed by ada (5), notes (6-7), by grace (8)."""
    with server.database() as name:
        made = SignedLedger(tmp_path_factory.mktemp("signed"), server.cluster.url(name, OWNER))
        made.note()
        made.attest("ada")
        made.note()
        made.note()
        made.attest("grace")
        execute(
            server.cluster.url(name), "create schema kept", "create table kept.audit as table public.migration_audit"
        )
        yield made


@pytest.fixture
def superuser(server: Server, made: SignedLedger) -> str:
    """The URL of the superuser in the same database."""
    return server.cluster.url(made.database)


@pytest.fixture
def ledger(made: SignedLedger, superuser: str, tmp_path: Path) -> SignedLedger:
    """The ledger as it was made, in a folder of its own."""
    rewrite(superuser, "delete from public.migration_audit", "insert into public.migration_audit table kept.audit")
    return made.copied_to(tmp_path)


def export(ledger: SignedLedger) -> Path:
    """The ledger as a file."""
    with Ledger(ledger.url) as opened:
        write_private(ledger.folder / "ledger.jsonl", "".join(Export(opened).lines()))
    return ledger.folder / "ledger.jsonl"


def rewrite(superuser: str, *statements: str) -> None:
    with unguarded(superuser) as connection:
        for statement in statements:
            connection.execute(statement.encode())


BODY = "update public.migration_audit set body = replace(body, 'nothing unusual', 'all is well') where seq = 4"
NOTE = "update public.migration_audit set notes = 'all is well' where seq = 4"
HASH = "update public.migration_audit set hash = encode(sha256(convert_to(previous_hash || body, 'UTF8')), 'hex') where seq = 4"


def test_a_whole_ledger(ledger: SignedLedger) -> None:
    verified = ledger.verify()
    assert (verified.whole, verified.records, verified.signatures) == (True, 8, 2)
    assert (verified.head, verified.exit_code, verified.fixed) == (ledger.head(), 0, 7)


def test_what_an_operator_types_is_part_of_the_chain(ledger: SignedLedger) -> None:
    execute(ledger.url, SEED)
    assert (ledger.verify().whole, ledger.verify().records) == (True, 9)


# ---------------------------------------------------------------------------------------------------------------------
# Rows


@pytest.mark.parametrize(
    ("deed", "names"),
    [
        ([BODY], [("altered", 4, 4)]),
        ([NOTE], [("columns-differ", 4, 4)]),
        ([BODY, NOTE], [("altered", 4, 4)]),
        ([BODY, NOTE, HASH], [("rewritten", 4, 4), ("rewritten", 1, 4)]),
        (["update public.migration_audit set recorded_at = now() where seq = 6"], [("columns-differ", 6, 6)]),
        (["update public.migration_audit set role = 'eve' where seq = 6"], [("columns-differ", 6, 6)]),
        (["update public.migration_audit set body = 'no JSON' where seq = 6"], [("altered", 6, 6)]),
        (["delete from public.migration_audit where seq = 6"], [("removed", 6, 6)]),
        (["delete from public.migration_audit where seq in (6, 7)"], [("removed", 6, 7)]),
        (
            ["update public.migration_audit set seq = 13 - seq where seq in (6, 7)"],
            [("reordered", 6, 6), ("reordered", 7, 7)],
        ),
        (
            ["insert into public.migration_audit select * from public.migration_audit where seq = 6"],
            [("inserted", 6, 6)],
        ),
    ],
)
def test_each_deed_is_named_once(
    ledger: SignedLedger, superuser: str, deed: list[str], names: list[tuple[str, int, int]]
) -> None:
    rewrite(superuser, *deed)
    verified = ledger.verify()
    assert [one for one in named(verified) if one[0] != "rewritten" or one in names] == sorted(
        names, key=lambda one: one[1:]
    )
    assert verified.exit_code == 1


def test_the_first_record_removed(ledger: SignedLedger, superuser: str) -> None:
    rewrite(superuser, "delete from public.migration_audit where seq = 1")
    assert ("removed", 1, 1) in named(ledger.verify())


def test_everything_removed(ledger: SignedLedger, superuser: str) -> None:
    rewrite(superuser, "delete from public.migration_audit")
    assert named(ledger.verify()) == [("removed", 1, 1)]


def test_triggers_that_are_off_are_damage_though_every_record_is_whole(ledger: SignedLedger, superuser: str) -> None:
    execute(superuser, "alter table public.migration_audit disable trigger user")
    verified = ledger.verify()
    assert (named(verified), verified.exit_code) == ([], 1)
    assert any("migration_audit_append" in difference for difference in verified.table)


# ---------------------------------------------------------------------------------------------------------------------
# A chain computed anew, a cut tail


def test_a_rewritten_chain_is_caught_by_a_signature_that_was_made_later(ledger: SignedLedger, superuser: str) -> None:
    rewrite(superuser, BODY, NOTE, RECOMPUTE)
    (damage,) = ledger.verify().damages
    assert (damage.what.value, damage.seq, damage.until) == ("rewritten", 1, 4)
    assert "the statement in record 5 and 1 more" in damage.expected


def test_a_rewritten_chain_is_caught_by_an_anchor(ledger: SignedLedger, superuser: str) -> None:
    ledger.note()
    done = ledger.anchor()
    rewrite(
        superuser,
        "update public.migration_audit set notes = 'x', body = replace(body, 'nothing unusual', 'x') where seq = 9",
        RECOMPUTE,
    )
    # By itself the chain is whole, and so is every signature in it.
    assert verify_exported(export(ledger)).whole
    (damage,) = ledger.verify().damages
    assert (damage.what.value, damage.seq, damage.until) == ("rewritten", 8, 9)
    assert done.name in damage.expected


def test_a_cut_tail_is_caught_by_an_anchor_and_by_nothing_else(ledger: SignedLedger, superuser: str) -> None:
    done = ledger.anchor()
    rewrite(superuser, "delete from public.migration_audit where seq > 6")
    without = ledger.verify(store="")
    assert (without.whole, without.fixed, without.head.seq) == (True, 4, 6)
    (damage,) = ledger.verify().damages
    assert (damage.what.value, damage.seq, damage.until) == ("truncated", 7, 8)
    assert done.name in damage.expected


def test_a_rewritten_or_cut_chain_is_caught_by_a_head_that_somebody_noted(ledger: SignedLedger, superuser: str) -> None:
    head = ledger.head()
    assert ledger.verify(heads=(head,)).fixed == 8
    rewrite(superuser, "delete from public.migration_audit where seq = 8")
    assert named(ledger.verify(heads=(head,))) == [("truncated", 8, 8)]


# ---------------------------------------------------------------------------------------------------------------------
# Signatures


def append(ledger: SignedLedger, draft: Draft) -> None:
    with Ledger(ledger.url) as opened:
        opened.append(draft)


def last_attested(ledger: SignedLedger) -> tuple[str, str]:
    """The statement and the signature in record 8."""
    with Ledger(ledger.url) as opened:
        row = opened.row(8)
        record = opened.last(Kind.ITEM_ATTESTED)
    assert row
    assert record
    return record.data["statement"], row.signature or ""


def objection(ledger: SignedLedger) -> str:
    """What is said against record 9."""
    (damage,) = ledger.verify().damages
    assert (damage.what.value, damage.seq) == ("signature", 9)
    return damage.found


@pytest.mark.parametrize("kind", ["item.attested", "item.waived", "policy.signed", "plan.created", "plan.decided"])
def test_a_kind_that_must_be_signed_and_is_not(ledger: SignedLedger, kind: str) -> None:
    append(ledger, Draft(Kind(kind), NAME, "ada@example.test", {}))
    assert objection(ledger) == "it is not signed"


def test_a_statement_that_is_recorded_twice(ledger: SignedLedger) -> None:
    text, signature = last_attested(ledger)
    append(ledger, Draft(Kind.ITEM_ATTESTED, NAME, "grace@example.test", {"statement": text}, signature=signature))
    assert objection(ledger) == "it was recorded before: a nonce counts once"


def test_a_statement_of_somebody_else(ledger: SignedLedger) -> None:
    text, signature = last_attested(ledger)
    append(ledger, Draft(Kind.ITEM_ATTESTED, NAME, "ada@example.test", {"statement": text}, signature=signature))
    assert "recorded for" in objection(ledger)


def test_a_statement_of_another_kind(ledger: SignedLedger) -> None:
    text, signature = last_attested(ledger)
    append(ledger, Draft(Kind.ITEM_WAIVED, NAME, "grace@example.test", {"statement": text}, signature=signature))
    assert objection(ledger) == "it holds no statement of its kind"


def test_a_statement_that_was_changed_by_one_byte(ledger: SignedLedger) -> None:
    text, signature = last_attested(ledger)
    changed = text.replace("team.told", "team.tolk")
    append(ledger, Draft(Kind.ITEM_ATTESTED, NAME, "grace@example.test", {"statement": changed}, signature=signature))
    assert "other bytes" in objection(ledger)
    append(
        ledger, Draft(Kind.ITEM_ATTESTED, NAME, "grace@example.test", {"statement": text + "\n"}, signature=signature)
    )
    assert named(ledger.verify()) == [("signature", 9, 9), ("signature", 10, 10)]


def test_a_signature_is_judged_by_the_policy_at_its_place_and_revoked_keys_are_history(ledger: SignedLedger) -> None:
    ledger.replace_policy("ada", revoked=[make_key(ledger.folder / "keys", "grace")])
    verified = ledger.verify()
    assert (verified.whole, verified.signatures) == (True, 3)
    (revoked,) = verified.revoked
    assert (revoked.principal, revoked.number, revoked.first, revoked.last) == ("grace@example.test", 1, 8, 8)


def test_a_signature_after_the_revocation_is_damage(ledger: SignedLedger, tmp_path: Path) -> None:
    trusting = ledger.trust
    ledger.replace_policy("ada", revoked=[make_key(ledger.folder / "keys", "grace")])
    # A laptop on which the revocation was deleted again.
    ledger.trust = trust_folder(
        tmp_path / "other", {"engineering-lead": ["ada@example.test"], "operations-lead": ["grace@example.test"]}
    )
    ledger.attest("grace")
    ledger.trust = trusting
    (damage,) = ledger.verify().damages
    assert (damage.seq, damage.found) == (10, "the key is revoked")


def test_a_policy_that_was_altered_leaves_signatures_that_nobody_can_check(
    ledger: SignedLedger, superuser: str
) -> None:
    rewrite(
        superuser, "update public.migration_audit set body = replace(body, 'ssh-ed25519', 'ssh-ed25518') where seq = 3"
    )
    assert named(ledger.verify()) == [("altered", 3, 3), ("signature", 5, 8)]


def test_a_second_pinned_policy_counts_for_nothing_and_is_named(ledger: SignedLedger, tmp_path: Path) -> None:
    mallory = trust_folder(tmp_path / "mallory", {"engineering-lead": ["mallory@example.test"]})
    trust = load_trust(mallory)
    append(ledger, Draft(Kind.POLICY_PINNED, NAME, "mallory", {"trust": trust.as_json(), "policy": trust.digest}))
    assert "only signatures under it replace it" in objection(ledger)


# ---------------------------------------------------------------------------------------------------------------------
# Going on after a head


def test_going_on_looks_only_at_what_came_later(ledger: SignedLedger) -> None:
    head = ledger.verify().head
    ledger.note()
    ledger.attest("ada")
    verified = ledger.verify(since=head)
    assert (verified.whole, verified.records, verified.signatures, verified.head.seq) == (True, 2, 3, 10)
    assert ledger.verify(since=verified.head).records == 0


def test_going_on_after_a_head_that_was_rewritten(ledger: SignedLedger, superuser: str) -> None:
    head = ledger.verify().head
    ledger.note()
    rewrite(superuser, BODY, NOTE, RECOMPUTE)
    assert named(ledger.verify(since=head)) == [("rewritten", 1, 4)]
    rewrite(superuser, "delete from public.migration_audit where seq > 6")
    assert ledger.verify(since=head).exit_code == 1


def test_going_on_after_a_head_that_nothing_signed_fixes(ledger: SignedLedger, superuser: str) -> None:
    ledger.note()
    head = ledger.verify().head
    ledger.note()
    changed = (
        "update public.migration_audit set notes = 'x', body = replace(body, 'nothing unusual', 'x') where seq = 9"
    )
    rewrite(superuser, changed, RECOMPUTE)
    assert ledger.verify().whole
    (damage,) = ledger.verify(since=head).damages
    assert (damage.seq, damage.until) == (8, 9)
    assert "the head that was verified before" in damage.expected


def test_damage_that_was_told_before_is_not_told_again(ledger: SignedLedger) -> None:
    append(ledger, Draft(Kind.ITEM_ATTESTED, NAME, "ada@example.test", {}))
    head = ledger.verify().head
    ledger.note()
    assert ledger.verify(since=head).whole


# ---------------------------------------------------------------------------------------------------------------------
# Anchors


def test_anchors_are_found_and_counted(ledger: SignedLedger) -> None:
    first, second = ledger.anchor("ada"), ledger.anchor("grace")
    assert (first.head.seq, first.record.seq, second.head.seq) == (8, 9, 9)
    verified = ledger.verify()
    assert (verified.whole, len(verified.anchors.heads), verified.fixed) == (True, 2, 9)


def test_an_anchor_that_is_gone_or_was_changed(ledger: SignedLedger) -> None:
    done = ledger.anchor()
    path = ledger.folder / "store" / done.name
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"not_before", b"not_Before"))
    assert named(ledger.verify()) == [("anchor", 8, 8)]
    path.write_bytes(whole + b"\n")
    assert named(ledger.verify()) == [("anchor", 8, 8)]
    path.rename(path.with_name(path.name.replace("000008", "000007")))
    assert named(ledger.verify()) == [("anchor", 7, 7), ("anchor", 8, 8)]
    path.with_name(path.name.replace("000008", "000007")).unlink()
    assert named(ledger.verify()) == [("anchor", 8, 8)]


def test_an_anchor_by_a_key_that_the_policy_does_not_know(ledger: SignedLedger, tmp_path: Path) -> None:
    genuine = ledger.trust
    ledger.trust = trust_folder(tmp_path / "mallory", {"engineering-lead": ["mallory@example.test"]})
    with pytest.raises(RefusedError):
        ledger.anchor("mallory")
    ledger.trust = genuine
    assert not (ledger.folder / "store").exists()


def test_an_anchor_that_was_forged_in_the_store_proves_nothing_and_is_named(ledger: SignedLedger) -> None:
    done = ledger.anchor()
    store = open_store(ledger.store)
    genuine = read_anchor(done.name, store.get(done.name, 10_000))
    head = Head(7, "ab" * 32)
    text = genuine.text.replace(done.head.hash, head.hash).replace('"seq":8', '"seq":7')
    forged = sign(text, make_key(ledger.folder / "keys", "mallory"), VARIABLES)
    store.put(name_of(NAME, head), written(text, forged))
    (damage,) = ledger.verify().damages
    assert (damage.what.value, damage.seq) == ("anchor", 7)
    assert "a key that is not in allowed_signers" in damage.found
    store.put(name_of(NAME, Head(7, "cd" * 32)), written(text.replace("ab" * 32, "cd" * 32), genuine.signature))
    assert [one[:2] for one in named(ledger.verify())] == [("anchor", 7), ("anchor", 7)]
    assert "other bytes" in list(ledger.verify().damages)[1].found


def test_anchors_that_were_made_and_cannot_be_read_are_no_pass(ledger: SignedLedger) -> None:
    ledger.anchor()
    for store in ("", (ledger.folder / "elsewhere").as_uri(), "s3://bucket/prefix"):
        with pytest.raises(CouldNotLookError, match="1 anchor was made, and it cannot be read"):
            ledger.verify(store=store)


def test_without_anchors_it_is_said(ledger: SignedLedger) -> None:
    assert ledger.verify(store="").anchors.note == "no store is configured"
    assert "there is no folder" in ledger.verify().anchors.note
    open_store(ledger.store).put("anchors/production/x", b"")
    assert "there is no anchor in" in ledger.verify().anchors.note


def test_an_anchor_that_was_kept_and_not_recorded_is_recorded_by_the_next_one(ledger: SignedLedger) -> None:
    done = ledger.anchor()
    store = open_store(ledger.store)
    head = ledger.head()
    with Ledger(ledger.url) as opened:

        class Failing(type(store)):  # type: ignore[misc]  # the store of this test
            def put(self, name: str, data: bytes) -> None:
                super().put(name, data)
                raise ConnectionError

        with pytest.raises(ConnectionError):
            anchor_ledger(opened, NAME, Failing.open(ledger.store), ledger.means("ada"))
    assert ledger.head() == head
    again = ledger.anchor("grace")
    assert (again.head, again.principal, again.record.seq) == (head, "ada@example.test", 10)
    assert ledger.verify().whole
    assert done.name != again.name


def test_something_else_in_the_place_of_an_anchor_is_left_alone(ledger: SignedLedger) -> None:
    head = ledger.head()
    name = f"anchors/{NAME}/{head.seq:012d}-{head.hash[:16]}.json"
    open_store(ledger.store).put(name, b"{}")
    with pytest.raises(Exception, match="not an anchor"):
        ledger.anchor()
    assert (ledger.head(), open_store(ledger.store).get(name, 10)) == (head, b"{}")


# ---------------------------------------------------------------------------------------------------------------------
# Which ledger


def test_no_ledger_is_no_whole_one(tmp_path: Path, empty_database_url: str) -> None:
    with pytest.raises(ContextMissingError):
        verify_database(
            NAME, Environment(database_url=empty_database_url), "", Request(EMPTY, (), VARIABLES), lambda _: None
        )


def test_the_whole_ledger_of_another_environment_is_refused(ledger: SignedLedger) -> None:
    with pytest.raises(RefusedError, match="production"):
        verify_database(
            "production", Environment(database_url=ledger.url), "", Request(EMPTY, (), VARIABLES), lambda _: None
        )


def test_without_ssh_keygen_nothing_is_known(ledger: SignedLedger, tmp_path: Path) -> None:
    request = Request(EMPTY, (), {"PATH": str(tmp_path)})
    with pytest.raises(ToolMissingError):
        verify_database(NAME, Environment(database_url=ledger.url), "", request, lambda _: None)


def test_an_adopted_copy_is_judged_by_what_was_pinned_at_each_place(server: Server, ledger: SignedLedger) -> None:
    with server.database(ledger.database) as name:
        ledger.url = server.cluster.url(name, OWNER)
        with pytest.raises(RefusedError):
            ledger.verify()
        install(ledger.url, NAME, trust=ledger.trust, adopt=True)
        ledger.attest("ada")
        verified = ledger.verify()
        assert (verified.whole, verified.signatures) == (True, 3)


# ---------------------------------------------------------------------------------------------------------------------
# Files


@pytest.fixture
def exported(ledger: SignedLedger) -> Path:
    """The ledger as a file."""
    ledger.replace_policy("ada", revoked=[make_key(ledger.folder / "keys", "grace")])
    ledger.note()
    return export(ledger)


def test_an_exported_ledger_is_as_good_as_the_database(ledger: SignedLedger, exported: Path) -> None:
    there, here = ledger.verify(), verify_exported(exported)
    assert here.whole
    assert (here.records, here.head, here.signatures, here.revoked, here.fixed) == (
        (there.records, there.head, there.signatures, there.revoked, there.fixed)
    )


def test_an_exported_ledger_that_was_touched(exported: Path) -> None:
    lines = exported.read_text().splitlines(keepends=True)

    def deeds(*kept: str) -> list[tuple[str, int, int]]:
        exported.write_text("".join(kept))
        return named(verify_exported(exported))

    assert deeds(*lines[:5], *lines[6:]) == [("removed", 6, 6)]
    assert deeds(*lines[:5], lines[6], lines[5], *lines[7:]) == [("reordered", 6, 6)]
    assert deeds(*lines[:5], "junk\n", *lines[6:]) == [("unreadable", 6, 6), ("removed", 6, 6)]
    assert deeds() == [("removed", 1, 1)]
    assert deeds(*lines[:6], lines[6][:100]) == [("unreadable", 7, 7)]


def test_an_exported_ledger_that_was_cut_at_a_line_end_needs_a_head(ledger: SignedLedger, exported: Path) -> None:
    lines = exported.read_text().splitlines(keepends=True)
    exported.write_text("".join(lines[:8]))
    assert verify_exported(exported).whole
    assert named(verify_exported(exported, heads=(ledger.head(),))) == [("truncated", 9, 10)]
    head = verify_exported(exported).head
    exported.write_text("".join(lines))
    later = verify_exported(exported, since=head)
    assert (later.whole, later.records, later.signatures) == (True, 2, 3)


# ---------------------------------------------------------------------------------------------------------------------
# Many


def test_memory_does_not_grow_with_the_ledger(ledger: SignedLedger, superuser: str) -> None:
    def peak() -> int:
        tracemalloc.start()
        assert ledger.verify().whole
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few = peak()
    fill(superuser, 20_000)
    assert peak() < few + 2_000_000
