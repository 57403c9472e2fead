"""`trust`: the first policy is pinned, every later one is signed for under the one before it, and nothing else counts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pointsctl.errors import RefusedError
from pointsctl.ledger.reading import read_trust_history
from pointsctl.ledger.signing import sign
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.policy import Trust
from pointsctl.model.statement import DatabaseName, HeadName, PolicyStatement
from pointsctl.workflow.install_ledger import Request, install_ledger
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.sign import SigningMeans
from pointsctl.workflow.update_trust import Request as UpdateRequest
from pointsctl.workflow.update_trust import update_trust
from tests.support.cli import Result, pointsctl, write_checklist
from tests.support.keys import make_key, public_key, signer_line, trust_folder

ADA, GRACE, MALLORY = "ada@example.test", "grace@example.test", "mallory@example.test"
ROLES = {"engineering-lead": [ADA], "operations-lead": [GRACE]}
ITEMS = "- {id: team.told, title: Everybody knows, kind: attestation}"
VARIABLES = {"PATH": os.environ["PATH"]}


class Project:
    """A checklist with a trust folder, and an environment `here` whose ledger is installed and has pinned it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.trust = trust_folder(folder, ROLES, updates=list(ROLES))
        write_checklist(folder, ITEMS)

    def install(self) -> None:
        """What `init --env here` does, without the time that starting a program takes."""
        environment = Environment(database_url=self.url)
        install_ledger(Request("here", environment, self.trust, "1", "a test"), lambda _name, _protected: None)

    def run(self, *arguments: str) -> Result:
        return pointsctl(*arguments, cwd=self.folder, variables={"DATABASE_URL": self.url})

    def key(self, name: str) -> Path:
        return make_key(self.folder / "keys", name)

    def update(self, name: str, *arguments: str) -> Result:
        return self.run("trust", "update", "--env", "here", "--key", str(self.key(name)), *arguments)

    def show(self) -> Result:
        return self.run("trust", "show", "--env", "here", "--json")

    def add(self, principal: str, role: str = "engineering-lead") -> None:
        """Let one more principal hold the role, in the folder."""
        roles = {**ROLES, role: [*ROLES[role], principal]}
        trust_folder(self.folder, roles, updates=list(ROLES))

    def in_force(self) -> Trust | None:
        with Ledger(self.url) as ledger:
            return read_trust_history(ledger, VARIABLES).trust


@pytest.fixture
def bare(tmp_path: Path, database_url: str) -> Project:
    """Before a policy is pinned."""
    project = Project(tmp_path, database_url)
    kept = shutil.move(project.trust, project.folder / "kept")
    project.install()
    shutil.move(kept, project.trust)
    return project


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    """With the policy of the folder in force."""
    made = Project(tmp_path, database_url)
    made.install()
    return made


def test_the_first_policy_is_pinned_on_first_use_and_says_so(bare: Project) -> None:
    assert bare.show().code == 3
    done = bare.run("trust", "update", "--env", "here", "--json")
    assert (done.code, done.json["step"], done.json["in_force"]) == (0, "pin", True)
    assert "first use" in done.err
    for signer in bare.show().json["signers"]:
        assert signer["fingerprint"] in done.err
    shown = bare.show()
    assert (shown.code, shown.json["in_force"], shown.json["digest"]) == (0, True, done.json["digest"])


def test_a_protected_environment_is_confirmed_before_anything_is_pinned(bare: Project) -> None:
    checklist = bare.folder / "checklist.yaml"
    text = checklist.read_text(encoding="utf-8").replace("  here:\n", "  here:\n    protected: true\n")
    checklist.write_text(text, encoding="utf-8")
    assert bare.run("trust", "update", "--env", "here").code == 5
    assert bare.in_force() is None
    assert bare.run("trust", "update", "--env", "here", "--confirm", "here").code == 0


def test_a_policy_is_replaced_when_all_roles_have_signed(project: Project) -> None:
    old = project.in_force()
    project.add(MALLORY)
    shown = project.show()
    assert shown.code == 1
    assert any(MALLORY in change for change in shown.json["folder"]["changes"])
    first = project.update("ada", "--json")
    assert (first.code, first.json["missing"]) == (3, {"operations-lead": 1})
    assert first.json["candidates"] == {"operations-lead": [GRACE]}
    assert MALLORY in first.err  # what is signed for is shown before it is signed
    assert project.in_force() == old
    assert project.show().code == 3
    last = project.update("grace", "--json")
    assert (last.code, last.json["in_force"]) == (0, True)
    assert project.in_force() == load_trust(project.trust)
    assert project.show().code == 0
    assert project.update("grace", "--json").json["step"] == "nothing"


def test_signing_twice_is_signing_once(project: Project) -> None:
    project.add(MALLORY)
    first, second = project.update("ada", "--json"), project.update("ada", "--json")
    assert first.json["recorded"] is not None
    assert (second.code, second.json["recorded"]) == (3, None)


