"""The attestation of an approved plan: only of one that is approved, checkable by itself, and no byte of it is free."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope as Others

from pointsctl.errors import RefusedError
from pointsctl.ledger.signing import sign
from pointsctl.model.canonical import canonical_text
from pointsctl.model.in_toto import Envelope, envelope_text, pre_authentication_encoding, read_envelope
from pointsctl.model.ledger import Head
from pointsctl.model.statement import Decision
from pointsctl.sandbox.databases import OWNER
from pointsctl.workflow.verify_in_toto import VerifiedEnvelope, verify_envelope
from tests.support.evidence import GRACE, MIGRATION, VARIABLES, Project
from tests.support.keys import make_key, ssh_keygen
from tests.support.ledgers import ADA
from tests.support.servers import Server

Change = Callable[[dict[str, Any]], object]


class Attestation:
    """An envelope that was exported once."""

    def __init__(self, project: Project, plan: str) -> None:
        self.project, self.plan = project, plan
        self.done = project.attested()
        self.envelope = read_envelope(self.done.text.encode())
        self.predicate: dict[str, Any] = json.loads(self.envelope.payload)["predicate"]

    def signed(self, change: Change, person: str = "ada") -> str:
        """The envelope with another statement, signed by a key that may: what an issuer can do who means harm."""
        value = json.loads(self.envelope.payload)
        change(value)
        payload = canonical_text(value)
        key = make_key(self.project.folder / "keys", person)
        armored = sign(pre_authentication_encoding(payload), key, VARIABLES)
        return envelope_text(Envelope(payload, self.envelope.keyid, armored))


@pytest.fixture(scope="module")
def attestation(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attestation]:
    folder = tmp_path_factory.mktemp("attestation")
    with server.database() as name:
        project = Project(folder, server.cluster.url(name, OWNER))
        yield Attestation(project, project.story())


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., VerifiedEnvelope]:
    def verified(text: str, *heads: Head, policy: str | None = None) -> VerifiedEnvelope:
        path = tmp_path / "approval.json"
        path.write_text(text, encoding="utf-8")
        return verify_envelope(path, policy, heads, VARIABLES)

    return verified


def test_an_approved_plan(attestation: Attestation, verify: Callable[..., VerifiedEnvelope]) -> None:
    head = Head(**{key: attestation.predicate["ledgerHead"][key] for key in ("seq", "hash")})
    verified = verify(attestation.done.text, head, policy=attestation.predicate["policy"])
    assert verified.whole, verified.differences
    assert verified.approvals is not None
    assert verified.approvals.plan.digest == attestation.plan
    roles = {one["role"]: one["approvals"][0]["principal"] for one in attestation.predicate["roles"]}
    assert roles == {"engineering-lead": ADA, "operations-lead": GRACE}
    subjects = [one["name"] for one in json.loads(attestation.envelope.payload)["subject"]]
    assert {"checklist.yaml", f"migrations/{MIGRATION}", f"plans/{attestation.plan}.json"} <= set(subjects)


def test_other_programs_agree(attestation: Attestation, tmp_path: Path) -> None:
    """securesystemslib computes the bytes, ssh-keygen checks the signature over them."""
    others = Others.from_dict(json.loads(attestation.done.text))
    (signature,) = others.signatures.values()
    assert signature.keyid == attestation.done.fingerprint
    (tmp_path / "sig").write_bytes(bytes.fromhex(signature.signature))
    signers = str(attestation.project.trust / "allowed_signers")
    arguments = ("-Y", "verify", "-f", signers, "-I", ADA, "-n", "pointsctl", "-s", str(tmp_path / "sig"))
    assert ssh_keygen(*arguments, stdin=others.pae(), check=False)[0] == 0
    assert ssh_keygen(*arguments, stdin=others.pae() + b"\n", check=False)[0] != 0


def test_a_plan_that_is_not_approved(database_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    project.plan()
    project.decide("ada")
    with pytest.raises(RefusedError, match="operations-lead lacks 1"):
        project.attested()
    project.decide("grace")
    project.attested()
    (project.migrations / MIGRATION).write_text("select 1;\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="changed"):
        project.attested()


def test_an_issuer_with_another_program(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: Callable[..., VerifiedEnvelope]
) -> None:
    """A statement that is right in every part, about a plan that lacks an approval."""
    project = Project(tmp_path, database_url)
    project.plan()
    project.decide("ada")
    monkeypatch.setattr("pointsctl.workflow.export_in_toto._refuse_unapproved", lambda *_: None)
    verified = verify(project.attested().text)
    assert not verified.whole
    assert [one.expected for one in verified.differences] == ["a plan that is approved"]


def test_a_rejected_plan(database_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    project.plan()
    project.decide("ada")
    project.decide("grace", Decision.REJECT)
    with pytest.raises(RefusedError, match="rejected"):
        project.attested()


def test_a_key_that_is_nobodys(attestation: Attestation) -> None:
    with pytest.raises(RefusedError, match="nobody's"):
        attestation.project.attested("mallory")


def test_each_part_that_is_changed(attestation: Attestation, verify: Callable[..., VerifiedEnvelope]) -> None:
    for name in ("payload", "keyid", "sig"):
        value = json.loads(attestation.done.text)
        holder = value if name == "payload" else value["signatures"][0]
        raw = base64.b64decode(holder[name]) if name != "keyid" else holder[name].encode()
        place = len(raw) // 2
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        holder[name] = base64.b64encode(changed).decode() if name != "keyid" else changed.decode()
        assert not verify(canonical_text(value) + "\n").whole, name


def _drop_approvals(value: dict[str, Any]) -> None:
    del value["predicate"]["records"][1:]


def _swap_plan(value: dict[str, Any]) -> None:
    record = value["predicate"]["records"][0]
    record["body"] = (
        record["body"].replace("ada@example.test", "eve@example.test").replace('"dirty":false', '"dirty":true')
    )


def _later(value: dict[str, Any]) -> None:
    value["predicate"]["approvedAt"] = "2036-01-01T00:00:00.000Z"


CHANGES: list[Change] = [
    _drop_approvals,
    _swap_plan,
    _later,
    lambda value: value["subject"].pop(),
    lambda value: value["subject"].append({"name": "evil.sql", "digest": {"sha256": "00" * 32}}),
    lambda value: value["predicate"].update(verdict="waiting"),
    lambda value: value["predicate"].update(environment="production"),
    lambda value: value["predicate"].update(issuer=GRACE),
    lambda value: value["predicate"].update(more=1),
    lambda value: value["predicate"].update(ledgerHead={"seq": 2, "hash": "00" * 32}),
    lambda value: value["predicate"]["records"].reverse(),
    lambda value: value["predicate"]["records"].append(value["predicate"]["records"][-1]),
    lambda value: value["predicate"]["roles"].pop(),
    lambda value: value["predicate"]["trust"].update(allowed_signers=""),
    lambda value: value["predicate"]["trust"].update(more=1),
    lambda value: value["predicate"].pop("trust"),
    lambda value: value.update(predicateType="https://slsa.dev/provenance/v1"),
    lambda value: value["predicate"].update(validForSeconds=1),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_an_issuer_makes_up(
    attestation: Attestation, verify: Callable[..., VerifiedEnvelope], change: Change
) -> None:
    assert verify(attestation.signed(lambda _: None)).whole
    verified = verify(attestation.signed(change))
    assert not verified.whole
    assert verified.differences
    assert verified.exit_code == 1


def test_a_signature_of_somebody_else(attestation: Attestation, verify: Callable[..., VerifiedEnvelope]) -> None:
    assert not verify(attestation.signed(lambda _: None, "grace")).whole
    assert not verify(attestation.signed(lambda _: None, "mallory")).whole


def test_compared_with_what_is_known(attestation: Attestation, verify: Callable[..., VerifiedEnvelope]) -> None:
    assert not verify(attestation.done.text, policy="00" * 32).whole
    assert not verify(attestation.done.text, Head(3, "00" * 32)).whole
    assert verify(attestation.done.text).compared == (False, False)
