"""What changes when one trust replaces another: roles, people, keys and revocations, a sentence each."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pointsctl.model.allowed_signers import Signer, parse_allowed_signers
from pointsctl.model.canonical import utc_text
from pointsctl.model.policy import Policy, PolicyRole, Trust
from pointsctl.model.revoked_keys import RevokedKeys, read_revoked_keys


def changes(old: Trust, new: Trust) -> tuple[str, ...]:
    """The differences in the order in which they matter; empty only when both have the same digest.

    Raises PolicyError for a trust that cannot be read.
    """
    if old.digest == new.digest:
        return ()
    found = [*_roles(old.policy, new.policy), *_rights(old.policy, new.policy), *_keys(old, new), *_revoked(old, new)]
    return tuple(found) or ("only comments, or the order in the files, change",)


def _roles(old: Policy, new: Policy) -> Iterator[str]:
    for name in [one for one in old.roles if one not in new.roles]:
        yield f"- role {name}, held by {_listed(old.roles[name].principals)}"
    for name, role in new.roles.items():
        if name in old.roles:
            yield from _role(name, old.roles[name], role)
        else:
            yield f"+ role {name}, held by {_listed(role.principals)}, threshold {role.threshold}"


def _role(name: str, old: PolicyRole, new: PolicyRole) -> Iterator[str]:
    yield from (f"- {one} in role {name}" for one in old.principals if one not in new.principals)
    yield from (f"+ {one} in role {name}" for one in new.principals if one not in old.principals)
    if old.threshold != new.threshold:
        yield f"~ threshold of role {name}: {old.threshold} becomes {new.threshold}"


def _rights(old: Policy, new: Policy) -> Iterator[str]:
    for what, before, now in (
        ("may sign waivers", old.waivers, new.waivers),
        ("must sign before the policy is replaced", old.updates, new.updates),
    ):
        yield from (f"- role {one} {what}" for one in before if one not in now)
        yield from (f"+ role {one} {what}" for one in now if one not in before)
    for principal in dict.fromkeys([*old.aliases, *new.aliases]):
        before, now = (tuple(sorted(one.aliases.get(principal, ()))) for one in (old, new))
        if before != now:
            yield f"~ other addresses of {principal}: {_listed(before)} becomes {_listed(now)}"


def _keys(old: Trust, new: Trust) -> Iterator[str]:
    before = {one.fingerprint: one for one in parse_allowed_signers(old.allowed_signers)}
    now = {one.fingerprint: one for one in parse_allowed_signers(new.allowed_signers)}
    for fingerprint, signer in before.items():
        if fingerprint not in now:
            yield f"- key {_key(signer)}"
    for fingerprint, signer in now.items():
        if fingerprint not in before:
            yield f"+ key {_key(signer)}"
        elif _key(before[fingerprint]) != _key(signer):
            yield f"~ key {_key(before[fingerprint])} becomes {_key(signer)}"


def _key(signer: Signer) -> str:
    after = f", from {utc_text(signer.valid_after)}" if signer.valid_after else ""
    before = f", until {utc_text(signer.valid_before)}" if signer.valid_before else ""
    return f"{signer.fingerprint} of {signer.principal}{after}{before}"


def _revoked(old: Trust, new: Trust) -> Iterator[str]:
    signers = {one.fingerprint: one for trust in (old, new) for one in parse_allowed_signers(trust.allowed_signers)}
    before, now = read_revoked_keys(old.revoked_keys), read_revoked_keys(new.revoked_keys)
    if before == now:
        return
    told = False
    for signer in signers.values():
        was, is_ = before.holds(signer.key), now.holds(signer.key)
        if was != is_:
            told = True
            yield f"{'+' if is_ else '-'} revoked: {_key(signer)}"
    if not told:
        yield f"~ revoked_keys: {_count(before)} becomes {_count(now)}, none of them a signer's"


def _count(revoked: RevokedKeys) -> str:
    return f"{len(revoked.sha256) + len(revoked.sha1)} keys"


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
