"""Signatures by SSH keys: made and checked by ssh-keygen, with what is wrong with one in words."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from pointsctl.files import write_private
from pointsctl.ledger import ssh_keygen
from pointsctl.model.allowed_signers import Signer, parse_allowed_signers
from pointsctl.model.canonical import utc_text
from pointsctl.model.policy import PolicyError, Trust, is_principal
from pointsctl.model.problems import shown
from pointsctl.model.revoked_keys import FILE_NAME, RevokedKeys, is_revocation_list, read_revoked_keys
from pointsctl.model.signature import KEY_REVOKED, SignatureVerdict
from pointsctl.model.ssh_signature import SignatureFormatError, SignatureText, read_signature
from pointsctl.model.statement import NAMESPACE
from pointsctl.process import Finished

_OTHER_BYTES = b"incorrect signature"


@dataclass(frozen=True)
class _Prepared:
    """A trust as it was read, and in the form that ssh-keygen reads; `revoked_file` is None when no key is revoked."""

    signers: tuple[Signer, ...]
    revoked: RevokedKeys
    allowed_file: Path
    revoked_file: Path | None


class SignatureChecker:
    """Checks signatures with any number of trusts; a context manager, because ssh-keygen reads files.

    `variables` is the process environment, of which only PATH is used. Raises PolicyError for a trust that cannot be used
    (a broken revocation list among them: ssh-keygen would only say "no"), ToolMissingError, CouldNotLookError.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._folder = tempfile.TemporaryDirectory(prefix="pointsctl-")
        self._trusts: dict[str, _Prepared] = {}

    def __enter__(self) -> SignatureChecker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def check(self, text: str, armored: str, principal: str, trust: Trust, at: datetime) -> SignatureVerdict:
        """Whether `armored` is the principal's signature over exactly `text`, by a key that `trust` lets sign at `at`.

        1. What the signature says about itself must fit: namespace, key, principal, dates.
        2. ssh-keygen must accept it, with the revoked keys.
        3. If it does not, it is asked again without them, so that "revoked" can be told from "wrong".
        """
        try:
            claimed = read_signature(armored)
        except SignatureFormatError as error:
            return SignatureVerdict(False, None, str(error))
        fingerprint = claimed.key.fingerprint
        prepared = self._prepared(trust)
        objection = _objection(claimed, principal, prepared.signers, at)
        if objection:
            return SignatureVerdict(False, fingerprint, objection)
        question = _Question(text, armored, principal, fingerprint, at)
        refusal = self._ask(question, prepared.allowed_file, prepared.revoked_file)
        if not refusal and not prepared.revoked.holds(claimed.key):
            return SignatureVerdict(True, fingerprint, "")
        if prepared.revoked_file and not self._ask(question, prepared.allowed_file, None):
            return SignatureVerdict(False, fingerprint, KEY_REVOKED, revoked=True)
        return SignatureVerdict(False, fingerprint, refusal)

    def _ask(self, question: _Question, allowed: Path, revoked: Path | None) -> str:
        """Why ssh-keygen does not accept it; empty when it does, for this very key."""
        try:
            message = question.text.encode("utf-8")
        except UnicodeEncodeError:
            return "the text cannot be written as UTF-8"
        with tempfile.NamedTemporaryFile(dir=self._folder.name, suffix=".sig") as signature:
            signature.write(question.armored.encode())
            signature.flush()
            arguments = ["-Y", "verify", "-f", str(allowed), "-I", question.principal, "-n", NAMESPACE]
            arguments += ["-s", signature.name, f"-Overify-time={question.at.astimezone(UTC):%Y%m%d%H%M%SZ}"]
            arguments += ["-r", str(revoked)] if revoked else []
            finished = self._keygen(*arguments, stdin=message)
        if finished.exit_code == 0:
            named = question.fingerprint.encode() in finished.stdout.head.split()
            return "" if named else "ssh-keygen accepts it for another key"
        if _OTHER_BYTES in finished.stderr.head:
            return "other bytes were signed than these"
        return "ssh-keygen does not accept it"

    def require_usable(self, trust: Trust) -> None:
        """Raises PolicyError for a trust with which no signature could be checked."""
        self._prepared(trust)

    def _prepared(self, trust: Trust) -> _Prepared:
        known = self._trusts.get(trust.digest)
        if known is None:
            known = self._trusts[trust.digest] = self._write(trust)
        return known

    def _write(self, trust: Trust) -> _Prepared:
        signers = parse_allowed_signers(trust.allowed_signers)
        folder = Path(self._folder.name)
        allowed = folder / f"{trust.digest}.signers"
        write_private(allowed, trust.allowed_signers)
        revoked = read_revoked_keys(trust.revoked_keys)
        if not trust.revoked_keys:
            return _Prepared(signers, revoked, allowed, None)
        revoked_file = folder / f"{trust.digest}.revoked"
        revoked_file.write_bytes(trust.revoked_keys)
        if is_revocation_list(trust.revoked_keys):
            self._refuse_unreadable(revoked_file)
        return _Prepared(signers, revoked, allowed, revoked_file)

    def _refuse_unreadable(self, file: Path) -> None:
        """With a list that it cannot read, ssh-keygen would say of every signature that it is wrong."""
        if self._keygen("-Q", "-l", "-f", str(file)).exit_code != 0:
            message = f"{FILE_NAME}: ssh-keygen cannot read the key revocation list"
            raise PolicyError(message, hint="make it again with `ssh-keygen -k`")

    def _keygen(self, *arguments: str, stdin: bytes = b"") -> Finished:
        folder = Path(self._folder.name)
        return ssh_keygen.ask(*arguments, variables=self._variables, directory=folder, stdin=stdin)


@dataclass(frozen=True)
class _Question:
    text: str
    armored: str
    principal: str
    fingerprint: str
    at: datetime


def _objection(claimed: SignatureText, principal: str, signers: tuple[Signer, ...], at: datetime) -> str:
    """What is wrong before ssh-keygen is asked; it would say no as well, and not why."""
    if claimed.namespace != NAMESPACE:
        return f"made for the namespace {shown(claimed.namespace)}, not {NAMESPACE!r}"
    if not is_principal(principal) or all(one.principal != principal for one in signers):
        return f"{shown(principal)} is not in allowed_signers"
    signer = next((one for one in signers if one.key == claimed.key), None)
    if signer is None:
        return "made with a key that is not in allowed_signers"
    if signer.principal != principal:
        return f"made with the key of {shown(signer.principal)}, not of {shown(principal)}"
    return "" if signer.may_sign_at(at) else _dates(signer, at)


def _dates(signer: Signer, at: datetime) -> str:
    if signer.valid_after and at < signer.valid_after:
        return f"the key may sign from {utc_text(signer.valid_after)}, and this is of {utc_text(at)}"
    until = utc_text(signer.valid_before) if signer.valid_before else ""
    return f"the key may sign until {until}, and this is of {utc_text(at)}"