def test_another_folder_starts_from_nothing(project: Project) -> None:
    project.add(MALLORY)
    assert project.update("ada").code == 3
    project.add("alan@example.test")
    assert project.update("grace", "--json").json["missing"] == {"engineering-lead": 1}


def test_a_local_edit_makes_no_lead(project: Project) -> None:
    old = project.in_force()
    project.add(MALLORY)
    refused = project.update("mallory")
    assert refused.code == 5
    assert "nobody's in the policy in force" in refused.err
    assert project.in_force() == old


def test_a_key_without_a_say_is_refused_before_anything_is_recorded(tmp_path: Path, database_url: str) -> None:
    project = Project(tmp_path, database_url)
    trust_folder(tmp_path, {**ROLES, "security": [MALLORY]}, updates=list(ROLES))
    project.install()
    project.add("alan@example.test")
    refused = project.update("mallory")
    assert refused.code == 5
    assert "security" in refused.err
    assert records(project, Kind.POLICY_SIGNED) == 0


def test_a_revoked_key_has_no_say(project: Project) -> None:
    two_keys = signer_line(ADA, project.key("ada-two"))
    signers = project.trust / "allowed_signers"
    signers.write_text(signers.read_text(encoding="utf-8") + f"{two_keys}\n", encoding="utf-8")
    (project.trust / "revoked_keys").write_text(f"{public_key(project.key('ada'))}\n", encoding="utf-8")
    assert project.update("ada").code == 3  # the policy in force does not know yet that it is revoked
    assert project.update("grace").code == 0
    revoked = {one["fingerprint"]: one["revoked"] for one in project.show().json["signers"]}
    assert sorted(revoked.values()) == [False, False, True]
    project.add(MALLORY)
    refused = project.update("ada")
    assert refused.code == 5
    assert "revoked" in refused.err
    assert records(project, Kind.POLICY_SIGNED) == 2


def test_the_folder_is_checked_before_anything_else(project: Project) -> None:
    (project.trust / "revoked_keys").write_bytes(b"")
    for result in (project.update("ada"), project.run("trust", "show")):
        assert result.code == 2
        assert "revoked_keys" in result.err
    shown = project.show()
    assert shown.code == 2
    assert "revoked_keys" in shown.json["folder"]["problem"]
    assert shown.json["in_force"]


def test_without_an_environment_the_folder_alone_is_shown(project: Project) -> None:
    shown = project.run("trust", "show")
    assert shown.code == 0
    for text in (ADA, GRACE, "engineering-lead", "1 of 1", "ssh-ed25519"):
        assert text in shown.out


def test_a_starter_folder_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    write_checklist(tmp_path, ITEMS)
    variables = {"DATABASE_URL": "postgresql://"}
    assert pointsctl("trust", "init", cwd=tmp_path, variables=variables).code == 0
    shown = pointsctl("trust", "show", cwd=tmp_path, variables=variables)
    assert shown.code == 2
    assert "no signer" in shown.err
    lines = (tmp_path / "trust" / "allowed_signers").read_text(encoding="utf-8")
    names = ("lead", "operator")
    keys = "\n".join(signer_line(f"{name}@example.test", make_key(tmp_path, name)) for name in names)
    (tmp_path / "trust" / "allowed_signers").write_text(f"{lines}{keys}\n", encoding="utf-8")
    assert pointsctl("trust", "show", cwd=tmp_path, variables=variables).code == 0
    assert pointsctl("trust", "init", cwd=tmp_path, variables=variables).code == 5


def test_the_usual_key_is_found(project: Project) -> None:
    project.add(MALLORY)
    make_key(project.folder / ".ssh", "id_rsa")  # nobody's
    shutil.copy(project.key("ada"), project.folder / ".ssh" / "id_ed25519")
    assert project.run("trust", "update", "--env", "here", "--json").json["principal"] == ADA


class TestMeanwhile:
    """While a person reads what is about to change, somebody else changes it."""

    def update(self, project: Project, key: str, meanwhile: Callable[[], None]) -> None:
        means = SigningMeans(project.key(key), project.folder, VARIABLES, False, lambda: os.urandom(16).hex())
        request = UpdateRequest("here", project.trust, "a test", means, timedelta(days=1))
        with Ledger(project.url) as ledger:
            update_trust(ledger, request, lambda _update: meanwhile())

    def test_the_first_policy_that_was_pinned_stays(self, bare: Project) -> None:
        first = load_trust(bare.trust)

        def meanwhile() -> None:
            with Ledger(bare.url) as ledger:
                data = {"trust": first.as_json(), "policy": first.digest}
                ledger.append(Draft(Kind.POLICY_PINNED, "here", "somebody", data))

        with pytest.raises(RefusedError, match="in the meantime"):
            self.update(bare, "ada", meanwhile)
        assert records(bare, Kind.POLICY_PINNED) == 1

    def test_a_signature_for_replacing_a_policy_that_is_gone_does_not_count(self, project: Project) -> None:
        project.add(MALLORY)

        def meanwhile() -> None:
            assert project.update("ada").code == 3
            assert project.update("grace").code == 0

        # The folder is read before; what is signed for replaces a policy that is in force no more.
        with pytest.raises(RefusedError, match="does not count"):
            self.update(project, "ada", meanwhile)
        assert project.show().code == 0


