"""Use case: bind a statement to one environment, database and moment of the ledger, sign it, and check what was signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, Protocol, TypedDict, TypeVar

from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signing import SigningError, fingerprint_of, principal_of_key, sign
from pointsctl.model.allowed_signers import Signer, parse_allowed_signers
from pointsctl.model.ledger import Head
from pointsctl.model.policy import Trust
from pointsctl.model.problems import shown
from pointsctl.model.statement import DatabaseName, HeadName, Statement
from pointsctl.postgres.identity import Identity

S = TypeVar("S", bound=Statement)
# The names that ssh-keygen gives to new keys, and ssh looks for.
_USUAL_KEYS = ("id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa")


class Bound(Protocol):
    """What a statement is bound to; a ledger is one."""

    def identity(self) -> Identity:
        """Which database this is."""

    def now(self) -> datetime:
        """The database's clock."""

    def head(self) -> Head:
        """The last record."""


class Bindings(TypedDict):
    """What every statement holds, in the form that `ApprovalStatement(**bindings, ...)` takes."""

    environment: str
    database: DatabaseName
    principal: str
    not_before: datetime
    expires_at: datetime | None
    head: HeadName
    nonce: str


@dataclass(frozen=True)
class SigningMeans:
    """What the command line hands down to sign with.

    `key`: the key file, None for the usual one that the trust knows. `home`: the folder in which `.ssh` is. `variables`: the
    process environment. `terminal`: whether ssh-keygen may ask there. `new_nonce`: 32 random hex digits, new each time.
    """

    key: Path | None
    home: Path
    variables: Mapping[str, str]
    terminal: bool
    new_nonce: Callable[[], str]


@dataclass(frozen=True)
class Signed(Generic[S]):
    """A statement, the exact text that was signed, the armored signature over it, and the key's fingerprint."""

    statement: S
    text: str
    signature: str
    fingerprint: str


def sign_statement(
    bound: Bound,
    environment: str,
    trust: Trust,
    means: SigningMeans,
    build: Callable[[Bindings], S],
    *,
    valid_for: timedelta | None,
) -> Signed[S]:
    """Sign the statement that `build` makes of the common bindings, judged by the database's clock and by `trust`.

    `valid_for` None means that the statement does not expire. Raises RefusedError before anything is signed when the key is
    nobody's in `trust`, RefusedError after it when the trust does not accept the signature, and what `sign` raises.
    """
    signer = signer_for(trust, means)
    now = bound.now()
    bindings = bind(bound, environment, signer, now, means, valid_for)
    return sign_bound(build(bindings), trust, means, now)


def bind(
    bound: Bound, environment: str, principal: str, now: datetime, means: SigningMeans, valid_for: timedelta | None
) -> Bindings:
    """The common bindings as they are now."""
    identity, head = bound.identity(), bound.head()
    return Bindings(
        environment=environment,
        database=DatabaseName(
            system_identifier=identity.system_identifier,
            database_oid=identity.database_oid,
            database=identity.database,
        ),
        principal=principal,
        not_before=now,
        expires_at=now + valid_for if valid_for is not None else None,
        head=HeadName(seq=head.seq, hash=head.hash),
        nonce=means.new_nonce(),
    )


def sign_bound(statement: S, trust: Trust, means: SigningMeans, at: datetime) -> Signed[S]:
    """Sign a statement that is bound already, and check the signature as everybody will check it.

    Raises RefusedError when `trust` does not accept it at `at`, and what `sign` raises.
    """
    key = key_for(trust, means)
    text = statement.text()
    armored = sign(text, key, means.variables, terminal=means.terminal)
    with SignatureChecker(means.variables) as checker:
        verdict = checker.check(text, armored, statement.principal, trust, at)
    if not verdict.valid or verdict.fingerprint is None:
        hint = "nothing was recorded; see who may sign with which key: `pointsctl trust show`"
        raise RefusedError(f"the signature does not count: {verdict.reason}", hint=hint)
    return Signed(statement, text, armored, verdict.fingerprint)


def signer_for(trust: Trust, means: SigningMeans) -> str:
    """The principal whose key will sign. Raises RefusedError when the key is nobody's in `trust`."""
    key = key_for(trust, means)
    principal = principal_of_key(key, parse_allowed_signers(trust.allowed_signers), means.variables)
    if principal is None:
        fingerprint = fingerprint_of(key, means.variables)
        message = f"the key {shown(key.name)} ({fingerprint}) is nobody's in the policy in force"
        raise RefusedError(message, hint="sign with a key that `pointsctl trust show` lists, named with --key")
    return principal


def key_for(trust: Trust, means: SigningMeans) -> Path:
    """The key that was named, or the only usual one that `trust` knows. Raises UsageError when that is not one key."""
    if means.key is not None:
        return means.key
    signers = parse_allowed_signers(trust.allowed_signers)
    usual = [means.home / ".ssh" / name for name in _USUAL_KEYS]
    known = [key for key in usual if key.is_file() and _is_known(key, signers, means.variables)]
    if len(known) != 1:
        found = " and ".join(shown(key.name) for key in known) or "no key"
        message = f"which key? in {means.home / '.ssh'} the policy knows {found}"
        raise UsageError(
            message, hint="name one with --key, or in POINTSCTL_KEY; a .pub file when an agent holds the key"
        )
    return known[0]


def _is_known(key: Path, signers: Iterable[Signer], variables: Mapping[str, str]) -> bool:
    try:
        return principal_of_key(key, signers, variables) is not None
    except SigningError:  # a file of that name that is no key
        return False
