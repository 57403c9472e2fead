"""What must hold between the parts of a trust (roles, keys, aliases, revoked keys), and who must still sign."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from pointsctl.model import allowed_signers
from pointsctl.model.allowed_signers import Signer, parse_allowed_signers
from pointsctl.model.policy import Policy, PolicyError, Trust
from pointsctl.model.problems import shown
from pointsctl.model.revoked_keys import read_revoked_keys

FILE_NAME = "policy.yaml"


def check_trust(trust: Trust) -> tuple[str, ...]:
    """What is odd about a trust and does no harm, a sentence each.

    Raises PolicyError when it cannot be used: a file that cannot be read, a principal of a role without a key, an address of
    two people, roles for `updates` that different people cannot fill with keys that are not revoked.
    """
    signers = parse_allowed_signers(trust.allowed_signers)
    read_revoked_keys(trust.revoked_keys)
    _refuse_keyless(trust.policy, signers)
    _refuse_ambiguous(trust.policy, signers)
    able = [one for one in principals_of(trust.policy) if usable_signers(trust, one)]
    if unfilled(trust.policy, trust.policy.updates, able):
        what = f"{FILE_NAME}: the roles {_listed(trust.policy.updates)} cannot all be filled by different people with keys that are not revoked"
        raise PolicyError(what, hint="one person fills one role; as it is, nobody could ever replace the policy")
    return tuple(_oddities(trust, signers))


def usable_signers(trust: Trust, principal: str) -> tuple[Signer, ...]:
    """The principal's keys that are not revoked. Raises PolicyError as `check_trust` does."""
    revoked = read_revoked_keys(trust.revoked_keys)
    signers = parse_allowed_signers(trust.allowed_signers)
    return tuple(one for one in signers if one.principal == principal and not revoked.holds(one.key))


def principals_of(policy: Policy) -> tuple[str, ...]:
    """Everybody who holds a role, once, in the policy's order."""
    return tuple(dict.fromkeys(one for role in policy.roles.values() for one in role.principals))


def unfilled(policy: Policy, roles: Iterable[str], signed: Collection[str]) -> Mapping[str, int]:
    """How many signatures each of `roles` still lacks when `signed` have signed, one person counting for one role only.

    People are spread over the roles so that as few as possible are missing; empty when every role has its threshold.
    """
    wanted = tuple(dict.fromkeys(roles))
    filled = list(seated(policy, wanted, signed).values())
    missing = {role: policy.roles[role].threshold - filled.count(role) for role in wanted}
    return {role: number for role, number in missing.items() if number}


def seated(policy: Policy, roles: Iterable[str], signed: Collection[str]) -> Mapping[str, str]:
    """Who of those who have signed fills which of `roles`, by principal; those who are not needed are left out.

    Every role must be one of the policy's.
    """
    places = [(role, number) for role in dict.fromkeys(roles) for number in range(policy.roles[role].threshold)]
    taken: dict[str, tuple[str, int]] = {}
    for place in places:
        _seat(place, policy, signed, taken, set())
    return {principal: role for principal, (role, _) in taken.items()}


def _seat(
    place: tuple[str, int],
    policy: Policy,
    signed: Collection[str],
    taken: dict[str, tuple[str, int]],
    tried: set[str],
) -> bool:
    """Find somebody for the place, moving others to places that they can fill too (augmenting paths)."""
    for principal in policy.roles[place[0]].principals:
        if principal not in signed or principal in tried:
            continue
        tried.add(principal)
        if principal not in taken or _seat(taken[principal], policy, signed, taken, tried):
            taken[principal] = place
            return True
    return False


def _refuse_keyless(policy: Policy, signers: Collection[Signer]) -> None:
    known = {one.principal for one in signers}
    for name, role in policy.roles.items():
        for principal in role.principals:
            if principal not in known:
                what = f"{FILE_NAME}: {shown(principal)} holds the role {name!r} and has no key in allowed_signers"
                raise PolicyError(what, hint=f"add a line to {allowed_signers.FILE_NAME}, or take the role away")


def _refuse_ambiguous(policy: Policy, signers: Collection[Signer]) -> None:
    """An address leads to one person, or the author of a migration could approve it under another name."""
    principals = dict.fromkeys([*principals_of(policy), *(one.principal for one in signers)])
    owner: dict[str, str] = {}
    for principal in principals:
        _claim(owner, principal, principal)
    for principal, addresses in policy.aliases.items():
        if principal not in principals:
            what = f"{FILE_NAME}: aliases are given for {shown(principal)}, who holds no role and has no key"
            raise PolicyError(what, hint="name the principal as it stands under `roles`")
        for address in addresses:
            _claim(owner, address, principal)


def _claim(owner: dict[str, str], address: str, principal: str) -> None:
    first = owner.setdefault(address.casefold(), principal)
    if first != principal:
        what = f"{FILE_NAME}: {shown(address)} means both {shown(first)} and {shown(principal)}"
        raise PolicyError(what, hint="give each address to one person; letter case does not matter")


def _oddities(trust: Trust, signers: Collection[Signer]) -> Iterator[str]:
    policy = trust.policy
    for principal in dict.fromkeys(one.principal for one in signers):
        if not policy.roles_of(principal):
            yield f"{shown(principal)} has a key and holds no role, so its signature opens nothing"
    able = [principal for principal in principals_of(policy) if usable_signers(trust, principal)]
    for principal in principals_of(policy):
        if principal not in able:
            yield f"every key of {shown(principal)} is revoked"
    for role, count in unfilled(policy, policy.roles, able).items():
        yield f"the role {role!r} lacks {count} more {'person' if count == 1 else 'people'}: one person fills one role only"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
