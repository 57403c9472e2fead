"""Signatures as the real ssh-keygen makes and checks them, and every way in which one must not count."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsctl.errors import ToolMissingError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signing import sign
from pointsctl.model.allowed_signers import parse_allowed_signers
from pointsctl.model.policy import Policy, PolicyError, Trust
from pointsctl.model.signature import SignatureVerdict
from tests.support.keys import make_key, public_key, signer_line, ssh_keygen

ADA, GRACE = "ada@example.test", "grace@example.test"
NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
TEXT = '{"decision":"approve","role":"engineering-lead"}'
POLICY = Policy.model_validate({"roles": {"engineering-lead": {"principals": [ADA]}}, "updates": ["engineering-lead"]})
VARIABLES = {"PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def ada(folder: Path) -> Path:
    return make_key(folder, "ada")


@pytest.fixture(scope="module")
def grace(folder: Path) -> Path:
    return make_key(folder, "grace")


@pytest.fixture(scope="module")
def checker() -> Iterator[SignatureChecker]:
    with SignatureChecker(VARIABLES) as opened:
        yield opened


@pytest.fixture(scope="module")
def trust(ada: Path, grace: Path) -> Trust:
    return Trust(POLICY, f"{signer_line(ADA, ada)}\n{signer_line(GRACE, grace)}\n")


@pytest.fixture(scope="module")
def signature(ada: Path) -> str:
    return sign(TEXT, ada, VARIABLES)


def refused(verdict: SignatureVerdict) -> str:
    assert not verdict.valid
    assert verdict.reason.isprintable()
    return verdict.reason


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-521", "rsa-2048"])
def test_a_signature_of_every_type_of_key_counts(checker: SignatureChecker, folder: Path, kind: str) -> None:
    key = make_key(folder, kind, kind=kind)
    trust = Trust(POLICY, signer_line(ADA, key))
    verdict = checker.check(TEXT, sign(TEXT, key, VARIABLES), ADA, trust, NOW)
    assert verdict == SignatureVerdict(True, parse_allowed_signers(trust.allowed_signers)[0].fingerprint, "")


@pytest.mark.parametrize("text", [f"{TEXT}\n", TEXT.replace("approve", "reject"), f" {TEXT}", "", "\ud800"])
def test_other_bytes(checker: SignatureChecker, trust: Trust, signature: str, text: str) -> None:
    assert refused(checker.check(text, signature, ADA, trust, NOW))


def test_a_signature_over_a_git_commit(checker: SignatureChecker, trust: Trust, ada: Path) -> None:
    _, armored = ssh_keygen("-q", "-Y", "sign", "-n", "git", "-f", str(ada), stdin=TEXT.encode())
    assert "'git'" in refused(checker.check(TEXT, armored.decode(), ADA, trust, NOW))


def test_a_namespace_that_is_hostile_is_not_echoed_raw(checker: SignatureChecker, trust: Trust, ada: Path) -> None:
    _, armored = ssh_keygen("-q", "-Y", "sign", "-n", "\x1b[2J::error::", "-f", str(ada), stdin=TEXT.encode())
    assert "\\x1b" in refused(checker.check(TEXT, armored.decode(), ADA, trust, NOW))


def test_the_key_of_somebody_else(checker: SignatureChecker, trust: Trust, signature: str) -> None:
    assert ADA in refused(checker.check(TEXT, signature, GRACE, trust, NOW))


@pytest.mark.parametrize(
    "principal", ["alan@example.test", "*", "ada*", f"{ADA},{GRACE}", "-Oprint-pubkey", "\x1b[2J", ""]
)
def test_a_principal_that_is_nobody(checker: SignatureChecker, trust: Trust, signature: str, principal: str) -> None:
    assert "not in allowed_signers" in refused(checker.check(TEXT, signature, principal, trust, NOW))


def test_a_key_that_nobody_has(checker: SignatureChecker, trust: Trust, folder: Path) -> None:
    other = sign(TEXT, make_key(folder, "mallory"), VARIABLES)
    assert "not in allowed_signers" in refused(checker.check(TEXT, other, ADA, trust, NOW))


def test_an_edited_allowed_signers_is_another_trust(checker: SignatureChecker, trust: Trust, folder: Path) -> None:
    mallory = make_key(folder, "mallory")
    edited = Trust(POLICY, trust.allowed_signers + signer_line("mallory@example.test", mallory))
    assert edited.digest != trust.digest
    forged = sign(TEXT, mallory, VARIABLES)
    assert checker.check(TEXT, forged, "mallory@example.test", edited, NOW).valid
    assert refused(checker.check(TEXT, forged, "mallory@example.test", trust, NOW))


def test_dates_of_a_key(checker: SignatureChecker, ada: Path, signature: str) -> None:
    options = 'namespaces="pointsctl",valid-after="20260314Z",valid-before="20260315Z"'
    trust = Trust(POLICY, signer_line(ADA, ada, options))
    assert checker.check(TEXT, signature, ADA, trust, NOW).valid
    assert "from 2026-03-14" in refused(checker.check(TEXT, signature, ADA, trust, NOW - timedelta(days=1)))
    assert "until 2026-03-15" in refused(checker.check(TEXT, signature, ADA, trust, NOW + timedelta(days=1)))


@pytest.mark.parametrize("principal", ["*", f"{ADA},{GRACE}", '"*"', "*@example.test,!alan@example.test"])
def test_one_key_cannot_be_two_people(
    checker: SignatureChecker, ada: Path, signature: str, tmp_path: Path, principal: str
) -> None:
    allowed = f"{principal} {public_key(ada)}\n"
    (tmp_path / "allowed").write_text(allowed, encoding="utf-8")
    (tmp_path / "sig").write_text(signature, encoding="utf-8")
    arguments = ["-Y", "verify", "-f", "allowed", "-I", GRACE, "-n", "pointsctl", "-s", "sig"]
    assert ssh_keygen(*arguments, stdin=TEXT.encode(), cwd=tmp_path)[0] == 0  # alone, ssh-keygen takes ada for grace
    with pytest.raises(PolicyError):
        checker.check(TEXT, signature, GRACE, Trust(POLICY, allowed), NOW)


class TestRevoked:
    """A revoked key opens nothing, and is told from a wrong one; a list that says nothing is an error, never "none"."""

    def test_by_a_list_of_keys(self, checker: SignatureChecker, trust: Trust, ada: Path, signature: str) -> None:
        revoked = Trust(POLICY, trust.allowed_signers, f"# lost\n{public_key(ada)}\n".encode())
        verdict = checker.check(TEXT, signature, ADA, revoked, NOW)
        assert verdict.revoked
        assert "revoked" in refused(verdict)

    def test_by_a_revocation_list(
        self, checker: SignatureChecker, trust: Trust, ada: Path, grace: Path, signature: str
    ) -> None:
        revoked = Trust(POLICY, trust.allowed_signers, _revocation_list(ada))
        verdict = checker.check(TEXT, signature, ADA, revoked, NOW)
        assert verdict.revoked
        assert not verdict.valid
        assert checker.check(TEXT, sign(TEXT, grace, VARIABLES), GRACE, revoked, NOW).valid

    def test_a_wrong_signature_by_a_revoked_key_is_wrong(
        self, checker: SignatureChecker, trust: Trust, ada: Path, signature: str
    ) -> None:
        revoked = Trust(POLICY, trust.allowed_signers, _revocation_list(ada))
        verdict = checker.check(f"{TEXT} ", signature, ADA, revoked, NOW)
        assert not verdict.revoked
        assert "other bytes" in refused(verdict)

    def test_a_broken_or_emptied_list(self, checker: SignatureChecker, trust: Trust, ada: Path, signature: str) -> None:
        whole = _revocation_list(ada)
        for broken in (whole[:-3], whole[:44], b"SSHKRL\n\x00", b"\n", b"# none\n", b"rubbish"):
            with pytest.raises(PolicyError, match="revoked_keys"):
                checker.check(TEXT, signature, ADA, Trust(POLICY, trust.allowed_signers, broken), NOW)


def _revocation_list(key: Path) -> bytes:
    ssh_keygen("-q", "-k", "-f", f"{key}.krl", f"{key}.pub")
    return Path(f"{key}.krl").read_bytes()


class TestArmor:
    """What is no signature is told as such, whatever it is."""

    @pytest.mark.parametrize(
        "armored",
        ["", "x", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", "\x1b[2J", "A" * 100_000, "\ud800"],
    )
    def test_no_signature(self, checker: SignatureChecker, trust: Trust, armored: str) -> None:
        verdict = checker.check(TEXT, armored, ADA, trust, NOW)
        assert refused(verdict) == "not an SSH signature"
        assert verdict.fingerprint is None

    def test_weak_hashes(self, checker: SignatureChecker, trust: Trust, signature: str) -> None:
        for weak in (b"md5", b"sha1"):
            changed = _changed(signature, _string(b"sha512"), _string(weak))
            assert "SHA-256 or SHA-512" in refused(checker.check(TEXT, changed, ADA, trust, NOW))

    def test_the_other_strong_hash(self, checker: SignatureChecker, trust: Trust, ada: Path) -> None:
        arguments = ["-q", "-Y", "sign", "-O", "hashalg=sha256", "-n", "pointsctl", "-f", str(ada)]
        _, armored = ssh_keygen(*arguments, stdin=TEXT.encode())
        assert checker.check(TEXT, armored.decode(), ADA, trust, NOW).valid

    def test_parts_that_are_not_known(self, checker: SignatureChecker, trust: Trust, signature: str) -> None:
        changed = _changed(signature, _string(b"") + _string(b"sha512"), _string(b"x") + _string(b"sha512"))
        assert refused(checker.check(TEXT, changed, ADA, trust, NOW))

    @given(st.data())
    @settings(max_examples=30)
    def test_no_changed_byte_counts(
        self, checker: SignatureChecker, trust: Trust, signature: str, data: st.DataObject
    ) -> None:
        blob = bytearray(_blob(signature))
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] ^= 1 << data.draw(st.integers(0, 7))
        assert refused(checker.check(TEXT, _armored(bytes(blob)), ADA, trust, NOW))

    @given(st.binary(max_size=200))
    def test_any_bytes_get_an_answer(self, checker: SignatureChecker, trust: Trust, data: bytes) -> None:
        for blob in (data, b"SSHSIG\0\0\0\1" + data):
            assert refused(checker.check(TEXT, _armored(blob), ADA, trust, NOW))


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _blob(armored: str) -> bytes:
    return base64.b64decode("".join(armored.splitlines()[1:-1]))


def _armored(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def _changed(armored: str, old: bytes, new: bytes) -> str:
    blob = _blob(armored)
    assert blob.count(old) == 1
    return _armored(blob.replace(old, new))


def test_without_ssh_keygen_nothing_is_said_about_a_signature(tmp_path: Path, trust: Trust, signature: str) -> None:
    with SignatureChecker({"PATH": str(tmp_path)}) as checker, pytest.raises(ToolMissingError) as caught:
        checker.check(TEXT, signature, ADA, trust, NOW)
    assert "OpenSSH" in caught.value.hint


def test_an_old_ssh_keygen_does_not_make_signatures_wrong(tmp_path: Path, trust: Trust, signature: str) -> None:
    old = tmp_path / "ssh-keygen"
    old.write_text('#!/bin/sh\necho "ssh-keygen: unknown option -- Y" >&2\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    with SignatureChecker({"PATH": str(tmp_path)}) as checker, pytest.raises(ToolMissingError, match="too old"):
        checker.check(TEXT, signature, ADA, trust, NOW)


def test_a_program_that_accepts_everything_does_not(tmp_path: Path, trust: Trust, signature: str) -> None:
    yes = tmp_path / "ssh-keygen"
    yes.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    yes.chmod(0o755)
    with SignatureChecker({"PATH": str(tmp_path)}) as checker:
        assert refused(checker.check(TEXT, signature, ADA, trust, NOW))


def test_a_program_that_forgets_revoked_keys_does_not_make_them_good(
    tmp_path: Path, trust: Trust, ada: Path, signature: str
) -> None:
    real = shutil.which("ssh-keygen")
    forgetful = tmp_path / "ssh-keygen"
    # The list is the last argument but one; without it every signature of the key is good.
    script = f'#!/bin/bash\nif [ "${{@: -2:1}}" = -r ]; then set -- "${{@:1:$#-2}}"; fi\nexec {real} "$@"\n'
    forgetful.write_text(script, encoding="utf-8")
    forgetful.chmod(0o755)
    revoked = Trust(POLICY, trust.allowed_signers, f"{public_key(ada)}\n".encode())
    with SignatureChecker({"PATH": f"{tmp_path}:{os.environ['PATH']}"}) as checker:
        assert checker.check(TEXT, signature, ADA, trust, NOW).valid
        assert checker.check(TEXT, signature, ADA, revoked, NOW).revoked


def test_a_revocation_list_that_only_ssh_keygen_cannot_read_is_an_error(
    tmp_path: Path, trust: Trust, ada: Path, signature: str
) -> None:
    other = tmp_path / "ssh-keygen"
    other.write_text("#!/bin/sh\nexit 255\n", encoding="utf-8")
    other.chmod(0o755)
    revoked = Trust(POLICY, trust.allowed_signers, _revocation_list(ada))
    with SignatureChecker({"PATH": str(tmp_path)}) as checker, pytest.raises(PolicyError, match="revoked_keys"):
        checker.check(TEXT, signature, ADA, revoked, NOW)


_BLANKS = st.sampled_from([" ", "\t", "  "])
_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,12}", fullmatch=True)
_OPTIONS = st.sampled_from(
    [
        "",
        'namespaces="pointsctl"',
        'namespaces="git,pointsctl"',
        'valid-after="20260314Z"',
        'valid-before="202603140930Z"',
        'valid-after="20260314093001Z"',
        'valid-before="20260314092959Z",namespaces="pointsctl"',
    ]
)


@given(
    names=st.lists(_NAMES, min_size=1, max_size=3, unique_by=str.casefold),
    options=st.lists(_OPTIONS, min_size=3, max_size=3),
    blanks=st.lists(_BLANKS, min_size=3, max_size=3),
    comment=st.sampled_from(["", " a comment", ' "quoted" #']),
)
def test_what_is_accepted_is_read_by_ssh_keygen_the_same_way(
    checker: SignatureChecker, folder: Path, names: list[str], options: list[str], blanks: list[str], comment: str
) -> None:
    keys = [make_key(folder, f"signer-{number}") for number in range(3)]
    rows = zip(names, options, blanks, keys, strict=False)
    text = "# signers\n\n" + "\n".join(
        blank.join(part for part in (name, option, *public_key(key).split()) if part) + comment
        for name, option, blank, key in rows
    )
    signers = parse_allowed_signers(text)
    assert [one.principal for one in signers] == names
    allowed = folder / "allowed"
    allowed.write_text(text, encoding="utf-8")
    for signer, key in zip(signers, keys, strict=False):
        armored = _signature(key)
        (folder / "sig").write_text(armored, encoding="utf-8")
        arguments = ["-Y", "find-principals", "-s", "sig", "-f", "allowed", "-Overify-time=20260314093000Z"]
        code, found = ssh_keygen(*arguments, cwd=folder, check=False)
        assert (code == 0) == signer.may_sign_at(NOW)
        assert found.decode().split() == ([signer.principal] if code == 0 else [])
        assert checker.check(TEXT, armored, signer.principal, Trust(POLICY, text), NOW).valid == (code == 0)


def _signature(key: Path) -> str:
    kept = Path(f"{key}.signature")
    if not kept.exists():
        kept.write_text(sign(TEXT, key, VARIABLES), encoding="utf-8")
    return kept.read_text(encoding="utf-8")
