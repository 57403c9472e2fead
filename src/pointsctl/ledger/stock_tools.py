"""Shell lines with which anybody checks a record without this program: psql, sha256sum and ssh-keygen are enough."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

from pointsctl.model.bundle_contents import StatementFile
from pointsctl.model.ledger import Record
from pointsctl.model.policy import is_principal
from pointsctl.model.statement import NAMESPACE

# What the shell takes from a command loses the line end that psql adds and nothing else: a body ends in a brace.
_HASH = """psql "$DATABASE_URL" -XAtc 'select hash from public.migration_audit where seq = {seq}'"""
_COMPUTED = """printf %s "$(psql "$DATABASE_URL" -XAtc 'select previous_hash || body from public.migration_audit where seq = {seq}')" | sha256sum"""
_SIGNERS = """psql "$DATABASE_URL" -XAtc "select body::json #>> '{{data,trust,allowed_signers}}' from public.migration_audit where seq = {policy}" > allowed_signers"""
_SIGNATURE = (
    """psql "$DATABASE_URL" -XAtc 'select signature from public.migration_audit where seq = {seq}' > {seq}.sig"""
)
_STATEMENT = """printf %s "$(psql "$DATABASE_URL" -XAtc "select body::json #>> '{{data,statement}}' from public.migration_audit where seq = {seq}")" > {seq}.json"""
_VERIFIED = "ssh-keygen -Y verify -f allowed_signers -I {principal} -n {namespace} -s {seq}.sig -Overify-time={moment} < {seq}.json"

_BUNDLED = "ssh-keygen -Y verify -f trust/{policy}/allowed_signers -I {principal} -n {namespace} -s statements/{seq}.sig -Overify-time={moment}{revoked} < statements/{seq}.json"


def hash_commands(seq: int) -> list[str]:
    """The stored hash, and the hash computed anew: both lines print the same 64 digits for a whole record."""
    return [line.format(seq=seq) for line in (_HASH, _COMPUTED)]


def signature_commands(record: Record, policy: int) -> list[str]:
    """How to check the record's signature with the keys in record `policy`; nothing for a signer that is no principal.

    The last line exits with 0 when the signature is good. Revoked keys are another matter: see `pointsctl trust show`.
    """
    if record.signature is None or not is_principal(record.applied_by):
        return []
    names = {"seq": record.seq, "policy": policy, "principal": record.applied_by, "namespace": NAMESPACE}
    moment = f"{record.recorded_at:%Y%m%d%H%M%SZ}"
    return [line.format(**names, moment=moment) for line in (_SIGNERS, _SIGNATURE, _STATEMENT, _VERIFIED)]


def bundle_commands(statements: Iterable[StatementFile]) -> list[str]:
    """How to check the statements of an unpacked evidence bundle; each line exits with 0 when the signature is good."""
    return [
        _BUNDLED.format(
            policy=one.policy,
            principal=one.principal,
            namespace=NAMESPACE,
            seq=one.seq,
            moment=f"{one.recorded_at.astimezone(UTC):%Y%m%d%H%M%SZ}",
            revoked=f" -r trust/{one.policy}/revoked_keys" if one.revoked_keys else "",
        )
        for one in statements
    ]
