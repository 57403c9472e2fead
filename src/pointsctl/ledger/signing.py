"""Makes signatures: by a key file, its agent or a security key, all through ssh-keygen, and says why one was not made."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from pointsctl.errors import PointsctlError, RefusedError, UsageError
from pointsctl.ledger import ssh_keygen
from pointsctl.model.allowed_signers import Signer
from pointsctl.model.problems import shown
from pointsctl.model.ssh_signature import SignatureFormatError, read_signature
from pointsctl.model.statement import NAMESPACE
from pointsctl.process import Finished

_FINGERPRINT = re.compile(r"[0-9]+ (SHA256:[A-Za-z0-9+/]{43}) [^\n]*\n", re.ASCII)
_PASSPHRASE = b"passphrase"


class SigningError(PointsctlError):
    """Nothing was signed; the message says what ssh-keygen said."""

    code = "signing"


def sign(text: str, key: Path, variables: Mapping[str, str], *, terminal: bool = False) -> str:
    """The armored SSH signature over exactly the UTF-8 bytes of `text`, in the namespace of this program.

    `key` is a private key file, or a `.pub` file whose key an agent holds (which is preferred in any case). `variables` is
    the process environment, for PATH, SSH_AUTH_SOCK and SSH_ASKPASS; with `terminal` ssh-keygen may ask there.
    Raises UsageError (no such file), RefusedError (a passphrase is needed and nobody can be asked), SigningError,
    ToolMissingError, TookTooLongError, InterruptedByOperatorError.
    """
    _refuse_missing(key)
    arguments = ("-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE)
    finished = ssh_keygen.ask_with_key(*arguments, variables=variables, stdin=text.encode(), terminal=terminal)
    if finished.exit_code != 0:
        raise _not_signed(key, finished, terminal=terminal)
    armored = finished.stdout.head.decode("ascii", "replace")
    try:
        made = read_signature(armored)
    except SignatureFormatError as error:
        raise SigningError(f"the key {shown(key.name)} made {error}", hint="use a key of another type") from None
    if made.namespace != NAMESPACE:
        raise SigningError(f"ssh-keygen signed for {shown(made.namespace)}, not {NAMESPACE!r}", hint="see PATH")
    return armored


def fingerprint_of(key: Path, variables: Mapping[str, str]) -> str:
    """`SHA256:...` of a key file, private or public. Raises UsageError (no such file), SigningError, ToolMissingError."""
    _refuse_missing(key)
    finished = ssh_keygen.ask("-l", "-E", "sha256", "-f", str(key), variables=variables, directory=Path())
    match = _FINGERPRINT.fullmatch(finished.stdout.head.decode("utf-8", "replace"))
    if finished.exit_code != 0 or match is None:
        hint = f"name a private key file, or its public key {shown(key.name + '.pub')} with the key in an agent"
        raise SigningError(f"the file {shown(key.name)} holds no single key that ssh-keygen can read", hint=hint)
    return match[1]


def principal_of_key(key: Path, signers: Iterable[Signer], variables: Mapping[str, str]) -> str | None:
    """Whose key it is, by fingerprint; None when it is nobody's. Raises what `fingerprint_of` raises."""
    fingerprint = fingerprint_of(key, variables)
    return next((one.principal for one in signers if one.fingerprint == fingerprint), None)


def _refuse_missing(key: Path) -> None:
    try:
        regular = stat.S_ISREG(key.stat().st_mode)
    except (OSError, ValueError):
        regular = False
    if not regular:
        hint = "name your private key, or the .pub file of a key in your agent, with --key"
        raise UsageError(f"no key file {shown(str(key), 200)}", hint=hint)


def _not_signed(key: Path, finished: Finished, *, terminal: bool) -> PointsctlError:
    name = shown(key.name)
    if _open_to_others(key):
        hint = f"close it with `chmod 600 {key.name}`; if others could read it, make a new key"
        return SigningError(f"the key {name} can be read by others, so ssh-keygen does not use it", hint=hint)
    if terminal:
        return SigningError(f"nothing was signed with the key {name}", hint="see what ssh-keygen said above")
    if _PASSPHRASE in finished.stderr.head:
        hint = "run it on a terminal, add the key to an agent (`ssh-add`), or set SSH_ASKPASS"
        return RefusedError(f"the key {name} needs its passphrase, and nobody could be asked", hint=hint)
    what = ssh_keygen.said(finished) or "no reason given"
    return SigningError(
        f"nothing was signed with the key {name}: {what}", hint="is the key in an agent (`ssh-add -l`)?"
    )


def _open_to_others(key: Path) -> bool:
    private = key.with_suffix("") if key.suffix == ".pub" else key
    try:
        status = private.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and bool(status.st_mode & 0o077)
