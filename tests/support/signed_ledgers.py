"""A ledger with a policy, people who sign, and a store for anchors; and a superuser who switches the triggers off."""

from __future__ import annotations

import copy
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import EMPTY, Draft, Head, Kind, Record
from pointsctl.model.statement import AttestationStatement, ItemReference, PolicyStatement
from pointsctl.postgres.connection import Connection, connect, parse_url
from pointsctl.workflow.anchor_ledger import Anchored, anchor_ledger
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.open_store import open_store
from pointsctl.workflow.sign import SigningMeans, sign_statement
from pointsctl.workflow.verify_ledger import Request, Verified, verify_database, verify_file
from tests.support.keys import make_key, trust_folder
from tests.support.ledgers import install

ADA, GRACE = "ada@example.test", "grace@example.test"
NAME = "staging"
VARIABLES = {"PATH": os.environ["PATH"]}


class SignedLedger:
    """The ledger of one database: installed, pinned, with ada as engineering lead and grace as operations lead."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.trust = trust_folder(folder, {"engineering-lead": [ADA], "operations-lead": [GRACE]})
        self.store = (folder / "store").as_uri()
        install(url, NAME, trust=self.trust)

    @property
    def database(self) -> str:
        """The name of its database."""
        return str(parse_url(self.url)["dbname"])

    def copied_to(self, folder: Path) -> SignedLedger:
        """The same ledger, with a copy of the trust folder and the keys, and a store that is empty."""
        copied = copy.copy(self)
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copied.folder, copied.trust, copied.store = folder, folder / "trust", (folder / "store").as_uri()
        return copied

    def means(self, person: str) -> SigningMeans:
        """What a person signs with."""
        key = make_key(self.folder / "keys", person)
        return SigningMeans(key, self.folder, VARIABLES, terminal=False, new_nonce=lambda: uuid.uuid4().hex)

    def note(self, text: str = "nothing unusual") -> Record:
        """Append a record that nobody signs."""
        with Ledger(self.url) as ledger:
            return ledger.append(Draft(Kind.MIGRATION_NOTED, NAME, ADA, {}, notes=text))

    def attest(self, person: str = "ada", item: str = "team.told") -> Record:
        """Append a record that a person signs."""
        reference = ItemReference(id=item, definition="ab" * 32)
        with Ledger(self.url) as ledger:
            signed = sign_statement(
                ledger,
                NAME,
                load_trust(self.trust),
                self.means(person),
                lambda bindings: AttestationStatement(**bindings, items=(reference,)),
                valid_for=timedelta(hours=1),
            )
            principal, data = signed.statement.principal, {"statement": signed.text}
            return ledger.append(
                Draft(Kind.ITEM_ATTESTED, NAME, principal, data, item=item, signature=signed.signature)
            )

    def replace_policy(self, person: str = "ada", **changed: object) -> Record:
        """Sign for a trust folder that was changed, and record it; one signature is enough here."""
        old = load_trust(self.trust)
        new = load_trust(trust_folder(self.folder, {"engineering-lead": [ADA], "operations-lead": [GRACE]}, **changed))  # type: ignore[arg-type]  # handed on
        with Ledger(self.url) as ledger:
            signed = sign_statement(
                ledger,
                NAME,
                old,
                self.means(person),
                lambda bindings: PolicyStatement(**bindings, replaces=old.digest, policy=new.digest),
                valid_for=timedelta(hours=1),
            )
            data = {"statement": signed.text, "trust": new.as_json()}
            principal = signed.statement.principal
            return ledger.append(Draft(Kind.POLICY_SIGNED, NAME, principal, data, signature=signed.signature))

    def anchor(self, person: str = "ada") -> Anchored:
        """Anchor the head."""
        with Ledger(self.url) as ledger:
            return anchor_ledger(ledger, NAME, open_store(self.store), self.means(person))

    def verify(self, *, since: Head = EMPTY, heads: tuple[Head, ...] = (), store: str | None = None) -> Verified:
        """Verify it, with the anchors in its store."""
        request = Request(since, heads, VARIABLES)
        environment = Environment(database_url=self.url)
        return verify_database(NAME, environment, self.store if store is None else store, request, lambda _: None)

    def head(self) -> Head:
        """The last record."""
        with Ledger(self.url) as ledger:
            return ledger.head()


def verify_exported(path: Path, *, since: Head = EMPTY, heads: tuple[Head, ...] = ()) -> Verified:
    """Verify a file."""
    return verify_file(path, Request(since, heads, VARIABLES), lambda _: None)


def named(verified: Verified) -> list[tuple[str, int, int]]:
    """What is damaged: what, and from which record to which."""
    return [(damage.what.value, damage.seq, damage.until) for damage in verified.damages]


@contextmanager
def unguarded(admin_url: str) -> Iterator[Connection]:
    """A superuser with all triggers and constraints out of the way; the triggers are as they were afterwards."""
    with connect(admin_url, autocommit=False) as connection:
        connection.execute("alter table public.migration_audit disable trigger user")
        connection.execute(
            "alter table public.migration_audit drop constraint if exists migration_audit_pkey,"
            " drop constraint if exists migration_audit_previous_hash_key, drop constraint if exists migration_audit_hash_key"
        )
        yield connection
        for name, column in (("hash_key", "hash"), ("previous_hash_key", "previous_hash")):
            if _unique(connection, column):
                connection.execute(
                    f"alter table public.migration_audit add constraint migration_audit_{name} unique ({column})"
                )
        if _unique(connection, "seq"):
            connection.execute(
                "alter table public.migration_audit add constraint migration_audit_pkey primary key (seq)"
            )
        for name in ("append", "refuse"):
            connection.execute(f"alter table public.migration_audit enable always trigger migration_audit_{name}")


def _unique(connection: Connection, column: str) -> bool:
    row = connection.execute(f"select count(*) = count(distinct {column}) from public.migration_audit").fetchone()
    return bool(row and row[0])


RECOMPUTE = """
do $$
declare
    v_row record;
    v_previous text := repeat('0', 64);
begin
    for v_row in select seq, body from public.migration_audit order by seq loop
        update public.migration_audit
        set previous_hash = v_previous, hash = encode(sha256(convert_to(v_previous || v_row.body, 'UTF8')), 'hex')
        where seq = v_row.seq returning hash into v_previous;
    end loop;
end;
$$
"""
"""The whole chain computed anew over the bodies that are there."""