def records(project: Project, kind: Kind) -> int:
    with Ledger(project.url) as ledger:
        return sum(1 for _ in ledger.rows(kinds=[kind]))


class TestForged:
    """What somebody who may write into the ledger appends by hand changes nothing."""

    def forge(self, project: Project, key: str, applied_by: str, **changes: Any) -> str:
        """Record a signature for the folder's trust; why it does not count, or an empty text."""
        trust = load_trust(project.trust)
        with Ledger(project.url) as ledger:
            in_force = read_trust_history(ledger, VARIABLES).trust
            assert in_force is not None
            identity, head, now = ledger.identity(), ledger.head(), ledger.now()
            database = DatabaseName(
                system_identifier=identity.system_identifier,
                database_oid=identity.database_oid,
                database=identity.database,
            )
            values: dict[str, Any] = {
                "environment": "here",
                "database": database,
                "principal": applied_by,
                "not_before": now,
                "expires_at": None,
                "head": HeadName(seq=head.seq, hash=head.hash),
                "nonce": os.urandom(16).hex(),
                "replaces": in_force.digest,
                "policy": trust.digest,
                **changes,
            }
            text = PolicyStatement(**values).text()
            signature = sign(text, project.key(key), VARIABLES)
            data = {"statement": text, "trust": trust.as_json()}
            record = ledger.append(Draft(Kind.POLICY_SIGNED, "here", applied_by, data, signature=signature))
            history = read_trust_history(ledger, VARIABLES)
            assert history.trust == in_force
            return dict(history.refused).get(record.seq, "")

    @pytest.fixture
    def edited(self, project: Project) -> Project:
        project.add(MALLORY)
        return project

    def test_a_true_one_counts(self, edited: Project) -> None:
        assert self.forge(edited, "ada", ADA) == ""

    def test_signed_with_another_key(self, edited: Project) -> None:
        assert "not in allowed_signers" in self.forge(edited, "mallory", ADA)
        assert "not in allowed_signers" in self.forge(edited, "mallory", MALLORY)
        assert ADA in self.forge(edited, "grace", ADA)

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"environment": "there"}, "another environment"),
            ({"replaces": "ab" * 32}, "another policy"),
            ({"policy": "ab" * 32}, "another policy"),
            ({"not_before": "2999-01-01T00:00:00Z"}, "before the time"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expired"),
        ],
    )
    def test_bound_to_something_else(self, edited: Project, changes: dict[str, Any], why: str) -> None:
        assert why in self.forge(edited, "ada", ADA, **changes)

    def test_bound_to_a_head_that_never_was(self, edited: Project) -> None:
        """Somebody signed for another chain than this one: it cannot be told from a chain that was rewritten since."""
        with pytest.raises(RefusedError, match="rewritten"):
            self.forge(edited, "ada", ADA, head=HeadName(seq=1, hash="ab" * 32))

    def test_bound_to_another_database(self, edited: Project) -> None:
        other = DatabaseName(system_identifier="1", database_oid=1, database="other")
        assert "database" in self.forge(edited, "ada", ADA, database=other)

    def test_a_nonce_counts_once(self, edited: Project) -> None:
        assert self.forge(edited, "ada", ADA, nonce="ab" * 16) == ""
        assert "nonce" in self.forge(edited, "ada", ADA, nonce="ab" * 16)

    def test_in_the_name_of_somebody_else(self, edited: Project) -> None:
        assert f"the key of '{ADA}'" in self.forge(edited, "ada", ADA, principal=GRACE)
        assert "recorded for" in self.forge(edited, "grace", ADA, principal=GRACE)

    def test_a_policy_pinned_again_replaces_nothing(self, edited: Project) -> None:
        before, trust = edited.in_force(), load_trust(edited.trust)
        with Ledger(edited.url) as ledger:
            data = {"trust": trust.as_json(), "policy": trust.digest}
            record = ledger.append(Draft(Kind.POLICY_PINNED, "here", "mallory", data))
            history = read_trust_history(ledger, VARIABLES)
        assert history.trust == before
        assert "signatures" in dict(history.refused)[record.seq]

    def test_an_altered_pin_is_noticed(self, edited: Project, admin_url: str) -> None:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE public.migration_audit DISABLE TRIGGER USER")
            changed = connection.execute(
                "UPDATE public.migration_audit SET body = replace(body, 'ada@', 'eve@') WHERE kind = 'policy.pinned'"
            ).rowcount
        assert changed == 1
        with pytest.raises(RefusedError, match="altered"):
            edited.in_force()
